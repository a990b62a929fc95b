"""A recorded session frame by frame: whatever frame is asked for, its own picture, pose, events, names and zones are shown."""

import struct
import subprocess
import sys
from pathlib import Path

import av
import cv2
import msgspec
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pytest

from tests.tracker.daemon import ROOT
from tests.tracker.recorded import ask, feed, number_in, wait_until
from tests.tracker.sessions import ZONE, usual_points, write_session
from tests.tracker.test_calibration import contents, write
from tracker.errors import RecordingError
from tracker.frame import Image
from tracker.point_colours import colour_of
from tracker.recording.read_session import RecordedSession, as_recorded
from tracker.recording.recorder import Recorder
from tracker.recording.session import FRAMES_FILE, SESSION_FILE, VideoFormat, video_name
from tracker.recording.tables import known_in, numbers_of
from tracker.recording.video_by_number import VideoByNumber
from tracker.viewer.composition import zoom_within
from tracker.viewer.overlay import OverlaySettings
from tracker.viewer.palette import RED, YELLOW
from tracker.viewer.playback import SPEEDS, Playback
from tracker.viewer.recorded_events import RecordedEvents, Span
from tracker.viewer.recorded_scene import RecordedScene, clock_text
from tracker.viewer.session_view import timeline_of, with_timeline
from tracker.viewer.timeline import Timeline

NUMBERS = [number for number in range(400) if number % 7 != 3 and not 120 <= number < 131]  # the camera lost the others
PLAIN = OverlaySettings(trail=False, zones=False)
SECOND_NS = 1_000_000_000
_ONE, _W = 1 << 16, 1 << 30
TURNS = {
    0: (_ONE, 0, 0, 0, _ONE, 0, 0, 0, _W),
    90: (0, _ONE, 0, -_ONE, 0, 0, 0, 0, _W),
    180: (-_ONE, 0, 0, 0, -_ONE, 0, 0, 0, _W),
    270: (0, -_ONE, 0, _ONE, 0, 0, 0, 0, _W),
}


def scene_of(folder: Path) -> RecordedScene:
    return RecordedScene(RecordedSession(folder))


