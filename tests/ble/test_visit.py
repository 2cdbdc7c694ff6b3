"""The rules of a visit under disturbances that nobody lists, and the promises that rest on them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drivers
from firmware.ble import advert
from firmware.contracts import PeerError
from tests.ble import pure_visit_disturbed, scripted

_errors = st.one_of(
    st.just(("gone",)),
    st.just(("timeout", "read")),
    st.just(("security", "refused")),
    st.just(("refused", "write", 5)),
    st.tuples(st.just("att"), st.integers(0, 255)),
)
_contexts = st.builds(scripted.Context, st.booleans(), st.booleans(), st.booleans(), st.booleans())


def _device(row, **how):
    make = scripted.cuff if "ad_" in row or "blood" in row else scripted.oximeter
    return make(**how)


@pytest.mark.promise("P10")
@pytest.mark.promise("P11")
@settings(max_examples=500)
@given(
    row=st.sampled_from(pure_visit_disturbed.ROWS),
    context=_contexts,
    faults=st.dictionaries(st.integers(0, 25), _errors, max_size=6),
    end=st.sampled_from(["idle", "gone", "cap"]),
    keeps_bond=st.booleans(),
    lacks=st.sets(st.sampled_from([0x2A35, 0x2A08, 0x2A49, 0x2A5E, 0x2A52, 0x2A2B, 0x2A19, 0x2A24])),
)
def test_many_faults_at_once_end_by_the_same_rules(row, context, faults, end, keeps_bond, lacks):
    device = _device(row, end=end, keeps_bond=keeps_bond)
    for uuid in lacks:
        device.characteristics.pop(uuid, None)
    device.at = _Faults(faults, device)
    pure_visit_disturbed.check(row, context, device)


class _Faults(dict):
    """Faults by number of step, but none in steps that do not touch the link or that have no way to fail."""

    def __init__(self, faults, device):
        super().__init__({number: PeerError(*fault) for number, fault in faults.items()})
        self._device = device

    def __contains__(self, number):
        return super().__contains__(number) and self._device.steps[number][0] not in (
            "session",
            "describe",
            "disconnect",
            "drain",
        )


@pytest.mark.promise("P10")
def test_nothing_is_paired_outside_a_window_and_nothing_bondable_is_read_unbonded():
    for name in drivers.ROWS:
        row = drivers.row(name)
        device = _device("blood" if row.driver == "blood_pressure" else "other")
        verbs, outcome = scripted.run(name, scripted.Context(bonded=False), device)
        assert "pair" not in verbs
        if row.bonds:
            assert (verbs, outcome) == (["disconnect"], "not_bonded")


@pytest.mark.promise("P9")
def test_the_clock_as_it_was_travels_with_the_session_and_only_a_confirmed_hub_sets_it():
    for confirmed in (True, False):
        device = scripted.cuff()
        scripted.run("ad_ua651ble", scripted.Context(clock_confirmed=confirmed), device)
        assert device.session["clock"] == device.characteristics[0x2A08][3]
        assert device.session["clock_written"] is confirmed
        assert len(device.written) == confirmed


@pytest.mark.promise("P11")
@given(st.binary(max_size=62), st.binary(max_size=62))
def test_any_advert_is_read(adv_data, resp_data):
    got = advert.parse(adv_data, resp_data)
    assert isinstance(got.name, str)
    assert got.flags is None or 0 <= got.flags <= 255
    for name in drivers.ROWS:
        assert advert.wants(drivers.row(name), got) in ("visit", "pairing", None)
        assert advert.resembles(drivers.row(name), got) in (True, False)
