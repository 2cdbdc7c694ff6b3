"""The secure element: its words against the data sheet's, a second CRC, a model that refuses; a whole hub with it."""

import asyncio
import hashlib
import math

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from firmware import enrolling
from firmware.contracts import PeerError
from tests.simulator.net.twin import World
from tests.twin import homes
from tools.inspect.envelope import decode_envelope
from tools.simulator import secure_element
from tools.simulator.devices import readings
from tools.simulator.house import CUFF
from tools.simulator.secure_element import ADDRESS, Atecc608, crc

SCL, SDA = 9, 8
DIGEST = bytes(range(32))


# -- the model by itself --------------------------------------------------------------------------------------


class Bus:
    """A chip and a clock by hand."""

    def __init__(self, **options):
        self.ms = 0.0
        self.drawn = 0
        self.chip = Atecc608(lambda: self.ms, self.random, **options)

    def random(self, count):
        self.drawn += 1
        return hashlib.shake_256(b"%d" % self.drawn).digest(count)

    def wake(self):
        assert not self.chip.write(0, b"\0", 100_000)
        self.ms += 1.5
        return self.chip.read(ADDRESS, 4)

    def say(self, octets, wait_ms=120.0):
        assert self.chip.write(ADDRESS, b"\x03" + octets, 100_000)
        self.ms += wait_ms

    def command(self, opcode, mode=0, number=0, data=b"", wait_ms=120.0):
        counted = bytes((7 + len(data), opcode, mode, number & 255, number >> 8)) + data
        self.say(counted + crc(counted), wait_ms)
        return self.chip.read(ADDRESS, 67)


# DS40001977, "Wake" and "Status/Error Codes", and the Info command as cryptoauthlib sends it.
def test_the_octets_of_the_data_sheet():
    assert secure_element.packet(b"\x11") == bytes.fromhex("04113343")
    assert secure_element.packet(b"\x00") == bytes.fromhex("04000340")
    bus = Bus()
    assert bus.wake() == bytes.fromhex("04113343")
    bus.say(bytes.fromhex("0730000000035d"))
    assert bus.chip.read(ADDRESS, 7) == secure_element.packet(secure_element.REVISION)


def test_it_sleeps_wakes_works_and_falls_asleep_as_the_chip_does():
    bus = Bus()
    assert bus.chip.read(ADDRESS, 4) is None and not bus.chip.write(ADDRESS, b"\x03\x07", 100_000)
    bus.chip.write(0, b"\0", 400_000)  # too short a pulse
    bus.ms += 5
    assert bus.chip.read(ADDRESS, 4) is None
    bus.chip.write(0, b"\0", 100_000)
    assert bus.chip.read(ADDRESS, 4) is None  # not before tWHI
    bus.ms += 1.5
    assert bus.chip.read(ADDRESS, 4)[1] == 0x11
    bus.say(bytes.fromhex("0730000000035d"), 1)
    assert bus.chip.read(ADDRESS, 7) is None  # still at work
    bus.ms += 1400
    assert bus.chip.read(ADDRESS, 7) is None  # its watchdog ended that
    bus.wake()
    assert bus.chip.write(ADDRESS, b"\x02", 100_000) and bus.chip.read(ADDRESS, 4) is None


