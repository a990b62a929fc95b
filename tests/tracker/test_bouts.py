"""Sessions that begin with an event: what came before the onset is in them, several onsets extend them, memory is bounded."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from tests.conftest import BundleMaker
from tests.tracker.daemon import Daemon, wait_for, write_config, write_images
from tests.tracker.recorded import MS, ask, event_at, number_in, picture, pose_of, recorder_of, wait_until
from tracker.client import Client
from tracker.config import Config, RecordingConfig, load_config
from tracker.errors import ConfigError
from tracker.frame import Frame
from tracker.messages import EventMessage, PoseMessage, StatusMessage
from tracker.recording.on_event import ENDED, Bouts
from tracker.recording.read_session import RecordedSession
from tracker.recording.recent import Recent
from tracker.recording.recorder import Recorder

PERIOD_NS = 10 * MS


def frame(number: int) -> Frame:
    return Frame(image=picture(number), number=number, exposed_ns=None, received_ns=number * PERIOD_NS)


def change(number: int, state: str, event: str = "poke") -> EventMessage:
    return msgspec.convert(msgspec.to_builtins(event_at(frame(number))) | {"state": state, "event": event}, EventMessage)


def test_frames_kept_are_bounded_by_time() -> None:
    recent = Recent(before_ns=20 * PERIOD_NS, limit_bytes=10**9)
    for number in range(100):
        recent.put(frame(number))
        recent.put(pose_of(frame(number)))
    assert (recent.frames, recent.image_bytes) == (21, 21 * frame(0).image.nbytes)
    items = recent.take()
    assert [item.number for item in items if isinstance(item, Frame)] == list(range(79, 100))
    assert sum(isinstance(item, PoseMessage) for item in items) == 21
    assert (recent.frames, recent.image_bytes, recent.take()) == (0, 0, [])


def test_frames_kept_are_bounded_by_bytes_even_while_they_are_held() -> None:
    recent = Recent(before_ns=20 * PERIOD_NS, limit_bytes=30 * frame(0).image.nbytes)
    recent.hold(0)
    for number in range(100):
        recent.put(frame(number))
    assert recent.frames == 30


def test_what_came_before_an_onset_is_held_until_a_session_takes_it() -> None:
    recent = Recent(before_ns=20 * PERIOD_NS, limit_bytes=10**9)
    for number in range(100):
        recent.put(frame(number))
        if number == 50:
            recent.hold(50 * PERIOD_NS)
    assert [item.number for item in recent.take() if isinstance(item, Frame)] == list(range(30, 100))


class Armed:
    """A recorder with its bouts; the time that ends a session is the test's."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.now_ns = 0
        self.number = 0
        self.bouts_are_idle: Callable[[], bool] = lambda: True

    def show(self, count: int) -> None:
        """Frames at 100 per second with their poses."""
        for _ in range(count):
            self.recorder.offer(frame(self.number))
            self.recorder.pose(pose_of(frame(self.number)))
            self.number += 1
        self.now_ns = (self.number - 1) * PERIOD_NS

    def change(self, state: str, event: str = "poke") -> None:
        """An event that the last frame turns on or off."""
        self.recorder.event(change(self.number - 1, state, event))

    def later(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)

    def armed(self) -> tuple[list[str], int] | None:
        found = self.recorder.armed
        return None if found is None else (found.events, found.frames)

    def wait_recording(self, *, on: bool = True) -> None:
        wait_until(lambda: (self.recorder.status is not None) is on)


@pytest.fixture
def armed(recording_config: Config, tmp_path: Path) -> Callable[..., Any]:
    @contextmanager
    def made(**settings: Any) -> Iterator[Armed]:
        chosen: dict[str, Any] = {"on_event": ("poke", "lick"), "before_s": 0.2, "after_s": 0.3, "folder": str(tmp_path / "recordings")}
        chosen |= settings
        recorder = recorder_of(recording_config, **chosen)
        found = Armed(recorder)
        kept = msgspec.structs.replace(recording_config.recording or RecordingConfig(), **chosen)
        try:
            with Bouts(recorder, kept, camera="top", clock=lambda: found.now_ns) as bouts:
                found.bouts_are_idle = bouts._heard.empty
                yield found
        finally:
            recorder.close()

    return made


def sessions(folder: Path) -> list[RecordedSession]:
    """In the order of their frames."""
    found = [RecordedSession(path) for path in (folder / "recordings").iterdir()]
    return sorted(found, key=lambda session: int(session.rows["frame"][0].as_py()))


