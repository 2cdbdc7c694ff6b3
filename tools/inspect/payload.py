"""An envelope's sessions and entries become readings again (firmware/seal/FORMAT.md, section 2)."""

from datetime import datetime, timedelta
from typing import Any

from firmware.measurement import codes
from firmware.measurement.measurement import decimal_text
from tools.inspect.cose import BadMessage

QUALITIES = ("none", "ntp", "platform")
ROWS = (
    "blood_pressure", "ad_ua651ble", "weight_scale", "ad_uc352ble", "pulse_oximeter",
    "pulse_oximeter_unbonded", "pulse_oximeter_continuous", "nonin_3230", "nonin_3230_continuous",
)  # fmt: skip
_BITS = ((1, "indicated"), (2, "encrypted"), (4, "bonded"), (32, "authenticated"), (64, "bond_changed"))
_LINK_BITS = 1 | 2 | 4 | 32 | 64
_CLOCK_WRITTEN = 8
_RANDOM_ADDRESS = 16
_MARKS = ((1, "possible_repeat"), (2, "session_lost"), (4, "timed_afterwards"))
_USUAL = {1: 0x2A35, 2: 0x2A9D, 3: 0x2A5E, 4: 0x2A5F, 5: 0x2A5F, 6: 0x2A5F}
_STATES = ("unknown", "invalid")
_FROM_1970_TO_2000_S = 946_684_800
_YEAR_10000_S = 253_402_300_800
_EPOCH = datetime(1970, 1, 1)


def need(what: bool, where: str) -> None:
    """BadMessage("payload") unless `what` holds."""
    if not what:
        raise BadMessage("payload", where)


def is_uint(value: Any) -> bool:
    """An unsigned integer, and no boolean."""
    return type(value) is int and value >= 0


def iso(seconds: int, zone: str = "") -> str:
    """Seconds since 1970 as ISO 8601."""
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat() + zone
    except OverflowError as error:
        raise BadMessage("payload", "a time out of range") from error


def characteristic_text(uuid: "int | bytes | None") -> "str | None":
    """A characteristic as people write it: 2A35, or a dashed 128-bit UUID."""
    if uuid is None:
        return None
    if isinstance(uuid, int):
        return f"{uuid:04X}"
    text = uuid.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


