"""Where there is room, there is; the lanes write as FORMAT.md says; what failed is not said to be kept."""

import random

import pytest

from firmware.contracts import Full
from firmware.journal import records
from firmware.journal.frame import HEAD, SECTOR, UNIT
from firmware.journal.journal import Journal
from tests.journal.owner import Owner
from tests.journal.test_frames import framed
from tools.simulator.nor import Nor


def _journal(sectors=8, seed=1, erased="ff"):
    flash = Nor(sectors, erased=erased, seed=seed)
    journal = Journal(flash, random.Random(seed).randbytes)
    while journal.tidy():
        pass
    return flash, journal


def _capture(journal, value):
    return journal.capture(0x0A0908, 9, 0x0B0C, 0x13, 0x1122334455, 0x6B49D200, 2, value)


@pytest.mark.promise("P1")
@pytest.mark.promise("P3")
@pytest.mark.parametrize("size", [0, 1, 2, 3, 18, 19, 20, 34, 35, 36, 131, 244, 511, 512])
def test_a_capture_lies_on_flash_as_the_format_says_by_hand(size):
    flash, journal = _journal()
    journal.captures.boot = 0x070605
    value, unit = random.Random(size).randbytes(size), HEAD
    for number in (1, 2):
        assert _capture(journal, memoryview(value)) == number
        octets = bytes([number, 0, 0, 0, 0x0C, 0x0B, 9, 0x53, 8, 9, 10, 5, 6, 7, 0x55, 0x44, 0x33, 0x22, 0x11])
        expected = framed(octets + bytes.fromhex("00d2496b") + value, unit, 0, 1, journal.sectors.salt)
        assert flash.octets(SECTOR + unit * UNIT, len(expected)) == expected  # generation 1 lies in sector 1
        unit += len(expected) // UNIT


@pytest.mark.promise("P1")
def test_a_value_that_is_too_long_is_refused_before_anything_is_programmed():
    flash, journal = _journal()
    before = flash.programmed_octets
    with pytest.raises(ValueError):
        _capture(journal, bytes(513))
    assert flash.programmed_octets == before and _capture(journal, bytes(512)) == 1


@pytest.mark.promise("P2")
@pytest.mark.parametrize("seed", range(12))
def test_where_there_is_room_for_a_visit_all_of_it_fits_beside_the_reserve(seed):
    """Whatever stood there before: the largest burst, two of the longest values, and a sector is left for failures."""
    chance = random.Random(seed)
    fitted = 0
    for _turn in range(12):
        _flash, journal = _journal(chance.choice((8, 11, 16)), seed)
        for _before in range(chance.randrange(60)):
            _capture(journal, bytes(chance.randrange(60)))
        burst, octets = chance.choice(((1, 19), (1, 512), (5, 244), (30, 19), (40, 20), (60, 3), (2, 300)))
        needed = journal.needed(burst, octets)
        while journal.room() < needed and journal.tidy():
            pass
        if journal.room() < needed:
            continue
        fitted += 1
        values = [octets] * burst + [512] * 2
        chance.shuffle(values)
        for value in values:
            room = journal.room()
            assert _capture(journal, bytes(value))
            assert journal.room() <= room - (value + 29)
        assert journal.captures.spare() >= 1
    assert fitted > 3


@pytest.mark.promise("P2")
def test_room_is_what_is_erased_less_the_reserve():
    _flash, journal = _journal(11)
    lane, sector = journal.captures, SECTOR - HEAD * UNIT
    ahead = lane.spare()
    assert (lane.generation, ahead) == (1, 2) or lane.at == 256
    assert journal.room() == ahead * sector - sector + (256 - lane.at) * UNIT
    while lane.generation < 1 or lane.at < HEAD + 3:
        _capture(journal, bytes(19))
    assert journal.room() == (lane.spare() - 1) * sector + (256 - lane.at) * UNIT
    while lane.spare():
        _capture(journal, bytes(400))
    assert journal.room() == 0, "what is left of the last one is the reserve"
    before = lane.at
    assert _capture(journal, bytes(19)) and lane.at == before + 3
    while lane.at + 2 <= 256:
        _capture(journal, b"")
    with pytest.raises(Full):
        _capture(journal, b"")
    assert journal.next_capture == journal.read(journal.next_capture - 1).number + 1


