"""One hub: a MicroPython process that runs or waits, its queue of events, and the registry of services it may call."""

import math
import random
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from tools.simulator.air import process
from tools.simulator.air.clock import SAME_MOMENT_S, VirtualLoop
from tools.simulator.costs import Costs

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5  # machine.reset_cause() on the ESP32

Steps = Generator[Any, Any, bytes | None]
"""A service that takes time or delivers events: yields Busy, Pause or Event, returns the answer."""

_CLOCK_MS = 1.0  # calls cost less than the chip's tick: those of one moment are added up until they make one


@dataclass
class Busy:
    """The chip works for `ms` with the interpreter's lock held: events queue."""

    ms: float


@dataclass
class Pause:
    """The chip works for `ms`, and events may come in between."""

    ms: float


@dataclass
class Event:
    """Deliver this event inside the running call, whatever else is going on."""

    code: int
    payload: bytes


@dataclass
class Preemption:
    """Chance per seam call that the firmware is held up there, and for how long at most."""

    probability: float = 0.0
    ms_max: float = 20.0


@dataclass
class _Queued:
    code: int
    payload: bytes
    then: Callable[[bytes | None], None] | None


# What the process is blocked in, innermost last:
@dataclass
class _Wait:
    until: float


@dataclass
class _Call:
    until: float
    held: bool
    steps: Steps


@dataclass
class _Inside:
    """A call that waits for the result of an event delivered inside it."""

    steps: Steps


@dataclass
class _Handling:
    then: Callable[[bytes | None], None] | None


@dataclass
class Counters:
    """What a run may be judged by."""

    boots: int = 0
    events: int = 0
    calls: int = 0
    waits: int = 0
    heap_peak: int = 0
    heap_free_min: int = field(default=1 << 30)


