"""The one radio and the ordered list of those who hear its events."""

import bluetooth

log_level = 1


def _say(level, letter, words):
    if log_level >= level:
        print("[aioble] " + letter + ":", *words)


def log_error(*words):
    _say(1, "E", words)


def log_warn(*words):
    _say(2, "W", words)


def log_info(*words):
    _say(3, "I", words)


class GattError(Exception):
    """The peer or the stack answered with a status that is not success."""

    def __init__(self, status):
        self._status = status


_irq_handlers = []
_shutdown_handlers = []


def register_irq_handler(irq, shutdown):
    """Add a handler for radio events and one for `stop`; either may be None."""
    for handlers, handler in ((_irq_handlers, irq), (_shutdown_handlers, shutdown)):
        if handler:
            handlers.append(handler)


def ble_irq(event, data):
    """Offer an event to the handlers in their order; the first answer ends the walk."""
    log_info(event, data)
    for handler in _irq_handlers:
        answer = handler(event, data)
        if answer is not None:
            return answer


def ensure_active():
    """Switch the radio on, with the kept bonds loaded first: the stack asks for them as it starts."""
    if ble.active():
        return
    from . import security

    security.load_secrets()
    ble.active(True)


def config(*names, **values):
    """Read or set the radio's configuration, switching it on if need be."""
    ensure_active()
    return ble.config(*names, **values)


def stop():
    """Switch the radio off and let every module forget its state."""
    ble.active(False)
    for handler in _shutdown_handlers:
        handler()


ble = bluetooth.BLE()
ble.irq(ble_irq)
