"""What a journal's records add up to (firmware/journal/FORMAT.md 5), and what damage there is and costs."""

from dataclasses import dataclass, field
from typing import Any

from tools.inspect import journal_octets as octets
from tools.inspect import journal_records as records
from tools.inspect.journal_octets import CAPTURES, MAIN, Frame, Image, Sector

# What a finding is: "torn" units are what a power cut leaves; the others speak of a chip that failed or was damaged.
TORN, HEAD, SECTOR, UNITS, RECORD, CAPTURE, NEWEST, NEWER = (
    "torn", "head", "sector", "units", "record", "capture", "newest region", "newer version",
)  # fmt: skip
NOTHING = "nothing"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was written: where, and what it costs."""

    what: str
    where: str
    cost: str
    sector: int | None = None

    @property
    def corrupt(self) -> bool:
        """Whether more than a power cut happened."""
        return self.what != TORN


@dataclass
class Plan:
    """An open plan; `record` is None when flash does not hold it any more."""

    sequence: int
    record: dict[str, Any] | None


@dataclass
class State:
    """What the hub would know after a boot."""

    chain: str = ""
    before: str = ""
    follows_damage: bool = False
    boot: int = 0
    next_capture: int = 1
    last_sequence: int = 0
    last_hash: str = ""
    done: list[tuple[int, int]] = field(default_factory=list)  # half-open
    plans: dict[int, Plan] = field(default_factory=dict)
    fixes: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    descriptions: dict[int, bytes] = field(default_factory=dict)
    sessions: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)  # (boot, visit) -> as last written
    last_sessions: dict[int, dict[str, Any]] = field(default_factory=dict)  # device -> session
    held: list[int] = field(default_factory=list)
    unknown_receipts: list[int] = field(default_factory=list)  # of plans whose record is gone
    lost_plans: list[int] = field(default_factory=list)  # above all whose record is there

    def is_done(self, number: int) -> bool:
        """Whether a receipt (or the loss) of this capture is on record."""
        return any(first <= number < end for first, end in self.done)

    def planned(self, number: int) -> int | None:
        """The sequence of the open plan that names this capture."""
        for plan in self.plans.values():
            for first, count in plan.record["captures"] if plan.record else ():
                if first <= number < first + count:
                    return plan.sequence
        return None

    def fix_of(self, boot: int) -> dict[str, Any] | None:
        """The last fix of a boot."""
        mono = [ms for one, ms in self.fixes if one == boot]
        return self.fixes[boot, max(mono)] if mono else None

    def session_of(self, capture: dict[str, Any]) -> dict[str, Any] | None:
        """What a capture's handles mean: its own visit's session, else its device's last one."""
        own = self.sessions.get((capture["boot"], capture["visit"]))
        return own or self.last_sessions.get(capture["device"])


@dataclass
class Journal:
    """An image, what it says, and what is wrong with it."""

    image: Image
    state: State
    captures: dict[int, dict[str, Any]]
    records: list[tuple[Frame, dict[str, Any]]]  # of the main lane, oldest first
    findings: list[Finding]

    def gone(self, first: int, end: int) -> list[tuple[int, int]]:
        """Numbers of that range that are neither on flash nor done, as half-open ranges."""
        here = [(number, number + 1) for number in self.captures]
        return gaps(sorted(here + self.state.done), first, end)

    @property
    def waiting(self) -> list[int]:
        """Captures without a receipt that are on flash: what the platform has not got."""
        return [number for number in sorted(self.captures) if not self.state.is_done(number)]


def read(image_octets: bytes) -> Journal:
    """All of it; NoJournal when there is none."""
    image = octets.read(image_octets)
    journal = Journal(image, State(), {}, [], [])
    _read_captures(journal)
    _read_records(journal)
    _replay(journal)
    for number, capture in journal.captures.items():
        journal.state.next_capture = max(journal.state.next_capture, number + 1)
        journal.state.boot = max(journal.state.boot, capture["boot"])
    _judge(journal)
    return journal


def _where(frame: Frame) -> str:
    return f"sector {frame.sector}, unit {frame.unit}"


def _read_captures(journal: Journal) -> None:
    for sector in journal.image.lane(CAPTURES):
        for frame in sector.frames:
            try:
                capture = records.capture(frame.payload)
            except ValueError:
                journal.findings.append(Finding(RECORD, _where(frame), "a capture that is none", sector.index))
                continue
            journal.captures.setdefault(capture["capture"], capture | {"place": frame.place, "copy": False})


def _read_records(journal: Journal) -> None:
    for sector in journal.image.lane(MAIN):
        for frame in sector.frames:
            try:
                record = records.record(frame.payload)
            except ValueError:
                what = records.KINDS.get(frame.payload[0], "record")
                journal.findings.append(Finding(RECORD, _where(frame), f"a {what} that is none", sector.index))
                continue
            journal.records.append((frame, record))
            if record["record"] == "copy":
                facts = {name: value for name, value in record.items() if name != "record"}
                known = journal.captures.get(record["capture"])
                if known is None:
                    journal.captures[record["capture"]] = facts | {"place": frame.place, "copy": True}


