"""Settings and bonds on a file system, on both interpreters."""

import os

from firmware import config
from firmware.contracts import PeerError

FOLDER = "pure_config_test"
GOOD = {
    "format": 1,
    "devices": [{"address": "aa:bb:cc:dd:ee:01", "address_type": 1, "row": "ad_ua651ble"}],
    "zone": "CET-1CEST,M3.5.0,M10.5.0/3",
    "wifi": {"ssid": "home", "key": "secret"},
    "broker": {"host": "broker.test", "port": 8883},
    "platform": {"agreement": "04"},
    "time": {"ntp": "ntp.test"},
}


def changed(**changes):
    settings = dict(GOOD)
    settings.update(changes)
    return settings


def emptied():
    try:
        os.mkdir(FOLDER)
    except OSError:
        pass
    for name in os.listdir(FOLDER):
        os.remove(FOLDER + "/" + name)


def spoil(name):
    path = FOLDER + "/" + name
    with open(path, "rb") as file:
        octets = bytearray(file.read())
    octets[len(octets) // 2] ^= 1
    with open(path, "wb") as file:
        file.write(octets)


def test_the_newest_whole_copy_counts():
    emptied()
    store = config.Store(FOLDER, "settings")
    assert store.load() is None
    for number in range(5):
        store.save({"number": number})
        assert config.Store(FOLDER, "settings").load() == {"number": number}
    spoil("settings.a")
    assert store.load() == {"number": 4}  # what is new is there twice
    spoil("settings.b")
    assert store.load() is None
    store.save({"number": 9})
    assert store.load() == {"number": 9}
    spoil("settings.a")
    spoil("settings.b")
    assert store.load() is None
    emptied()
    os.rmdir(FOLDER)


def test_a_truncated_copy_is_none_at_every_length():
    emptied()
    store = config.Store(FOLDER, "bonds")
    store.save({"2:00112233445566": "aa" * 80})
    os.remove(FOLDER + "/bonds.b")
    with open(FOLDER + "/bonds.a", "rb") as file:
        octets = file.read()
    for end in range(len(octets)):
        with open(FOLDER + "/bonds.a", "wb") as file:
            file.write(octets[:end])
        assert store.load() is None
    emptied()
    os.rmdir(FOLDER)


def test_unusable_settings_are_refused_by_name():
    config.check(GOOD)
    device = GOOD["devices"][0]
    for changes, name in (
        ({"format": 2}, "format"),
        ({"zone": None}, "zone"),
        ({"wifi": {"key": "x"}}, "wifi.ssid"),
        ({"broker": {"host": "b"}}, "broker.port"),
        ({"broker": {"port": 1}}, "broker.host"),
        ({"platform": {}}, "platform.agreement"),
        ({"pins": {"light": "2"}}, "pins"),
        ({"pins": [2]}, "pins"),
        ({"devices": [device] * 9}, "devices"),
        ({"devices": [{"address": "aa:bb", "address_type": 0, "row": "x"}]}, "device address"),
        ({"devices": [{"address": "aa:bb:cc:dd:ee:01", "address_type": 3, "row": "x"}]}, "device address"),
        ({"devices": [{"address": "aa:bb:cc:dd:ee:01", "address_type": 0}]}, "device row"),
    ):
        try:
            config.check(changed(**changes))
            raise AssertionError(name)
        except PeerError as error:
            assert error.args[0] == "settings: " + name, error.args
