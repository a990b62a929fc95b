"""Videos through classifiers that take images and no key points: equal to live, the same whatever interrupted it, exported."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.tracker.daemon import DEADLINE_S, ROOT, write_config
from tests.tracker.small_classifier import write_image_classifier
from tests.tracker.test_analyse import analyse_now, tables_of
from tests.tracker.videos import write_video
from tracker.analysis import one_video
from tracker.analysis.job import Job, analysed_with, analysis_config, job_for
from tracker.analysis.one_video import AnalysisRequest, StoppedError
from tracker.bundle_description import View
from tracker.config import load_config
from tracker.errors import RecordingError
from tracker.export.export_session import Wanted, export_session
from tracker.frame import Image
from tracker.recording.read_session import RecordedSession

FRAMES = 60
HEIGHT, WIDTH = 48, 64
BRIGHT = {"event": "bright", "source": {"kind": "class", "classifier": "look", "class_name": "red"}, "rule": {"on": 0.4, "off": 0.3}}

TRIAL = {"trial": {"event": "bright", "from_ms": 40, "until_ms": 400}}


def blinking(number: int) -> Image:
    """A red light that comes and goes in the left half, and a grey dot that moves; colour."""
    image = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
    image[:, : WIDTH // 2, 0] = 128 + 120 * np.sin(number / 5)
    image[20:24, (number * 2) % 60 : (number * 2) % 60 + 4] = 150
    return image


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("videos") / "monday.mp4", FRAMES, image=blinking, bf="2")


def config_file(folder: Path, video: Path, *more: dict[str, Any]) -> Path:
    view = View(crop=(0, 0, WIDTH // 2, HEIGHT), fit="stretch", colour="rgb")
    if not (folder / "look").exists():
        write_image_classifier(folder / "look", height=12, width=8, view=view, warming_frames=3)
    camera = {"source": "opencv", "device": str(video), "file_speed": "flat_out"}
    recording = {"folder": str(folder / "recordings"), "minimum_free_gb": 0}
    return write_config(
        folder,
        Path("none"),
        camera,
        engine={"bundle": None},
        classifiers=[
            {"name": "look", "bundle": str(folder / "look")},
            {"name": "part", "bundle": str(folder / "look"), "only_when": TRIAL},
            *more,
        ],
        behaviour=[BRIGHT],
        recording=recording,
        overlay={"label": {"place": [4, 40], "scale": 1.5, "colour": [0, 255, 0]}},
    )


def asked(folder: Path, video: Path, *more: dict[str, Any]) -> tuple[Job, AnalysisRequest]:
    """An analysis by the classifiers `look` and `part`, and more."""
    folder.mkdir(exist_ok=True)
    settings = analysis_config(load_config(config_file(folder, video, *more)), None)
    return job_for(video, folder / "out", taken={}), AnalysisRequest(config=settings, made_with=analysed_with(settings, None), force=False)


@contextmanager
def told_of_every_frame() -> Iterator[None]:
    before = one_video._TOLD_S
    one_video._TOLD_S = 0.0
    try:
        yield
    finally:
        one_video._TOLD_S = before


def test_every_score_and_event_of_an_analysis_is_that_of_the_live_tracker(tmp_path: Path, video: Path) -> None:
    command = [sys.executable, "-m", "tracker", "run", "--config", str(config_file(tmp_path, video)), "--record", "--name", "live"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stderr
    live = RecordedSession(tmp_path / "recordings" / "live")

    job, request = asked(tmp_path, video)
    analyse_now(job, request)

    found = RecordedSession(job.folder)
    assert found.rows.num_rows == live.rows.num_rows == FRAMES
    for name in ("ordinal", "frame", "exposed_ns", "setup", "points", "scores", "without_network", "motion"):
        assert found.rows[name].to_pylist() == live.rows[name].to_pylist(), name
    assert [len(row) for row in found.rows["scores"].to_pylist()][:5] == [
        2,
        2,
        2,
        4,
        2,
    ]  # the part of the trial begins, and its network warms up
    assert 5 < found.rows["without_network"].to_pylist().count(["part"]) < FRAMES - 5
    for name in ("frame", "event", "state", "animal", "onset_frame", "value", "reason"):
        assert found.events[name].to_pylist() == live.events[name].to_pylist(), name
    assert found.events.num_rows > 2


def test_an_analysis_of_images_that_was_stopped_goes_on_to_the_same_bytes(tmp_path: Path, video: Path) -> None:
    with told_of_every_frame():
        analyse_now(*asked(tmp_path / "whole", video))
        job, request = asked(tmp_path / "broken", video)
        with pytest.raises(StoppedError):
            analyse_now(job, request, stop_at=7)
        analyse_now(job, request)

    whole = tmp_path / "whole" / "out" / "monday"
    assert tables_of(job.folder)[:2] == tables_of(whole)[:2]
    sure = json.loads((job.folder / "overview.json").read_text())
    assert sure == json.loads((whole / "overview.json").read_text())
    assert 0.5 <= sure["mean"] <= 1


def test_the_pictures_of_an_analysis_have_the_label_where_it_is_configured(tmp_path: Path, video: Path) -> None:
    job, request = asked(tmp_path, video)
    analyse_now(job, request)
    picture = np.asarray(cv2.imread(str(job.folder / "typical.jpg")), int)
    rows, columns = np.nonzero(picture[..., 1] - picture[..., 2] > 60)  # green, in a picture without any
    assert (len(rows) > 20, int(columns.min()) < 10, int(rows.min()) > 20, int(rows.max()) < 46) == (True,) * 4


@pytest.mark.parametrize("form", ["csv", "nwb"])
def test_scores_without_key_points_are_exported(tmp_path: Path, video: Path, form: Any) -> None:
    job, request = asked(tmp_path, video)
    analyse_now(job, request)
    session = RecordedSession(job.folder)

    exported = export_session(session, Wanted(form=form))

    assert (exported.frames, exported.point_names) == (FRAMES, ())
    if form == "csv":
        header = exported.files[0].read_text().splitlines()[0]
        assert header.replace('"', "").endswith(
            "motion,motion_full,score_look.moved,score_look.red,score_part.moved,score_part.red,without_network_part"
        )
    with pytest.raises(RecordingError, match="holds no key points, which the format sleap is for; export it as csv, parquet or nwb"):
        export_session(session, Wanted(form="sleap"))