class Payload:
    """Walks through sessions and entries, holding what each refers to: times, exponents, capture numbers."""

    def __init__(self, sealed_s: int, quality: int, numbers: list[int]) -> None:
        self.readings: list[dict[str, Any]] = []
        self.undecoded: list[dict[str, Any]] = []
        self.without_reading: list[dict[str, Any]] = []
        self.sessions: list[dict[str, Any]] = []
        self._numbers = iter(numbers)
        self._time_s = sealed_s
        self._quality = quality
        self._capture: dict[str, Any] | None = None
        self._units: dict[int, list[tuple[int, int]]] = {}  # kind -> (exponent, unit) per quantity

    def session(self, item: Any) -> None:
        """Read one session with its entries."""
        need(isinstance(item, list) and len(item) > 8, "session")
        visit, device, bits, row, description, offset, clock, before_s = item[:8]
        need(all(is_uint(value) for value in (visit, bits, description)) and type(before_s) is int, "session")
        lost = is_uint(device)
        need(lost or (isinstance(device, bytes) and len(device) == 6), "session: device")
        if isinstance(row, int):
            need(is_uint(row) and row < len(ROWS), "session: row")
            row = ROWS[row]
        need(isinstance(row, str), "session: row")
        if isinstance(offset, list):
            need(len(offset) == 1 and type(offset[0]) is int and offset[0] % 15 != 0, "session: offset")
            offset_min = offset[0]
        else:
            need(type(offset) is int, "session: offset")
            offset_min = offset * 15
        self._session: dict[str, Any] = {
            "visit": visit,
            "device": None if lost else device.hex(":"),
            "slot": device if lost else None,
            "address_type": 1 if bits & _RANDOM_ADDRESS else 0,
            "row": row,
            "link": [name for bit, name in _BITS if bits & bit],
            "clock_written": bool(bits & _CLOCK_WRITTEN),
            "description": description,
            "offset_min": offset_min,
        }
        self._link_bits = bits & _LINK_BITS
        self._told: dict[int, int | bytes | None] = {}  # kind, or 0 for none -> characteristic
        self._device_s: int | None = None
        self._clock = clock, before_s
        self._of_session: list[dict[str, Any]] = []
        for index, entry in enumerate(item[8:]):
            self._entry(entry, index == 0)
        self.sessions.append(self._session)

    def _read_clock(self) -> None:
        """Work out the device's clock and its skew; known once the first capture's hub time is."""
        clock, before_s = self._clock
        at_s = self._time_s - before_s
        local_s = at_s + self._session["offset_min"] * 60
        skew_s = octets = None
        if type(clock) is int:
            skew_s = clock
        elif isinstance(clock, bytes):
            octets = clock
            shown_s = _clock_seconds(clock)
            need(not (len(clock) == 7 and shown_s is not None), "session: clock")
            skew_s = None if shown_s is None else shown_s - local_s
        else:
            need(clock is None and before_s == 0, "session: clock")
        self._session.update(
            clock=None if skew_s is None else iso(local_s + skew_s),
            clock_octets=None if octets is None else octets.hex(),
            clock_read_s=None if clock is None else at_s,
            skew_ms=None if skew_s is None else skew_s * 1000,
        )

    def _entry(self, entry: Any, first: bool) -> None:
        need(isinstance(entry, list) and len(entry) >= 2, "entry")
        extras: dict[int, Any] = {}
        fields = entry
        if isinstance(entry[-1], dict):
            extras, fields = entry[-1], entry[:-1]
            need(bool(extras) and set(extras) <= set(range(1, 10)), "entry: extras")
        need(len(fields) in (2, 3, 6) and type(fields[1]) is int, "entry")
        kind = fields[2] if len(fields) == 6 else 0
        need(is_uint(kind) and (kind > 0) == (len(fields) == 6), "entry: kind")
        if fields[0] is None:
            need(self._capture is not None and not first and kind > 0 and fields[1] == 0, "entry: octets")
            assert self._capture is not None
            capture = self._capture
        else:
            need(isinstance(fields[0], bytes), "entry: octets")
            capture = self._capture = self._joined(self._new_capture(fields, kind, extras, first), kind, extras)
        if len(fields) == 6:
            self._reading(capture, fields[2:], extras)
        elif len(fields) == 3:
            need(isinstance(fields[2], str) and bool(fields[2]), "entry: reason")
            self.undecoded.append(capture | {"reason": fields[2]})
        else:
            self.without_reading.append(capture)

    def _joined(self, capture: dict[str, Any], kind: int, extras: dict[int, Any]) -> dict[str, Any]:
        """A reading's capture, with the earlier ones that the reading is made of too."""
        self._of_session.append(capture)
        if 9 not in extras:
            return capture
        back = extras[9]
        need(kind > 0 and isinstance(back, list) and bool(back) and all(map(is_uint, back)), "parts")
        need(back == sorted(set(back), reverse=True) and 0 < back[-1] and back[0] < len(self._of_session), "parts")
        parts = [self._of_session[-1 - distance] for distance in back]
        need(all(any(part is one for one in self.without_reading) for part in parts), "parts: with a reading")
        self.without_reading = [one for one in self.without_reading if not any(part is one for part in parts)]
        both = [*parts, capture]
        return capture | {key: [item for one in both for item in one[key]] for key in ("captures", "source")}

    def _new_capture(self, fields: list, kind: int, extras: dict[int, Any], first: bool) -> dict[str, Any]:
        number = next(self._numbers, None)
        need(number is not None, "fewer capture numbers than entries")
        self._time_s += fields[1]
        if first:
            self._read_clock()
        uuid = extras.get(5, self._told.get(kind, _USUAL.get(kind)))
        need(uuid is None or is_uint(uuid) or (isinstance(uuid, bytes) and len(uuid) == 16), "characteristic")
        need(6 not in extras or (5 not in extras and is_uint(extras[6])), "handle")
        need(4 not in extras or (is_uint(extras[4]) and extras[4] & ~_LINK_BITS == 0), "link bits")
        if 6 in extras:
            uuid = None
        else:
            self._told[kind] = uuid
        quality = extras.get(3, self._quality)
        need(is_uint(quality) and quality < len(QUALITIES), "clock quality")
        marks = extras.get(2, 0)
        need(is_uint(marks), "marks")
        link = extras.get(4, self._link_bits)
        return {
            "captures": [number],
            "device": self._session["device"],
            "row": self._session["row"],
            "visit": self._session["visit"],
            "session": len(self.sessions),
            "link": [name for bit, name in _BITS if link & bit],
            "marks": [name for bit, name in _MARKS if marks & bit],
            "hub_time": iso(self._time_s, "Z"),
            "hub_time_s": self._time_s,
            "hub_clock": QUALITIES[quality],
            "skew_ms": self._session["skew_ms"],
            "offset_min": self._session["offset_min"],
            "source": [{"characteristic": characteristic_text(uuid), "hex": fields[0].hex()}],
            "handle": extras.get(6),
        }

    def _reading(self, capture: dict[str, Any], fields: list, extras: dict[int, Any]) -> None:
        kind, values, status, time = fields
        name = codes.kind_of(kind)
        if name is None:
            raise BadMessage("payload", f"kind {kind} is not known here")
        need(status is None or is_uint(status), "status")
        flags = extras.get(1, [])
        need(isinstance(flags, list), "flags")
        need(all(is_uint(flag) and flag < len(codes.FLAGS) for flag in flags), "flags")
        user, extra = extras.get(7), extras.get(8, 0)
        need((user is None or is_uint(user)) and is_uint(extra), "user")
        device_time, state = self._device_time(time, capture["hub_time_s"] + capture["offset_min"] * 60)
        names = [codes.FLAGS[flag] for flag in flags]
        beyond = ["bond_changed"] if "bond_changed" in capture["link"] else []
        beyond += [] if "encrypted" in capture["link"] else ["unencrypted"]
        self.readings.append(
            capture
            | {
                "index": len(self.readings),
                "kind": name,
                "quantities": self._quantities(kind, codes.KINDS[name][1], values),
                "status_raw": status,
                "device_time": device_time,
                "device_time_state": state,
                "user": user,
                "extra_octets": extra,
                "test": "test" in names,
                "flags": names + capture["marks"] + beyond,
            }
        )

    def _device_time(self, time: Any, base_s: int) -> tuple["str | None", str]:
        if time is None:
            return None, "absent"
        state = "ok"
        if isinstance(time, list):
            need(len(time) in (1, 2) and is_uint(time[0]) and time[0] < len(_STATES), "device time")
            state = _STATES[time[0]]
            if len(time) == 1:
                return None, state
            time = time[1]
        need(type(time) is int, "device time")
        self._device_s = (base_s if self._device_s is None else self._device_s) + time
        return iso(self._device_s), state

    def _quantities(self, kind: int, table: "tuple | None", values: Any) -> list[dict[str, Any]]:
        if table is None:
            need(isinstance(values, list), "values")
            return [_open_quantity(value) for value in values]
        need(isinstance(values, (bytes, list)) and len(values) <= len(table), "values")
        if isinstance(values, list) and all(type(value) is int and 0 <= value <= 255 for value in values):
            raise BadMessage("payload", "values: not in their shortest form")
        told = self._units.setdefault(kind, [(0, unit) for _, unit in table])
        quantities = []
        for position, value in enumerate(values):
            if value is None:
                need(position < len(values) - 1, "values: null at the end")
                continue
            code = table[position][0]
            if isinstance(value, list):
                need(1 <= len(value) <= 3 and all(type(part) is int for part in value), "value")
                if len(value) == 1:
                    need(0 <= value[0] < len(codes.REASONS), "value: reason")
                    quantities.append({"code": code, "reason": codes.REASONS[value[0]]})
                    continue
                exponent, unit = value[1], value[2] if len(value) == 3 else told[position][1]
                need(-128 <= exponent <= 127 and (exponent, unit) != told[position] and unit >= 0, "value")
                need(len(value) == 2 or unit != told[position][1], "value: unit")
                told[position] = exponent, unit
                value = value[0]
            need(type(value) is int, "value")
            exponent, unit = told[position]
            quantities.append(_number(code, value, exponent, unit))
        return quantities

    def finish(self) -> None:
        """Every capture number must have had its entry."""
        need(next(self._numbers, None) is None, "more capture numbers than entries")


