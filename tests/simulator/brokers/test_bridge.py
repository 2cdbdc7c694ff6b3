"""A hub's own TLS carried to a real Mosquitto, at the real clock's pace."""

import time

import pytest

from tests.simulator.net.test_tls import UMQTT
from tests.simulator.net.twin import AUTHORITY, BROKER, BROKER_NAME, NAME, World
from tools.simulator.air.clock import VirtualLoop
from tools.simulator.air.net import Net
from tools.simulator.brokers import bridge
from tools.simulator.brokers.mosquitto import Mosquitto

pytestmark = pytest.mark.needs("micropython32", "library", "mosquitto")


def test_a_hub_publishes_to_a_real_broker_and_time_is_real_meanwhile(tmp_path):
    with Mosquitto(BROKER, AUTHORITY) as broker:
        world = World(tmp_path)
        bridge.bridge(world.net, broker.url, name=BROKER_NAME)
        began = time.monotonic()
        told = world.run(UMQTT)
        wall_s = time.monotonic() - began
        assert told["300"][1] is None
        assert told["9000"][1] is None
        assert wall_s >= 0.9 * told["connect"][0] / 1000
        assert world.loop.outside == 0
        assert f"as {NAME} " in broker.log()


def test_a_real_broker_that_is_gone_resets_the_connection(tmp_path):
    with Mosquitto(BROKER, AUTHORITY) as broker:
        world = World(tmp_path)
        bridge.bridge(world.net, broker.url, name=BROKER_NAME)
        broker.stop()
        told = world.run(UMQTT.split('timed("subscribe"')[0])
        assert told["connect"][1][0] == "OSError"


@pytest.mark.parametrize("url", ["mqtt://host", "host:8883", "mqtts://"])
def test_a_broker_without_tls_is_no_broker(url):
    loop = VirtualLoop()
    with pytest.raises(ValueError):
        bridge.bridge(Net(loop, loop.time), url)
    loop.close()