def test_a_session_holds_what_came_before_the_onset_and_after_the_end(armed: Callable[..., Any], tmp_path: Path) -> None:
    with armed() as rig:
        rig.show(100)
        assert rig.armed() == (["poke", "lick"], 21)
        rig.change("on", "groom")  # not one that begins a session
        rig.change("on")
        rig.wait_recording()
        assert rig.armed() is None
        rig.show(30)
        rig.change("off")
        rig.show(20)
        rig.later(0.2)
        rig.wait_recording(on=False)
        assert rig.armed() == (["poke", "lick"], 0)
    (session,) = sessions(tmp_path)
    rows = session.rows.to_pylist()
    assert [row["frame"] for row in rows] == list(range(79, 150)) == [number_in(image) for image in session.frames()]
    assert all(row["points"] is not None for row in rows)
    assert [(row["event"], row["state"]) for row in session.events.to_pylist()][-2:] == [("poke", "on"), ("poke", "off")]
    assert session.closed is not None
    assert (session.closed.reason, session.closed.dropped) == (ENDED, 0)
    assert session.description.meta == {"event": "poke", "onset_frame": "99"}


def test_further_onsets_extend_a_session(armed: Callable[..., Any], tmp_path: Path) -> None:
    with armed() as rig:
        rig.show(30)
        rig.change("on")
        rig.wait_recording()
        rig.show(10)
        rig.change("on", "lick")
        rig.change("off")
        rig.show(100)  # poke has been off for longer than after_s, lick is on
        rig.change("off", "lick")
        rig.show(20)
        rig.change("on")
        rig.show(50)
        rig.change("off")
        rig.later(0.4)
        rig.wait_recording(on=False)
    (session,) = sessions(tmp_path)
    assert session.rows["frame"].to_pylist() == list(range(9, 210))


def test_no_frame_is_lost_or_twice_between_two_sessions(armed: Callable[..., Any], tmp_path: Path) -> None:
    """The second onset comes while the first session's files are being finished."""
    with armed(before_s=10) as rig:
        rig.show(50)
        rig.change("on")
        rig.wait_recording()
        rig.show(10)
        rig.change("off")
        rig.later(1.0)
        wait_until(lambda: not rig.recorder._recording.takes_frames)
        rig.show(15)
        rig.change("on")
        rig.show(15)
        wait_until(lambda: len(list((tmp_path / "recordings").iterdir())) == 2 and rig.recorder.status is not None)
        rig.show(10)
        rig.change("off")
        rig.later(1.0)
        rig.wait_recording(on=False)
    first, second = sessions(tmp_path)
    assert first.rows["frame"].to_pylist() + second.rows["frame"].to_pylist() == list(range(100))
    assert all(row["points"] is not None for session in (first, second) for row in session.rows.to_pylist())
    changes = [[(row["frame"], row["state"]) for row in session.events.to_pylist()] for session in (first, second)]
    assert changes == [[(49, "on"), (59, "off")], [(74, "on"), (99, "off")]]


def test_more_frames_than_the_queue_takes_may_come_before_an_onset(armed: Callable[..., Any], tmp_path: Path) -> None:
    with armed(before_s=3, queue_frames=20) as rig:
        rig.show(200)
        rig.change("on")
        rig.wait_recording()
        wait_until(lambda: rig.recorder.counts[0] == 200)
        rig.change("off")
        rig.later(1.0)
        rig.wait_recording(on=False)
    (session,) = sessions(tmp_path)
    assert session.rows["frame"].to_pylist() == list(range(200))
    assert session.closed is not None
    assert session.closed.dropped == 0


def test_events_that_waited_while_files_were_finished_are_all_heard_before_an_end(recording_config: Config, tmp_path: Path) -> None:
    """Off and on again, both long ago: the animal is at it, so the session goes on."""
    settings: dict[str, Any] = {"on_event": ("poke",), "before_s": 0.2, "after_s": 0.3, "folder": str(tmp_path / "recordings")}
    recorder = recorder_of(recording_config, **settings)
    kept = msgspec.structs.replace(recording_config.recording or RecordingConfig(), **settings)
    bouts = Bouts(recorder, kept, camera="top", clock=lambda: 10**12)
    try:
        for number in range(30):
            recorder.offer(frame(number))
        for number, state in ((1, "on"), (2, "off"), (3, "on")):
            bouts.hear(change(number, state))
        with bouts:
            wait_until(lambda: bouts._heard.empty())
            wait_until(lambda: recorder.status is not None)
        assert recorder.status is not None
        assert len(list((tmp_path / "recordings").iterdir())) == 1
    finally:
        recorder.close()


