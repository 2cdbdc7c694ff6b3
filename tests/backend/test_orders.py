"""Orders wait in the store until a hub's own report says what came of them."""

import signal
import subprocess
import sys
import textwrap

import pytest

from tools.backend.orders import OVERTAKEN, WAITING_PER_HUB_MAX, OrderQueue, QueueFull
from tools.backend.store import Store
from tools.inspect.order import Order

HUB, OTHER = "24d7eb0a1b2c", "24d7eb0a1b2d"
NOW_S = 1_767_600_000


def order(number, hub=HUB, expires_s=NOW_S + 600):
    return Order(hub, number, expires_s, "zone", {}, False, b"operator")


@pytest.fixture
def queue(tmp_path):
    store = Store(tmp_path / "platform.sqlite")
    yield OrderQueue(store)
    store.close()


def told(queue, *outcome):
    with queue._store.transaction():
        queue.told(*outcome)


def test_the_oldest_waits_until_its_hub_says_what_came_of_it(queue):
    for number in (1, 2, 3):
        queue.add(order(number), b"order %d" % number, NOW_S)
    queue.add(order(1, OTHER), b"other", NOW_S)
    assert queue.due(NOW_S) == [(HUB, 1, b"order 1"), (OTHER, 1, b"other")]
    told(queue, HUB, 1, "on trial", "")
    assert queue.due(NOW_S, HUB) == [(HUB, 1, b"order 1")]  # not the last word
    told(queue, HUB, 1, "done", "")
    told(queue, HUB, 1, "expired", "")  # the first word stays
    assert queue.due(NOW_S, HUB) == [(HUB, 2, b"order 2")]
    told(queue, HUB, 3, "bad argument", "rule")
    assert queue.due(NOW_S, HUB) == []
    assert [(one["result"], one["detail"]) for one in queue.of(HUB)] == [
        ("done", ""), (OVERTAKEN, ""), ("bad argument", "rule"),
    ]  # fmt: skip


def test_what_is_over_is_not_sent_and_blocks_nothing(queue):
    queue.add(order(1, expires_s=NOW_S + 5), b"short", NOW_S)
    queue.add(order(2), b"long", NOW_S)
    assert queue.due(NOW_S, HUB) == [(HUB, 1, b"short")]
    assert queue.due(NOW_S + 5, HUB) == [(HUB, 2, b"long")]


def test_a_number_is_given_once_and_the_queue_is_bounded(queue):
    queue.add(order(7), b"7", NOW_S)
    assert queue.next_number(HUB) == 8
    for number in (7, 6, 0, 1 << 30):
        with pytest.raises(ValueError, match=str(number)):
            queue.add(order(number), b"again", NOW_S)
    for number in range(8, 7 + WAITING_PER_HUB_MAX):
        queue.add(order(number), b"more", NOW_S)
    with pytest.raises(QueueFull):
        queue.add(order(99), b"too many", NOW_S)


def test_what_was_added_is_there_after_kill_9(tmp_path):
    path = tmp_path / "platform.sqlite"
    program = f"""
        import itertools, sys
        from tests.backend.test_orders import NOW_S, order
        from tools.backend.orders import OrderQueue
        from tools.backend.store import Store
        queue = OrderQueue(Store({str(path)!r}))
        for number in itertools.count(1):
            queue.add(order(number, expires_s=NOW_S - 1), b"octets", NOW_S)
            print(number, flush=True)
    """
    killed = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    seen = [int(killed.stdout.readline()) for _ in range(12)]
    killed.send_signal(signal.SIGKILL)
    seen += [int(line) for line in killed.stdout.read().split()]
    killed.wait()
    store = Store(path)
    kept = [one["number"] for one in OrderQueue(store).of(HUB)]
    store.close()
    assert kept[: len(seen)] == seen
    assert len(kept) <= len(seen) + 1
