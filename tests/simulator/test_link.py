"""The radio space's faults: lost, changed and doubled frames, weak scans, lost links, hubs without power."""

import asyncio

import pytest

from tools.simulator.air.link import SUPERVISION_S

ON = "ble.active(True)\nlog.clear()\n"
_CONFIRMATION = 0x1E


def _att(frame: bytes) -> int | None:
    """The ATT op code in an L2CAP frame."""
    return frame[4] if len(frame) > 4 and frame[2:4] == b"\x04\x00" else None


def _one_indication(made):
    async def meanwhile():
        await made.connected()
        await asyncio.sleep(0.5)
        made.peer.indicate(b"\x01\x02")

    return meanwhile


@pytest.mark.parametrize(
    ("fault", "heard"),
    [
        (lambda frame: None, []),
        (lambda frame: [frame, frame], ["0102", "0102"]),
        (lambda frame: frame[:-1] + b"\x09", ["0109"]),
        (lambda frame: frame[:-1], []),  # its length says more than it holds: L2CAP drops it
    ],
    ids=("lost", "doubled", "changed", "cut"),
)
def test_frames_can_be_lost_doubled_changed_and_cut(bench, fault, heard):
    """`Link.fault` sees every L2CAP frame."""
    made = bench()
    made.world.link.fault = lambda sender, receiver, frame: fault(frame) if _att(frame) == 0x1D else frame
    told = made.run(ON + "link = connect()\ntime.sleep_ms(1500)\n", _one_indication(made))
    assert [one[3] for one in made.events(told, 19)] == heard


def test_a_lost_confirmation_is_not_seen_by_the_hub(bench):
    """The reading is kept here and will come again from there."""
    made = bench()
    made.world.link.fault = lambda sender, receiver, frame: None if _att(frame) == _CONFIRMATION else frame
    told = made.run(ON + "link = connect()\ntime.sleep_ms(1500)\n", _one_indication(made))
    assert len(made.events(told, 19)) == 1 and made.peer.confirmations() == []


def test_a_scan_hears_the_part_that_its_window_covers(bench):
    """10 % of the interval: about a tenth of the advertisements; loss takes its share too."""

    def heard(window_us, loss):
        made = bench(seed=4)
        made.world.link.advert_loss = loss
        told = made.run(
            ON + f"ble.gap_scan(20000, 300000, {window_us})\ntime.sleep_ms(20500)\ntold['heard'] = len(events(5))\n"
        )
        return told["heard"]

    whole, tenth, lossy = heard(300_000, 0), heard(30_000, 0), heard(300_000, 0.5)
    assert 300 < whole < 420  # every 50-60 ms
    assert 0.05 * whole < tenth < 0.17 * whole
    assert 0.4 * whole < lossy < 0.6 * whole


def test_nobody_advertises_into_an_empty_room(bench):
    """Advertising timers run only while somebody listens; then they are heard at their own times."""
    made = bench()
    made.run(ON + "time.sleep_ms(60000)\n")
    assert made.world.link.adverts_sent == 0


def test_a_hub_without_power_is_missed_after_the_supervision_timeout(bench):
    """Its peer goes on for 2.56 s before it can be found again."""
    made = bench()

    async def meanwhile():
        await made.connected()
        await asyncio.sleep(0.5)
        made.hub.power_cut()
        made.cut_s = made.world.loop.time()
        made.peer.indicate(b"\x01")
        await asyncio.sleep(5)

    with pytest.raises(Exception, match=r"exit code|log"):
        made.run(ON + "link = connect()\ntime.sleep_ms(60000)\n", meanwhile)
    made.world.run(5)
    assert made.peer.gone == [pytest.approx(made.cut_s + SUPERVISION_S, abs=0.1)]
    assert made.peer.confirmations() == []


def test_killed_between_keeping_and_confirming(bench):
    """The handler has run, the confirmation never left: the peer will send it again."""
    made = bench()

    async def meanwhile():
        await made.connected()
        await asyncio.sleep(0.5)
        made.peer.indicate(b"\x01")

    told = made.run(
        """
import machine, os
told["files"] = os.listdir("/")
def keep(data):
    open("/kept", "w").close()
    machine.reset()
hooks[19] = keep
"""
        + ON
        + "link = connect()\ntime.sleep_ms(5000)\n",
        meanwhile,
    )
    assert "kept" in told["files"] and made.events(told, 19) == []
    assert made.peer.confirmations() == []
