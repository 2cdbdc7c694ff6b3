"""MicroPython's own tests of its Bluetooth module, on the twin: the oracle is upstream's expected output."""

import pytest

from tests.simulator.multitest import Pair, lines
from tools.host.parts import need
from tools.simulator.air.world import World

# Not: ble_l2cap, perf_l2cap (the hub opens no L2CAP channels), stress_deepsleep_reconnect and stress_log_filesystem
# (they ask the runner to restart an instance).
NAMES = (
    "ble_characteristic",
    "ble_descriptor",
    "ble_gap_advertise",
    "ble_gap_connect",
    "ble_gap_device_name",
    "ble_gap_pair",
    "ble_gap_pair_bond",
    "ble_gatt_data_transfer",
    "ble_gattc_discover_services",
    "ble_irq_calls",
    "ble_mtu",
    "ble_mtu_peripheral",
    "ble_subscribe",
    "perf_gatt_char_write",
    "perf_gatt_notify",
)


@pytest.mark.needs("micropython-tests", "micropython")
@pytest.mark.parametrize("name", NAMES)
def test_upstream(name):
    """Each instance prints what it prints on real boards."""
    test = need("micropython-tests") / "tests" / "multi_bluetooth" / f"{name}.py"
    with World(1) as world:
        said = lines(Pair(world).run(test))
    assert said == lines(test.with_name(test.name + ".exp").read_text())
