"""What the hub seals, read by code that shares nothing with it: nothing changed, invented or forged."""

from decimal import Decimal

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cwt import COSE, COSEKey
from hypothesis import given, settings
from hypothesis import strategies as st

import drivers
from firmware.journal.records import BOND_CHANGED, Capture, Fix, Session
from firmware.measurement import codes
from firmware.measurement.device_time import time_of
from firmware.measurement.measurement import Measurement
from firmware.seal import cose, p256
from firmware.seal.batch import BUFFER_OCTETS, Batch, Head
from firmware.seal.entry import ROWS
from tests.seal import pure_batch
from tools.inspect import payload as reader
from tools.inspect.cose import BadMessage, sign1
from tools.inspect.envelope import authenticate, decode_envelope, decode_payload

POINT = p256.public_key(pure_batch.KEY)
KID = p256.key_id(POINT)
PUBLIC = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), POINT)


def lookup(kid):
    return PUBLIC if kid == KID else None


def read(octets):
    return decode_envelope(octets, lookup)


# --- nothing forged


def test_every_flipped_bit_of_an_envelope_is_refused():
    whole = pure_batch.lone()
    read(whole)
    for at in range(len(whole) * 8):
        changed = bytearray(whole)
        changed[at >> 3] ^= 1 << (at & 7)
        with pytest.raises(BadMessage):
            read(bytes(changed))


def test_every_cut_off_envelope_and_every_octet_more_is_refused():
    whole = pure_batch.lone()
    for length in range(len(whole)):
        with pytest.raises(BadMessage):
            read(whole[:length])
    for more in (b"\x00", b"\xf6", whole):
        with pytest.raises(BadMessage):
            read(whole + more)


def test_a_second_library_verifies_the_same_envelope():
    key = COSEKey.new({1: 2, 2: KID, 3: -7, -1: 1, -2: POINT[1:33], -3: POINT[33:]})
    for octets in (pure_batch.lone(), pure_batch.varied()):
        assert cbor2.loads(COSE.new().decode(octets, key)) == cbor2.loads(sign1(octets).payload)


def test_an_envelope_under_an_unknown_key_is_told_from_a_forged_one():
    whole = pure_batch.lone()
    with pytest.raises(BadMessage) as error:
        decode_envelope(whole, lambda kid: None)
    assert error.value.what == "key"
    with pytest.raises(BadMessage) as error:
        decode_envelope(whole, lambda kid: ec.generate_private_key(ec.SECP256R1()).public_key())
    assert error.value.what == "signature"


def test_a_health_report_never_passes_as_an_envelope():
    header = cose.protected(cose.HEALTH, KID)
    octets = cose.sign1(pure_batch.KEY, header, sign1(pure_batch.lone()).payload)
    authenticate(sign1(octets), lookup)
    with pytest.raises(BadMessage) as error:
        read(octets)
    assert error.value.what == "payload"


@given(st.binary(max_size=300))
def test_rubbish_is_refused(octets):
    with pytest.raises(BadMessage):
        read(octets)


@settings(deadline=None)
@given(st.data())
def test_a_signed_payload_of_another_form_is_refused_or_read_but_never_crashes(data):
    fields = cbor2.loads(sign1(pure_batch.varied()).payload)
    spot = fields
    for _ in range(data.draw(st.integers(0, 3))):
        inner = list(spot.values() if isinstance(spot, dict) else spot)
        inner = [one for one in inner if isinstance(one, (dict, list)) and one]
        if not inner:
            break
        spot = data.draw(st.sampled_from(inner))
    at = data.draw(st.sampled_from(list(spot) if isinstance(spot, dict) else list(range(len(spot)))))
    numbers = st.one_of(st.integers(-(2**63), 2**63), st.integers(0, 300), st.floats(), st.booleans())
    strings = st.one_of(st.binary(max_size=8), st.text(max_size=3))
    spot[at] = data.draw(st.one_of(st.none(), numbers, strings, st.builds(list), st.builds(dict)))
    header = cose.protected(cose.ENVELOPE, KID)
    octets = cose.sign1(pure_batch.KEY, header, cbor2.dumps(fields, canonical=True))
    try:
        read(octets)
    except BadMessage as error:
        assert error.what in ("payload", "cose")


# --- the tables that both sides hold


def test_both_sides_number_rows_and_characteristics_alike():
    from firmware.seal import entry

    assert reader.ROWS == ROWS
    assert entry._USUAL_CHARACTERISTIC == reader._USUAL
    assert set(ROWS) <= set(drivers.ROWS)  # names that no driver has any more still mean what they meant


