// Makes the page live: when the server says that something changed, the page is fetched again and its parts are
// exchanged. The server renders and escapes; nothing here makes markup out of text.
"use strict";

const link = document.getElementById("link");
const chartsAt = document.getElementById("charts");
const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang; // a day before its month
const charts = new Map(); // key -> uPlot
let busy = false;
let again = false;

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    time.title = time.textContent;
    time.textContent = moment.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
  }
}

function keys(root) {
  return new Set(Array.from(root.querySelectorAll("[data-key]"), (element) => element.dataset.key));
}

async function refresh() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of fresh.querySelectorAll("[data-part]")) {
      const old = document.getElementById(part.id);
      if (!old) continue;
      if (old.contains(document.activeElement)) { // nobody loses the place, or the button, that they are at
        old.addEventListener("focusout", () => refresh(), { once: true });
        continue;
      }
      const known = keys(old);
      const shown = document.importNode(part, true);
      localTimes(shown);
      for (const element of shown.querySelectorAll("[data-key]")) {
        if (!known.has(element.dataset.key)) element.classList.add("new");
      }
      old.replaceWith(shown);
    }
    await drawCharts();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // TypeError: the network; the event stream tells when it is back
  } finally {
    busy = false;
    if (again) { again = false; refresh(); }
  }
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function shown(seconds, how) {
  return new Date(seconds * 1000).toLocaleString(language, how);
}

function axisTimes(_, moments, __, ___, step) {
  let day = "";
  return moments.map((moment) => {
    const date = shown(moment, { day: "numeric", month: "short" });
    const time = step < 86400 ? shown(moment, { hour: "2-digit", minute: "2-digit" }) : "";
    const label = [time, date === day ? "" : date].filter(Boolean).join("\n");
    day = date;
    return label;
  });
}

function withMargin(_, low, high) {
  const margin = Math.max((high - low) * 0.03, 1800);
  return [low - margin, high + margin];
}

function makeChart(series) {
  const card = document.createElement("article");
  card.className = "card chart";
  const title = document.createElement("h2");
  const unit = document.createElement("small");
  unit.textContent = series.unit;
  title.append(series.kind + (series.names.length === 1 ? " · " + series.names[0] : ""), unit);
  const plot = document.createElement("div");
  card.append(title, plot);
  chartsAt.append(card);
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const lines = series.names.map((name, n) => ({
    label: name,
    stroke: colour("--line-" + (n % 4 + 1)),
    width: 2,
    spanGaps: true,
    points: { show: true, size: 7, fill: colour("--card") },
  }));
  const options = {
    width: plot.clientWidth,
    height: 220,
    series: [{ value: (_, s) => (s ? shown(s, { dateStyle: "short", timeStyle: "short" }) : "–") }, ...lines],
    axes: [{ ...axis, values: axisTimes, space: 64 }, { ...axis, size: 46 }],
    scales: { x: { range: withMargin } },
    cursor: { drag: { x: true, y: false } },
  };
  const made = new uPlot(options, [series.times, ...series.lines], plot);
  new ResizeObserver(() => made.setSize({ width: plot.clientWidth, height: 220 })).observe(plot);
  return { made, card, names: series.names.join() };
}

async function drawCharts() {
  if (!chartsAt) return;
  const answer = await fetch(chartsAt.dataset.series);
  if (!answer.ok) return;
  for (const series of await answer.json()) {
    const key = [series.device, series.kind, series.unit].join(" ");
    const known = charts.get(key);
    if (known && known.names === series.names.join()) {
      known.made.setData([series.times, ...series.lines]);
    } else {
      if (known) { known.made.destroy(); known.card.remove(); }
      charts.set(key, makeChart(series));
    }
  }
}

function live(on) {
  link.classList.toggle("on", on);
  link.textContent = on ? link.dataset.live : link.dataset.off;
}

localTimes(document);
drawCharts();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const { made, card } of charts.values()) { made.destroy(); card.remove(); }
  charts.clear();
  drawCharts();
});
if (document.body.dataset.events) { // not before somebody is logged in
  const events = new EventSource("/events");
  let told = null;
  events.addEventListener("open", () => live(true));
  events.addEventListener("error", () => live(false));
  events.addEventListener("changed", (event) => {
    if (told !== null && told !== event.data) refresh();
    if (told === null) refresh(); // whatever came between the page and its stream
    told = event.data;
  });
}
