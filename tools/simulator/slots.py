"""A hub whose application lies in slots on its flash (boot.py), as on a provisioned board."""

from tools.simulator.air.flash import DATA, TABLE, PartitionRow

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
