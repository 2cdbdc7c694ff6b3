"""P6: flash is freed by a receipt of the platform's for this very envelope, and by nothing else; P11: nor held up.

Forgeries are made with tools/inspect, which shares no code with the hub.
"""

import asyncio

import cbor2
import pytest

from tests.twin import homes, wire
from tests.twin.lights import LightWitness
from tools.inspect import cose
from tools.inspect.envelope import Numbered, decode_envelope, decode_health, decode_receipt, make_receipt, peek
from tools.simulator.devices import readings
from tools.simulator.house import CUFF, HUB

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P6")]

OPEN_PLANS_MAX = 24  # firmware/journal/FORMAT.md
STORED, SIGNATURE = None, 1  # reasons of make_receipt
_READING = readings.blood_pressure(128, 82, 97, 71)
_TRIES_S = 60  # three tries of 15 s
_PASSED_OVER_S = 640
_REFUSALS = 20  # more programs than the journal tries for one record, a new sector's opening included
_AT_ONCE_S = 5  # a handshake, three answers of the broker's, two signatures


def _named(arrival):
    named = peek(cose.sign1(arrival.octets))
    assert named is not None
    return named


def _receipt(house, named, reason=STORED, kid=None, key=None):
    kid = kid or house.keyring.platform_kid
    return make_receipt(named, reason, kid, key or house.enrolled.receipt_key)


def _changed(named, **fields):
    return Numbered(**{**vars(named), **fields})


def _flipped(octets, at):
    return octets[:at] + bytes((octets[at] ^ 1,)) + octets[at + 1 :]


# What somebody in between could send instead of the receipt for `named`.
FORGED = {
    "another key": lambda house, named: [_receipt(house, named, key=bytes(32))],
    "another platform": lambda house, named: [_receipt(house, named, kid=bytes(8))],
    "another hub": lambda house, named: [_receipt(house, _changed(named, hub="24d7eb0a1b2d"))],
    "another chain": lambda house, named: [_receipt(house, _changed(named, chain="00" * 8))],
    "another hash": lambda house, named: [_receipt(house, _changed(named, hash=bytes(32)))],
    "a number that was never sealed": lambda house, named: [_receipt(house, _changed(named, sequence=9999))],
    "the number before": lambda house, named: [_receipt(house, _changed(named, sequence=named.sequence - 1))],
    "bits flipped": lambda house, named: [_flipped(_receipt(house, named), at) for at in range(0, 116, 5)],
    "cut short": lambda house, named: [_receipt(house, named)[:end] for end in range(0, 116, 9)],
    "too long": lambda house, named: [_receipt(house, named) + b"\0", b"\xd1" * 900],
    "a status of nobody": lambda house, named: [_status(house, named, 2)],
    "a time answer's type": lambda house, named: [_typed(house, named, 65003)],
    "rubbish": lambda house, named: [b"", b"\xff" * 40, cbor2.dumps({1: 2})],
}


def _fields(named, status):
    identity = {1: 1, 2: bytes.fromhex(named.hub), 3: bytes.fromhex(named.chain)}
    return cbor2.dumps({**identity, 4: named.sequence, 5: named.hash, 6: status}, canonical=True)


def _status(house, named, status):
    key = house.enrolled.receipt_key
    return cose.make_mac0(cose.RECEIPT_TYPE, house.keyring.platform_kid, _fields(named, status), key)


def _typed(house, named, content_type):
    return cose.make_mac0(content_type, house.keyring.platform_kid, _fields(named, 0), house.enrolled.receipt_key)


async def _measure(house, count=1):
    for _ in range(count):
        await homes.measure(house, house.devices[0], _READING)
        await asyncio.sleep(10)


async def _freed(house, limit_s=1300):
    await house.until(lambda: house.journal().waiting() == 0, limit_s, "everything is freed", 2)
    await asyncio.sleep(1)


