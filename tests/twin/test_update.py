"""P2, P10, P11: an update is the release key's, whole, for this board and newer, or nothing of it ever starts."""

import hashlib

import cbor2
import pytest

from tests.twin import homes
from tools.backend.keys import point_of
from tools.simulator import slots, updates
from tools.simulator.devices import readings
from tools.simulator.house import House
from tools.technician import ca, release
from tools.technician.signing import sign1

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P2", "P10", "P11")]

SLICE = 64  # of the places where an update is cut; `make updates` tries them all
_FILES = {"main.py": b"print('started')\n", "firmware/hub.mpy": bytes(range(256)) * 3, "drivers/__init__.mpy": b""}
# Opens a manifest; when it is good, takes all octets in odd pieces. Leaves what became of it.
_TRY = """
import os
import vfs
import esp32
from firmware import update
from firmware.board import spare
from firmware.contracts import PeerError

results = []
for number in range({count}):
    with open({folder!r} + "/m%d" % number, "rb") as file:
        manifest = file.read()
    try:
        found = update.open_manifest(manifest, bytes.fromhex({point!r}), "esp32s3", 1, 2)
        going = update.begin(spare, "app_b", found, manifest)
        try:
            with open({folder!r} + "/o%d" % number, "rb") as file:
                file.seek(going.at)
                while not going.whole:
                    octets = file.read(97)
                    if not octets:
                        break
                    going.take(going.at, octets)
                rest = file.read(1)
            if rest:
                going.take(going.at, rest)
            results.append("whole" if going.whole else "begun")
            if going.whole:
                going.finish()
        finally:
            going.close()
            started = "main.py" in os.listdir("/new")
            spare.unmount()
    except PeerError as error:
        results.append(error.args[0])
        started = False
    results[-1] += "*" if started else ""
result = "|".join(results)
"""


def _tried(*updates_):
    """What a blank hub makes of each (manifest, octets): "*" behind what could be started."""
    with House(1, (), hub={"table": slots.SLOTS_TABLE}) as house:
        for number, (manifest, octets) in enumerate(updates_):
            (house.folder / f"m{number}").write_bytes(manifest)
            (house.folder / f"o{number}").write_bytes(octets)
        program = _TRY.format(
            count=len(updates_), folder=f"/host{house.folder}", point=point_of(updates.KEY.public_key()).hex()
        )

        async def story():
            await house.start()
            return await house.run_on_hub(program)

        return house.world.run(story()).split("|")


def _release(files=None, key=updates.KEY, **changes):
    made = release.release(
        _FILES if files is None else files, key, **{"version": "1.1", "sequence": 2, "journal": (1, 2), **changes}
    )
    return made.manifest, made.octets


def _index(text, rest=b"", **changes):
    """A release whose index says what nobody would say."""
    index = text.encode()
    payload = cbor2.dumps(
        [1, "esp32s3", "1.1", 2, [1, 2], len(index) + len(rest), len(index), hashlib.sha256(index).digest()],
        canonical=True,
    )
    return sign1(updates.KEY, payload, release.MANIFEST), index + rest


def test_what_is_not_a_good_update_is_refused_by_its_reason():
    other = ca.new_key(ca.seeded(2, "release"))
    manifest, octets = _release()
    altered, other_index, cut = (_release(sequence=number)[0] for number in (3, 4, 5))  # their octets are the same
    digest = hashlib.sha256(b"x").hexdigest()
    kinds = {
        "whole*": (manifest, octets),
        "update: foreign key": _release(key=other),
        "update: older": _release(sequence=1),
        "update: board": _release(board="esp32"),
        "update: journal": _release(journal=(3, 4)),
        "update: journal ": _release(journal=(1, 1)),
        "update: signature": (manifest[:-1] + bytes((manifest[-1] ^ 1,)), octets),
        "update: malformed": (manifest[:-1], octets),
        "update: malformed ": (b"", octets),
        "update: oversize": (manifest + bytes(200), octets),
        "update: digest": (altered, octets[:-1] + bytes((octets[-1] ^ 1,))),
        "update: digest ": (other_index, b"0" + octets[1:]),
        "begun": (cut, octets[:-1]),
        "update: too long": (cut, octets + b"x"),  # it goes on where it was
        "update: path": _index(f"{digest} 1 ../hub/settings.a\n", b"x"),
        "update: path ": _index(f"{digest} 1 /boot.py\n", b"x"),
        "update: path  ": _index(f"{digest} 1 manifest\n", b"x"),
        "update: path   ": _index(f"{digest} 1 {'a' * 65}\n", b"x"),
        "update: index": _index(f"{digest} 2 main.py\n", b"x"),
        "update: index ": _index(f"{digest} -1 main.py\n", b"x"),
        "update: index  ": _index(f"{digest} main.py\n", b"x"),
        "update: index   ": _index("", b"x"),
    }
    found = dict(zip(kinds, _tried(*kinds.values()), strict=True))
    assert found == {kind: kind.rstrip() for kind in kinds}


def test_no_octet_of_a_manifest_can_be_another():
    manifest, octets = _release()
    changed = [
        (manifest[:at] + bytes((manifest[at] ^ 1 << at % 8,)) + manifest[at + 1 :], octets)
        for at in range(len(manifest))
    ]
    assert "whole*" not in _tried(*changed)


@pytest.mark.parametrize("part", [0, 1])
def test_an_update_that_is_cut_goes_on_and_costs_nothing(part):
    with slots.house() as house:
        bench = updates.Bench(house, house.folder)
        places = house.world.run(bench.cuts())
        assert len(places) >= 400 and len({place.erase for place in places}) > 100
        for number, place in enumerate(places[part * SLICE // 2 :: SLICE]):
            assert house.world.run(bench.cut(place, number % 5 == 0)) == [], place


def test_readings_before_and_after_an_update_are_all_there():
    with slots.house() as house:
        reading = readings.blood_pressure(128, 82, 97, 71)

        async def story():
            house.network(False)
            await homes.measure(house, house.devices[0], reading)
            house.power_off()
            house.devices[0].press(reading)  # while the cable is in
            assert await house.run_on_hub(updates.take(house.folder, updates.made())) == "0 1"
            house.network(True)
            await slots.connected(house)
            await house.until(lambda: slots.state(house)["kept"] == 1, 300, "the update is kept")
            await homes.measure(house, house.devices[0], reading, 120)
            await homes.delivered(house)

        house.world.run(story())
        assert homes.books(house) == (0, 0, 0)
