"""`telehub order`: what a technician types becomes a signed order in the queue."""

import json

import pytest

from tools.backend.keys import Keyring, load_point, point_of
from tools.backend.orders import OrderQueue
from tools.backend.store import Store
from tools.cli import run
from tools.inspect.order import decode_order
from tools.technician import ca
from tools.technician import programme as programme_file
from tools.technician.order import Operator

HUB = "24d7eb0a1b2c"


@pytest.fixture
def programme(tmp_path, monkeypatch):
    monkeypatch.setenv(programme_file.PASSPHRASE, "one two three four")
    folder = tmp_path / "programme"
    programme_file.create(folder, "test", "one two three four", None)
    octets = ca.seeded(1, "hub")
    Keyring.open(folder).register(HUB, *(point_of(ca.new_key(octets).public_key()) for _ in range(2)))
    return folder, Operator(programme_file.operator_key(folder))


def order(folder, *words):
    return run(["order", HUB, *words, "--database", str(folder / "db.sqlite"), "--keys", str(folder), "--json"])


def test_an_order_is_signed_and_waits(programme, capsys):
    folder, operator = programme
    assert order(folder, "open window", "seconds=300") == 0
    assert order(folder, "digits", "address=c0:ff:ee:00:00:01", "passkey=040961") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["number"], one["action"], one["result"]) for one in lines[-3:-1]] == [
        (1, "open window", ""), (2, "digits", ""),
    ]  # fmt: skip
    store = Store(folder / "db.sqlite")
    [(_, _, octets)] = OrderQueue(store).due(0, HUB)
    store.close()
    assert decode_order(octets, lambda _: load_point(operator.point)).arguments == {"seconds": 300}


@pytest.mark.parametrize("words", [("fly",), ("open window", "seconds=5"), ("open window",), ("digits", "address=xx")])
def test_what_is_no_order_is_wrong_use(programme, words):
    assert order(programme[0], *words) == 2