@pytest.mark.promise("P10", "P11")
def test_forgeries_free_nothing_and_hold_up_nothing(home):
    """Each kind for one envelope, with the true receipt lost; then the next tries are answered truly."""
    house = home(CUFF)
    light = LightWitness(house)
    sent = []

    def instead(kind):
        def between(arrival):
            if arrival.name != "up":
                return [arrival.answer] if arrival.answer else []
            answers = FORGED[kind](house, _named(arrival))
            sent.extend(answers)
            return answers

        return between

    async def story():
        await _measure(house)
        await _freed(house)
        for number, kind in enumerate(FORGED, 2):
            house.platform.between = instead(kind)
            assert house.journal().open_plans() == []
            await _measure(house)
            await house.until(lambda: bool(sent), 30, "the forgeries are sent")
            await asyncio.sleep(5)
            assert house.journal().open_plans() == [number] and house.light() == "kept", kind
            house.platform.between = None
            sent.clear()
            await _freed(house, _TRIES_S)

    house.world.run(story())
    counters = house.world.run(homes.told(house))
    reasons = {name: count for name, count in counters.items() if name.startswith("receipt: ")}
    assert sum(reasons.values()) >= len(FORGED)
    for reason in ("forged", "foreign key", "foreign hub", "foreign chain", "wrong hash", "unknown sequence"):
        assert reasons.get("receipt: " + reason), reason
    assert light.early == [] and homes.books(house) == (0, 0, 0)
    assert house.hub.counters.boots == 3


@pytest.mark.promise("P11")
def test_receipts_come_late_twice_reordered_and_from_long_ago(home):
    house = home(CUFF)
    light = LightWitness(house)
    receipts = []

    def collect(arrival):
        if arrival.name != "up":
            return [arrival.answer] if arrival.answer else []
        receipts.append(arrival.answer)
        return []

    async def story():
        house.platform.between = collect
        house.network(False)
        for _ in range(3):  # three envelopes, for none is sealed while nothing is answered
            await _measure(house)
        house.network(True)
        await house.until(lambda: len(receipts) >= 1, 300, "an envelope arrives")
        await _measure(house, 2)
        await house.until(lambda: len(house.journal().open_plans()) >= 3, 60, "three wait")
        await asyncio.sleep(20)
        different = list(dict.fromkeys(receipts))
        assert len(different) == len(house.journal().open_plans()) and len(receipts) > len(different)
        for receipt in reversed(different):  # each twice
            before = house.journal().open_plans()
            house.platform.send(receipt)
            house.platform.send(receipt)
            await asyncio.sleep(2)
            number = decode_receipt(receipt, house.enrolled.receipt_key).sequence
            assert house.journal().open_plans() == [one for one in before if one != number]
        assert house.journal().waiting() == 0 and house.light() == "delivered"
        house.platform.between = None
        await _measure(house)
        for receipt in different:  # long answered
            house.platform.send(receipt)
        await _freed(house)

    house.world.run(story())
    assert light.early == [] and homes.books(house) == (0, 0, 0)


@pytest.mark.promise("P11")
def test_an_envelope_that_is_never_answered_keeps_no_other_back_and_goes_through_later(home):
    house = home(CUFF)
    light = LightWitness(house)
    tries = []

    def deaf_to_the_second(arrival):
        if arrival.name == "up" and _named(arrival).sequence == 2:
            tries.append(arrival.at_s)
            return []
        return [arrival.answer] if arrival.answer else []

    async def story():
        house.platform.between = deaf_to_the_second
        await _measure(house, 4)
        await asyncio.sleep(_TRIES_S)
        assert house.journal().open_plans() == [2] and len(tries) == 3
        await asyncio.sleep(3 * 3600)
        await _measure(house)
        await asyncio.sleep(5)
        assert house.journal().open_plans() == [2] and house.light() == "waiting"
        assert 15 <= len(tries) <= 24 and len({arrival.octets for arrival in house.platform.named("up")}) == 5
        house.platform.between = None
        await _freed(house, _PASSED_OVER_S)
        assert house.light() == "delivered"

    house.world.run(story())
    assert light.early == [] and homes.books(house) == (0, 0, 0)


