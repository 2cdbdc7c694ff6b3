"""Which names of aioble and umqtt the firmware leans on: one list, and a reason for each private one.

Both libraries are other people's and change; a name that is not listed here was never compared with their
documentation. Objects have no types in a syntax tree, so every attribute that either library defines counts as used
when a file that imports the library touches an attribute of that name on anything but its own objects.
"""

import ast
from pathlib import Path

import pytest

from tools.host.parts import need

ROOT = Path(__file__).resolve().parents[1]

# name → why it may be used although it is private; "" for the documented ones.
ALLOWED = {
    "aioble": {
        "scan": "", "Device": "", "DeviceDisconnectedError": "", "GattError": "",
        "config": "",
        "core": "the module below the documented one holds the radio and the handlers",
        "ble": "core.ble is the one BLE object; a second one would take its handler away",
        "ble_irq": "our handler comes first and hands on: a second indication overwrites the first in aioble's queue",
        "_status": "GattError offers its ATT code in no other way",
        "_value_handle": "the journal knows a value by its handle, which aioble keeps to itself",
        "_end_handle": "the session record tells which handles a characteristic covers",
        "device": "", "addr": "", "addr_type": "", "adv_data": "", "resp_data": "", "connectable": "", "connect": "",
        "disconnect": "", "timeout": "", "exchange_mtu": "", "service": "", "characteristics": "", "descriptor": "",
        "read": "", "write": "", "uuid": "", "properties": "",
    },
    "umqtt": {
        "MQTTClient": "", "publish": "", "subscribe": "", "ping": "", "disconnect": "", "set_callback": "",
        "sock": "a packet is collected where umqtt would write to its socket, piece by piece",
        "pid": "umqtt counts it up without end; the field has 16 bits",
        "wait_msg": "overridden: it trusts the broker's lengths and waits for ever",
    },
}  # fmt: skip


# Objects of our own that those files hold; what is called on them is no use of a library.
OUR_OBJECTS = {"bonds", "ticks", "value", "secured"}
# `radio` is our Radio, in the files of its steps.
OURSELVES = {"self", "radio"}


def defined(folder):
    """Every name that a library defines: modules, functions, classes, globals, attributes of its objects."""
    names = set()
    for path in folder.rglob("*.py"):
        names.add(path.stem)
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.attr)
            if isinstance(node, ast.Module | ast.ClassDef):
                stored = (part for line in node.body if isinstance(line, ast.Assign) for part in ast.walk(line))
                names |= {part.id for part in stored if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    return {name for name in names if not name.startswith("__")}


def used(tree, library, known):
    """The library's names that one file touches."""
    imported, bases = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            if any(alias.name.split(".")[0] == library for alias in node.names):
                imported.add("")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == library:
            imported |= {alias.name for alias in node.names}
    if not imported:
        return set()
    names = imported - {""}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and {base.id for base in node.bases if isinstance(base, ast.Name)} & imported:
            # A subclass: what it overrides is a use, and what it calls its own may be its parent's.
            bases.add(node)
            names |= {part.name for part in node.body if isinstance(part, ast.FunctionDef) and part.name in known}
    heirs = {id(part) for base in bases for part in ast.walk(base)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in known:
            own = isinstance(node.value, ast.Name) and node.value.id in OURSELVES and id(node) not in heirs
            ours = isinstance(node.value, ast.Attribute) and node.value.attr in OUR_OBJECTS
            if not own and not ours:
                names.add(node.attr)
    return {name for name in names if not name.startswith("__")}


def firmware_files():
    return [ROOT / "boot.py", ROOT / "main.py", *(ROOT / "firmware").rglob("*.py"), *(ROOT / "drivers").rglob("*.py")]


def uses(library):
    """What the whole firmware uses of one library."""
    folder, _ = need("library")
    known = defined(folder / library)
    return set().union(
        *(used(ast.parse(path.read_text()), library, known) for path in firmware_files() if path.exists())
    )


@pytest.mark.needs("library")
@pytest.mark.parametrize("library", ALLOWED)
def test_every_name_in_use_is_listed(library):
    assert sorted(uses(library) - set(ALLOWED[library])) == []


@pytest.mark.needs("library")
@pytest.mark.parametrize("library", ALLOWED)
def test_the_list_holds_nothing_that_is_not_used(library):
    assert sorted(set(ALLOWED[library]) - uses(library)) == []


@pytest.mark.needs("library")
@pytest.mark.parametrize("library", ALLOWED)
def test_every_listed_name_exists_in_the_library_that_is_here(library):
    folder, _ = need("library")
    assert sorted(set(ALLOWED[library]) - defined(folder / library)) == []


def test_a_private_name_has_its_reason():
    silent = [name for names in ALLOWED.values() for name, why in names.items() if name.startswith("_") and not why]
    assert silent == []


def test_names_are_seen_on_modules_objects_and_in_subclasses():
    source = (
        "import aioble\nfrom umqtt.simple import MQTTClient\n"
        "async def a(x):\n    await x.written()\n    aioble.scan()\n    x._hidden = 1\n    self.mine = 1\n"
        "class C(MQTTClient):\n    def wait_msg(self):\n        self.sock.own = 1\n"
    )
    tree = ast.parse(source)
    assert used(tree, "aioble", {"written", "scan", "_hidden", "mine"}) == {"written", "scan", "_hidden"}
    assert used(tree, "umqtt", {"wait_msg", "sock", "MQTTClient"}) == {"wait_msg", "sock", "MQTTClient"}
