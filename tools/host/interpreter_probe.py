"""Run by a MicroPython: prints in one JSON line what it is and which of the needed things it has."""

import json
import sys


def tries(*lines):
    """True when the lines run here."""
    try:
        exec("\n".join(lines), {})
    except Exception:  # noqa: BLE001 (a build may fail in any way where something is left out)
        return False
    return True


bits, value = 1, sys.maxsize
while value:
    bits, value = bits + 1, value >> 1

has = []
for name, lines in (
    ("vfs", ("import vfs", "vfs.VfsLfs2", "vfs.mount")),
    ("tls", ("import tls", "tls.SSLContext(tls.PROTOCOL_TLS_CLIENT).load_cert_chain")),
    ("asyncio", ("import asyncio", "asyncio.ThreadSafeFlag", "asyncio.wait_for_ms")),
    ("select", ("import select", "select.poll().ipoll")),
    ("socket", ("import socket", "socket.getaddrinfo")),
    ("cryptolib", ("import cryptolib", "cryptolib.aes")),
    ("sha256", ("import hashlib", "hashlib.sha256(b'').digest()")),
    ("collections", ("from collections import OrderedDict, deque, namedtuple",)),
    ("io", ("import io", "io.IOBase")),
    ("exec", ("class A:\n    async def a(self):\n        return f'{1}'",)),
    ("micropython", ("import micropython", "micropython.stack_use()", "micropython.heap_lock", "micropython.schedule")),
    ("viper", ("import micropython", "@micropython.viper", "def f(a: int) -> int:", "    return a", "f(1)")),
    ("bigint", ("assert pow(3, 200, 1 << 127) == 3**200 % (1 << 127)",)),
):  # fmt: skip
    if tries(*lines):
        has.append(name)

_, version = list(sys.implementation)[:2]  # type: ignore[call-overload]
mpy = getattr(sys.implementation, "_mpy", 0)
print(
    json.dumps(
        {
            "version": list(version[:3]),
            "bits": bits,
            "mpy": [mpy & 0xFF, mpy >> 8 & 3],
            "has": has,
        }
    )
)
