"""What only a board can answer (`telehub doctor --hardware`): one line each, with what was measured on it.

On the twin they run too, and give what its cost table says; a board's own figures are what they are for.
"""

from collections.abc import Iterator
from typing import Any

from tools.technician.examine import Check
from tools.technician.line import Line

_SCAN_MS = 5_000
_ERASE_MS_MAX = 400  # the longest that common chips' data sheets allow for a 4 KiB sector
_PROGRAM_MS_MAX = 5  # a page of 256 octets
_SIGN_MS_MAX = 500  # an envelope's signature; several times what was counted (tools/simulator/costs.py)
_HANDLER_MS_MAX = 100  # a device's link must not wait longer for its confirmation
_INTERNAL_OCTETS_MIN = 40_960  # what a TLS handshake takes of the chip's own RAM (firmware/board/line.py)

# On the last sector of `romfs`, where nothing else lies: a unit, its neighbour, then bits that a program may not set.
_NOR = """
import esp32, json, time
_part = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="romfs")[0]
_sector = _part.ioctl(4, 0) - 1
_room = bytearray(64)
_t = time.ticks_ms()
_part.ioctl(6, _sector)
_erase_ms = time.ticks_diff(time.ticks_ms(), _t)
_one, _two = bytes(range(16)), bytes(range(100, 116))
_part.writeblocks(_sector, _one, 0)
_part.writeblocks(_sector, _two, 32)
_part.readblocks(_sector, _room, 0)
_kept = bytes(_room[:16]) == _one and bytes(_room[32:48]) == _two
_between = bytes(_room[16:32])
_part.readblocks(_sector, _room, 0)
_still = bytes(_room[16:32]) == _between
_page = bytes(256)
_t = time.ticks_ms()
for _at in range(256, 2304, 256):
    _part.writeblocks(_sector, _page, _at)
_program_ms = time.ticks_diff(time.ticks_ms(), _t) / 8
_part.ioctl(6, _sector)
print(json.dumps({"kept": _kept, "still": _still, "erase_ms": _erase_ms, "program_ms": _program_ms}))
"""
_RADIO = """
import bluetooth, esp32, json, os, time
_ble = bluetooth.BLE()
_ble.active(True)
_heard, _longest, _last = 0, 0, 0
def _irq(event, data):
    global _heard, _longest
    if event == 5:
        _t = time.ticks_us()
        bytes(data[4])
        _heard += 1
        _longest = max(_longest, time.ticks_diff(time.ticks_us(), _t))
_ble.irq(_irq)
_ble.gap_scan({ms}, 30000, 30000)
time.sleep_ms({ms} + 200)
_internal = [region[1] for region in esp32.idf_heap_info(esp32.HEAP_DATA)]
_ble.irq(None)
_ble.active(False)
_draws = set([os.urandom(16) for _ in range(64)])
print(json.dumps({{"heard": _heard, "handler_ms": _longest / 1000, "internal": _internal[0], "draws": len(_draws)}}))
"""
_SIGN = """
import hashlib, json, time
from firmware.seal import p256
_key, _digest = bytes(31) + b"\\x07", hashlib.sha256(b"telehub").digest()
p256.sign(_key, _digest)
_t = time.ticks_ms()
_signature = p256.sign(_key, _digest)
_sign_ms = time.ticks_diff(time.ticks_ms(), _t)
_t = time.ticks_ms()
_good = p256.verify(p256.public_key(_key), _digest, _signature)
print(json.dumps({"good": bool(_good), "sign_ms": _sign_ms, "verify_ms": time.ticks_diff(time.ticks_ms(), _t)}))
"""
_LIGHT = """
import time
from firmware.board.light import Light
from firmware import config
_pins = (config.Store(config.FOLDER, "settings").load() or {}).get("pins", {})
_light = Light(_pins.get("light"))
for _hertz, _share in ((5, 50), (1, 50)):
    _light.show(_hertz, _share)
    time.sleep_ms(3000)
_light.show(0, 0)
print("shown")
"""


def checks(line: Line, partitions: list[str]) -> Iterator[Check]:
    """Try each; the application must be in reach."""
    if "romfs" in partitions:
        nor: dict[str, Any] = line.answer(_NOR)
        timely = nor["erase_ms"] <= _ERASE_MS_MAX and nor["program_ms"] <= _PROGRAM_MS_MAX
        said = f"erase {nor['erase_ms']} ms, program {nor['program_ms']:.2f} ms a page of 256 octets"
        apart = nor["kept"] and nor["still"]
        found = "16-octet units stand beside each other" if apart else "a unit changed its neighbour"
        yield Check("flash units", apart, found, "no hub: tell the makers")
        yield Check("flash times", timely, said, "tell the makers: visits may outlast a device's patience")
    radio = line.answer(_RADIO.format(ms=_SCAN_MS))
    said = f"{radio['heard']} adverts in {_SCAN_MS // 1000} s, the longest handler took {radio['handler_ms']:.1f} ms"
    yield Check("radio", radio["heard"] > 0 and radio["handler_ms"] <= _HANDLER_MS_MAX, said,
                "nothing is heard: is any Bluetooth device near? Then the antenna")  # fmt: skip
    enough = radio["internal"] >= _INTERNAL_OCTETS_MIN
    said = f"{radio['internal'] >> 10} KiB free with the radio on"
    yield Check("internal RAM", enough, said, "another image or board")
    said = f"{radio['draws']} of 64 draws differ"
    yield Check("random", radio["draws"] == 64, said, "no hub: its keys would be weak")
    signed = line.answer(_SIGN)
    said = f"sign {signed['sign_ms']} ms, verify {signed['verify_ms']} ms"
    yield Check("signatures", signed["good"] and signed["sign_ms"] <= _SIGN_MS_MAX, said, "tell the makers")
    shown = line.run(_LIGHT).strip() == "shown"
    said = "flashed fast for 3 s, then slowly for 3 s: was that to be seen?"
    yield Check("light", shown, said, "pins in settings.json")
