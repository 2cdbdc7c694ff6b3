"""What the journal knows without reading flash: bounded tables, and the snapshot a sector begins with."""

import struct

from micropython import const

from firmware.contracts import Full
from firmware.journal import records

OPEN_PLANS_MAX = const(
    24
)  # more than a broker's round trips need; a platform that answers nothing stops there
RANGES_MAX = const(40)  # gaps between what is done, and ranges of open plans
FIXES_MAX = const(24)  # boots with captures that wait and were taken before the clock was set
DESCRIPTIONS_MAX = const(32)  # devices and versions of their firmware in one chain
DEVICES_MAX = const(24)

_BASE = "<8s8sIIIIII32sHBBBBB"
_ALL = const(0x3FFFFFFF)


def add_range(ranges, first, end):
    """A flat sorted list of half-open ranges, with one more."""
    merged, placed = [], False
    for at in range(0, len(ranges), 2):
        low, high = ranges[at], ranges[at + 1]
        if high < first:
            merged += [low, high]
        elif low > end:
            if not placed:
                merged += [first, end]
                placed = True
            merged += [low, high]
        else:
            first, end = min(first, low), max(end, high)
    if not placed:
        merged += [first, end]
    return merged


def gaps(ranges, first, end):
    """Yield (low, high) of what these ranges leave free between first and end."""
    for at in range(0, len(ranges), 2):
        if ranges[at] >= end:
            break
        if ranges[at] > first:
            yield first, ranges[at]
        first = max(first, ranges[at + 1])
    if first < end:
        yield first, end


class OpenPlan:
    """A plan without receipt: where its record is, and what must be known without reading it."""

    def __init__(self, place, sequence):
        self.place = place
        self.sequence = sequence
        self.captures = self.described = ()
        self.fix = (0, 0)

    def fill(self, plan, described):
        """Take from the record what is asked for often; return self."""
        self.captures, self.described = plan.captures, described
        self.fix = (plan.fix_boot, plan.fix_mono_ms)
        return self


