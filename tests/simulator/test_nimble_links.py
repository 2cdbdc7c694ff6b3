"""Points 7-12, 16 and 18 of what the real NimBLE host was measured to do: links, their limits and their ends."""

import asyncio

from tests.simulator.bench import Peer
from tools.simulator.air.link import HOP_S

ON = "ble.active(True)\nlog.clear()\n"
_FAILED = [8, 65535, 255, "00" * 6]


def test_point_07_what_was_asked_ends_before_the_disconnect(bench):
    """Status 7 and handle 0, in order of asking, then 8."""
    made = bench()
    made.peer.mute = True

    async def meanwhile():
        await made.connected()
        await asyncio.sleep(1)
        made.world.link.drop(made.hub.nimble.radio, made.peer.device.radio)

    told = made.run(
        ON
        + """
link = connect()
ble.gattc_read(link, 5)
ble.gattc_write(link, 6, b"x", 1)
ble.gattc_discover_services(link)
ble.gattc_discover_characteristics(link, 1, 65535)
ble.gattc_discover_descriptors(link, 1, 65535)
until(8, 20000)
""",
        meanwhile,
    )
    assert [one[:4] for one in made.events(told, 16, 17, 10, 12, 14, 8)] == [
        [16, 0, 0, 7],
        [17, 0, 0, 7],
        [10, 0, 7],
        [12, 0, 7],
        [14, 0, 7],
        [8, 0, 1, "c0c0c0000001"],
    ]


def test_point_08_an_answer_that_never_comes_ends_the_link(bench):
    """30 s, then 16 (c, 0, 13), then the host hangs up: 8."""
    made = bench()
    made.peer.mute = True
    told = made.run(ON + "link = connect()\nmark = time.ticks_ms()\nble.gattc_read(link, 5)\nuntil(8, 40000)\n"
                    "told['took'] = time.ticks_diff(time.ticks_ms(), mark)\n")  # fmt: skip
    assert [one[:4] for one in made.events(told, 15, 16, 8)] == [[16, 0, 0, 13], [8, 0, 1, "c0c0c0000001"]]
    assert 30_000 <= told["took"] <= 30_300


def test_point_09_hanging_up_takes_a_round_trip_and_data_may_come_meanwhile(bench):
    """True, then EALREADY, then IRQ 8, then False."""
    made = bench()

    async def meanwhile():
        await made.connected()
        await asyncio.sleep(0.5 - HOP_S)
        made.peer.indicate(b"\x01")
        while not made.peer.gone:
            made.peer.indicate(b"\x02")
            await asyncio.sleep(0.001)

    told = made.run(
        ON
        + """
link = connect()
until(19, 20000)
told["first"] = ble.gap_disconnect(link)
mark = time.ticks_ms()
told["second"] = error(ble.gap_disconnect, link)
before = len(events(19))
until(8)
told["took"] = time.ticks_diff(time.ticks_ms(), mark)
told["meanwhile"] = len(events(19)) - before
told["third"] = ble.gap_disconnect(link)
told["dead"] = error(ble.gattc_read, link, 5)
""",
        meanwhile,
    )
    assert (told["first"], told["second"], told["third"], told["dead"]) == (True, 120, False, 128)
    assert 2 * HOP_S * 1000 - 1 <= told["took"] <= 2 * HOP_S * 1000 + 10
    assert told["meanwhile"] > 0
    assert told["log"][-1][1] == 8


def test_point_09_hanging_up_inside_the_handler_keeps_the_confirmation_from_the_peer(bench):
    """The one refusal that there is."""
    made = bench()

    async def meanwhile():
        await made.connected()
        await asyncio.sleep(0.5)
        made.peer.indicate(b"\x01")

    told = made.run(ON + "hooks[19] = lambda data: ble.gap_disconnect(data[0])\nlink = connect()\nuntil(8, 20000)\n",
                    meanwhile)  # fmt: skip
    assert len(made.events(told, 19)) == 1
    assert made.peer.confirmations() == [] and len(made.peer.gone) == 1


def test_point_10_a_connection_that_fails_or_is_cancelled(bench):
    """8 (65535, 255, zeros); cancelling without need is EALREADY."""
    made = bench()
    told = made.run(
        ON
        + """
ble.gap_connect(1, b"\\xd0\\0\\0\\0\\0\\x09", 1000)
told["twice"] = error(ble.gap_connect, 1, peer)
told["scan"] = error(ble.gap_scan, 1000)
until(8)
log_1 = len(log)
ble.gap_connect(1, b"\\xd0\\0\\0\\0\\0\\x09", 5000)
ble.gap_connect(None)
told["cancel"] = error(ble.gap_connect, None)
until(8, since=log_1)
told["idle"] = error(ble.gap_connect, None)
link = connect()
told["connected"] = error(ble.gap_connect, 1, peer)
ble.gap_disconnect(link)
told["disconnecting"] = error(ble.gap_connect, 1, peer)
"""
    )
    assert made.events(told, 8)[:2] == [_FAILED, _FAILED]
    assert (told["twice"], told["scan"], told["cancel"], told["idle"]) == (120, 16, 120, 120)
    assert (told["connected"], told["disconnecting"]) == (5, 5)


