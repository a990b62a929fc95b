"""The subscriber's library, against real sockets and real publishing processes."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import msgspec
import pytest
import zmq

from tracker.client import Client
from tracker.errors import StreamError
from tracker.messages import VERSION, AnimalMessage, EventMessage, ImageMessage, Message, PoseMessage, StatusMessage, topic
from tracker.stream.keys import make_keys, secure

REPOSITORY = Path(__file__).resolve().parents[2]
DEADLINE_S = 300.0
KINDS = {PoseMessage: "pose", EventMessage: "event", StatusMessage: "status", ImageMessage: "image"}

PUBLISHER = """
import sys, time, zmq
address, session = sys.argv[1:]
socket = zmq.Context().socket(zmq.XPUB)
socket.setsockopt(zmq.LINGER, 0)
socket.bind(address)
frame = 0
while True:
    frame += 1
    text = ('{"v": 2, "camera": "top", "session": "%s", "frame": %d, "received_ns": 1, "published_ns": 2, "exposed_ns": null,'
            ' "taken_ns": 1, "inferred_ns": 1, "lost": 0, "skipped": 0, "corrupt": 0, "setup": 1, "ended": [],'
            ' "animals": [], "scores": {}, "motion": null}') % (session, frame)
    socket.send_multipart([b"pose.top", text.encode()])
    time.sleep(0.005)
"""

ONLY_PYZMQ = """
import sys
for name in ("msgspec", "numpy", "cv2", "yaml", "torch"):
    sys.modules[name] = None
try:
    import numpy
except ImportError:
    print("guarded", flush=True)
from tracker.client import Client
with Client(sys.argv[1]) as client:
    for message in client:
        print(type(message).__name__, message.animals[0].points["snout"][0], flush=True)
        break
"""


class Stream:
    """A tracker's XPUB socket, without a tracker."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], address: str, high_water_mark: int) -> None:
        self.socket = context.socket(zmq.XPUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDHWM, high_water_mark)
        self.socket.bind(address)
        self.address = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def await_subscriptions(self, count: int) -> set[bytes]:
        found = set()
        for _ in range(count):
            assert self.socket.poll(int(DEADLINE_S * 1000)), "nobody subscribed"
            found.add(self.socket.recv()[1:])
        return found

    def send(self, *messages: Message) -> None:
        for message in messages:
            self.socket.send_multipart([topic(KINDS[type(message)], message.camera), msgspec.json.encode(message)])


class StreamMaker(Protocol):
    def __call__(self, address: str = "tcp://127.0.0.1:*", high_water_mark: int = 1000) -> Stream: ...


@pytest.fixture
def open_stream() -> Iterator[StreamMaker]:
    context = zmq.Context()
    opened: list[Stream] = []

    def make(address: str = "tcp://127.0.0.1:*", high_water_mark: int = 1000) -> Stream:
        opened.append(Stream(context, address, high_water_mark))
        return opened[-1]

    yield make
    for stream in opened:
        stream.socket.close()
    context.term()


@pytest.fixture
def stream(open_stream: StreamMaker) -> Stream:
    return open_stream()


def pose(
    frame: int, *, lost: int = 0, skipped: int = 0, corrupt: int = 0, camera: str = "top", session: str = "a", padding: int = 0
) -> PoseMessage:
    return PoseMessage(
        v=VERSION,
        camera=camera,
        session=session,
        frame=frame,
        received_ns=frame * 10,
        published_ns=frame * 10 + 1,
        exposed_ns=None,
        taken_ns=frame * 10,
        inferred_ns=frame * 10,
        lost=lost,
        skipped=skipped,
        corrupt=corrupt,
        setup=1,
        ended=[],
        animals=[AnimalMessage(id=0, points={"snout": (1.25, 2.5, 0.9)}, mm={})],
        scores={f"class {index}": 0.123456789 for index in range(padding)},
        motion=None,
    )


def event(frame: int) -> EventMessage:
    return EventMessage(
        v=VERSION,
        camera="top",
        session="a",
        frame=frame,
        received_ns=1,
        published_ns=2,
        event="poke",
        state="on",
        animal=0,
        onset_frame=frame,
        value=1.0,
        threshold=0.5,
        added_delay_ms=0.0,
        latency_ms=1.0,
        reason="rule",
    )


def heard(client: Client, count: int) -> list[Message]:
    messages = [client.receive(DEADLINE_S) for _ in range(count)]
    assert None not in messages, "a message did not arrive"
    return [message for message in messages if message is not None]


def wait_for(client: Client, done: Callable[[Message], bool]) -> Message:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        message = client.receive(1.0)
        if message is not None and done(message):
            return message
    raise AssertionError("what was waited for did not arrive")


