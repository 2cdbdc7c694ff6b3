"""Runs on an enrolled hub: what each stage keeps on the heap once it is imported and constructed. `result` is JSON.

A stage is weighed after those that stand before it, so what two share is counted to the first.
"""

import gc
import json

gc.threshold(4096)  # as main.py does while it imports

told = {}
_kept = []
_enrolled = []  # settings, keys


def _alive():
    gc.collect()
    gc.collect()  # an object with a finaliser goes in the second
    return gc.mem_alloc()


def _weigh(name, make):
    before = _alive()
    _kept.append(make())
    passing.forget()
    told[name] = _alive() - before


def _libraries():
    import asyncio

    import aioble

    return asyncio, aioble


def _board():
    from firmware.board import chip, flash, light, line, radio, ticks, wifi

    return light.Light(), light.Button(), ticks.Ticks(), chip, flash, line, radio, wifi


def _journal():
    from firmware.board import chip
    from firmware.board.flash import PartitionFlash
    from firmware.journal.journal import Journal

    return Journal(PartitionFlash("journal"), chip.random_octets)


def _measurement():
    from firmware.measurement.zone import Zone

    return Zone(_enrolled[0]["zone"])


def _seal():
    from firmware import config, enrolment
    from firmware.board import chip

    settings = config.Store(config.FOLDER, "settings").load()
    _enrolled.extend((settings, enrolment.load_keys(chip.hub_id())))  # this loads what agrees on the receipts' key


def _ble():
    import drivers
    from firmware.ble.pairing import Bonds
    from firmware.board.radio import Radio

    return Radio(Bonds({}, None)), drivers


def _uplink():
    from firmware.board.line import Line
    from firmware.board.ticks import Ticks
    from firmware.hub import load_tls
    from firmware.timekeeping import BUILT_S, Timekeeper
    from firmware.uplink.session import Session

    settings, _keys = _enrolled
    ticks = Ticks()
    line = Line(settings["wifi"], load_tls)
    return Session(line, ticks, Timekeeper(ticks.now_ms, BUILT_S, 1), settings["broker"], "")


def _all():
    from firmware import parts

    return parts.joined(*_enrolled)


_begun = _alive()
from firmware.board import passing  # noqa: E402 - it is weighed with the rest

_weigh("libraries", _libraries)
_weigh("board", _board)
_weigh("seal", _seal)
_weigh("measurement", _measurement)
_weigh("journal", _journal)
_weigh("ble", _ble)
_weigh("uplink", _uplink)
_stages = sum(told.values())
_kept.clear()
_weigh("hub", _all)  # the joined whole; the single ones are gone
told["all"] = _alive() - _begun
told["hub"] = told["all"] - _stages
result = json.dumps(told)