REFUSED = {
    "a wrong CRC": (lambda bus: bus.say(bytes.fromhex("0730000000035e")), 0xFF),
    "a wrong count": (lambda bus: bus.say(bytes.fromhex("0830000000035d")), 0xFF),
    "an opcode that it has not": (lambda bus: bus.command(0x99), 0x03),
    "a mode that it has not": (lambda bus: bus.command(0x41, 0x13), 0x03),
    "a nonce that is too short": (lambda bus: bus.command(0x16, 3, 0, b"x" * 31), 0x03),
    "a signature without a nonce": (lambda bus: bus.command(0x41, 0x80), 0x0F),
    "a public key where none is": (lambda bus: bus.command(0x40, 0x00, 3), 0x0F),
    "a slot that it has not": (lambda bus: bus.command(0x40, 0x04, 16), 0x03),
    "a lock of what is locked": (lambda bus: bus.command(0x17, 0x80), 0x0F),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_command_is_refused(name):
    do, status = REFUSED[name]
    bus = Bus()
    bus.wake()
    do(bus)
    assert bus.chip.read(ADDRESS, 4) == secure_element.packet(bytes((status,)))
    assert bus.chip.said == []


def test_a_nonce_serves_one_signature_and_each_is_another():
    bus = Bus()
    bus.wake()
    point = b"\x04" + bus.command(0x40, 0x04, 0)[1:65]
    made = []
    for _ in range(2):
        assert bus.command(0x16, 3, 0, DIGEST, 20)[1] == 0
        made.append(bus.command(0x41, 0x80, 0)[1:65])
    assert bus.command(0x41, 0x80, 0)[:2] == b"\x04\x0f"
    assert made[0] != made[1]
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    for one in made:
        r, s = (int.from_bytes(half, "big") for half in (one[:32], one[32:]))
        public.verify(encode_dss_signature(r, s), DIGEST, ec.ECDSA(Prehashed(hashes.SHA256())))


def test_before_its_configuration_is_locked_nothing_is_secret():
    bus = Bus(config_locked=False, data_locked=False)
    bus.wake()
    assert bus.command(0x1B)[1:33] == b"\xff\xff\x00\x00" * 8
    assert bus.command(0x02, 0, 0x15)[1:5] == b"\0\0\x55\x55"
    assert bus.command(0x40, 0x04, 0)[:2] == b"\x04\x0f"
    assert bus.command(0x17, 0x80)[1] == 0 and bus.command(0x17, 0x81)[1] == 0
    assert bus.command(0x02, 0, 0x15)[1:5] == bytes(4)


# -- the driver on MicroPython, over the twin's bus ---------------------------------------------------------------

PROGRAM = f"""
from firmware.board import atecc608
told["crc"] = [atecc608.crc16(bytes(octets)).hex() for octets in ([4, 17], [4, 0], list(range(70)))]
element = atecc608.SecureElement({SCL}, {SDA}, 0)
def ask(name, work, *arguments):
    began = time.ticks_ms()
    try:
        answer = work(*arguments)
        answer = answer if isinstance(answer, bool) else answer.hex()
    except Exception as error:
        answer = [type(error).__name__] + list(error.args)
    told[name] = answer
    told[name + " ms"] = time.ticks_diff(time.ticks_ms(), began)
"""
ALL = """
ask("locked", element.locked)
ask("random", element.random_octets)
ask("new", element.new_key)
ask("public", element.public_key)
ask("one", element.sign, bytes(range(32)))
ask("two", element.sign, bytes(range(32)))
"""


def on_hub(tmp_path, program, **options):
    world = World(tmp_path)
    bus = Bus()
    chip = Atecc608(lambda: world.loop.time() * 1000, bus.random, **options)
    world.board.bus[SCL, SDA] = chip
    return world.run(PROGRAM + program), chip


needs = pytest.mark.needs("micropython32", "library")


@needs
@pytest.mark.promise("P10")
def test_the_driver_says_what_the_chip_takes(tmp_path):
    told, chip = on_hub(tmp_path, ALL)
    assert told["crc"] == [crc(bytes(octets)).hex() for octets in ([4, 17], [4, 0], range(70))]
    assert told["locked"] is True and len(told["random"]) == 64
    assert told["new"] == told["public"] and told["new"][:2] == "04"
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(told["new"]))
    assert told["one"] != told["two"]
    for name in ("one", "two"):
        made = bytes.fromhex(told[name])
        pair = encode_dss_signature(int.from_bytes(made[:32], "big"), int.from_bytes(made[32:], "big"))
        public.verify(pair, DIGEST, ec.ECDSA(Prehashed(hashes.SHA256())))
        assert told[name + " ms"] <= 150
    assert chip.said == [0x02, 0x1B, 0x40, 0x40, 0x16, 0x41, 0x16, 0x41]


@needs
@pytest.mark.promise("P11")
@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"present": False}, ["PeerError", "secure element: no answer"]),
        ({}, ["PeerError", "secure element: refused", 0x0F]),  # there is no key yet
        ({"disturbed": 1}, ["PeerError", "secure element: refused", 0x0F]),  # the second try is heard
        ({"disturbed": 99}, ["PeerError", "secure element: no wake"]),
    ],
)
def test_what_fails_is_said_by_name_and_in_time(tmp_path, options, answer):
    told, _ = on_hub(tmp_path, 'ask("one", element.sign, bytes(32))\n', **options)
    assert told["one"] == answer and told["one ms"] <= 400


