"""Health reports: only the hub's own count, and a nonce is answered with the platform's time."""

import cbor2
import pytest

from tests.backend.envelopes import CHAIN, HUB, MORNING_S, Chain, Pressure, keyring_with, private_key, sign
from tools.backend import completeness
from tools.backend.health import HealthDesk
from tools.backend.receipt import receipt_key
from tools.backend.receiver import Receiver
from tools.backend.store import HEALTH_REPORTS_PER_HUB_MAX, Store
from tools.inspect import cose

NOW_MS = MORNING_S * 1000 + 250


@pytest.fixture
def desk(database):
    store = Store(database)
    yield HealthDesk(store, keyring_with(HUB))
    store.close()


def report(more=None, key=None, content_type=65001):
    """A health report by FORMAT.md section 4: one envelope sealed, two captures."""
    fields = {1: 1, 2: bytes.fromhex(HUB), 3: CHAIN, 4: 1, 5: 2, 6: [MORNING_S, 1], 7: 1} | (more or {})
    return sign(cbor2.dumps(fields, canonical=True), key or private_key("sign " + HUB), content_type)


@pytest.mark.promise("P9")
def test_a_nonce_is_answered_with_the_time_under_the_receipt_key(desk):
    answer = cose.mac0(desk.handle(HUB, report({8: b"nonce..."}), NOW_MS))
    cose.check_tag(answer, receipt_key(desk.keyring, desk.keyring.hub(HUB)))
    assert answer.content_type == cose.TIME_ANSWER_TYPE
    assert cbor2.loads(answer.payload) == {1: 1, 2: bytes.fromhex(HUB), 3: b"nonce...", 4: NOW_MS}
    assert desk.handle(HUB, report(), NOW_MS) is None


@pytest.mark.promise("P5")
def test_a_report_names_what_is_sealed_and_has_not_arrived(desk):
    hub = Chain()
    Receiver(desk.store, desk.keyring).handle(HUB, hub.seal(Pressure()), MORNING_S)
    desk.handle(HUB, report({4: 3}), NOW_MS)
    desk.handle(HUB, report({4: 2}), NOW_MS)  # an old report, repeated, takes nothing back
    (state,) = completeness.chains(desk.store)
    assert (state.missing, state.awaited, state.complete) == ((), ((2, 3),), False)


@pytest.mark.promise("P5", "P10")
@pytest.mark.parametrize(
    "octets",
    [
        report({4: 9}, private_key("an impostor")),
        report({4: 9, 2: bytes(6)}),
        report({4: 9, 1: 2}),
        report({4: 2**60}),
        report({4: 9}, content_type=65010),
        b"rubbish",
        b"",
    ],
)
def test_what_is_not_the_hubs_own_report_changes_nothing(desk, octets):
    assert desk.handle(HUB, octets, NOW_MS) is None
    assert completeness.chains(desk.store) == []
    assert desk.store.rows("SELECT * FROM health") == []


def test_a_last_will_says_that_the_hub_is_silent_until_it_speaks(desk):
    desk.handle(HUB, report(), NOW_MS)
    desk.handle(HUB, b"gone", NOW_MS + 9000)
    assert desk.store.one("SELECT gone_s FROM hub")["gone_s"] == MORNING_S + 9
    desk.handle(HUB, report(), NOW_MS)
    assert desk.store.one("SELECT gone_s FROM hub")["gone_s"] is None


@pytest.mark.promise("P11")
def test_reports_are_bounded(desk):
    for number in range(HEALTH_REPORTS_PER_HUB_MAX + 3):
        desk.store.keep_health(HUB, b"", str(number), MORNING_S)
    rows = desk.store.rows("SELECT content FROM health ORDER BY id")
    assert len(rows) == HEALTH_REPORTS_PER_HUB_MAX
    assert rows[-1]["content"] == str(HEALTH_REPORTS_PER_HUB_MAX + 2)


def test_an_unregistered_hub_gets_no_answer(desk):
    assert desk.handle("240ac4ffffff", report({8: b"nonce..."}), NOW_MS) is None
