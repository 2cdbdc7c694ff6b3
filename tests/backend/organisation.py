"""A care organisation's platform: a store with everything that a page can show, and its pages."""

from contextlib import closing

from tests.backend.envelopes import HUB, MORNING_S, Chain, Pressure, cuff_session, keyring_with
from tests.backend.fut import made
from tests.backend.test_health import report
from tools.backend import exports
from tools.backend.fut.ledger import Ledger
from tools.backend.fut.mapping import map_reading
from tools.backend.fut.reasons import Held
from tools.backend.health import HealthDesk
from tools.backend.receiver import Receiver
from tools.backend.store import Store
from tools.backend.web.access import Access

ADMIN, OPERATOR, READER = "Astrid Admin", "Ole Operatør", "Rikke Reader"
PASSWORD = "a pass phrase of these tests"  # pragma: allowlist secret - of these tests
HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"


def fill(database):
    """Two days of one hub: readings mapped for a patient, one held on the way to FUT, three held envelopes, a gap."""
    with closing(Store(database)) as store:
        receiver, hub = Receiver(store, keyring_with(HUB)), Chain()
        letters = [hub.seal(Pressure(systolic=120 + n, minute=n, after_s=60 * n)) for n in range(6)]
        for number, letter in enumerate(letters):
            if number != 3:
                receiver.handle(HUB, letter, MORNING_S)
        receiver.handle(HUB, hub.seal(Pressure(told_systolic=200, minute=7)), MORNING_S)
        receiver.handle(HUB, b"no envelope", MORNING_S)
        told = {8: b"nonce...", 9: {"visit refused": 3, "never": 0}, 10: [HOSTILE], 11: "0.2.0"}
        HealthDesk(store, receiver.keyring).handle(HUB, report(told), MORNING_S * 1000)
        changed = cuff_session([Pressure(systolic=151, minute=9)], visit=9, bits=1 | 2 | 4 | 64)
        receiver.handle(HUB, hub.seal(session=changed), MORNING_S)
        ledger = Ledger(store)
        readings = list(exports.readings(store))
        panel = made.request("ZZ3170", 1, "panel", (), made.SKS)
        mine = {"hub": HUB, "device": readings[0]["device"], "valid_from": "2020-01-01T00:00:00Z"}
        context = made.made_context(made.assignment(panel, **mine))
        for reading in readings[:4]:
            ledger.mapped(reading, map_reading(reading, context), 0)
        ledger.held(readings[4], Held("time_unknown", HOSTILE), 3)
        for reading in exports.readings(store, held=True):
            ledger.held(reading, Held("bond_changed"), 4)


def staff(database, clock=None):
    """The three who work there."""
    with closing(Store(database)) as store:
        access = Access(store, **({"clock": clock} if clock else {}))
        for name, role in ((ADMIN, "admin"), (OPERATOR, "operator"), (READER, "reader")):
            access.add(name, PASSWORD, role, "tests")
