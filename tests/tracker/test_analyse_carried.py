"""An analysis that was killed goes on to the same bytes where its networks carry something from frame to frame."""

import hashlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx.parser
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import DEADLINE_S, ROOT, write_config
from tests.tracker.recorded import FROM_HERE
from tests.tracker.small_classifier import write_classifier, write_image_classifier
from tests.tracker.test_analyse import analyse_now, tables_of
from tests.tracker.test_two_animals import IDENTITY, two_animals
from tests.tracker.videos import write_video
from tracker.analysis import one_video, unfinished_poses
from tracker.analysis.job import Job, analysed_with, analysis_config, job_for
from tracker.analysis.one_video import AnalysisRequest, sync_pause_s
from tracker.bundle import read_bundle, write_bundle
from tracker.bundle_description import Following, TensorShape, View
from tracker.config import load_config
from tracker.frame import Image
from tracker.recording.read_session import RecordedSession
from tracker.whole_files import write_whole

FRAMES = 60
HEIGHT, WIDTH = 120, 160
LIVELY = {"event": "lively", "source": {"kind": "class", "classifier": "look", "class_name": "moved"}, "rule": {"on": 0.1, "off": 0.05}}
TRIAL = {"trial": {"event": "lively", "from_ms": 40, "until_ms": 900}}
FAST: dict[str, Any] = {
    "conditions": [{"source": {"kind": "speed", "point": "spot", "unit": "px", "window_ms": 200}, "above": 20}],
    "maximum_gap_ms": 80,
}
SPOT = Following(point="spot", confidence=0.8, hold_ms=60)
KILLED = """
from pathlib import Path
from tests.tracker import test_analyse_carried
test_analyse_carried.analyse_and_die(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
"""
Writer = Callable[[Path, BundleMaker], dict[str, Any]]


def wandering(number: int) -> Image:
    """A bright spot that walks, and goes out now and then for a while or for long, over a ground that changes slowly; with a dimmer one."""
    image = np.full((HEIGHT, WIDTH), 20 + round(15 * np.sin(number / 9)), np.uint8)
    image[10:40, 60:100] = 40 + number % 7 * 10
    image[70:75, 140 - 2 * number % 120 : 145 - 2 * number % 120] = 190
    if number % 20 < 14 or number % 20 == 17:
        x, y = 12 + number * 37 % 130, 12 + number * 11 % 90
        image[y - 2 : y + 3, x - 2 : x + 3] = 250
    return image


def look(folder: Path, **more: Any) -> dict[str, Any]:
    """A rectangle of every frame, and a memory of all frames before."""
    view = View(crop=(60, 10, 40, 30), fit="stretch", colour="grey")
    write_image_classifier(folder / "look", height=15, width=20, view=view, warming_frames=3, fade=0.9)
    return {"name": "look", "bundle": str(folder / "look"), **more}


def ahead(folder: Path) -> dict[str, Any]:
    """A forecast of slices, with a memory for each of four phases."""
    view = View(crop=None, fit="stretch", colour="grey")
    write_image_classifier(folder / "ahead", height=30, width=40, view=view, warming_frames=6, fade=0.8, phases=4)
    return {"name": "ahead", "bundle": str(folder / "ahead")}


def near(folder: Path) -> dict[str, Any]:
    """A square that goes with the spot, and a memory."""
    write_image_classifier(folder / "near", height=9, width=9, region=SPOT, fade=0.9, warming_frames=2, longest_gap_s=0.1)
    return {"name": "near", "bundle": str(folder / "near")}


def spotted(folder: Path, make_bundle: BundleMaker) -> dict[str, Any]:
    return {"bundle": str(make_bundle(folder / "points", height=HEIGHT, width=WIDTH))}


def with_an_image_classifier(folder: Path, make_bundle: BundleMaker) -> dict[str, Any]:
    return {"engine": {"bundle": None}, "classifiers": [look(folder)], "behaviour": [LIVELY]}


def with_a_forecast(folder: Path, make_bundle: BundleMaker) -> dict[str, Any]:
    return {"engine": {"bundle": None}, "classifiers": [ahead(folder)]}


def with_a_followed_point(folder: Path, make_bundle: BundleMaker) -> dict[str, Any]:
    return {"engine": spotted(folder, make_bundle), "classifiers": [near(folder)]}