def _replay(journal: Journal) -> None:
    """The newest snapshot, then what follows it."""
    base = 0
    for index, (_frame, record) in enumerate(journal.records):
        if record["record"] == "snapshot":
            base = index
    if not journal.records or journal.records[base][1]["record"] != "snapshot":
        base = 0
        journal.findings.append(Finding(NEWEST, "main lane", "no snapshot is left: the hub begins a new chain"))
    by_place = {frame.place: record for frame, record in journal.records}
    for index, (_frame, record) in enumerate(journal.records):
        if record["record"] in ("session", "old session"):
            # Read from the beginning: what handles meant stays true whatever the snapshot says.
            journal.state.sessions[record["boot"], record["visit"]] = record
            if record["record"] == "session":
                journal.state.last_sessions[record["device"]] = record
        if index >= base:
            _apply(journal.state, record, by_place)


def _apply(state: State, record: dict[str, Any], by_place: dict[int, dict[str, Any]]) -> None:
    kind = record["record"]
    if kind == "snapshot":
        _load(state, record, by_place)
    elif kind == "chain":
        state.chain, state.before, state.follows_damage = record["chain"], record["before"], record["follows_damage"]
        state.last_sequence, state.last_hash, state.plans = 0, "", {}
    elif kind == "boot":
        state.boot = max(state.boot, record["boot"])
        state.next_capture = max(state.next_capture, record["next_capture"])
    elif kind == "session":
        state.boot = max(state.boot, record["boot"])
        state.next_capture = max(state.next_capture, record["middle"])
    elif kind == "fix":
        state.boot = max(state.boot, record["boot"])
        state.fixes[record["boot"], record["mono_ms"]] = record
    elif kind == "description":
        state.descriptions[record["number"]] = record["octets"]
    elif kind == "plan":
        _apply_plan(state, record)
    elif kind == "numbered":
        _numbered(state, record["sequence"])
    elif kind == "receipt":
        _numbered(state, record["sequence"])
        plan = state.plans.pop(record["sequence"], None)
        if plan and plan.record:
            state.done += [(first, first + count) for first, count in plan.record["captures"]]
            if record["status"] == "held":
                state.held.append(plan.sequence)
        elif plan:
            state.unknown_receipts.append(plan.sequence)
    elif kind == "lost":
        state.done.append((record["first"], record["first"] + record["count"]))
        state.next_capture = max(state.next_capture, record["first"] + record["count"])


def _numbered(state: State, sequence: int) -> None:
    if sequence > state.last_sequence:
        state.lost_plans.append(sequence)
        state.last_sequence = sequence


def _apply_plan(state: State, record: dict[str, Any]) -> None:
    sequence = record["sequence"]
    if sequence <= state.last_sequence:  # moved
        if sequence in state.plans:
            state.plans[sequence] = Plan(sequence, record)
        return
    state.plans.pop(record["replaces"], None)
    state.plans[sequence] = Plan(sequence, record)
    state.last_sequence, state.last_hash = sequence, record["hash"]
    for first, count in record["captures"]:
        state.next_capture = max(state.next_capture, first + count)


def _load(state: State, snapshot: dict[str, Any], by_place: dict[int, dict[str, Any]]) -> None:
    state.chain, state.before = snapshot["chain"], snapshot["before"]
    state.follows_damage, state.boot = snapshot["follows_damage"], max(state.boot, snapshot["boot"])
    state.next_capture = max(state.next_capture, snapshot["next_capture"])
    state.last_sequence, state.last_hash = snapshot["last_sequence"], snapshot["hash"]
    state.done = list(snapshot["done"])
    state.plans = {}
    for sequence, place in snapshot["plans"]:
        record = by_place.get(place, {})
        same = record.get("record") == "plan" and record["sequence"] == sequence
        state.plans[sequence] = Plan(sequence, record if same else None)
    for place in snapshot["fixes"]:
        record = by_place.get(place, {})
        if record.get("record") == "fix":
            state.fixes[record["boot"], record["mono_ms"]] = record
    for number, place in snapshot["descriptions"]:
        record = by_place.get(place, {})
        if record.get("record") == "description" and record["number"] == number & 0x7FFF:
            state.descriptions[record["number"]] = record["octets"]


# --- what is wrong


def _judge(journal: Journal) -> None:
    state, findings = journal.state, journal.findings
    for sector in journal.image.sectors:
        _judge_sector(journal, sector)
    for first, end in journal.gone(1, state.next_capture):
        text = f"capture {first}" if end - first == 1 else f"captures {first} to {end - 1}"
        findings.append(Finding(CAPTURE, "capture lane", f"{text}: not on flash, and no receipt"))
    for sequence in state.lost_plans:
        cost = f"plan {sequence}: not on flash, and its envelope may have arrived: the hub begins a new chain"
        findings.append(Finding(NEWEST, "main lane", cost))
    for sequence in state.unknown_receipts:
        cost = f"plan {sequence}: not on flash, so its receipt frees nothing and its captures wait again"
        findings.append(Finding(RECORD, "main lane", cost))
    for plan in state.plans.values():
        if plan.record is None:
            cost = f"plan {plan.sequence}: not on flash; the hub begins a new one for its captures"
            findings.append(Finding(RECORD, "main lane", cost))
    _judge_newest(journal)


