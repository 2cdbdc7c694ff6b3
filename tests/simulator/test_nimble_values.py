"""Points 13-15, 17 and the handler's own rules: values, requests, and what an exception in the handler does."""

import asyncio

from tests.simulator.bench import LONG_VALUE

ON = "ble.active(True)\nlog.clear()\n"
_FEATURE, _CLOCK = 2, 4  # offsets from the measurement's value handle, see Peer


def _indications(made, *values, pause_s=0.0):
    async def meanwhile():
        await made.connected()
        await asyncio.sleep(0.5)
        for value in values:
            made.peer.indicate(value)
            if pause_s:
                await asyncio.sleep(pause_s)

    return meanwhile


def test_point_13_a_read_is_one_request(bench):
    """MTU - 1 octets, no blob; 15, then 16."""
    made = bench()
    handle = made.peer.feature.handle
    told = made.run(ON + f"link = connect()\nble.gattc_read(link, {handle})\nuntil(16)\n")
    assert made.events(told, 15, 16) == [[15, 0, handle, LONG_VALUE[:22].hex()], [16, 0, handle, 0]]
    assert made.peer.requests(0x0C) == []


def test_point_13_requests_are_not_queued(bench):
    """Three reads are three PDUs at once."""
    made = bench()
    made.peer.mute = True
    read = f"ble.gattc_read(link, {made.peer.feature.handle})\n"
    made.run(ON + "link = connect()\n" + read * 3 + "time.sleep_ms(500)\n")
    times = made.peer.requests(0x0A)
    assert len(times) == 3 and times[-1] - times[0] < 0.001


def test_errors_of_the_peer_are_told_with_256(bench):
    """257 invalid handle; the link stays."""
    told = bench().run(ON + "link = connect()\nble.gattc_read(link, 999)\nuntil(16)\n")
    assert [one[1:] for one in told["log"] if one[1] == 16] == [[16, [0, 999, 257]]]


def test_a_write_is_cut_at_the_mtu(bench):
    """Silently, at MTU - 3."""
    made = bench()
    handle = made.peer.clock.handle
    told = made.run(ON + f"link = connect()\nble.gattc_write(link, {handle}, b'y' * 100, 1)\nuntil(17)\n")
    assert made.events(told, 17) == [[17, 0, handle, 0]]
    written = [pdu for _, pdu in made.peer.received if pdu[0] == 0x12]
    assert len(written) == 1 and len(written[0]) == 23


def test_point_14_descriptor_discovery_of_one_handle_is_refused(bench):
    """(h, h), start above end and handle 0: EINVAL; a proper one starts after its first handle."""
    made = bench()
    handle = made.peer.measurement.handle
    told = made.run(
        ON
        + f"""
link = connect()
told["refused"] = [error(ble.gattc_discover_descriptors, link, 5, 5),
                   error(ble.gattc_discover_descriptors, link, 6, 5),
                   error(ble.gattc_discover_descriptors, link, 0, 5),
                   error(ble.gattc_discover_characteristics, link, 6, 5),
                   error(ble.gattc_discover_characteristics, link, 0, 5)]
ble.gattc_discover_descriptors(link, {handle}, {handle + 1})
until(14)
"""
    )
    assert told["refused"] == [22] * 5
    assert made.events(told, 13, 14) == [[13, 0, handle + 1, "UUID(0x2902)"], [14, 0, 0]]


def test_discovery_tells_services_and_characteristics(bench):
    """By UUID and all; the end handle of a characteristic is the handle before the next."""
    made = bench()
    told = made.run(
        ON
        + """
link = connect()
ble.gattc_discover_services(link, bluetooth.UUID(0x1810))
until(10)
_, _, start, end, _ = events(9)[0]
ble.gattc_discover_characteristics(link, start, end)
until(12)
ble.gattc_discover_services(link, bluetooth.UUID(0x1822))
until(10, since=len(log))
told["range"] = [start, end]
"""
    )
    first, last = told["range"]
    characteristics = made.events(told, 11)
    assert [one[5] for one in characteristics] == ["UUID(0x2a35)", "UUID(0x2a49)", "UUID(0x2a08)"]
    assert [one[3] for one in characteristics] == [
        made.peer.measurement.handle,
        made.peer.feature.handle,
        made.peer.clock.handle,
    ]
    assert characteristics[-1][2] == last and first < characteristics[0][3]
    assert made.events(told, 10)[-1] == [10, 0, 0] and len(made.events(told, 9)) == 1


