"""What judges a world from outside sees each promise being broken, in the firmware or in the platform."""

import pytest

from firmware.contracts import PeerError
from firmware.delivery import Delivery
from firmware.journal.journal import Journal
from firmware.journal.records import Receipt
from firmware.listening import Listening
from firmware.uplink.deliveries import Deliveries
from firmware.uplink.session import Session
from tools.backend import readings
from tools.simulator.campaign.minimise import minimise
from tools.simulator.campaign.runs import Outcome, Run, live


def _broken(*faults: str, seed: int = 2, days: float = 4.0) -> Outcome:
    return live(Run(seed, faults, days, chosen=True))


def _promises(outcome: Outcome) -> set[str]:
    return {promise for promise, _, _ in outcome.failures}


@pytest.mark.promise("P1")
def test_a_reading_that_is_confirmed_and_not_kept_is_seen(monkeypatch):
    monkeypatch.setattr(Listening, "keep", lambda *_: None)
    assert "P1" in _promises(_broken())


@pytest.mark.promise("P6")
def test_flash_that_is_freed_without_a_receipt_is_seen(monkeypatch):
    """As if the broker's word were enough."""
    publish = Session.publish

    async def freeing(self, name, payload):
        await publish(self, name, payload)
        if name == "up":
            journal = self.on_message.__self__._hub.journal
            journal.receipt(Receipt(journal.open_plans()[0], 0, 0))
            delivery = self.on_message.__self__
            delivery.delivered_ms = delivery._hub.ticks.now_ms()

    monkeypatch.setattr(Session, "publish", freeing)
    outcome = _broken("platform_down", days=8.0)
    assert {"P2", "P6"} <= _promises(outcome) and outcome.count["lost"]


@pytest.mark.promise("P4")
def test_a_reading_that_is_stored_twice_is_seen(monkeypatch):
    count = iter(range(10**6))
    monkeypatch.setattr(readings, "_identity", lambda *_, **__: f"{next(count)}")
    outcome = _broken("confirmation_lost")
    assert "P4" in _promises(outcome) and outcome.count["doubled"]


@pytest.mark.promise("P3")
def test_a_reading_that_nobody_took_is_seen(monkeypatch):
    judged = readings._judged

    def inventing(*arguments):
        one = judged(*arguments)
        one.content["source"] = [{**one.content["source"][0], "hex": "00" + one.content["source"][0]["hex"]}]
        return one

    monkeypatch.setattr(readings, "_judged", inventing)
    assert "P3" in _promises(_broken())


@pytest.mark.promise("P5")
def test_a_number_that_comes_again_with_another_content_is_seen(monkeypatch):
    begin = Journal._begin

    def forgetting(self, random_octets):
        begin(self, random_octets)
        if self.index.sequence > 2:
            self.index.sequence -= 1

    monkeypatch.setattr(Journal, "_begin", forgetting)
    assert "P5" in _promises(_broken("brown_out", days=6.0))


@pytest.mark.promise("P11")
def test_a_hub_that_stands_still_is_seen(monkeypatch):
    monkeypatch.setattr(Deliveries, "next", lambda *_: None)
    outcome = _broken(days=1.0)
    assert outcome.stuck and "P11" in _promises(outcome)


@pytest.mark.promise("P11")
def test_a_hub_that_falls_silent_is_seen(monkeypatch):
    """It delivers, and tells nothing of itself."""

    async def silent(self):
        self._hub.health.reported_ms = self._hub.ticks.now_ms()

    monkeypatch.setattr(Delivery, "_report", silent)
    assert "P11" in _promises(_broken(days=1.0))


@pytest.mark.promise("P11")
def test_a_hub_that_ends_itself_is_seen(monkeypatch):
    def refused(*_):
        raise ValueError

    monkeypatch.setattr("firmware.uplink.receipt.open_message", refused)
    assert "P11" in _promises(_broken(days=1.0))


def test_minimising_ends_with_the_one_class_that_matters(monkeypatch):
    count = iter(range(10**6))
    monkeypatch.setattr(readings, "_identity", lambda *_, **__: f"{next(count)}")
    faults = ("broker_doubles", "confirmation_lost", "dst_night", "platform_late", "wifi")
    outcome = _broken(*faults)
    assert _promises(outcome) >= {"P4"}
    tried: list[Outcome] = []
    least = minimise(outcome, tried.append)
    assert least.run.faults == ("confirmation_lost",)
    assert not least.ok and len(tried) <= 12
    assert least.run.replay() == "telehub campaign --seeds 2 --days 4 --faults confirmation_lost"
    assert {line["promise"] for line in live(least.run).lines()} >= {"P4"}


def test_what_breaks_the_simulator_is_a_failure_and_not_an_end(monkeypatch):
    def broken(*_):
        raise PeerError("simulator")

    monkeypatch.setattr("tools.simulator.world.home.World.live", broken)
    outcome = _broken()
    assert not outcome.ok and "PeerError" in outcome.failures[0][1]
