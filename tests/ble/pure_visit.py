"""Each test is a rule of the visit, tried on a scripted device."""

import drivers
from drivers.formats import uuid128
from firmware.ble import visit as visits
from firmware.contracts import PeerError
from tests.ble.scripted import NOTIFY, NOW_2A08, NOW_2A2B, OLD, READ, Context, Device, cuff, oximeter, run


def test_a_bonded_cuff_is_encrypted_before_anything_is_discovered():
    device = cuff()
    verbs, outcome = run("ad_ua651ble", Context(), device)
    assert verbs == ["encrypt", "discover", "read", "write", "session", "subscribe", "drain", "disconnect"]
    assert outcome == "drained"
    assert device.written == [(0x2A08, NOW_2A08, True)]
    assert device.session["clock"] == OLD and device.session["clock_written"] is True
    assert device.session["characteristics"] == ((12, b"\x35\x2a"),)


def test_the_clock_is_read_before_it_is_written_and_both_before_data_is_asked_for():
    device = oximeter()
    run("pulse_oximeter", Context(), device)
    assert device.session["characteristics"] == ((12, b"\x5e\x2a"), (15, b"\x5f\x2a"), (20, b"\x52\x2a"))
    steps = [step[:2] for step in device.steps if step[0] in ("read", "write", "subscribe")]
    assert steps == [
        ("read", 0x2A2B),
        ("write", 0x2A2B),
        ("subscribe", 0x2A5E),
        ("subscribe", 0x2A52),
        ("write", 0x2A52),
    ]
    assert device.written == [(0x2A2B, NOW_2A2B, True), (0x2A52, b"\x01\x01", True)]


def test_a_hub_without_confirmed_time_sets_no_clock_but_reads_it():
    device = cuff()
    context = Context(clock_confirmed=False)
    assert run("ad_ua651ble", context, device)[1] == "drained"
    assert device.written == [] and context.asked == 0
    assert device.session["clock"] == OLD and device.session["clock_written"] is False


def test_a_row_that_breaks_when_its_clock_is_written_is_never_written():
    device = cuff()
    row = drivers.make("blood_pressure", "like Omron", drivers.row("blood_pressure"), clock_write=False)
    assert run(row, Context(), device)[1] == "drained"
    assert device.written == []


def test_a_device_without_a_clock_is_visited_all_the_same():
    device = cuff()
    del device.characteristics[0x2A08]
    verbs, outcome = run("ad_ua651ble", Context(), device)
    assert outcome == "drained" and "read" not in verbs and "write" not in verbs
    assert device.session["clock"] == b""


def test_a_clock_that_refuses_costs_nothing_but_itself():
    device = cuff(errors={("read", 0x2A08): PeerError("att", 2), ("write", 0x2A08): PeerError("att", 3)})
    assert run("ad_ua651ble", Context(), device)[1] == "drained"
    assert device.session["clock"] == b"" and device.session["clock_written"] is False


def test_current_time_that_ignores_a_field_counts_as_set():
    device = oximeter(errors={("write", 0x2A2B): PeerError("att", 0x80)})
    run("pulse_oximeter", Context(), device)
    assert device.session["clock_written"] is True
    device = cuff(errors={("write", 0x2A08): PeerError("att", 0x80)})
    run("ad_ua651ble", Context(), device)
    assert device.session["clock_written"] is False


def test_a_clock_without_response_is_written_without():
    device = cuff()
    device.characteristics[0x2A08] = (0x1810, 17, READ | 0x04, OLD)
    run("ad_ua651ble", Context(), device)
    assert device.written == [(0x2A08, NOW_2A08, False)]


def test_outside_a_window_an_unbonded_device_is_left_alone():
    for row in ("ad_ua651ble", "pulse_oximeter"):
        device = cuff()
        assert run(row, Context(bonded=False), device) == (["disconnect"], "not_bonded")


def test_inside_a_window_it_is_paired_and_described_before_it_can_hang_up():
    device = cuff(end="gone")
    verbs, outcome = run("ad_ua651ble", Context(bonded=False, window_open=True, described=False), device)
    assert verbs[:2] == ["pair", "discover"] and outcome == "drained"
    assert verbs.index("describe") < verbs.index("session") < verbs.index("subscribe")
    assert "disconnect" not in verbs
    assert device.description == {
        "manufacturer": "A&D Medical",
        "model": "UA-651BLE",
        "serial": "5170700001",
        "battery": 100,
        "features": b"\x05\x00",
    }


def test_a_udi_travels_as_it_was_read_or_not_at_all():
    for octets, kept in ((b"\x02" + b"7" * 94 + b"\0", True), (b"\x02" + b"7" * 95 + b"\0", False), (b"", False)):
        device = cuff()
        device.characteristics[0x2BFF] = (0x180A, 46, READ, octets)
        run("ad_ua651ble", Context(described=False), device)
        assert device.description.get("udi") == (octets if kept else None)
        assert device.description["serial"] == "5170700001"


