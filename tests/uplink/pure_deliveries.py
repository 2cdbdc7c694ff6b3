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


def test_a_live_reading_goes_before_the_backlog_as_soon_as_it_may():
    deliveries = Deliveries()
    assert deliveries.next([1, 2, 9], 0, live=9) == 9
    deliveries.sent(9, 0)
    assert deliveries.next([1, 2, 9], 1, live=9) == 1, "it is on its way"
    assert deliveries.next([1, 2, 9], RECEIPT_WAIT_MS, live=9) == 9, "and may be tried again"
    assert deliveries.next([], 0, live=9) is None


def test_what_is_due_is_due_to_the_millisecond():
    deliveries = Deliveries()
    assert deliveries.due_ms([1], 5) == 600_000, "nothing was sent"
    for _try in range(3):
        deliveries.sent(1, 0)
    assert deliveries.due_ms([1], RECEIPT_WAIT_MS - 1) == 1
    assert deliveries.due_ms([1], RECEIPT_WAIT_MS) == 600_000 - RECEIPT_WAIT_MS
    assert deliveries.next([1], 599_999) is None and deliveries.next([1], 600_000) == 1
    deliveries.sent(2, 0)
    assert deliveries.due_ms([1, 2], RECEIPT_WAIT_MS - 1) == 1
    assert deliveries.due_ms([1, 2], RECEIPT_WAIT_MS) == 0 and deliveries.due_ms([2], 99_999) == 0
    assert deliveries.next([2], RECEIPT_WAIT_MS - 1) is None and deliveries.next([2], RECEIPT_WAIT_MS) == 2


def test_three_tries_are_made_soon_and_no_fourth():
    deliveries = Deliveries()
    tries = [now_ms for now_ms in range(0, 599_000, 1000) if send_all(deliveries, [1], now_ms)]
    assert tries == [0, RECEIPT_WAIT_MS, 2 * RECEIPT_WAIT_MS]
    deliveries.link_lost()
    assert deliveries.next([1], 60_000) is None, "a new link does not make it young again"


def test_an_answered_number_is_forgotten_with_its_tries():
    deliveries = Deliveries()
    for _try in range(3):
        deliveries.sent(1, 0)
    deliveries.answered(1)
    deliveries.answered(7)  # never sent
    assert deliveries.next([1], 1) == 1, "of another chain, perhaps"


def test_jitter_is_spread_evenly_over_the_upper_half_of_a_step():
    waits = [Backoff(lambda count, at=at: bytes((at, 0))[:count]).next_ms() for at in range(0, 256, 5)]
    assert waits == sorted(waits) and waits[0] == 1000 and 1900 < waits[-1] < 2000
    assert len(set(waits)) == len(waits)
    assert Backoff(lambda count: b"\0\xff"[:count]).next_ms() == 1003