def test_iterating_gives_typed_messages_in_order(stream: Stream, status: StatusMessage) -> None:
    with Client(stream.address, silent_after_s=DEADLINE_S) as client:
        assert stream.await_subscriptions(6) == {b"pose.", b"pose3d.", b"event.", b"alive.", b"setup.", b"status."}
        sent: list[Message] = [pose(1), event(1), replace(status, session="a"), pose(2)]
        stream.send(*sent)
        received = [next(client) for _ in sent]
    assert [type(message) for message in received] == [type(message) for message in sent]
    assert [message.frame for message in received] == [1, 1, 7, 2]
    first = received[0]
    assert isinstance(first, PoseMessage)
    assert list(first.animals[0].points["snout"]) == [1.25, 2.5, 0.9]


def test_only_the_camera_asked_for_is_heard_even_if_another_name_begins_with_it(stream: Stream) -> None:
    with Client(stream.address, kinds=("pose",), camera="top") as client:
        assert stream.await_subscriptions(2) == {b"pose.top", b"alive.top"}
        stream.send(pose(1, camera="top2"), pose(5, camera="top"))
        assert heard(client, 1)[0].camera == "top"
        assert client.receive(0) is None


def test_several_trackers_are_heard_through_one_client(open_stream: StreamMaker) -> None:
    streams = [open_stream(), open_stream()]
    with Client([each.address for each in streams], kinds=("pose",)) as client:
        for number, each in enumerate(streams):
            each.await_subscriptions(2)
            each.send(pose(1, camera=f"camera{number}"))
        assert {message.camera for message in heard(client, 2)} == {"camera0", "camera1"}


@pytest.mark.parametrize(
    ("sent", "missed"),
    [
        ([pose(10), pose(11), pose(12)], 0),
        ([pose(10), pose(15)], 4),
        ([pose(10), pose(15, lost=4)], 0),
        ([pose(10, lost=2), pose(15, lost=5)], 1),
        ([pose(10), pose(15, skipped=4)], 0),
        ([pose(10), pose(15, corrupt=4)], 0),
        ([pose(10, skipped=7), pose(20, lost=1, skipped=10, corrupt=2)], 3),
        ([pose(900), pose(1), pose(2)], 0),
        ([pose(10), pose(50, session="b"), pose(51, session="b")], 0),
        ([pose(10), pose(12), pose(5, session="b"), pose(8, session="b")], 3),
    ],
    ids=[
        "none",
        "missed by the client",
        "lost by the camera",
        "some of each",
        "skipped by pace",
        "damaged",
        "some of all",
        "camera counts anew",
        "restart",
        "gap on both sides of a restart",
    ],
)
def test_frames_that_this_client_missed_are_counted_apart_from_those_the_camera_lost(
    stream: Stream, sent: list[PoseMessage], missed: int
) -> None:
    with Client(stream.address, kinds=("pose",)) as client:
        stream.await_subscriptions(2)
        stream.send(*sent)
        heard(client, len(sent))
        assert client.gaps["top"] == missed
        assert client.restarts["top"] == len({message.session for message in sent}) - 1


def test_gaps_are_kept_for_each_camera(stream: Stream) -> None:
    with Client(stream.address, kinds=("pose",)) as client:
        stream.await_subscriptions(2)
        stream.send(pose(1, camera="top"), pose(100, camera="side"), pose(2, camera="top"), pose(103, camera="side"))
        heard(client, 4)
        assert dict(client.gaps) == {"side": 2}


def test_a_slow_reader_loses_messages_at_its_high_water_mark_and_knows_how_many(open_stream: StreamMaker, tmp_path: Path) -> None:
    stream = open_stream(f"ipc://{tmp_path}/stream", high_water_mark=5)
    with Client(stream.address, kinds=("pose",), high_water_mark=5) as client:
        assert client._socket.getsockopt(zmq.RCVHWM) == 5
        stream.await_subscriptions(2)
        for frame in range(2_000):
            stream.send(pose(frame, padding=200))
        received = 0
        frame = -1
        while (message := client.receive(0.5)) is not None:
            received += 1
            frame = message.frame
        stream.send(pose(2_000))  # what was lost at the end shows with the next message
        assert heard(client, 1)[0].frame == 2_000 > frame
        assert client.gaps["top"] > 0
        assert received + 1 + client.gaps["top"] == 2_001


