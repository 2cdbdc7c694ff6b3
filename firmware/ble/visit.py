"""One visit to one device, as steps: what to do next, given what came back. Holds no radio and no clock.

The executor connects, then drives the generator, and closes the connection however it ends:

    steps = visit(row, context)
    step = next(steps)
    while True: step = steps.send(answer)      # or steps.throw(PeerError(...)), or steps.close() to give up
    except StopIteration as end: end.value      # the outcome, one of OUTCOMES

A step is a tuple, verb first. Each has LIMIT_MS[verb] to answer in ("drain": its own cap); past it the executor
throws PeerError("timeout", verb). A uuid is an int (16 bit) or 16 octets, least significant first.

    ("encrypt",)             start encryption with the stored bond; refuse new keys for this identity.
                             Answer: None once encrypted
    ("pair",)                pair and bond, forgetting an older bond of this device first.
                             Answer: None once encrypted and bonded
    ("mtu",)                 exchange the MTU. Answer: the MTU, or None
    ("discover", services)   find these services, in this order, and their characteristics; an absent one is no
                             error. Answer: {uuid: (value handle, properties, end handle)}; of a uuid found twice
                             the first counts; services of earlier discoveries stay known to the executor
    ("read", uuid)           one Read Request. Answer: the octets
    ("write", uuid, octets, response)   with or without asking for a response. Answer: None
    ("subscribe", uuid, "indicate" | "notify")   write the characteristic's CCCD (0x2902). Answer: None
    ("session", facts)       write the session record. Needs no link and is also asked for after its loss.
                             Answer: None
    ("drain", idle_ms, cap_ms)   wait while the Bluetooth callback keeps what arrives. Answer: "idle" when nothing
                             came for idle_ms, "gone" when the device hung up, "cap" when cap_ms are over
    ("describe", facts)      keep the device's description. Needs no link. Answer: None
    ("disconnect",)          hang up and wait until the link is gone. Answer: None

Thrown in: PeerError("att", code) an ATT error (code without MicroPython's 256 in front); PeerError("security", why)
pairing or encryption did not succeed and the link stands; PeerError("gone",) the link is lost; PeerError("timeout",
verb). After "gone" and "timeout" no step that needs a link is asked for, other than "disconnect".

`context`: clock_confirmed (the hub's clock is good enough to set a patient's device), local_time() -> (y, m, d, h,
mi, s), window_open (pairing this device is allowed now), bonded (the hub holds a bond with this identity), described
(this device's description is known). Each is asked at the moment it is needed.

Session facts: {"clock": octets as read before it was written, or b"", "clock_read": bool, "clock_written": bool,
"characteristics": ((value handle, uuid octets), ...) of all that can indicate or notify}. The executor stamps
"clock_ms" when it answers the read of row.clock. Description facts: text under "manufacturer", "model", "serial",
"hardware", "firmware", "software", "battery" (0..100), "features" (octets); absent is an absent key.

Values may arrive at any time from the first moment, before discovery too: the callback keeps them without this
generator. Nothing here deletes anything on a device; the only writes are a clock, CCCDs and row.racp.
"""

from micropython import const

from drivers import uuid_octets
from drivers.device_information import BATTERY, BATTERY_LEVEL, DEVICE_INFORMATION, TEXTS, battery, text
from firmware.contracts import PeerError
from firmware.measurement import device_time

OUTCOMES = (
    "drained",  # the device had its say, until it was idle or hung up
    "capped",  # it was still sending when its time was over; what it sent is kept
    "gone",  # the link was lost before anything could be subscribed to
    "timeout",  # a step had no answer
    "not_bonded",  # it must bond, the hub has no bond, and no window is open
    "bond_lost",  # the hub has a bond that the device no longer honours: a person must pair it again
    "pairing_failed",
    "unsupported",  # nothing that its row names was found
    "refused",  # it would not let the hub subscribe
)

