"""The heartbeat keeps its interval where it can, and announces what it can keep."""

from tracker.service.heartbeat import Heartbeat

MS = 1_000_000


def test_it_is_due_at_once_and_then_at_its_interval() -> None:
    heartbeat = Heartbeat(100)
    assert [now for now in range(0, 1000, 20) if heartbeat.due(now * MS) is not None] == list(range(0, 1000, 100))


def test_a_loop_that_is_slower_announces_the_interval_it_keeps() -> None:
    heartbeat = Heartbeat(100)
    announced = [heartbeat.due(now * MS) for now in (0, 1000, 2000)]
    assert announced == [100, 1000, 1000]


def test_a_pause_however_long_does_not_make_subscribers_wait_longer_for_the_next() -> None:
    heartbeat = Heartbeat(100)
    for now in range(0, 1000, 100):
        heartbeat.due(now * MS)
    announced = [heartbeat.due(now * MS) for now in range(60_000, 61_200, 100)]
    assert announced == [100] * 12
