"""A flash chip that refuses, lies, sticks or rots; and a platform that never answers."""

import random

import pytest

from firmware.contracts import Full, OutOfTurn
from firmware.journal.journal import Journal
from firmware.journal.records import Fix, Plan, Receipt, Session
from tests.journal.owner import Owner
from tools.inspect import journal_state
from tools.simulator.nor import Nor, PowerCut


def _journal(sectors=8, seed=1):
    flash = Nor(sectors)
    journal = Journal(flash, random.Random(seed).randbytes)
    while journal.tidy():
        pass
    return flash, journal


def _capture(journal, value=b"a value of 19 octet"):
    return journal.capture(1, 1, 10, 3, 1, 1_800_000_000, 1, value)


def _again(flash):
    return Journal(Nor(flash.sector_count, flash.image()), random.Random(9).randbytes)


def _plan(journal, captures):
    sequence = journal.next_sequence
    digest = sequence.to_bytes(32, "big")
    return Plan(sequence, journal.last_hash, captures, 1, 1, 1, 0, b"kid kid ", 1, digest, 0)


def _session(visit, boot=1, device=1):
    return Session(visit, boot, device, b"ABCDEF", 1, "cuff", 7, 5, b"", 0, False, 0, ((10, b"\x35\x2a"),), 0)


@pytest.mark.promise("P1")
@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("failures", [1, 2])
def test_a_program_that_fails_goes_to_the_next_unit_then_to_the_reserve_sector(silent, failures):
    flash, journal = _journal()
    _capture(journal)
    before = journal.captures.generation
    if silent:  # each attempt ends at its first program that fails
        flash.silent = failures
    else:
        flash.refuse_program(failures)
    number = _capture(journal, b"kept all the same")
    assert number == 2
    assert (journal.captures.generation > before) == (failures == 2)
    assert journal.read(2).value == b"kept all the same"
    again = _again(flash)
    assert [again.read(n).value for n in again.pending(9)] == [b"a value of 19 octet", b"kept all the same"]


@pytest.mark.promise("P5")
@pytest.mark.parametrize("seed", range(40))
def test_a_sector_that_was_passed_over_hides_none_behind_it(seed):
    """Erases and programs that fail leave sectors out; what was planned behind them is known after the next boot."""
    chance = random.Random(seed)
    flash, journal = _journal(sectors=16)
    for number in range(1, 160):
        if chance.random() < 0.2:
            flash.refuse_erase(chance.randint(0, 3))
            flash.refuse_program(chance.randint(0, 6))
        try:
            journal.session(_session(number))
            captured = _capture(journal)
            journal.plan(_plan(journal, ((captured, 1),)))
            journal.receipt(Receipt(journal.next_sequence - 1, 0, 0))
        except (Full, OSError):
            pass
        while journal.tidy():
            pass
        if number % 8 == 0:
            again = _again(flash)
            assert again.next_sequence == journal.next_sequence and again.last_hash == journal.last_hash
            assert again.next_capture == journal.next_capture


@pytest.mark.promise("P5")
def test_a_ruined_newest_sector_begins_a_new_chain_though_erased_ones_lie_behind_it():
    flash, journal = _journal(sectors=16)
    main = journal.main
    while main.generation < 3 or main.at < 80:
        journal.session(_session(1))
        captured = _capture(journal)
        journal.plan(_plan(journal, ((captured, 1),)))
        journal.receipt(Receipt(journal.next_sequence - 1, 0, 0))
        while journal.tidy():
            pass
    assert main.spare()
    flash.ruin(journal.sectors.sector(1, main.generation))
    again = _again(flash)
    assert again.chain != journal.chain and again.chain_start[0] == journal.chain


@pytest.mark.promise("P1")
def test_a_chip_that_stores_nothing_is_told_before_anything_is_confirmed():
    flash, journal = _journal()
    flash.refuse_program(99)
    with pytest.raises(OSError):
        _capture(journal)
    flash.refuse_program(0)
    assert _capture(journal) == 1, "a number is spent on what is kept alone"


@pytest.mark.promise("P1")
def test_a_stuck_bit_costs_its_units_only():
    flash, journal = _journal()
    for at in range(64, 4096, 320):
        flash.stuck[at + 3] = (0xFF, 0x00)
    values = [bytes([count]) * 19 for count in range(100)]
    for value in values:
        _capture(journal, value)
    again = _again(flash)
    assert [again.read(number).value for number in again.pending(999)] == values


