"""The index against plain sets and dicts, and records at the limits that they are said to have."""

import random

import pytest

from firmware.contracts import Full
from firmware.journal import records
from firmware.journal.index import Index, add_range, gaps
from tests.journal import pure_records
from tools.inspect import journal_records


def _pairs(ranges):
    return list(zip(ranges[::2], ranges[1::2], strict=True))


def _runs(numbers):
    """Half-open runs of a set of numbers, written by counting."""
    runs = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number:
            runs[-1] = (runs[-1][0], number + 1)
        else:
            runs.append((number, number + 1))
    return runs


@pytest.mark.parametrize("seed", range(30))
def test_ranges_are_sets_of_numbers(seed):
    chance = random.Random(seed)
    ranges, model = [], set()
    for _step in range(40):
        first = chance.randrange(60)
        end = first + chance.randrange(1, 6)
        ranges = add_range(ranges, first, end)
        model |= set(range(first, end))
        assert _pairs(ranges) == _runs(model)
        low = chance.randrange(60)
        high = low + chance.randrange(20)
        assert list(gaps(ranges, low, high)) == _runs(set(range(low, high)) - model)


def _plan(sequence, captures, replaces=0, fix=(0, 0)):
    plan = records.Plan(sequence, bytes(32), captures, 1, 1, *fix, b"kid kid ", 1, bytes([sequence]) * 32, replaces)
    return records.unpack_plan(records.pack_plan(plan, ()))[0]


@pytest.mark.promise("P2")
@pytest.mark.promise("P6")
@pytest.mark.parametrize("seed", range(20))
def test_what_waits_is_what_no_receipt_names_and_what_is_free_is_what_no_plan_names_either(seed):
    chance = random.Random(seed)
    index, taken, planned, done = Index(), set(), {}, set()
    end, sequence = 1, 0
    for _step in range(120):
        what = chance.choice(("capture", "plan", "receipt", "lost", "replace"))
        free = sorted(taken - done - {number for numbers in planned.values() for number in numbers})
        if what == "capture":
            taken.add(end)
            end += 1
        elif what == "lost" and free:
            number = chance.choice(free)
            index.add_lost(number, number + 1)
            done.add(number)
        elif what == "receipt" and planned:
            one = chance.choice(list(planned))
            index.add_receipt(one)
            index.add_receipt(one)  # and once more
            done |= set(planned.pop(one))
        elif what == "plan" and free:
            sequence += 1
            numbers = chance.sample(free, min(len(free), chance.randrange(1, 5)))
            index.add_plan(100 + sequence, _plan(sequence, tuple((number, 1) for number in sorted(numbers))), ())
            planned[sequence] = numbers
        elif what == "replace" and planned:
            one = chance.choice(list(planned))
            sequence += 1
            captures = tuple((number, 1) for number in sorted(planned[one]))
            index.add_plan(100 + sequence, _plan(sequence, captures, one), ())
            planned[sequence] = planned.pop(one)
        waiting = taken - done
        free = waiting - {number for numbers in planned.values() for number in numbers}
        assert index.waiting(end) == len(waiting)
        assert list(index.waiting_ranges(end)) == _runs(waiting)
        assert list(index.unplanned(end)) == _runs(free)
        assert sorted(plan.sequence for plan in index.plans) == sorted(planned) and index.sequence == sequence
        low = chance.randrange(1, end + 1)
        assert index.waits(low, low + 3) == bool(set(range(low, low + 3)) - done)
        assert index.waits(low, None)  # what is not taken yet waits, too
    again = Index()
    bodies = {
        plan.place: records.pack_plan(_plan(plan.sequence, plan.captures), ()) for plan in index.plans
    }  # fmt: skip
    again.load(bytes(index.snapshot()), lambda place, _kind: bodies.get(place))
    assert list(again.unplanned(end)) == list(index.unplanned(end)) and again.waiting(end) == index.waiting(end)
    assert (again.sequence, again.hash) == (index.sequence, index.hash)


