"""The forwarder beside the receiver: its file is checked, its secret kept, its context read again when it changes."""

import json
import time
from contextlib import contextmanager

import pytest

from tests.backend.fut import made
from tests.backend.fut.road import SECRET, SOON, keep, road
from tools.backend.fut.forward import BadForward, Forwarder
from tools.backend.fut.token import BadSecret, Secret, secret_from

SOON_S_MAX = 20


def settings(folder, url, **changes):
    """A good file, and what it names."""
    (folder / "secret").write_text(SECRET + "\n")
    (folder / "secret").chmod(0o600)
    plan = made.content(made.assignment(made.request("NPU03804", 3102, timing=())))
    (folder / "context.json").write_text(json.dumps(plan))
    token = {"endpoint": f"{url}/token", "client": "telehub", "secret_file": "secret"}
    content = {"format": 1, "base": url, "context": "context.json", "token": token}
    path = folder / "fut.json"
    path.write_text(json.dumps(content | changes))
    return path


@contextmanager
def forwarding(way, folder):
    said = []
    with Forwarder(folder / "store.db", settings(folder, way.server.url), said.append, SOON):
        yield said


def until(condition):
    ends = time.monotonic() + SOON_S_MAX
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_what_is_stored_arrives_and_a_mended_context_is_used(tmp_path):
    with road(tmp_path) as way, forwarding(way, tmp_path) as said:
        other = "f8:90:25:d3:45:77"
        way.keep(1)
        until(lambda: way.ledger.counts().get("confirmed") == 1)
        (tmp_path / "context.json").write_text("{")
        keep(way.store, made.reading(number=2, device=other))
        until(lambda: way.ledger.counts().get("held") == 1)  # with the context as it was
        assert any("stays as it was" in line for line in said)
        mended = made.content(made.assignment(made.request("NPU03804", 3102, timing=()), device=other))
        (tmp_path / "context.json").write_text(json.dumps(mended))
        way.ledger.again(made.reading(number=2)["reading"], 0, "admin")
        until(lambda: way.ledger.counts().get("confirmed") == 2)


def test_a_device_that_changed_hands_is_split_in_the_store_too(tmp_path):
    """Two patients, one cuff; its memory is emptied after the change: by the time of taking, never of delivery."""
    change = "2026-03-02T06:30:00+01:00"
    second = {
        "patient": "https://patient.fut.example.test/fhir/Patient/2",
        "episode_of_care": "https://careplan.fut.example.test/fhir/EpisodeOfCare/2",
        "requests": [made.request("NPU03804", 2, timing=())],
    }
    content = made.content(
        made.assignment(made.request("NPU03804", 1, timing=()), valid_to=change),
        made.assignment(valid_from=change, **second),
    )
    with road(tmp_path, content) as way:
        for number, at in enumerate(("2026-03-02T05:29:00Z", "2026-03-02T05:30:01Z", "2026-03-02T05:31:00Z"), 1):
            keep(way.store, made.reading(number=number, at=at, hub_time="2026-03-02T09:00:00Z"))
        way.settle()
        assert [row.patient[-4:] for row in way.desk.kept.all()] == ["5001", "nt/2"]
        assert way.ledger.get(made.reading(number=2)["reading"]).reason == "time_unproved"  # within the uncertainty


@pytest.mark.parametrize("change", [
    {"format": 2}, {"base": "http://fut.example.test/fhir"}, {"base": "ftp://x"}, {"context": "nothing.json"},
    {"more": 1}, {"ca": "nothing.pem"}, {"token": {"endpoint": "https://x", "client": "c", "secret": "s"}},
    {"token": {"endpoint": "https://x/token", "client": "c", "secret_file": "nothing"}},
    {"token": {"endpoint": "https://x/token", "client": "c", "secret_variable": "TELEHUB_NO_SUCH"}},
    {"token": {"endpoint": "http://x/token", "client": "c", "secret_file": "secret"}},
])  # fmt: skip
def test_a_file_that_cannot_be_used_says_why_and_no_secret(tmp_path, change):
    path = settings(tmp_path, "http://127.0.0.1:1", **change)
    with pytest.raises(BadForward) as caught:
        Forwarder(tmp_path / "store.db", path, print)
    assert caught.value.args[0]
    assert SECRET not in str(caught.value)


def test_a_secret_that_others_may_read_is_not_used(tmp_path):
    path = tmp_path / "secret"
    path.write_text("x")
    for mode in (0o644, 0o640, 0o604, 0o620):
        path.chmod(mode)
        with pytest.raises(BadSecret):
            secret_from(path, None)
    path.chmod(0o600)
    assert secret_from(path, None).reveal() == "x"
    assert secret_from(None, "NAME", {"NAME": " y\n"}).reveal() == "y"
    for nothing in ({}, {"NAME": " "}):
        with pytest.raises(BadSecret):
            secret_from(None, "NAME", nothing)
    assert "y" not in repr(Secret("y"))
