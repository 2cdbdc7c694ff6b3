"""Whatever a reading says, it becomes what FUT takes or is held with a listed reason; nothing else happens."""

from hypothesis import given
from hypothesis import strategies as st

from firmware.measurement.codes import FLAGS, KINDS, REASONS
from tests.backend.fut import made
from tests.backend.fut.checker import problems
from tools.backend.fut import tables
from tools.backend.fut.mapping import map_reading
from tools.backend.fut.readings import check
from tools.backend.fut.reasons import READING, VALUE, Held

KNOWN = tables.load("8.0.0")
REQUESTS = [
    made.PANEL_REQUEST, *made.SPLIT_REQUESTS,
    *(made.request(code, 3200 + number, system=system, timing=[made.SLOT, {"type": "Extra"}])
      for number, (system, code) in enumerate(sorted(set(KNOWN.quantities.values()) & set(KNOWN.codes)))
      if code not in ("DNK05472", "DNK05473")),
]  # fmt: skip
CONTEXTS = [
    made.made_context(made.assignment(*REQUESTS)),
    made.made_context(made.assignment(*REQUESTS, slot=1), made.assignment(*REQUESTS[:2], slot=2)),
    made.made_context(made.assignment(*REQUESTS, valid_to="2026-03-02T07:12:41+01:00")),
]
CODES = st.sampled_from([*KNOWN.quantities, 150020, 150023, 9_000_001])
UNITS = st.sampled_from([*KNOWN.conversions, 0, 9_000_002])
VALUES = st.from_regex(r"-?(0|[1-9]\d{0,5})(\.\d{1,4})?", fullmatch=True) | st.sampled_from(["12e1", "0e0"])
QUANTITIES = st.lists(
    st.builds(made.quantity, CODES, VALUES, UNITS)
    | st.builds(lambda code, reason: {"code": code, "reason": reason}, CODES, st.sampled_from(REASONS)),
    max_size=5,
)
STAMPS = st.datetimes().map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0"))
NEAR = st.sampled_from(["2026-03-02T07:12:32", "2026-03-02T06:00:00", "2026-03-02T23:00:00", "9999-12-31T23:59:59"])


@given(
    quantities=QUANTITIES,
    kind=st.sampled_from(sorted(KINDS)),
    device_time=NEAR | STAMPS,
    state=st.sampled_from(["ok"] * 5 + ["unknown", "invalid", "absent"]),
    skew_ms=st.sampled_from([-9000, 0, 3_600_000, -3_600_000, None]) | st.integers(-(10**20), 10**20),
    flags=st.lists(st.sampled_from([*FLAGS, "possible_repeat", "unencrypted"]), max_size=1),
    status=st.lists(st.sampled_from(["irregular_pulse", "manually_entered", "early_estimate"]), max_size=1),
    user=st.sampled_from([None, None, 1, 2, 255]),
    row=st.sampled_from(["ad_ua651ble", "pulse_oximeter_continuous", "no such row", None]),
    context=st.sampled_from(CONTEXTS),
)
def test_it_goes_right_or_is_held(quantities, kind, device_time, state, skew_ms, flags, status, user, row, context):
    one = made.reading(
        quantities, kind, device_time=device_time, device_time_state=state, skew_ms=skew_ms, flags=flags, status=status,
        row=row, hub_time="2026-03-02T22:00:00Z",
    )  # fmt: skip
    if user is not None:
        one["user"] = user
    try:
        mapped = map_reading(check(one), context)
    except Held as why:
        assert why.reason in READING
        return
    assert problems(mapped.body) == []
    assert all(reason in VALUE for _, reason in mapped.left)


def test_many_of_them_do_go():
    """Else the test above would say nothing."""
    gone = 0
    for quantity in (made.BLOOD_PRESSURE, made.WEIGHT, [made.quantity(150456, "93", 262688)]):
        gone += bool(map_reading(made.reading(quantity), CONTEXTS[0]).parameters)
    assert gone == 3
