"""Updates of a hub in slots, cut anywhere: what a technician does over the cable, and what must hold after each cut.

`python -m tools.simulator.updates [--every N]` cuts one update at every KiB that it programs and inside every erase,
boots the hub, goes on with the update, and boots it again.
"""

import argparse
import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.backend.keys import point_of
from tools.host import image
from tools.simulator import slots
from tools.simulator.air import launch
from tools.simulator.house import House, TooLate
from tools.simulator.nor import Nor
from tools.technician import ca, release

KEY = ca.new_key(ca.seeded(1, "release"))
JOURNAL = (1, 2)
SEQUENCE = 2
_CUT_OCTETS = 1024  # four times in each block
_PROVED_S = 150  # an answer of the platform, and the first scan's end

# Takes a release as it lies in a folder of the host; goes on where it was.
_TAKE = """
import boot
from firmware import update
from firmware.board import spare

with open({folder!r} + "/manifest", "rb") as file:
    manifest = file.read()
found = update.open_manifest(manifest, bytes.fromhex({point!r}), "esp32s3", {sequence}, 2)
going = update.begin(spare, boot.Slots(0).spare, found, manifest)
begun = going.at
with open({folder!r} + "/octets", "rb") as file:
    file.seek(begun)
    while True:
        piece = file.read(896)
        if not piece:
            break
        going.take(going.at, piece)
whole = going.whole
if whole:
    going.finish()
    spare.unmount()
    boot.Slots(0).try_spare()
result = "%d %d" % (begun, whole)
"""


def made(key=KEY, **changes) -> release.Release:
    """This very firmware as a release."""
    library = launch.library()
    assert library is not None
    files = release.files_of(image.hub_root(launch.bits()), image.hub_library(library))
    return release.release(files, key, **{"version": "1.1.0", "sequence": SEQUENCE, "journal": JOURNAL, **changes})


def take(folder: Path, update: release.Release, sequence: int = 1) -> str:
    """The program that takes a release, for a hub that runs release `sequence`."""
    (folder / "manifest").write_bytes(update.manifest)
    (folder / "octets").write_bytes(update.octets)
    return _TAKE.format(folder=f"/host{folder}", point=point_of(KEY.public_key()).hex(), sequence=sequence)


@dataclass(frozen=True)
class Cut:
    """Where the plug is pulled: after so many more octets, or inside the erase after so many more."""

    octet: int | None = None
    erase: int | None = None


def cuts(cells: Nor, before: tuple[int, int]) -> list[Cut]:
    """Every KiB programmed and every erase of an update that ran through; `before`: the counters at its start."""
    programmed, erases = cells.programmed_octets - before[0], cells.erases - before[1]
    found = [Cut(octet=at) for at in range(0, programmed, _CUT_OCTETS)]
    return found + [Cut(erase=at) for at in range(erases)]


class Bench:
    """A hub with its update, which runs through once and then once more for each cut, from the same flash."""

    def __init__(self, house: House, folder: Path):
        self.house = house
        self.update = made()
        self.program = take(folder, self.update)
        house.power_off()
        self._start = {label: cells.copy() for label, cells in house.hub.flash.cells.items()}
        self._nvs = dict(house.hub.flash.nvs)

    def _again(self) -> None:
        flash = self.house.hub.flash
        flash.cells.update({label: cells.copy() for label, cells in self._start.items()})
        flash.nvs.clear()
        flash.nvs.update(self._nvs)

    async def cuts(self) -> list[Cut]:
        """All places where one may fall."""
        self._again()
        cells = self.house.hub.flash.cells["app_b"]
        before = cells.programmed_octets, cells.erases
        await self.house.run_on_hub(self.program)
        return cuts(cells, before)

    async def cut(self, cut: Cut, boots: bool) -> list[str]:
        """What is wrong after this cut: nothing, if all is well. `boots`: see the hub run before and after, too."""
        house, flash = self.house, self.house.hub.flash
        self._again()
        path = house.program_file(self.program)
        flash.cells["app_b"].cut_at(octet=cut.octet, erase=cut.erase)
        house.hub.start(program=path)
        flash.cells["app_b"].cut_at(octet=cut.octet, erase=cut.erase)  # power_on plans none
        await asyncio.wait_for(house.hub.down.wait(), 600)
        wrong = []
        if flash.cells["journal"].image() != self._start["journal"].image():
            wrong.append("the journal is another")
        if flash.cells["app_a"].image() != self._start["app_a"].image():
            wrong.append("the running application is another")
        trial = slots.state(house)["trial"]
        if boots and not trial:
            wrong += await self._runs(0)
            house.power_off()
        if not trial:
            begun, whole = (await house.run_on_hub(self.program)).split()
            if whole != "1":
                wrong.append(f"the update does not go on (from {begun})")
        if boots:
            wrong += await self._runs(1)
            house.power_off()
        return wrong

    def _kept(self) -> int | None:
        found = slots.state(self.house)
        return None if found["trial"] else found["kept"]

    async def _runs(self, slot: int) -> list[str]:
        """Whether the hub comes up and keeps this slot."""
        house = self.house
        try:
            await slots.connected(house)
            await house.until(lambda: self._kept() == slot, _PROVED_S, "it is kept", 1)
        except TooLate:
            return [f"slot {slot} does not run, or is not kept"]
        return []


def main(arguments: list[str] | None = None) -> int:
    """Cut at every place, or at every N-th; print what was wrong."""
    parser = argparse.ArgumentParser(description="Updates, cut everywhere")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every N-th place only")
    parser.add_argument("--boots", type=int, default=8, metavar="N", help="see the hub run at every N-th of them")
    chosen = parser.parse_args(arguments)
    wrong = 0
    with slots.house() as house:
        bench = Bench(house, house.folder)
        places = house.world.run(bench.cuts())[:: chosen.every]
        for number, place in enumerate(places):
            for what in house.world.run(bench.cut(place, number % chosen.boots == 0)):
                wrong += 1
                print(f"{place}: {what}", flush=True)
    print(f"{len(places)} cuts, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
