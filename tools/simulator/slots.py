"""A hub whose application lies in slots on its flash (boot.py), as on a provisioned board."""

import functools

from tools.simulator.air.flash import DATA, TABLE, PartitionRow
from tools.simulator.house import CONNECTED_S, CUFF, PAIRED_S, House
from tools.simulator.nor import Nor

SLOT_SECTORS = 256  # 1 MiB: the application and aioble are some 110 files, and LittleFS gives each whole sectors
SLOTS = (
    PartitionRow("app_a", DATA, 0x81, 0x300000, SLOT_SECTORS),
    PartitionRow("app_b", DATA, 0x81, 0x400000, SLOT_SECTORS),
)
SLOTS_TABLE = (*TABLE, *SLOTS)

# Copies the image that the hub's interpreter sees in program mode into a slot, as provisioning does over the cable.
_FILL = """
import esp32, os, vfs

def copy(source, target):
    for name, kind, *_ in os.ilistdir(source):
        if kind == 0x4000:
            os.mkdir(target + "/" + name)
            copy(source + "/" + name, target + "/" + name)
        else:
            with open(source + "/" + name, "rb") as old, open(target + "/" + name, "wb") as new:
                while True:
                    octets = old.read(512)
                    if not octets:
                        break
                    new.write(octets)

partition = esp32.Partition.find(esp32.Partition.TYPE_DATA, label={label!r})[0]
vfs.VfsLfs2.mkfs(partition)
vfs.mount(vfs.VfsLfs2(partition), "/new")
copy("/app", "/new")
os.mkdir("/new/lib")
copy("/lib", "/new/lib")
vfs.umount("/new")
"""
_KEEP = "import boot\nboot.Slots().keep({slot})"


def fill(label: str) -> str:
    """The program that puts the image into a slot."""
    return _FILL.format(label=label)


def keep(slot: int) -> str:
    """The program that makes a slot the hub's."""
    return _KEEP.format(slot=slot)


@functools.cache
def image() -> bytes:
    """The cells of a slot with this firmware: the same for each, so they are made once."""
    with House(1, (), hub={"table": SLOTS_TABLE}) as blank:

        async def filled() -> None:
            await blank.start()
            await blank.run_on_hub(fill("app_a"))

        blank.world.run(filled())
        return bytes(blank.hub.flash.cells["app_a"].image())


def house(spare: bool = True) -> House:
    """A house whose hub runs from slot a and has paired its cuff; in slot b lies the same (`spare`), or nothing.

    What ends the hub's program is not the end of the world there.
    """
    made = House(1, (CUFF,), hub={"table": SLOTS_TABLE})
    for label in ("app_a", "app_b")[: 2 if spare else 1]:
        made.hub.flash.cells[label] = Nor(SLOT_SECTORS, image=image())

    async def ready() -> None:
        await made.start()
        await made.enrol()
        await made.run_on_hub(keep(0))
        await connected(made)
        made.press_button()
        await made.pair(made.devices[0], PAIRED_S)

    made.network(True)
    made.world.run(ready())
    made.world.crash_fails = False
    return made


def reports(made: House) -> int:
    """How many health reports the platform has answered."""
    return len([arrival for arrival in made.platform.named("health") if arrival.answer])


async def connected(made: House, limit_s: float = CONNECTED_S) -> None:
    """Give power, and wait for a report: the broker takes its time to see that a hub is gone."""
    before = reports(made)
    made.power_on()
    await made.until(lambda: reports(made) > before, limit_s, "the hub reaches its platform")


def state(made: House) -> dict[str, int]:
    """What boot.py goes by."""
    kept, trial, undone, _, low, high = made.hub.flash.nvs.get(b"telehub\0boot\0", b"b" + bytes(6))[1:]
    return {"kept": kept, "trial": trial, "undone": undone, "boots": low | high << 8}
