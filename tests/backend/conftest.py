"""Each promise of the store is asked of both engines: `database` is a fresh one of either."""

import os

import pytest
from playwright.sync_api import sync_playwright

from tools.backend.servers.postgresql import PostgreSQL


@pytest.fixture(scope="session")
def cluster():
    """A PostgreSQL for all tests of a run; no test here pulls its plug, so it need not sync."""
    with PostgreSQL(durable=False) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """The URL of an empty database."""
    if request.param == "sqlite":
        return str(tmp_path / "store.db")
    return request.getfixturevalue("cluster").new()


@pytest.fixture(scope="module")
def browser(chromium):
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page; whatever its console or its content policy complains of fails the test."""
    context = browser.new_context(locale="en-GB", timezone_id="Europe/Copenhagen")
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
    page.on(
        "request", lambda request: complaints.append(request.url) if "127.0.0.1" not in request.url else None
    )
    page.is_refused = False  # whether the test asks for what is answered with 4xx
    yield page
    context.close()
    refused = [complaint for complaint in complaints if "the server responded with a status of 4" in complaint]
    assert [complaint for complaint in complaints if complaint not in refused] == []
    assert bool(refused) == page.is_refused