# Longest wait for each step. ATT allows 30 s for an answer (Core 5.4, 3.F.3.3.3), SMP 30 s (3.H.3.4); devices at home
# answer within a few connection intervals, and one that does not must not hold the radio against the others.
LIMIT_MS = {
    "encrypt": 10000,
    "pair": 35000,  # past SMP's own 30 s, so that its failure is heard: a person may be typing a passkey
    "mtu": 3000,
    "discover": 15000,
    "read": 5000,
    "write": 5000,
    "subscribe": 5000,
    "session": 5000,
    "describe": 5000,
    "disconnect": 5000,
}

_READ = const(0x02)
_WRITE_SILENTLY = const(0x04)
_WRITE = const(0x08)
_NOTIFY_OR_INDICATE = const(0x30)
_RACP = const(0x2A52)
_CURRENT_TIME = const(0x2A2B)

_FIELD_IGNORED = const(0x80)  # Current Time Service: the time was taken, a field of it was not
# Insufficient authentication, authorization, encryption: asked of those who subscribe before they pair
_ASKS_SECURITY = (0x05, 0x08, 0x0F)


def limit_ms(row) -> int:
    """Return how long a whole visit may take: past it the executor hangs up, whatever is going on."""
    return row.cap_ms + 60000


def visit(row, context):
    """Yield the steps of one visit; return its outcome."""
    state = _State(row, context)
    try:
        outcome = yield from _steps(state)
    except PeerError as error:
        outcome = _OUTCOME_OF.get(error.args[0], "refused")
    if not state.told and state.found:
        yield "session", state.facts()  # values may have come although the visit failed: say what their handles mean
    if outcome != "gone" and not state.gone:
        yield ("disconnect",)
    return outcome


_OUTCOME_OF = {
    "gone": "gone",
    "timeout": "timeout",
    "not_bonded": "not_bonded",
    "bond_lost": "bond_lost",
    "security": "pairing_failed",
    "unsupported": "unsupported",
    "att": "refused",
}


class _State:
    """What this visit has learnt so far."""

    def __init__(self, row, context):
        self.row = row
        self.context = context
        self.found: dict = {}
        self.secured = False
        self.paired = False
        self.gone = False
        self.told = False
        self.clock = b""
        self.clock_read = False
        self.clock_written = False

    def facts(self):
        """Return the session facts, which are told once."""
        self.told = True
        characteristics = []
        for uuid in self.found:
            if self.found[uuid][1] & _NOTIFY_OR_INDICATE:
                characteristics.append((self.found[uuid][0], uuid_octets(uuid)))
        characteristics.sort()  # dicts have no order on the chip; records must come out the same
        return {
            "clock": self.clock,
            "clock_read": self.clock_read,
            "clock_written": self.clock_written,
            "characteristics": tuple(characteristics),
        }

    def may(self, uuid, properties):
        """Tell whether the device offers a characteristic with any of these properties."""
        return uuid in self.found and self.found[uuid][1] & properties != 0


def _steps(state):
    row, context = state.row, state.context
    if row.bonds and not context.bonded and not context.window_open:
        raise PeerError("not_bonded")
    if row.bond_first:
        yield from _secure(state)
    if row.mtu:
        yield from _mtu()
    state.found = yield from _asking(state, ("discover", row.services))
    if row.bonds and not state.secured:
        yield from _secure(state)
    if not any(uuid in state.found for uuid, _ in row.subscribe):
        raise PeerError("unsupported")
    yield from _clock(state)
    if state.paired and not context.described:
        yield from _describe_now(state)  # a device may hang up after its last value each time
    yield "session", state.facts()
    yield from _subscribe(state)
    end = yield "drain", row.idle_ms, row.cap_ms
    state.gone = end == "gone"
    if end == "idle" and not context.described and not state.paired:
        yield from _describe_quietly(state)
    return "capped" if end == "cap" else "drained"


