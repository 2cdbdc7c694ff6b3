"""What only some devices want in a visit: a user's consent, records by their numbers, a command to begin.

Generators of the steps of firmware/ble/visit.py, loaded for a device whose row asks for one. `state` is that visit's,
`ask(state, *step)` does a step that a device may refuse until the link is secure. Of its context they use: entry, the
device's own line of the settings, whose "users" are its users' [slot, consent code]; journal, and first, the number
that this visit's first capture has or would have; visit, its own number; store(name), which loads and saves a dict on
the file system.
"""

from micropython import const

from drivers import record_access, user_data
from firmware.contracts import PeerError

_RACP = const(0x2A52)
_USER_CONTROL_POINT = const(0x2A9F)
_WRITE = const(0x08)
_WRITE_EITHER_WAY = const(0x0C)
_CONSENT_MS = const(10_000)  # a scale compares a number; some show it first


# -- users -----------------------------------------------------------------------------------------------


def first(state, ask):
    """Before anything else a user's consent, another's each visit; PeerError("no_consent") without one."""
    users = _users(state.context)
    yield from _agree(state, ask, users[0] if users else ())


def _users(context):
    """The [slot, consent code] of each, another one first in each visit: some hang up when they gave the first's."""
    users = context.entry.get("users", [])
    at = context.visit % len(users) if users else 0
    return users[at:] + users[:at]


def _agree(state, ask, user):
    """Let a device give this user's values; PeerError("no_consent") when it will not."""
    if not state.may(_USER_CONTROL_POINT, _WRITE):
        raise PeerError("unsupported")
    try:
        consent = user_data.consent(*user)
    except (TypeError, ValueError):  # the settings say something that is no consent
        raise PeerError("no_consent")
    yield from ask(state, "subscribe", _USER_CONTROL_POINT, "indicate")
    try:
        yield from ask(state, "write", _USER_CONTROL_POINT, consent, True)
    except PeerError as error:
        raise error if error.args[0] != "att" else PeerError("no_consent")
    said = yield "answer", _USER_CONTROL_POINT, _CONSENT_MS, _CONSENT_MS
    if said == "gone":
        raise PeerError("gone")
    if isinstance(said, str) or user_data.answer(said) != "ok":
        raise PeerError("no_consent")


def others(state, ask):
    """After the first user's values those of the others; return how it ended, as "drain" does."""
    end = "idle"
    for user in _users(state.context)[1:]:
        yield from _agree(state, ask, user)
        end = yield "drain", state.row.idle_ms, state.row.cap_ms
        if end != "idle":
            break
    return end


# -- records ---------------------------------------------------------------------------------------------


def begin(state, ask):
    """Ask for records and give the row's commands; return None, or how that ended when it must end the visit."""
    row = state.row
    end = None
    if row.racp is not None and state.may(_RACP, _WRITE):
        end = yield from (_records(state, ask) if row.numbered else _report(state, ask, row.racp))
    for uuid, octets in row.starts:
        if end not in ("gone", "cap") and state.may(uuid, _WRITE_EITHER_WAY):
            end = None
            try:
                yield from ask(state, "write", uuid, octets, state.may(uuid, _WRITE))
            except PeerError as error:
                if error.args[0] != "att":  # it will not: what it sends by itself comes all the same
                    raise
    return end if end in ("gone", "cap") else None


def _report(state, ask, request):
    """Have records reported; return what record_access.answer makes of the answer, else how the wait for it ended."""
    try:
        yield from ask(state, "write", _RACP, request, True)
    except PeerError as error:
        if error.args[0] != "att":
            raise
        return "refused"  # 0xFE, a procedure runs already: its records come all the same
    said = yield "answer", _RACP, state.row.idle_ms, state.row.cap_ms
    return said if isinstance(said, str) else record_access.answer(said)[0]


def _records(state, ask):
    """Ask for what came after the last record kept, or for all where that cannot be or the meter was reset."""
    context, size = state.context, state.row.numbered[2]
    last = _last(context)
    request = record_access.next_request(last, None, size)
    end = yield from _report(state, ask, request)
    if request == record_access.ALL_RECORDS:
        pass
    elif end == "not supported":
        end = yield from _report(state, ask, record_access.ALL_RECORDS)
    elif end == "none":  # it has nothing new; or it began to count anew
        end = yield from _report(state, ask, record_access.LAST_RECORD)
        newest = _numbers(state)
        if end == "not supported" or (newest and newest[-1] != last):
            end = yield from _report(state, ask, record_access.ALL_RECORDS)
    numbers = _numbers(state)
    if end not in ("done", "none"):
        # What was cut short goes on with its last record, of which a context or a segment may be missing, if they came
        # in order.
        in_order = numbers == sorted(numbers)
        numbers = [number for number in numbers if in_order and number != numbers[-1]]
    if numbers and numbers[-1] != last:
        _keep_last(context, numbers[-1])
    return end


def _numbers(state):
    """Numbers of the records that this visit kept, in order."""
    uuid, at, size, mask = state.row.numbered
    if uuid not in state.found:
        return []
    handle, journal = state.found[uuid][0], state.context.journal
    found = []
    for capture in range(state.context.first, journal.next_capture):
        try:
            kept = journal.read(capture)
        except ValueError:  # delivered already, and its room was needed
            return []  # all are asked for again, and known ones are known
        if kept.handle == handle and len(kept.value) >= at + size and kept.value[0] & mask == mask:
            found.append(int.from_bytes(kept.value[at : at + size], "little"))
    return found


def _last(context):
    """The number of the last record kept, in this journal and of this device; None when there was none."""
    saved = context.store("records").load() or {}
    return saved.get(context.entry["address"]) if saved.get("chain") == context.journal.chain.hex() else None


def _keep_last(context, number):
    store, chain = context.store("records"), context.journal.chain.hex()
    saved = store.load()
    if saved is None or saved.get("chain") != chain:
        saved = {"chain": chain}
    saved[context.entry["address"]] = number
    try:
        store.save(saved)
    except OSError:
        pass  # they are asked for once more the next time