@pytest.mark.promise("P2")
def test_a_session_is_found_behind_sectors_that_were_left_out():
    flash, journal = _journal(24)
    main = journal.main
    journal.session(_session(1))
    number = _capture(journal)
    before = main.generation
    while main.generation == before:
        if main.spare() < 2:
            flash.refuse_erase(9)  # three sectors, each tried thrice
        journal.session(_session(2, device=2))
        while journal.tidy():
            pass
    while main.generation <= before + 3:
        journal.session(_session(2, device=2))
        while journal.tidy():
            pass
    assert main.generation > before + 3
    journal.finder.stale()
    assert journal.session_of(journal.read(number)).visit == 1
    assert _again(flash).session_of(journal.read(number)).visit == 1


@pytest.mark.promise("P11")
@pytest.mark.parametrize("refused", [1, 2, 3])
def test_sectors_that_cannot_be_erased_are_left_out(refused):
    flash, journal = _journal(10)
    for turn in range(300):
        if turn % 40 == 5:
            flash.refuse_erase(refused)
        journal.session(_session(turn + 1))
        number = _capture(journal)
        journal.plan(_plan(journal, ((number, 1),)))
        journal.receipt(Receipt(journal.next_sequence - 1, 0, 0))
        while journal.tidy():
            pass
    assert ("sector" in journal.notes) == (refused == 3), "a chip that hesitates costs no sector"
    again = _again(flash)
    assert (again.waiting(), again.next_capture, again.next_sequence) == (0, 301, 301)


@pytest.mark.promise("P2")
@pytest.mark.parametrize("kind", ["octet", "sector"])
def test_damage_costs_only_itself_and_is_told(kind):
    flash, journal = _journal(20)
    for _count in range(200):
        _capture(journal)
        journal.tidy()
    if kind == "octet":
        flash.rot(1 * 4096 + 64 + 48 * 3 + 20, 4)
    else:
        flash.ruin(1)
    again = _again(flash)
    left = again.pending(999)
    lost = 1 if kind == "octet" else 84
    assert len(left) == 200 - lost and again.waiting() == 200 - lost
    assert "lost" in again.notes
    assert _again(flash).next_capture == 201


def test_a_head_that_rotted_costs_nothing():
    for sector in range(8):
        flash, journal = _journal()
        for _count in range(150):
            _capture(journal)
            journal.tidy()
        for turn in range(20):
            journal.session(_session(turn + 1))
        image = bytearray(flash.image())
        image[sector * 4096 + 30] ^= 1
        again = Journal(Nor(8, bytes(image)), random.Random(9).randbytes)
        assert len(again.pending(999)) == 150, sector
        assert again.last_session(1) == _session(20)
        assert again.chain == journal.chain and again.next_capture == 151


@pytest.mark.promise("P5")
def test_a_lost_newest_region_begins_a_new_chain_that_names_the_last_numbers_known():
    flash, journal = _journal()
    while journal.main.generation < 4 or journal.main.at < 60:
        number = _capture(journal)
        journal.plan(_plan(journal, ((number, 1),)))
        journal.receipt(Receipt(journal.next_sequence - 1, 0, 0))
        while journal.tidy():
            pass
    sector = journal.sectors.sector(1, journal.main.generation)
    flash.ruin(sector)
    image = bytearray(flash.image())
    for ahead in range(journal.main.generation + 1, journal.main.ready_end):
        other = journal.sectors.sector(1, ahead)
        image[other * 4096 : other * 4096 + 64] = bytes(64)
    again = Journal(Nor(8, bytes(image)), random.Random(9).randbytes)
    assert again.chain != journal.chain
    assert again.next_sequence == 1
    chain, sequence, capture = again.chain_start
    assert chain == journal.chain
    assert 0 < sequence < journal.next_sequence and capture == journal.next_capture - 1
    assert again.next_capture == journal.next_capture
    third = Journal(again.sectors.flash, random.Random(10).randbytes)
    assert (third.chain, third.chain_start, third.next_sequence) == (again.chain, again.chain_start, 1)


