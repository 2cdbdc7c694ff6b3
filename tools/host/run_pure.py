"""Runs tests/**/pure_*.py on MicroPython with the heap of a hub, each file in a process of its own.

The firmware is run as the .mpy files of the image, as on the chip; the tests are compiled too, so that the compiler's
own memory is not counted.
"""

import ast
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.host import compile as build
from tools.host.budget import heap_octets
from tools.host.interpreter import Candidate
from tools.host.interpreters import ROOT, micropython, micropython32
from tools.host.output import MissingPart

_FILE_TIMEOUT_S = 110  # below the limit of one pytest test, so that the reason is told


@dataclass(frozen=True)
class Result:
    """One test function on MicroPython."""

    file: Path
    test: str
    trouble: str  # a traceback, or nothing
    octets: int = 0  # of heap that stayed in use


def files() -> list[Path]:
    """Every file of pure tests."""
    return sorted((ROOT / "tests").rglob("pure_*.py"))


def tests_in(file: Path) -> list[str]:
    """The test functions of a file, in the order they are written."""
    return [
        node.name
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def run(file: Path, candidate: Candidate, heap: int | None = None) -> list[Result]:
    """Run one file; the last result tells of an interpreter that died."""
    assert candidate.probe
    # Of its own: the tests ask for words that stay off the chip, and some look inside.
    image = ROOT / "build" / "pure_image"
    architecture = build.HOST_ARCHITECTURE[candidate.probe.bits]
    build.image(into=image, architecture=architecture, also=[ROOT / build.NOT_ON_CHIP], short=False)
    [test] = build.image(into=ROOT / "build" / "pure", architecture=architecture, only=[file], short=False)
    names = tests_in(file)
    command = [
        candidate.path, "-X", f"heapsize={heap or heap_octets(candidate.probe.bits)}",
        str(Path(__file__).with_name("pure_runner.py")), str(test.target.parent), file.stem, *names,
    ]  # fmt: skip
    environment = {**os.environ, "MICROPYPATH": f"{image}:{ROOT}:.frozen"}
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment,
            timeout=_FILE_TIMEOUT_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return [Result(file, names[-1] if names else "", f"not done after {_FILE_TIMEOUT_S} s")]
    results = [
        Result(file, said["test"], said["trouble"], said.get("octets", 0))
        for said in map(_json, ran.stdout.splitlines())
        if said
    ]
    told = {result.test for result in results}
    silent = [name for name in names if name not in told]
    if silent and not any(result.trouble for result in results):
        last = f"the interpreter ended with {ran.returncode}: {ran.stderr[-2000:]}{ran.stdout[-500:]}"
        results.append(Result(file, silent[0], last))
    return results


def _json(line: str) -> dict[str, Any]:
    """A line of the runner; the test's own prints are not."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) and "trouble" in said else {}


def interpreter_with_note() -> tuple[Candidate, str]:
    """The 32-bit interpreter, or the 64-bit one with double the heap and a sentence that says so."""
    try:
        return micropython32(), ""
    except MissingPart as missing:
        return micropython(), f"on 64-bit with double the heap: {missing}"


def main(named: list[str]) -> int:
    """Run the named files, or all of them."""
    try:
        candidate, note = interpreter_with_note()
    except MissingPart as missing:
        print(f"not run: {missing}")
        return missing.exit_code
    failed = passed = 0
    for file in [Path(name).resolve() for name in named] or files():
        results = run(file, candidate)
        bad = [result for result in results if result.trouble]
        passed += sum(result.test != "import" and not result.trouble for result in results)
        failed += len(bad)
        most = max((result.octets for result in results), default=0)
        print(f"{file.relative_to(ROOT)} {'.' * (len(results) - len(bad))}{'F' * len(bad)}  {most} octets live")
        for result in bad:
            print(f"--- {result.test}\n{result.trouble}")
    print(f"{passed} passed, {failed} failed on {candidate.path}{' (' + note + ')' if note else ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