def with_all_of_them(folder: Path, make_bundle: BundleMaker) -> dict[str, Any]:
    write_classifier(folder / "place", warming_frames=5)
    chosen = [look(folder) | {"name": "part", "only_when": TRIAL}, look(folder) | {"name": "fast", "only_when": FAST}]
    of_poses = {"name": "place", "bundle": str(folder / "place")}
    classifiers = [look(folder), ahead(folder), near(folder), of_poses, *chosen]
    return {"engine": spotted(folder, make_bundle), "classifiers": classifiers, "behaviour": [LIVELY], "motion": {"size": [40, 30]}}


def with_identities(folder: Path, make_bundle: BundleMaker) -> dict[str, Any]:
    write_classifier(folder / "place", animals=2, warming_frames=5)
    classifiers = [look(folder), {"name": "place", "bundle": str(folder / "place")}]
    return {"engine": {"bundle": str(two_animals(make_bundle, folder))}, "classifiers": classifiers, "identity": IDENTITY}


def with_key_points_that_remember(folder: Path, make_bundle: BundleMaker) -> dict[str, Any]:
    """The place of the spot lags behind."""
    one = read_bundle(make_bundle(folder / "one", height=HEIGHT, width=WIDTH))
    size = f"1, {HEIGHT}, {WIDTH}, 1"
    text = f"""
        <ir_version: 8, opset_import: ["" : 17]>
        lagging (uint8[{size}] image, float[1, 3] before) => (float[1, 1, 1, 3] points, float[1, 3] before_next)
        <int64[2] flat = {{1, -1}}, int64[1] one = {{1}}, int64 width = {{{WIDTH}}}, float white = {{255.0}}, float left = {{0.9}},
         float share = {{0.1}}, int64[2] row = {{1, 1}}, int64[4] answer = {{1, 1, 1, 3}}>
        {{
            grey = Cast <to = 1> (image)
            pixels = Reshape (grey, flat)
            peak, index = TopK <axis = 1> (pixels, one)
            y = Div (index, width)
            start = Mul (y, width)
            x = Sub (index, start)
            sure = Div (peak, white)
            column = Cast <to = 1> (x)
            line = Cast <to = 1> (y)
            place = Concat <axis = 1> (column, line, sure)
            old = Mul (before, left)
            fresh = Mul (place, share)
            before_next = Add (old, fresh)
            points = Reshape (before_next, answer)
        }}
    """
    model = onnx.parser.parse_model(text)
    onnx.checker.check_model(model, full_check=True)
    expected = [number / 10 for number in one.description.self_test.expected]
    description = msgspec.structs.replace(
        one.description,
        name="lagging",
        states=(TensorShape(name="before", shape=(1, 3), dtype="float32"),),
        self_test=msgspec.structs.replace(one.description.self_test, expected=expected),
    )
    write_bundle(folder / "lagging", model=bytes(model.SerializeToString()), self_test_image=one.self_test_image, description=description)
    return {"engine": {"bundle": str(folder / "lagging")}, "classifiers": [near(folder)]}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("videos") / "monday.mkv", FRAMES, image=wandering, codec="ffv1", pixels="gray")


def written(folder: Path, video: Path, make_bundle: BundleMaker, writer: Writer) -> Path:
    """A configuration with its bundles."""
    made = writer(folder, make_bundle)
    recording = {"folder": str(folder / "recordings"), "minimum_free_gb": 0}
    return write_config(folder, Path("none"), {"source": "opencv", "device": str(video)}, recording=recording, **made)


def asked(config: Path, video: Path, out: str) -> tuple[Job, AnalysisRequest]:
    loaded = load_config(config)
    bundle = read_bundle(Path(loaded.engine.bundle)) if loaded.engine.bundle else None
    settings = analysis_config(loaded, bundle)
    return job_for(video, config.parent / out, taken={}), AnalysisRequest(
        config=settings, made_with=analysed_with(settings, bundle), force=False
    )


