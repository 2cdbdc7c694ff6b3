"""A short slice of the second half of `make kills`, and that its count would tell."""

import json
import subprocess
import sys
from contextlib import closing

import pytest

from tests.backend.fut import made
from tests.backend.fut.road import road
from tools.backend.fut.kills import compare
from tools.backend.fut.standin.kept import Kept


@pytest.mark.needs("rabbitmq", "postgresql")
@pytest.mark.promise("P2", "P4", "P5", "P6")
@pytest.mark.timeout(400)
def test_kill_9_of_everything_loses_nothing_and_doubles_nothing():
    ran = subprocess.run(
        [sys.executable, "-m", "tools.simulator.fleet.kills", "--kills", "14", "--seed", "6"],
        capture_output=True, text=True, timeout=380, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])
    assert (told["lost"], told["doubled"], told["foreign"]) == (0, 0, 0)
    assert told["readings"] == told["receipts"] == 24
    assert sum(told["killed"].values()) == 14


def test_what_is_lost_or_doubled_is_counted(tmp_path):
    with road(tmp_path) as way:
        way.keep(1, 2, 3)
        way.settle()
        with closing(Kept(str(tmp_path / "fut.db"))) as kept:
            assert compare(way.store, kept, 3, True)["ok"]
            assert compare(way.store, kept, 4, True)["lost"] == 1
            body = way.ledger.get(made.reading(number=2)["reading"]).body
            way.client.submit(body)  # nobody looked first
            told = compare(way.store, kept, 3, True)
            assert (told["ok"], told["doubled"], told["foreign"]) == (False, 1, 0)
            way.store.rows("DELETE FROM fut WHERE reading = ?", (made.reading(number=3)["reading"],))
            assert compare(way.store, kept, 2, True)["foreign"] == 1
