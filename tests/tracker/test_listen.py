"""`tracker listen`, against real sockets; Ctrl-C and a broken pipe against a real process."""

import io
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TextIO

import msgspec
import pytest
import zmq

from tracker import listen as listening
from tracker.client import Client
from tracker.listen import KINDS, human_line, json_line, listen
from tracker.messages import (
    TOPICS,
    VERSION,
    AliveMessage,
    Animal3DMessage,
    AnimalMessage,
    EventMessage,
    ImageMessage,
    Message,
    OpenEvent,
    Pose3DMessage,
    PoseMessage,
    Problem,
    RigCameraMessage,
    RigMessage,
    SetupMessage,
    StatusMessage,
    topic,
)

REPOSITORY = Path(__file__).resolve().parents[2]
DEADLINE_S = 300.0
STAMP = {"v": VERSION, "camera": "top", "session": "a", "received_ns": 1_000_000, "published_ns": 3_500_000}
POSE = PoseMessage(
    **STAMP,  # type: ignore[arg-type]
    frame=41,
    exposed_ns=None,
    taken_ns=1_100_000,
    inferred_ns=3_000_000,
    lost=2,
    skipped=3,
    corrupt=1,
    setup=1,
    ended=[],
    animals=[AnimalMessage(id=0, points={"snout": (312.4, 201.7, 0.98), "tail": (300.0, 220.0, 0.5)}, mm={})],
    scores={},
    motion=0.0125,
)
EVENT = EventMessage(
    **STAMP,  # type: ignore[arg-type]
    frame=42,
    event="poke",
    state="on",
    animal=0,
    onset_frame=40,
    value=12.34,
    threshold=10.0,
    added_delay_ms=50.0,
    latency_ms=2.5,
    reason="rule",
)
SETUP = SetupMessage(
    **STAMP,  # type: ignore[arg-type]
    frame=43,
    setup=2,
    cause="reload",
    bundle="mouse",
    bundle_sha256="0" * 64,
    point_names=["snout", "tail"],
    calibrated=True,
    zones=[],
    behaviour=[{"event": "poke"}, {"event": "rear"}],
)
ALIVE = AliveMessage(**STAMP, frame=42, interval_ms=100.0, open=[OpenEvent(event="poke", animal=0, onset_frame=40)])  # type: ignore[arg-type]
LISTEN = ("-m", "tracker", "listen", "--json")


