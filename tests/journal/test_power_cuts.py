"""The plug is pulled throughout a short story, in its programs and erases, and again while it recovers."""

import zlib

import pytest

from firmware.journal.frame import CAPTURES, HEAD, MAIN, SECTOR, UNIT, UNITS
from tests.journal.owner import Owner
from tools.simulator.nor import Nor, PowerCut


def _story(owner):
    """A morning: two visits, a delivery, a wrap of both lanes' ends."""
    owner.boots()
    owner.session()
    owner.capture()
    owner.capture(240)
    owner.fix()
    owner.describe()
    owner.plan()
    owner.session()
    owner.capture()
    owner.receipt()
    owner.tidy(2)
    owner.plan()
    owner.capture(5)


def _after(owner):
    """What must work at once when power is back."""
    owner.capture()
    owner.plan()
    owner.receipt()
    owner.check()


def _copy(owner_at, erased, seed=3):
    """A used journal near the end of its sectors, made anew each time."""
    owner = Owner(6, erased, seed)
    owner.start()
    return owner_at(owner)


def _until_cut(owner, story):
    try:
        story(owner)
    except PowerCut:
        return True
    return False


def _worn(owner):
    """Use the journal until both lanes are about to change their sectors."""
    lane, main = owner.journal.captures, owner.journal.main
    turn = 0
    while not (main.at > 225 and lane.at > 240):
        turn += 1
        if main.at <= 225 or turn % 3 == 0:
            owner.session()
        for _capture in range(3 if main.at > 200 else 1):
            owner.capture(120 if lane.at < 200 else 19)
        owner.plan()
        owner.receipt()
        owner.tidy()
        assert turn < 500
    return owner


class _Twice:
    """Plays the story from one image with every cut, so that the long beginning is played once."""

    def __init__(self, erased):
        self.erased = erased
        self.owner = _copy(_worn, erased)
        self.image = self.owner.flash.image()
        self.used = bytes(self.owner.flash._used)

    def fresh(self):
        """The worn journal as it was, with a model of its own."""
        import copy

        memo = {id(self.owner.journal): None, id(self.owner.flash): None}
        owner = copy.deepcopy(self.owner, memo)
        owner.flash = Nor(6, self.image, self.erased, 3)
        owner.flash._used[:] = self.used
        return owner


@pytest.mark.promise("P2")
@pytest.mark.promise("P4")
@pytest.mark.parametrize("erased", ["ff", "noise"])
@pytest.mark.parametrize("tear", ["prefix", "half_cleared", "page"])
def test_no_cut_loses_doubles_or_blocks_anything(erased, tear):
    base = _Twice(erased)
    points = 0
    for kind in ("octet", "erase"):
        step = 0
        while True:
            owner = base.fresh()
            owner.flash.cut_at(tear=tear, **{kind: step})
            if not _until_cut(owner, _story):
                break
            owner.start()
            _after(owner)
            points += 1
            step += 1 if kind == "erase" else 4
    assert points > 200


@pytest.mark.promise("P2")
@pytest.mark.parametrize("erased", ["ff", "noise"])
def test_no_second_cut_while_it_recovers_does_either(erased):
    base = _Twice(erased)
    points = 0
    for first in range(0, 700, 61):
        second = 0
        while True:
            owner = base.fresh()
            owner.flash.cut_at(octet=first, tear="half_cleared")
            if not _until_cut(owner, _story):
                break
            owner.flash.power_on()
            owner.flash.cut_at(octet=second, tear=("prefix", "half_cleared", "page")[second % 3])
            cut = _until_cut(owner, lambda owner: (owner.boots(), _after(owner)))
            if not cut:
                break
            owner.start()
            _after(owner)
            points += 1
            second += 7
    assert points > 200


@pytest.mark.promise("P1")
@pytest.mark.promise("P2")
@pytest.mark.parametrize("erased", ["ff", "noise"])
@pytest.mark.parametrize("sectors", [6, 11])
def test_a_format_that_was_cut_once_or_twice_keeps_the_first_readings(erased, sectors):
    def life(owner):
        owner.boots()
        owner.session()
        owner.capture()
        owner.plan()
        owner.receipt()
        owner.capture()

    cuts = [{"erase": erase} for erase in range(4)] + [{"octet": octet} for octet in range(0, 420, 13)]
    for index, first in enumerate(cuts):
        for second in (None, *cuts[index % 7 :: 7]):
            owner = Owner(sectors, erased, seed=index)
            for turn, cut in enumerate((first, second)):
                if cut is None:
                    continue
                owner.flash.cut_at(tear=("prefix", "half_cleared")[(index + turn) % 2], **cut)
                _until_cut(owner, life)
                owner.flash.power_on()
            life(owner)
            owner.start()


@pytest.mark.promise("P1")
@pytest.mark.promise("P2")
@pytest.mark.parametrize("erased", ["ff", "noise"])
@pytest.mark.parametrize("lane", ["capture", "main"])
def test_a_torn_unit_that_fits_the_lower_half_of_a_fingerprint_is_not_programmed_again(erased, lane):
    """Point 66045 of `telehub powercut --exhaustive` with version 1 of the format: half a CRC was all there was."""
    owner = Owner(8, erased, seed=2)
    owner.start()
    for _turn in range(3):
        owner.session()
        owner.capture()
    owner.tidy()
    journal, flash = owner.journal, owner.flash
    here = journal.captures if lane == "capture" else journal.main
    number = CAPTURES if lane == "capture" else MAIN
    base = journal.sectors.sector(number, here.generation) * SECTOR
    first = next(unit for unit in range(HEAD, UNITS, 26) if unit >= here.at)  # where this boot would go on
    segment = flash.octets(base + first * UNIT, 26 * UNIT)
    wanted, torn = zlib.crc32(segment) & 0xFFFF, owner.chance.randbytes(UNIT)
    while zlib.crc32(segment[UNIT:], zlib.crc32(torn)) & 0xFFFF != wanted:
        torn = owner.chance.randbytes(UNIT)
    flash._cells[base + first * UNIT : base + (first + 1) * UNIT] = torn
    flash._used[(base + first * UNIT) // UNIT] = 1  # from now on the chip refuses it
    owner.start()
    owner.session()
    assert owner.capture()
    owner.plan()
    owner.receipt()
    owner.check()
    assert flash.octets(base + first * UNIT, UNIT) == torn
