"""What the hub's one light says. States are told apart by rhythm, not by colour alone.

The rhythm is made by the pin's PWM hardware (frequency and share of time on): no task has to blink it, and a
busy or sleeping hub keeps the beat.
"""

from micropython import const

READY = const(0)
VISITING = const(1)
KEPT = const(2)
DELIVERED = const(3)
WAITING = const(4)
HELP = const(5)

DELIVERED_MS = const(900_000)  # long enough to be seen by one who sits down after measuring
WAITING_AFTER_MS = const(900_000)  # kept and undelivered for over 15 minutes

# state -> frequency in Hz (0: steady), share of time on in percent. What people read stands in measurement/names.py.
RHYTHMS = ((0, 100), (5, 50), (1, 50), (1, 90), (1, 10), (4, 20))


def state(visiting: bool, help_needed: bool, waiting: int, oldest_ms: int, since_delivered_ms: "int | None") -> int:
    """Choose what to show: `waiting` captures undelivered, the oldest for `oldest_ms`."""
    if visiting:
        return VISITING
    if help_needed:
        return HELP
    if waiting:
        return WAITING if oldest_ms > WAITING_AFTER_MS else KEPT
    if since_delivered_ms is not None and since_delivered_ms < DELIVERED_MS:
        return DELIVERED
    return READY