def analyse_and_die(config: Path, video: Path, frames: int, while_syncing: str) -> None:
    """For a child process: on the disk are so many frames, or some more where key points are found ahead, and rows without a promise."""
    one_video._TOLD_S, one_video._SYNC_S = 0.0, 1e9

    def write_or_die(path: Path, content: bytes) -> None:
        if while_syncing == "progress" and one_video._SYNC_S == 0.0:
            os.kill(os.getpid(), signal.SIGKILL)
        write_whole(path, content)

    def die(reached: int) -> None:
        one_video._SYNC_S = 0.0 if frames <= reached < frames + (8 if while_syncing == "batch" else 1) else 1e9
        if reached == frames + 10:
            os.kill(os.getpid(), signal.SIGKILL)

    pytest.MonkeyPatch().setattr(unfinished_poses, "write_whole", write_or_die)  # of progress.json, behind the file of what is carried
    analyse_now(*asked(config, video, "out"), told=die)


def killed(config: Path, video: Path, frames: int, *, while_syncing: str = "") -> int:
    """Analyse until so many frames are on the disk, and a little on; returns how many are there."""
    command = [sys.executable, "-c", FROM_HERE + KILLED, str(config), str(video), str(frames), while_syncing]
    assert subprocess.run(command, cwd=ROOT, timeout=DEADLINE_S, check=False).returncode == -signal.SIGKILL
    job, _ = asked(config, video, "out")
    return int(json.loads((job.work / "progress.json").read_text())["frames"])


def results(folder: Path) -> list[bytes]:
    return [*tables_of(folder), (folder / "overview.json").read_bytes()]


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_video, "_TOLD_S", 0.0)


@pytest.mark.parametrize(
    ("writer", "kills"),
    [
        (with_an_image_classifier, (2, 31)),  # while it warms up, and later
        (with_a_forecast, (9, 30)),  # in the midst of a round of phases
        (with_a_followed_point, (14, 36)),  # before its last place counts for a frame, and within a gap after which it begins anew
        (with_all_of_them, (7, 26, 45)),
        (with_identities, (12, 35)),
    ],
)
def test_what_networks_carry_is_gone_on_from_after_kills_to_the_same_bytes(
    tmp_path: Path, video: Path, make_bundle: BundleMaker, often: None, writer: Writer, kills: tuple[int, ...]
) -> None:
    config = written(tmp_path, video, make_bundle, writer)
    whole, request = asked(config, video, "whole")
    analyse_now(whole, request)

    assert tuple(killed(config, video, frames) for frames in kills) == kills, "nothing that was on the disk was done again"
    job, _ = asked(config, video, "out")
    assert not job.folder.exists()
    told: list[int] = []
    analyse_now(job, request, told=told.append)

    assert told[0] == kills[-1] + 1
    assert results(job.folder) == results(whole.folder)
    assert {path.name for path in job.folder.iterdir()} == {path.name for path in whole.folder.iterdir()}
    scores = [len(row) for row in RecordedSession(job.folder).rows["scores"].to_pylist()]
    assert max(scores) > min(scores), "they warmed up"


def test_key_points_of_a_network_with_a_memory_are_gone_on_from_after_kills(
    tmp_path: Path, video: Path, make_bundle: BundleMaker, often: None
) -> None:
    config = written(tmp_path, video, make_bundle, with_key_points_that_remember)
    whole, request = asked(config, video, "whole")
    analyse_now(whole, request)

    kept = [killed(config, video, frames, while_syncing="batch") for frames in (10, 30)]
    assert kept == [16, 32], "only behind a batch is it known what the network carries: it runs ahead"
    job, _ = asked(config, video, "out")
    told: list[int] = []
    analyse_now(job, request, told=told.append)

    assert told[0] == 33
    assert results(job.folder) == results(whole.folder)


def test_a_kill_between_the_two_files_of_a_sync_leaves_the_sync_before_it(
    tmp_path: Path, video: Path, make_bundle: BundleMaker, often: None
) -> None:
    config = written(tmp_path, video, make_bundle, with_an_image_classifier)
    whole, request = asked(config, video, "whole")
    analyse_now(whole, request)

    assert killed(config, video, 20) == 20
    assert killed(config, video, 40, while_syncing="progress") == 20
    job, _ = asked(config, video, "out")
    assert len(list(job.work.glob("carried-*.bin"))) == 2
    told: list[int] = []
    analyse_now(job, request, told=told.append)

    assert told[0] == 21
    assert results(job.folder) == results(whole.folder)