def _judge_newest(journal: Journal) -> None:
    """FORMAT.md 5, kind 2: a sector that says "next" must have one."""
    sectors = journal.image.lane(MAIN)
    if not sectors:
        return
    newest = sectors[-1]
    closed = any(frame.payload[0] == records.NEXT for frame in newest.frames)
    ahead = any(one.generation > newest.generation and one.head == "ok" for one in journal.image.sectors if one.lane)
    if closed and not ahead:
        cost = "records after the last one here: the hub begins a new chain"
        journal.findings.append(Finding(NEWEST, f"main lane, after sector {newest.index}", cost))


def _judge_sector(journal: Journal, sector: Sector) -> None:
    findings, where = journal.findings, f"sector {sector.index}"
    if sector.head == "newer":
        cost = f"version {sector.version}, which this tool cannot read"
        findings.append(Finding(NEWER, where, cost, sector.index))
    elif sector.head == "lost":
        findings.append(Finding(HEAD, where, f"{NOTHING}: its records prove themselves", sector.index))
    elif sector.head == "":
        findings.extend(_judge_headless(journal, sector))
    for unit, count in sector.gaps:
        findings.append(_gap(journal, sector, unit, count))


def _judge_headless(journal: Journal, sector: Sector) -> list[Finding]:
    """A sector without head and frames: never used, about to be prepared, left out by the hub, or destroyed."""
    image, where = journal.image, f"sector {sector.index}"
    first, count = (image.captures, image.total - image.captures) if sector.lane == MAIN else (0, image.captures)
    newest = image.newest(sector.lane)
    generation = newest - (newest - (sector.index - first)) % count
    if generation < 1:
        return []
    prepared = max((one.generation for one in image.sectors if one.lane == sector.lane), default=0)
    if (prepared + 1) % count == (sector.index - first) % count:
        return [Finding(TORN, where, f"{NOTHING}: it was being erased, or is the next to be", sector.index)]
    if sector.lane == MAIN:
        return [Finding(SECTOR, where, "records of the main lane that younger snapshots do not hold", sector.index)]
    return [Finding(SECTOR, where, _captures_between(journal, generation, generation), sector.index)]


def _captures_between(journal: Journal, after: int, before: int, low: int = 0, high: int = 0) -> str:
    """Which captures are gone between the generations around a damaged place; low and high when they are known."""
    for sector in journal.image.lane(CAPTURES):
        numbers = [number for number in map(_number, sector.frames) if number]
        if sector.generation < after and numbers:
            low = max(low, *numbers)
        elif sector.generation > before and numbers:
            high = min(high or min(numbers), *numbers)
    high = high or journal.state.next_capture
    gone = journal.gone(low + 1, high)
    if gone:
        texts = (str(first) if end - first == 1 else f"{first} to {end - 1}" for first, end in gone)
        return "captures " + ", ".join(texts)
    here = [(number, number + 1) for number in sorted(journal.captures)]
    return f"{NOTHING}: what stood there is delivered" if gaps(here, low + 1, high) else NOTHING


def _number(frame: Frame) -> int:
    return int.from_bytes(frame.payload[:4], "little") if len(frame.payload) >= 4 else 0


def _gap(journal: Journal, sector: Sector, unit: int, count: int) -> Finding:
    """Torn by a power cut, or damaged: what stands around it tells."""
    where = f"sector {sector.index}, units {unit} to {unit + count - 1}"
    before = [frame for frame in sector.frames if frame.unit < unit]
    after = [frame for frame in sector.frames if frame.unit > unit]
    if sector.lane == CAPTURES:
        low = _number(before[-1]) if before else 0
        high = _number(after[0]) if after else 0
        generation = sector.generation
        cost = _captures_between(
            journal, 0 if before else generation, generation if not after else 1 << 62, low, high
        )
        return Finding(TORN if cost == NOTHING else UNITS, where, cost, sector.index)
    next_kind = after[0].payload[0] if after else 0
    # After a cut the first record is the boot's; an opened sector's first ones may be behind torn units too.
    torn = not after or next_kind in (records.BOOT, records.OPEN) or (not before and next_kind == records.SNAPSHOT)
    return Finding(TORN if torn else UNITS, where, NOTHING if torn else "records of the main lane", sector.index)


def gaps(taken: list[tuple[int, int]], first: int, end: int) -> list[tuple[int, int]]:
    """What sorted half-open ranges leave free between first and end."""
    free = []
    for low, high in taken:
        if low >= end:
            break
        if low > first:
            free.append((first, low))
        first = max(first, high)
    return free + [(first, end)] if first < end else free
