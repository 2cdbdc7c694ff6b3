"""Another reader, written from FORMAT.md alone with the standard library, reads what the journal wrote."""

import struct
import zlib

import pytest

from tests.journal.owner import Owner

_UNIT = 16


def _crc(octets, before=0):
    return zlib.crc32(octets, before)


def _heads(image):
    """FORMAT.md 1 and 2: {(lane, generation): sector}, and the salt."""
    total = len(image) // 4096
    captures = max(3, total * 3 // 8)
    found, salts = {}, set()
    for sector in range(total):
        head = image[sector * 4096 : sector * 4096 + 96]
        if head[:3] != b"TJ\x01" or struct.unpack("<I", head[84:88])[0] != _crc(head[:84]):
            continue
        lane, generation, salt, c, n = struct.unpack("<BI8sHH", head[3:20])
        assert (c, n) == (captures, total)
        assert sector == (captures + generation % (total - captures) if lane else generation % captures)
        found[lane, generation] = sector
        salts.add(salt)
    assert len(salts) == 1
    return found, salts.pop()


def _frames(image, sector, lane, generation, salt):
    """FORMAT.md 3: (unit, payload) of each valid frame."""
    prefix = _crc(bytes([lane]) + generation.to_bytes(4, "little"), _crc(salt))
    unit, base = 6, sector * 4096
    while unit < 256:
        at = base + unit * _UNIT
        word, crc = struct.unpack("<HI", image[at : at + 6])
        size = word & 1023
        units = -(-(size + 6) // _UNIT)
        good = 1 <= size <= 1000 and unit + units <= 256
        good = good and (sum(image[at + 2 : at + 6]) + size % 256 + size // 256) % 64 == word >> 10
        rest = image[at + 6 : at + units * _UNIT]
        if good and _crc(rest, _crc(struct.pack("<BH", unit, size), prefix)) == crc:
            yield unit, rest[:size]
            unit += units
        else:
            unit += 1


def _capture(octets):
    number, _handle, _device, _flags = struct.unpack("<IHBB", octets[:8])
    visit, boot = int.from_bytes(octets[8:11], "little"), int.from_bytes(octets[11:14], "little")
    return number, (boot, visit, octets[23:])


def _dump(image):
    """All captures, copies included; the newest snapshot and what follows it."""
    found, salt = _heads(image)
    captures, after = {}, []
    for (lane, generation), sector in sorted(found.items()):
        for _unit, payload in _frames(image, sector, lane, generation, salt):
            if lane == 0 or payload[0] == 11:
                number, facts = _capture(payload[lane:])
                assert captures.setdefault(number, facts) == facts
            elif payload[0] == 3:
                after = [payload]
            else:
                after.append(payload)
    return captures, after


@pytest.mark.parametrize("erased", ["ff", "noise"])
@pytest.mark.parametrize("turns", [2, 70])
def test_another_reader_finds_what_waits_the_chain_and_the_last_numbers(erased, turns):
    owner = Owner(7, erased, seed=turns)
    owner.start()
    for turn in range(turns):
        owner.session()
        for _value in range(3):
            owner.capture(5 + turn % 40)
        owner.plan(2)
        owner.receipt()
        owner.tidy()
        if turn % 9 == 0:
            owner.plan(8)
            owner.receipt()
            owner.receipt()
            owner.start()
    captures, after = _dump(owner.flash.image())
    for number in set(owner.kept) - owner.done:
        assert captures[number] == owner.kept[number]
    base = "<8s8sIIIIII32sHBBBBB"
    facts = struct.unpack_from(base, after[0], 1)
    done, at = [], 1 + struct.calcsize(base)
    for index in range(facts[10]):
        done.append(struct.unpack_from("<II", after[0], at + 8 * index))
    sequences = [facts[6]] + [struct.unpack_from("<I", one, 1)[0] for one in after if one[0] == 9]
    boots = [facts[4] & 0x7FFFFFFF] + [struct.unpack_from("<I", one, 1)[0] for one in after if one[0] == 5]
    assert facts[0] == owner.journal.chain or turns == 2
    assert max(sequences) == owner.sequence and max(boots) == owner.boot
    freed = {number for low, high in done for number in range(low, high)}
    assert freed <= owner.done