@pytest.fixture(scope="module")
def gaps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lost frames, frames without a pose, three video files, two setups, three events."""
    renamed = {"point_names": ["nose", "tail"], "zones": [{**ZONE, "name": "other", "centre": [20.0, 50.0]}], "cause": "swap"}
    return write_session(
        tmp_path_factory.mktemp("sessions") / "2026-01-31_14-05-09_top",
        NUMBERS,
        points=lambda n: None if n % 5 == 4 else usual_points(n) if n < 250 else {"nose": (float(n % 90), 40.0, 0.9), "tail": (1, 2, 0.8)},
        setups={0: {}, 250: renamed},
        events=[("poke", 40, 60), ("running", 50, 300), ("poke", 310, 330)],
        segments=(141, 252),
    )


def test_sixty_random_seeks_show_the_very_frame_with_its_own_pose(gaps: Path) -> None:
    scene = scene_of(gaps)
    rows = RecordedSession(gaps).rows.to_pylist()
    for place in np.random.default_rng(0).integers(0, len(NUMBERS), 60).tolist():
        assert number_in(scene.image(place)) == NUMBERS[place] == rows[place]["frame"]
        pose = scene.pose(place)
        assert (pose is None) == (rows[place]["points"] is None)
        if pose is not None:
            first = next(iter(pose.animals[0].points.values()))
            assert (pose.frame, first[0]) == (NUMBERS[place], NUMBERS[place] % 90)
            assert drawn_at(scene, place, NUMBERS[place] % 90, 40)
    scene.close()


def drawn_at(scene: RecordedScene, place: int, x: int, y: int) -> bool:
    """Whether the first key point is drawn there."""
    size = (960, 640)
    zoom = zoom_within((96, 64), size)
    top = (size[1] - round(64 * zoom)) // 2
    return tuple(scene.picture(place, PLAIN, size)[round(top + (y + 0.5) * zoom), round((x + 0.5) * zoom)]) == colour_of(0)


def test_names_and_zones_are_those_of_the_setup_that_the_frame_had(gaps: Path) -> None:
    scene = scene_of(gaps)
    before, after = NUMBERS.index(247), NUMBERS.index(250)
    assert [scene.point_names(place) for place in (before, after)] == [["snout", "tail"], ["nose", "tail"]]
    zones = [scene._status(int(scene._setup_of[place])).zones for place in (before, after)]
    assert [(zone["name"], len(zone["outline_px"])) for (zone,) in zones] == [("port", 64), ("other", 64)]
    assert all("snout" not in pose.animals[0].points for pose in scene._trail(after + 10))
    scene.close()


def test_events_are_on_from_the_frame_that_decided_them_to_the_one_that_ended_them(gaps: Path) -> None:
    scene = scene_of(gaps)

    def on(number: int) -> set[str]:
        return {event.event for event in scene.events.at(NUMBERS.index(number)) if event.state == "on"}

    assert [on(number) for number in (39, 40, 51, 60, 298, 300)] == [set(), {"poke"}, {"poke", "running"}, {"running"}, {"running"}, set()]
    places = [0, *(NUMBERS.index(number) for number in (40, 50, 310))]
    assert [scene.events.next_begin(place) for place in places] == [*places[1:], None]
    assert [scene.events.previous_begin(place) for place in places] == [None, None, *places[1:3]]
    scene.close()


def test_an_event_that_was_on_before_the_recording_began_is_on_until_it_ends(tmp_path: Path) -> None:
    folder = write_session(tmp_path / "s", range(30), events=[("poke", -5, 20)])
    table = RecordedSession(folder).events.to_pylist()
    assert [each["state"] for each in table] == ["on", "off"]
    scene = scene_of(folder)
    changes = [change for found in scene.events._parts[0]._changes.values() for change in found][1:]
    late = RecordedEvents(changes, scene._received_ns)
    assert [[event.state for event in late.at(place)] for place in (0, 19, 20)] == [["on"], ["on"], ["off"]]
    assert [(span.begin, span.end) for span in late.spans] == [(0, 20)]


def test_counters_and_true_time_of_the_frame_stand_in_the_status_lines(gaps: Path) -> None:
    scene = scene_of(gaps)
    lines = [text for text, _ in scene._lines(NUMBERS.index(250), OverlaySettings())]
    assert lines[0] == f"top   frame 250   {NUMBERS.index(250) + 1} of {len(NUMBERS)}"
    assert lines[1].startswith("0:02.50 of 0:03.99   ")
    assert lines[2] == "lost 0   skipped 0   corrupt 0   not recorded 0"
    assert scene._lines(NUMBERS.index(249), OverlaySettings())[2][0] == "no pose   not recorded 0"
    scene.close()


def test_a_session_that_was_cut_off_is_shown_and_recovery_is_offered(tmp_path: Path) -> None:
    folder = write_session(tmp_path / "s", range(60), closed=False)
    scene = scene_of(folder)
    assert scene.notice == f"was cut off: `tracker recover {folder}` mends it"
    assert [number_in(scene.image(place)) for place in (40, 3, 41, scene.frames - 1)] == [40, 3, 41, scene.frames - 1]
    scene.close()


def test_a_session_that_is_being_recorded_is_shown_as_far_as_it_is_on_the_disk(recorder: Recorder, tmp_path: Path) -> None:
    recorder.start(ask(tmp_path / "s"))
    feed(recorder, 60)
    wait_until(lambda: RecordedSession(tmp_path / "s").rows.num_rows > 20 if (tmp_path / "s" / FRAMES_FILE).exists() else False)
    scene = scene_of(tmp_path / "s")
    assert scene.notice.startswith("is being recorded at the moment")
    assert number_in(scene.image(scene.frames - 1)) == scene.frames - 1
    scene.close()
    assert recorder.stop().frames == 60


def test_a_missing_video_file_leaves_the_poses_and_says_so_in_the_picture(gaps: Path, tmp_path: Path) -> None:
    folder = write_session(tmp_path / "s", range(40), segments=(20,))
    (folder / video_name(2)).unlink()
    scene = scene_of(folder)
    whole, without = (scene.picture(place, PLAIN, (960, 640)) for place in (10, 30))
    assert not (whole == RED).all(axis=2).any()
    assert (without == RED).all(axis=2).mean() > 0.02
    scene.close()


def test_another_video_in_the_place_of_the_recorded_one_is_not_shown_as_it(tmp_path: Path) -> None:
    folder = write_session(tmp_path / "s", range(40))
    other = write_session(tmp_path / "other", range(30))
    (other / video_name(1)).replace(folder / video_name(1))
    with pytest.raises(RecordingError, match="has 30 frames, but 40 rows name it"):
        scene_of(folder).image(5)


@pytest.mark.parametrize("turn", TURNS)
def test_a_video_that_was_not_recorded_here_is_shown_upright_in_its_own_grey(turn: int, tmp_path: Path) -> None:
    """In limited range, as videos of other programs are, and turned, as telephones store them; OpenCV says what it looks like."""
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.options = {"qp": "0"}
        image = np.full((64, 96, 3), 60, np.uint8)
        image[:24, :24] = 250
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    matrix = content.index(b"tkhd") + 44  # of the track's header: how it is to be shown
    path.write_bytes(content[:matrix] + struct.pack(">9i", *TURNS[turn]) + content[matrix + 36 :])
    ok, expected = cv2.VideoCapture(str(path)).read()
    assert ok
    height, width = expected.shape[:2]
    assert (height, width) == ((64, 96) if turn % 180 == 0 else (96, 64))
    form = VideoFormat(width=width, height=height, colour=False, rate_hz=25, crf=0, preset="original")
    seen = as_recorded(VideoByNumber(path).picture(0), form)
    np.testing.assert_allclose(seen.astype(int), expected[:, :, 1].astype(int), atol=4)
    assert sorted({int(np.median(seen)), int(seen.max())}) == pytest.approx([60, 250], abs=3)


def test_a_session_without_frames_is_one_sentence(tmp_path: Path) -> None:
    folder = write_session(tmp_path / "s", range(3), closed=False)
    (folder / FRAMES_FILE).write_bytes(b"")
    with pytest.raises(RecordingError, match="holds no frames; was cut off: `tracker recover"):
        scene_of(folder)


def test_the_bar_shows_events_above_it_and_where_the_picture_is(gaps: Path) -> None:
    scene = scene_of(gaps)
    timeline = timeline_of(scene)
    width = 900
    bar = timeline.draw(width, 0)
    yellow = (bar == YELLOW).all(axis=2)
    lanes = [row for row in range(bar.shape[0]) if yellow[row].any()]
    poke, running = yellow[lanes[0]], yellow[lanes[-1]]
    for lane, span in ((poke, scene.events.spans[0]), (running, scene.events.spans[1])):
        columns = [x for x in range(width) if lane[x]]
        assert abs(timeline.place_at(columns[0], width) - span.begin) <= 1
    assert timeline.place_at(-5, width) == 0
    assert timeline.place_at(width + 5, width) == scene.frames - 1
    for place in (0, 77, scene.frames - 1):
        head = int(np.flatnonzero((timeline.draw(width, place) == 255).all(axis=2).any(axis=0)).mean())
        assert abs(timeline.place_at(head, width) - place) <= 1
    scene.close()


def test_many_events_share_the_last_lane_and_short_ones_are_still_seen() -> None:
    spans = [Span(event=f"e{index}", animal=0, begin=1000 * index, end=1000 * index + 1) for index in range(9)]
    bar = Timeline(frames=100_000, spans=spans, segments=(), ends=("0:00", "1:00")).draw(900, 0)
    yellow = (bar == YELLOW).all(axis=2)
    assert sum(yellow[:, x].any() for x in range(900)) >= 9
    tall = Timeline(frames=100, spans=spans[:6], segments=(), ends=("", "")).height(900)
    assert bar.shape[0] == tall


def test_the_whole_has_the_size_of_the_window(gaps: Path) -> None:
    scene = scene_of(gaps)
    picture = with_timeline(scene, timeline_of(scene), 30, OverlaySettings(), (1000, 640))
    assert picture.shape == (640, 1000, 3)
    scene.close()


def playback(frames: int = 100) -> Playback:
    return Playback(np.arange(frames) / 100)


def test_playing_is_bound_to_time_however_seldom_it_is_looked_at() -> None:
    moving = playback(1000)
    moving.toggle(0)
    assert [moving.place(ms * 1_000_000) for ms in (0, 5, 10, 500, 2000)] == [0, 0, 1, 50, 200]
    moving.change_speed(1, 2 * SECOND_NS)
    assert moving.place(3 * SECOND_NS) == 400
    assert moving.place(60 * SECOND_NS) == 999
    assert not moving.playing


def test_a_camera_that_was_away_is_not_waited_for() -> None:
    seconds = np.concatenate([np.arange(100) / 100, 3600 + np.arange(100) / 100])
    moving = Playback(seconds)
    moving.toggle(0)
    assert moving.place(int(2.1 * SECOND_NS)) > 100


def test_steps_rest_and_jumps_go_on() -> None:
    moving = playback()
    moving.toggle(0)
    moving.go_by_s(0.5, SECOND_NS // 10)
    assert (moving.place(SECOND_NS // 10), moving.playing) == (60, True)
    moving.step(-1, SECOND_NS // 10)
    assert (moving.place(SECOND_NS), moving.playing) == (59, False)
    moving.go_by_s(-100, 0)
    assert moving.place(0) == 0
    moving.go(10**9, 0)
    assert moving.place(0) == 99
    moving.toggle(0)
    assert (moving.place(0), moving.playing) == (0, True)


def test_speeds_end_at_the_slowest_and_the_fastest() -> None:
    moving = playback()
    moving.change_speed(-100, 0)
    assert moving.speed == SPEEDS[0]
    moving.change_speed(100, 0)
    assert moving.speed == SPEEDS[-1]


def test_a_session_of_one_frame_can_be_looked_at() -> None:
    moving = playback(1)
    moving.toggle(0)
    moving.go_by_s(1, 0)
    assert (moving.place(0), moving.playing) == (0, False)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00.00"), (5.254, "0:05.25"), (59.999, "1:00.00"), (3723.5, "1:02:03.50")])
def test_a_time_is_written_as_on_a_clock(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


def colours(number: int) -> Image:
    return np.dstack([np.full((64, 96), level, np.uint8) for level in (200, 30, 30)])


def test_a_session_in_colour_is_shown_in_its_colours(tmp_path: Path) -> None:
    scene = scene_of(write_session(tmp_path / "s", range(5), images=colours))
    np.testing.assert_allclose(scene.image(3).reshape(-1, 3).mean(axis=0), (200, 30, 30), atol=6)
    scene.close()


def test_zones_in_mm_stand_where_the_sessions_own_calibration_puts_them(tmp_path: Path) -> None:
    floor = contents(plane={"homography": [[0.5, 0, 0], [0, 0.5, 0], [0, 0, 1]]})
    text = write(tmp_path, floor).read_text()
    zone = {"shape": "circle", "name": "port", "unit": "mm", "centre": [0.0, 0.0], "radius": 2.0}
    folder = write_session(tmp_path / "s", range(3), setups={0: {"zones": [zone], "calibrated": True}})
    assert scene_of(folder)._status(1).zones == [], "without a calibration it has no place in the image"
    found = msgspec.json.decode((folder / SESSION_FILE).read_bytes())
    (folder / SESSION_FILE).write_bytes(msgspec.json.encode({**found, "calibration": text}))
    (outlined,) = scene_of(folder)._status(1).zones
    assert len(outlined["outline_px"]) == 64


@pytest.mark.parametrize("begin", [0, 3])
def test_a_column_becomes_an_array_whatever_its_nulls_and_where_it_begins(begin: int) -> None:
    values = [1, None, 3, 4, None, 6, 7, 8, 9, None]
    column = pa.chunked_array([pa.array(values, pa.int32()), pa.array([], pa.int32()), pa.array([5], pa.int32())]).slice(begin)
    expected = [*values, 5][begin:]
    assert known_in(column).tolist() == [value is not None for value in expected]
    assert numbers_of(column, np.int32, missing=-1).tolist() == [-1 if value is None else value for value in expected]


def test_a_session_is_opened_without_loading_pandas(tmp_path: Path) -> None:
    folder = write_session(tmp_path / "s", range(20), points=lambda n: usual_points(n) if n % 3 else None, events=[("poke", 3, 9)])
    program = f"""
import sys
from pathlib import Path
from tracker.recording.read_session import RecordedSession
from tracker.viewer.overlay import OverlaySettings
from tracker.viewer.recorded_scene import RecordedScene
RecordedScene(RecordedSession(Path({str(folder)!r}))).picture(9, OverlaySettings())
print("pandas" in sys.modules)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT, timeout=300)
    assert told.stdout == "False\n"
