"""What goes on the chip: it compiles, it fits, the interpreter takes it, and the callback keeps nothing that dies."""

import ast
import subprocess
from pathlib import Path

import pytest

from tools.host import compile as build
from tools.host import size
from tools.host.budget import IMAGE_OCTETS_MAX

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.needs("mpy-cross")
def test_everything_on_the_chip_compiles_and_fits():
    total = size.measure()[0]
    assert total.figure == "size.mpy_octets"
    assert 0 < total.value <= IMAGE_OCTETS_MAX


@pytest.mark.needs("mpy-cross")
def test_what_the_compiler_refuses_is_told_with_its_file(tmp_path):
    (tmp_path / "firmware").mkdir()
    (tmp_path / "firmware" / "broken.py").write_text("match x:\n    case 1: pass\n")
    with pytest.raises(build.CompileError, match=r"firmware/broken\.py"):
        build.image(root=tmp_path)


@pytest.mark.needs("mpy-cross")
def test_an_image_follows_its_sources(tmp_path):
    source = tmp_path / "firmware" / "a.py"
    source.parent.mkdir()
    source.write_text("x = 1\n")
    [first] = build.image(root=tmp_path)
    before = first.target.read_bytes()
    source.write_text("x = 'longer'\n")
    build.image(root=tmp_path)
    assert first.target.read_bytes() != before
    source.rename(source.with_name("b.py"))
    [second] = build.image(root=tmp_path)
    assert second.target.name == "b.mpy"
    assert not first.target.exists()


@pytest.mark.needs("mpy-cross", "micropython")
def test_the_interpreter_takes_the_compilers_version(tmp_path, micropython):
    (tmp_path / "firmware").mkdir()
    (tmp_path / "firmware" / "word.py").write_text("WORD = 'taken'\n")
    build.image(root=tmp_path, into=tmp_path / "mpy")
    ran = subprocess.run(
        [micropython.path, "-c", "from firmware.word import WORD; print(WORD)"],
        env={"MICROPYPATH": str(tmp_path / "mpy")}, cwd=tmp_path / "mpy", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.stdout.strip() == "taken", ran.stderr


_DISPATCH = "core.ble_irq"  # aioble's own handlers, called before ours returns


def kept_tuples(tree):
    """Lines that keep a Bluetooth event's tuple. It lies on the C stack; so does `tuple(data)`, the same object."""
    found = []
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef) or "irq" not in function.name:
            continue
        data = function.args.args[-1].arg if function.args.args else ""
        for node in ast.walk(function):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
                values = [node.value]
            elif isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id == "tuple"):
                # Handed on whole: appended to a list, given to a queue or to another function.
                values = [] if ast.unparse(node.func) == _DISPATCH else node.args
            elif isinstance(node, ast.Return):
                values = [node.value]
            else:
                continue
            found += [node.lineno for value in values if _is_event(value, data)]
    return found


def _is_event(value, data):
    if isinstance(value, ast.Tuple | ast.List):
        return any(_is_event(part, data) for part in value.elts)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "tuple":
        return any(_is_event(part, data) for part in value.args)
    return isinstance(value, ast.Name) and value.id == data


def test_the_callback_keeps_no_event_tuple():
    kept = {
        str(path.relative_to(ROOT)): lines
        for path in sorted((ROOT / "firmware" / "board").rglob("*.py"))
        if (lines := kept_tuples(ast.parse(path.read_text())))
    }
    assert kept == {}


@pytest.mark.parametrize(
    "line",
    [
        "self.last = data",
        "self.last = tuple(data)",
        "self.last = (event, data)",
        "queue.append(data)",
        "queue.append(tuple(data))",
        "queue.append((event, data))",
        "return data",
    ],
)
def test_each_way_to_keep_an_event_tuple_is_seen(line):
    assert kept_tuples(ast.parse(f"def _irq(self, event, data):\n    {line}\n")) == [2]


@pytest.mark.parametrize("line", ["self.last = bytes(data[2])", "self.take(data[0], data[2])", "x = [v for v in data]"])
def test_copies_and_fields_may_be_used(line):
    assert kept_tuples(ast.parse(f"def _irq(self, event, data):\n    {line}\n")) == []


def test_a_bytearray_is_extended_by_octets_alone():
    """MicroPython before 1.26, as Debian 13 has it, wants something with the buffer protocol there."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("drivers", "firmware")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "extend"
        if any(isinstance(given, ast.List | ast.ListComp | ast.GeneratorExp) for given in node.args)
    ]
    assert found == []