@pytest.mark.promise("P11")
def test_tables_of_plans_have_limits_and_the_oldest_capture_can_always_go_on():
    index = Index()
    for sequence in range(1, 24):
        plan = _plan(sequence, ((10 * sequence, 1),))
        index.check_room(plan, 1000)
        index.add_plan(sequence, plan, ())
    index.check_room(_plan(24, tuple((300 + 2 * one, 1) for one in range(8))), 1000)  # 23 + 8 ranges
    index.done = [1, 2, *[number for one in range(8) for number in (600 + 4 * one, 601 + 4 * one)]]  # 9 more
    index.check_room(_plan(24, tuple((300 + 2 * one, 1) for one in range(8))), 1000)  # 40
    index.done += [700, 701]
    with pytest.raises(Full):
        index.check_room(_plan(24, tuple((300 + 2 * one, 1) for one in range(8))), 1000)
    index.done += [number for one in range(30) for number in (800 + 4 * one, 801 + 4 * one)]
    with pytest.raises(Full):
        index.check_room(_plan(24, ((300, 1),)), 1000)
    with pytest.raises(Full):
        index.check_room(_plan(24, ((2, 1), (300, 1))), 1000)
    index.check_room(_plan(24, ((2, 5),)), 1000)  # of one range, and the oldest that waits
    index.add_plan(24, _plan(24, ((2, 1),)), ())
    with pytest.raises(Full):
        index.check_room(_plan(25, ((3, 1),)), 1000)
    index.check_room(_plan(25, ((10, 1),), replaces=1), 1000)  # takes the place of one
    with pytest.raises(Full):
        index.check_room(_plan(25, ((3, 1),), replaces=99), 1000)


def test_the_last_fix_of_a_boot_is_its_best_and_others_stay_for_plans_alone():
    index = Index()
    index.boot = 5
    for place, (boot, mono_ms) in enumerate(((3, 10), (3, 30), (3, 20), (4, 5), (5, 7))):
        index.add_fix(place, records.Fix(boot, mono_ms, 1, 1, 20), None)
    assert index.best_fix(3)[1] == 30 and index.best_fix(6) is None
    index.add_plan(9, _plan(1, ((1, 1),), fix=(3, 20)), ())
    index.prune_fixes(4)
    assert [(boot, mono) for boot, mono, *_rest in index.fixes] == [(3, 20), (4, 5), (5, 7)]
    index.add_receipt(1)
    index.prune_fixes(6)
    assert [(boot, mono) for boot, mono, *_rest in index.fixes] == [(5, 7)], "this boot's is for what comes"
    for boot in range(6, 40):
        index.add_fix(boot, records.Fix(boot, 1, 1, 1, 20), 1)
    assert [boot for boot, *_rest in index.fixes] == list(range(16, 40))
    index.add_fix(77, records.Fix(20, 1, 1, 1, 20), 1)  # moved
    assert [boot for boot, *_rest in index.fixes] == list(range(16, 40)), "the place of a record is no age"
    assert [place for boot, _mono, place, *_rest in index.fixes if boot == 20] == [77]


def test_a_description_is_known_by_its_number_wherever_it_was_moved():
    index = Index()
    index.add_description(50, 1)
    index.add_description(60, 2)
    index.add_plan(9, records.unpack_plan(pure_records.PLAN_OCTETS)[0]._replace(sequence=1, replaces=0), (2,))
    index.add_receipt(1)
    index.add_description(70, 1)
    assert index.descriptions == [[1, 70, 0], [2, 60, 1]] and index.described == 2
    index.new_chain(records.Chain(b"n" * 8, b"o" * 8, 5, 6, True))
    assert index.descriptions == [[1, 70, 0], [2, 60, 0]], "a new chain's platform was told nothing"
    assert (index.renewed, index.before, index.before_number, index.before_sequence) == (True, b"o" * 8, 5, 6)
    assert (index.chain, index.sequence, index.hash, index.plans) == (b"n" * 8, 0, bytes(32), [])


