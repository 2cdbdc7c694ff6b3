"""The import rule: the folders carry the data one way, and the chip's modules stay in one room."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

CHIP = {
    "machine", "esp32", "bluetooth", "network", "socket", "ssl", "tls", "ntptime", "cryptolib", "aioble", "umqtt",
    "vfs", "neopixel", "asyncio", "time", "select",
}  # fmt: skip
# Of these, what only the chip's room may touch. (asyncio and time are CPython's too.)
CHIP_ONLY = CHIP - {"asyncio", "time", "select"}

SERVING = (
    "firmware.config", "firmware.health", "firmware.indicator", "firmware.probation", "firmware.update",
)  # fmt: skip
# What hub.py would be too long with: each joins stages for one purpose, and none knows hub.py.
HANDS = (
    "firmware.delivery", "firmware.devices", "firmware.enrolling", "firmware.enrolment", "firmware.events",
    "firmware.listening",
    "firmware.meeting", "firmware.order", "firmware.order_deeds", "firmware.order_trial", "firmware.order_wipe",
    "firmware.reporting", "firmware.rotation", "firmware.sealing", "firmware.timekeeping", "firmware.visiting",
)  # fmt: skip
STAGES = ("firmware.ble", "firmware.journal", "firmware.measurement", "firmware.seal", "firmware.uplink")
OURS = ("boot", "main", "drivers", "firmware", "tools", "tests")

# room → what of ours it may import beside itself; the most particular room that fits a module counts.
MAY_IMPORT = {
    "boot": (),
    "main": ("drivers", "firmware"),
    "drivers": ("firmware.measurement",),
    "firmware.contracts": (),
    "firmware.measurement": (),
    "firmware.journal": (),
    "firmware.seal": ("firmware.measurement",),
    "firmware.uplink": ("firmware.seal",),
    "firmware.ble": ("drivers", "firmware.measurement"),
    **{room: ("firmware.seal",) for room in SERVING},
    **{room: (*STAGES, *SERVING, *HANDS, "drivers") for room in HANDS},
    "firmware.hub": (*STAGES, *SERVING, *HANDS, "drivers"),
    "firmware.board": ("boot",),
    "firmware.parts": ("drivers", "firmware"),
    "tools": ("drivers", "firmware", "tools"),
}
FORBIDDEN = {
    "tools": ("firmware.board",),
    "tools.backend": ("firmware.board", "firmware.seal"),
    "tools.inspect": ("firmware.board", "firmware.seal"),
}
# Files of machine code → who may import them: it asks first whether there is an emitter (p256_schemes.py).
MACHINE_CODE = {
    "firmware.seal.p256_limbs": ("firmware.seal.p256_native",),
    "firmware.seal.p256_native": ("firmware.seal.p256_schemes",),
}
# What runs on the chip, and so has the chip's modules only where the rule says.
ON_CHIP = ("boot", "main", "drivers", "firmware")
MAY_TOUCH_CHIP = ("boot", "firmware.board")
# The twin's own chip modules and stand-ins are the chip: MicroPython alone runs them, as it runs what weighs a hub.
NOT_CPYTHON = ("tools.simulator.chip", "tools.simulator.standin", "tools.host.bench.stages")


def modules(root):
    """Every file of ours that the rule speaks of, with its dotted name."""
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[0] in OURS and parts[0] != "tests" and "__pycache__" not in parts:
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path, name):
    """All that a file imports, wherever in it: dotted names, relative ones resolved."""
    package = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{base}.{alias.name}", node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "__import__":
            if node.args and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value, node.lineno


def below(name, room):
    """Whether a dotted name is in a room (or is it)."""
    return name == room or name.startswith(room + ".")


def room_of(name, rooms):
    """The most particular room that holds this module."""
    fitting = [room for room in rooms if below(name, room)]
    return max(fitting, key=len) if fitting else None


def broken(root):
    """Each import that the rule forbids, as one line."""
    found = []
    for name, path in modules(root):
        if any(below(name, room) for room in NOT_CPYTHON):
            continue
        for target, line in imports(path, name):
            reason = why_not(name, target)
            if reason:
                found.append(f"{path.relative_to(root)}:{line} imports {target}: {reason}")
    return found


def why_not(name, target):
    """The rule that an import breaks, or nothing."""
    top = target.split(".")[0]
    if top in CHIP_ONLY and name.split(".")[0] in ON_CHIP and not any(below(name, room) for room in MAY_TOUCH_CHIP):
        return "only board/ and boot.py touch the chip"
    if top not in OURS or below(target, "firmware.contracts"):
        return "" if name != "boot" or top not in OURS else "boot.py stands alone"
    if top == "main" or (top in ("tools", "tests") and not below(name, "tools")):
        return "nothing imports main or tools"
    for file, importers in MACHINE_CODE.items():
        if below(target, file) and name not in importers:
            return f"only {', '.join(importers)} may import machine code"
    forbidden = FORBIDDEN.get(room_of(name, FORBIDDEN) or "", ())
    if any(below(target, room) for room in forbidden):
        return "this room must not know that one"
    room = room_of(name, MAY_IMPORT)
    if room is None:
        return "" if name in ("firmware", "drivers") else "no rule names this module: add it to MAY_IMPORT"
    if below(target, room) or target == "firmware" or any(below(target, allowed) for allowed in MAY_IMPORT[room]):
        return ""
    return f"{room} may import {', '.join(MAY_IMPORT[room]) or 'nothing else of ours'}"


def test_no_room_imports_what_it_may_not():
    assert broken(ROOT) == []


def test_every_module_on_the_chip_has_a_rule():
    unruled = [name for name, _ in modules(ROOT) if not room_of(name, MAY_IMPORT) and name != "firmware"]
    assert unruled == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("firmware/journal/ring.py", "from firmware.measurement import codes"),
        ("firmware/journal/ring.py", "import firmware.seal.cbor"),
        ("firmware/journal/ring.py", "from ..uplink import session"),
        ("firmware/journal/ring.py", "def late():\n    from drivers import blood_pressure"),
        ("firmware/measurement/codes.py", "from firmware.journal import records"),
        ("firmware/seal/batch.py", "from firmware.journal import records"),
        ("firmware/uplink/session.py", "import firmware.journal"),
        ("firmware/uplink/session.py", "from firmware.board import link"),
        ("firmware/uplink/session.py", "import socket"),
        ("firmware/ble/visit.py", "import aioble"),
        ("firmware/ble/visit.py", "from firmware.seal import cose"),
        ("firmware/seal/cose.py", "from firmware.seal import p256_native"),
        ("firmware/seal/p256_schemes.py", "from firmware.seal.p256_limbs import run"),
        ("firmware/config.py", "from firmware import journal"),
        ("firmware/hub.py", "from firmware.board import radio"),
        ("firmware/sealing.py", "from firmware import hub"),
        ("firmware/hub.py", "def late():\n    import machine"),
        ("firmware/hub.py", "__import__('esp32')"),
        ("firmware/board/radio.py", "from firmware.ble import advert"),
        ("firmware/board/radio.py", "import main"),
        ("firmware/contracts.py", "from firmware.measurement import codes"),
        ("firmware/unheard_of.py", "from firmware.seal import cose"),
        ("drivers/scale.py", "from firmware.seal import cbor"),
        ("drivers/scale.py", "import bluetooth"),
        ("boot.py", "from firmware import config"),
        ("boot.py", "import firmware.contracts"),
        ("main.py", "from tools import cli"),
        ("main.py", "import machine"),
        ("tools/backend/receiver.py", "from firmware.seal import cose"),
        ("tools/inspect/verify.py", "import firmware.seal"),
        ("tools/simulator/world.py", "from firmware.board import flash"),
        ("tools/simulator/world.py", "import main"),
    ],
)
def test_each_rule_is_seen_when_it_is_broken(tmp_path, file, line):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line + "\n")
    assert len(broken(tmp_path)) == 1


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("firmware/journal/ring.py", "from micropython import const\nfrom firmware.contracts import Full"),
        ("firmware/journal/ring.py", "from firmware.journal import records\nfrom . import units"),
        ("firmware/board/radio.py", "import aioble, bluetooth\nfrom firmware.contracts import PeerError"),
        ("firmware/seal/p256_schemes.py", "def late():\n    from firmware.seal import p256_native"),
        ("firmware/hub.py", "from firmware.journal import journal\nfrom firmware import config"),
        ("drivers/scale.py", "from firmware.measurement import codes"),
        ("boot.py", "import machine, esp32"),
        ("main.py", "from firmware.board import radio\nfrom firmware import hub"),
        ("tools/backend/receiver.py", "import ssl\nfrom drivers import scale\nfrom firmware.measurement import codes"),
        ("tools/simulator/chip/bluetooth.py", "import _seam\nimport machine"),
    ],
)
def test_what_the_rule_allows_passes(tmp_path, file, line):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line + "\n")
    assert broken(tmp_path) == []


def test_machine_code_stays_out_of_cpython():
    signing = (
        "import sys; from firmware.seal import p256; p256.sign(bytes(31) + b'1', bytes(32));"
        "print([name for name in sys.modules if 'p256_' in name])"
    )
    path = {"PYTHONPATH": f"{ROOT}:{ROOT}/tools/host/cpython"}
    ran = subprocess.run([sys.executable, "-c", signing], env=path, capture_output=True, text=True, check=True)
    assert "p256_plain" in ran.stdout
    assert "p256_limbs" not in ran.stdout
