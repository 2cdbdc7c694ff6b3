"""The operator's pages in Chromium: every button, both languages, keyboard and screen reader."""

from contextlib import closing

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.backend.envelopes import HUB
from tests.backend.organisation import ADMIN, HOSTILE, OPERATOR, PASSWORD, READER, fill, staff
from tools.backend import exports
from tools.backend.fut.ledger import Ledger
from tools.backend.store import Store
from tools.backend.web import audit
from tools.backend.web.serve import PageServer

AXE = Axe()


@pytest.fixture
def pages(tmp_path):
    """The pages of an organisation that has work to do."""
    database = str(tmp_path / "store.db")
    fill(database)
    staff(database)
    with PageServer(database, guarded=True) as server:
        server.database = database
        yield server


def log_in(page, server, name, lang="en"):
    page.goto(f"{server.url}login?lang={lang}")
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main button").click()
    expect(page.locator("header")).to_contain_text(name)


def accessible(page):
    """axe-core, all its rules of WCAG 2.2 A and AA and its best practices."""
    page.wait_for_timeout(200)  # charts are drawn, and colours have come to rest
    found = AXE.run(page).response["violations"]
    return [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found]


@pytest.mark.parametrize(("lang", "scheme"), [("en", "light"), ("da", "dark")])
def test_a_screen_reader_finds_its_way_on_every_page(pages, page, lang, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{pages.url}login?lang={lang}")
    assert accessible(page) == []
    log_in(page, pages, ADMIN, lang)
    page.goto(f"{pages.url}patients")
    patient = page.locator("main table a").get_attribute("href")
    page.is_refused = True
    for path in ("", f"hub/{HUB}", "patients", patient[1:], "held", "people", "audit", "nothing-here"):
        page.goto(pages.url + path)
        assert accessible(page) == [], path
        assert page.locator("html").get_attribute("lang") == lang
        assert page.locator("h1").count() == 1 or path == "nothing-here"


def test_everything_can_be_done_from_the_keyboard(pages, page):
    page.goto(f"{pages.url}login")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("To the content")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type(OPERATOR)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("nav")).to_contain_text("Held")
    page.locator("nav a", has_text="Held").focus()
    page.keyboard.press("Enter")
    rows = page.locator("#items tbody tr")
    expect(rows).to_have_count(4)
    page.locator("#items button", has_text="Try once more").focus()
    page.keyboard.press("Enter")
    expect(rows).to_have_count(3)


@pytest.mark.promise("P8")
def test_each_held_thing_has_its_reason_and_one_button_that_does_what_it_says(pages, page):
    log_in(page, pages, OPERATOR)
    page.goto(f"{pages.url}held")
    rows = page.locator("#items tbody tr")
    expect(rows).to_have_count(4)
    assert page.locator("#items button").count() == 4
    bond = rows.filter(has_text="bond had changed")
    expect(rows.filter(has_text="the device did not know the time")).to_contain_text(HOSTILE)
    with closing(Store(pages.database)) as store:
        before = len(list(exports.readings(store)))
        bond.get_by_role("button", name="It is the patient's device").click()
        expect(rows).to_have_count(3)
        assert len(list(exports.readings(store))) == before + 1  # it counts now, and goes to FUT like any other
        assert [one["quantities"][0]["value"] for one in Ledger(store).received(9)] == ["151"]
        rows.filter(has_text="did not know the time").get_by_role("button", name="Try once more").click()
        expect(rows).to_have_count(2)
        assert len(Ledger(store).received(9)) == 2
        for left in (1, 0):
            rows.get_by_role("button", name="Seen, nothing to do").first.click()
            expect(rows).to_have_count(left)
        expect(page.locator("#items")).to_contain_text("Nothing is held")
        told = [(row["who"], row["action"]) for row in store.rows("SELECT who, action FROM audit ORDER BY id")]
        assert told[-4:] == [(OPERATOR, "release"), (OPERATOR, "again"), (OPERATOR, "seen"), (OPERATOR, "seen")]
        assert audit.verify(store).problem == ""


def test_what_is_held_appears_and_goes_on_an_open_page(pages, page):
    log_in(page, pages, OPERATOR)
    page.goto(f"{pages.url}held")
    expect(page.locator("#link")).to_have_class("link on")
    with closing(Store(pages.database)) as store:
        store.rows("DELETE FROM fut WHERE state = 'held'")
    expect(page.locator("#items tbody tr")).to_have_count(3)  # without a reload


def test_a_hubs_health_is_told_as_it_told_it(pages, page):
    log_in(page, pages, READER)
    page.goto(f"{pages.url}hub/{HUB}")
    expect(page.locator("#health")).to_contain_text("firmware 0.2.0")
    expect(page.locator("#health")).to_contain_text("clock: set by the network")
    expect(page.locator("#health li")).to_have_text(HOSTILE)
    told = page.locator("#health tbody tr").all_inner_texts()
    assert [row.replace("\t", "") for row in told] == ["visit refused3"]  # what never happened is not told
    expect(page.locator("#heading .verdict")).to_contain_text("Missing: envelope 4")


