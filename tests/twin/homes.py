"""A house that is ready: hub enrolled, connected to its platform, devices paired, the pairing window lapsed."""

import json
from collections.abc import Callable

from tools.backend import exports
from tools.simulator.demo import record
from tools.simulator.devices import joined_taken
from tools.simulator.house import READ_S, House, Model

ready, read, delivered = House.ready, House.read, House.until_delivered


class OtherSettings(House):
    """A house whose technician chose other settings: `change(settings)` alters them in place."""

    def __init__(self, seed: int, models: tuple[Model, ...], change: Callable[[dict], None], **options):
        super().__init__(seed, models, **options)
        self._change = change

    def settings(self) -> dict:
        """The usual ones, changed."""
        settings = super().settings()
        self._change(settings)
        return settings


async def measure(house: House, device, reading, limit_s: float = READ_S) -> dict:
    """Measure once and wait until the hub has read it; returns what the display showed."""
    shown: dict = device.press(reading)
    await read(house, device, limit_s)
    return shown


async def told(house: House, limit_s: float = 1300) -> dict:
    """The counters of the hub's next signed health report: one comes every ten minutes, and with each new session."""
    before = house.store.rows("SELECT MAX(id) AS id FROM health")[0]["id"]
    newest = "SELECT id, content FROM health ORDER BY id DESC LIMIT 1"
    await house.until(lambda: house.store.rows(newest)[0]["id"] != before, limit_s, "a health report")
    counters: dict = json.loads(house.store.rows(newest)[0]["content"])["counters"]
    return counters


def stored(house: House, held: bool = False) -> list[dict]:
    """The readings in the store, in the order of taking; `held`: those that a person must decide on."""
    return list(exports.readings(house.store, held))


def books(house: House) -> tuple[int, int, int]:
    """(lost, doubled, marked possible repeats) between the displays and the store."""
    return record.compare(joined_taken(house.devices), stored(house))
