"""The live page in Chromium: news without a reload, gaps and held items told, hostile text as text."""

import json
import urllib.error
import urllib.request

import cbor2
import pytest
from playwright.sync_api import expect

from tests.backend.envelopes import HUB, MORNING_S, Chain, Pressure, cuff_session, keyring_with
from tests.backend.fut import made
from tools.backend import exports
from tools.backend.fut.ledger import Ledger
from tools.backend.fut.mapping import map_reading
from tools.backend.fut.reasons import Held
from tools.backend.receiver import Receiver
from tools.backend.store import Store
from tools.backend.web.serve import PageServer
from tools.backend.web.words import LANGUAGES, Words, choose
from tools.inspect.envelope import HELD_REASONS

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'&{{7*7}}"


class Home:
    """A store that envelopes come into, and its page."""

    def __init__(self, folder):
        self.database = folder / "store.db"
        self.receiver = Receiver(Store(self.database), keyring_with(HUB))
        self.hub = Chain()

    def measure(self, systolic, minute, **more):
        return self.hub.seal(Pressure(systolic=systolic, minute=minute, after_s=60 * minute), **more)

    def take(self, *letters, at_s=MORNING_S):
        for letter in letters:
            self.receiver.handle(HUB, letter, at_s)


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    with PageServer(home.database) as server:
        home.url = server.url
        yield home


def test_what_became_of_a_reading_in_fut_is_shown_with_its_reason(home, page, tmp_path):
    home.take(home.measure(131, 1))
    store = Store(home.database)
    [content] = exports.readings(store)
    panel = made.request("ZZ3170", 1, "panel", (), made.SKS)
    mine = {"hub": HUB, "device": content["device"], "valid_from": "2020-01-01T00:00:00Z"}
    ledger = Ledger(store)
    ledger.mapped(content, map_reading(content, made.made_context(made.assignment(panel, **mine))), 0)
    page.goto(f"{home.url}hub/{HUB}")
    row = page.locator("#fut tr")
    expect(row).to_contain_text("to be sent")
    expect(row).to_contain_text("Blodtryk systolisk;Arm: 131 mmHg")
    expect(row).to_contain_text("not sent: FUT has no code for it")
    ledger.step(content["reading"], "send", 1)
    ledger.step(content["reading"], "created", 2, locations='["https://fut.example.test/fhir/Observation/984/_history/1"]')
    expect(row.locator("code")).to_have_text("Observation/984")  # without a reload
    other = dict(content, reading=f"{HUB}:x:9:0", captures=[99])
    ledger.held(other, Held("time_unknown", HOSTILE), 3)
    expect(page.locator("#fut tr")).to_have_count(2)
    expect(page.locator("#fut tr").first).to_contain_text("the device did not know the time")  # a person's work first
    expect(page.locator("#fut tr").first).to_contain_text(HOSTILE)
    page.goto(f"{home.url}hub/{HUB}?lang=da")
    expect(page.locator("#fut tr").first).to_contain_text("apparatet kendte ikke tiden")


def test_a_new_reading_appears_without_a_reload(home, page):
    home.take(home.measure(131, 1))
    page.goto(f"{home.url}hub/{HUB}")
    page.evaluate("window.untouched = true")
    expect(page.locator("#devices")).to_contain_text("131")
    expect(page.locator("#link")).to_have_class("link on")
    home.take(home.measure(147, 2))
    expect(page.locator("#devices .number").first).to_have_text("147")
    expect(page.locator("#latest tr")).to_have_count(2)
    assert page.evaluate("window.untouched") is True


def test_a_hub_that_speaks_first_appears_on_the_open_overview(home, page):
    page.goto(home.url)
    expect(page.locator("#hubs")).to_contain_text("No hub has spoken yet")
    home.take(home.measure(131, 1))
    expect(page.locator(f"#hub-{HUB}")).to_contain_text("Nothing is missing")


@pytest.mark.promise("P5")
def test_a_gap_is_shown_until_it_is_filled(home, page):
    first, lost, third = (home.measure(120 + n, n) for n in range(3))
    home.take(first, third)
    page.goto(f"{home.url}hub/{HUB}")
    expect(page.locator("#heading .verdict")).to_contain_text("Missing: envelope 2")
    expect(page.locator("#chain")).to_contain_text("Missing: 2")
    home.take(lost)
    expect(page.locator("#heading .verdict")).to_contain_text("Nothing is missing")


