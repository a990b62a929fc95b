"""What rigtrack recorded itself is analysed with its own numbers and times, which its video's time stamps do not hold."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import DEADLINE_S, ROOT, write_config
from tests.tracker.recorded import recorder_of, wait_until
from tests.tracker.test_analyse import MOVING, analyse_now, asked, meeting, tables_of
from tests.tracker.test_two_animals import EVENT, HEIGHT, IDENTITY, WIDTH, ZONE, two_animals
from tracker.__main__ import main
from tracker.analysis import one_video
from tracker.analysis.job import Job, job_for
from tracker.analysis.one_video import StoppedError
from tracker.config import Config
from tracker.errors import RecordingError
from tracker.export.session_poses import SessionPoses
from tracker.frame import Frame, Image
from tracker.recording.read_session import RecordedSession
from tracker.recording.request import Request
from tracker.recording.session import CLOSED_FILE, SESSION_FILE, Closed, read_closed, read_description, write_part
from tracker.replay import replay_file
from tracker.viewer.overlay import OverlaySettings
from tracker.viewer.recorded_scene import RecordedScene
from trainer.selection.session_videos import SessionVideos

CALIBRATION = f"""schema: 1
camera_matrix: [[100, 0, 80], [0, 100, 60], [0, 0, 1]]
distortion: {{model: five_parameter, coefficients: [0, 0, 0, 0, 0]}}
image_size: [{WIDTH}, {HEIGHT}]
plane: {{homography: [[0.5, 0, 0], [0, 0.5, 0], [0, 0, 1]]}}
pose: null
made: {{date: 2026-01-01, tool: test, images: 12}}
quality: {{rms_px: 0.21, coverage: 0.9, points: 840}}
"""
FACTS = ("ordinal", "segment", "frame", "exposed_ns", "received_ns", "record_dropped")


def grey(number: int) -> Image:
    return np.ascontiguousarray(meeting(number)[:, :, 0])


@pytest.fixture(scope="module")
def bundle(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_animals(make_bundle, tmp_path_factory.mktemp("bundles"))


def film(
    config: Config,
    folder: Path,
    numbers: Sequence[int],
    *,
    rate_hz: float = 100,
    images: Callable[[int], Image] = grey,
    segment_s: float = 600.0,
    exposed: bool = False,
) -> RecordedSession:
    """A session without poses, as before there is a network."""
    recorder = recorder_of(config, crf=0, segment_s=segment_s)
    recorder.start(Request(folder=folder, duration_s=None, meta={"animal": "M17"}))
    start = time.monotonic_ns()
    for number in numbers:
        at_ns = int(number * 1e9 / rate_hz)
        exposed_ns = at_ns * 2 + 7 if exposed else None
        recorder.offer(Frame(image=images(number), number=number, exposed_ns=exposed_ns, received_ns=start + at_ns))
    wait_until(lambda: recorder.counts[0] == len(numbers))
    recorder.stop()
    recorder.close()
    return RecordedSession(folder)


def analysed(path: Path, folder: Path, bundle: Path) -> RecordedSession:
    job, request = asked(folder, bundle, path, config=rules(folder, bundle))
    analyse_now(job, request)
    return RecordedSession(job.folder)


def rules(folder: Path, bundle: Path, camera: dict[str, Any] | None = None) -> Path:
    source = camera or {"source": "opencv", "device": "0"}
    recording = {"folder": str(folder / "recordings"), "minimum_free_gb": 0, "crf": 0}
    return write_config(folder, bundle, source, identity=IDENTITY, recording=recording, zones=[ZONE], behaviour=[EVENT, MOVING])


def columns(session: RecordedSession, *names: str) -> list[Any]:
    return [session.rows[name].to_pylist() for name in names]


@pytest.mark.parametrize(("rate_hz", "exposed"), [(1000, False), (29.5, True)])
def test_true_times_and_lost_frames_of_a_session_are_in_its_analysis(
    rate_hz: float, exposed: bool, recording_config: Config, tmp_path: Path, bundle: Path
) -> None:
    numbers = [number for number in range(90) if not 30 <= number < 80]
    session = film(recording_config, tmp_path / "s", numbers, rate_hz=rate_hz, exposed=exposed)
    found = analysed(session.folder / "video-001.mkv", tmp_path, bundle)
    assert columns(found, *FACTS) == columns(session, *FACTS)
    assert found.rows["frame"].to_pylist() == numbers
    said, recorded = found.description, session.description
    for name in ("unix_offset_ns", "boot_id", "camera", "camera_description", "stream_session", "video", "meta"):
        assert getattr(said, name) == getattr(recorded, name), name
    assert said.config["camera"] == recorded.config["camera"]
    poses = SessionPoses(found)
    assert poses.begin.known
    assert poses.begin.unix_ns == recorded.unix_offset_ns + session.rows["received_ns"][0].as_py()
    assert poses.time_s(poses.received_ns)[-1] == pytest.approx(numbers[-1] / rate_hz, abs=1e-6)


def test_a_session_folder_is_analysed_as_one_with_all_its_videos(recording_config: Config, tmp_path: Path, bundle: Path) -> None:
    session = film(recording_config, tmp_path / "night", range(70), segment_s=0.3)
    closed = read_closed(session.folder)
    assert closed is not None
    assert len(closed.segments) > 1
    found = analysed(session.folder, tmp_path, bundle)
    assert found.folder == tmp_path / "out" / "night"
    assert columns(found, *FACTS) == columns(session, *FACTS)
    assert found.closed is not None
    assert found.closed.segments == closed.segments
    assert found.video_paths() == session.video_paths()
    for image, expected in zip(found.frames(), session.frames(), strict=True):
        np.testing.assert_array_equal(image, expected)
    scene = RecordedScene(found, trail_s=0)
    np.testing.assert_array_equal(scene.image(69), grey(69))
    assert scene._lines(69, OverlaySettings())[1] == RecordedScene(session)._lines(69, OverlaySettings())[1], "with its date"
    scene.close()
    assert columns(found, "published_ns") == columns(session, "received_ns"), "an analysis has no latency of its own"
    (again,) = replay_file(found.folder, None, camera=None)
    written = found.events.to_pylist()
    assert [(each.name, each.state, each.frame) for each in again.events] == [(row["event"], row["state"], row["frame"]) for row in written]
    assert [each.group for each in SessionVideos(found.folder).segments] == [each.group for each in SessionVideos(session.folder).segments]
    second = session.folder / "video-002.mkv"
    part = analysed(second, tmp_path, bundle)
    first = closed.segments[0]
    assert part.video_paths() == {2: second}
    assert columns(part, "frame", "segment", "received_ns") == [
        each[first : first + closed.segments[1]] for each in columns(session, "frame", "segment", "received_ns")
    ]
    session.folder.rename(tmp_path / "out" / "moved")
    with pytest.raises(RecordingError, match=r"the session that .* was made from is not there any more"):
        found.video_paths()


def test_frames_of_a_session_give_what_they_gave_live(tmp_path: Path, bundle: Path) -> None:
    (tmp_path / "images").mkdir()
    for number in range(60):
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), grey(number))
    camera = {"source": "image_folder", "folder": str(tmp_path / "images"), "rate_hz": 200, "loop_folder": False}
    config = rules(tmp_path, bundle, camera)
    command = [sys.executable, "-m", "tracker", "run", "--config", str(config), "--record", "--name", "live"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stderr
    live = RecordedSession(tmp_path / "recordings" / "live")

    job, request = asked(tmp_path, bundle, live.folder, config=config)
    analyse_now(job, request)

    found = RecordedSession(job.folder)
    for name in (*FACTS, "setup", "points", "mm", "ended", "motion", "motion_full", "scores", "brightness", "lost", "corrupt"):
        assert str(found.rows[name].to_pylist()) == str(live.rows[name].to_pylist()), name  # str: NaN is not equal to itself
    assert {row["event"] for row in live.events.to_pylist()} == {"on_the_right", "moving"}
    for name in ("frame", "received_ns", "event", "state", "animal", "onset_frame", "value", "threshold", "reason"):
        assert found.events[name].to_pylist() == live.events[name].to_pylist(), name


def test_the_command_takes_folders_of_sessions_and_refuses_one_that_was_cut_off(
    recording_config: Config, tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = film(recording_config, tmp_path / "night.1", [*range(5), *range(15, 20)])
    cut = film(recording_config, tmp_path / "cut", range(5)).folder
    (cut / CLOSED_FILE).unlink()
    out = tmp_path / "out"
    assert main(["analyse", str(session.folder), str(cut), "--bundle", str(bundle), "--out", str(out), "--to", "csv"]) == 1
    said = capsys.readouterr()
    assert f"tracker analyse: {cut}: was cut off; run `tracker recover {cut}` first" in said.err
    assert f"{out / 'night.1'}: 10 frames" in said.out
    table = pd.read_csv(out / "night.1" / "night.1.csv")
    assert table["camera_frame"].tolist() == session.rows["frame"].to_pylist()
    begun_s = (session.rows["received_ns"][0].as_py() + session.description.unix_offset_ns) / 1e9
    assert table["unix_s"].to_numpy() == pytest.approx(begun_s + table["camera_frame"].to_numpy() / 100, abs=1e-5)


def test_an_analysis_of_a_session_goes_on_to_the_same_bytes(
    recording_config: Config, tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_video, "_TOLD_S", 0.0)
    session = film(recording_config, tmp_path / "s", [*range(30), *range(40, 60)], segment_s=0.2)
    found = []
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
        job, request = asked(tmp_path / name, bundle, session.folder, config=rules(tmp_path, bundle))
        if name == "broken":
            with pytest.raises(StoppedError):
                analyse_now(job, request, stop_at=33)
        analyse_now(job, request)
        found.append(tables_of(job.folder))
    assert found[0] == found[1]


@pytest.mark.parametrize("colour", [False, True])
def test_pictures_of_an_odd_size_are_analysed_as_they_were_tracked(
    colour: bool, recording_config: Config, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    def odd(number: int) -> Image:
        image = np.full((121, 161), number, np.uint8)
        return np.dstack([image, image, image]) if colour else image

    session = film(recording_config, tmp_path / "s", range(3), images=odd)
    bundle = make_bundle(tmp_path / "spot", height=121, width=161)
    found = analysed_plainly(session.folder / "video-001.mkv", tmp_path, bundle)
    assert (found.description.video.width, found.description.video.height) == (161, 121)
    assert [image.shape for image in found.frames()] == [odd(0).shape] * 3


def analysed_plainly(path: Path, folder: Path, bundle: Path) -> RecordedSession:
    job, request = asked(folder, bundle, path, config=write_config(folder, bundle, {"source": "opencv", "device": "0"}))
    analyse_now(job, request)
    return RecordedSession(job.folder)


def test_the_calibration_of_a_session_is_used_unless_another_is_configured(
    recording_config: Config, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    calibration = tmp_path / "plane.yaml"
    calibration.write_text(CALIBRATION)
    session = film(msgspec.structs.replace(recording_config, calibration=str(calibration)), tmp_path / "s", range(3))
    calibration.unlink()
    found = analysed_plainly(session.folder, tmp_path, make_bundle(tmp_path / "spot", height=HEIGHT, width=WIDTH))
    assert found.description.calibration == CALIBRATION
    points, mm = (np.array(found.rows[name].to_pylist()) for name in ("points", "mm"))
    np.testing.assert_allclose(mm, points[:, :2] / 2, atol=1e-6)
    job, request = asked(tmp_path, tmp_path / "spot", session.folder, config=tmp_path / "tracker.yaml")
    assert one_video.finished(job, request) is not None
    mended = msgspec.structs.replace(read_description(session.folder), calibration=CALIBRATION.replace("0.5", "5.0"))
    write_part(session.folder, SESSION_FILE, mended)
    with pytest.raises(RecordingError, match="was made with other settings; give --force"):
        one_video.finished(job, request)


def refused(path: Path, folder: Path, bundle: Path) -> str:
    with pytest.raises(RecordingError) as problem:
        analysed(path, folder, bundle)
    assert "\n" not in str(problem.value)
    assert not list((folder / "out").glob("[!.]*"))
    return str(problem.value)


def test_a_session_that_is_not_whole_is_refused_in_a_sentence(recording_config: Config, tmp_path: Path, bundle: Path) -> None:
    session = film(recording_config, tmp_path / "s", range(25), segment_s=0.1)
    video, table, closed = session.folder / "video-001.mkv", session.folder / "frames.arrows", session.folder / CLOSED_FILE
    kept = {path: path.read_bytes() for path in (video, table, closed)}

    def damaged(path: Path, data: bytes | None) -> str:
        path.unlink()
        if data is not None:
            path.write_bytes(data)
        said = refused(session.folder, tmp_path, bundle)
        path.write_bytes(kept[path])
        return said

    assert damaged(closed, None).endswith(f"was cut off; run `tracker recover {session.folder}` first")
    assert "is damaged; take the folder from its copy" in damaged(table, kept[table][: len(kept[table]) // 2])
    assert "cannot be read" in damaged(table, None)
    assert "cannot be read" in damaged(video, None)
    middle = len(kept[video]) // 2
    assert str(video) in damaged(video, kept[video][:middle])
    assert str(video) in damaged(video, kept[video][:middle] + bytes(len(kept[video]) - middle))
    other = (session.folder / "video-003.mkv").read_bytes()
    assert session.closed is not None
    first, _, last = session.closed.segments
    assert last < first
    assert f"has {last} frames, but {first} rows of frames.arrows name it" in damaged(video, other)
    fewer = Closed(reason="stopped", frames=0, dropped=0, segments=[])
    write_part(session.folder, CLOSED_FILE, fewer)
    assert "holds no frames" in refused(video, tmp_path, bundle)


def test_an_analysis_is_not_analysed_again_and_other_videos_stay_as_they_are(
    recording_config: Config, tmp_path: Path, bundle: Path
) -> None:
    session = film(recording_config, tmp_path / "s", range(5))
    found = analysed(session.folder, tmp_path, bundle)
    with pytest.raises(RecordingError, match=r"is itself an analysis of .*/s; give that$"):
        job_for(found.folder, tmp_path / "other", taken={})
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordingError, match="is not a file; give the path of a video, or the folder of a recorded session"):
        job_for(tmp_path / "empty", tmp_path / "other", taken={})
    copy = tmp_path / "video-001.mkv"
    copy.write_bytes((session.folder / copy.name).read_bytes())
    assert hash(job_for(session.folder, tmp_path / "other", taken={})), "progress is kept by job"
    job: Job = job_for(copy, tmp_path / "other", taken={})
    assert (job.source.session, job.source.segments) == ("", ())
