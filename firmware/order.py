"""An order is judged and obeyed: what it asks for and its number reach the flash together, or neither does.

Loaded when one arrives. Who gave it and whom it is for is judged by uplink/order.py; here whether it is new, in time,
understood and possible. Its number is used up by whatever comes of it, so that an order has one outcome for ever: a
setting and its number are one file, replaced atomically; a deed of the moment (a window, digits, a reset) has its
number kept before it begins, and a power cut in between leaves it not done and told as BEGUN.
"""

from micropython import const

from firmware import config
from firmware.contracts import PeerError
from firmware.uplink.order_fields import BAD, BEGUN, DONE, EXPIRED, NOT_POSSIBLE, UNKNOWN

_EVENT = const(4)  # events.py: order refused
_DETAIL_MAX = const(32)


def take(hub, octets) -> "bytes | None":
    """Deal with one order; returns it when it must wait: for the platform's time, a visit's end, new settings' trial.

    Its time is judged by a clock that the platform itself vouched for in this boot: NTP is anybody's word, and whoever
    turns it back would make an order good again that its operator believes to be over. The answer to the report that
    opens each session brings that clock, so an order waits for seconds, and is never judged by a floor.
    """
    if not hub.timekeeper.vouched or hub.trial_ends_ms is not None or hub.restart:
        return octets
    if hub.listening.visiting and not hub.window_open():
        return octets
    try:
        return octets if _waits(hub, octets) else None
    except PeerError as error:
        _refused(hub, error.args[0][7:])
    except (OSError, MemoryError):
        hub.health.count("order: not kept")  # neither its number nor what it asks for: the platform sends it again
    return None


def _refused(hub, reason):
    hub.health.count("order: " + reason)
    hub.health.event(_EVENT, reason)


def _waits(hub, octets):
    settings = config.Store(config.FOLDER, "settings").load()
    if settings is None or not settings.get("operator"):
        raise PeerError("order: no operator")
    order = _opened(hub, settings, octets)
    if order.number <= settings.get("order", (0,))[0]:
        raise PeerError("order: stale number")
    hub.forget()  # what checked the signature makes room for what obeys
    return not _judged(hub, settings, order)


def _opened(hub, settings, octets):
    # A call of its own, as in Hub: what checks signatures must not be alive while an order is obeyed.
    from firmware.uplink import order

    operator = bytes.fromhex(settings["operator"]["key"])
    opened = order.open_order(octets, operator, hub.keys.hub_id)
    if opened.sealed is not None and opened.number > settings.get("order", (0,))[0]:
        from firmware import enrolment

        try:
            opened.sealed = order.unsealed(
                opened.sealed, enrolment.load_agreement(), operator, hub.keys.hub_id, hub.aes
            )
        except PeerError:
            opened.sealed = b""  # no CBOR: a bad argument by the name of "secret"
    return opened


def _judged(hub, settings, order):
    """False: it has to wait."""
    from firmware.uplink import order_fields

    if hub.timekeeper.time_s() > order.expires_s:
        return _ends(hub, settings, order, EXPIRED)
    if order.action not in order_fields.TABLE:
        return _ends(hub, settings, order, UNKNOWN)
    try:
        fields = order_fields.read(order.action, order.arguments, order.sealed)
    except PeerError as error:
        return _ends(hub, settings, order, BAD, error.args[1])
    if hub.listening.visiting and order.action not in (order_fields.OPEN_WINDOW, order_fields.DIGITS):
        return False
    from firmware import order_deeds

    try:
        after, result = order_deeds.obey(hub, settings, order.action, fields)
    except PeerError as error:
        if error.args[0] == "wait":
            return False
        settings = config.Store(config.FOLDER, "settings").load()  # as it was, whatever was altered until then
        return _ends(hub, settings, order, BAD if error.args[0] == "bad argument" else NOT_POSSIBLE, error.args[1])
    _kept(hub, settings, order.number, result)
    if after:
        after()
    if result == BEGUN:
        hub.order = [order.number, DONE, ""]
    hub.health.hurry()
    return True


def _ends(hub, settings, order, result, detail=""):
    """It will not be obeyed: that is kept under its number, told, and is a security event."""
    _kept(hub, settings, order.number, result, detail)
    _refused(hub, ("expired", "unknown action", "bad argument", "not possible")[result - EXPIRED])
    hub.health.hurry()
    return True


def _kept(hub, settings, number, result, detail=""):
    """Write settings and an order's outcome as one file. OSError: neither counts, and the order may come again."""
    settings["order"] = [number, result, detail[:_DETAIL_MAX]]
    config.Store(config.FOLDER, "settings").save(settings)
    hub.order = settings["order"]
