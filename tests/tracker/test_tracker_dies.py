"""A tracker that is killed, frozen or cut off in the middle of a bout, as a child process with the real publisher."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tracker.client import Client, EventMessage

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 300.0
TRACKER = """
import sys, time
import numpy as np
from tracker.config import PublisherConfig
from tracker.event import Event
from tracker.frame import Frame
from tracker.messages import OpenEvent
from tracker.stream.publisher import Publisher

address = sys.argv[1]
frame = Frame(image=np.zeros((2, 2), np.uint8), number=7, exposed_ns=None, received_ns=time.monotonic_ns())
onset = Event(name="poke", state="on", animal=0, frame=7, onset_frame=5, value=3.0, threshold=2.0, added_delay_ms=0.0)
on = [OpenEvent(event="poke", animal=0, onset_frame=5)]
with Publisher(PublisherConfig(bind=(address,), high_water_mark=100, curve_keys=None), camera="top") as publisher:
    while True:
        publisher.serve()
        publisher.alive(frame=7, received_ns=frame.received_ns, interval_ms=20.0, open_events=on)
        if sys.stdin.readline() == "onset\\n":
            publisher.event(frame, onset)
            publisher.serve()
            break
    while True:
        publisher.serve()
        publisher.alive(frame=7, received_ns=frame.received_ns, interval_ms=20.0, open_events=on)
        time.sleep(0.02)
"""


@contextmanager
def tracker(address: str) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen([sys.executable, "-c", TRACKER, address], stdin=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def write(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def await_event(client: Client) -> EventMessage:
    message = client.receive(DEADLINE_S)
    while message is not None and not isinstance(message, EventMessage):
        message = client.receive(DEADLINE_S)
    assert message is not None, "no event came"
    return message


def begin_bout(process: "subprocess.Popen[str]", client: Client) -> None:
    """Have the tracker beat until the client hears it, then have it publish an onset."""
    deadline = time.monotonic() + DEADLINE_S
    while "top" not in client.alive:
        assert time.monotonic() < deadline, "the tracker was not heard"
        write(process, "beat")
        client.receive(0.02)
    write(process, "onset")
    message = await_event(client)
    assert (message.event, message.state) == ("poke", "on")


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
@pytest.mark.parametrize("timeout_s", [None, DEADLINE_S], ids=["waiting for ever", "waiting for a time"])
def test_a_tracker_that_dies_in_a_bout_ends_it_though_no_message_comes(tmp_path: Path, fault: int, timeout_s: float | None) -> None:
    address = f"ipc://{tmp_path}/stream"
    with Client(address, kinds=("event",)) as client, tracker(address) as process:
        begin_bout(process, client)
        process.send_signal(fault)
        message = client.receive(timeout_s)
        assert isinstance(message, EventMessage)
        assert (message.event, message.state, message.reason, message.onset_frame) == ("poke", "off", "silent", 5)


def test_a_tracker_that_thaws_in_the_same_bout_gives_no_second_onset(tmp_path: Path) -> None:
    address = f"ipc://{tmp_path}/stream"
    with Client(address, kinds=("event", "alive")) as client, tracker(address) as process:
        begin_bout(process, client)
        process.send_signal(signal.SIGSTOP)
        assert await_event(client).reason == "silent"
        process.send_signal(signal.SIGCONT)
        for _ in range(10):
            message = client.receive(DEADLINE_S)
            assert message is not None
            assert not isinstance(message, EventMessage)
        assert [each.event for each in client.open_events["top"]] == ["poke"]


def test_a_tracker_that_is_killed_and_started_again_at_once_ends_the_bout_before(tmp_path: Path) -> None:
    address = f"ipc://{tmp_path}/stream"
    with Client(address, kinds=("event",), silent_after_s=60.0) as client:
        with tracker(address) as process:
            begin_bout(process, client)
        with tracker(address) as process:
            write(process, "beat")
            deadline = time.monotonic() + DEADLINE_S
            message = client.receive(0.02)
            while message is None and time.monotonic() < deadline:
                write(process, "beat")
                message = client.receive(0.02)
        assert isinstance(message, EventMessage)
        assert (message.event, message.state, message.reason) == ("poke", "off", "restarted")
