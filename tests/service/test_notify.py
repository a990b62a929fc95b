"""Notifications and the watchdog against a real notify socket."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tracker.service.notify import Notifier
from tracker.service.watchdog import Watchdog

SECOND_NS = 1_000_000_000


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """A service manager's end: its address as NOTIFY_SOCKET gives it, and its socket."""
    name = f"@rigtrack-test-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("\0" + name[1:] if name.startswith("@") else name)
        server.settimeout(300)
        yield name, server


def heard(server: socket.socket) -> list[str]:
    """Everything that has arrived (datagrams on one machine arrive before the send returns)."""
    messages = []
    server.setblocking(False)
    while True:
        try:
            messages.append(server.recv(4096).decode())
        except BlockingIOError:
            return messages


@pytest.mark.parametrize(
    ("tell", "expected"),
    [
        (Notifier.ready, "READY=1"),
        (Notifier.stopping, "STOPPING=1"),
        (Notifier.watchdog, "WATCHDOG=1"),
        (lambda n: n.status("two\nlines"), "STATUS=two lines"),
        (lambda n: n.extend_timeout(90), "EXTEND_TIMEOUT_USEC=90000000"),
        (lambda n: n.watchdog_interval(2.5), "WATCHDOG_USEC=2500000"),
    ],
)
def test_the_manager_hears_each_notification(manager: tuple[str, socket.socket], tell: Callable[[Notifier], None], expected: str) -> None:
    address, server = manager
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": address})
    tell(notifier)
    notifier.close()
    assert heard(server) == [expected]


def test_a_reload_carries_the_monotonic_time_that_systemd_asks_for(manager: tuple[str, socket.socket]) -> None:
    address, server = manager
    notifier = Notifier(address)
    notifier.reloading()
    notifier.close()
    (message,) = heard(server)
    state, _, stamp = message.partition("\nMONOTONIC_USEC=")
    assert state == "RELOADING=1"
    assert stamp.isdigit()


def test_without_a_manager_nothing_happens() -> None:
    notifier = Notifier.from_environment({})
    notifier.ready()
    notifier.close()


def test_a_manager_that_went_away_costs_nothing(tmp_path: Path) -> None:
    notifier = Notifier(str(tmp_path / "nobody"))
    notifier.watchdog()
    notifier.close()


class StepClock:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now_ns = SECOND_NS

    def __call__(self) -> int:
        return self.now_ns


def test_the_watchdog_is_fed_by_frames_at_most_four_times_an_interval(manager: tuple[str, socket.socket]) -> None:
    address, server = manager
    clock = StepClock()
    notifier = Notifier(address)
    watchdog = Watchdog(notifier, interval_s=10, clock=clock)
    for _ in range(1000):  # 10 s at 100 frames a second
        watchdog.fed()
        clock.now_ns += SECOND_NS // 100
    notifier.close()
    assert heard(server) == ["WATCHDOG=1"] * 4


def test_a_lost_camera_widens_the_watchdog_without_feeding_it(manager: tuple[str, socket.socket]) -> None:
    address, server = manager
    notifier = Notifier(address)
    watchdog = Watchdog(notifier, interval_s=10, clock=StepClock())
    watchdog.wait_for_camera(600)
    watchdog.expect_frames()
    watchdog.fed()
    notifier.close()
    assert heard(server) == ["WATCHDOG_USEC=600000000", "WATCHDOG_USEC=10000000", "WATCHDOG=1"]


@pytest.mark.parametrize(
    ("environment", "fed"),
    [
        ({"WATCHDOG_USEC": "10000000"}, True),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, True),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, False),
        ({}, False),
    ],
    ids=["asked", "asked of this process", "asked of another process", "not asked"],
)
def test_only_the_process_that_was_asked_feeds_the_watchdog(
    manager: tuple[str, socket.socket], environment: dict[str, str], *, fed: bool
) -> None:
    address, server = manager
    notifier = Notifier(address)
    Watchdog.from_environment(notifier, environment).fed()
    notifier.close()
    assert bool(heard(server)) is fed
