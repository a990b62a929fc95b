"""Every "on" that a subscriber is given gets its "off", with time under the test's control and real sockets."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import msgspec
import pytest
import zmq

from tracker.client import AliveMessage, Client, EventMessage, Message, OpenEvent, StatusMessage, StreamError
from tracker.messages import TOPICS, VERSION, EndReason, topic

DEADLINE_S = 300.0
MS = 1_000_000
KINDS = {message: kind for kind, message in TOPICS.items()}


class StepClock:
    def __init__(self) -> None:
        self.now_ns = 10**12

    def __call__(self) -> int:
        return self.now_ns


class Tracker:
    """A tracker's socket and a client of it that lives on a clock of the test."""

    def __init__(self, socket: zmq.Socket[bytes], client: Client, clock: StepClock, mark: StatusMessage) -> None:
        self._socket, self.client, self._clock, self._mark = socket, client, clock, mark

    def send(self, *messages: Message) -> None:
        for message in messages:
            self._socket.send_multipart([topic(KINDS[type(message)], message.camera), msgspec.json.encode(message)])

    def heard(self, *messages: Message) -> list[Message]:
        """Send messages; all that the client gives until the mark that is sent after them has come."""
        self.send(*messages, replace(self._mark, camera=messages[-1].camera, session=messages[-1].session))
        received: list[Message] = []
        while True:
            message = self.client.receive(DEADLINE_S)
            assert message is not None, "a message did not arrive"
            if isinstance(message, StatusMessage):
                return received
            received.append(message)

    def pass_time(self, milliseconds: float) -> None:
        self._clock.now_ns += int(milliseconds * MS)

    def after(self, milliseconds: float) -> list[Message]:
        """All that the client gives when so much time has gone by without anything having come."""
        self.pass_time(milliseconds)
        received: list[Message] = []
        while (message := self.client.receive(0)) is not None:
            received.append(message)
        return received


@pytest.fixture
def open_tracker(status: StatusMessage) -> Iterator[Callable[..., Tracker]]:
    context = zmq.Context()
    opened: list[tuple[zmq.Socket[bytes], Client]] = []

    def make(kinds: tuple[str, ...] = ("event", "status"), silent_after_s: float | None = None) -> Tracker:
        socket = context.socket(zmq.XPUB)
        socket.setsockopt(zmq.LINGER, 0)
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        clock = StepClock()
        client = Client(f"tcp://127.0.0.1:{port}", kinds=kinds, silent_after_s=silent_after_s, clock=clock)
        opened.append((socket, client))
        for _ in {*kinds, "alive"}:
            assert socket.poll(int(DEADLINE_S * 1000)), "nobody subscribed"
            socket.recv()
        return Tracker(socket, client, clock, status)

    yield make
    for socket, client in opened:
        client.close()
        socket.close()
    context.term()


def event(state: str, frame: int, *, name: str = "poke", animal: int = 0, onset: int | None = None, session: str = "a") -> EventMessage:
    return EventMessage(
        v=VERSION,
        camera="top",
        session=session,
        frame=frame,
        received_ns=frame * 10 * MS,
        published_ns=frame * 10 * MS + 1,
        event=name,
        state=state,  # type: ignore[arg-type]
        animal=animal,
        onset_frame=frame if onset is None else onset,
        value=3.0,
        threshold=2.0,
        added_delay_ms=50.0,
        latency_ms=1.0,
        reason="rule",
    )


def alive(frame: int, *open_events: OpenEvent, interval_ms: float = 100.0, session: str = "a", camera: str = "top") -> AliveMessage:
    return AliveMessage(
        v=VERSION,
        camera=camera,
        session=session,
        frame=frame,
        received_ns=frame * 10 * MS,
        published_ns=frame * 10 * MS + 5,
        interval_ms=interval_ms,
        open=list(open_events),
    )


def on(name: str = "poke", onset: int = 5, animal: int = 0) -> OpenEvent:
    return OpenEvent(event=name, animal=animal, onset_frame=onset)


def told(messages: list[Message]) -> list[tuple[str, str, EndReason]]:
    assert all(isinstance(message, EventMessage) for message in messages), messages
    return [(message.event, message.state, message.reason) for message in messages if isinstance(message, EventMessage)]


def test_an_event_is_ended_when_nothing_was_heard_for_half_a_second(open_tracker: Callable[..., Tracker]) -> None:
    tracker = open_tracker()
    assert told(tracker.heard(event("on", 5))) == [("poke", "on", "rule")]
    assert tracker.after(499) == []
    (ended,) = tracker.after(1)
    assert isinstance(ended, EventMessage)
    assert (ended.event, ended.state, ended.reason, ended.onset_frame, ended.value) == ("poke", "off", "silent", 5, 3.0)
    assert ended.latency_ms == 500.0
    assert tracker.after(10_000) == [], "an event ends once"
    assert tracker.client.silent == {"top"}


