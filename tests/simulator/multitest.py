"""Runs MicroPython's own two-instance Bluetooth tests: two hubs in one world, `multitest` as services of the air."""

from pathlib import Path

from tools.simulator.air.world import World

_READY, _STARTED, _BROADCAST, _HEARD, _SET, _GLOBALS, _METRIC = range(120, 127)
_ADDRESSES = (bytes.fromhex("24d7eb000010"), bytes.fromhex("24d7eb000020"))
_HEAP_OCTETS = 400_000  # the tests' own programs are larger than a hub
_LIMIT_S = 120.0

_BEFORE = """
import _seam
while {number} and not _seam.call(120, b"?")[0]:
    _seam.wait(1)
exec(_seam.call(125).decode())
"""

_AFTER = """
class multitest:
    @staticmethod
    def flush():
        pass
    @staticmethod
    def skip():
        print("SKIP")
        raise SystemExit
    @staticmethod
    def next():
        _seam.call(120)
        while not _seam.call(121)[0]:
            _seam.wait(1)
    @staticmethod
    def broadcast(message):
        _seam.call(122, message.encode())
    @staticmethod
    def wait(message):
        while not _seam.call(123, message.encode())[0]:
            _seam.wait(1)
    @staticmethod
    def globals(**values):
        for name in values:
            _seam.call(124, ("%s = %r\\n" % (name, values[name])).encode())
    @staticmethod
    def output_metric(text):
        _seam.call(126, str(text).encode())

instance{number}()
"""


class Pair:
    """Two hubs and what they say to one another."""

    def __init__(self, world: World):
        self.world = world
        self.metrics: list[str] = []
        self._ready: set[int] = set()
        self._globals = b""
        self._inbox: list[list[bytes]] = [[], []]
        self.hubs = [world.add_hub(address, _HEAP_OCTETS) for address in _ADDRESSES]
        for number, hub in enumerate(self.hubs):
            self._serve(number, hub)

    def _serve(self, number, hub):
        inbox = self._inbox[number]

        def ready(payload):
            if not payload:
                self._ready.add(number)
            return bytes([0 in self._ready])

        def heard(payload):
            if payload not in inbox:
                return b"\0"
            inbox.remove(payload)
            return b"\1"

        def assign(payload):
            self._globals += payload

        hub.services.update(
            {
                _READY: ready,
                _STARTED: lambda payload: bytes([len(self._ready) == 2]),
                _BROADCAST: self._inbox[1 - number].append,
                _HEARD: heard,
                _SET: assign,
                _GLOBALS: lambda payload: self._globals or b"\n",
                _METRIC: lambda payload: self.metrics.append(payload.decode()),
            }
        )

    def run(self, test: Path) -> str:
        """Both instances' output, as the upstream runner puts it."""
        text = test.read_text()
        for number, hub in enumerate(self.hubs):
            program = self.world.folder / f"instance{number}.py"
            program.write_text(_BEFORE.format(number=number) + text + _AFTER.format(number=number))
            hub.start(program=program)
        while any(hub.alive for hub in self.hubs) and self.world.loop.time() < _LIMIT_S:
            self.world.run(0.5)
        return "".join(f"--- instance{number} ---\n{hub.output()}" for number, hub in enumerate(self.hubs))


def lines(text: str) -> list[str]:
    """What the upstream runner compares."""
    return [line.rstrip() for line in text.replace("\r", "").split("\n") if line.strip()]