def test_what_is_held_is_shown_with_its_reason(home, page):
    home.take(home.measure(120, 0), b"no envelope")
    home.take(home.hub.seal(Pressure(told_systolic=200)))
    page.goto(f"{home.url}hub/{HUB}")
    expect(page.locator("#held")).to_contain_text("a person must decide")
    expect(page.locator("#held tr")).to_have_count(2)
    expect(page.locator("#held")).to_contain_text("its numbers are not what its octets say")
    expect(page.locator("#held")).to_contain_text("it is not an envelope")
    expect(page.locator("#latest tr")).to_have_count(1)


@pytest.mark.promise("P10")
def test_hostile_text_is_shown_as_text(home, page):
    described = cuff_session([Pressure()], description=1)
    home.take(home.hub.seal(session=described, more={3: {1: cbor2.dumps({"model": HOSTILE})}}))
    undecoded = cuff_session([Pressure(minute=1)], description=1)
    undecoded.append([b"\xff", 1, HOSTILE])
    undecoded[-1].append({5: 0x2A35})
    home.take(home.hub.seal(session=undecoded))
    page.goto(f"{home.url}hub/{HUB}")
    expect(page.locator("#devices")).to_contain_text(HOSTILE)
    home.take(home.measure(120, 2))  # and after the page has exchanged its parts
    expect(page.locator("#latest tr")).to_have_count(3)
    assert page.locator("main img, main script").count() == 0


def test_there_is_a_chart_for_each_quantity(home, page):
    home.take(*(home.measure(120 + n, n) for n in range(5)))
    page.goto(f"{home.url}hub/{HUB}")
    expect(page.locator(".chart")).to_have_count(2)
    expect(page.locator(".chart canvas")).to_have_count(2)
    expect(page.locator(".chart").first).to_contain_text("systolic")
    expect(page.locator(".chart").last).to_contain_text("pulse")
    points = json.loads(urllib.request.urlopen(f"{home.url}hub/{HUB}/series").read())
    assert [chart["unit"] for chart in points] == ["mmHg", "bpm"]
    assert points[0]["lines"][0] == [120, 121, 122, 123, 124]
    assert points[0]["times"] == [
        MORNING_S + 60 * n for n in range(5)
    ]  # the cuff's clock is an hour ahead of UTC


def test_the_page_fits_a_telephone(home, page):
    home.take(*(home.measure(120 + n, n) for n in range(5)), b"rubbish")
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{home.url}hub/{HUB}")
    expect(page.locator(".chart canvas")).to_have_count(2)
    page.wait_for_timeout(200)  # the charts follow the width of their cards
    assert page.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0


def test_the_page_can_be_read_without_script(home, browser):
    home.take(home.measure(131, 1))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{home.url}hub/{HUB}")
    expect(page.locator("#devices")).to_contain_text("131")
    context.close()


def test_danish_is_spoken(home, page):
    home.take(home.measure(131, 1))
    page.goto(f"{home.url}hub/{HUB}?lang=da")
    expect(page.locator("#heading")).to_contain_text("Intet mangler")
    assert choose("da-DK,en;q=0.8") == "da"
    assert choose("fr, en-GB") == "en"
    assert choose(None) == "en"


def test_every_reason_has_words():
    for language in LANGUAGES:
        words = Words(language)
        for reason in (*HELD_REASONS, "unreadable"):
            assert words(f"reason_{reason}") != f"reason_{reason}"


def status(url, **headers):
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers)).status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.promise("P10", "P12")
def test_only_what_is_ours_is_served(home):
    home.take(home.measure(131, 1))
    with urllib.request.urlopen(home.url) as answer:
        policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert status(home.url, Host="evil.example") == 400  # another name that leads here
    assert status(f"{home.url}hub/240ac4ffffff") == 404
    assert status(f"{home.url}hub/%3Cscript%3E") == 404
    assert status(f"{home.url}static/../pages.py") == 404
    assert status(f"{home.url}static/%2e%2e/pages.py") == 404
