"""What a supported kind costs a hub that meets no device of it."""

import pytest

from tools.host.bench import kinds
from tools.host.bench.plan import Plan


@pytest.mark.needs("micropython32", "mpy-cross")
def test_an_idle_hub_pays_a_name_for_each_row():
    a_row, driver = kinds.measure(Plan())
    assert 0 < a_row.value <= kinds.OCTETS_MAX
    assert a_row.ok
    assert driver.value > 20 * a_row.value  # and no driver is among what an idle hub holds
