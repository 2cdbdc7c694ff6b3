"""Envelopes from journal facts, against octets made elsewhere: by cbor2 and OpenSSL, in test_vectors.py."""

from binascii import hexlify, unhexlify

from firmware.contracts import OutOfTurn
from firmware.journal.records import BOND_CHANGED, Capture, Fix, Session
from firmware.measurement import codes
from firmware.measurement.measurement import USER_UNKNOWN, Measurement
from firmware.seal import cose, p256
from firmware.seal.batch import BUFFER_OCTETS, Batch, Head

KEY = unhexlify("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")  # RFC 6979, A.2.5
HUB = unhexlify("30aea4123456")
CHAIN = unhexlify("c0ffee0011223344")
CUFF = unhexlify("c4be840a0b0c")
SEALED_S = 1767596469  # 2026-01-05T07:01:09Z
FIX = Fix(7, 5000, SEALED_S - 900, 1, 1100)
INDICATED, ENCRYPTED, AUTHENTICATED, BONDED = 1, 2, 4, 8  # a capture's flags (firmware/journal/FORMAT.md 4)
LINK = INDICATED | ENCRYPTED | BONDED
PRESSURE = unhexlify(
    "1e800052006100ea07010508000947000100" + "00"
)  # 128/82 mean 97, 2026-01-05 08:00:09, pulse 71
VENDOR = bytes(range(16))  # a 128-bit UUID as it travels, least significant octet first

# A year of use at five readings a day: every number needs two octets.
LONE = (
    "d28451a301260319fdf20448b18b86ce1389e46da0586888024630aea412345648c0ffee00112233441905dc50000000"
    "00000000000000000000000000841a695b61b501190384186e81891905dc46c4be840a0b0c0f0101042e0286531e8000"
    "52006100ea07010508000947000100003301448052614700382782190bb801584084f7a1121ddf440e8efd1e9ece278e"
    "c7a6d346f5f9bb94b466d546ab515bbe6295268118a349c116867939af69f1a9454df0bfcd2c309f0d933b2285f3dfbf"
    "83"
)
VARIED = (
    "d28451a301260319fdf20448b18b86ce1389e46da05901da89024630aea412345648c0ffee0011223344015000000000"
    "000000000000000000000000851a695b61b501183c0502848a0746c4be840a0b0c0701002df60087531e800052006100"
    "ea070105080009470001000039139101848318ab201a00040f0383186d201a00040f03831882201a00040f0318470019"
    "529ea1020487531e800052006100ea070105080009470001000000018418ac19012c1882184604190123a20205041847"
    "8d0c46d4be840a0b0d181f03028118324aea07010508000a0100020287430e010219136002838219203521f68218b521"
    "f68100a40182000803020718ff080287430effff0002818105f682003a30ee29b5a1030286f600028119203af6810184"
    "4100016b756e737570706f72746564a30302040605500f0e0d0c0b0a0908070605040302010083410000a20302040689"
    "0e46e4be840a0b0e18276d736f6d655f6f78696d657465720004f600874101182703831861810182182b201b00000012"
    "34560020f6a202020302890f0500600000f60084581effffffffffffffffffffffffffffffffffffffffffffffffffff"
    "ffffffff0f6a6e6f2073657373696f6ea2030206186386010204040902a20283480102030405060708184d1903de03a1"
    "0250a1656d6f64656c6855432d333532424c5840c1adadb5ae1e6f261005c532f0f2d9cd4e879c0d06a47e7cae1223ea"
    "7dcff63997830c9e2538f31f993ca6f7e3aba4774e4b8eb86f55a655393561db6e3c5993"
)


def capture(
    number, value=PRESSURE, boot=7, visit=1500, device=0, handle=18, flags=LINK, mono_ms=106000, **other
):
    time_s = other.get("time_s", SEALED_S - 20)
    return Capture(
        number, boot, visit, device, handle, flags, mono_ms, time_s, other.get("quality", 1), value
    )


