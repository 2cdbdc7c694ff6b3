"""A programme as `telehub ca init` makes it, filled in for the simulated house."""

import json

from tools.host import library
from tools.simulator.air.net_home import BROKER_NAME, NTP_NAME
from tools.technician import application, provision
from tools.technician import programme as programmes
from tools.technician.line import Line

PASSPHRASE = "correct horse battery staple"
WIFI_KEY = "the-key-of-the-house"
WHO, NOW = "technician", "2026-01-05T08:00:00+00:00"


def programme(folder, ssid="home", key=WIFI_KEY, gtin=None):
    """Make it and open it."""
    programmes.create(folder, "Test", PASSPHRASE, gtin)
    fill(folder, wifi={"ssid": ssid, "key": key}, broker={"host": BROKER_NAME, "port": 8883}, time={"ntp": NTP_NAME})
    return programmes.open_folder(folder, PASSPHRASE)


def fill(folder, **fields):
    """Change its settings."""
    path = folder / "settings.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def provisioned(bench, board, programme, told=lambda _step, _share: None):
    """One board, once through."""
    return bench.work(provision.one, board.path, programme, WHO, NOW, told, library.find()[0])


def install(path):
    """Put the application on a board, and look whether it is all there."""
    with Line(path) as line:
        wanted = application.made(line.answer("import sys\nprint(sys.implementation._mpy)"), library.find()[0])
        assert application.install(line, wanted, lambda _done, _total: None) == len(wanted.files)
        assert application.missing(line, wanted) == ([], [])


def with_application(bench, copied, count=1):
    """Boards that have the application and are nobody's yet."""
    boards = bench.add(count, plugged=False)
    for board in boards:
        board.hub.flash.cells["vfs"] = copied.copy()
        board.plug()
    return boards