def test_a_held_envelope_is_freed_and_asks_for_help(home):
    """The platform keeps it whole and says so; a person comes and presses the button."""
    house = home(CUFF)
    light = LightWitness(house)

    def held(arrival):
        if arrival.name == "up":
            return [_receipt(house, _named(arrival), SIGNATURE)]
        return [arrival.answer] if arrival.answer else []

    async def story():
        house.platform.between = held
        await _measure(house)
        await _freed(house)
        assert house.light() == "help" and "delivered" not in light.since(0)
        house.platform.between = None
        await _measure(house)
        await _freed(house)
        assert house.light() == "help"  # one that was delivered afterwards does not take that back
        house.press_button()
        await asyncio.sleep(11)
        assert house.light() == "delivered"

    house.world.run(story())


@pytest.mark.promise("P4", "P11")
def test_a_platform_that_is_down_for_a_day(home):
    """More readings than there may be plans. Nobody is called for help, and in the end everything is there once."""
    house = home(CUFF)
    light = LightWitness(house)
    count = OPEN_PLANS_MAX + 6

    async def story():
        house.broker.backend.subscribe(None)
        begun_s = house.loop.time()
        for number in range(count):
            await homes.measure(house, house.devices[0], _READING)
            await asyncio.sleep(40_000 if number < 2 else 3600 / count)
        assert len(house.journal().open_plans()) == OPEN_PLANS_MAX and house.journal().waiting() == count
        assert set(light.since(begun_s)) == {"visiting", "kept", "waiting"} and house.light() == "waiting"
        house.broker.backend.subscribe(house.platform.arrived)
        await homes.delivered(house)
        await _freed(house)
        assert house.light() == "delivered"

    house.world.run(story())
    assert light.early == [] and homes.books(house) == (0, 0, 0)
    assert len({_named(arrival).sequence for arrival in house.platform.named("up")}) <= count


@pytest.mark.promise("P4")
@pytest.mark.parametrize("octet", [0, 1, 15, 16, 17, 31, 40])
def test_the_power_goes_while_a_receipt_is_being_kept(home, octet):
    """It is programmed wholly or not at all; without it the envelope goes again, the same, and is answered again."""
    house = home(CUFF)
    light = LightWitness(house)

    def cut(arrival):
        if arrival.name == "up" and len(house.platform.named("up")) == 1:
            house.journal_cells.cut_at(octet=octet)
        return [arrival.answer] if arrival.answer else []

    async def story():
        house.platform.between = cut
        await _measure(house)
        if octet < 16:  # a receipt takes one unit
            await house.until(lambda: not house.hub.alive, 60, "the power goes")
            assert house.journal().open_plans() == [1] and not light.early
            house.power_on()
        else:
            await _freed(house)
            house.journal_cells.cut_at()
            await house.power_cycle()
        await _measure(house)
        await homes.delivered(house)
        await _freed(house)

    house.world.run(story())
    assert light.early == [] and homes.books(house) == (0, 0, 0)
    first = [arrival.octets for arrival in house.platform.named("up") if _named(arrival).sequence == 1]
    assert len(first) == (2 if octet < 16 else 1) and len(set(first)) == 1


@pytest.mark.promise("P11")
def test_a_receipt_that_flash_does_not_take_delivers_nothing(home):
    """The chip refuses; the envelope goes again, and the next receipt finds room."""
    house = home(CUFF)
    light = LightWitness(house)

    def refuse(arrival):
        if arrival.name == "up" and len(house.platform.named("up")) == 1:
            house.journal_cells.refuse_program(_REFUSALS)
        return [arrival.answer] if arrival.answer else []

    async def story():
        house.platform.between = refuse
        await homes.measure(house, house.devices[0], _READING)
        await house.until(lambda: len(house.platform.named("up")) == 1, 30, "the envelope arrives")
        await asyncio.sleep(5)
        assert house.journal().open_plans() == [1] and house.light() == "help" and "delivered" not in light.since(0)
        await _freed(house, _TRIES_S)
        assert len(house.platform.named("up")) == 2

    house.world.run(story())
    assert light.early == [] and homes.books(house) == (0, 0, 0)


