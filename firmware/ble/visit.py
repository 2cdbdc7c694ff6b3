"""One visit to one device, as steps: what to do next, given what came back. Holds no radio and no clock.

The executor connects, then drives the generator, and closes the connection however it ends:

    steps = visit(row, context)
    step = next(steps)
    step = steps.send(answer), or steps.throw(PeerError(...)), until StopIteration; steps.close() to give up
    the StopIteration's value is the outcome, one of OUTCOMES

A step is a tuple, verb first, and has LIMIT_MS[verb] to be answered in ("drain": its own cap_ms); past it the
executor throws PeerError("timeout", verb). A uuid is an int (16 bit) or 16 octets, least significant first.

    ("encrypt",)            start encryption with the stored bond; refuse new keys for this identity
    ("pair",)               pair and bond, forgetting an older bond of this device first
    ("mtu",)                exchange the MTU
    ("discover", services)  find these services, in this order, and their characteristics. An absent service
                            is no error. Answer {uuid: (value handle, properties, end handle)}; of a uuid
                            found twice the first counts. What an earlier one found stays addressable
    ("read", uuid)          one Read Request. Answer the octets
    ("write", uuid, octets, response)               write, asking for a response or not
    ("subscribe", uuid, "indicate" or "notify")     write the characteristic's CCCD (0x2902)
    ("session", facts)      write the session record; needs no link, and comes after its loss too
    ("drain", idle_ms, cap_ms)                      wait while the Bluetooth callback keeps what arrives.
                            Answer "idle" (nothing came for idle_ms), "gone" (the device hung up) or "cap"
    ("answer", uuid, idle_ms, cap_ms)               the same, until this characteristic, written to before, says
                            something: then answer its octets
    ("describe", facts)     keep the device's description; needs no link
    ("disconnect",)         hang up and wait until the link is gone

The answer is None where none is named; encrypt and pair are answered once the link is encrypted (and bonded).

Thrown in: PeerError("att", code), an ATT error without MicroPython's 256 in front; PeerError("security",
why), no pairing or encryption and the link stands; PeerError("gone"), the link is lost;
PeerError("timeout", verb). After "gone" and "timeout" nothing is asked for that needs the link, but
"disconnect" after a timeout.

`context` has: clock_confirmed, the hub's clock is good enough to set a patient's device; local_time(), now
as (year, month, day, hour, minute, second) by the wall clock; offset_min(), that clock against UTC; window_open,
this device may be paired now;
bonded, the hub holds a bond with it (on a pairing-mode advert inside a window the hub forgets the bond
first, and this is False); described, its description is known. Each is asked at the moment it is needed. What
drivers/procedures.py asks of it stands there.

Session facts: "clock", the octets as read before anything was written, b"" when the device would not say
(the executor notes the time of that read itself); "clock_written"; "characteristics", of all that can
notify or indicate ((value handle, uuid octets), ...). Description facts: the texts "manufacturer", "model",
"serial", "hardware", "firmware" and "software"; "battery" 0..100; "features" and "udi", octets. What is not
known has no key.

Values may arrive from the first moment on, before discovery too: the callback keeps them without this
generator. Nothing here deletes anything on a device: all it writes is a clock, CCCDs, requests for records, consents,
and the row's starts.
"""

from micropython import const

from drivers import device_information as information
from drivers import uuid_octets
from firmware.contracts import PeerError
from firmware.measurement import device_time

OUTCOMES = (
    "drained",  # the device had its say, until it was idle or hung up
    "capped",  # it was still sending when its time was over; what it sent is kept
    "gone",  # the link was lost before everything was subscribed to
    "timeout",  # a step had no answer
    "not_bonded",  # it wants a bond, the hub has none, and no window is open
    "bond_lost",  # the hub has a bond that the device no longer honours: a person must pair it again
    "pairing_failed",
    "no_digits",  # it is paired by digits, and nobody told them in the 30 s that pairing waits
    "wrong_digits",
    "unsupported",  # nothing that its row names was found
    "no_clock",  # its clock was not set, since the hub's own is not confirmed, and without one it gives no readings
    "no_consent",  # it gives no user's values: the hub has no consent code, or not the right one
    "refused",  # an ATT error where it hurts
)