def _open_quantity(value: Any) -> dict[str, Any]:
    """A quantity of an open kind, which says its own code and unit."""
    need(isinstance(value, list) and len(value) in (2, 4) and all(type(part) is int for part in value), "value")
    need(value[0] >= 0, "value: code")
    if len(value) == 2:
        need(0 <= value[1] < len(codes.REASONS), "value: reason")
        return {"code": value[0], "reason": codes.REASONS[value[1]]}
    code, mantissa, exponent, unit = value
    need(-128 <= exponent <= 127 and unit >= 0, "value")
    return _number(code, mantissa, exponent, unit)


def _number(code: int, mantissa: int, exponent: int, unit: int) -> dict[str, Any]:
    return {
        "code": code, "value": decimal_text(mantissa, exponent), "unit": unit,
        "mantissa": mantissa, "exponent": exponent,
    }  # fmt: skip


def _clock_seconds(octets: bytes) -> "int | None":
    """Seconds that a Date Time (2A08), a Current Time (2A2B) or an Elapsed Time (2BF2) shows, or None."""
    if len(octets) == 11:
        return _elapsed_seconds(octets)
    if len(octets) not in (7, 10):
        return None
    try:
        year = octets[0] | octets[1] << 8
        shown = datetime(year, octets[2], octets[3], octets[4], octets[5], octets[6])
    except ValueError:
        return None
    return None if year < 1582 else round((shown - _EPOCH).total_seconds())


def _elapsed_seconds(octets: bytes) -> "int | None":
    """As its own zone has them, where it tells one: a stamp of the same device is read in the same way."""
    flags = octets[0]
    if flags & 0x01:  # ticks since nobody knows when
        return None
    ticks = int.from_bytes(octets[1:7], "little")
    zone_s = int.from_bytes(octets[8:9], "little", signed=True) * 900 if flags & 0x12 == 0x12 else 0
    seconds = ticks // (1, 10, 1000, 10000)[flags >> 2 & 3] + _FROM_1970_TO_2000_S + zone_s
    return seconds if seconds < _YEAR_10000_S - 86400 else None