@pytest.mark.promise("P4")
def test_what_was_under_way_when_the_line_was_lost_goes_again_with_the_next_one(home):
    house = home(CUFF)
    seen = wire.Wire(house)

    def lost(arrival):
        if arrival.name == "up" and len(house.platform.named("up")) == 1:
            next(iter(house.broker._gates)).reset()
            return []
        return [arrival.answer] if arrival.answer else []

    async def story():
        house.platform.between = lost
        house.broker.break_as("refuse")
        next(iter(house.broker._gates)).reset()
        await _measure(house)
        await asyncio.sleep(90)  # so that no minute of quiet lies between the lost line and the next one
        house.broker.break_as(None)
        await _freed(house)

    house.world.run(story())
    assert len(house.platform.named("up")) == 2
    assert house.platform.named("up")[1].at_s - seen.hellos()[-1] < _AT_ONCE_S
    assert homes.books(house) == (0, 0, 0)


@pytest.mark.promise("P4", "P10")
def test_a_foreign_hubs_envelope_on_our_topic_is_kept_apart_and_frees_nothing_of_ours(home):
    """As a broker without its access list would let it through."""
    house = home(CUFF)

    async def story():
        await _measure(house)
        await _freed(house)
        foreign = bytearray(house.platform.named("up")[0].octets)
        at = bytes(foreign).index(bytes.fromhex(HUB))
        foreign[at + 5] ^= 1
        house.platform.arrived(f"telehub/1/{HUB}/up", bytes(foreign))
        answered = house.platform.arrivals[-1].answer
        assert answered and decode_receipt(answered, house.enrolled.receipt_key).reason_name == "hub"
        await _measure(house)
        await _freed(house)
        assert house.light() == "delivered"  # what was held is nothing of this hub's: nobody is called

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)
    counters = house.world.run(homes.told(house))
    assert counters["receipt: unknown sequence"] == 1  # the answer to it came here, and was for none of ours


@pytest.mark.promise("P10")
def test_what_is_no_order_changes_nothing_and_is_counted(home):
    """Who is obeyed, and when: tests/twin/test_orders.py."""
    house = home(CUFF)

    def flash():
        return {name: cells.image() for name, cells in house.hub.flash.cells.items()}

    async def story():
        await _measure(house)
        await _freed(house)
        before = flash()
        receipt = house.platform.named("up")[0].answer
        orders = [b"", b"\0", bytes(900), b'{"action":"reset"}', receipt, house.platform.named("up")[0].octets]
        for octets in orders:
            house.platform.send(octets, name="order")
            await asyncio.sleep(3)
        assert flash() == before and house.connected() and house.light() == "delivered"
        counters = await homes.told(house)
        assert sum(count for name, count in counters.items() if name.startswith("order: ")) == len(orders)
        house.platform.send(bytes(4000), name="order")  # longer than any order: the line is dropped, and comes back
        await _measure(house)
        await _freed(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0) and house.hub.counters.boots == 3


@pytest.mark.promise("P3", "P5")
def test_what_arrives_says_the_same_to_a_second_reader(home):
    """Envelopes and reports are read by tools/inspect, and name this hub, its numbers and its keys."""
    house = home(CUFF)
    house.world.run(_measure(house, 2))
    house.world.run(_freed(house))
    keys = house.keyring.hub(HUB)

    def known(kid):
        from tools.backend.keys import load_point

        return load_point(keys.signing) if kid == keys.kid else None

    envelopes = [decode_envelope(arrival.octets, known) for arrival in house.platform.named("up")]
    assert [envelope.sequence for envelope in envelopes] == [1, 2]
    assert [envelope.captures for envelope in envelopes] == [[(1, 1)], [(2, 1)]]
    report = decode_health(house.platform.named("health")[0].octets, known)
    assert (report.hub, report.sequence, report.capture, report.waiting) == (HUB, 0, 0, 0)