# Longest wait for each step. ATT and SMP allow 30 s for an answer; devices at home answer within a few
# connection intervals, and one that does not must not hold the radio against the others.
LIMIT_MS = {
    "encrypt": 10000,
    "pair": 35000,  # past SMP's own 30 s, so that its failure is heard
    "mtu": 3000,
    "discover": 15000,  # some dozen round trips at the slowest interval in use
    "read": 5000,
    "write": 5000,
    "subscribe": 5000,
    "session": 5000,
    "describe": 5000,
    "disconnect": 5000,
}
_OVERHEAD_MS = const(60000)  # pairing, and all other steps at the pace of a slow device

_READ = const(0x02)
_WRITE_SILENTLY = const(0x04)
_WRITE = const(0x08)
_NOTIFY_OR_INDICATE = const(0x30)
_RACP = const(0x2A52)
_CURRENT_TIME = const(0x2A2B)

# ATT: insufficient authentication, authorization, encryption; said to those who ask before they pair
_ASKS_SECURITY = (0x05, 0x08, 0x0F)
_FIELD_IGNORED = const(0x80)  # Current Time Service: the time was taken, some field of it was not


def limit_ms(row) -> int:
    """Return how long a whole visit may take: past it the executor hangs up, whatever is going on."""
    return row.cap_ms + _OVERHEAD_MS


def visit(row, context):
    """Yield the steps of one visit; return its outcome."""
    state = _State(row, context)
    try:
        outcome = yield from _steps(state)
    except PeerError as error:
        outcome = _outcome(error.args)
        state.gone = outcome == "gone"
    if state.found and not state.told:
        yield "session", state.facts()  # values may have come all the same: say what their handles mean
    if not state.gone:
        yield ("disconnect",)
    return outcome


def _outcome(args):
    """Name what an error that nobody expected makes of the visit."""
    if args[0] == "security":
        return "pairing_failed"
    if args[0] == "att" and args[1] in _ASKS_SECURITY:
        return "not_bonded"
    return args[0] if args[0] in OUTCOMES else "refused"


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
        self.clock_written = False

    def may(self, uuid, properties):
        """Tell whether the device offers a characteristic with any of these properties."""
        return uuid in self.found and self.found[uuid][1] & properties != 0

    def facts(self):
        """Return the session facts, which are told once."""
        self.told = True
        values = [(self.found[uuid][0], uuid) for uuid in self.found if self.may(uuid, _NOTIFY_OR_INDICATE)]
        values.sort()  # a dict has no order on the chip, and records must come out the same
        return {
            "clock": self.clock,
            "clock_written": self.clock_written,
            "characteristics": tuple([(handle, uuid_octets(uuid)) for handle, uuid in values]),
        }


def _steps(state):
    row, context = state.row, state.context
    if row.bonds and not context.bonded and not context.window_open:
        raise PeerError("not_bonded")
    if row.bond_first:
        yield from _secure(state)
    if row.mtu:
        yield from _mtu()
    state.found = yield from _asking(state, "discover", row.services)
    if row.bonds and not state.secured:
        yield from _secure(state)
    if not any([uuid in state.found for uuid, _ in row.subscribe]):
        raise PeerError("unsupported")
    if row.consent:
        from drivers import procedures

        yield from procedures.first(state, _asking)
    yield from _read_clock(state)
    yield from _write_clock(state)
    if state.paired and not context.described:
        yield from _describe(state)  # now, since a device may hang up after its last value each time
    yield "session", state.facts()
    end = yield from _subscribe(state)
    if end is None:
        end = yield "drain", row.idle_ms, row.cap_ms
    if row.consent and end == "idle":
        end = yield from procedures.others(state, _asking)
    state.gone = end == "gone"
    if end == "idle" and not state.paired and not context.described:
        try:
            yield from _describe(state)
        except PeerError as error:  # whatever goes wrong now takes nothing from a visit that went well
            state.gone = error.args[0] == "gone"
    if row.needs_clock and not state.clock_written and not context.clock_confirmed:
        return "no_clock"
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


