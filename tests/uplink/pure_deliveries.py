"""Which envelope goes next, on both interpreters."""

from firmware.uplink.backoff import Backoff
from firmware.uplink.deliveries import IN_FLIGHT_MAX, RECEIPT_WAIT_MS, Deliveries


def send_all(deliveries, plans, now_ms):
    sent = []
    while True:
        sequence = deliveries.next(plans, now_ms)
        if sequence is None:
            return sent
        sent.append(sequence)
        deliveries.sent(sequence, now_ms)


def test_oldest_first_and_no_more_than_a_few_in_flight():
    deliveries = Deliveries()
    plans = list(range(1, 11))
    assert send_all(deliveries, plans, 0) == list(range(1, IN_FLIGHT_MAX + 1))
    deliveries.answered(1)
    plans.remove(1)
    assert send_all(deliveries, plans, 10) == [IN_FLIGHT_MAX + 1]


def test_one_that_is_never_answered_holds_up_no_other():
    deliveries = Deliveries()
    plans = list(range(1, 21))
    now_ms = 0
    for _ in range(200):
        for sequence in send_all(deliveries, plans, now_ms):
            if sequence != 3:
                deliveries.answered(sequence)
                plans.remove(sequence)
        now_ms += RECEIPT_WAIT_MS // 4
    assert plans == [3]
    later = []
    for _ in range(200):  # and it is tried again, now and then
        later += send_all(deliveries, plans, now_ms)
        now_ms += RECEIPT_WAIT_MS
    assert 3 < len(later) < 10 and set(later) == {3}


def test_a_lost_link_sends_again_and_due_is_when_something_may_be_sent():
    deliveries = Deliveries()
    assert send_all(deliveries, [1, 2], 0) == [1, 2]
    assert deliveries.next([1, 2], RECEIPT_WAIT_MS - 1) is None
    assert deliveries.due_ms([1, 2], 1000) == RECEIPT_WAIT_MS - 1000
    deliveries.link_lost()
    assert send_all(deliveries, [1, 2], 1001) == [1, 2]


def test_backoff_doubles_within_bounds_and_never_agrees_with_the_neighbours():
    low, high = Backoff(bytes), Backoff(lambda count: b"\xff" * count)
    steps = []
    for _ in range(12):
        shortest, longest = low.next_ms(), high.next_ms()
        assert longest == 2 * shortest
        steps.append(longest)
    assert steps[:4] == [2000, 4000, 8000, 16000] and steps[-1] == 300000 == max(steps)
    high.reset()
    assert high.next_ms() == 2000