@pytest.mark.promise("P2")
def test_a_full_journal_overwrites_nothing_and_goes_on_when_receipts_come():
    owner = Owner(6)
    owner.start()
    while owner.journal.room() >= owner.journal.needed(3, 19):
        owner.session()
        for _value in range(3):
            assert owner.capture()
        owner.tidy()
        assert len(owner.kept) < 1000
    owner.check()
    full_at = len(owner.kept)
    assert full_at > 100
    owner.start()
    for _turn in range(200):
        owner.plan(40)
        owner.receipt()
        owner.tidy(4)
    owner.check()
    assert owner.journal.waiting() == 0
    owner.tidy()
    assert owner.journal.room() >= owner.journal.needed(3, 19)


@pytest.mark.promise("P2")
@pytest.mark.promise("P6")
def test_one_envelope_that_is_never_answered_blocks_nobody_while_the_journal_wraps():
    owner = Owner(8, "noise")
    owner.start()
    owner.session()
    owner.capture()
    owner.plan()
    for _turn in range(400):
        owner.session()
        assert owner.capture()
        owner.plan()
        owner.receipt(1)
        owner.tidy()
        if _turn % 50 == 0:
            owner.start()
    owner.check()
    assert owner.journal.open_plans() == [1]
    assert owner.journal.read(1).number == 1
    wear = owner.flash.erases_by_sector
    for lane in (wear[:3], wear[3:]):
        assert min(lane) > 1 and max(lane) - min(lane) <= 1, "wear is level"
    owner.receipt()
    assert owner.journal.waiting() == 0


@pytest.mark.promise("P6")
def test_only_a_receipt_of_an_open_plan_frees():
    flash, journal = _journal()
    number = _capture(journal)
    journal.plan(_plan(journal, ((number, 1),)))
    before = flash.programmed_octets
    journal.receipt(Receipt(2, 0, 0))
    assert journal.waiting() == 1 and flash.programmed_octets == before
    journal.receipt(Receipt(1, 1, 7))  # held: somebody keeps it whole
    journal.receipt(Receipt(1, 1, 7))
    assert journal.waiting() == 0 and flash.programmed_octets == before + 16


@pytest.mark.promise("P4")
def test_a_capture_goes_into_one_plan_and_a_plan_follows_its_chain():
    _flash, journal = _journal()
    _capture(journal), _capture(journal)
    journal.plan(_plan(journal, ((1, 1),)))
    for bad in (
        _plan(journal, ((1, 2),)),
        _plan(journal, ((3, 1),)),
        _plan(journal, ((2, 1),))._replace(sequence=3),
        _plan(journal, ((2, 1),))._replace(previous=bytes(32)),
    ):
        with pytest.raises(OutOfTurn):
            journal.plan(bad)
    journal.plan(_plan(journal, ((1, 1),))._replace(replaces=1))
    assert journal.open_plans() == [2]


@pytest.mark.promise("P11")
def test_plans_without_answers_have_a_limit():
    _flash, journal = _journal(12)
    for _count in range(60):
        _capture(journal)
        journal.tidy()
    with pytest.raises(Full):
        while True:
            number = journal.pending(1)[0]
            journal.plan(_plan(journal, ((number, 1),)))
    assert len(journal.open_plans()) == 24


def test_a_description_is_told_until_a_receipt_says_that_it_came():
    flash, journal = _journal()
    number = journal.describe(b"model")
    assert number == journal.describe(b"model") == 1
    first, second, third = [_capture(journal) for _count in range(3)]
    assert journal.described_in(1, 1)
    journal.plan(_plan(journal, ((first, 1),)))
    assert journal.described_in(1, 2)
    journal.plan(_plan(journal, ((second, 1),)))
    journal.receipt(Receipt(2, 0, 0))
    again = _again(flash)
    assert again.described_in(1, 1), "a retry makes the same payload"
    assert not again.described_in(1, 3)
    again.plan(_plan(again, ((third, 1),)))
    assert not again.described_in(1, 3)


def test_the_session_of_a_value_that_came_before_it_is_found_wherever_it_was_moved():
    owner = Owner(8)
    owner.start()
    owner.session(early=2)
    owner.capture()
    owner.plan()
    for _turn in range(150):  # the main lane wraps; the first plan is never answered
        owner.session(early=1)
        owner.plan()
        owner.receipt(1)
        owner.tidy()
    owner.check()
    assert owner.journal.session_of(owner.journal.read(1)) == owner.sessions[1, 1]


