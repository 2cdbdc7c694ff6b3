"""P10: only the operator's own orders, new, in time and for this hub, take effect; each has one outcome, told."""

import asyncio

import pytest

from tests.twin import ordering
from tools.simulator.devices import readings
from tools.simulator.house import CUFF, HUB
from tools.technician import ca
from tools.technician.order import Operator, Recipient

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P10")]

_BP = readings.blood_pressure(128, 82, 97, 71)
EASTERN = "EST5EDT,M3.2.0,M11.1.0"


def counted(report):
    return {name[7:]: count for name, count in report["counters"].items() if name.startswith("order: ")}


def test_what_is_not_the_operators_order_for_this_hub_changes_nothing_and_is_told(home):
    house = home(CUFF, paired=False)
    to = Recipient(HUB, house.enrolled.agreement_point)
    impostor = Operator(ca.new_key(ca.seeded(1, "impostor")))
    later = int(house.time()) + 7200
    good = house.order(5, "zone", rule=EASTERN)
    flipped = bytearray(house.order(6, "zone", rule="UTC0"))
    flipped[-1] ^= 1

    async def story():
        assert await ordering.give(house, good, 5) == ("done", "")
        for octets in (
            house.order(6, "zone", rule="UTC0")[:-1],
            bytes(flipped),
            impostor.order(to, 7, later, "zone", {"rule": "UTC0"}),
            house.operator.order(Recipient("ffffffffffff", to.agreement), 8, later, "zone", {"rule": "UTC0"}),
            house.operator.sign(b"\xa0", content_type=65001),
            good,  # a replay
            house.order(4, "zone", rule="UTC0"),  # one that was overtaken
            b"x",
            b"x" * 950,
        ):
            house.platform.send(octets, name="order")
            await asyncio.sleep(3)
        told = await ordering.report(house)
        assert told["order"] == {"number": 5, "result": "done", "detail": ""}
        reasons = {
            "malformed": 2, "signature": 1, "foreign key": 1, "foreign hub": 1, "content type": 1, "stale number": 2,
            "oversize": 1,
        }  # fmt: skip
        assert counted(told) == reasons
        # One look tells at most six kinds of events; the ninth attempt was no kind of its own.
        events = {one["detail"]: one["count"] for one in told["events"] if one["kind"] == "order refused"}
        assert events.items() <= reasons.items()
        assert len(events) == 6
        kept = await ordering.settings(house)
        assert (kept["zone"], kept["order"]) == (EASTERN, [5, 0, ""])

    house.world.run(story())


@pytest.mark.parametrize(
    ("action", "arguments", "expected"),
    [
        ("zone", {"rule": "no zone"}, ("bad argument", "rule")),
        ("remove device", {"address": b"nobody"}, ("bad argument", "address")),
        ("allow device", {"address": bytes(6), "address_type": 1, "row": "tricorder"}, ("bad argument", "row")),
        ("digits", {"address": bytes(6), "passkey": 1}, ("bad argument", "address")),
        ("network", {"key": "without a name"}, ("bad argument", "ssid")),
        ("network", {}, ("bad argument", "arguments")),
        ("change keys", {"which": 1}, ("not possible", "key change")),
    ],
)
def test_what_cannot_be_obeyed_is_refused_by_name_and_used_up(home, action, arguments, expected):
    house = home(CUFF, paired=False)

    async def story():
        before = await ordering.settings(house)
        assert await ordering.give(house, house.order(1, action, **arguments), 1) == expected
        told = ordering.newest(house)[1]
        assert counted(told) == {expected[0]: 1}
        assert [(one["kind"], one["detail"]) for one in told["events"]] == [("order refused", expected[0])]
        after = await ordering.settings(house)
        assert after.pop("order")[::2] == [1, expected[1]]
        assert after == before

    house.world.run(story())


def test_an_order_that_is_over_or_of_an_unknown_action_is_refused(home):
    house = home(CUFF, paired=False)
    payload = b"\xa6\x01\x01\x02\x46%s\x03\x02\x04\x1b\0\0\0\1\0\0\0\0\x05\x18\x63\x06\x41\xa0" % bytes.fromhex(HUB)

    async def story():
        over = house.order(1, "zone", expires_in_s=-5, rule=EASTERN)
        assert await ordering.give(house, over, 1) == ("expired", "")
        assert await ordering.give(house, house.operator.sign(payload), 2) == ("unknown action", "")
        assert (await ordering.settings(house))["zone"] != EASTERN

    house.world.run(story())