class Index:
    """The state that the main lane's records add up to. A place is the number of a unit in the partition."""

    def __init__(self):
        self.chain = b""
        self.before = bytes(8)  # the chain before it, zeros when there was none or it is not known
        self.before_number = self.before_sequence = 0  # the last ones known of that
        self.renewed = False
        self.boot = 0
        self.number = 1  # the least that the next capture's number can be
        self.sequence = 0
        self.hash = bytes(32)
        self.described = 0
        self.done = []  # capture numbers receipted or lost, as flat half-open ranges
        self.plans = []  # OpenPlan, by sequence
        self.fixes = []  # (boot, mono_ms, place, source, uncertainty_ms); boot 0: not read yet (read_fixes)
        self.descriptions = []  # [number, place, told]
        self.sessions = {}  # device -> place of its last session

    # questions

    def plan(self, sequence):
        """The open plan of this sequence, or None."""
        for plan in self.plans:
            if plan.sequence == sequence:
                return plan
        return None

    def waiting(self, end):
        """How many captures below `end` have no receipt."""
        return sum([high - low for low, high in gaps(self.done, 1, end)])

    def waiting_ranges(self, end):
        """Yield (low, high) of numbers below `end` without receipt."""
        return gaps(self.done, 1, end)

    def waits(self, low, high):
        """Whether any number low <= n < high has no receipt."""
        for _gap in gaps(self.done, low, _ALL if high is None else high):
            return True
        return False

    def unplanned(self, end):
        """Yield (low, high) of numbers below `end` that no receipt and no open plan names."""
        taken = self.done
        for plan in self.plans:
            for first, count in plan.captures:
                taken = add_range(taken, first, first + count)
        return gaps(taken, 1, end)

    def best_fix(self, boot):
        """The entry of the last fix of a boot, or None."""
        best = None
        for entry in self.fixes:
            if entry[0] == boot and (best is None or entry[1] >= best[1]):
                best = entry
        return best

    def needs_fix(self, entry, oldest_boot):
        """Whether this fix is somebody's: an open plan's, or its boot's best with captures that wait."""
        for plan in self.plans:
            if plan.fix == (entry[0], entry[1]):
                return True
        return self.best_fix(entry[0]) is entry and (entry[0] == self.boot or entry[0] >= oldest_boot)

    # changes

    def check_room(self, plan, number):
        """Full when one more plan, or its ranges once they are done, would break a table's limit."""
        if plan.replaces and self.plan(plan.replaces) is not None:
            return
        ranges = len(self.done) // 2 + sum([len(one.captures) for one in self.plans])
        oldest = next(self.unplanned(number), (0, 0))[0]
        lone = (
            len(plan.captures) == 1 and plan.captures[0][0] == oldest
        )  # so that the oldest can always go on
        if len(self.plans) >= OPEN_PLANS_MAX or (ranges + len(plan.captures) > RANGES_MAX and not lone):
            raise Full

    def saw_boot(self, boot):
        """Something says that there was this boot: one whose own record the chip refused is known by that alone."""
        self.boot = max(self.boot, boot)

    def add_plan(self, place, plan, described):
        """A plan record: a new one, or an open one that was moved."""
        entry = OpenPlan(place, plan.sequence).fill(plan, described)
        if plan.sequence <= self.sequence:
            for index, known in enumerate(self.plans):
                if known.sequence == plan.sequence:
                    self.plans[index] = entry
            return
        plans = [known for known in self.plans if known.sequence != plan.replaces]
        plans.append(entry)
        self.plans = plans
        self.sequence, self.hash = plan.sequence, plan.hash
        for first, count in plan.captures:
            self.number = max(self.number, first + count)

    def add_receipt(self, sequence):
        """A receipt record: its plan's captures are done."""
        plan = self.plan(sequence)
        if plan is None:
            return
        done = self.done
        for first, count in plan.captures:
            done = add_range(done, first, first + count)
        self.done = done
        self.plans = [known for known in self.plans if known is not plan]
        for entry in self.descriptions:
            if entry[0] in plan.described:
                entry[2] = 1

    def add_lost(self, first, end):
        """A lost record: these numbers hold nothing any more."""
        self.done = add_range(self.done, first, end)
        self.number = max(self.number, end)

    def add_fix(self, place, fix, oldest_boot):
        """A fix record, new or moved."""
        self._put_fix((fix.boot, fix.mono_ms, place, fix.source, fix.uncertainty_ms))
        if oldest_boot is not None:  # else not all plans are known yet
            self.prune_fixes(oldest_boot)

    def _put_fix(self, entry):
        self.fixes = [one for one in self.fixes if one[:2] != entry[:2]]
        self.fixes.append(entry)

    def read_fixes(self, read):
        """Read those that a snapshot names by their places: a boot has no time for it, and seldom the need."""
        if not self.fixes or self.fixes[0][0]:
            return  # they come first
        entries, self.fixes = self.fixes, []
        for entry in entries:
            body = None if entry[0] else read(entry[2], records.KIND_FIX)
            if body is not None:
                fix = records.unpack_fix(body)
                entry = (fix.boot, fix.mono_ms, entry[2], fix.source, fix.uncertainty_ms)
            if entry[0]:  # else it was moved since, and stands behind
                self._put_fix(entry)
        self.prune_fixes(0)

    def prune_fixes(self, oldest_boot):
        """Forget fixes that nobody needs, and the oldest of too many."""
        self.fixes = sorted([entry for entry in self.fixes if self.needs_fix(entry, oldest_boot)])[-FIXES_MAX:]

    def drop_lost_plans(self):
        """Forget open plans whose records are gone; whether there were any."""
        plans = [plan for plan in self.plans if plan.captures]
        lost, self.plans = len(plans) < len(self.plans), plans
        return lost

    def add_description(self, place, number):
        """A description record, new or moved."""
        self.described = max(self.described, number)
        for entry in self.descriptions:
            if entry[0] == number:
                entry[1] = place
                return
        self.descriptions.append([number, place, 0])

    def new_chain(self, chain):
        """A chain record: sequences begin again, and what was planned waits anew."""
        self.renewed = chain.renewed
        self.chain, self.before = chain.chain, chain.before
        self.before_number, self.before_sequence = chain.last_number, chain.last_sequence
        self.sequence, self.hash, self.plans = 0, bytes(32), []
        for entry in self.descriptions:
            entry[2] = 0

    # snapshot

    def snapshot_octets(self):
        """How long the snapshot would be now."""
        return (
            struct.calcsize(_BASE)
            + 4 * len(self.done)
            + 6 * len(self.plans)
            + 2 * len(self.fixes)
            + 4 * len(self.descriptions)
            + 3 * len(self.sessions)
        )

    def snapshot(self):
        """All of it in octets, as places where it stands on flash already."""
        octets = bytearray(
            struct.pack(
                _BASE,
                self.chain,
                self.before,
                self.before_number,
                self.before_sequence,
                self.boot | (1 << 31 if self.renewed else 0),
                self.number,
                self.sequence,
                0,  # for later versions
                self.hash,
                self.described,
                len(self.done) // 2,
                len(self.plans),
                len(self.fixes),
                len(self.descriptions),
                len(self.sessions),
            )
        )
        for number in self.done:
            octets += struct.pack("<I", number)
        for plan in self.plans:
            octets += struct.pack("<IH", plan.sequence, plan.place)
        for entry in self.fixes:
            octets += struct.pack("<H", entry[2])
        for number, place, told in self.descriptions:
            octets += struct.pack("<HH", number | told << 15, place)
        for device in self.sessions:
            octets += struct.pack("<BH", device, self.sessions[device])
        return octets

    def load(self, octets, read):
        """Become what a snapshot says; `read(place, kind)` gives a plan's body, or None when it is gone.

        What is gone was moved since, and comes with the records after the snapshot.
        """
        facts = struct.unpack_from(_BASE, octets, 0)
        self.chain, self.before, self.before_number, self.before_sequence = facts[:4]
        self.boot, self.renewed = facts[4] & 0x7FFFFFFF, bool(facts[4] >> 31)
        self.number, self.sequence = facts[5], facts[6]
        self.hash, self.described = facts[8], facts[9]
        at = struct.calcsize(_BASE)
        self.done = [struct.unpack_from("<I", octets, at + 4 * index)[0] for index in range(2 * facts[10])]
        at += 4 * len(self.done)
        self.plans, self.fixes, self.descriptions, self.sessions = [], [], [], {}
        for _index in range(facts[11]):
            sequence, place = struct.unpack_from("<IH", octets, at)
            at += 6
            entry = OpenPlan(place, sequence)
            body = read(place, records.KIND_PLAN)
            if body is not None and int.from_bytes(body[:4], "little") == sequence:
                entry.fill(*records.unpack_plan(body))
            self.plans.append(entry)
        for _index in range(facts[12]):
            self.fixes.append((0, 0, struct.unpack_from("<H", octets, at)[0], 0, 0))
            at += 2
        for _index in range(facts[13]):
            number, place = struct.unpack_from("<HH", octets, at)
            at += 4
            self.descriptions.append([number & 0x7FFF, place, number >> 15])
        for _index in range(facts[14]):
            device, place = struct.unpack_from("<BH", octets, at)
            at += 3
            self.sessions[device] = place