# -- a whole hub ------------------------------------------------------------------------------------------------


class WithElement(homes.OtherSettings):
    """A house whose hub signs in a secure element."""

    def __init__(self, seed, models, **chip):
        super().__init__(seed, models, lambda settings: settings.update(signer={"scl": SCL, "sda": SDA, "slot": 2}))
        bus = Bus()
        self.chip = Atecc608(lambda: self.loop.time() * 1000, bus.random, **chip)
        self.hub.board.bus[SCL, SDA] = self.chip


@needs
@pytest.mark.promise("P4", "P6", "P10")
def test_a_retry_has_the_same_payload_another_signature_and_counts_once():
    with WithElement(3, (CUFF,)) as house:
        house.world.run(homes.ready(house))
        lost = []

        def between(arrival):
            if arrival.name == "up" and len(lost) < 2:
                lost.append(arrival.octets)
                return []
            return [arrival.answer] if arrival.answer else []

        async def story():
            house.platform.between = between
            await homes.measure(house, house.devices[0], readings.blood_pressure(128, 82, 97, 71))
            await house.until(lambda: house.journal().waiting() == 0, 300, "it is freed")

        house.world.run(story())
        first, second, third = (arrival.octets for arrival in house.platform.named("up"))
        payloads = {bytes(cbor2.loads(one).value[2]) for one in (first, second, third)}
        assert len(payloads) == 1 and len({first, second, third}) == 3
        point = house.enrolled.signing_point
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        assert len({decode_envelope(one, lambda kid: public).hash for one in (first, second, third)}) == 1
        assert homes.books(house) == (0, 0, 0)
        assert house.chip.keys[2].public_key().public_numbers() == public.public_numbers()


@needs
@pytest.mark.promise("P2", "P11")
def test_an_element_that_fails_for_an_hour_costs_no_reading():
    with WithElement(4, (CUFF,)) as house:
        house.world.run(homes.ready(house))

        async def story():
            house.chip.present = False
            await homes.measure(house, house.devices[0], readings.blood_pressure(128, 82, 97, 71))
            await asyncio.sleep(3600)
            assert house.delivered() == {} and house.journal().waiting() == 1
            house.chip.present = True
            await house.until(lambda: house.journal().waiting() == 0, 900, "it is freed")

        house.world.run(story())
        assert homes.books(house) == (0, 0, 0) and house.hub.counters.boots == 3


@needs
def test_an_element_that_is_not_locked_makes_no_key():
    with WithElement(5, (CUFF,), config_locked=False) as house:
        with pytest.raises(Exception, match="not locked"):
            house.world.run(homes.ready(house))
        assert house.chip.keys == {}


# -- the random source that keys are made of ------------------------------------------------------------------------


def failing_once_in(draws, cutoff):
    """The chance that an octet of 6 bits' worth comes `cutoff` times or more in `draws` (SP 800-90B, 4.4.2)."""
    p = 2.0**-6
    return sum(math.comb(draws, n) * p**n * (1 - p) ** (draws - n) for n in range(cutoff, draws + 1))


def test_the_cut_offs_are_those_of_the_standard():
    assert enrolling._RUN_MAX == 1 + math.ceil(30 / 6)
    # The octet itself is the first of its window: one less among the others.
    assert failing_once_in(511, enrolling._SEEN_MAX - 1) < 2**-30 < failing_once_in(511, enrolling._SEEN_MAX - 4)


GOOD = Bus().random


@pytest.mark.promise("P10")
@pytest.mark.parametrize(
    ("source", "good"),
    [
        (GOOD, True),
        (bytes, False),
        (lambda n: bytes(range(n)), False),
        (lambda n: bytes(octet & 0x0F for octet in GOOD(n)), False),
        (lambda n: bytes(octet if octet > 40 else 0 for octet in GOOD(n)), False),
        (lambda n: GOOD(n - 6) + b"\x55" * 6, False),
    ],
    ids=("good", "zeros", "the same each time", "four bits", "one octet too often", "stuck at times"),
)
def test_no_key_is_made_of_a_source_that_is_none(source, good):
    if good:
        enrolling._check_random(source)
        return
    with pytest.raises(PeerError, match="random source"):
        enrolling._check_random(source)


def test_a_good_source_is_not_refused_by_chance():
    bus = Bus()
    for _ in range(300):
        enrolling._check_random(bus.random)