@pytest.mark.parametrize(("took_s", "pause_s"), [(0.0, 5.0), (0.02, 5.0), (0.25, 25.0)])
def test_a_sync_that_takes_long_is_made_less_often(took_s: float, pause_s: float) -> None:
    assert sync_pause_s(took_s) == pause_s


def kept_by_an_older_release(folder: Path) -> None:
    path = folder / "progress.json"
    path.write_text(json.dumps({name: value for name, value in json.loads(path.read_text()).items() if name != "carried_sha256"}))


def is_gone(folder: Path) -> None:
    (folder / "carried-000000020.bin").unlink()


def is_damaged(folder: Path) -> None:
    path = folder / "carried-000000020.bin"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def is_cut(folder: Path) -> None:
    path = folder / "carried-000000020.bin"
    path.write_bytes(path.read_bytes()[:-1])


def changed(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """As another release, rig or time would have written it, whole."""

    def write(folder: Path) -> None:
        path, progress = folder / "carried-000000020.bin", folder / "progress.json"
        said: dict[str, Any] = msgspec.msgpack.decode(path.read_bytes())
        change(said)
        path.write_bytes(msgspec.msgpack.encode(said))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        progress.write_text(json.dumps(json.loads(progress.read_text()) | {"carried_sha256": digest}))

    return write


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (kept_by_an_older_release, "an older release kept nothing of it"),
        (is_gone, "carried-000000020.bin cannot be read: No such file or directory"),
        (is_damaged, "carried-000000020.bin is damaged"),
        (is_cut, "carried-000000020.bin is damaged"),
        (changed(lambda said: said.update(format=0)), "carried-000000020.bin is of another release"),
        (changed(lambda said: said.update(frames=19)), "carried-000000020.bin is of another release"),
        (changed(lambda said: said.pop("networks")), "carried-000000020.bin is of another release"),
        (changed(lambda said: said["networks"]["made_by"].update(look="0")), "it is of another network, runtime or device"),
        (changed(lambda said: said["networks"]["classifiers"].clear()), "what was kept is of the classifiers none; expected look"),
        (
            changed(lambda said: said["networks"]["classifiers"]["look"]["states"].update(before=b"1234")),
            "the states that were kept have {'before': 4} bytes; expected {'before': 1200}",
        ),
    ],
)
def test_what_cannot_be_gone_on_from_is_said_and_the_analysis_begins_anew(
    tmp_path: Path,
    video: Path,
    make_bundle: BundleMaker,
    often: None,
    carried_20: Callable[[], tuple[Path, Path]],
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path], None],
    why: str,
) -> None:
    config, whole = carried_20()
    job, request = asked(config, video, "out")
    spoil(job.work)
    told: list[int] = []

    with caplog.at_level(logging.WARNING):
        analyse_now(job, request, told=told.append)

    assert told[0] == 1
    (sentence,) = [record.getMessage() for record in caplog.records if record.name == "tracker.analysis.one_video"]
    assert sentence.startswith(f"{video}: what its networks remember behind frame 20 cannot be used: {why}")
    assert sentence.endswith("; it is analysed again from its first frame on")
    assert results(job.folder) == results(whole)


@pytest.fixture(scope="module")
def broken_at_20(tmp_path_factory: pytest.TempPathFactory, video: Path, make_bundle: BundleMaker) -> tuple[Path, Path]:
    """The configuration of an analysis of which 20 frames are on the disk, and its whole result."""
    config = written(tmp_path_factory.mktemp("broken"), video, make_bundle, with_an_image_classifier)
    whole, request = asked(config, video, "whole")
    analyse_now(whole, request)
    assert killed(config, video, 20) == 20
    return config, whole.folder


@pytest.fixture
def carried_20(broken_at_20: tuple[Path, Path], video: Path) -> Callable[[], tuple[Path, Path]]:
    """Gives that analysis as it was, whatever was done with it before."""
    config, whole = broken_at_20
    kept = config.parent / "kept"

    def again() -> tuple[Path, Path]:
        out = config.parent / "out"
        if not kept.exists():
            shutil.copytree(out, kept)
        shutil.rmtree(out)
        shutil.copytree(kept, out)
        return config, whole

    return again