@pytest.mark.parametrize(
    ("interval_ms", "silent_after_s", "silent_ms"),
    [(20.0, None, 500), (100.0, None, 500), (200.0, None, 1000), (200.0, 0.25, 250), (20.0, 2.0, 2000)],
    ids=["fast heartbeat", "usual heartbeat", "slow heartbeat", "told, shorter", "told, longer"],
)
def test_silence_is_five_intervals_of_the_heartbeat_or_as_told(
    open_tracker: Callable[..., Tracker], interval_ms: float, silent_after_s: float | None, silent_ms: int
) -> None:
    tracker = open_tracker(silent_after_s=silent_after_s)
    tracker.heard(event("on", 5), alive(6, on(), interval_ms=interval_ms))
    assert tracker.after(silent_ms - 1) == []
    assert told(tracker.after(1)) == [("poke", "off", "silent")]


def test_the_heartbeat_alone_keeps_an_event_on(open_tracker: Callable[..., Tracker]) -> None:
    tracker = open_tracker()
    tracker.heard(event("on", 5))
    for _ in range(20):
        assert tracker.after(100) == []
        assert tracker.heard(alive(5, on())) == []
    assert told(tracker.heard(event("off", 9, onset=5))) == [("poke", "off", "rule")]


def test_a_new_session_ends_what_was_on_before_anything_of_it_is_delivered(open_tracker: Callable[..., Tracker]) -> None:
    tracker = open_tracker()
    tracker.heard(event("on", 5), event("on", 6, name="rear"))
    ended = tracker.heard(event("on", 1, session="b"))
    assert told(ended) == [("poke", "off", "restarted"), ("rear", "off", "restarted"), ("poke", "on", "rule")]
    assert [message.session for message in ended] == ["a", "a", "b"]


def test_an_end_that_was_lost_is_made_up_for_at_the_next_heartbeat(open_tracker: Callable[..., Tracker]) -> None:
    tracker = open_tracker()
    tracker.heard(event("on", 5), event("on", 5, animal=1))
    assert told(tracker.heard(alive(30, on(animal=1)))) == [("poke", "off", "unheard")]
    assert tracker.heard(alive(31, on(animal=1))) == []


def test_an_end_and_the_next_onset_that_were_both_lost_end_the_event_too(open_tracker: Callable[..., Tracker]) -> None:
    tracker = open_tracker()
    tracker.heard(event("on", 5))
    assert told(tracker.heard(alive(30, on(onset=20)))) == [("poke", "off", "unheard")]


def test_an_onset_after_an_end_that_was_lost_comes_after_that_end(open_tracker: Callable[..., Tracker]) -> None:
    tracker = open_tracker()
    tracker.heard(event("on", 5))
    assert told(tracker.heard(event("on", 20))) == [("poke", "off", "unheard"), ("poke", "on", "rule")]


def test_an_event_that_began_before_the_client_came_is_shown_but_has_no_onset(open_tracker: Callable[..., Tracker]) -> None:
    tracker = open_tracker()
    assert tracker.heard(alive(30, on())) == []
    assert tracker.client.open_events == {"top": (on(),)}
    assert told(tracker.heard(event("off", 40, onset=5))) == [("poke", "off", "rule")]
    assert tracker.client.open_events == {}


def test_after_silence_an_event_begins_again_only_with_the_next_onset(open_tracker: Callable[..., Tracker]) -> None:
    tracker = open_tracker()
    tracker.heard(event("on", 5))
    assert told(tracker.after(600)) == [("poke", "off", "silent")]
    assert tracker.client.open_events == {}
    assert tracker.heard(alive(6, on())) == [], "the tracker still holds it for on"
    assert tracker.client.open_events == {"top": (on(),)}
    tracker.heard(event("off", 50, onset=5))
    assert told(tracker.heard(event("on", 60))) == [("poke", "on", "rule")]


def test_a_reader_that_was_away_takes_what_came_meanwhile_before_it_judges(open_tracker: Callable[..., Tracker]) -> None:
    tracker = open_tracker()
    tracker.heard(event("on", 5))
    tracker.send(alive(20, on()), event("off", 40, onset=5))
    assert tracker.client._socket.poll(int(DEADLINE_S * 1000))
    tracker.pass_time(5_000)
    assert told(tracker.heard(event("on", 60))) == [("poke", "off", "rule"), ("poke", "on", "rule")]


def test_a_stream_that_never_pauses_does_not_hide_that_another_one_has_stopped(open_tracker: Callable[..., Tracker]) -> None:
    tracker = open_tracker(kinds=("event", "status"))
    tracker.heard(event("on", 5))
    tracker.send(*(alive(frame, camera="side") for frame in range(200)))
    assert tracker.client._socket.poll(int(DEADLINE_S * 1000))
    assert told(tracker.after(600)) == [("poke", "off", "silent")]


@pytest.mark.parametrize("silent_after_s", [0.0, -1.0, float("inf"), float("nan")])
def test_a_silence_that_is_no_time_is_refused(silent_after_s: float) -> None:
    with pytest.raises(StreamError, match="expected a time in seconds above 0"):
        Client("tcp://127.0.0.1:5571", silent_after_s=silent_after_s)
