"""Judges mutants inside a pytest session: a plugin in the place of its loop over tests."""

import importlib
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tools.host.mutants.mutate import Mutant, broken_code

_TESTS_S_MAX = 10.0  # of one mutant: later ones say little that these do not
_CPU_S, _CPU_FACTOR = 1.0, 10  # a test that takes so much longer than usual hangs, and that is seen
_WALL_S = 60.0  # and one that waits for ever takes no processor
_MEMORY_OCTETS_MAX = 4 << 30


Told = Callable[[int, int], None]


class RedAlready(Exception):
    """A test fails without any mutant: args[0] names it."""


@dataclass
class Verdicts:
    """What became of the mutants of one room."""

    killed: int = 0
    hung: int = 0  # killed too: the test never ends
    survived: list[Mutant] = field(default_factory=list)
    uncalled: list[Mutant] = field(default_factory=list)  # survived too: no test comes here

    @property
    def count(self) -> int:
        """All of them."""
        return self.killed + self.hung + len(self.survived) + len(self.uncalled)

    @property
    def share(self) -> float:
        """Killed, of all, in percent."""
        return 100 * (self.killed + self.hung) / max(1, self.count)


class Judge:
    """The plugin: runs each test once and notes what it calls, then each mutant against the tests that call it."""

    def __init__(self, root: Path, mutants: list[Mutant], ask_first: list[str], children: int, told: Told):
        self.verdicts = Verdicts()
        self._root = root
        self._mutants = mutants
        self._children = children
        self._ask_first = ask_first
        self._first: set[int] = set()
        self._told = told
        self._callers: dict[tuple[str, int], list[int]] = {}  # (file, first line) -> tests by number
        self._took_s: list[float] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In the place of running the tests."""
        files = {str(self._root / mutant.file) for mutant in self._mutants}
        for number, item in enumerate(session.items):
            if any(item.nodeid.startswith(one) for one in self._ask_first):
                self._first.add(number)
            self._watched(number, item, _next(session.items, number), files)
        waiting: dict[int, Mutant] = {}
        for done, mutant in enumerate(self._mutants):
            tests = self._tests(mutant)
            if not tests:
                self.verdicts.uncalled.append(mutant)
                continue
            waiting[self._begun(mutant, tests, session.items)] = mutant
            if len(waiting) >= self._children:
                self._ended(waiting)
            self._told(done + 1, len(self._mutants))
        while waiting:
            self._ended(waiting)
        return True

    def _watched(self, number: int, item: pytest.Item, after: pytest.Item | None, files: set[str]) -> None:
        called: set[tuple[str, int]] = set()

        def watch(frame: FrameType, event: str, _argument: Any) -> None:
            if event == "call" and frame.f_code.co_filename in files:
                called.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

        sys.setprofile(watch)
        begun = time.process_time()
        reports = runtestprotocol(item, nextitem=after, log=False)
        self._took_s.append(time.process_time() - begun)
        sys.setprofile(None)
        if any(report.failed for report in reports):
            raise RedAlready(item.nodeid)
        for place in called:
            self._callers.setdefault(place, []).append(number)

    def _tests(self, mutant: Mutant) -> list[int]:
        callers = self._callers.get((str(self._root / mutant.file), mutant.first_line), [])
        chosen: list[int] = []
        for number in sorted(callers, key=lambda one: (one not in self._first, self._took_s[one])):
            if chosen and sum(self._took_s[one] for one in chosen) + self._took_s[number] > _TESTS_S_MAX:
                break
            chosen.append(number)
        return chosen

    def _begun(self, mutant: Mutant, tests: list[int], items: list[pytest.Item]) -> int:
        child = os.fork()
        if child:
            return child
        try:
            _quiet()
            function_of(mutant).__code__ = broken_code(self._root, mutant)
            random.seed(0)
            for place, number in enumerate(tests):
                signal.setitimer(signal.ITIMER_REAL, _WALL_S)
                signal.setitimer(signal.ITIMER_PROF, _CPU_S + _CPU_FACTOR * self._took_s[number])
                after = items[tests[place + 1]] if place + 1 < len(tests) else None
                if any(report.failed for report in runtestprotocol(items[number], nextitem=after, log=False)):
                    os._exit(1)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - pytest itself stumbled over it: seen
            os._exit(1)

    def _ended(self, waiting: dict[int, Mutant]) -> None:
        child, status = os.wait()
        mutant = waiting.pop(child, None)
        if mutant is None:
            return  # a process of the tests that were watched
        if os.WIFSIGNALED(status):
            self.verdicts.hung += 1
        elif os.WEXITSTATUS(status):
            self.verdicts.killed += 1
        else:
            self.verdicts.survived.append(mutant)


def function_of(mutant: Mutant) -> FunctionType:
    """The function object whose code a mutant takes the place of."""
    found: Any = importlib.import_module(mutant.file.removesuffix(".py").replace("/", ".").removesuffix(".__init__"))
    for part in mutant.function.split("."):
        found = vars(found)[part]
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, staticmethod | classmethod):
        found = found.__func__
    assert isinstance(found, FunctionType) and isinstance(found.__code__, CodeType)
    return found


def judged(root: Path, mutants: list[Mutant], tests: Iterable[str], children: int, told: Told) -> Verdicts:
    """What these tests say of these mutants; tests that are named one by one are asked first, then the quickest."""
    judge = Judge(root, mutants, [test for test in tests if "::" in test], children, told)
    code = pytest.main(["-q", "-p", "no:xdist", "-p", "no:faulthandler", *tests], plugins=[judge])
    if code:
        raise RedAlready(f"pytest ended with {int(code)}")
    return judge.verdicts


def _next(items: list[pytest.Item], number: int) -> pytest.Item | None:
    return items[number + 1] if number + 1 < len(items) else None


def _quiet() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_OCTETS_MAX, _MEMORY_OCTETS_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
