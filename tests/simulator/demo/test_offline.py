"""The demo needs no network, not even the machine's own (`unshare -rn make demo`)."""

import socket

import pytest

from tools.host.bench.workers import Story, tell

pytestmark = pytest.mark.needs("micropython", "mpy-cross")


def test_the_demo_opens_no_connection_of_the_internet(monkeypatch):
    inet = (socket.AF_INET, socket.AF_INET6)

    class Offline(socket.socket):
        def connect(self, address):
            assert self.family not in inet, address
            return super().connect(address)

        def bind(self, address):
            assert self.family not in inet, address
            return super().bind(address)

    monkeypatch.setattr(socket, "socket", Offline)
    run = tell(Story(1, "telehjerte"))
    assert run["ok"], run
