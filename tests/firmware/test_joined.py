"""Values that are one measurement together, from flash to the platform's own second decoding."""

import itertools
import struct

import pytest

from firmware.journal import records
from firmware.seal.batch import BUFFER_OCTETS
from firmware.sealing import Sealing
from tests.firmware.test_sealing import CUFF, Bench, opened
from tools.backend.readings import Mismatch, judge, source_digests

GLUCOSE, CONTEXT, RACP, COMPOSITION, LIVE = 0x2A18, 0x2A34, 0x2A52, 0x2A9C, 0x2B8B
HANDLES = {GLUCOSE: 11, CONTEXT: 14, RACP: 17, COMPOSITION: 21, LIVE: 25}


class Visited(Bench):
    """A hub that was visited by devices with several characteristics."""

    def took(self, row, *values, device=0):
        self.visit += 1
        facts = (self.visit, self.journal.boot, device, CUFF, 1, row, 10, self.ticks.ms, b"", self.ticks.ms)
        characteristics = tuple((handle, struct.pack("<H", uuid)) for uuid, handle in HANDLES.items())
        self.journal.session(records.Session(*facts, False, 60, characteristics, 0))
        for uuid, octets in values:
            self.ticks.ms += 400
            clock = self.timekeeper
            self.journal.capture(
                self.visit, device, HANDLES[uuid], 11, self.ticks.ms, clock.time_s(), clock.quality, octets
            )

    def judged(self):
        """What the platform makes of every envelope, decoding all of it again."""
        return [judge(opened(octets)) for octets in self.sent().values()]


def glucose(number, context=True, minute=0):
    """101 mg/dL, capillary whole blood from a finger, 2026-01-05 09:<minute>."""
    time = struct.pack("<HBBBBB", 2026, 1, 5, 9, minute, 0)
    return GLUCOSE, struct.pack("<BH", 0x12 if context else 0x02, number) + time + bytes.fromhex("65b011")


def meal(number):
    """Before a meal."""
    return CONTEXT, struct.pack("<BHB", 0x02, number, 1)


def captures(judged):
    return [one.content["captures"] for readings, _ in judged for one in readings]


@pytest.mark.promise("P3")
def test_a_meal_travels_with_its_glucose_and_names_both_captures():
    bench = Visited()
    bench.took("glucose_meter", glucose(1), (RACP, b"\x06\x00\x01\x01"), meal(1), glucose(2, context=False))
    [(readings, undecoded)] = bench.judged()
    assert [one.content["captures"] for one in readings] == [[1, 3], [4]]
    joined = readings[0].content
    assert [one["characteristic"] for one in joined["source"]] == ["2A18", "2A34"]
    assert [one["code"] for one in joined["quantities"]] == [160184, 8417844, 8417864]
    assert joined["kind"] == "blood_glucose" and "incomplete" not in joined["flags"]
    assert not undecoded
    [envelope] = [opened(octets) for octets in bench.sent().values()]
    assert set(source_digests(envelope)) == {1, 2, 3, 4}
    assert [one["captures"] for one in envelope.without_reading] == [[2]]


@pytest.mark.promise("P4")
def test_a_glucose_is_the_same_reading_with_its_meal_and_without():
    identities = []
    for values in ((glucose(1), meal(1)), (glucose(1),), (glucose(2), meal(2))):
        bench = Visited()
        bench.took("glucose_meter", *values)
        [(readings, _)] = bench.judged()
        identities.append(readings[0].identity)
    assert identities[0] == identities[1] != identities[2]
    bench = Visited()
    bench.took("glucose_meter", (GLUCOSE, glucose(1)[1][:3] + bytes(7) + glucose(1)[1][10:]))  # its number is enough
    bench.took("glucose_meter", (GLUCOSE, glucose(1)[1][:3] + bytes(7) + glucose(1)[1][10:]))
    [(readings, _)] = bench.judged()
    assert readings[0].identity == readings[1].identity and not any(one.possible_repeat for one in readings)