def _secure(state):
    """Encrypt with the bond there is, or pair when a window is open."""
    if state.context.bonded:
        try:
            yield ("encrypt",)
            state.secured = True
            return
        except PeerError as error:
            if error.args[0] != "security":
                raise
            if not state.context.window_open:
                raise PeerError("bond_lost")
    elif not state.context.window_open:
        raise PeerError("not_bonded")
    yield ("pair",)
    state.secured = state.paired = True


def _asking(state, step):
    """Do a step; when the device asks for security first, give it and try once more."""
    try:
        return (yield step)
    except PeerError as error:
        if error.args[0] != "att" or error.args[1] not in _ASKS_SECURITY or state.secured:
            raise
    yield from _secure(state)
    return (yield step)


def _mtu():
    try:
        yield ("mtu",)
    except PeerError as error:
        if error.args[0] != "att":  # one that cannot exchange it (error 6) keeps 23 octets
            raise


def _clock(state):
    """Read the device's clock before anything may set it; write it by the row's rule, when the hub's is confirmed."""
    uuid = state.row.clock
    if uuid is None:
        return
    if state.may(uuid, _READ):
        try:
            state.clock = yield from _asking(state, ("read", uuid))
            state.clock_read = True
        except PeerError as error:
            if error.args[0] != "att":
                raise
    if not state.row.clock_write or not state.context.clock_confirmed or not state.may(uuid, _WRITE | _WRITE_SILENTLY):
        return
    write = device_time.current_time if uuid == _CURRENT_TIME else device_time.date_time
    response = state.may(uuid, _WRITE)
    try:
        yield from _asking(state, ("write", uuid, write(state.context.local_time()), response))
        state.clock_written = True
    except PeerError as error:
        if error.args[0] != "att":
            raise
        state.clock_written = uuid == _CURRENT_TIME and error.args[1] == _FIELD_IGNORED


def _subscribe(state):
    """Enable everything in the row's order, and only then ask for stored records (else ATT error 0xFD)."""
    enabled = 0
    refusal = None
    for uuid, how in state.row.subscribe:
        if uuid not in state.found:
            continue
        try:
            yield from _asking(state, ("subscribe", uuid, how))
            enabled += 1
        except PeerError as error:
            if error.args[0] != "att":
                raise
            refusal = error
    if not enabled:
        raise refusal
    if state.row.racp is not None and state.may(_RACP, _WRITE):
        try:
            yield from _asking(state, ("write", _RACP, state.row.racp, True))
        except PeerError as error:
            if error.args[0] != "att":  # 0xFE, a procedure runs already: its records come all the same
                raise


def _describe_now(state):
    """Ask for the description before the data; a refusal only means that there is none."""
    try:
        yield from _describe(state)
    except PeerError as error:
        if error.args[0] != "att":
            raise


def _describe_quietly(state):
    """Ask for the description after the data: whatever goes wrong now takes nothing from a visit that went well."""
    try:
        yield from _describe(state)
    except PeerError as error:
        state.gone = error.args[0] == "gone"


def _describe(state):
    """Read who made the device and how full its battery is."""
    found = yield from _asking(state, ("discover", (DEVICE_INFORMATION, BATTERY)))
    facts = {}
    for uuid, key, octets_max in TEXTS:
        octets = yield from _read_if(state, found, uuid)
        if octets:
            facts[key] = text(octets, octets_max)
    octets = yield from _read_if(state, found, BATTERY_LEVEL)
    if octets and battery(octets) is not None:
        facts["battery"] = battery(octets)
    octets = yield from _read_if(state, state.found, state.row.features)
    if octets:
        facts["features"] = bytes(octets)
    if facts:
        yield "describe", facts


def _read_if(state, found, uuid):
    """Read a characteristic when the device has it; b"" when it will not say."""
    if uuid not in found or not found[uuid][1] & _READ:
        return b""
    try:
        return (yield from _asking(state, ("read", uuid)))
    except PeerError as error:
        if error.args[0] != "att":
            raise
        return b""
