"""A scripted GATT server that answers as real devices do, and an executor that drives one visit to it."""

import drivers
from firmware.ble import visit as visits
from firmware.contracts import PeerError

NOW = (2026, 1, 5, 8, 0, 9)
NOW_2A08 = b"\xea\x07\x01\x05\x08\x00\x09"
NOW_2A2B = NOW_2A08 + b"\x01\x00\x02"
OLD = b"\xe5\x07\x01\x01\x00\x00\x00"  # 2021-01-01

READ, WRITE, NOTIFY, INDICATE = 0x02, 0x08, 0x10, 0x20


class Context:
    def __init__(self, clock_confirmed=True, window_open=False, bonded=True, described=True):
        self.clock_confirmed = clock_confirmed
        self.window_open = window_open
        self.bonded = bonded
        self.described = described
        self.asked = 0

    def offset_min(self):
        return 60

    def local_time(self):
        self.asked += 1
        return NOW[:5] + (NOW[5] + self.asked - 1,)


class Device:
    """A peripheral and the executor in front of it.

    `needs` are (verb, uuid) that it answers with an ATT error until the link is secured; `errors`
    {(verb, uuid): PeerError} always; `at` {number of the step: PeerError}, once.
    """

    def __init__(self, characteristics, needs=(), errors=None, at=None, end="idle", keeps_bond=True):
        self.characteristics = characteristics  # uuid: (service, handle, properties, value)
        self.needs = needs
        self.errors = errors or {}
        self.at = at or {}
        self.end = end
        self.keeps_bond = keeps_bond
        self.code = 0x05
        self.secured = False
        self.gone = False
        self.steps = []
        self.session = None
        self.description = None
        self.written = []
        self.visible = []

    def answer(self, step):
        verb = step[0]
        uuid = step[1] if len(step) > 1 and verb != "describe" else None
        number = len(self.steps)
        self.steps.append(step)
        if verb not in ("session", "describe"):
            assert not self.gone, step  # nothing may be asked of a link that is lost
        if number in self.at:
            raise self.at.pop(number)
        if verb in ("subscribe", "read", "write"):
            assert uuid in self.visible, step
        if (verb, uuid) in self.errors:
            raise self.errors[verb, uuid]
        if (verb, uuid) in self.needs and not self.secured:
            raise PeerError("att", self.code)
        return getattr(self, verb)(*step[1:])

    def encrypt(self):
        if not self.keeps_bond:
            raise PeerError("security", "key missing")
        self.secured = True

    def pair(self):
        self.secured = self.keeps_bond = True

    def mtu(self):
        return 247

    def discover(self, services):
        found = {}
        for uuid in self.characteristics:
            service, handle, properties, _ = self.characteristics[uuid]
            if service in services:
                found[uuid] = (handle, properties, handle + 1)
                self.visible.append(uuid)
        return found

    def read(self, uuid):
        return self.characteristics[uuid][3]

    def write(self, uuid, octets, response):
        self.written.append((uuid, octets, response))

    def subscribe(self, uuid, how):
        assert self.characteristics[uuid][2] & (INDICATE if how == "indicate" else NOTIFY)

    def drain(self, idle_ms, cap_ms):
        self.gone = self.end == "gone"
        return self.end

    def describe(self, facts):
        self.description = facts

    def disconnect(self):
        self.gone = True


def session(device, facts):
    assert device.session is None  # once a visit
    device.session = facts


def run(row, context, device):
    """Drive one visit as an executor does; return (verbs, outcome)."""
    steps = visits.visit(drivers.row(row) if isinstance(row, str) else row, context)
    try:
        step = next(steps)
        while True:
            assert len(device.steps) < 40
            try:
                if step[0] == "session":
                    device.steps.append(step)
                    session(device, step[1])
                    answer = None
                else:
                    answer = device.answer(step)
            except PeerError as error:
                if error.args[0] == "gone":
                    device.gone = True
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        assert end.value in visits.OUTCOMES, end.value
        return [step[0] for step in device.steps], end.value


INFORMATION = {
    0x2A29: (0x180A, 40, READ, b"A&D Medical "),
    0x2A24: (0x180A, 42, READ, b"UA-651BLE "),
    0x2A25: (0x180A, 44, READ, b"5170700001\0"),
    0x2A19: (0x180F, 50, READ, b"\x64"),
}


def cuff(**how):
    characteristics = {
        0x2A35: (0x1810, 12, INDICATE, b""),
        0x2A49: (0x1810, 15, READ, b"\x05\x00"),
        0x2A08: (0x1810, 17, READ | WRITE, OLD),
    }
    characteristics.update(INFORMATION)
    return Device(characteristics, **how)


def oximeter(**how):
    characteristics = {
        0x2A5E: (0x1822, 12, INDICATE, b""),
        0x2A5F: (0x1822, 15, NOTIFY, b""),
        0x2A60: (0x1822, 18, READ, b"\x0c\x00"),
        0x2A52: (0x1822, 20, INDICATE | WRITE, b""),
        0x2A2B: (0x1805, 30, READ | WRITE, OLD + b"\x00\x00\x00"),
    }
    characteristics.update(INFORMATION)
    return Device(characteristics, **how)