def test_a_window_that_closes_during_the_visit_is_closed():
    context = Context(bonded=False, window_open=True)
    device = cuff()

    def discover(services):
        context.window_open = False
        return Device.discover(device, services)

    device.discover = discover
    verbs, outcome = run("blood_pressure", context, device)
    assert outcome == "not_bonded" and "pair" not in verbs and "read" not in verbs


def test_one_description_is_enough():
    verbs, _ = run("ad_ua651ble", Context(bonded=False, window_open=True, described=False), cuff())
    assert verbs.count("describe") == 1


def test_a_known_device_is_described_after_its_data_and_only_once():
    device = cuff()
    verbs, _ = run("ad_ua651ble", Context(described=False), device)
    assert verbs.index("drain") < verbs.index("describe")
    assert "describe" not in run("ad_ua651ble", Context(), cuff())[0]
    for end in ("gone", "cap"):  # no time for it
        assert "describe" not in run("ad_ua651ble", Context(described=False), cuff(end=end))[0]


def test_a_lost_bond_is_told_and_not_tried_again():
    device = cuff(keeps_bond=False)
    assert run("ad_ua651ble", Context(), device) == (["encrypt", "disconnect"], "bond_lost")


def test_a_lost_bond_is_made_again_only_inside_a_window():
    device = cuff(keeps_bond=False)
    verbs, outcome = run("ad_ua651ble", Context(window_open=True), device)
    assert verbs[:3] == ["encrypt", "pair", "discover"] and outcome == "drained"


def test_a_pairing_that_fails_is_told():
    device = cuff(errors={("pair", None): PeerError("security", "refused")})
    context = Context(bonded=False, window_open=True)
    assert run("ad_ua651ble", context, device) == (["pair", "disconnect"], "pairing_failed")


def test_security_asked_for_late_is_given_and_the_step_done_once_more():
    # A standard device that is listed as one that cannot bond, and asks for it after all
    for code in (0x05, 0x08, 0x0F):
        for needs in (
            (("subscribe", 0x2A5E),),
            (("read", 0x2A2B),),
            (("write", 0x2A52),),
            (("discover", (0x1822, 0x1805)),),
        ):
            device = oximeter(needs=needs)
            device.code = code
            verbs, outcome = run("pulse_oximeter_unbonded", Context(bonded=True), device)
            assert outcome == "drained" and verbs.count("encrypt") == 1 and "pair" not in verbs
            device = oximeter(needs=needs)
            verbs, outcome = run("pulse_oximeter_unbonded", Context(bonded=False, window_open=True), device)
            assert outcome == "drained" and verbs.count("pair") == 1


def test_security_that_cannot_be_given_is_told():
    device = oximeter(needs=(("subscribe", 0x2A5E), ("subscribe", 0x2A52)))
    verbs, outcome = run("pulse_oximeter_unbonded", Context(bonded=False), device)
    assert outcome == "not_bonded" and "pair" not in verbs and verbs[-1] == "disconnect"


def test_a_device_that_is_never_content_is_asked_twice_at_most():
    device = cuff(errors={("subscribe", 0x2A35): PeerError("att", 0x0F)})
    verbs, outcome = run("ad_ua651ble", Context(), device)
    assert verbs.count("subscribe") == 1  # it is encrypted already: more of it would not help
    device = oximeter(
        errors={("subscribe", 0x2A5E): PeerError("att", 5), ("subscribe", 0x2A52): PeerError("att", 5)}
    )
    verbs, outcome = run("pulse_oximeter_unbonded", Context(), device)
    assert verbs.count("encrypt") == 1 and verbs.count("subscribe") == 3
    assert outcome == "not_bonded"


def test_the_time_is_that_after_pairing_when_the_clock_asked_for_it():
    device = oximeter(needs=(("write", 0x2A2B),))
    run("pulse_oximeter_unbonded", Context(bonded=False, window_open=True), device)
    assert device.written[0] == (0x2A2B, b"\xea\x07\x01\x05\x08\x00\x0a\x01\x00\x02", True)


def test_records_are_asked_for_after_every_subscription():
    device = oximeter()
    verbs, _ = run("pulse_oximeter", Context(), device)
    last = verbs.index("drain")
    assert device.steps[last - 1] == ("write", 0x2A52, b"\x01\x01", True)
    assert [step[1] for step in device.steps if step[0] == "subscribe"] == [0x2A5E, 0x2A52]


def test_a_procedure_that_runs_already_is_drained_all_the_same():
    device = oximeter(errors={("write", 0x2A52): PeerError("att", 0xFE)})
    verbs, outcome = run("pulse_oximeter", Context(), device)
    assert outcome == "drained" and "drain" in verbs


