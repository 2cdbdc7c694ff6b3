"""The second reader (tools/inspect), written from FORMAT.md alone, reads what the journal wrote."""

import zlib
from itertools import pairwise

import pytest

from firmware.journal import frame
from tests.journal.owner import Owner
from tools.inspect import journal_octets, journal_state


def _used(erased, turns):
    owner = Owner(7, erased, seed=turns)
    owner.start()
    for turn in range(turns):
        owner.session()
        for _value in range(3):
            owner.capture(5 + turn % 40)
        owner.fix()
        owner.describe()
        owner.plan(2)
        owner.receipt()
        owner.tidy()
        if turn % 9 == 0:
            owner.plan(8)
            owner.receipt()
            owner.receipt()
            owner.start()
    return owner


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("erased", ["ff", "noise"])
@pytest.mark.parametrize("turns", [2, 70])
def test_another_reader_finds_what_waits_what_is_open_and_the_last_numbers(monkeypatch, version, erased, turns):
    monkeypatch.setattr(frame, "VERSION", version)
    owner = _used(erased, turns)
    image = owner.flash.image()
    heads = [head for at in range(0, len(image), 4096) if (head := journal_octets.read_head(image[at:]))]
    assert {head.version for head in heads} == {version}
    journal = journal_state.read(image)
    state = journal.state
    assert state.chain == owner.chain.hex() and state.boot == owner.boot
    assert (state.next_capture, state.last_sequence) == (owner.journal.next_capture, owner.sequence)
    assert state.last_hash == owner.hash.hex()
    assert journal.waiting == sorted(set(owner.kept) - owner.done)
    assert sorted(state.plans) == sorted(owner.plans)
    for sequence, plan in owner.plans.items():
        record = state.plans[sequence].record
        assert [tuple(one) for one in record["captures"]] == list(plan.captures)
        assert (record["hash"], record["kid"], record["fix_mono_ms"]) == (
            plan.hash.hex(), plan.kid.hex(), plan.fix_mono_ms,
        )  # fmt: skip
    for number in journal.waiting:
        capture = journal.captures[number]
        assert (capture["boot"], capture["visit"], capture["octets"]) == owner.kept[number]
        session = owner.sessions[capture["boot"], capture["visit"]]
        found = state.sessions[capture["boot"], capture["visit"]]
        assert (found["row"], found["device_clock"], found["offset_min"]) == ("cuff", b"clock", -60)
        assert tuple(found["characteristics"]) == session.characteristics
        fix = owner.fixes[capture["boot"]]
        assert (state.fix_of(capture["boot"])["time_s"], state.fix_of(capture["boot"])["mono_ms"]) == (
            fix.time_s, fix.mono_ms,
        )  # fmt: skip
    assert state.descriptions == owner.told
    assert not [finding for finding in journal.findings if finding.corrupt], journal.findings


@pytest.mark.parametrize(("version", "count", "bits"), [(1, 16, 16), (2, 10, 32)])
@pytest.mark.parametrize("erased", ["ff", "noise"])
def test_fingerprints_are_of_the_erased_segments_by_another_reckoning(monkeypatch, version, count, bits, erased):
    monkeypatch.setattr(frame, "VERSION", version)
    owner = Owner(7, erased, seed=1)
    owner.start()
    image = owner.flash.image()
    sector = owner.journal.sectors.sector(0, owner.journal.captures.ready_end - 1) * 4096  # nobody wrote to it
    segments = journal_octets.read_head(image[sector:]).segments
    assert len(segments) == count and (segments[0].first, segments[-1].end) == (4, 256)
    for segment, after in pairwise(segments):
        assert segment.end == after.first
    for segment in segments:
        octets = image[sector + 16 * segment.first : sector + 16 * segment.end]
        assert segment.mark == zlib.crc32(octets) % (1 << bits) and segment.bits == bits
