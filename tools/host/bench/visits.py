"""How soon a device is read while it advertises, and how sure, among a hundred strangers who advertise too.

"Kept" is the moment of the first program of flash inside the Bluetooth callback. What a stranger says is heard by the
same scan; real collisions in the air are not part of the twin.
"""

import asyncio
import random
from collections.abc import Iterator

from bumble.core import AdvertisingData

from tools.host import budget
from tools.host.bench.plan import Plan
from tools.host.figures import Figure
from tools.simulator.air.controller import make_device
from tools.simulator.devices import MedicalDevice
from tools.simulator.devices.twins import TWINS
from tools.simulator.house import CUFF, NONIN, OXIMETER, SCALE, House, TooLate, twin

_SHARE, _AMONG = "visit.advert_share", "visit.complete_among_strangers"
_IN_A_HOUSE = 5
_READ_S = 120
STRANGERS = 100
STRANGERS_ADVERTS_PER_S = 40
_ROUNDS = 50
_ROUND_S = 50  # longer than any of these advertises


def measure(plan: Plan) -> Iterator[Figure]:
    """What of this room is asked for."""
    if any(plan.asks(f"{_SHARE}.{row}") for row in TWINS):
        yield from shares(plan.seed)
    if plan.asks(_AMONG):
        yield among_strangers(plan.seed)


# -- from the first advertisement to the first octet kept -------------------------------------------------


def shares(seed: int) -> Iterator[Figure]:
    """Of each device's window of advertising, in per cent."""
    rows = list(TWINS)
    for at in range(0, len(rows), _IN_A_HOUSE):
        here = rows[at : at + _IN_A_HOUSE]
        with House(seed, tuple(twin(row) for row in here)) as house:
            house.world.run(house.ready())
            for row, device in zip(here, house.devices, strict=True):
                share = house.world.run(share_of(house, row, device))
                yield Figure(f"{_SHARE}.{row}", share, "%", budget.ADVERT_SHARE_PERCENT_MAX)


async def share_of(house: House, row: str, device: MedicalDevice) -> float | None:
    """One reading's; None when it was not read at all."""
    kept_s: list[float] = []
    program = house.journal_cells.program

    def watched(at: int, octets) -> None:
        if house.hub.in_callback:
            kept_s.append(house.loop.time())
        program(at, octets)

    one = TWINS[row]
    house.journal_cells.program = watched  # type: ignore[method-assign]
    try:
        begun_s = house.loop.time()
        device.press(one.shows[0], one.user)
        await house.read(device, _READ_S)
    except TooLate:
        return None
    finally:
        house.journal_cells.program = program  # type: ignore[method-assign]
    return round((kept_s[0] - begun_s) / device.WINDOW_S * 100, 1) if kept_s else None


# -- among strangers ---------------------------------------------------------------------------------------


def among_strangers(seed: int) -> Figure:
    """Six own devices, two awake together, and a hundred neighbours' that advertise all the time."""
    rows = ("ad_ut201ble", "glucose_meter")
    with House(seed, (CUFF, SCALE, NONIN, OXIMETER, *map(twin, rows))) as house:
        house.world.run(house.ready())
        complete, visits = house.world.run(in_a_neighbourhood(house, _ROUNDS))
    share = round(100 * complete / visits, 2)
    return Figure(_AMONG, share, "%", budget.VISITS_COMPLETE_PERCENT_MIN, "min", runs=visits)


async def in_a_neighbourhood(house: House, rounds: int) -> tuple[int, int]:
    """(visits in which everything was read before the device slept, all visits)."""
    chance = random.Random(house.seed)
    interval_ms = 1000 * STRANGERS / STRANGERS_ADVERTS_PER_S
    for number in range(STRANGERS):
        address = f"c1:57:{chance.randrange(256):02x}:{chance.randrange(256):02x}:00:{number:02x}"
        stranger = make_device(house.world.link, f"stranger {number}", address)
        await stranger.power_on()
        await stranger.start_advertising(
            advertising_data=bytes(AdvertisingData([(AdvertisingData.FLAGS, b"\x06")])),
            advertising_interval_min=interval_ms,
            advertising_interval_max=interval_ms,
        )
    shown = {
        device: TWINS[model.row].shows for device, model in zip(house.devices, house.models, strict=True)
    }
    complete = visits = 0
    for turn in range(rounds):
        two = chance.sample(house.devices, 2)
        for device in two:
            await asyncio.sleep(chance.uniform(0, 3))
            device.press(shown[device][turn % len(shown[device])])
        await asyncio.sleep(_ROUND_S)
        visits += len(two)
        complete += sum(not device.unsent() for device in two)
    return complete, visits
