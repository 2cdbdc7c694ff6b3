"""A short slice of `make kills`: worker and stand-in killed at random moments, and each reading in FUT once."""

import json
import subprocess
import sys

import pytest


@pytest.mark.promise("P4", "P5")
@pytest.mark.timeout(200)
def test_kill_9_loses_nothing_and_doubles_nothing():
    ran = subprocess.run(
        [sys.executable, "-m", "tools.backend.fut.kills", "--kills", "25", "--seed", "11"],
        capture_output=True, text=True, timeout=190, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads(ran.stdout)
    assert (told["lost"], told["doubled"], told["foreign"]) == (0, 0, 0)
    assert told["readings"] > 15
    assert min(told["killed"].values()) > 5
