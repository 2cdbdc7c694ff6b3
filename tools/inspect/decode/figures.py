"""How fast and how right the hub's decoders are on CPython, beside the peer bluetooth-sig: one run, the same values.

The peer's fastest call is taken: a characteristic's own class, without its checks of ranges.
"""

import importlib
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import drivers
from firmware.measurement.measurement import decimal_text
from tools.host.figures import Figure
from tools.host.output import MissingPart

_ROUNDS = 15
_CALLS = 400  # of each value in a round; the best round counts, since only other work makes one slower

_TIME = "ea070105080009"
# (row, characteristic, the peer's module, value, {MDC code, or what it belongs to: (the peer's attribute, number)})
VALUES: tuple[tuple[str, int, str, str, dict[int, tuple[str, str]]], ...] = (
    ("blood_pressure", 0x2A35, "blood_pressure_measurement", "1e800050006000" + _TIME + "4800010500",
     {150021: ("systolic", "128"), 150022: ("diastolic", "80"), 150023: ("mean_arterial_pressure", "96"),
      149546: ("optional_fields.pulse_rate", "72")}),
    ("blood_pressure", 0x2A35, "blood_pressure_measurement", "15a0f06bf07df0d2f22200",
     {150021: ("systolic", "16.0"), 150022: ("diastolic", "10.7"), 149546: ("optional_fields.pulse_rate", "72.2")}),
    ("blood_pressure", 0x2A35, "blood_pressure_measurement", "00780050005d00", {150021: ("systolic", "120")}),
    ("weight_scale", 0x2A9D, "weight_measurement", "02803e" + _TIME, {188736: ("weight", "80.000")}),
    ("weight_scale", 0x2A9D, "weight_measurement", "0e783e" + _TIME + "02f7000807",
     {188736: ("weight", "79.960"), 188752: ("bmi", "24.7"), 188740: ("height", "1.800")}),
    ("pulse_oximeter", 0x2A5E, "plx_spot_check_measurement", "0061004800",
     {150456: ("spo2", "97"), 149530: ("pulse_rate", "72")}),
    ("pulse_oximeter", 0x2A5E, "plx_spot_check_measurement", "07d4f3d0f2" + _TIME + "8002208000",
     {150456: ("spo2", "98.0"), 149530: ("pulse_rate", "72.0")}),
    ("glucose_meter", 0x2A18, "glucose_measurement", "030100" + _TIME + "0a0065b011",
     {160184: ("glucose_concentration", "101")}),
    ("glucose_meter", 0x2A18, "glucose_measurement", "0e0200" + _TIME + "38c0110000"[:-4] + "0000",
     {160184: ("glucose_concentration", "5.6")}),
    ("heart_rate_strap", 0x2A37, "heart_rate_measurement", "0648", {147842: ("heart_rate", "72")}),
    ("heart_rate_strap", 0x2A37, "heart_rate_measurement", "162c0004f803", {147842: ("heart_rate", "44")}),
)  # fmt: skip


def measure() -> list[Figure]:
    """Time both on every value, round by round, and count the values that each reads right."""
    ours = peers = 0.0
    right = peer_right = 0
    figures = []
    for row, uuid, module, text, expected in VALUES:
        octets = bytes.fromhex(text)
        decode = drivers.load(drivers.ROWS[row]).decoders[uuid]
        peer, value = _peer(module), bytearray(octets)
        right += _right(decode(octets)[0], expected)
        if not _reads(peer, value):
            continue  # it refuses this lawful value: nothing to time
        peer_right += _peer_right(peer, value, expected)
        best, peer_best = _both(lambda: decode(octets), lambda: peer(value, None, False))  # noqa: B023
        ours += best
        peers += peer_best
        name = f"decode.values_per_s.{uuid:04X}.flags_{octets[0]:02X}"
        figures.append(
            Figure(name, round(1 / best), "1/s", None, "min", "bluetooth-sig", round(1 / peer_best), _ROUNDS)
        )
    total = len(VALUES)
    return [
        Figure("decode.speed_of_peer", round(peers / ours, 2), "ratio", 6, "min", "bluetooth-sig", 1, _ROUNDS),
        Figure("decode.right", right, "values", total, "min", "bluetooth-sig", peer_right, 1),
        *figures,
    ]


def _both(one: Callable[[], Any], other: Callable[[], Any]) -> tuple[float, float]:
    """The best time of each, in seconds a call, taken in turns so that both meet the same machine."""
    best = [float("inf"), float("inf")]
    for _ in range(_ROUNDS):
        for place, call in enumerate((one, other)):
            began = time.perf_counter()
            for _ in range(_CALLS):
                call()
            best[place] = min(best[place], (time.perf_counter() - began) / _CALLS)
    return best[0], best[1]


def _peer(module: str) -> Callable[..., Any]:
    try:
        found = importlib.import_module("bluetooth_sig.gatt.characteristics." + module)
    except ImportError as error:
        raise MissingPart("bluetooth-sig", "make deps") from error
    name = next(
        name
        for name, what in vars(found).items()
        if name.endswith("Characteristic") and getattr(what, "__module__", "") == found.__name__
    )
    return getattr(found, name)().parse_value


def _right(measurement: Any, expected: dict[int, tuple[str, str]]) -> bool:
    told = {one[0]: decimal_text(one[1], one[2]) for one in measurement.quantities if len(one) == 4}
    return all(told.get(code) == number for code, (_, number) in expected.items())


def _reads(peer: Callable[..., Any], value: bytearray) -> bool:
    try:
        peer(value, None, False)
    except Exception:  # noqa: BLE001 (whatever it raises, it has not read a lawful value)
        return False
    return True


def _peer_right(peer: Callable[..., Any], value: bytearray, expected: dict[int, tuple[str, str]]) -> bool:
    """Its numbers are floats: within a millionth is right."""
    read = peer(value, None, False)
    for attribute, number in expected.values():
        found = read
        for part in attribute.split("."):
            found = getattr(found, part, None)
        if found is None or abs(Decimal(found) - Decimal(number)) > Decimal(number) / 1_000_000:
            return False
    return True