@pytest.mark.promise("P11")
def test_making_room_ends_when_what_one_turn_frees_the_next_one_spends():
    """Some units stay over where sectors end: each third turn seemed to free a few, and erasing never ended."""
    owner = Owner(6)
    owner.start()
    for readings, octets in ((1, 1), (38, 1), (14, 244), (31, 60)):
        assert owner.journal.room() >= owner.journal.needed(readings, octets)
        owner.session()
        for _reading in range(readings):
            assert owner.capture(octets)
        owner.tidy(300)
        assert not owner.journal.tidy()
    owner.check()


def test_room_leaves_the_reserve_sector_out():
    _flash, journal = _journal(12)
    while journal.room() >= 48:
        _capture(journal)
    assert journal.captures.spare() == 1
    _capture(journal)  # but a reading is worth more than the reserve


@pytest.mark.promise("P4")
@pytest.mark.promise("P6")
def test_a_receipt_outlives_its_plan_though_a_cut_tore_the_snapshot_between():
    """The last whole snapshot calls the plan open, the receipt stands behind it, and the plan's sector is erased."""
    flash, journal = _journal(7)
    main = journal.main

    def until_sector_changes(owner):
        generation = owner.main.generation
        while owner.main.generation == generation:
            owner.session(_session(owner.boot, owner.boot))

    _capture(journal)
    journal.plan(_plan(journal, ((1, 1),)))
    until_sector_changes(journal)  # its snapshot calls the plan open
    journal.receipt(Receipt(1, 0, 0))
    while main.at < 252:
        journal.session(_session(2))
    flash.cut_at(octet=16 + 32 + 20)  # "next", then "open", then in the snapshot
    with pytest.raises(PowerCut):
        until_sector_changes(journal)
    flash.power_on()
    journal = Journal(flash, random.Random(2).randbytes)
    assert journal.main.snapshot_generation < journal.main.generation
    plan_sector = journal.sectors.sector(1, 1)
    erases = flash.erases_by_sector[plan_sector]
    while flash.erases_by_sector[plan_sector] == erases:
        journal.session(_session(9, journal.boot))
        while journal.tidy():
            pass
        assert Journal(flash.copy(), random.Random(3).randbytes).waiting() == 0


@pytest.mark.promise("P11")
def test_rot_in_sectors_that_lie_ready_takes_no_room_from_visits():
    """Seed 161 of the campaign: with no capture the lane never moved on, and with no room no device was visited."""
    flash = Nor(11, seed=5)
    journal = Journal(flash, random.Random(5).randbytes)
    while journal.tidy():
        pass
    room, lane = journal.room(), journal.captures
    assert lane.ready_end > lane.generation + 2
    for generation in range(lane.generation + 1, lane.ready_end):
        sector = journal.sectors.sector(0, generation)
        flash.rot(sector * 4096 + 3900, 0x20)
    main = journal.main
    flash.rot(journal.sectors.sector(1, main.generation + 1) * 4096 + 3900, 0x20)
    journal = Journal(flash, random.Random(6).randbytes)
    while journal.tidy():
        pass
    assert journal.room() >= room - 512 and journal.may_visit() and not journal.notes


@pytest.mark.promise("P11")
@pytest.mark.parametrize("refused", range(4))
def test_a_boot_goes_on_in_a_sector_prepared_anew_when_the_chip_refuses(refused):
    """Seed 20 of the campaign: what lay ready was rotten, and the chip refused the boot's own record twice."""
    flash, journal = _journal(8)
    for generation in range(journal.main.generation + 1, journal.main.ready_end):
        flash.rot(journal.sectors.sector(1, generation) * 4096 + 2000, 0x20)
    before = journal.boot
    read, programs = flash.program, []

    def program(at, octets):
        programs.append(at)
        if len(octets) < 64 and len(programs) <= 2 + refused:  # not a sector's head
            raise OSError(5)
        read(at, octets)

    flash.program = program
    journal = Journal(flash, random.Random(2).randbytes)
    assert journal.boot > before and _capture(journal)


class _Worn(Nor):
    """A chip with sectors that no erase helps any more."""

    worn: frozenset = frozenset()

    def erase(self, sector):
        if sector in self.worn:
            raise OSError(5)
        super().erase(sector)