def test_a_visit_needs_room_by_its_burst_and_length():
    _flash, journal = _journal(16)
    one, two = journal.needed(1, 19), journal.needed(2, 19)
    longest = -(-(512 + 29) // 16)
    assert one == (3 + 2 * longest + longest) * 16 and two - one == 3 * 16
    assert journal.needed(1, 3) == one - 16 and journal.needed(1, 35) == one + 16
    assert journal.needed(60, 19) == (60 * 3 + 2 * longest + 2 * longest) * 16  # crosses a sector's end


@pytest.mark.promise("P2")
def test_tidying_makes_room_for_the_largest_visit_that_was_asked_for():
    _flash, journal = _journal(24)
    before = journal.captures.ready_end
    assert not journal.tidy()
    needed = journal.needed(200, 60)
    assert needed > journal.room()
    while journal.tidy():
        pass
    assert journal.room() >= needed and journal.captures.ready_end > before
    journal.needed(1, 19)  # a small one in between takes nothing back
    for _value in range(60):
        _capture(journal, bytes(60))
    while journal.tidy():
        pass
    assert journal.room() >= needed


# --- the callback's failures


class _Blind(Nor):
    """Reads fail for a while: nobody knows what was programmed."""

    blind = 0

    def read(self, at, into):
        if self.blind:
            self.blind -= 1
            raise OSError(5)
        super().read(at, into)


@pytest.mark.promise("P1")
@pytest.mark.promise("P5")
def test_a_number_is_spent_when_nobody_can_say_whether_it_stands_on_flash():
    flash = _Blind(8)
    journal = Journal(flash, random.Random(1).randbytes)
    while journal.tidy():
        pass
    assert _capture(journal, b"first") == 1
    flash.blind = 3
    with pytest.raises(OSError):
        _capture(journal, b"perhaps")
    assert journal.next_capture == 3 and _capture(journal, b"third") == 3
    flash.blind = 1  # the second attempt can be read back
    assert _capture(journal, b"fourth") == 4
    flash.blind = 0
    flash.refuse_program(3)
    with pytest.raises(OSError):
        _capture(journal, b"surely not")
    assert journal.next_capture == 5, "what surely is not there spends no number"
    flash.refuse_program(0)
    again = Journal(flash, random.Random(2).randbytes)
    values = {number: again.read(number).value for number in again.pending(9)}
    assert {number: value for number, value in values.items() if number != 2} == {
        1: b"first", 3: b"third", 4: b"fourth"
    }  # fmt: skip
    assert values.get(2, b"perhaps") == b"perhaps"


@pytest.mark.promise("P1")
def test_three_places_are_tried_and_the_last_of_them_is_the_reserve():
    flash, journal = _journal(11)
    _capture(journal, b"first")
    places = []
    program = flash.program

    def failing(at, octets):
        places.append(at)
        raise OSError(5)

    flash.program = failing
    lane = journal.captures
    at, sector = lane.at, SECTOR * (lane.generation % lane.count)
    with pytest.raises(OSError):
        _capture(journal, bytes(19))
    next_sector = SECTOR * (lane.generation % lane.count)
    assert places == [sector + UNIT * at, sector + UNIT * (at + 3), next_sector + UNIT * HEAD]
    assert next_sector != sector
    flash.program = program
    assert _capture(journal, b"and on") == 2
    assert lane.at == HEAD + 3 + 3


@pytest.mark.promise("P1")
def test_a_long_value_is_read_back_piece_by_piece():
    """A chip that lets the last piece of many fail in silence."""
    for piece in range(1, 6):
        flash, journal = _journal()
        program, count = flash.program, [0]

        def lying(at, octets, program=program, count=count, flash=flash, piece=piece):
            count[0] += 1
            if count[0] == piece:
                flash.silent = 1
            program(at, octets)

        flash.program = lying
        value = random.Random(piece).randbytes(250)
        number = _capture(journal, value)
        assert count[0] == piece + 5, "from that piece on, all of it once more"
        assert Journal(flash.copy(), random.Random(9).randbytes).read(number).value == value


# --- the main lane's room


def _largest_session(visit, device=1):
    wide = tuple((handle, bytes([handle]) * 16) for handle in range(16))
    return records.Session(visit, 1, device, b"ABCDEF", 1, "r" * 32, 7, 5, b"c" * 16, 0, False, 0, wide, 0)


@pytest.mark.promise("P2")
@pytest.mark.parametrize("sectors", [8, 11, 16])
def test_where_a_visit_may_come_what_it_tells_of_itself_finds_room(sectors):
    _flash, journal = _journal(sectors)
    visits = 0
    while True:
        while journal.tidy():
            pass
        if not journal.may_visit() or journal.room() < journal.needed(1, 19):
            break
        visits += 1
        journal.session(_largest_session(visits, visits % 3))
        if visits <= 32:
            assert journal.describe(b"%03d" % visits + bytes(197)) == visits
        journal.session(_largest_session(visits, visits % 3))
        _capture(journal, bytes(19))
        assert visits < 2000
    assert visits > 10
    for number in range(1, visits + 1):
        assert journal.read(number).number == number


@pytest.mark.promise("P11")
def test_a_table_that_is_full_takes_no_more_and_says_so():
    owner = Owner(16)
    owner.start()
    journal = owner.journal
    assert [journal.describe(b"model %d" % number) for number in range(33)] == [*range(1, 33), 0]
    assert journal.describe(b"model 4") == 5, "what is known is known"
    with pytest.raises(ValueError):
        journal.describe(bytes(201))
    for device in range(26):
        journal.session(_largest_session(1 + device, device))
    known = [device for device in range(26) if journal.last_session(device) is not None]
    assert known == list(range(24))
    journal.session(_largest_session(60, 3))
    assert journal.last_session(3).visit == 60
