"""A visit that is disturbed at each of its steps, in every context, ends by its rules."""

import drivers
from firmware.ble import visit as visits
from firmware.contracts import PeerError
from tests.ble.scripted import NOW_2A08, Context, cuff, oximeter, run

ROWS = (
    "ad_ua651ble",
    "blood_pressure",
    "pulse_oximeter",
    "pulse_oximeter_unbonded",
    "pulse_oximeter_continuous",
)
ERRORS = (
    ("gone",),
    ("timeout", "read"),
    ("security", "refused"),
    ("att", 0x01),
    ("att", 0x05),
    ("att", 0x0E),
    ("att", 0x80),
)


def contexts():
    """Return every context."""
    return [
        Context(
            bool(bits & 1), bool(bits & 2), bool(bits & 4), bool(bits & 8)
        )  # confirmed, window, bonded, described
        for bits in range(16)
    ]


def check(row, context, device):
    """Run a visit that is disturbed; whatever happens, it keeps these rules."""
    verbs, outcome = run(row, context, device)
    assert verbs.count("session") <= 1 and verbs.count("pair") <= 1 and verbs.count("encrypt") <= 1
    assert context.window_open or "pair" not in verbs
    assert device.gone, (row, verbs)  # every way out frees the connection
    assert outcome != "drained" or "drain" in verbs
    for uuid, octets, _ in device.written:
        assert context.clock_confirmed or uuid == 0x2A52
        assert octets == b"\x01\x01" if uuid == 0x2A52 else octets[:5] == NOW_2A08[:5]
    if "subscribe" in verbs:
        assert "session" in verbs and verbs.index("session") < verbs.index("subscribe")
        if drivers.row(row).bonds:
            assert device.secured  # P10: never a value asked for over a link that could have been secured


def test_whatever_goes_wrong_at_whichever_step_the_visit_ends_by_its_rules():
    for row in ROWS:
        make = cuff if "ad_" in row or "blood" in row else oximeter
        for context in contexts():
            device = make()
            check(row, context, device)
            for number in range(len(device.steps)):
                if device.steps[number][0] in ("session", "describe"):
                    continue
                for error in ERRORS:
                    if number < 40 and device.steps[number][0] != "disconnect":
                        check(row, context, make(at={number: PeerError(*error)}))


def test_giving_up_at_any_step_is_silent():
    for row in ROWS:
        for stop in range(1, 30):
            device = cuff() if "ad_" in row or "blood" in row else oximeter()
            steps = visits.visit(drivers.row(row), Context(described=False))
            try:
                step = next(steps)
                for _ in range(stop):
                    step = steps.send(None if step[0] == "session" else device.answer(step))
            except StopIteration:
                break
            steps.close()  # a generator that swallowed this, or went on, would raise here
