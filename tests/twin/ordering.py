"""Giving a hub its orders as the platform would, and hearing what came of them."""

import json
from typing import Any

from tools.simulator.house import House

_CONTENT = "SELECT id, content FROM health ORDER BY id DESC LIMIT 1"


def newest(house: House) -> tuple[int, dict]:
    """The number and the content of the newest health report in the store."""
    row = house.store.rows(_CONTENT)[0]
    return row["id"], json.loads(row["content"])


async def report(house: House, limit_s: float = 1300) -> dict:
    """The hub's next signed report."""
    before = newest(house)[0]
    await house.until(lambda: newest(house)[0] != before, limit_s, "a health report")
    return newest(house)[1]


async def outcome(house: House, number: int, limit_s: float = 120) -> tuple[str, str]:
    """What the hub's reports say came of an order, once that is the last word."""

    def told() -> bool:
        order = newest(house)[1]["order"]
        return order is not None and order["number"] == number and order["result"] != "on trial"

    await house.until(told, limit_s, f"what came of order {number}")
    order = newest(house)[1]["order"]
    return order["result"], order["detail"]


async def give(house: House, octets: bytes, number: int, limit_s: float = 120) -> tuple[str, str]:
    """Send an order and wait for what came of it."""
    house.platform.send(octets, name="order")
    return await outcome(house, number, limit_s)


_SETTINGS = """
import json
from firmware import config
result = json.dumps(config.Store(config.FOLDER, "settings").load())
"""


async def asked(house: House, program: str) -> Any:
    """What a program says that is run on the hub while it is switched off."""
    running = house.hub.alive
    house.power_off()
    found = json.loads(await house.run_on_hub(program))
    if running:
        house.power_on()
        await report(house)  # it hears orders from then on
    return found


async def settings(house: House) -> dict:
    """The hub's settings as they are on its flash."""
    found: dict = await asked(house, _SETTINGS)
    return found