def test_a_clock_gives_its_skew_in_each_of_its_forms():
    # 2BF2 as read: 1 s after 2000 in UTC, zone + 1 h; in tenths; ticks; a year that no calendar has
    assert reader._clock_seconds(bytes.fromhex("320100000000000004 0000".replace(" ", ""))) == 946684801 + 3600
    assert reader._clock_seconds(bytes.fromhex("260a000000000000000000")) == 946684801
    assert reader._clock_seconds(bytes.fromhex("010a000000000000000000")) is None
    assert reader._clock_seconds(bytes.fromhex("22ffffffffffff00000000")) is None
    assert reader._clock_seconds(bytes.fromhex("ea070105080020")) == 1767600032


# --- nothing changed


def test_the_lone_reading_says_all_that_was_known():
    envelope = read(pure_batch.lone())
    [reading] = envelope.readings
    assert (envelope.hub, envelope.chain, envelope.sequence) == ("30aea4123456", "c0ffee0011223344", 1500)
    assert envelope.captures == [(3000, 1)] and envelope.previous == bytes(16)
    assert envelope.clock == {
        "quality": "ntp", "fix_s": pure_batch.SEALED_S - 900, "uncertainty_ms": 1100, "source": "ntp",
    }  # fmt: skip
    assert reading["device"] == "c4:be:84:0a:0b:0c" and reading["row"] == "ad_ua651ble"
    assert reading["kind"] == "blood_pressure" and reading["captures"] == [3000]
    assert [(one["code"], one["value"], one["unit"]) for one in reading["quantities"]] == [
        (150021, "128", 266016), (150022, "82", 266016), (150023, "97", 266016), (149546, "71", 264864),
    ]  # fmt: skip
    assert (reading["device_time"], reading["device_time_state"]) == ("2026-01-05T08:00:09", "ok")
    assert (reading["hub_time"], reading["hub_clock"]) == ("2026-01-05T07:00:49Z", "ntp")
    assert reading["skew_ms"] == -15000  # the cuff showed 08:00:32 when the hub's local time was 08:00:47
    assert reading["source"] == [{"characteristic": "2A35", "hex": pure_batch.PRESSURE.hex()}]
    assert reading["status_raw"] == 0 and not reading["test"] and reading["flags"] == []
    assert reading["link"] == ["indicated", "encrypted", "bonded"]
    [session] = envelope.sessions
    assert session["clock"] == "2026-01-05T08:00:32" and session["clock_written"] and session["visit"] == 1500
    assert reading["envelope"] == envelope.hash.hex()
    header = cose.protected(cose.ENVELOPE, KID)
    assert envelope.hash == cose.sig_structure_hash(header, sign1(pure_batch.lone()).payload)


def test_everything_that_can_be_said_is_read_again():
    envelope = read(pure_batch.varied())
    assert envelope.chain_start == {"chain": "0102030405060708", "last_sequence": 77, "last_capture": 990}
    assert envelope.descriptions == {2: b"\xa1\x65model\x68UC-352BL"}
    assert envelope.clock["uncertainty_ms"] == 50 and envelope.clock["source"] == "platform"
    kinds = [(one["kind"], one["captures"]) for one in envelope.readings]
    assert kinds == [
        ("blood_pressure", [1]), ("blood_pressure", [2]), ("body_weight", [4]), ("body_weight", [5]),
        ("body_weight", [5]), ("pulse_oximetry", [9]),
    ]  # fmt: skip
    first, second, weight, failed, heavier, spot = envelope.readings
    assert [one["value"] for one in first["quantities"]] == ["17.1", "10.9", "13.0", "71"]
    assert first["quantities"][0]["unit"] == codes.KPA and first["quantities"][3]["unit"] == codes.BPM
    assert first["flags"] == ["timed_afterwards"] and first["skew_ms"] is None
    assert second["flags"] == ["possible_repeat", "timed_afterwards", "bond_changed"]
    assert second["device_time"] == "2026-01-05T08:05:00"
    assert [(one["code"], one["value"]) for one in weight["quantities"]] == [
        (codes.BODY_MASS, "82.45"), (codes.BODY_HEIGHT, "1.81"),
    ]  # fmt: skip
    assert weight["test"] and weight["user"] == 255 and weight["extra_octets"] == 2
    assert weight["device_time_state"] == "unknown" and weight["device_time"] is None
    assert failed["quantities"] == [{"code": codes.BODY_MASS, "reason": "unsuccessful"}]
    assert failed["device_time"] == "2000-01-01T00:00:05" and failed["device_time_state"] == "unknown"
    assert heavier["quantities"][0]["value"] == "82.50" and heavier["device_time_state"] == "invalid"
    assert spot["quantities"][1] == {"code": codes.PULSE_OXIMETER, "reason": "NRes"}
    assert spot["status_raw"] == 0x1234560020 and "session_lost" in spot["flags"]
    assert spot["link"] == ["indicated", "encrypted", "bonded", "authenticated"]
    unsupported, lost = envelope.undecoded
    assert unsupported["source"][0]["characteristic"] == "0f0e0d0c-0b0a-0908-0706-050403020100"
    assert unsupported["reason"] == "unsupported" and "indicated" not in unsupported["link"]
    assert (lost["reason"], lost["handle"], lost["device"]) == ("no session", 99, None)
    assert lost["source"][0]["hex"] == "ff" * 30
    [silent] = envelope.without_reading
    assert silent["captures"] == [7]
    scale = envelope.sessions[1]
    assert scale["clock_octets"] == "ea07010508000a010002" and scale["offset_min"] == 50