class Hub:
    """The process, its blocked calls and its events; parts (radio, board, network) add services."""

    def __init__(
        self,
        loop: VirtualLoop,
        name: str = "hub",
        chance: random.Random | None = None,
        costs: Costs | None = None,
        preemption: Preemption | None = None,
        ticks_start: int = 0,
    ):
        self.loop = loop
        self.name = name
        self.chance = chance or random.Random(name)
        self.costs = costs or Costs()
        self.preemption = preemption or Preemption()
        self.ticks_start = ticks_start
        self.services: dict[int, Callable] = {}
        self.on_power: list[Callable[[bool], None]] = []
        self.on_down: Callable[[int | None], None] | None = None
        self.on_result: Callable[[str], None] | None = None
        self.counters = Counters()
        self.reset_cause = PWRON_RESET
        self.result: str | None = None
        self.exit_code: int | None = None
        self.watchdog_due = math.inf
        self._process: process.Process | None = None
        self._booted_ms = 0
        self._blocked: list[_Wait | _Call | _Inside | _Handling] = []
        self._handling = 0
        self._queue: deque[_Queued] = deque()
        self._woken = False
        self._changed = False
        self._started = False
        self._owed_ms = self._owed_since_s = 0.0
        loop.actors.append(self)

    # -- power

    @property
    def alive(self) -> bool:
        """Whether the chip has power and its program runs."""
        return self._process is not None

    def boot(self, argv, env=None, cwd=None, stdout=None, cause: int = PWRON_RESET, after_ms: float = 0) -> None:
        """Start the interpreter; it runs `after_ms` of virtual time later."""
        assert not self.alive
        self.reset_cause = cause
        self.result = self.exit_code = None
        self.counters.boots += 1
        self._booted_ms = self.loop.time_ms() + round(after_ms)
        self._process = process.Process(argv, process.environment(env or {}), cwd, stdout)
        self._blocked = [_Wait(self.loop.time() + after_ms / 1000)]
        self._started = False
        for part in self.on_power:
            part(True)

    def power_cut(self, cause: int | None = None, ended: bool = False) -> None:
        """Stop the chip between two octets: nothing of it runs after this. `cause` is set when it reset itself."""
        if self._process is None:
            return
        self.exit_code = self._process.end(ended)
        self._process = None
        self._blocked = []
        self._queue.clear()
        self._handling = 0
        self._woken = False
        if cause != SOFT_RESET:  # the chip's watchdog runs on through one, and bites at the prompt
            self.watchdog_due = math.inf
        for part in self.on_power:
            part(False)
        if self.on_down is not None:
            self.on_down(cause)

    @property
    def in_callback(self) -> bool:
        """Whether an event's handler runs just now."""
        return self._handling > 0

    def chip_ms(self) -> int:
        """The chip's millisecond counter, not wrapped."""
        return self.ticks_start + self.loop.time_ms() - self._booted_ms

    # -- for the parts

    def post(self, code: int, payload: bytes, then: Callable[[bytes | None], None] | None = None) -> None:
        """Queue an event; `then` is called with what the hub's handler returned, when it has returned."""
        if self.alive:
            self._queue.append(_Queued(code, payload, then))

    def notify(self, code: int, payload: bytes = b"") -> None:
        """Queue an event whose result does not matter."""
        self.post(code, payload)

    def wake(self) -> None:
        """Let the present or next wait of the hub return, and have it ask its sockets again."""
        self._woken = self._changed = True

    # -- the loop's side (VirtualLoop.actors)

    @property
    def due(self) -> float:
        """Virtual second at which this hub can go on."""
        if self._process is None:
            return math.inf
        innermost = self._blocked[-1]
        if self._queue and self._receptive(innermost):
            return 0.0
        if isinstance(innermost, _Wait) and self._woken and self._started and not self._handling:
            return 0.0  # but what comes while it starts does not start it sooner
        assert isinstance(innermost, _Wait | _Call)
        return min(innermost.until, self.watchdog_due)

    def _receptive(self, innermost) -> bool:
        if self._handling:
            return False
        if isinstance(innermost, _Call) and innermost.held:
            return innermost.until <= self.loop.time() + SAME_MOMENT_S
        return self._started

    def run(self) -> None:
        """Let the hub run until it is blocked again."""
        try:
            self._step()
        except EOFError:
            self.power_cut(ended=True)

    def _step(self) -> None:
        if self.watchdog_due <= self.loop.time() + SAME_MOMENT_S:
            self.power_cut(WDT_RESET)
            return
        innermost = self._blocked[-1]
        if self._queue and self._receptive(innermost):
            queued = self._queue.popleft()
            self._deliver(queued.code, queued.payload, queued.then)
        elif isinstance(innermost, _Wait):
            self._blocked.pop()
            if not self._handling:  # a handler's own wait takes no wake from the one that the event came into
                self._woken = False
            if self._started:
                self._send(process.WAKE, 0, 0, b"")
            self._started = True
        else:
            assert isinstance(innermost, _Call)
            self._blocked.pop()
            if not self._continue(innermost.steps, None):
                return
        self._serve()

    # -- frames

    def _send(self, kind: int, code: int, error: int, payload: bytes) -> None:
        assert self._process is not None
        if self._changed:
            kind |= process.CHANGED
            self._changed = False
        if self._queue or self._woken or self.loop.is_pending(self):
            kind |= process.PENDING
        self._process.send(kind, code, error, self.chip_ms() & 0xFFFFFFFF, payload)

    def _deliver(self, code: int, payload: bytes, then) -> None:
        self.counters.events += 1
        if not self._handling:
            self._woken = True  # its handler may have set a flag that the present wait is about
        self._handling += 1
        self._blocked.append(_Handling(then))
        self._send(process.EVENT, code, 0, payload)

    def _serve(self) -> None:
        """Serve the running hub until it is blocked."""
        while self._process is not None:
            op, payload = self._process.receive()
            if op == process.RESULT:
                handled = self._blocked.pop()
                assert isinstance(handled, _Handling)
                self._handling -= 1
                result = payload[1:] if payload else None
                innermost = self._blocked[-1]
                if not isinstance(innermost, _Inside):
                    if handled.then is not None:
                        handled.then(result)
                    return  # blocked again in what the event came into
                self._blocked.pop()
                if not self._continue(innermost.steps, result):
                    return
            elif op == process.WAIT:
                ms = int.from_bytes(payload, "little", signed=True)
                self.counters.waits += 1
                self._blocked.append(_Wait(math.inf if ms < 0 else self.loop.time() + ms / 1000))
                return
            elif op == process.RESET:
                self.power_cut(payload[0])
                return
            else:
                self.counters.calls += 1
                if not self._continue(self._call(op, payload), None):
                    return

    def _call(self, op: int, payload: bytes) -> Steps:
        """One service call as steps: held up before or after it where the seed says so."""
        chance, preemption = self.chance, self.preemption
        held_up = preemption.probability > 0 and not self._handling
        if held_up and chance.random() < preemption.probability:
            yield Pause(chance.uniform(0, preemption.ms_max))
        if op == process.POINT:
            return b""
        if op == process.CHARGE:
            name = payload.decode()
            step = Busy if self.costs.held(name) else Pause
            yield step(self.costs.ms(name))
            return b""
        if op == process.HEAP:
            peak, free = int.from_bytes(payload[:4], "little"), int.from_bytes(payload[4:], "little")
            self.counters.heap_peak = max(self.counters.heap_peak, peak)
            self.counters.heap_free_min = min(self.counters.heap_free_min, free)
            return b""
        if op == process.PROGRAM_RESULT:
            self.result = payload.decode()
            if self.on_result is not None:
                self.on_result(self.result)
            return b""
        if self.loop.time() > self._owed_since_s:
            self._owed_ms, self._owed_since_s = 0.0, self.loop.time()
        self._owed_ms += self.costs.ms("call")
        if self._owed_ms >= _CLOCK_MS:
            self._owed_ms -= _CLOCK_MS
            yield Pause(_CLOCK_MS)
        if op in process.SOCKET_OPS and op != process.SOCKET_POLL:
            self._changed = True
        answer = self.services[op](payload)
        if isinstance(answer, Generator):
            answer = yield from answer
        if held_up and chance.random() < preemption.probability:
            yield Pause(chance.uniform(0, preemption.ms_max))
        return answer

    def _continue(self, steps: Steps, sent) -> bool:
        """Go on with a call; True when it was answered, so that the hub runs again."""
        try:
            step = steps.send(sent)
        except StopIteration as stop:
            if self._process is None:
                return False  # the call itself cut the power
            self._send(process.ANSWER, 0, 0, stop.value or b"")
            return True
        except OSError as error:
            # args[0]: an OSError with one argument has no errno on CPython.
            self._send(process.ANSWER, 0, error.args[0], b"")
            return True
        if self._process is None:
            return False
        if isinstance(step, Event):
            self._blocked.append(_Inside(steps))
            self._deliver(step.code, step.payload, None)
            return True  # the handler runs now
        self._blocked.append(_Call(self.loop.time() + step.ms / 1000, isinstance(step, Busy), steps))
        return False
