"""The publishing socket by itself: what it says, who newly subscribes gets at once, and what no subscriber can do to it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from tracker.client import AliveMessage, Client, EventMessage, Message, OpenEvent, PoseMessage, SetupMessage, StatusMessage
from tracker.config import PublisherConfig
from tracker.event import Event
from tracker.frame import Frame, FrameCounts
from tracker.messages import VERSION
from tracker.pose import Pose
from tracker.stream.publisher import UPSTREAM_PER_CALL, Publisher

DEADLINE_S = 300.0
FRAME = Frame(image=np.zeros((4, 4), np.uint8), number=7, exposed_ns=5, received_ns=6)


class StepClock:
    def __init__(self) -> None:
        self.now_ns = 10**9

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/stream"


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


@pytest.fixture
def publisher(address: str, clock: StepClock) -> Iterator[Publisher]:
    with Publisher(PublisherConfig(bind=(address,), high_water_mark=1_000, curve_keys=None), camera="top", clock=clock) as opened:
        yield opened


@pytest.fixture
def peer(address: str) -> Iterator[zmq.Socket[bytes]]:
    """A subscriber that sends upstream whatever the test has it send."""
    with zmq.Context() as context, context.socket(zmq.XSUB) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.SNDHWM, 0)
        socket.connect(address)
        yield socket


@pytest.fixture
def setup() -> SetupMessage:
    return SetupMessage(
        v=VERSION,
        camera="top",
        session="a",
        frame=3,
        received_ns=1,
        published_ns=2,
        setup=1,
        cause="start",
        bundle="mouse",
        bundle_sha256="0",
        point_names=["snout"],
        calibrated=False,
        zones=[],
        behaviour=[],
    )


def heard(client: Client, publisher: Publisher, done: Callable[[Message], bool], say: Callable[[], object] = lambda: None) -> Message:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        publisher.serve()
        say()
        message = client.receive(0.02)
        if message is not None and done(message):
            return message
    raise AssertionError("what was waited for did not arrive")


def beat(publisher: Publisher) -> None:
    publisher.alive(frame=7, received_ns=6, interval_ms=100.0, open_events=[OpenEvent(event="poke", animal=1, onset_frame=5)])


def test_a_newcomer_gets_the_last_setup_and_status_though_none_is_published_any_more(
    address: str, publisher: Publisher, setup: SetupMessage, status: StatusMessage
) -> None:
    publisher.setup(replace(setup, setup=1))
    publisher.setup(replace(setup, setup=2))
    publisher.status(replace(status, frame=41, session="a"))
    publisher.status(replace(status, frame=42, session="a"))
    with Client(address, kinds=("setup", "status")) as newcomer:
        first = heard(newcomer, publisher, lambda message: isinstance(message, SetupMessage))
        second = heard(newcomer, publisher, lambda message: isinstance(message, StatusMessage))
    assert isinstance(first, SetupMessage)
    assert first.setup == 2
    assert second.frame == 42


def test_newcomers_in_any_number_are_served_no_more_often_than_one(
    address: str, publisher: Publisher, clock: StepClock, status: StatusMessage, peer: zmq.Socket[bytes]
) -> None:
    publisher.status(status)
    with Client(address, kinds=("status",)) as client:
        heard(client, publisher, lambda message: isinstance(message, StatusMessage))
        clock.now_ns += 10**9
        for _ in range(100):
            peer.send(b"\x01status.top")
        heard(client, publisher, lambda message: isinstance(message, StatusMessage))
        for _ in range(50):
            publisher.serve()
            assert client.receive(0.002) is None, "at the same moment once more"
        clock.now_ns += 10**9
        heard(client, publisher, lambda message: isinstance(message, StatusMessage))


def test_the_heartbeat_says_what_is_on(address: str, publisher: Publisher) -> None:
    with Client(address, kinds=("alive",)) as client:
        message = heard(client, publisher, lambda _: True, lambda: beat(publisher))
    assert isinstance(message, AliveMessage)
    assert (message.frame, message.received_ns, message.interval_ms) == (7, 6, 100.0)
    assert message.open == [OpenEvent(event="poke", animal=1, onset_frame=5)]


def test_a_pose_carries_each_count_by_its_own_name_and_an_absent_point_as_none(address: str, publisher: Publisher) -> None:
    pose = Pose(points=np.array([[[1.5, 2.5, 0.5], [np.nan, np.nan, np.nan]]], np.float32), mm=None)

    def say() -> None:
        publisher.pose(
            FRAME,
            pose,
            names=("snout", "tail"),
            taken_ns=8,
            inferred_ns=9,
            counts=FrameCounts(lost=1, skipped=2, corrupt=3),
            setup=4,
            ended=[("poke", 0, "camera_lost")],
            motion=None,
            brightness={},
        )

    with Client(address, kinds=("pose",)) as client:
        message = heard(client, publisher, lambda _: True, say)
    assert isinstance(message, PoseMessage)
    assert (message.lost, message.skipped, message.corrupt, message.setup, message.ended) == (1, 2, 3, 4, [("poke", 0, "camera_lost")])
    assert message.animals[0].points == {"snout": (1.5, 2.5, 0.5), "tail": (None, None, None)}


def test_an_event_says_why_it_ended(address: str, publisher: Publisher) -> None:
    event = Event(
        name="poke", state="off", animal=0, frame=7, onset_frame=5, value=1.0, threshold=0.5, added_delay_ms=0.0, reason="camera_lost"
    )
    with Client(address, kinds=("event",)) as client:
        message = heard(client, publisher, lambda _: True, lambda: publisher.event(FRAME, event))
    assert isinstance(message, EventMessage)
    assert message.reason == "camera_lost"


def test_a_flood_of_subscriptions_is_taken_in_portions(publisher: Publisher, peer: zmq.Socket[bytes]) -> None:
    for number in range(20_000):
        peer.send(b"\x01%d" % number)
    for _ in range(300):  # libzmq takes messages up at every use of the socket, so that many more wait than one call may take
        assert publisher._socket.poll(int(DEADLINE_S * 1_000))
        time.sleep(0.0005)
    before = int(publisher._socket.recv()[1:])
    publisher.serve()
    assert publisher._socket.poll(int(DEADLINE_S * 1_000))
    after = int(publisher._socket.recv()[1:])
    assert after - before - 1 <= UPSTREAM_PER_CALL


@pytest.mark.parametrize(
    "sent",
    [[b"\x02image.top"], [b""], [b"\x00alive."], [b"\x00"], [b"\x02", b"\x00alive."], [b"\xff" * 1_000]],
    ids=["not a subscription", "empty", "an end of what it never began", "end of all", "two parts", "noise"],
)
def test_nothing_that_one_peer_sends_takes_anything_from_another(
    address: str, publisher: Publisher, peer: zmq.Socket[bytes], sent: list[bytes]
) -> None:
    with Client(address, kinds=("alive",)) as client:
        heard(client, publisher, lambda _: True, lambda: beat(publisher))
        peer.send_multipart(sent)
        peer.send(b"\x01mark")
        marked = False
        deadline = time.monotonic() + DEADLINE_S
        while not marked:  # what was sent before has then been taken up too
            assert time.monotonic() < deadline
            publisher.serve()
            publisher._socket.send(b"mark")
            marked = bool(peer.poll(2))
        while client.receive(0) is not None:
            pass
        heard(client, publisher, lambda _: True, lambda: beat(publisher))


def test_a_peer_that_sends_a_large_message_is_cut_off_and_the_others_go_on_hearing(
    address: str, publisher: Publisher, peer: zmq.Socket[bytes]
) -> None:
    events = peer.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    with Client(address, kinds=("alive",)) as client:
        heard(client, publisher, lambda _: True, lambda: beat(publisher))
        peer.send(b"\x02" + b"x" * 1_000_000)
        deadline = time.monotonic() + DEADLINE_S
        while not events.poll(5):
            assert time.monotonic() < deadline, "the large message was taken"
            publisher.serve()
        assert recv_monitor_message(events)["event"] == zmq.EVENT_DISCONNECTED
        heard(client, publisher, lambda _: True, lambda: beat(publisher))
    peer.disable_monitor()
    events.close()