def test_point_11_errors_carry_the_boards_numbers_or_the_benchs(bench):
    """newlib's by default; Linux's as on the bench that was measured."""
    body = (
        ON
        + "link = connect()\nble.gap_disconnect(link)\ntold['is'] = error(ble.gap_disconnect, link)\n"
        + ("told['gone'] = error(ble.gattc_read, 77, 1)\nfrom errno import EALREADY\ntold['name'] = EALREADY\n")
    )
    board = bench().run(body)
    assert (board["is"], board["gone"], board["name"]) == (120, 128, 120)
    linux = bench(errno="linux").run(body)
    assert (linux["is"], linux["gone"]) == (114, 107)


def test_point_12_four_links_one_procedure_each_and_finite_buffers(bench):
    """Fifth link ENOMEM; pairing on another link ENOMEM, on the same EALREADY; second discovery EBUSY."""
    made = bench()
    others = [Peer(made.world, f"C0:C0:C0:00:00:0{number}") for number in range(2, 6)]

    async def start_others():
        for other in others:
            await other.start()

    made.world.run(start_others())
    for peer in (made.peer, others[0]):
        peer.mute_pairing = peer.mute = True
    told = made.run(
        ON
        + """
links = [connect(bytes.fromhex("c0c0c000000%d" % number)) for number in range(1, 5)]
told["links"] = links
told["fifth"] = error(ble.gap_connect, 1, bytes.fromhex("c0c0c0000005"))
ble.gap_pair(links[0])
told["same"] = error(ble.gap_pair, links[0])
told["other"] = error(ble.gap_pair, links[1])
ble.gattc_discover_characteristics(links[0], 1, 65535)
told["discovery"] = error(ble.gattc_discover_characteristics, links[2], 1, 65535)
sent = 0
while not error(ble.gattc_write, links[2], 9, b"x" * 20, 0):
    sent += 1
told["sent"] = sent
told["full"] = error(ble.gattc_write, links[2], 9, b"x", 0)
time.sleep_ms(500)
told["later"] = error(ble.gattc_write, links[2], 9, b"x", 0)
"""
    )
    assert (told["links"], told["fifth"]) == ([0, 1, 2, 3], 12)
    assert (told["same"], told["other"], told["discovery"]) == (120, 12, 16)
    assert 18 <= told["sent"] <= 23 and (told["full"], told["later"]) == (12, 0)


def test_point_16_the_end_of_a_scan_is_told_inside_the_call(bench):
    """gap_scan(None) and gap_connect over a scan deliver IRQ 6; an idle gap_scan(None) none."""
    made = bench()
    told = made.run(
        ON
        + """
ble.gap_scan(None)
told["idle"] = len(events(6))
ble.gap_scan(0, 30000, 30000)
told["twice"] = error(ble.gap_scan, 1000)
time.sleep_ms(300)
ble.gap_scan(None)
told["stopped"] = len(events(6))
ble.gap_scan(0, 30000, 30000)
ble.gap_connect(1, peer)
told["connecting"] = len(events(6))
until(7)
ble.gap_scan(200, 30000, 30000)
time.sleep_ms(400)
told["over"] = len(events(6))
"""
    )
    assert (told["idle"], told["twice"], told["stopped"], told["connecting"], told["over"]) == (0, 120, 1, 2, 3)


def test_scan_reports_tell_type_name_and_signal(bench):
    """An active scan hears the scan response too, a passive one does not."""
    told = bench().run(
        ON
        + """
ble.gap_scan(300, 30000, 30000, True)
time.sleep_ms(400)
told["active"] = events(5)
log.clear()
ble.gap_scan(300, 30000, 30000)
time.sleep_ms(400)
told["passive"] = events(5)
"""
    )
    assert [5, 1, "c0c0c0000001", 0, -60, "02010603031018"] in told["active"]
    assert [5, 1, "c0c0c0000001", 4, -60, "050970656572"] in told["active"]
    assert {one[3] for one in told["passive"]} == {0}


def test_point_18_a_link_that_is_remade_in_silence(bench):
    """IRQ 7 twice for one handle without 8; what was asked on the lost link never ends."""
    made = bench()
    made.hub.nimble.gap.remake_links = 1
    made.peer.mute = True
    told = made.run(ON + "link = connect()\nble.gattc_read(link, 5)\ntime.sleep_ms(3000)\n")
    assert [one[:2] for one in made.events(told, 7, 8, 16)] == [[7, 0], [7, 0]]


def test_parameters_asked_by_the_peer_are_taken(bench):
    """IRQ 27 (c, 80, 0, 400, 0) after its L2CAP request."""
    made = bench()

    async def meanwhile():
        await made.connected()
        connection = made.peer.connection
        # 80 x 1.25 ms and 400 x 10 ms
        await made.peer.device.l2cap_channel_manager.update_connection_parameters(connection, 80, 80, 0, 400)

    told = made.run(ON + "link = connect()\nuntil(27)\n", meanwhile)
    assert made.events(told, 27) == [[27, 0, 80, 0, 400, 0]]


def test_switching_off_is_silent(bench):
    """active(False): no IRQ 8; every call then gives ENODEV; the peer is told."""
    made = bench()
    told = made.run(
        ON
        + """
link = connect()
ble.active(False)
told["off"] = [error(ble.gap_scan, 100), error(ble.gap_disconnect, link), error(ble.gattc_read, link, 5)]
time.sleep_ms(500)
ble.active(True)
told["again"] = connect()
"""
    )
    assert told["off"] == [19, 19, 19] and told["again"] == 0
    assert made.events(told, 8) == [] and len(made.peer.gone) == 1
