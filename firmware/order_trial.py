"""New network settings on trial: they stay when they carried an answer of the platform's, else the old ones return.

A receipt or a time answer proves the whole road, and only the platform can make one. A hub that has nothing to deliver
gets a time answer at each session.
"""

from micropython import const

from firmware import config
from firmware.uplink.order_fields import DONE, UNDONE

_BOOTS_MAX = const(3)  # settings that make the hub start over and over are no good either


def began(settings: dict) -> dict:
    """At a boot: the settings to work with. Each boot of a trial is counted before anything is tried."""
    if "trial" not in settings:
        return settings
    boots = settings["trial"].get("boots", 0) + 1
    if boots > _BOOTS_MAX:
        return _ended(settings, False)
    settings["trial"]["boots"] = boots
    _save(settings)
    return settings


def over(hub, good: bool) -> None:
    """The platform answered, or the time is over: then the old settings are back, and the hub starts over with them."""
    hub.trial_ends_ms = None
    hub.order = _ended(config.Store(config.FOLDER, "settings").load(), good)["order"]
    hub.health.hurry()
    if not good:
        hub.restart = "old settings"
        hub.radio.cut()
        hub.news.set()


def _ended(settings, good):
    before = settings.pop("trial")
    if not good:
        for name in ("wifi", "broker", "time"):
            settings[name] = before[name]
    settings["order"] = [settings["order"][0], DONE if good else UNDONE, "" if good else "no answer of the platform's"]
    _save(settings)
    return settings


def _save(settings):
    config.Store(config.FOLDER, "settings").save(settings)
