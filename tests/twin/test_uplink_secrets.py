"""P12: what a hub prints, reports, stores outside its key files, or sends in clear holds no secret and no reading."""

import asyncio
import base64
import json

import pytest

from tests.twin import homes, wire
from tools.simulator.devices import readings
from tools.simulator.house import CUFF, SCALE

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P12")]

KEY_FILES = ("tls.key", "signing.key", "agreement.key")
TLS_KEY_AGAIN = "tls.der"  # the same key, as the TLS library takes it
SETTINGS = ("settings.a", "settings.b")  # hold the Wi-Fi key
_FILES = """
import os
result = repr({name: open("hub/" + name, "rb").read() for name in os.listdir("hub")})
"""
# What a report may speak of (firmware/seal/FORMAT.md, section 4).
_REPORT = {
    "chain", "sequence", "capture", "time_s", "clock", "waiting", "counters", "notes", "firmware", "jump_s",
    "order", "events",
}  # fmt: skip


def _forms(secret):
    """A secret as it could stand somewhere."""
    return {
        secret,
        secret.hex().encode(),
        secret.hex().upper().encode(),
        base64.b64encode(secret).rstrip(b"="),
        base64.urlsafe_b64encode(secret).rstrip(b"="),
        repr(secret)[2:-1].encode(),
    }


def _found(secrets, octets):
    return [name for name, secret in secrets.items() for form in _forms(secret) if form in octets]


@pytest.fixture
def lived(home):
    """A house in which much went wrong, its wire, and the hub's files."""
    house = home(CUFF, SCALE)
    cuff, scale = house.devices
    seen = wire.Wire(house)

    async def story():
        cuff.press(readings.blood_pressure(163, 97, 119, 58))
        await homes.read(house, cuff)
        await homes.measure(house, scale, readings.weight("83.45"))
        await homes.delivered(house)
        cuff.faults.cut_octets = 9  # octets that no driver understands
        await homes.measure(house, cuff, readings.blood_pressure(163, 97, 119, 58))
        cuff.faults.cut_octets = 0
        scale.delete_bonds()
        scale.press(readings.weight("84.15"))
        await asyncio.sleep(60)
        for fault in ("rubbish", "oversize", "refuse"):
            house.broker.break_as(fault)
            await house.power_cycle()
            await asyncio.sleep(40)
        house.router.key = "changed"
        await house.power_cycle()
        await asyncio.sleep(60)
        house.router.key = "correct horse"
        house.broker.break_as(None)
        house.journal_cells.refuse_program(2)
        cuff.press(readings.blood_pressure(171, 99, 123, 61))
        await homes.read(house, cuff, 120)
        house.platform.send(b"rubbish")
        await homes.told(house, 3000)

    house.world.run(story())
    printed = house.hub.output()
    house.power_off()
    files = eval(house.world.run(house.run_on_hub(_FILES)), {})  # a dict that our own program printed
    return house, seen, files, printed.encode()


def test_no_secret_and_no_reading_gets_out_of_its_place(lived):
    house, seen, files, printed = lived
    secrets = {name: files[name][:-4] for name in KEY_FILES}  # their CRC is behind them
    assert all(len(secret) == 32 for secret in secrets.values())
    secrets["receipt"] = house.enrolled.receipt_key
    secrets["wifi"] = house.router.key.encode()
    house_values = {f"reading {number}": value for number, value in enumerate(_values(house))}
    assert len(house_values) >= 3
    reports = b"".join(arrival.octets for arrival in house.platform.named("health"))
    clear = b"".join(octets for *_, octets in seen.datagrams)
    travelled = b"".join(bytes(connection.octets) for connection in seen.connections)
    assert len(travelled) > 5000 and clear and reports
    for octets in (printed, reports, clear, travelled):
        assert _found(secrets | house_values, octets) == []
    # On the file system each secret lies in its own file and nowhere else; the derived one is not stored at all.
    for name, content in files.items():
        own = name.removesuffix(".b")  # the second copy
        allowed = {own} if own in KEY_FILES else {"tls.key"} if own == TLS_KEY_AGAIN else set()
        allowed |= {"wifi"} if name in SETTINGS else set()
        assert set(_found(secrets, content)) <= allowed, name
    assert _found({"receipt": secrets["receipt"]}, house.hub.flash.cells["vfs"].image()) == []
    for name, cells in house.hub.flash.cells.items():
        assert name == "vfs" or _found(secrets, cells.image()) == [], name
    # And what the platform stores and shows of reports speaks of nothing else.
    for row in house.store.rows("SELECT content FROM health"):
        content = json.loads(row["content"])
        assert set(content) <= _REPORT
        assert _found(secrets | house_values, row["content"].encode()) == []
        text = json.dumps([content["counters"], content["notes"]])
        assert not [device for device in house.devices if device.address in text or device.serial in text]
        assert not [number for number in ("163", "171", "83.45", "84.15", "16690", "16830") if number in text]


def _values(house):
    """The octets of readings, as devices sent them."""
    journal = house.journal()
    for number in range(1, journal.next_capture):
        try:
            capture = journal.read(number)
        except ValueError:
            continue
        if len(capture.value) >= 8:
            yield bytes(capture.value)
