"""P3, P4, P7, P8: what is stored is what the device sent, exactly, as what it is, and as often as it was measured."""

import asyncio
import random

import pytest

from tests.twin import homes
from tools.simulator.devices import Oximeter, Patient, readings
from tools.simulator.house import CUFF, DELIVERED_S, NONIN, OXIMETER, SCALE, Model

pytestmark = pytest.mark.needs("micropython32", "library")

# What the displays showed, whether it counts as this patient's, and what the stored reading must say of it.
_ODD = (
    (CUFF, readings.blood_pressure("NaN", "NaN", "NaN", "NRes"), "NaN", []),
    (CUFF, readings.blood_pressure("+INF", "-INF", "RFU", "NaN"), "+INF", []),
    (CUFF, readings.blood_pressure("17.1", "10.9", "13.0", 71, kpa=True), "17.1", []),
    (CUFF, readings.blood_pressure(128, 82, 97, 71, status=("body_movement", "irregular_pulse")), "128", []),
    (SCALE, readings.weight(None), "unsuccessful", ["unsuccessful"]),
    (SCALE, readings.weight("176.20", pounds=True), "176.20", []),
    (SCALE, readings.weight("0.005"), "0.005", []),
    (NONIN, readings.oximetry("98.0", "70.0"), "98.0", []),
    (NONIN, readings.oximetry("98", "70"), "98", []),
    (NONIN, readings.oximetry("97.0", "60.0", status=("demo",), for_patient=False), "97.0", ["demo"]),
    (NONIN, readings.oximetry("96.0", "61.0", status=("testing",), for_patient=False), "96.0", ["test"]),
    (
        NONIN,
        readings.oximetry("95.0", "62.0", status=("calibration_ongoing",), for_patient=False),
        "95.0",
        ["calibration"],
    ),
    (NONIN, readings.oximetry("NaN", "NaN", "1.25", status=("invalid",)), "NaN", ["invalid"]),
)


@pytest.mark.promise("P3", "P7", "P8")
def test_odd_readings_are_stored_as_what_they_are(home):
    """No number becomes another, no reason a number, no test the patient's."""
    house = home(CUFF, SCALE, NONIN)
    of_model = dict(zip((CUFF, SCALE, NONIN), house.devices, strict=True))
    sent = []

    async def story():
        for model, reading, _, _ in _ODD:
            device = of_model[model]
            device.press(reading)
            sent.append((device.address, device.encode(device.memory[-1]).hex()))  # by a hand that knows no driver
            await homes.read(house, device)
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)
    stored = homes.stored(house)
    assert [(one["device"], one["source"][0]["hex"]) for one in stored] == sent
    for one, (_, reading, first, flags) in zip(stored, _ODD, strict=True):
        quantity = one["quantities"][0]
        assert quantity.get("value", quantity.get("reason")) == first
        assert one["flags"] == flags
        assert one["test"] == ("testing" in reading.status)
        assert one["status"] == list(reading.status)


@pytest.mark.promise("P4")
def test_true_equal_readings_are_all_there(home):
    """The same numbers twice in one visit, again in the next, and after half an hour."""
    house = home(SCALE, CUFF)
    same = {"UC-352BLE": readings.weight("79.9"), "UA-651BLE": readings.blood_pressure(120, 80, 93, 70)}

    async def story():
        for pause_s in (12, 40, 1_800):
            for device in house.devices:
                for _ in range(2):
                    device.press(same[device.MODEL])
                    await asyncio.sleep(2)
                await homes.read(house, device)
            await asyncio.sleep(pause_s)
        await homes.delivered(house)

    house.world.run(story())
    assert len(homes.stored(house)) == 12
    assert homes.books(house) == (0, 0, 0)


@pytest.mark.promise("P4")
@pytest.mark.parametrize("model", [CUFF, SCALE, NONIN], ids=["cuff", "scale", "oximeter"])
def test_a_reading_sent_again_with_its_time_is_stored_once(home, model):
    """Links lost while an indication or its confirmation is under way."""
    house = home(model)
    device = house.devices[0]
    patient = Patient("copd", random.Random(1))
    measure = {CUFF: patient.blood_pressure, SCALE: patient.weight, NONIN: patient.oximetry}[model]
    device.faults.lose_confirmation_at = 2
    device.faults.drop_at = 5

    async def story():
        for _ in range(6):
            device.press(measure())
            await asyncio.sleep(5)
        await homes.read(house, device, 120)
        await homes.delivered(house)
        await asyncio.sleep(200)

    house.world.run(story())
    assert [entry[1] for entry in device.log].count("indicate") > 6
    assert house.store.rows("SELECT COUNT(*) AS n FROM repeated")[0]["n"] >= 1
    assert homes.books(house) == (0, 0, 0)


