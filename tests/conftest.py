"""What all tests share: parts that may be missing, the promises that each need a test, and an honest last line."""

import os
from collections import Counter

import pytest

from tools.host.output import MissingPart
from tools.host.parts import PARTS, need

PROMISES = tuple(f"P{number}" for number in range(1, 13))
REQUIRE_ALL = os.environ.get("TELEHUB_REQUIRE_ALL") == "1"

_promised: set[str] = set()
_collected_whole = pytest.StashKey[bool]()
_not_run: Counter[str] = Counter()


# --- parts: a test without its part is not run; it never passes


def part(name):
    """The part of this name, or the end of this test as "not run" (a failure when everything is required)."""
    try:
        return need(name)
    except MissingPart as missing:
        _end(str(missing))


def _end(reason):
    if REQUIRE_ALL:
        pytest.fail(f"required, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """`@pytest.mark.needs("mosquitto", …)`."""
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            part(name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """A part that turns out to be missing inside the test counts like one that is named beforehand."""
    try:
        return (yield)
    except MissingPart as missing:
        _end(str(missing))


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    """The same for a fixture."""
    try:
        return (yield)
    except MissingPart as missing:
        _end(str(missing))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """When everything is required, any skip is a failure, however it was made."""
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
    return report


def _fixture(name):
    @pytest.fixture(name=name.replace("-", "_"), scope="session")
    def give():
        return part(name)

    return give


for _name in PARTS:
    globals()[f"_give_{_name}"] = _fixture(_name)


# --- promises: each has a test, or the run fails


def pytest_collection_modifyitems(session, config, items):
    """Note which promises the collected tests can break."""
    for item in items:
        for marker in item.iter_markers("promise"):
            unknown = [name for name in marker.args if name not in PROMISES]
            if unknown:
                raise pytest.UsageError(f"{item.nodeid}: no such promise: {unknown}")
            _promised.update(marker.args)


def _whole(config):
    """Whether this run is of the whole suite: only then can a promise be said to have no test."""
    chosen = [arg for arg in config.args if arg.rstrip("/") not in (str(config.rootpath / "tests"), "tests")]
    option = config.option
    return not (chosen or option.keyword or option.markexpr or option.collectonly or option.deselect)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session, exitstatus):
    """Fail a whole run in which some promise has no test."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["promised"] = sorted(_promised)  # before xdist's own hook sends it
        return (yield)
    result = yield
    missing = _unpromised(config)
    if missing and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return result


def _unpromised(config):
    return [name for name in PROMISES if name not in _promised] if _whole(config) else []


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """Gather what the worker processes saw."""
    _promised.update(getattr(node, "workeroutput", {}).get("promised", ()))


# --- the last line


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    """Say which promises nobody can break."""
    for report in terminalreporter.stats.get("skipped", ()):
        longrepr = report.longrepr
        reason = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
        _not_run[reason.removeprefix("Skipped: ")] += 1
    missing = _unpromised(config)
    if missing:
        terminalreporter.section("promises")
        terminalreporter.write_line(f"FAILED: no test can break {', '.join(missing)}")


def pytest_unconfigure(config):
    """End with what was not run and why."""
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    reasons = "; ".join(f"{reason} ({count})" for reason, count in _not_run.most_common())
    print(f"{sum(_not_run.values())} not run{': ' + reasons if reasons else ''}", flush=True)
