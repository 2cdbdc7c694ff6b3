"""The flash model is as strict as a chip's data sheet, and tears as one does."""

import pytest

from tools.simulator.nor import Misuse, Nor, PowerCut


def _read(flash, at, count):
    into = bytearray(count)
    flash.read(at, into)
    return bytes(into)


@pytest.mark.parametrize("erased", ["ff", "noise"])
def test_what_is_programmed_is_read_and_counted(erased):
    flash = Nor(2, erased=erased)
    blank = _read(flash, 0, 8192)
    assert (blank == b"\xff" * 8192) == (erased == "ff")
    flash.program(32, b"a" * 32)
    assert _read(flash, 16, 64) == blank[16:32] + b"a" * 32 + blank[64:80]
    assert (flash.programmed_octets, flash.programs, flash.erases) == (32, 1, 0)
    flash.erase(0)
    assert _read(flash, 0, 8192) == blank
    assert (flash.erases, flash.erases_by_sector) == (1, [1, 0])


def test_a_unit_is_programmed_once_between_erases():
    flash = Nor(1)
    flash.program(0, b"\xff" * 16)
    with pytest.raises(Misuse):
        flash.program(0, b"\x00" * 16)
    flash.erase(0)
    flash.program(0, b"\x00" * 16)


@pytest.mark.parametrize("at,count", [(8, 16), (0, 8), (0, 0), (4096, 16), (-16, 16)])
def test_only_whole_units_of_the_partition_are_taken(at, count):
    with pytest.raises(Misuse):
        Nor(1).program(at, bytes(count))


@pytest.mark.parametrize("erased", ["ff", "noise"])
@pytest.mark.parametrize("octet", [0, 5, 16, 20, 31])
def test_a_cut_leaves_what_came_before_it(erased, octet):
    flash = Nor(1, erased=erased)
    blank = flash.image()
    flash.cut_at(octet=octet)
    with pytest.raises(PowerCut):
        flash.program(0, bytes(32))
    with pytest.raises(PowerCut):
        flash.read(0, bytearray(1))
    flash.power_on()
    whole, torn = octet // 16 * 16, (octet + 15) // 16 * 16
    image = flash.image()
    assert image[:whole] == bytes(whole)
    assert image[torn:] == blank[torn:]
    if erased == "ff":
        assert image[:octet] == bytes(octet) and image[octet:torn] == b"\xff" * (torn - octet)
    elif octet % 16:
        assert image[whole:torn] not in (bytes(16), blank[whole:torn])
    assert flash.blank(torn, 16) and flash.blank(whole, 16) == (torn == whole)


def test_a_half_cleared_unit_has_some_of_its_bits():
    flash = Nor(1, seed=3)
    flash.cut_at(octet=3, tear="half_cleared")
    with pytest.raises(PowerCut):
        flash.program(0, b"\x0f" * 16)
    flash.power_on()
    image = flash.image()[:16]
    assert all(octet & 0x0F == 0x0F for octet in image) and image != b"\x0f" * 16
    with pytest.raises(Misuse):
        flash.program(0, b"\x0f" * 16)


@pytest.mark.parametrize("tear", ["prefix", "half_cleared"])
@pytest.mark.parametrize("erased", ["ff", "noise"])
def test_a_torn_erase_leaves_a_sector_that_must_be_erased_again(erased, tear):
    flash = Nor(2, erased=erased)
    flash.program(0, bytes(4096))
    flash.cut_at(erase=1, tear=tear)
    flash.erase(1)
    with pytest.raises(PowerCut):
        flash.erase(0)
    flash.power_on()
    image = flash.image()[:4096]
    units = [image[at : at + 16] for at in range(0, 4096, 16)]
    assert 0 < sum(unit == bytes(16) for unit in units) < 256
    with pytest.raises(Misuse):
        flash.program(0, bytes(16))
    flash.erase(0)
    flash.program(0, bytes(16))


def test_a_cut_is_counted_over_programs():
    flash = Nor(1)
    flash.cut_at(octet=40)
    flash.program(0, bytes(32))
    with pytest.raises(PowerCut):
        flash.program(32, bytes(32))
    flash.power_on()
    assert flash.programmed_octets == 40


@pytest.mark.parametrize("erased", ["ff", "noise"])
def test_an_image_comes_back_with_its_erased_units(tmp_path, erased):
    flash = Nor(2, erased=erased, seed=5)
    flash.program(64, b"b" * 16)
    flash.save(tmp_path / "flash")
    again = Nor.load(tmp_path / "flash", erased, seed=5)
    assert again.image() == flash.image()
    again.program(80, b"c" * 16)
    with pytest.raises(Misuse):
        again.program(64, b"b" * 16)


def test_faults_are_those_of_chips():
    flash = Nor(1)
    flash.refuse_program(1)
    with pytest.raises(OSError):
        flash.program(0, bytes(16))
    flash.silent = 1
    flash.program(0, bytes(16))
    assert flash.image()[:16] == b"\xff" * 16
    flash.stuck[3] = (0x81, 0x80)
    flash.program(0, b"\x01" * 16)
    assert flash.image()[:5] == b"\x01\x01\x01\x80\x01"
    flash.refuse_erase(1)
    with pytest.raises(OSError):
        flash.erase(0)
    flash.rot(0, 0xFF)
    assert flash.image()[0] == 0xFE


def test_a_ruined_sector_takes_what_it_can_and_is_whole_after_an_erase():
    """The software cannot know that its sector became rubbish: it learns it from what it reads back."""
    chip = Nor(6, seed=3)
    chip.program(0, bytes(range(16)))
    chip.ruin(0)
    before = chip.image()[16:32]
    chip.program(16, b"\x0f" * 16)
    assert chip.image()[16:32] == bytes(octet & 0x0F for octet in before) != b"\x0f" * 16
    with pytest.raises(Misuse):
        chip.program(16, bytes(16))
    chip.erase(0)
    chip.program(0, bytes(16))
