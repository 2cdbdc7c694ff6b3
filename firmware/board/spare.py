"""The slot that does not run: mounted while an update is written into it (boot.py has the slots)."""

import os

import esp32
import vfs

FOLDER = "/new"


def mount(label: str, fresh: bool) -> None:
    """Mount a slot where an update is written; `fresh`, or unreadable: formatted. Its old application is gone then."""
    partition = esp32.Partition.find(esp32.Partition.TYPE_DATA, label=label)[0]
    try:
        if fresh:
            raise OSError
        file_system = vfs.VfsLfs2(partition)
    except OSError:
        vfs.VfsLfs2.mkfs(partition)
        file_system = vfs.VfsLfs2(partition)
    vfs.mount(file_system, FOLDER)


def unmount() -> None:
    """Nothing more is written."""
    vfs.umount(FOLDER)


def retire(label: str) -> None:
    """Let nobody start what lies in a slot: it could not read what the running application writes from now on."""
    mount(label, False)
    try:
        os.remove(FOLDER + "/main.py")
    except OSError:
        pass
    unmount()
