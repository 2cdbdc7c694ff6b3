"""Power-up of the twin: put the chip's modules in place, mount its flash, then run boot.py and main.py unchanged.

With TWIN_SLOTS the application lies in slots on the flash, as boot.py has them, and the image gives boot.py alone.

Started as `micropython -X heapsize=N _boot.py` with SEAM_FD and TWIN_* in the environment (air/launch.py sets them).
With TWIN_PROGRAM that one file runs instead, and what it leaves in its global `result` goes back as text. With
TWIN_CABLE the chip runs what its own file system holds, and its prompt listens on a serial line (simulator/board/).
"""

import gc
import struct
import sys

import uos

gc.collect()
_before = gc.mem_alloc()

import os  # noqa: E402
import select  # noqa: E402, F401
import time  # noqa: E402, F401

import _errno  # noqa: E402
import _seam  # noqa: E402 - all below is weighed
import _tasks  # noqa: E402
import bluetooth  # noqa: E402, F401
import esp32  # noqa: E402
import machine  # noqa: E402, F401
import network  # noqa: E402, F401

sys.modules["_asyncio"] = _tasks
sys.modules["errno"] = _errno  # no path shadows the built-in
for _name in ("socket", "ssl", "ntptime"):
    try:
        __import__(_name)
    except ImportError:
        pass

# The stock ESP32 image has umqtt.simple frozen: its code is in flash there.
_library = uos.getenv("TWIN_LIB")
if _library:
    sys.path.append(_library)
    import umqtt.simple  # noqa: F401

    sys.path.pop()


def _weigh(_code, _view):
    """What is free after a collection, and how many tasks have not ended."""
    gc.collect()
    return struct.pack("<IH", gc.mem_free(), _tasks.alive)


gc.collect()
_seam.heap_share = gc.mem_alloc() - _before

_WEIGH_EVENT = 249
_PROGRAM_RESULT = 250
_P256 = "firmware.seal.p256"
_P256_WORK = ("sign", "verify", "ecdh", "public_key")
# Once the chip's flash is the root: where the host's own files are, the image, and the libraries. Each file's path is a
# name, and names stay on the heap: the chip's are short, and do not depend on where somebody keeps this project.
_HOST = "/host"
_IMAGE = "/app"
_LIBRARY = "/lib"


def _mount_flash(own):
    """Make the chip's file system the root, as the stock image's _boot.py does; format a blank one.

    `own`: the application and aioble are what a technician copied there.
    """
    import vfs

    host = vfs.VfsPosix("/")
    if uos.getenv("TWIN_SLOTS"):  # boot.py is frozen, as in the release profile, and mounts it
        vfs.umount("/")
        vfs.mount(host, _HOST)
        return
    partition = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="vfs")[0]
    if own:
        import _cached

        _cached.stand_before(esp32.Partition)
        partition = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="vfs")[0]
    try:
        flash = vfs.VfsLfs2(partition)
    except OSError:
        vfs.VfsLfs2.mkfs(partition)
        flash = vfs.VfsLfs2(partition)
    vfs.umount("/")
    vfs.mount(host, _HOST)
    if not own:
        vfs.mount(vfs.VfsPosix(uos.getenv("TWIN_ROOT")), _IMAGE)
    if _library and not own:
        vfs.mount(vfs.VfsPosix(_library), _LIBRARY)
    vfs.mount(flash, "/")
    os.chdir("/")


def _charged(work, name):
    def charged(*args):
        _seam.charge("p256." + name)
        return work(*args)

    return charged


class _ChargedP256:
    """Stands where firmware.seal.p256 is imported, and loads it when it is first used.

    An own __import__ will not do: it would look up relative imports from this file's place, not the importer's.
    """

    def __getattr__(self, name):
        del sys.modules[_P256]
        try:
            module = __import__(_P256, None, None, (name,))
        finally:
            sys.modules[_P256] = self
        sys.modules["firmware.seal"].p256 = self
        for known in dir(module):
            if known[:2] != "__":
                value = getattr(module, known)
                setattr(self, known, _charged(value, known) if known in _P256_WORK else value)
        value = getattr(module, name)  # not self's: dir() and getattr() on self would come back here
        return _charged(value, name) if name in _P256_WORK else value


def _run(path, names):
    """Run one file; return the text of what stopped it, or None."""
    try:
        execfile(path, names)  # noqa: F821
    except SystemExit:
        return None
    except BaseException as error:  # noqa: BLE001 - told to the air, whatever it is
        from io import StringIO

        text = StringIO()
        sys.print_exception(error, text)
        sys.print_exception(error)
        return text.getvalue()
    return None


def _at_the_prompt(raw):
    """As the chip does: boot.py, main.py unless it was reset out of raw mode, then the prompt."""
    import _repl

    names = {"__name__": "__main__"}
    _repl.run_file("boot.py", names)
    if not raw:
        _repl.run_file("main.py", names)
    _repl.serve(names, raw)


def _main():
    _seam.preempted = bool(uos.getenv("TWIN_PREEMPTED"))
    _seam.on(_WEIGH_EVENT, _weigh)
    seed = _seam.call(40, b"\x04\x00")
    import random

    random.seed(int.from_bytes(seed, "little"))
    sys.modules[_P256] = _ChargedP256()
    cable = uos.getenv("TWIN_CABLE")
    _mount_flash(cable)
    sys.path[:] = ["", _HOST + uos.getenv("TWIN_CHIP"), _IMAGE, _LIBRARY, ".frozen"]
    del sys.argv[1:]
    if cable:
        sys.path.remove(_IMAGE)
        _at_the_prompt(cable == "raw")
    program = uos.getenv("TWIN_PROGRAM")
    names = {"__name__": "__main__"}
    if program:
        error = _run(_HOST + program, names)
        _seam.sample_heap()
        result = names.get("result")
        _seam.call(_PROGRAM_RESULT, (error or ("" if result is None else str(result))).encode())
        raise SystemExit(1 if error else 0)
    error = None
    slots = uos.getenv("TWIN_SLOTS")
    for name in ("boot.py", "main.py"):
        path = _IMAGE + "/" + name
        if slots and name == "boot.py":
            path = _HOST + uos.getenv("TWIN_ROOT") + "/boot.py"  # it lies in the flash's root, or is frozen
        elif slots:
            path = os.getcwd() + "/main.py"
        try:
            uos.stat(path)
        except OSError:
            continue
        error = _run(path, names)  # after an error in boot.py the chip goes on with main.py
    _seam.sample_heap()
    _seam.call(_PROGRAM_RESULT, (error or "main.py returned").encode())
    while True:  # the chip is at its prompt: Bluetooth goes on, the watchdog still bites
        _seam.wait(-1)


if uos.getenv("TWIN_SHARE"):
    _seam.call(_PROGRAM_RESULT, str(_seam.heap_share).encode())
else:
    _main()