def _asking(state, *step):
    """Do a step; when the device asks for security first and it can be given, give it and try once more."""
    try:
        return (yield step)
    except PeerError as error:
        if error.args[0] != "att" or error.args[1] not in _ASKS_SECURITY or state.secured:
            raise
        if not state.context.bonded and not state.context.window_open:
            raise
    yield from _secure(state)
    if step[0] == "write" and step[1] == state.row.clock:
        step = _clock_step(state)  # pairing took its time
    return (yield step)


def _mtu():
    try:
        yield ("mtu",)
    except PeerError as error:
        if error.args[0] != "att":  # one that cannot exchange it keeps 23 octets
            raise


def _read_clock(state):
    """Read the device's clock before anything may set it."""
    if state.may(state.row.clock, _READ):
        try:
            state.clock = bytes((yield from _asking(state, "read", state.row.clock)))
        except PeerError as error:
            if error.args[0] != "att":
                raise


def _write_clock(state):
    """Set the device's clock where its row allows it and the hub's own is confirmed."""
    row = state.row
    if not row.clock_write or not state.context.clock_confirmed:
        return
    if not state.may(row.clock, _WRITE | _WRITE_SILENTLY):
        return
    try:
        yield from _asking(state, *_clock_step(state))  # PeerError("att") when it cannot be told to this one
        state.clock_written = True
    except PeerError as error:
        if error.args[0] != "att":
            raise
        state.clock_written = row.clock == _CURRENT_TIME and error.args[1] == _FIELD_IGNORED


def _clock_step(state):
    """Return the step that writes the local time of this moment."""
    uuid = state.row.clock
    write, time = state.row.clock_write, state.context.local_time()
    if write is not True:
        octets = write(time, state.context.offset_min(), state.clock)
    else:
        octets = device_time.current_time(time) if uuid == _CURRENT_TIME else device_time.date_time(time)
    return "write", uuid, octets, state.may(uuid, _WRITE)


def _subscribe(state):
    """Enable everything in the row's order, and only then ask for stored records (else ATT error 0xFD).

    Returns None, or how that ended when the device is not to be waited for any more.
    """
    enabled = 0
    refusal = PeerError("unsupported")
    for uuid, how in state.row.subscribe:
        if uuid not in state.found:
            continue
        try:
            yield from _asking(state, "subscribe", uuid, how)
            enabled += 1
        except PeerError as error:
            if error.args[0] != "att":
                raise
            refusal = error
    if not enabled:
        raise refusal
    if state.row.starts or state.row.numbered:
        from drivers import procedures

        return (yield from procedures.begin(state, _asking))
    if state.row.racp is not None and state.may(_RACP, _WRITE):
        try:
            yield from _asking(state, "write", _RACP, state.row.racp, True)
        except PeerError as error:
            if error.args[0] != "att":  # 0xFE, a procedure runs already: its records come all the same
                raise
    return None


def _describe(state):
    """Read who made the device and how full its battery is."""
    try:
        found = yield "discover", (information.DEVICE_INFORMATION, information.BATTERY)
    except PeerError as error:
        if error.args[0] != "att":
            raise
        return
    facts: dict = {}
    for uuid, key, octets_max in information.TEXTS:
        octets = yield from _read_if(state, found, uuid)
        if octets:
            facts[key] = information.text(octets, octets_max)
    percent = information.battery((yield from _read_if(state, found, information.BATTERY_LEVEL)))
    if percent is not None:
        facts["battery"] = percent
    octets = yield from _read_if(state, found, information.UDI)
    if 0 < len(octets) <= information.UDI_OCTETS_MAX:
        facts["udi"] = octets
    octets = yield from _read_if(state, state.found, state.row.features)
    if octets:
        facts["features"] = octets
    if facts:
        yield "describe", facts


def _read_if(state, found, uuid):
    """Read a characteristic that the device has; b"" when it has none or will not say."""
    if uuid not in found or not found[uuid][1] & _READ:
        return b""
    try:
        return bytes((yield from _asking(state, "read", uuid)))
    except PeerError as error:
        if error.args[0] != "att":
            raise
        return b""
