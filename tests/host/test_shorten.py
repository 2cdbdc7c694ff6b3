"""Private names are short on the chip: the same program, and a trace from it can be read."""

import ast

import pytest

from tools.host import compile as build
from tools.host import shorten

_SOURCES = build.sources()
# What aioble does not offer by another name (tests/test_names.py has the reasons).
_AIOBLE = {"_status", "_value_handle", "_end_handle"}

_PROGRAM = """\
from micropython import const

_LIMIT = const(3)
_A, _B = const(1), const(2)
_table = {"_kept": _LIMIT}


class Box:
    def __init__(self, _inner):
        self._inner, self._kept, self._x, self._shown = _inner, _A, _B, 1

    def _emptied(self):  # _inner in a comment stays
        return f"{self._shown}" + other._inner + self._foreign(_inner=_table)
"""


def test_a_program_by_hand():
    assert (
        shorten.shortened(_PROGRAM)
        == """\
from micropython import const

_LIMIT = const(3)
_A, _B = const(1), const(2)
_a = {"_kept": _LIMIT}


class Box:
    def __init__(self, _c):
        self._c, self._kept, self._x, self._shown = _c, _A, _B, 1

    def _b(self):  # _inner in a comment stays
        return f"{self._shown}" + other._c + self._foreign(_c=_a)
"""
    )


@pytest.mark.parametrize("path", _SOURCES, ids=lambda path: str(path.relative_to(build.ROOT)))
def test_nothing_but_names_changes(path):
    source = path.read_text()
    names = shorten.short_names(source)
    assert len(set(names.values())) == len(names)

    class Renamed(ast.NodeTransformer):
        def generic_visit(self, node):
            for field in ("id", "attr", "arg", "name", "asname"):
                name = getattr(node, field, None)
                if isinstance(name, str):
                    setattr(node, field, names.get(name, name))
            return super().generic_visit(node)

    expected = ast.dump(Renamed().visit(ast.parse(source)), include_attributes=False)
    assert ast.dump(ast.parse(shorten.shortened(source)), include_attributes=False) == expected


def test_no_file_speaks_of_another_files_private_names():
    bound = {path: shorten.private_names(path.read_text())[0] for path in _SOURCES}
    for path in _SOURCES:
        foreign = shorten.private_names(path.read_text())[1] - bound[path] - _AIOBLE
        owners = {name: [str(other) for other in _SOURCES if name in bound[other]] for name in foreign}
        # A constant is bound nowhere by that name: mpy-cross knows it in its own file alone.
        constants = {name for name in foreign if f"{name} = const(" in path.read_text() or name.upper() == name}
        assert {name: files for name, files in owners.items() if name not in constants} == {}, path


def test_a_trace_is_readable_again(tmp_path):
    (tmp_path / "firmware").mkdir()
    (tmp_path / "firmware" / "box.py").write_text(_PROGRAM)
    ours, frozen = '  File "firmware.box", line 13, in {}\n', '  File "asyncio/core.py", line 1, in _b\n'
    assert shorten.readable(ours.format("_b") + frozen, tmp_path) == ours.format("_emptied") + frozen
    assert shorten.readable(ours.format("go"), tmp_path) == ours.format("go")


def test_what_is_compiled_otherwise_is_compiled_anew(tmp_path, monkeypatch):
    (tmp_path / "firmware").mkdir()
    (tmp_path / "firmware" / "box.py").write_text("class Box:\n    def _emptied_at_once(self):\n        return 1\n")

    def compiled() -> bytes:
        build.image(root=tmp_path, into=tmp_path / "mpy")
        return (tmp_path / "mpy" / "firmware" / "box.mpy").read_bytes()

    assert b"_emptied_at_once" not in compiled()
    other = tmp_path / "shorten.py"
    other.write_text("another way")
    monkeypatch.setattr(shorten, "__file__", str(other))
    monkeypatch.setattr(shorten, "shortened", lambda source: source)
    assert b"_emptied_at_once" in compiled()