def test_a_session_that_a_person_started_is_left_alone(armed: Callable[..., Any], tmp_path: Path) -> None:
    with armed() as rig:
        rig.show(30)
        rig.recorder.start(ask(tmp_path / "recordings" / "by hand"))
        rig.show(20)
        rig.change("on")
        rig.show(20)
        rig.change("off")
        rig.later(1.0)
        rig.show(20)
        assert rig.recorder.stop().frames == 60
        assert rig.recorder.problem is None
        rig.show(30)
        rig.change("on")
        rig.wait_recording()
    by_hand, by_event = sessions(tmp_path)
    assert by_hand.rows["frame"].to_pylist() == list(range(30, 90))
    assert by_event.rows["frame"][0].as_py() == 99


def test_a_folder_that_cannot_be_written_is_a_problem_and_memory_stays_bounded(armed: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("a file")
    with armed() as rig:
        rig.show(30)
        rig.change("on")
        wait_until(lambda: rig.recorder.problem is not None)
        assert "a part of that path is a file" in rig.recorder.problem
        rig.show(200)
        assert rig.armed() == (["poke", "lick"], 21)
        rig.change("off")
        (tmp_path / "recordings").unlink()
        rig.change("on")
        rig.wait_recording()
        assert rig.recorder.problem is None


def test_onsets_that_can_begin_nothing_are_logged_once_a_minute(
    armed: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "recordings").write_text("a file")

    def said() -> list[str]:
        return [record.message for record in caplog.records if "begins no recording" in record.message]

    with armed() as rig:
        rig.show(30)
        for _ in range(20):
            rig.change("on")
            rig.change("off")
            rig.show(5)
        wait_until(lambda: rig.recorder.problem is not None and rig.bouts_are_idle())
        assert len(said()) == 1
        rig.later(61)
        rig.change("on")
        wait_until(lambda: len(said()) == 2)
    assert "onsets=20: " in said()[1]


def test_an_event_that_is_not_configured_is_refused(tmp_path: Path, recording_config: Config) -> None:
    values = msgspec.to_builtins(recording_config)
    values["recording"]["on_event"] = ["nose_pok"]
    (tmp_path / "rig.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError, match=r"recording.on_event\[0\] is 'nose_pok'; expected one of nose_poke, running \(did you mean"):
        load_config(tmp_path / "rig.yaml")


def test_a_whole_tracker_is_armed_and_records_each_bout(tmp_path: Path, make_bundle: BundleMaker) -> None:
    spots = [(300 if 60 <= number < 90 else 20, 100 + number) for number in range(150)]  # in the zone for 0.3 of 1.5 s
    write_images(tmp_path / "images", spots)
    camera = {"source": "image_folder", "folder": str(tmp_path / "images"), "rate_hz": 100, "loop_folder": True}
    zones: Any = [{"shape": "circle", "name": "right", "unit": "px", "centre": [300, 200], "radius": 150}]
    rule = {"when": "above", "on": 0, "off": 0, "confidence": 0.2}
    rules: Any = [{"event": "there", "source": {"kind": "zone", "point": "spot", "zone": "right"}, "rule": rule}]
    recording = {"folder": str(tmp_path / "recordings"), "minimum_free_gb": 0, "on_event": ["there"], "before_s": 0.2, "after_s": 0.1}
    config = write_config(tmp_path, make_bundle(tmp_path / "spot"), camera, recording=recording, behaviour=rules, zones=zones)
    with Client(f"ipc://{tmp_path}/stream") as client, Daemon(config, "--meta", "animal=M17") as daemon:
        status = wait_for(client, lambda message: isinstance(message, StatusMessage) and message.armed is not None)
        assert isinstance(status, StatusMessage)
        assert status.armed is not None
        assert status.armed.events == ["there"]
        wait_for(client, lambda _: sum(path.exists() for path in (tmp_path / "recordings").glob("*/closed.json")) >= 2)
        daemon.stop()
        assert daemon.process.returncode == 0, daemon.words
    first, second, *_ = sessions(tmp_path)
    for session in (first, second):
        frames = session.rows["frame"].to_pylist()
        changes = [(row["frame"], row["state"]) for row in session.events.to_pylist()]
        assert changes[0][1] == "on", changes
        assert changes[-1][1] == "off", changes
        assert changes[0][0] % 150 == 60
        assert frames == list(range(frames[0], frames[-1] + 1))
        assert frames[0] < changes[0][0] < changes[-1][0] < frames[-1]
        assert (session.description.meta["event"], session.description.meta["animal"]) == ("there", "M17")