def session(visit=1500, boot=7, device=0, address=CUFF, row="ad_ua651ble", clock=b"", clock_ms=0, **other):
    return Session(
        visit,
        boot,
        device,
        address,
        other.get("address_type", 0),
        row,
        LINK,
        100000,
        clock,
        clock_ms,
        other.get("clock_written", True),
        other.get("offset_min", 60),
        other.get("characteristics", ((18, b"\x35\x2a"),)),
        other.get("description", 1),
    )


def pressure(values=(128, 82, 97, 71), time=(2026, 1, 5, 8, 0, 9), unit=codes.MMHG, exponent=0):
    units = (unit, unit, unit, codes.BPM)
    exponents = (exponent, exponent, exponent, 0)
    names = (codes.PRESS_SYS, codes.PRESS_DIA, codes.PRESS_MEAN, codes.PULSE_CUFF)
    made = Measurement(
        "blood_pressure", tuple([(names[at], values[at], exponents[at], units[at]) for at in range(4)])
    )
    made.status_raw = 0
    made.device_time = time
    made.device_time_state = "ok"
    return made


def measured(kind, quantities, **other):
    made = Measurement(kind, quantities, other.get("extra", 0))
    made.status_raw = other.get("status_raw")
    made.device_time = other.get("time")
    made.device_time_state = other.get("state", "absent")
    made.user = other.get("user")
    made.flags = other.get("flags", ())
    return made


def head(sequence=1500, fix=FIX, quality=1, replaces=0, chain_start=None):
    return Head(HUB, CHAIN, sequence, bytes(32), SEALED_S, quality, fix, replaces, chain_start)


def sealed(batch, buffer):
    length = batch.finish()
    header = cose.protected(cose.ENVELOPE, p256.key_id(p256.public_key(KEY)))
    return bytes(cose.sign1_in(buffer, batch.start, length, KEY, header))


def lone():
    """One blood pressure of one visit, sealed 20 s after it came."""
    buffer = bytearray(BUFFER_OCTETS)
    batch = Batch(buffer)
    batch.begin(head())
    one = session(
        clock=unhexlify("ea070105080020"), clock_ms=104000
    )  # 08:00:32; the hub's local time was 08:00:47
    assert batch.add(capture(3000), one, None, [pressure()])
    return sealed(batch, buffer)