class Stream:
    """A tracker's XPUB socket, without a tracker."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self.socket = socket
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind("tcp://127.0.0.1:*")
        self.address = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def await_subscriptions(self, count: int = 5) -> None:
        for _ in range(count):
            assert self.socket.poll(int(DEADLINE_S * 1000)), "nobody subscribed"
            self.socket.recv()

    def send(self, *messages: Message) -> None:
        kinds = {message: kind for kind, message in TOPICS.items()}
        for message in messages:
            self.socket.send_multipart([topic(kinds[type(message)], message.camera), msgspec.json.encode(message)])


@pytest.fixture
def stream() -> Iterator[Stream]:
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        yield Stream(socket)


@contextmanager
def sending(stream: Stream, *messages: Message) -> Iterator[None]:
    """Send messages from a second thread as soon as somebody has subscribed."""

    def run() -> None:
        stream.await_subscriptions()
        stream.send(*messages)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def heard(address: str, *, json_lines: bool, kinds: Sequence[str] = KINDS, out: TextIO, **limits: Any) -> int:
    """What `listen` prints of the stream at that address."""
    with Client(address, kinds=kinds) as client:
        return listen(client, json_lines=json_lines, out=out, **limits)


def test_json_lines_are_one_object_a_line_with_the_topic_and_every_field(stream: Stream, status: StatusMessage) -> None:
    out = io.StringIO()
    sent: tuple[Message, ...] = (
        POSE,
        SETUP,
        replace(status, session="a", problems=[Problem(cause="camera", sentence="cable", since_ns=1)]),
        EVENT,
    )
    with sending(stream, *sent):
        assert heard(stream.address, json_lines=True, count=4, out=out) == 0
    lines = out.getvalue().splitlines()
    assert len(lines) == 4
    for line, message in zip(lines, sent, strict=True):
        values = json.loads(line)
        kind = values.pop("topic").split(".")[0]
        assert TOPICS[kind] is type(message)
        assert values.keys() == {field.name for field in fields(message)}
        assert values == json.loads(msgspec.json.encode(message))


def test_a_picture_is_listed_without_its_bytes() -> None:
    image = ImageMessage(**STAMP, frame=3, width=640, height=480, jpeg=b"\xff\xd8")  # type: ignore[arg-type]
    values = json.loads(json_line(image))
    assert values["topic"] == "image.top"
    assert "jpeg" not in values


def test_lines_for_people_are_aligned_and_say_what_matters(status: StatusMessage) -> None:
    full = replace(
        status,
        fps={"published": 99.98},
        latency_ms={"total": {"p50": 1.0, "p99": 2.0, "p99.9": 3.0, "max": 4.0}},
        problems=[Problem(cause="camera", sentence="cable", since_ns=1)],
    )
    pose, event, health = (human_line(message, colour=False) for message in (POSE, EVENT, full))
    assert pose.index("2.50 ms") < 40
    assert "lost 2    skipped 3    corrupt 1 " in pose
    assert "snout  312.4, 201.7 0.98" in pose
    assert ">> poke ON" in event
    assert "onset at frame 40" in event
    assert "published 100.0/s" in health
    assert "p50 1.00 p99 2.00 ms" in health
    assert "camera: cable" in health
    frame_ends = {line.index(f"{number}  ") + len(str(number)) for line, number in ((pose, 41), (event, 42), (health, 7))}
    assert len(frame_ends) == 1, "the frame numbers do not stand under each other"


def test_lines_for_people_say_what_is_on_what_runs_and_why_an_event_ended() -> None:
    assert "every 100 ms  on: poke (animal 0, since frame 40)" in human_line(ALIVE, colour=False)
    assert "nothing on" in human_line(replace(ALIVE, open=[]), colour=False)
    assert "setup 2 (reload)  bundle mouse  2 points in px and mm  events: poke, rear" in human_line(SETUP, colour=False)
    assert ">> poke OFF (camera_lost)" in human_line(replace(EVENT, state="off", reason="camera_lost"), colour=False)


def test_the_heartbeat_is_printed_only_when_it_was_asked_for(stream: Stream) -> None:
    out = io.StringIO()
    with sending(stream, ALIVE, POSE):
        heard(stream.address, json_lines=True, count=1, out=out)
    assert json.loads(out.getvalue())["topic"] == "pose.top"


def test_a_stream_without_the_messages_asked_for_is_not_taken_for_silence(stream: Stream, capsys: pytest.CaptureFixture[str]) -> None:
    def beat() -> None:
        stream.await_subscriptions(2)
        while not stop.wait(0.02):
            stream.send(ALIVE)

    stop = threading.Event()
    thread = threading.Thread(target=beat)
    thread.start()
    try:
        assert heard(stream.address, json_lines=True, kinds=("event",), seconds=0.5, out=io.StringIO()) == 1
    finally:
        stop.set()
        thread.join()
    assert capsys.readouterr().err == f"no such message in 0.5 s; the tracker at {stream.address} is alive\n"


def test_events_and_lost_cameras_stand_out_in_colour_only_on_a_terminal(status: StatusMessage) -> None:
    lost = replace(status, state="camera_lost")
    assert all("\x1b[" in human_line(message, colour=True) for message in (EVENT, lost))
    assert not any("\x1b[" in human_line(message, colour=True) for message in (POSE, status))
    assert not any("\x1b[" in human_line(message, colour=False) for message in (EVENT, lost))


def test_a_rig_is_shown_with_places_their_error_and_their_cameras(status: StatusMessage) -> None:
    places = Animal3DMessage(
        id=0,
        points={"snout": (12.34, -5.0, 30.0, 0.9), "tail": (None, None, None, None)},
        error_px={"snout": 0.42, "tail": 31.0},
        cameras={"snout": ["top", "side"], "tail": []},
    )
    moment = Pose3DMessage(
        **STAMP,  # type: ignore[arg-type]
        frame=7,
        time_ns=0,
        joined_by="number",
        spread_ns=0,
        frames={"top": 7, "side": 9, "back": None},
        late={},
        setup=1,
        ended=[],
        animals=[places],
    )
    one = RigCameraMessage(session="b", alive=True, offset=0, rate_hz=100.0, joined=1, late=0, refused=0, clock_offset_ms=None)
    rig = RigMessage(
        frame_of_reference="camera top", joined_by="number", deadline_ms=5.0, cameras={"top": one, "side": replace(one, alive=False)}
    )

    assert "2 of 3 cameras  snout   12.3,  -5.0,  30.0 mm (0.4 px, 2 cameras)  tail -,-,- mm (31.0 px, 0 cameras)" in human_line(
        moment, colour=False
    )
    assert "1 of 2 cameras alive (top)  joined by number" in human_line(replace(status, bundle="", rig=rig), colour=False)


def test_a_key_point_that_is_not_a_number_and_a_crowded_animal_fit_on_a_line() -> None:
    points = {f"p{index}": (1.0, 2.0, 0.5) for index in range(6)} | {"p0": (None, None, 0.0)}
    line = human_line(replace(POSE, animals=[AnimalMessage(id=0, points=points, mm={})]), colour=False)  # type: ignore[arg-type]
    assert "p0 -,- 0.00" in line
    assert "and 2 more" in line
    assert "no animal" in human_line(replace(POSE, animals=[]), colour=False)


def test_control_sequences_from_the_network_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in human_line(replace(EVENT, event="\x1b]0;gotcha\x07"), colour=False)
    assert "\n" not in human_line(replace(EVENT, event="two\nlines"), colour=False)


def test_silence_is_an_error_when_a_time_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    assert heard("tcp://127.0.0.1:9", json_lines=False, seconds=0.2, out=out) == 1
    assert out.getvalue() == ""
    complaint = capsys.readouterr().err
    assert complaint == "nothing heard in 0.2 s at tcp://127.0.0.1:9; is a tracker publishing there?\n"


def test_that_nothing_was_heard_yet_is_said_once_while_waiting_goes_on(
    stream: Stream, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "_AT_FIRST_S", 0.05)
    assert heard(stream.address, json_lines=True, seconds=0.4, out=io.StringIO()) == 1
    waiting, end = capsys.readouterr().err.splitlines()
    assert waiting == f"nothing heard yet; is a tracker publishing there? Still waiting at {stream.address}"
    assert end.startswith("nothing heard in 0.4 s")


def test_silence_after_something_was_heard_is_said_with_its_length(
    stream: Stream, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "_SILENT_S", 0.05)
    with sending(stream, replace(ALIVE, interval_ms=1.0), POSE):  # no heartbeat follows
        assert heard(stream.address, json_lines=True, seconds=1.0, out=io.StringIO()) == 0
    assert capsys.readouterr().err == f"nothing heard for 0.05 s; still waiting at {stream.address}\n"


def test_listening_for_a_time_ends_well_when_something_was_heard(stream: Stream) -> None:
    out = io.StringIO()
    with sending(stream, POSE):
        assert heard(stream.address, json_lines=True, seconds=1.0, out=out) == 0
    assert len(out.getvalue().splitlines()) == 1


def test_missed_frames_and_restarts_are_said_beside_the_stream(stream: Stream, capsys: pytest.CaptureFixture[str]) -> None:
    with sending(stream, POSE, replace(POSE, frame=45), replace(POSE, frame=1, session="b")):
        heard(stream.address, json_lines=True, count=3, out=io.StringIO())
    missed, restarted = capsys.readouterr().err.splitlines()
    assert missed == "top: missed 3 frames before frame 45; this reader was too slow or was cut off"
    assert restarted == "top: the tracker was started anew (session 'b')"


def test_ctrl_c_ends_it_well(stream: Stream) -> None:
    with subprocess.Popen(
        [sys.executable, *LISTEN, stream.address], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as process:
        stream.await_subscriptions()
        stream.send(POSE)
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["frame"] == 41  # flushed at once
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    assert complaint == ""


def test_a_reader_that_goes_away_ends_it_quietly(stream: Stream) -> None:
    with subprocess.Popen(
        [sys.executable, *LISTEN, stream.address], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as process:
        stream.await_subscriptions()
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        stream.send(POSE, POSE)
        assert process.wait(timeout=DEADLINE_S) == 0
        assert process.stderr.read() == ""
