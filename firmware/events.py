"""Security events: what happened to the hub that people who watch over it should know, without health data.

In RAM until the next report, then in a file, so that a reboot forgets little and a flood of them wears no flash: one
write a report at most. One line per kind and detail: who repeats himself raises a count and pushes nothing else out.
"""

import json
import os

from micropython import const

PAIRED = const(1)
PAIRING_FAILED = const(2)
BOND_CHANGED = const(3)
ORDER_REFUSED = const(4)
TLS_FAILED = const(5)
UPDATE_REFUSED = const(6)
CLOCK_JUMPED = const(7)

FILE = "hub/events"  # replaced by renaming: whole, or the one before
_KEPT_MAX = const(16)  # twice what a report tells: one lost report loses none
_TOLD_MAX = const(8)


def told(pending: dict, facts) -> list:
    """Keep {(kind, detail): (time_s, count)}, and give the newest as [number, time_s, kind, detail, count].

    `facts` are the report's own: what they say of the clock becomes an event, once.
    """
    last, jump_s, events = _kept()
    if facts.jump_s and facts.jump_s != jump_s:
        jump_s = facts.jump_s
        pending[(CLOCK_JUMPED, "%d s" % jump_s)] = (facts.time_s, 1)
    if pending:
        for key in sorted(pending):
            time_s, count = pending[key]
            for event in events:
                if (event[2], event[3]) == key:
                    count += event[4]
                    events.remove(event)
                    break
            last += 1
            events.append([last, time_s, key[0], key[1], count])
        try:
            with open(FILE + ".new", "w") as file:
                json.dump([last, jump_s, events[-_KEPT_MAX:]], file)
            os.rename(FILE + ".new", FILE)
            pending.clear()
        except OSError:
            pass  # they are told all the same, and kept when the file system takes them
    return events[-_TOLD_MAX:]


def _kept():
    try:
        with open(FILE) as file:
            last, jump_s, events = json.load(file)
            return last, jump_s, events
    except (OSError, ValueError):
        return 0, 0, []  # none yet; or flash lost them