DATE_TIME = bytes.fromhex("ea070105080020")  # 2026-01-05T08:00:32

VISITS = st.lists(
    st.tuples(
        st.sampled_from([*drivers.ROWS, "a_row_of_tomorrow"]),
        st.integers(-900, 900),  # offset, minutes
        st.sampled_from([b"", DATE_TIME, DATE_TIME + b"\x01\x00\x02", b"\x00" * 7]),
        st.lists(
            st.tuples(
                st.sampled_from([*codes.KINDS, "", "undecoded"]),
                st.binary(max_size=24),
                st.lists(
                    st.one_of(
                        st.none(),
                        st.sampled_from(codes.REASONS),
                        st.tuples(
                            st.integers(-(2**23), 2**23),
                            st.integers(-8, 7),
                            st.sampled_from([None, codes.KPA, codes.LB]),
                        ),
                        st.tuples(st.integers(0, 260), st.just(0), st.none()),
                    ),
                    max_size=4,
                ),
                st.one_of(st.none(), st.integers(0, 2**40 - 1)),
                st.one_of(st.none(), st.integers(0, 4_000_000_000)),
                st.sampled_from(["ok", "unknown", "invalid", "absent"]),
                st.lists(st.sampled_from(codes.FLAGS), unique=True, max_size=3),
                st.integers(0, 90_000),  # milliseconds since the one before
                st.integers(0, 31),  # link
                st.booleans(),
            ),
            min_size=1,
            max_size=5,
        ),
    ),
    min_size=1,
    max_size=6,
)


def measurement_of(kind, values, status, device_s, state, flags):
    table = codes.KINDS[kind][1]
    if table is None:  # an open kind: each value says its own code and unit
        table = ((150364, codes.DEGC), (160184, codes.MMOL_PER_L), (8417864, codes.CODED), (152586, 263744))
    quantities = []
    for (code, usual), value in zip(table, values, strict=False):
        if isinstance(value, str):
            quantities.append((code, value))
        elif value is not None:
            quantities.append((code, value[0], value[1], value[2] or usual))
    made = Measurement(kind, tuple(quantities))
    made.status_raw, made.flags = status, tuple(flags)
    made.device_time_state = state
    if state == "ok" or (device_s is not None and state != "absent"):
        made.device_time = time_of(device_s or 0)
    return made


