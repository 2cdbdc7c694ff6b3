"""The ways to break a file: one syntax node of one function each."""

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

_COMPARED: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_COMPUTED: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
}  # fmt: skip
_DROPPED = (ast.Raise, ast.Break, ast.Continue, ast.AugAssign)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Mutant:
    """`node` and `way` choose what is broken: the node's place in a walk of the file, and which of its ways."""

    file: str
    function: str
    first_line: int  # of the function
    line: int
    node: int
    way: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}: {self.what}"


def mutants(root: Path, file: str, per_line: int) -> list[Mutant]:
    """Every way to break this file's functions; no more than `per_line` of a line, the same ones each time."""
    tree = ast.parse((root / file).read_text())
    numbers = {id(node): number for number, node in enumerate(ast.walk(tree))}
    by_line: dict[int, list[Mutant]] = {}
    for name, function in _functions(tree):
        first = min([function.lineno, *(one.lineno for one in function.decorator_list)])  # as its code object says
        for node in _breakable(function):
            for way, what in enumerate(_ways(node)):
                line = getattr(node, "lineno", function.lineno)
                mutant = Mutant(file, name, first, line, numbers[id(node)], way, what)
                by_line.setdefault(line, []).append(mutant)
    chosen = []
    for line, of_line in sorted(by_line.items()):
        chosen += random.Random(f"{file} {line}").sample(of_line, min(per_line, len(of_line)))
    return chosen


def broken_code(root: Path, mutant: Mutant) -> CodeType:
    """The code of the mutant's function."""
    path = root / mutant.file
    tree = ast.parse(path.read_text())
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    node = next(node for number, node in enumerate(ast.walk(tree)) if number == mutant.node)
    _break(node, mutant.way, parents)
    code = compile(ast.fix_missing_locations(tree), str(path), "exec")
    for part in mutant.function.split("."):
        code = next(one for one in code.co_consts if isinstance(one, CodeType) and one.co_name == part)
    return code


def _functions(tree: ast.Module) -> Iterator[tuple[str, _Function]]:
    for node in tree.body:
        if isinstance(node, _Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, _Function):
                    yield f"{node.name}.{inner.name}", inner


def _breakable(function: _Function) -> Iterator[ast.AST]:
    """Nodes of the body; not what stands in an assertion, a text, or an annotation."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Assert | ast.JoinedStr):
            continue
        yield node
        for name, value in ast.iter_fields(node):
            if name not in ("annotation", "returns", "decorator_list"):
                waiting += [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, ast.AST)]


def _ways(node: ast.AST) -> list[str]:
    """What can be done to a node, in words."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARED:
        old = type(node.ops[0])
        return [f"{old.__name__} -> {_COMPARED[old].__name__}"]
    if isinstance(node, ast.BoolOp):
        return ["or -> and" if isinstance(node.op, ast.Or) else "and -> or"]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ["not dropped"]
    if isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED:
        return [f"{type(node.op).__name__} -> {_COMPUTED[type(node.op)].__name__}"]
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            return [f"{node.value} -> {not node.value}"]
        if isinstance(node.value, int):
            return [f"{node.value} -> {node.value + 1}"]
        if isinstance(node.value, bytes) and node.value:
            return ["other octets"]
    if isinstance(node, ast.If | ast.IfExp):
        return ["if True", "if False"]
    if isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        return ["return None"]
    if isinstance(node, _DROPPED) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await)):
        return ["dropped"]
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute | ast.Subscript):
        return ["dropped"]
    return []


def _break(node: ast.AST, way: int, parents: dict[ast.AST, ast.AST]) -> None:
    if isinstance(node, ast.Compare):
        node.ops[0] = _COMPARED[type(node.ops[0])]()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
    elif isinstance(node, ast.UnaryOp):
        _replace(node, node.operand, parents)
    elif isinstance(node, ast.BinOp):
        node.op = _COMPUTED[type(node.op)]()
    elif isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, bytes):
            node.value = bytes([value[0] ^ 1]) + value[1:]
        else:
            node.value = (not value) if isinstance(value, bool) else value + 1  # type: ignore[operator]
    elif isinstance(node, ast.If | ast.IfExp):
        node.test = ast.Constant(way == 0)
    elif isinstance(node, ast.Return):
        node.value = None
    else:
        _replace(node, ast.Pass(), parents)


def _replace(node: ast.AST, other: ast.AST, parents: dict[ast.AST, ast.AST]) -> None:
    parent = parents[node]
    for name, value in ast.iter_fields(parent):
        if value is node:
            setattr(parent, name, other)
        elif isinstance(value, list) and node in value:
            value[value.index(node)] = other