def test_a_plan_whose_record_is_gone_is_forgotten_and_said_to_be():
    index = Index()
    index.add_plan(100, _plan(1, ((1, 1),)), ())
    index.add_plan(101, _plan(2, ((2, 1),)), ())
    assert not index.drop_lost_plans()
    again = Index()
    bodies = {101: records.pack_plan(_plan(2, ((2, 1),)), ())}
    again.load(bytes(index.snapshot()), lambda place, _kind: bodies.get(place))
    assert again.drop_lost_plans() and [plan.sequence for plan in again.plans] == [2]
    again.add_plan(102, _plan(2, ((2, 1),)), ())  # moved
    again.add_plan(103, _plan(1, ((1, 1),)), ())  # moved, and no longer open
    assert [(plan.sequence, plan.place) for plan in again.plans] == [(2, 102)]


# --- records


def _refused(act, *facts):
    with pytest.raises(ValueError):
        act(*facts)


@pytest.mark.parametrize(
    ("unpack", "octets", "least"),
    [
        (records.unpack_capture, pure_records.CAPTURE_OCTETS, 23),
        (records.unpack_session, pure_records.SESSION_OCTETS, None),
        (records.unpack_fix, pure_records.FIX_OCTETS, None),
        (records.unpack_chain, bytes(25), None),
    ],
)
def test_each_record_that_was_cut_short_anywhere_is_refused(unpack, octets, least):
    """Not even an IndexError: what reads it says "damaged", and goes on."""
    for length in range(len(octets)):
        if least is not None and length >= least:
            unpack(octets[:length])
        else:
            _refused(unpack, octets[:length])
    if least is None:
        _refused(unpack, octets + b"x")
    unpack(octets)


def test_a_plan_that_was_cut_short_is_refused_or_tells_fewer_descriptions():
    whole = records.pack_plan(records.unpack_plan(pure_records.PLAN_OCTETS)[0], (1, 2, 3))
    for length in range(len(whole)):
        if length >= len(whole) - 6 and (len(whole) - length) % 2 == 0:
            assert records.unpack_plan(whole[:length])[1] == (1, 2, 3)[: 3 - (len(whole) - length) // 2]
        else:
            _refused(records.unpack_plan, whole[:length])


def test_records_hold_what_they_are_said_to_hold_at_most_and_refuse_more():
    session, plan = pure_records.SESSION, records.unpack_plan(pure_records.PLAN_OCTETS)[0]
    for name, most, more in (
        ("row", "r" * 32, "r" * 33),
        ("clock", bytes(16), bytes(17)),
        ("characteristics", ((1, b"ab"),) * 16, ((1, b"ab"),) * 17),
        ("address", bytes(6), bytes(5)),
        ("address", bytes(6), bytes(7)),
        ("characteristics", ((1, bytes(16)), (2, b"ab")), ((1, bytes(15)),)),
        ("characteristics", (), ((1, b"abc"),)),
    ):
        octets = records.pack_session(session._replace(**{name: most}), 100, 102, 105)
        assert records.unpack_session(octets) == (session._replace(**{name: most}), 100, 102, 105)
        assert journal_records.record(bytes([journal_records.SESSION]) + octets)["high"] == 105
        _refused(records.pack_session, session._replace(**{name: more}), 100, 102, None)
    for captures in (((1, 1),) * 8, ((1, 65535),)):
        octets = records.pack_plan(plan._replace(captures=captures), ())
        assert records.unpack_plan(octets)[0].captures == captures
        assert journal_records.record(bytes([journal_records.PLAN]) + octets)["captures"] == list(captures)
    _refused(records.pack_plan, plan._replace(captures=()), ())
    _refused(records.pack_plan, plan._replace(captures=((1, 1),) * 9), ())
    for name, size in (("previous", 32), ("kid", 8), ("hash", 32)):
        for wrong in (size - 1, size + 1):
            _refused(records.pack_plan, plan._replace(**{name: bytes(wrong)}), ())


def test_a_session_says_up_to_where_its_captures_go_as_far_as_its_field_does():
    for high, told in ((165, 165), (100 + 65534, 100 + 65534), (100 + 65535, None), (100 + 65536, None), (None, None)):
        octets = records.pack_session(pure_records.SESSION, 100, 102, high)
        assert records.unpack_session(octets)[1:] == (100, 102, told)
        assert journal_records.record(bytes([journal_records.SESSION]) + octets)["high"] == told
