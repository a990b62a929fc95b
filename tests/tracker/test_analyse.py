"""A video becomes a session: complete, the same whatever interrupted it, and equal to what the rig finds live."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import DEADLINE_S, ROOT, write_config
from tests.tracker.recorded import FROM_HERE
from tests.tracker.small_classifier import write_classifier
from tests.tracker.test_two_animals import EVENT, HEIGHT, IDENTITY, WIDTH, ZONE, places, two_animals
from tests.tracker.videos import write_video
from tracker.analysis import one_video
from tracker.analysis.inferring import Engines
from tracker.analysis.job import Job, analysed_with, analysis_config, job_for
from tracker.analysis.one_video import AnalysisRequest, StoppedError, analyse, finished
from tracker.analysis.unfinished_poses import PoseLog, confidence_of, confidence_of_frame
from tracker.bundle import read_bundle
from tracker.config import load_config
from tracker.errors import RecordingError
from tracker.frame import Image
from tracker.motion import MotionValues
from tracker.recording.original_video import OriginalVideo
from tracker.recording.read_session import RecordedSession
from tracker.recording.recover import recover, unfinished
from tracker.replay import replay_file
from tracker.viewer.overlay import OverlaySettings
from tracker.viewer.recorded_scene import RecordedScene

FRAMES = 120
MOVING = {"event": "moving", "source": {"kind": "motion"}, "rule": {"on": 0.00003, "off": 0.00002, "minimum_ms": 20, "maximum_gap_ms": 60}}
LIT = {"event": "lit", "source": {"kind": "brightness", "left": 0, "top": 100, "width": 8, "height": 20}, "rule": {"on": 0.1, "off": 0.1}}
RIGHT = {"event": "right", "source": {"kind": "class", "classifier": "place", "class_name": "right"}, "rule": {"on": 0.5, "off": 0.5}}
TABLES = ("frames.arrows", "events.arrows", "setups.jsonl")
KILLED = """
import os, signal, threading
from pathlib import Path
from tests.tracker import test_analyse
test_analyse.analyse_and_die(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
"""


def meeting(number: int) -> Image:
    """Two bright animals that pass each other, over a ground that flickers now and then; at first without colour, 160x120."""
    image = np.zeros((HEIGHT, WIDTH), np.uint8)
    for animal, (x, y) in enumerate(places(number % 60)):
        image[y - 2 : y + 3, x - 2 : x + 3] = 250 if (number + animal) % 2 else 200
    image[100:, :8] = 40 * (number // 7 % 2)
    return np.dstack([image, image, image // 2 if number >= FRAMES // 3 else image])


@pytest.fixture(scope="module")
def bundle(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_animals(make_bundle, tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("videos") / "monday.mp4", FRAMES, image=meeting, bf="2")


def config_file(folder: Path, bundle: Path, video: Path) -> Path:
    camera = {"source": "opencv", "device": str(video), "file_speed": "flat_out"}
    if not (folder / "place").exists():
        write_classifier(folder / "place", points=("spot",), animals=2, warming_frames=5)
    rules: Any = {"zones": [ZONE], "behaviour": [EVENT, MOVING, LIT, RIGHT], "motion": {"size": [40, 30]}}
    rules["classifiers"] = [{"name": "place", "bundle": str(folder / "place")}]
    recording = {"folder": str(folder / "recordings"), "minimum_free_gb": 0}
    return write_config(folder, bundle, camera, identity=IDENTITY, recording=recording, **rules)


def asked(folder: Path, bundle: Path, video: Path, *, force: bool = False, config: Path | None = None) -> tuple[Job, AnalysisRequest]:
    found = read_bundle(bundle)
    settings = analysis_config(load_config(config or config_file(folder, bundle, video)), found)
    return job_for(video, folder / "out", taken={}), AnalysisRequest(config=settings, made_with=analysed_with(settings, found), force=force)


def analyse_now(job: Job, request: AnalysisRequest, *, stop_at: int | None = None, told: Callable[[int], None] = lambda _: None) -> None:
    """To the end, or until so many frames were told of."""
    stop = threading.Event()
    opened: list[Engines] = []

    def engines() -> Engines:
        folder = request.config.engine.bundle
        found = read_bundle(Path(folder)) if folder is not None else None
        opened.append(Engines(found, request.config.engine, count=2, say=lambda _: None, classifiers=request.config.classifiers))
        return opened[0]

    def reached(frames: int, _: int | None) -> None:
        told(frames)
        if stop_at is not None and frames >= stop_at:
            stop.set()

    try:
        analyse(job, request, engines, told=reached, stop=stop)
    finally:
        for each in opened:
            each.close()


def analyse_and_die(folder: Path, bundle: Path, video: Path) -> None:
    """For a child process: killed in the middle of the video, with frames on the disk that nobody vouched for yet."""
    one_video._TOLD_S, one_video._SYNC_S = 0.0, 1e9

    def die(frames: int) -> None:
        one_video._SYNC_S = 0.0 if frames == FRAMES // 2 else 1e9
        if frames == FRAMES * 2 // 3:
            os.kill(os.getpid(), signal.SIGKILL)

    analyse_now(*asked(folder, bundle, video), told=die)


def tables_of(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in TABLES]


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is told of after every frame."""
    monkeypatch.setattr(one_video, "_TOLD_S", 0.0)


def test_every_frame_is_a_row_equal_to_the_live_trackers_and_so_is_every_event(tmp_path: Path, bundle: Path, video: Path) -> None:
    config = config_file(tmp_path, bundle, video)
    command = [sys.executable, "-m", "tracker", "run", "--config", str(config), "--record", "--name", "live"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stderr
    live = RecordedSession(tmp_path / "recordings" / "live")

    job, request = asked(tmp_path, bundle, video)
    analyse_now(job, request)

    found = RecordedSession(job.folder)
    assert found.rows.num_rows == live.rows.num_rows == FRAMES
    for name in (
        "ordinal",
        "frame",
        "exposed_ns",
        "setup",
        "points",
        "mm",
        "ended",
        "motion",
        "motion_full",
        "scores",
        "brightness",
        "lost",
    ):
        assert str(found.rows[name].to_pylist()) == str(live.rows[name].to_pylist()), name  # str: NaN is not equal to itself
    both = {row["event"] for row in live.events.to_pylist()}
    assert both == {"on_the_right", "moving", "lit", "right"}
    for name in ("frame", "event", "state", "animal", "onset_frame", "value", "threshold", "added_delay_ms", "reason"):
        assert found.events[name].to_pylist() == live.events[name].to_pylist(), name


def test_an_analysis_that_was_killed_goes_on_to_the_same_bytes(tmp_path: Path, bundle: Path, video: Path, often: None) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    analyse_now(*asked(whole, bundle, video))
    command = [sys.executable, "-c", FROM_HERE + KILLED, str(broken), str(bundle), str(video)]
    assert subprocess.run(command, cwd=ROOT, timeout=DEADLINE_S, check=False).returncode == -signal.SIGKILL
    job, request = asked(broken, bundle, video)
    assert not job.folder.exists(), "a result exists whole or not at all"
    assert json.loads((job.work / "progress.json").read_text())["frames"] == FRAMES // 2
    told: list[int] = []

    analyse_now(job, request, told=told.append)

    assert told[0] == FRAMES // 2 + 1, "what was on the disk is not done again"
    assert tables_of(job.folder) == tables_of(whole / "out" / "monday")
    assert (job.folder / "overview.json").read_bytes() == (whole / "out" / "monday" / "overview.json").read_bytes()
    assert not job.work.exists()


@pytest.mark.parametrize(("record", "kept"), [(None, 0), ("other", 0), ("same", 1)])
def test_unfinished_poses_of_a_release_that_noted_less_are_begun_anew(record: str | None, kept: int, tmp_path: Path) -> None:
    log = PoseLog(tmp_path, animals=1, points=1)
    log.append(time_ns=0, motion=MotionValues(0.5, 0.25), points=np.zeros((1, 1, 3), np.float32), brightness={}, scores=np.empty(0))
    log.sync({})
    log.close()
    path = tmp_path / "progress.json"
    said = json.loads(path.read_text())
    if record == "other":
        said["record"] -= 8
    elif record is None:
        del said["record"]
    path.write_text(json.dumps(said))
    again = PoseLog(tmp_path, animals=1, points=1)
    assert (again.frames, len(again.read())) == (kept, kept)
    again.close()


def test_unfinished_poses_whose_account_is_damaged_are_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_bytes(b'{"frames": 1, "pictures": {"\xff": [1, 0.5]}}')
    log = PoseLog(tmp_path, animals=1, points=1)
    assert log.frames == 0
    log.close()


@pytest.mark.parametrize("points", [0, 3, 40])
@pytest.mark.parametrize("scores", [0, 2])
def test_a_frame_alone_is_as_sure_as_among_others(points: int, scores: int) -> None:
    chance = np.random.default_rng(points)
    poses, scored = chance.random((50, 2, points, 3)).astype(np.float32), chance.random((50, scores))
    poses[chance.random(poses.shape) < 0.3] = np.nan
    scored[::7] = np.nan

    alone = [confidence_of_frame(*each) for each in zip(poses, scored, strict=True)]

    np.testing.assert_array_equal(alone, confidence_of(poses, scored))


def test_an_analysis_that_was_stopped_goes_on_to_the_same_bytes(tmp_path: Path, bundle: Path, video: Path, often: None) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    analyse_now(*asked(whole, bundle, video))
    job, request = asked(broken, bundle, video)
    with pytest.raises(StoppedError):
        analyse_now(job, request, stop_at=7)
    assert not job.folder.exists()
    assert unfinished(job.work.parent) == []
    with pytest.raises(RecordingError, match=r"is an unfinished analysis of .*monday\.mp4; give `tracker analyse` again"):
        recover(job.work)

    analyse_now(job, request)

    assert tables_of(job.folder) == tables_of(whole / "out" / "monday")


def test_what_was_analysed_is_known_and_other_settings_are_refused(tmp_path: Path, bundle: Path, video: Path, often: None) -> None:
    job, request = asked(tmp_path, bundle, video)
    assert finished(job, request) is None
    analyse_now(job, request)
    before = tables_of(job.folder)

    overview = finished(job, request)
    assert overview is not None
    assert overview.frames == FRAMES

    other = msgspec.structs.replace(request.config, behaviour=())
    changed = AnalysisRequest(config=other, made_with=analysed_with(other, read_bundle(bundle)), force=False)
    with pytest.raises(RecordingError, match=r"out/monday: was made with other settings; give --force .* `tracker replay` is enough"):
        finished(job, changed)
    forced = AnalysisRequest(config=other, made_with=changed.made_with, force=True)
    assert finished(job, forced) is None
    with pytest.raises(StoppedError):
        analyse_now(job, forced, stop_at=7)
    assert tables_of(job.folder) == before, "what was there stays until the other is whole"
    analyse_now(job, forced)
    assert RecordedSession(job.folder).events.num_rows == 0
    assert not list(job.folder.parent.glob(".*"))


def test_another_bundle_is_refused_and_a_half_finished_analysis_with_it_too(
    tmp_path: Path, bundle: Path, video: Path, make_bundle: BundleMaker, often: None
) -> None:
    job, request = asked(tmp_path, bundle, video)
    with pytest.raises(StoppedError):
        analyse_now(job, request, stop_at=7)
    other = make_bundle(tmp_path / "other", height=HEIGHT, width=WIDTH)
    config = analysis_config(None, read_bundle(other))

    with pytest.raises(RecordingError, match=r"was made with another bundle; give --force to replace it, or another --out$"):
        finished(job, AnalysisRequest(config=config, made_with=analysed_with(config, read_bundle(other)), force=False))


def test_a_session_names_its_video_and_reads_its_frames(tmp_path: Path, bundle: Path, video: Path) -> None:
    copy = tmp_path / "cage" / "monday.mp4"
    copy.parent.mkdir()
    copy.write_bytes(video.read_bytes())
    job, request = asked(tmp_path, bundle, copy)
    analyse_now(job, request)

    session = RecordedSession(job.folder)
    source = session.description.source
    assert source is not None
    assert (source.path, source.bytes) == (str(copy), copy.stat().st_size)
    changed = datetime.fromtimestamp(copy.stat().st_mtime, tz=timezone.utc)
    assert (source.filmed, source.changed) == (None, changed.isoformat(timespec="milliseconds"))
    assert session.description.video.encoder == "h264"
    said = session.description.camera_settings
    assert (said["file"], said["decoder"], said["rate_hz"]) == ("monday.mp4", source.decoder, session.description.video.rate_hz)
    assert list(session.video_paths().values()) == [copy]
    for image, expected in zip(session.frames(), OriginalVideo(copy).images(), strict=True):
        np.testing.assert_array_equal(image, expected)
    copy.rename(job.folder.parent / "monday.mp4")
    assert list(session.video_paths().values()) == [job.folder.parent / "monday.mp4"]
    (job.folder.parent / "monday.mp4").write_bytes(b"something else")
    with pytest.raises(RecordingError, match="is another video than the one"):
        session.video_paths()
    (job.folder.parent / "monday.mp4").unlink()
    with pytest.raises(RecordingError, match="is not there any more; put it back, or beside that folder"):
        list(session.frames())


def test_an_analysed_session_replays_to_its_own_events(tmp_path: Path, bundle: Path, video: Path) -> None:
    job, request = asked(tmp_path, bundle, video)
    analyse_now(job, request)

    (again,) = replay_file(job.folder, None, camera=None)

    written = RecordedSession(job.folder).events.to_pylist()
    assert [(each.name, each.state, each.frame, each.value) for each in again.events] == [
        (row["event"], row["state"], row["frame"], row["value"]) for row in written
    ]
    assert written[-1]["reason"] == "stopping"


def test_a_view_of_an_analysed_video_names_no_date_which_nobody_knows(tmp_path: Path, bundle: Path, video: Path) -> None:
    job, request = asked(tmp_path, bundle, video)
    analyse_now(job, request)

    scene = RecordedScene(RecordedSession(job.folder), trail_s=0)
    lines = [text for text, _ in scene._lines(3, OverlaySettings())]
    scene.close()

    assert not any("1970" in text for text in lines)


def test_without_rules_the_tables_are_written_without_pandas(
    tmp_path: Path, bundle: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_pandas(*_: object, **__: object) -> None:
        raise AssertionError("Arrow's own way from lists and arrays loads pandas, for a third of a second in each process")

    found = read_bundle(bundle)
    settings = analysis_config(None, found)
    job = job_for(video, tmp_path / "out", taken={})
    with monkeypatch.context() as patched:
        patched.setattr(pa, "array", load_pandas)
        analyse_now(job, AnalysisRequest(config=settings, made_with=analysed_with(settings, found), force=False))

    rows = RecordedSession(job.folder).rows
    rows.validate(full=True)
    assert rows["motion"].null_count == 1
    assert rows["points"].to_pylist()[-1] is not None
    assert [rows[name].to_pylist()[0] for name in ("ended", "scores", "brightness", "without_network")] == [[]] * 4


def test_two_videos_of_one_name_get_folders_of_their_own(tmp_path: Path, bundle: Path, video: Path) -> None:
    other = write_video(tmp_path / "monday.mp4", 5, image=meeting)
    taken: dict[Path, str] = {}
    first = job_for(video, tmp_path / "out", taken=taken)
    second = job_for(other, tmp_path / "out", taken=taken)
    assert first.folder.name == "monday"
    assert second.folder.name == f"monday-{second.source.fingerprint[:8]}"
    with pytest.raises(RecordingError, match="was given twice"):
        job_for(video, tmp_path / "out", taken=taken)
    analyse_now(*asked(tmp_path, bundle, video))

    assert job_for(other, tmp_path / "out", taken={}).folder == second.folder, "also in another call"
