"""A newer firmware, an older one after it, and power cuts while the one takes over from the other."""

import gzip
import json
import random
from pathlib import Path

import pytest

from firmware.contracts import PeerError
from firmware.journal import frame
from firmware.journal import journal as journal_module
from firmware.journal.journal import Journal
from firmware.journal.records import Receipt
from tests.journal.owner import Owner
from tools.simulator.journal.drain import drain
from tools.simulator.nor import Nor, PowerCut

VECTORS = Path(__file__).parent / "vectors"

@pytest.fixture
def firmware(monkeypatch):
    """Install the firmware of a version: it writes that one and reads all from `oldest` on. First there is 1."""

    def install(version, oldest=1):
        monkeypatch.setattr(frame, "VERSION", version)
        monkeypatch.setattr(journal_module, "VERSION", version)
        monkeypatch.setattr(frame, "OLDEST", oldest)

    install(1)
    return install


def _versions(flash):
    image = flash.image()
    heads = [image[at : at + 3] for at in range(0, len(image), 4096)]
    return {head[2] for head in heads if head[:2] == b"TJ"}


def _turns(owner, count):
    for _turn in range(count):
        owner.session()
        owner.capture()
        owner.capture()
        owner.plan()
        owner.receipt()
        owner.tidy()


def _used(erased="ff"):
    owner = Owner(7, erased, seed=4)
    owner.start()
    _turns(owner, 40)
    owner.session()
    owner.capture()
    return owner


@pytest.mark.promise("P2")
@pytest.mark.parametrize("erased", ["ff", "noise"])
def test_newer_firmware_goes_on_in_the_sectors_of_the_older_and_gives_its_own_version_to_new_ones(firmware, erased):
    owner = _used(erased)
    firmware(2)
    owner.start()
    owner.journal.upgrade()
    assert _versions(owner.flash) == {1}
    _turns(owner, 15)
    assert _versions(owner.flash) == {1, 2}
    owner.start()  # everything is there, in sectors of both
    _turns(owner, 150)
    assert _versions(owner.flash) == {2}
    owner.start()


@pytest.mark.promise("P2")
def test_an_update_that_is_rolled_back_has_changed_no_version(firmware):
    owner = _used()
    firmware(2)
    owner.start()  # and is never told that it stays
    _turns(owner, 40)
    assert _versions(owner.flash) == {1}
    firmware(1)
    owner.start()
    _turns(owner, 5)


@pytest.mark.promise("P2")
@pytest.mark.parametrize(("version", "oldest"), [(1, 1), (3, 3)], ids=["older firmware", "firmware that is too new"])
def test_firmware_of_another_version_touches_nothing_and_says_which(firmware, version, oldest):
    owner = _used()
    firmware(2)
    owner.start()
    owner.journal.upgrade()
    _turns(owner, 15)
    before, programs, erases = owner.flash.image(), owner.flash.programs, owner.flash.erases
    firmware(version, oldest)
    with pytest.raises(PeerError) as refused:
        Journal(owner.flash, random.Random(1).randbytes)
    assert refused.value.args[0] == "journal: version"
    assert (owner.flash.image(), owner.flash.programs, owner.flash.erases) == (before, programs, erases)
    firmware(2)
    owner.start()  # the right one is back, and nothing is missing
    _turns(owner, 5)


@pytest.mark.parametrize(("is_of", "mask"), [(1, 2), (1, 3), (2, 1), (2, 3)])
def test_a_rotten_version_is_a_rotten_head_and_no_other_version(firmware, is_of, mask):
    """Octet 2 of a head then says 3, 2, 3 or 1."""
    for sector in range(7):
        firmware(is_of)
        owner = _used()
        if owner.flash.image()[sector * 4096 : sector * 4096 + 2] != b"TJ":
            continue
        owner.flash.rot(sector * 4096 + 2, mask)
        firmware(2)
        owner.start()
        _turns(owner, 40)  # every sector is prepared anew
        assert _versions(owner.flash) == {is_of}, "nobody said that the newer firmware stays"


@pytest.mark.promise("P2")
@pytest.mark.parametrize("erased", ["ff", "noise"])
def test_a_journal_of_the_first_release_is_read_and_taken_over(erased):
    """The image was written by the firmware before there was a version 2 (its journal.py, frame.py and all)."""
    image = gzip.decompress((VECTORS / f"version1_{erased}.bin.gz").read_bytes())
    facts = json.loads((VECTORS / f"version1_{erased}.json").read_text())
    flash = Nor(7, image, erased, seed=11)
    assert _versions(flash) == {1}
    journal = Journal(flash, random.Random(1).randbytes)
    assert not journal.notes
    assert (journal.boot, journal.chain.hex()) == (facts["boot"] + 1, facts["chain"])
    assert (journal.next_capture, journal.next_sequence) == (facts["next_capture"], facts["next_sequence"])
    assert (journal.last_hash.hex(), journal.open_plans()) == (facts["last_hash"], facts["open_plans"])
    assert journal.pending(999) == facts["pending"] and journal.waiting() == len(facts["waiting"])
    for number, (boot, visit, value, session) in facts["waiting"].items():
        capture = journal.read(int(number))
        assert (capture.boot, capture.visit, capture.value.hex()) == (boot, visit, value)
        assert journal.session_of(capture).visit == session
    assert {number: journal.description(int(number)).hex() for number in facts["told"]} == facts["told"]
    journal.receipt(Receipt(46, 0, 0))  # of the open plan; what no plan names goes the usual way
    assert drain(journal).envelopes and journal.waiting() == 0
    for _turn in range(3):
        _filled(journal)
        drain(journal)
    assert 2 in _versions(flash)
    again = Journal(flash, random.Random(2).randbytes)
    assert (again.next_capture, again.waiting()) == (journal.next_capture, 0)


@pytest.mark.promise("P2")
@pytest.mark.parametrize("erased", ["ff", "noise"])
def test_no_cut_while_versions_change_loses_anything(firmware, erased):
    cuts = 0
    for octet in range(0, 4000, 97):
        firmware(1)
        owner = _used(erased)
        firmware(2)
        owner.flash.cut_at(octet=octet, tear=("prefix", "half_cleared", "page")[octet % 3])
        try:
            owner.boots()
            owner.journal.upgrade()
            _turns(owner, 20)
        except PowerCut:
            cuts += 1
        owner.start()
        owner.journal.upgrade()
        _turns(owner, 3)
        owner.start()
    for erase in range(4):
        firmware(1)
        owner = _used(erased)
        firmware(2)
        owner.start()
        owner.journal.upgrade()
        owner.flash.cut_at(erase=erase, tear="half_cleared")
        with pytest.raises(PowerCut):
            _turns(owner, 60)
        owner.start()
        _turns(owner, 3)
        cuts += 1
    assert cuts > 40


def test_firmware_stays_once_a_receipt_came_through_all_of_it(firmware):
    owner = _used()
    firmware(2)
    journal = Journal(owner.flash, random.Random(1).randbytes)
    _filled(journal)
    assert _versions(owner.flash) == {1}
    assert drain(journal).envelopes
    _filled(journal)
    assert _versions(owner.flash) == {1, 2}


def _filled(journal):
    """A sector's worth of captures, and the erase ahead that they need."""
    for _count in range(80):
        journal.capture(1, 0, 14, 15, 1000, 1_832_000_000, 1, bytes(19))
    while journal.tidy():
        pass


def test_a_new_journal_is_of_the_newest_version(firmware):
    firmware(2)
    flash = Nor(7)
    Journal(flash, random.Random(1).randbytes)
    assert _versions(flash) == {2}