@pytest.mark.promise("P4", "P8", "P9")
def test_a_reading_without_a_time_sent_again_is_marked(home):
    """Nobody can tell it from a second equal reading: it is stored once more, marked, at most once per lost link."""
    house = home(Model(Oximeter, "pulse_oximeter_unbonded", options={"clock_is_set": False}))
    device = house.devices[0]
    device.faults.lose_confirmation_at = 2

    async def story():
        for spo2 in ("94.0", "95.0", "96.0"):
            device.press(readings.oximetry(spo2, "70.0"))
        await homes.read(house, device, 200)
        await house.until(lambda: house.delivered_total() >= 4, DELIVERED_S, "all are delivered")
        await homes.measure(house, device, readings.oximetry("97.0", "70.0"))  # by a clock that the hub has set
        await house.until(lambda: house.delivered_total() >= 5, DELIVERED_S, "all are delivered")

    house.world.run(story())
    stored = homes.stored(house)
    assert [one["quantities"][0]["value"] for one in stored] == ["94.0", "95.0", "95.0", "96.0", "97.0"]
    assert [("possible_repeat" in one["flags"]) for one in stored] == [False, False, True, False, False]
    assert [one["device_time_state"] for one in stored] == ["unknown"] * 4 + ["ok"]
    assert all("unencrypted" in one["flags"] for one in stored)  # it cannot bond, and its readings say so
    assert homes.books(house) == (0, 0, 1)


@pytest.mark.promise("P2", "P8", "P11")
@pytest.mark.parametrize(("fault", "octets"), [("cut_octets", 3), ("cut_octets", 12), ("extra_octets", 2)])
def test_octets_that_nobody_understands_travel_whole(home, fault, octets):
    """Too short: undecoded, held, with the reason; too long: what is understood counts, the rest is not dropped."""
    house = home(CUFF, SCALE)
    cuff, scale = house.devices
    setattr(cuff.faults, fault, octets)

    async def story():
        cuff.press(readings.blood_pressure(120, 80, 93, 70))
        whole = cuff.encode(cuff.memory[0])
        await homes.read(house, cuff)
        await homes.measure(house, scale, readings.weight("79.9"))
        await house.until(lambda: house.delivered().get(scale.address) == 1, DELIVERED_S, "the scale's arrives")
        return whole

    whole = house.world.run(story())
    rows = house.store.rows("SELECT reason, content FROM undecoded")
    of_cuff = [one for one in homes.stored(house) if one["device"] == cuff.address]
    if fault == "cut_octets":
        assert len(rows) == 1
        assert rows[0]["reason"] == "short"
        assert whole[:-octets].hex() in rows[0]["content"]
        assert of_cuff == []
        assert house.light() == "help"
    else:
        assert [row["reason"] for row in rows] == []
        assert of_cuff[0]["source"][0]["hex"] == (whole + bytes(octets)).hex()


@pytest.mark.promise("P12")
def test_nothing_of_a_patient_or_a_secret_is_in_logs_and_reports(home):
    house = home(CUFF, NONIN, OXIMETER)
    patient = Patient("copd", random.Random(3))

    async def story():
        for device, measure in zip(
            house.devices, (patient.blood_pressure, patient.oximetry, patient.oximetry), strict=True
        ):
            device.faults.drop_at = 1
            device.press(measure())
            await homes.read(house, device, 200)
        await homes.delivered(house)
        await homes.told(house)

    house.world.run(story())
    secrets = [bytes.fromhex(one["source"][0]["hex"]) for one in homes.stored(house)]
    secrets.append(house.router.key.encode())
    for device in house.devices:
        secrets += [bytes.fromhex(device.address.replace(":", "")), device.address.encode(), device.serial.encode()]
        secrets += [bond.ltk.value for bond in _bonds(device)]
    assert len(secrets) >= 15  # three readings, three devices with their names, one network's key, two bonds
    told = [house.hub.output().encode(), *(arrival.octets for arrival in house.platform.named("health"))]
    for octets in told:
        for secret in secrets:
            assert secret not in octets
            assert secret.hex().encode() not in octets


def _bonds(device):
    return [keys for keys in device.bumble.keystore.bonds.values() if keys.ltk is not None]