PAUSED_READER = """
import sys
from tracker.client import Client
with Client(sys.argv[1], kinds=("pose",), high_water_mark=5) as client:
    client.receive(60.0)
    print("paused", flush=True)
    sys.stdin.readline()
    while (message := client.receive(60.0)) is not None and not message.skipped:
        pass
    print(client.gaps.total(), flush=True)
"""
PAUSE_S = 6.0  # libzmq's own heartbeats would cut the connection after three, and the next read would end the process


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_reader_that_paused_beyond_its_high_water_mark_reads_on(open_stream: StreamMaker, tmp_path: Path, transport: str) -> None:
    stream = open_stream("tcp://127.0.0.1:*" if transport == "tcp" else f"ipc://{tmp_path}/stream", high_water_mark=5)
    command = [sys.executable, "-c", PAUSED_READER, stream.address]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        stream.await_subscriptions(2)
        stream.send(pose(0))
        assert child.stdout.readline() == "paused\n"
        end = time.monotonic() + PAUSE_S
        frame = 0
        while time.monotonic() < end:
            frame += 1
            stream.send(pose(frame, padding=200))
            time.sleep(0.001)
        child.stdin.write("\n")
        child.stdin.flush()
        last = pose(frame + 1, skipped=1)
        while child.poll() is None:  # until there is room for it
            stream.send(last)
            time.sleep(0.01)
        missed = child.stdout.read()
        assert child.wait(DEADLINE_S) == 0, "the reader's process was ended"
    assert int(missed) > 0


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_tracker_that_was_killed_and_started_again_is_heard_again_as_a_restart(transport: str, free_port: int, tmp_path: Path) -> None:
    address = f"tcp://127.0.0.1:{free_port}" if transport == "tcp" else f"ipc://{tmp_path}/stream"
    with Client(address) as client:
        for number, session in enumerate(("first", "second")):
            with subprocess.Popen([sys.executable, "-c", PUBLISHER, address, session]) as publisher:
                try:
                    wait_for(client, lambda message, session=session: bool(message.session == session))  # type: ignore[misc]
                    assert client.restarts["top"] == number
                finally:
                    publisher.send_signal(signal.SIGKILL)
        assert client.gaps["top"] == 0


def test_a_stream_with_curve_keys_is_heard_with_a_key_and_not_without(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys")
    context = zmq.Context()
    server = context.socket(zmq.XPUB)
    authenticator = secure(server, tmp_path / "keys")
    try:
        port = server.bind_to_random_port("tcp://127.0.0.1")
        address = f"tcp://127.0.0.1:{port}"
        with Client(address, kinds=("pose",)) as stranger, Client(address, kinds=("pose",), keys=tmp_path / "keys") as client:
            assert server.poll(int(DEADLINE_S * 1000)), "nobody was let in"
            assert {server.recv(), server.recv()} == {b"\x01pose.", b"\x01alive."}
            server.send_multipart([b"pose.top", msgspec.json.encode(pose(3))])
            assert heard(client, 1)[0].frame == 3
            assert stranger.receive(0) is None
    finally:
        server.close()
        authenticator.stop()
        context.term()


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [(b"hello", "unreadable payload"), (b'{"v": 1}', "schema version 1"), (b'{"v": 2}', "unreadable payload")],
    ids=["not JSON", "another version", "fields missing"],
)
def test_a_foreign_message_is_refused_in_a_sentence_and_reading_can_go_on(stream: Stream, payload: bytes, complaint: str) -> None:
    with Client(stream.address, kinds=("pose",)) as client:
        stream.await_subscriptions(2)
        stream.socket.send_multipart([b"pose.top", payload])
        stream.send(pose(4))
        with pytest.raises(StreamError, match=complaint):
            client.receive(DEADLINE_S)
        assert next(client).frame == 4


@pytest.mark.parametrize(
    ("addresses", "kinds", "complaint"),
    [
        ("nowhere", ("pose",), "nowhere: cannot connect"),
        ("tcp://127.0.0.1", ("pose",), "cannot connect"),
        ("tcp://127.0.0.1:5571", ("poses",), "kind 'poses' is not in the stream"),
        ("tcp://127.0.0.1:5571", "pose", "expected a list"),
        ("tcp://127.0.0.1:5571", (), "expected a list"),
    ],
)
def test_bad_arguments_are_refused_in_a_sentence(addresses: str, kinds: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(StreamError, match=complaint):
        Client(addresses, kinds=kinds)


def test_nothing_heard_in_time_is_none() -> None:
    with Client("tcp://127.0.0.1:9") as client:
        assert client.receive(0.05) is None


def test_the_client_needs_only_pyzmq(stream: Stream) -> None:
    with subprocess.Popen([sys.executable, "-c", ONLY_PYZMQ, stream.address], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as reader:
        stream.await_subscriptions(5)
        stream.send(pose(1))
        out, _ = reader.communicate(timeout=DEADLINE_S)
    assert out.splitlines() == ["guarded", "PoseMessage 1.25"]
    assert reader.returncode == 0


def test_the_python_example_of_the_manual_runs(stream: Stream) -> None:
    page = (REPOSITORY / "docs" / "stream.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found is not None
    example = found[1].replace("tcp://127.0.0.1:5571", stream.address)
    assert example != found[1]
    assert len(example.splitlines()) <= 10
    with subprocess.Popen([sys.executable, "-u", "-c", example], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as reader:
        stream.await_subscriptions(2)
        stream.send(pose(1), event(2))
        assert reader.stdout is not None
        lines = [reader.stdout.readline() for _ in range(2)]
        reader.kill()
    assert "1.25" in lines[0]
    assert "poke" in lines[1]
