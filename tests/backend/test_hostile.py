"""Whatever octets arrive, the receiver goes on: no exception, no number that the octets do not give."""

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import drivers
from tests.backend.envelopes import (
    HUB,
    MORNING_S,
    Pressure,
    arranged,
    cuff_session,
    keyring_with,
    payload,
    private_key,
    seal,
    sign,
)
from tools.backend import exports
from tools.backend.health import HealthDesk
from tools.backend.receiver import Receiver
from tools.backend.store import Store

KEYRING = keyring_with(HUB)
GOOD = seal(payload([cuff_session([Pressure(), Pressure(minute=1, after_s=60)])]))
TRUE = ["128", "128"]

# CBOR as a hostile writer would choose it: tags that decoders act upon, numbers beyond every bound.
ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.binary(max_size=70),
    st.text(max_size=20),
)
ITEMS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=9),
        st.dictionaries(st.one_of(st.integers(0, 13), st.text(max_size=3)), inner, max_size=12),
        st.builds(cbor2.CBORTag, st.one_of(st.integers(0, 40), st.integers(250, 300)), inner),
    ),
    max_leaves=25,
)
FAST = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def fresh():
    return Receiver(Store(":memory:"), KEYRING)


def systolic(receiver):
    return [reading["quantities"][0]["value"] for reading in exports.readings(receiver.store)]


def dumps(item):
    try:
        return cbor2.dumps(item, canonical=True)
    except (cbor2.CBOREncodeError, TypeError, ValueError):
        return b"\xff"


@pytest.mark.promise("P11")
@FAST
@given(ITEMS)
def test_any_item_as_a_message_is_survived(item):
    receiver = fresh()
    receiver.handle(HUB, dumps(item), MORNING_S)
    receiver.handle(HUB, dumps(cbor2.CBORTag(18, item)), MORNING_S)
    HealthDesk(receiver.store, KEYRING).handle(HUB, dumps(item), MORNING_S * 1000)
    assert systolic(receiver) == []


@pytest.mark.promise("P3", "P11")
@FAST
@given(st.sampled_from((*payload([]), 1, 2, 3, 4)), ITEMS)
def test_any_item_in_a_signed_field_is_survived(field, item):
    receiver = fresh()
    fields = payload([cuff_session([Pressure(), Pressure(minute=1, after_s=60)])], more={field: item})
    receiver.handle(HUB, sign(dumps(arranged(fields)), private_key("sign " + HUB)), MORNING_S)
    assert set(systolic(receiver)) <= set(TRUE)


@pytest.mark.promise("P3", "P11")
@FAST
@given(st.integers(0, 9), st.integers(0, 8), ITEMS)
def test_any_item_in_a_signed_session_or_entry_is_survived(at, within, item):
    session = cuff_session([Pressure(), Pressure(minute=1, after_s=60)])
    if isinstance(session[at], list) and within < 7:
        session[at][within : within + 1] = [item]
    else:
        session[at] = item
    receiver = fresh()
    receiver.handle(HUB, sign(dumps(arranged(payload([session], count=2))), private_key("sign " + HUB)), MORNING_S)
    for reading in exports.readings(receiver.store):  # the octets may be others now: then it is what they say
        octets = bytes.fromhex(reading["source"][0]["hex"])
        (given_again, *_) = drivers.decode("ad_ua651ble", 0x2A35, octets)
        assert reading["device_time_state"] == given_again.device_time_state
        assert len(reading["quantities"]) == len(given_again.quantities)


@pytest.mark.promise("P3", "P10")
@FAST
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_an_envelope_with_any_octet_changed_stores_nothing(at, flip):
    receiver = fresh()
    changed = bytearray(GOOD)
    changed[at] ^= flip
    receiver.handle(HUB, bytes(changed), MORNING_S)
    assert systolic(receiver) == []
    receiver.handle(HUB, GOOD, MORNING_S)
    assert systolic(receiver) == TRUE


@pytest.mark.promise("P11")
@pytest.mark.parametrize("end", range(0, len(GOOD), 7))
def test_a_torn_envelope_is_kept_and_does_not_hinder_the_whole_one(end):
    receiver = fresh()
    assert receiver.handle(HUB, GOOD[:end], MORNING_S) is None
    assert receiver.handle(HUB, GOOD, MORNING_S) is not None


@pytest.mark.promise("P11")
def test_a_nul_in_a_hubs_words_does_not_keep_its_letter_out(database):
    """PostgreSQL's texts have no NUL: a letter with one in it would never be answered."""
    receiver = Receiver(Store(database), KEYRING)
    undecoded = cuff_session([])
    undecoded.append([b"\xff", 1, "re\0served"])
    undecoded[-1].append({5: 0x2A35})
    unknown = cuff_session([Pressure(minute=3)], row="no\0row")
    for number, session in enumerate((undecoded, unknown)):
        fields = payload([session], 5 + 10 * number, first=1 + number, count=1)
        assert receiver.handle(HUB, sign(dumps(arranged(fields)), private_key("sign " + HUB)), MORNING_S) is not None
    assert receiver.handle(HUB, GOOD, MORNING_S) is not None
    assert {row["reason"] for row in receiver.store.rows("SELECT reason FROM undecoded")} == {"re\ufffdserved"}
    receiver.store.close()


@pytest.mark.promise("P3", "P11")
@given(st.sampled_from((*payload([]), 1, 2, 3)), ITEMS)
@settings(FAST, max_examples=25)
@pytest.mark.needs("postgresql")
def test_any_item_in_a_signed_field_is_survived_by_postgresql_too(cluster, field, item):
    receiver = Receiver(Store(cluster.url()), KEYRING)
    fields = payload([cuff_session([Pressure(), Pressure(minute=1, after_s=60)])], more={field: item})
    receiver.handle(HUB, sign(dumps(arranged(fields)), private_key("sign " + HUB)), MORNING_S)
    assert set(systolic(receiver)) <= set(TRUE)
    receiver.store.close()
