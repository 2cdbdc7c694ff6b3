"""Gives a file's private names short ones before it is compiled: on the chip a name is for the interpreter alone.

MicroPython keeps every name that it ever met on the heap for ever, and a quarter of the hub's are private to one file.
As `_a`, `_b` … they are the same few in all files. A name is private when it begins with one underscore and the file
binds it; no file of ours speaks of another's (tests/host/test_shorten.py). A name that also stands in a string stays,
for it may be looked up by that. `readable` turns a trace back.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import count, product
from pathlib import Path
from string import ascii_lowercase

_FRAME = re.compile(r'(File "([\w.]+)", line \d+, in )(_[a-z]+)\b')


def shortened(source: str) -> str:
    """The same program, line for line, with short private names."""
    names = short_names(source)
    lines = source.splitlines(keepends=True)
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for token in reversed(tokens):
        if token.type == tokenize.NAME and token.string in names:
            row, column = token.start
            line = lines[row - 1]
            lines[row - 1] = line[:column] + names[token.string] + line[column + len(token.string) :]
    return "".join(lines)


def short_names(source: str) -> dict[str, str]:
    """Each private name of a file, and what stands for it on the chip."""
    tree = ast.parse(source)
    taken = set(_named(tree))
    strings = "\n".join(_strings(tree))
    private = [name for name in dict.fromkeys(_bound(tree)) if name not in strings]
    free = (name for name in _in_turn() if name not in taken)
    return {name: short for name in private if len(short := next(free)) < len(name)}


def private_names(source: str) -> tuple[set[str], set[str]]:
    """The private names that a file binds, and those that it speaks of."""
    tree = ast.parse(source)
    return set(_bound(tree)), {name for name in _named(tree) if _is_private(name)}


def readable(trace: str, root: Path) -> str:
    """A hub's trace with the names of the sources under `root`."""
    return _FRAME.sub(lambda frame: frame[1] + _long_name(root, frame[2], frame[3]), trace)


def _long_name(root: Path, module: str, short: str) -> str:
    path = root.joinpath(*module.split(".")).with_suffix(".py")
    if not path.exists():
        return short
    return {name: known for known, name in short_names(path.read_text()).items()}.get(short, short)


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and len(name) > 1


def _in_turn() -> Iterator[str]:
    for length in count(1):
        for letters in product(ascii_lowercase, repeat=length):
            yield "_" + "".join(letters)


def _bound(tree: ast.AST) -> Iterator[str]:
    """Private names that are given a meaning. Constants are left out: mpy-cross puts their values in their places."""
    constants = {id(target) for node in ast.walk(tree) if isinstance(node, ast.Assign) for target in _constants(node)}
    for node in ast.walk(tree):
        name = None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = node.name
        elif isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            name = node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in constants:
            name = node.id
        if name and _is_private(name):
            yield name


def _constants(node: ast.Assign) -> Iterator[ast.expr]:
    """The targets of `_A = const(1)` and `_A, _B = const(1), const(2)`."""
    for target in node.targets:
        pairs = [(target, node.value)]
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(target.elts, node.value.elts, strict=True))
        for part, value in pairs:
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "const":
                yield part


def _strings(tree: ast.AST) -> Iterator[str]:
    """What stands in quotes; before Python 3.12 an f-string is one token, with the names in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield from _named(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _named(tree: ast.AST) -> Iterator[str]:
    """Every name in a file, whatever it names."""
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name", "asname"):
            name = getattr(node, field, None)
            if isinstance(name, str):
                yield name