def sixteen(count=16):
    """What a cuff stored over five days, three times a day, in one visit."""
    buffer = bytearray(BUFFER_OCTETS)
    batch = Batch(buffer)
    batch.begin(head())
    one = session(clock=unhexlify("ea070105080020"), clock_ms=104000)
    for at in range(count):
        value = bytearray(PRESSURE)
        value[1] = 120 + at
        value[10], value[11] = 1 + at // 3, 7 + at % 3 * 6
        kept = capture(3000 + at, bytes(value), mono_ms=106000 + 300 * at, time_s=SEALED_S - 20 + at // 3)
        time = (2026, 1, 1 + at // 3, 7 + at % 3 * 6, 0, 9)
        assert batch.add(kept, one, None, [pressure((120 + at, 82, 97, 71), time)])
    return sealed(batch, buffer)


def varied():
    """Everything that the format can say, in one envelope."""
    buffer = bytearray(BUFFER_OCTETS)
    batch = Batch(buffer)
    batch.begin(
        head(
            1,
            fix=Fix(9, 1000, SEALED_S - 60, 2, 41),
            replaces=0,
            chain_start=(unhexlify("0102030405060708"), 77, 990),
        )
    )
    # Boot 8 had a fix only after the visit: timed afterwards. The clock was not read; kilopascal, then again.
    late = Fix(8, 60000, SEALED_S - 5000, 1, 900)
    old = session(7, 8, clock_written=False, offset_min=-210, description=0)
    kpa = pressure((171, 109, 130, 71), unit=codes.KPA, exponent=-1)
    kept = capture(1, boot=8, visit=7, mono_ms=50000, time_s=1700000000, quality=0, flags=LINK)
    assert batch.add(kept, old, late, [kpa])
    again = pressure((172, 300, 130, 70), (2026, 1, 5, 8, 5, 0), codes.KPA, -1)
    again.status_raw = 4
    kept = capture(2, boot=8, visit=7, mono_ms=50500, time_s=1700000000, quality=0, flags=LINK | BOND_CHANGED)
    assert batch.add(kept, old, late, [again], True)
    # A scale with a Current Time clock, an unusual exponent, a user, a reason in place of a number.
    clock = unhexlify("ea07010508000a010002")
    scale = session(
        12, 9, 1, unhexlify("d4be840a0b0d"), "ad_uc352ble", clock, 2000, address_type=1, offset_min=50,
        characteristics=((18, b"\x9d\x2a"), (21, VENDOR)), description=2,
    )  # fmt: skip
    weight = measured(
        "body_weight",
        ((codes.BODY_MASS, 8245, -2, codes.KG), (codes.BODY_HEIGHT, 181, -2, codes.METRE)),
        user=USER_UNKNOWN, state="unknown", flags=("test", "from_storage"), extra=2,
    )  # fmt: skip
    first = capture(4, b"\x0e\x01\x02", 9, 12, 1, mono_ms=3600, time_s=SEALED_S - 50, quality=2)
    assert batch.add(first, scale, None, [weight])
    failed = measured(
        "body_weight", ((codes.BODY_MASS, "unsuccessful"),), state="unknown", time=(2000, 1, 1, 0, 0, 5)
    )
    heavier = measured("body_weight", ((codes.BODY_MASS, 8250, -2, codes.KG),), state="invalid")
    second = capture(5, b"\x0e\xff\xff", 9, 12, 1, mono_ms=3700, time_s=SEALED_S - 50, quality=2)
    assert batch.add(second, scale, None, [failed, heavier])
    vendor = capture(
        6, b"\x00", 9, 12, 1, 21, LINK & ~INDICATED, mono_ms=3800, time_s=SEALED_S - 49, quality=2
    )
    assert batch.add(vendor, scale, None, "unsupported")
    assert batch.add(with_number(vendor, 7), scale, None, [])
    # An oximeter that no table knows, by passkey; its session is another visit's.
    other = session(
        13, 9, 2, unhexlify("e4be840a0b0e"), "some_oximeter", unhexlify("ea070105080000"), 2000,
        characteristics=((30, b"\x5e\x2a"),), description=0,
    )  # fmt: skip
    pulse = codes.PULSE_OXIMETER, "NRes"
    amplitude = codes.PULSE_AMPLITUDE, 43, -1, codes.PERCENT
    quantities = (codes.SPO2, 97, 0, codes.PERCENT), pulse, amplitude
    spot = measured("pulse_oximetry", quantities, status_raw=0x1234560020)
    kept = capture(
        9, b"\x01", 9, 14, 2, 30, LINK | AUTHENTICATED, mono_ms=9000, time_s=SEALED_S - 10, quality=2
    )
    assert batch.add(kept, other, None, [spot])
    # A visit whose session is lost altogether.
    kept = capture(10, b"\xff" * 30, 9, 15, 5, 99, 0, mono_ms=9500, time_s=SEALED_S + 5, quality=2)
    assert batch.add(kept, None, None, "no session")
    assert batch.ranges == ((1, 2), (4, 4), (9, 2))
    assert batch.describe(2, b"\xa1\x65model\x68UC-352BL")
    return sealed(batch, buffer)


def with_number(kept, number):
    fields = list(kept)
    fields[0] = number
    return Capture(*fields)


def test_a_lone_blood_pressure_has_the_octets_made_elsewhere_and_few_of_them():
    octets = lone()
    assert hexlify(octets).decode() == LONE
    assert len(octets) <= 193


def test_sixteen_readings_of_one_visit_take_at_most_43_octets_each():
    assert len(sixteen()) <= 16 * 43


def test_everything_that_can_be_said_has_the_octets_made_elsewhere():
    assert hexlify(varied()).decode() == VARIED


def test_the_same_facts_give_the_same_octets_whatever_was_built_before():
    buffer = bytearray(b"\xff" * BUFFER_OCTETS)
    batch = Batch(buffer)
    made = []
    for _ in range(2):
        batch.begin(head(9))
        for number in range(1, 40):
            assert batch.add(
                capture(number, visit=number // 3), session(visit=number // 3), None, [pressure()]
            )
        made.append(sealed(batch, buffer))
    assert made[0] == made[1]


def filled(batch, add):
    count = 0
    while add(count):
        count += 1
    return count


def test_what_has_no_room_leaves_no_trace():
    buffer = bytearray(BUFFER_OCTETS)
    batch = Batch(buffer)

    def add(at):
        visit = 1 + at // 7
        return batch.add(
            capture(1 + at, visit=visit), session(visit=visit), None, [pressure((130 + at, 82, 97, 71))]
        )

    batch.begin(head())
    count = filled(batch, add)
    assert count > 30 and batch.ranges == ((1, count),)
    full = sealed(batch, buffer)
    assert BUFFER_OCTETS - 120 < len(full) <= BUFFER_OCTETS
    batch.begin(head())
    for at in range(count):
        assert add(at)
    assert sealed(batch, buffer) == full


def test_every_length_of_batch_fits_and_closes():
    # Heads grow at 24 entries and 24 sessions: no count may find the room for that missing.
    buffer = bytearray(BUFFER_OCTETS)
    batch = Batch(buffer)
    for each in (1, 2, 15, 16, 100):
        for size in range(40):
            value = bytes(size)
            batch.begin(head())
            at = 0
            while at < 150 and batch.add(
                capture(1 + at, value, visit=at // each), session(visit=at // each), None, "unsupported"
            ):
                at += 1
            length = batch.finish()
            assert batch.start + length + cose.SIGNATURE_OCTETS <= BUFFER_OCTETS


def test_one_capture_always_has_room():
    buffer = bytearray(BUFFER_OCTETS)
    batch = Batch(buffer)
    value = bytes(512)
    wide = session(row="x" * 32, clock=bytes(16), characteristics=((18, VENDOR),), offset_min=7)
    readings = [pressure((1000 + at, -5, 70000, at), (2026, 1, 1 + at % 28, 0, 0, 0)) for at in range(120)]
    batch.begin(head(2**32 - 1, chain_start=(CHAIN, 2**32 - 1, 2**32 - 1)))
    assert batch.add(capture(2**32 - 1, value), wide, None, readings)
    assert batch.ranges == ((2**32 - 1, 1),)
    assert batch.describe(65535, bytes(200))
    octets = sealed(batch, buffer)
    assert b"too long" in octets and value in octets and len(octets) <= BUFFER_OCTETS


def test_a_plan_has_room_for_the_ranges():
    batch = Batch(bytearray(BUFFER_OCTETS))
    batch.begin(head())
    for at in range(8):
        assert batch.add(capture(1 + 2 * at), session(), None, [])
    assert batch.add(capture(16), session(), None, [])
    assert not batch.add(capture(18), session(), None, [])
    assert len(batch.ranges) == 8


def test_a_description_is_refused_when_it_has_no_room():
    buffer = bytearray(BUFFER_OCTETS)
    batch = Batch(buffer)
    batch.begin(head())
    at = 0
    while batch.add(capture(1 + at, bytes(17)), session(), None, []):
        at += 1
    assert not batch.describe(1, bytes(200))
    assert len(sealed(batch, buffer)) <= BUFFER_OCTETS


def test_our_own_slips_are_told():
    batch = Batch(bytearray(BUFFER_OCTETS))
    batch.begin(head())
    try:
        batch.finish()
        assert False
    except OutOfTurn:
        pass
    assert batch.add(capture(5), session(), None, [])
    for number in (5, 4):
        try:
            batch.add(capture(number), session(), None, [])
            assert False
        except OutOfTurn:
            pass
    for octets in (b"", bytes(201)):
        try:
            batch.describe(1, octets)
            assert False
        except ValueError:
            pass
    backwards = measured(
        "body_weight", ((codes.BODY_HEIGHT, 1, 0, codes.METRE), (codes.BODY_MASS, 1, 0, codes.KG))
    )
    try:
        batch.add(capture(6), session(), None, [backwards])
        assert False
    except ValueError:
        pass