@pytest.mark.promise("P2", "P11")
@pytest.mark.parametrize(("sectors", "erased"), [(8, "ff"), (11, "noise")])
def test_sector_by_sector_wears_out_and_nothing_that_was_kept_is_lost(sectors, erased):
    """Whichever lane they are of: it takes less, then nothing, and what it took is there and can be delivered."""
    owner = Owner(sectors, erased, seed=3)
    owner.flash = _Worn(sectors, erased=erased, seed=3)
    owner.start()
    order = list(range(sectors))
    random.Random(sectors).shuffle(order)
    kept = []
    for count in range(sectors):
        owner.flash.worn = frozenset(order[:count])
        if len(set(range(owner.journal.sectors.counts[0], sectors)) - owner.flash.worn) < 2:
            break  # a lane of one sector does not turn
        kept.append(0)
        for turn in range(40):
            if turn % 20 == 19:
                owner.start()  # and everything that was promised is there
            owner.session()
            kept[-1] += owner.capture() + owner.capture()
            owner.plan()
            owner.receipt()
            owner.tidy()
    assert kept[: sectors // 3] == [80] * (sectors // 3) and len(kept) > sectors // 2


@pytest.mark.promise("P2", "P11")
@pytest.mark.parametrize("erased", ["ff", "noise"])
@pytest.mark.parametrize("good", [0, 1])
def test_a_hub_whose_main_lane_is_worn_out_starts_and_says_so_and_keeps_what_comes(erased, good):
    """It could not start, and what it had kept could be read by a technician alone."""
    owner = Owner(11, erased, seed=4)
    owner.flash = _Worn(11, erased=erased, seed=4)
    owner.start()
    for _turn in range(12):
        owner.session()
        assert owner.capture()
    owner.plan()
    main = range(owner.journal.sectors.counts[0], 11)
    owner.flash.worn = frozenset(main[good:])
    for _turn in range(200):  # until nothing more fits
        owner.session()
        owner.tidy()
    kept, boots = dict(owner.kept), set()
    for _boot in range(20):
        journal = Journal(owner.flash, owner.chance.randbytes)
        boots.add(journal.boot)
        if "worn" not in journal.notes:
            continue
        assert not journal.may_visit(), "a device keeps what it has"
        assert journal.chain == owner.chain and journal.open_plans() == [1] and journal.read_plan(1) == owner.plans[1]
        number = journal.next_capture
        assert journal.capture(1, 1, 10, 3, 77, 1_800_000_000, 1, b"all the same") == number
        kept[number] = (journal.boot, 1, b"all the same")
        for number, (boot, visit, value) in kept.items():
            capture = journal.read(number)
            assert (capture.boot, capture.visit, capture.value) == (boot, visit, value)
        assert journal.waiting() == len(kept)
        for _step in range(100):
            if not journal.tidy():
                break
        else:
            raise AssertionError("tidying never ends")
    assert len(boots) == 20, "no boot has another's number"
    assert "worn" in journal.notes
    assert journal_state.read(owner.flash.image()).state.boot == max(boots)


@pytest.mark.promise("P11")
@pytest.mark.parametrize("lane", ["capture", "main", "both"])
def test_a_chip_that_was_never_any_good_is_told_and_starts(lane):
    flash = _Worn(11)
    flash.worn = frozenset({"capture": range(4), "main": range(4, 11), "both": range(11)}[lane])
    for _boot in range(3):
        journal = Journal(flash, random.Random(3).randbytes)
        assert {"worn", "sector"} & set(journal.notes)
        assert (journal.room() > 0) == (lane == "main")
        assert not journal.may_visit() or journal.room() < journal.needed(1, 19)


@pytest.mark.promise("P5")
def test_a_boot_that_the_chip_refused_to_write_down_is_no_other_boot():
    """The chip refused for a moment; what was kept in that boot says its number, and the next one has another."""
    for what in ("capture", "session", "fix"):
        flash, journal = _journal(8)
        flash.refuse_program(40)
        flash.refuse_erase(30)
        journal = Journal(flash, random.Random(2).randbytes)
        assert journal.notes == ["worn"], journal.notes
        flash.refuse_program(0)
        flash.refuse_erase(0)
        if what == "capture":
            _capture(journal)
        elif what == "session":
            journal.session(_session(1, journal.boot))
        else:
            journal.fix(Fix(journal.boot, 5, 1_800_000_000, 1, 20))
        assert _again(flash).boot == journal.boot + 1, what


def test_fixes_that_a_boot_did_not_read_are_there_when_asked_for_and_never_too_many():
    """A snapshot names 24 by their places, and a log of many boots has more before the next one."""
    owner = Owner(12, "noise", seed=9)
    owner.start()
    for _boot in range(22):
        owner.session()
        owner.capture()
        owner.fix()
        owner.start()
    flash, chance = owner.flash, random.Random(5)
    known = {}
    for boot in range(200):
        journal = Journal(flash, chance.randbytes)
        if boot % 2:
            _capture(journal)
            known[journal.boot] = Fix(journal.boot, 100 + boot, 1_800_000_000 + boot, 1, 20)
            journal.fix(known[journal.boot])
    assert journal.main.generation > owner.journal.main.generation
    found = [record for _frame, record in journal_state.read(flash.image()).records]
    assert max(len(one["fixes"]) for one in found if one["record"] == "snapshot") == 24
    again = Journal(flash.copy(), random.Random(9).randbytes)
    _capture(again)
    assert [again.fix_for(boot) for boot in sorted(known)[-20:]] == [known[boot] for boot in sorted(known)[-20:]]


@pytest.mark.promise("P4")
@pytest.mark.promise("P5")
@pytest.mark.parametrize("known_by", ["its number", "its receipt"])
def test_a_number_never_comes_again_when_the_newest_plan_rots_that_bore_it(known_by):
    """Seed 254 of the campaign: its envelope was with the platform, and another one came under the same number."""
    flash, journal = _journal(8)
    for sequence in (1, 2, 3):
        number = _capture(journal)
        journal.plan(_plan(journal, ((number, 1),)))
        if sequence != 2:
            journal.receipt(Receipt(sequence, 0, 0))
    number = _capture(journal)
    place = journal.main.generation, journal.main.at
    journal.plan(_plan(journal, ((number, 1),)))
    at = (journal.sectors.sector(1, place[0]) * 256 + place[1]) * 16
    if known_by == "its receipt":
        flash.rot(16 * (journal.sectors.sector(1, place[0]) * 256 + journal.main.at - 1) + 5)
        journal.receipt(Receipt(4, 0, 0))
    flash.rot(at + 40)
    again = _again(flash)
    assert "chain" in again.notes and again.chain != journal.chain
    assert again.chain_start == (journal.chain, 4, number) and again.next_sequence == 1
    assert again.pending(9) == [2, 4], "what no receipt names is sent again; the platform knows it by its number"
    found = journal_state.read(flash.image())
    assert [finding.cost for finding in found.findings if "plan 4" in finding.cost]
    third = _again(again.sectors.flash)
    assert (third.chain, third.next_sequence, third.pending(9)) == (again.chain, 1, [2, 4])


@pytest.mark.parametrize("told_later", [False, True], ids=["not since", "by a later snapshot"])
def test_a_receipt_whose_plan_is_gone_is_told_unless_a_later_snapshot_knows_what_it_was_for(told_later):
    """The snapshot that is read first lists the plan as open; its record rots."""
    flash, journal = _journal(8)
    number = _capture(journal)
    place = journal.main.generation, journal.main.at
    journal.plan(_plan(journal, ((number, 1),)))
    journal.main.snapshot()
    journal.receipt(Receipt(1, 0, 0))
    if told_later:
        journal.main.snapshot()
    flash.rot((journal.sectors.sector(1, place[0]) * 256 + place[1]) * 16 + 40)
    again = _again(flash)
    assert ("record" in again.notes) is not told_later
    assert again.pending(9) == ([] if told_later else [number])


def test_a_plan_whose_second_word_rots_is_as_good_as_before():
    flash, journal = _journal(8)
    number = _capture(journal)
    journal.plan(_plan(journal, ((number, 1),)))
    flash.rot(16 * (journal.sectors.sector(1, journal.main.generation) * 256 + journal.main.at - 1) + 8)
    again = _again(flash)
    assert (again.chain, again.open_plans(), again.next_sequence) == (journal.chain, [1], 2)
    assert not again.notes


def test_a_version_that_older_firmware_reads_gets_no_record_that_it_does_not_know():
    _flash, journal = _journal(8)
    journal.sectors.version = 1
    number, at = _capture(journal), journal.main.at
    journal.plan(_plan(journal, ((number, 1),)))
    assert journal.main.at == at + 7
    journal.upgrade()
    number, at = _capture(journal), journal.main.at
    journal.plan(_plan(journal, ((number, 1),)))
    assert journal.main.at == at + 7 + 1