@pytest.mark.promise("P3", "P8")
def test_a_part_that_did_not_come_is_told():
    bench = Visited()
    bench.took("glucose_meter", glucose(1), meal(2))
    bench.took("spirometer", (LIVE, b"\x01\x01\x1b"), (LIVE, b"\x0a\x00"))
    [(readings, undecoded)] = bench.judged()
    assert [(one.kind, one.content["flags"]) for one in readings] == [
        ("blood_glucose", ["incomplete"]),
        ("glucose_context", []),
    ]
    assert [one.reason for one in undecoded] == ["incomplete", "incomplete"]


@pytest.mark.promise("P2", "P3", "P5")
def test_what_belongs_together_is_never_parted_by_an_envelope_s_end():
    bench = Visited()
    numbers = range(1, 61)
    for at in range(0, 60, 20):  # contexts after each other, so that many are open at once
        some = numbers[at : at + 20]
        bench.took("glucose_meter", *map(glucose, some), *map(meal, some))
    packets = bytes.fromhex("0014ea00803e"), bytes.fromhex("0018ea000807")  # weight, and in the second height
    bench.took("body_composition", *[(COMPOSITION, packet) for packet in packets])
    judged = bench.judged()
    assert len(judged) >= 3
    assert [one for one in captures(judged) if len(one) != 2] == []
    assert sorted(itertools.chain(*captures(judged))) == list(range(1, 123))
    for octets in bench.sent().values():
        assert len(octets) <= BUFFER_OCTETS


@pytest.mark.promise("P3")
def test_what_begins_where_the_hub_stops_reading_ahead_waits_for_the_next_envelope():
    bench = Visited()
    short = (RACP, b"\x06\x00\x01\x01")
    bench.took("glucose_meter", *[short] * 63, glucose(1), meal(1))
    judged = bench.judged()
    assert [captures([one]) for one in judged] == [[], [[64, 65]]]


@pytest.mark.promise("P5")
def test_a_retry_makes_the_same_payload_after_a_restart():
    bench = Visited()
    for at in range(0, 60, 20):
        bench.took("glucose_meter", *[glucose(at + n) for n in range(20)], *[meal(at + n) for n in range(20)])
    first = bench.sent()
    again = Visited(flash=bench.flash)
    assert {sequence: again.envelope(sequence) for sequence in again.journal.open_plans()} == first
    assert list(again.journal.open_plans()) == list(first)  # none was replaced


@pytest.mark.promise("P2")
def test_an_observation_that_fits_no_envelope_travels_in_pieces():
    bench = Visited()
    whole = b"\x03\xf0\x08" + bytes(2 + 2) + bytes(2284)
    pieces = [whole[at : at + 180] for at in range(0, len(whole), 180)]
    heads = [place << 2 & 0xFF | (place == 0) | (place == len(pieces) - 1) << 1 for place in range(len(pieces))]
    bench.took("spirometer", *[(LIVE, bytes([head]) + piece) for head, piece in zip(heads, pieces, strict=True)])
    first = bench.sent()
    judged = [judge(opened(octets)) for octets in first.values()]
    assert not captures(judged)
    told = [one for _, undecoded in judged for one in undecoded]
    assert [one.capture for one in told] == list(range(1, len(pieces) + 1))
    assert {one.reason for one in told} == {"incomplete"}
    assert {sequence: bench.envelope(sequence) for sequence in bench.journal.open_plans()} == first


@pytest.mark.promise("P3")
def test_the_platform_joins_for_itself_and_holds_what_the_hub_joins_otherwise(monkeypatch):
    bench = Visited()
    bench.took("glucose_meter", glucose(1), meal(1))
    monkeypatch.setattr("firmware.sealing.drivers.join", lambda row, values: None)
    [octets] = Sealing(bench, bench.buffer) and bench.sent().values()
    monkeypatch.undo()
    with pytest.raises(Mismatch):
        judge(opened(octets))