@pytest.mark.promise("P3", "P7")
@settings(max_examples=120, deadline=None)
@given(VISITS, st.integers(1, 2**31), st.integers(1, 2**31), st.sampled_from([0, 1, 2]))
def test_all_that_is_sealed_is_read_again_exactly_and_nothing_else(visits, sequence, number, quality):
    buffer = bytearray(BUFFER_OCTETS)
    batch = Batch(buffer)
    fix = Fix(3, 1000, 1767596000, 2, 123) if quality else None
    sealed_s, mono_ms = 1767600000, 5000
    batch.begin(Head(pure_batch.HUB, pure_batch.CHAIN, sequence, bytes(32), sealed_s, quality, fix, 0, None))
    expected = []
    for visit, (row, offset_min, clock, entries) in enumerate(visits):
        uuid = b"\x35\x2a" if visit % 2 else bytes(range(16))
        session = Session(
            visit, 3, visit % 4, bytes(6), visit % 2, row, 0, 0, clock, mono_ms, True, offset_min,
            ((18, uuid),), visit,
        )  # fmt: skip
        for kind, value, values, status, device_s, state, flags, after_ms, link, repeat in entries:
            mono_ms += after_ms
            time_s = 1767590000 + mono_ms // 1000
            capture = Capture(number, 3, visit, visit % 4, 18, link, mono_ms, time_s, quality, value)
            outcome = "undecoded" if kind == "undecoded" else []
            if kind in codes.KINDS:
                outcome = [measurement_of(kind, values, status, device_s, state, flags)]
            if not batch.add(capture, session, fix, outcome, repeat):
                break
            expected.append((capture, session, outcome, repeat))
            number += 1
    length = batch.finish()
    header = cose.protected(cose.ENVELOPE, KID)
    octets = bytes(cose.sign1_in(buffer, batch.start, length, pure_batch.KEY, header))
    assert len(octets) <= BUFFER_OCTETS
    envelope = read(octets)
    assert envelope.sequence == sequence and envelope.captures == list(batch.ranges)
    for session in envelope.sessions:
        clock = visits[session["visit"]][2]
        assert session["clock"] == ("2026-01-05T08:00:32" if DATE_TIME in clock else None)
    by_number = {one["captures"][0]: one for one in envelope.readings}
    for one in envelope.undecoded + envelope.without_reading:
        assert one["captures"][0] not in by_number
        by_number[one["captures"][0]] = one
    assert set(by_number) == {capture.number for capture, _, _, _ in expected}
    for capture, session, outcome, repeat in expected:
        told = by_number[capture.number]
        assert told["source"][0]["hex"] == capture.value.hex() and told["visit"] == capture.visit
        assert told["row"] == session.row and told["offset_min"] == session.offset_min
        assert told["hub_time_s"] == capture.time_s and told["hub_clock"] == reader.QUALITIES[quality]
        assert ("possible_repeat" in told["marks"]) == repeat
        assert ("bond_changed" in told["link"]) == bool(capture.flags & BOND_CHANGED)
        assert ("bonded" in told["link"]) == bool(capture.flags & 8)  # firmware/journal/FORMAT.md 4
        assert ("encrypted" in told["link"]) == bool(capture.flags & 2)
        assert ("indicated" in told["link"]) == bool(capture.flags & 1)
        if outcome and outcome != "undecoded":
            same_measurement(told, outcome[0])


def same_measurement(told, made):
    assert told["kind"] == made.kind and told["status_raw"] == made.status_raw
    assert told["device_time_state"] == made.device_time_state
    if made.device_time is None:
        assert told["device_time"] is None
    else:
        assert told["device_time"] == "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(*made.device_time)
    for flag in made.flags:
        assert flag in told["flags"]
    assert len(told["quantities"]) == len(made.quantities)
    for one, quantity in zip(told["quantities"], made.quantities, strict=True):
        assert one["code"] == quantity[0]
        if len(quantity) == 2:
            assert one["reason"] == quantity[1]
        else:
            assert (one["mantissa"], one["exponent"], one["unit"]) == quantity[1:]
            assert Decimal(one["value"]) == Decimal(quantity[1]).scaleb(quantity[2])


@pytest.mark.promise("P3")
def test_decoding_the_sealed_source_again_gives_the_sealed_reading():
    values = {
        "ad_ua651ble": (0x2A35, pure_batch.PRESSURE),
        "ad_uc352ble": (0x2A9D, bytes.fromhex("026a40ea070105080009")),
        "pulse_oximeter": (0x2A5E, bytes.fromhex("0061004700")),
    }
    buffer = bytearray(BUFFER_OCTETS)
    batch = Batch(buffer)
    batch.begin(pure_batch.head())
    made = {}
    for number, (row, (uuid, octets)) in enumerate(values.items(), 1):
        outcome = drivers.decode(row, uuid, octets)
        made[number] = outcome
        session = pure_batch.session(number, row=row, characteristics=((18, uuid.to_bytes(2, "little")),))
        assert outcome and batch.add(pure_batch.capture(number, octets, visit=number), session, None, outcome)
    envelope = read(pure_batch.sealed(batch, buffer))
    assert len(envelope.readings) == len(values)
    for reading in envelope.readings:
        [source] = reading["source"]
        uuid = int(source["characteristic"], 16)
        again = drivers.decode(reading["row"], uuid, bytes.fromhex(source["hex"]))
        [number] = reading["captures"]
        assert [one.facts() for one in again] == [one.facts() for one in made[number]]
        same_measurement(reading, again[0])


def test_a_payload_of_unsigned_facts_can_be_looked_at():
    assert decode_payload(sign1(pure_batch.lone())).readings == read(pure_batch.lone()).readings


def test_figures_of_the_envelope_hold():
    one, sixteen = pure_batch.lone(), pure_batch.sixteen()
    assert len(one) <= 193  # after a year, when every number takes two octets more
    assert len(sixteen) <= 42.5 * 16
    assert len(read(sixteen).readings) == 16