def test_point_15_the_mtu_is_exchanged_once(bench):
    """While the first runs, and ever after on that link: EALREADY."""
    told = bench().run(
        ON
        + """
ble.config(mtu=185)
link = connect()
ble.gattc_exchange_mtu(link)
told["while"] = error(ble.gattc_exchange_mtu, link)
until(21)
told["after"] = error(ble.gattc_exchange_mtu, link)
"""
    )
    assert (told["while"], told["after"]) == (120, 120)
    assert [one[2] for one in told["log"] if one[1] == 21] == [[0, 185]]


def test_point_17_malformed_indications_are_neither_told_nor_confirmed(bench):
    """Short ones and handle 0; unknown handles and data without subscription are delivered."""
    made = bench()

    async def meanwhile():
        await made.connected()
        await asyncio.sleep(0.5)
        made.peer.send(b"\x1d\x09")
        made.peer.send(b"\x1d\x00\x00\x01")
        await asyncio.sleep(0.5)
        assert made.peer.confirmations() == []
        made.peer.indicate(b"\x07", handle=0x7777)
        made.peer.send(b"\x1b" + (0x6666).to_bytes(2, "little") + b"\x08")

    told = made.run(ON + "link = connect()\nuntil(18, 20000)\ntime.sleep_ms(200)\n", meanwhile)
    assert made.events(told, 18, 19) == [[19, 0, 0x7777, "07"], [18, 0, 0x6666, "08"]]
    assert len(made.peer.confirmations()) == 1


def test_the_confirmation_leaves_when_the_handler_returns(bench):
    """A handler of 60 ms: 60 ms later. Two that arrive together are handled and confirmed in turn."""
    made = bench()
    told = made.run(ON + "hooks[19] = lambda data: time.sleep_ms(60)\nlink = connect()\nuntil(19, 20000)\n"
                    "time.sleep_ms(500)\n", _indications(made, b"\x01", b"\x02"))  # fmt: skip
    handled = [at for at, event, _ in told["log"] if event == 19]
    first, second = made.peer.confirmations()
    assert len(handled) == 2 and handled[1] - handled[0] >= 60
    assert 0.059 <= second - first <= 0.065


def test_an_exception_silences_the_handler_and_the_peer_goes_on_being_confirmed(bench):
    """Until ble.irq is set again."""
    made = bench()
    told = made.run(
        ON
        + """
def fail(data):
    raise ValueError
hooks[19] = fail
link = connect()
time.sleep_ms(1200)
told["silent"] = len(events(19))
del hooks[19]
ble.irq(irq)
time.sleep_ms(1500)
told["revived"] = len(events(19))
""",
        _indications(made, b"\x01", b"\x02", b"\x03", b"\x04", b"\x05", pause_s=0.4),
    )
    assert told["silent"] == 1 and told["revived"] > 1
    assert len(made.peer.confirmations()) == 5
    assert "Unhandled exception in IRQ callback handler" in made.hub.output()


def test_what_an_event_carried_is_gone_when_its_handler_has_returned(bench):
    """A kept view shows garbage (on the chip a kept tuple ends the interpreter)."""
    made = bench()
    told = made.run(
        ON
        + """
views = []
hooks[19] = lambda data: views.append(data[2])
link = connect()
until(19, 20000)
time.sleep_ms(50)
told["kept"] = bytes(views[0]).hex()
""",
        _indications(made, b"\x01\x02\x03\x04"),
    )
    assert told["kept"] == "dd" * 4
    assert made.events(told, 19)[0][3] == "01020304"


def test_what_an_event_carries_outlives_the_calls_that_its_handler_makes(bench):
    """Answers of the seam must not overwrite the views while the handler still reads them."""
    made = bench()
    told = made.run(
        ON
        + """
import os
def handle(data):
    for _ in range(5):
        os.urandom(60)
        time.sleep_ms(3)
    told["seen"] = bytes(data[2]).hex()
hooks[19] = handle
link = connect()
until(19, 20000)
time.sleep_ms(300)
""",
        _indications(made, bytes(range(19)), b"\xff" * 19),
    )
    assert told["seen"] == "ff" * 19
    assert made.events(told, 19)[0][3] == bytes(range(19)).hex()