def test_news_take_nobodys_place_away(pages, page):
    log_in(page, pages, OPERATOR)
    page.goto(f"{pages.url}held")
    expect(page.locator("#link")).to_have_class("link on")
    button = page.locator("#items button").last
    button.focus()
    with closing(Store(pages.database)) as store:
        store.rows("DELETE FROM fut WHERE state = 'held'")
    page.wait_for_timeout(800)
    expect(button).to_be_focused()
    expect(page.locator("#items tbody tr")).to_have_count(4)
    page.locator("nav a").first.focus()
    expect(page.locator("#items tbody tr")).to_have_count(3)


def test_two_operators_decide_once(pages, page):
    log_in(page, pages, OPERATOR)
    page.goto(f"{pages.url}held")
    expect(page.locator("#link")).to_have_class("link on")
    page.wait_for_timeout(500)  # the page has looked once more; what one fills in now stays
    form = page.locator("#items form").first
    page.is_refused = True
    form.evaluate("form => { form.elements.subject.value = 'decided by a colleague'; form.elements.action.click(); }")
    expect(page.get_by_role("alert")).to_contain_text("Somebody else has decided")


def test_who_may_look_sees_no_button_and_no_administrators_page(pages, page):
    log_in(page, pages, READER)
    page.goto(f"{pages.url}held")
    expect(page.locator("#items tbody tr")).to_have_count(4)
    assert page.locator("main button").count() == 0
    assert page.locator("nav").inner_text().split() == ["Hubs", "Patients", "Held"]
    assert [page.request.get(f"{pages.url}{path}").status for path in ("people", "audit")] == [403, 403]


@pytest.mark.promise("P7", "P9")
def test_a_patients_readings_have_the_devices_digits_and_how_sure_their_time_is(pages, page):
    log_in(page, pages, OPERATOR)
    page.goto(f"{pages.url}patients")
    page.locator("main table a").click()
    expect(page.locator("h1")).to_have_text("Patient/5001")
    expect(page.locator("figure")).to_have_count(4)
    first = page.locator("figure").first
    told = first.locator("svg").get_attribute("aria-label")
    assert "4 Readings, 120–124 mmHg, 2026-01-05 – 2026-01-05, last digit 1" in told
    assert first.locator("rect").count() == 4
    row = page.locator("#values tbody tr").first
    expect(row).to_contain_text("124")
    expect(row).to_contain_text("the device's clock, which was read")
    with closing(Store(pages.database)) as store:
        assert store.one("SELECT who, action, subject FROM audit ORDER BY id DESC LIMIT 1")["subject"] == "Patient/5001"
    text = page.content()
    assert "patient.fut.example.test" not in text  # not even the reference's server


def test_an_administrator_adds_changes_and_shuts_out(pages, page):
    log_in(page, pages, ADMIN)
    page.goto(f"{pages.url}people")
    form = page.locator("form.fields")
    form.locator("input[name=name]").fill("Nina Ny")
    form.locator("input[name=password]").fill(PASSWORD)
    form.locator("select").select_option("reader")
    form.get_by_role("button", name="Add a person").click()
    row = page.locator("#people tr", has_text="Nina Ny")
    expect(row).to_contain_text("may look")
    row.get_by_role("combobox").select_option("operator")
    row.get_by_role("button", name="Set the role: Nina Ny").click()
    expect(row.locator("td").first).to_have_text("may decide")
    row.get_by_role("button", name="Shut out: Nina Ny").click()
    expect(row.locator("td").first).to_have_text("shut out")
    page.is_refused = True
    mine = page.locator("#people tr", has_text=ADMIN)
    mine.get_by_role("button", name=f"Shut out: {ADMIN}").click()
    expect(page.get_by_role("alert")).to_have_text("Somebody must be administrator.")
    page.goto(f"{pages.url}audit")
    expect(page.locator("#verdict")).to_contain_text("As it was written")
    expect(page.locator("#audit tbody tr").nth(0)).to_contain_text("person changed")
    page.get_by_role("button", name="Log out").click()
    expect(page.locator("h1")).to_have_text("Log in")


def test_the_language_that_was_chosen_stays(pages, page):
    log_in(page, pages, READER)
    page.get_by_role("link", name="Dansk").click()
    page.goto(f"{pages.url}held")
    expect(page.locator("h1")).to_have_text("Tilbageholdt")
    page.get_by_role("link", name="English").click()
    expect(page.locator("h1")).to_have_text("Held")


def test_the_first_administrator_is_named_once_by_the_link_that_was_told(tmp_path, page):
    with PageServer(str(tmp_path / "store.db"), guarded=True) as server:
        page.goto(server.first_url)
        assert accessible(page) == []
        page.locator("input[name=name]").fill("Anna")
        page.locator("input[name=password]").fill(PASSWORD)
        page.get_by_role("button", name="Begin").click()
        expect(page.locator("nav")).to_contain_text("People")
        assert server.first_url == ""
        page.goto("about:blank")