def test_an_oximeter_without_memory_is_not_asked_for_records():
    device = oximeter()
    del device.characteristics[0x2A52]
    assert run("pulse_oximeter", Context(), device)[1] == "drained"
    assert [uuid for uuid, _, _ in device.written] == [0x2A2B]


def test_what_makes_a_device_send_is_written_last_and_may_be_refused():
    for errors in ({}, {("write", 0xFF01): PeerError("att", 0x03)}):
        device = Device({0xFF01: (0xFF12, 3, 0x04, b""), 0xFF02: (0xFF12, 5, NOTIFY, b"")}, errors=errors)
        verbs, outcome = run("beurer_po60", Context(), device)
        assert outcome == "drained" and verbs.index("subscribe") < verbs.index("write") < verbs.index("drain")
        if not errors:
            assert device.written == [(0xFF01, b"\x90\x05\x15", False), (0xFF01, b"\x99\x00\x19", False)]
    device = Device({0xFF02: (0xFF12, 5, NOTIFY, b"")})
    assert run("beurer_po60", Context(), device)[1] == "drained"
    assert device.written == []


def test_a_clock_of_elapsed_time_is_written_in_the_way_in_which_it_was_read():
    # 820915209 s from 2000 to NOW (by CPython's datetime); UTC is an hour less, and the zone four quarters
    for read, written in (
        ("00", "20 092cee300000 01 00"),
        ("02", "22 f91dee300000 01 00"),
        ("32", "32 f91dee300000 01 04"),
    ):
        clock = bytes.fromhex(read) + bytes(10)
        device = Device({0x2B8B: (0x1840, 3, 0x30, b""), 0x2BF2: (0x183F, 9, READ | 0x08, clock)})
        run("spirometer", Context(), device)
        assert device.session["clock"] == clock and device.session["clock_written"] is True
        assert device.written == [(0x2BF2, bytes.fromhex(written.replace(" ", "")), True)]


def test_a_clock_that_counts_ticks_is_read_and_left_as_it_is():
    clock = b"\x01" + bytes(10)
    device = Device({0x2B8B: (0x1840, 3, 0x30, b""), 0x2BF2: (0x183F, 9, READ | 0x08, clock)})
    run("spirometer", Context(), device)
    assert device.session["clock"] == clock and device.session["clock_written"] is False
    assert device.written == []


def test_a_contour_is_told_utc_and_the_minutes_from_it():
    vendor = uuid128("00001026-0002-11E2-9E96-0800200C9A66")
    device = Device({0x2A18: (0x1808, 3, NOTIFY, b""), vendor: (0x1808, 9, 0x08, b"")})
    run("contour_next", Context(), device)
    # 01, 2026-01-05 07:00:09, 60
    assert device.written == [(vendor, bytes.fromhex("01ea070105070009" + "3c00"), True)]


def test_a_device_of_another_kind_is_told():
    device = Device({0x2A37: (0x180D, 3, NOTIFY, b"")})
    verbs, outcome = run("blood_pressure", Context(), device)
    assert outcome == "unsupported" and verbs[-1] == "disconnect" and device.session is None


def test_a_device_that_hangs_up_after_its_data_is_not_hung_up_on():
    device = cuff(end="gone")
    verbs, outcome = run("ad_ua651ble", Context(described=False), device)
    assert outcome == "drained" and verbs[-1] == "drain"


def test_a_device_that_never_ends_is_cut_off():
    device = cuff(end="cap")
    verbs, outcome = run("ad_ua651ble", Context(), device)
    assert outcome == "capped" and verbs[-1] == "disconnect"


def test_values_that_came_before_the_link_was_lost_still_get_their_meaning():
    for step in range(2, 4):  # the clock is being read, written
        device = cuff(at={step: PeerError("gone")})
        verbs, outcome = run("ad_ua651ble", Context(), device)
        assert outcome == "gone" and verbs[-1] == "session"
        assert device.session["characteristics"] == ((12, b"\x35\x2a"),)
        assert device.session["clock_written"] is False


def test_the_mtu_is_exchanged_where_the_row_says():
    row = drivers.make("blood_pressure", "with long values", drivers.row("blood_pressure"), mtu=True)
    verbs, outcome = run(row, Context(), cuff())
    assert verbs[0] == "mtu" and outcome == "drained"
    device = cuff(errors={("mtu", None): PeerError("att", 6)})
    assert run(row, Context(), device)[1] == "drained"


def test_each_step_has_a_limit():
    assert visits.limit_ms(drivers.row("ad_ua651ble")) > drivers.row("ad_ua651ble").cap_ms
    device = oximeter()
    verbs, _ = run("pulse_oximeter", Context(described=False), device)
    for verb in verbs + ["pair", "mtu"]:
        assert verb == "drain" or 0 < visits.LIMIT_MS[verb] <= 35000
