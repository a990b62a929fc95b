"""The report of a training run: one page, one file of figures, written whole or not at all."""

import base64
import json
import math
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trainer import plots
from trainer.baseline import score_baselines
from trainer.errors import TrainingError
from trainer.evaluate import Evaluation
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.metrics import point_errors
from trainer.report import RULE, TrainingRun, diagnosis, metrics, still_falling, write_report

NAMES = ("snout", "tail <base>")  # a name that must be escaped
SIZE = (48, 64)


def scored(folder: Path, *, frames: int, error_px: float, seed: int = 0, missing: bool = False) -> Evaluation:
    """Frames with noise for images, and predictions about `error_px` away."""
    generator = np.random.default_rng(seed)
    images = []
    for number in range(frames):
        path = folder / f"{seed}-{number}.png"
        cv2.imwrite(str(path), generator.integers(0, 255, SIZE, dtype=np.uint8))
        images.append(ImageRef(path=path, frame=None))
    points = generator.uniform([0, 0], [SIZE[1] - 1, SIZE[0] - 1], (frames, 2, 2))
    angle = generator.uniform(0, 2 * np.pi, (frames, 2))
    length = error_px * generator.uniform(0.9, 1.1, (frames, 2))
    located = points + np.stack([length * np.cos(angle), length * np.sin(angle)], axis=2)
    predicted = np.concatenate([located, np.ones((frames, 2, 1))], axis=2)
    if missing:
        points[0] = np.nan
    labels = LabelledFrames(
        images=tuple(images),
        points=points[:, None],
        hidden=np.zeros((frames, 1, len(NAMES)), bool),
        tags=(frozenset(),) * frames,
        point_names=NAMES,
        skeleton=(),
        group=("a",) * frames,
        order=np.arange(frames),
        size=SIZE,
    )
    return Evaluation(
        frames=labels,
        predicted=predicted,
        errors=point_errors(predicted, points),
        baseline=score_baselines(points, train=points, size=SIZE),
        latency_ms=np.full(frames, 0.5),
        runtime="openvino 1",
        device="CPU",
        precision="fp32",
    )


def history(errors: list[float | None]) -> dict[str, Any]:
    epochs = [
        {"epoch": i, "train_loss": 1 / (i + 1), "val_loss": 1.2 / (i + 1), "val_error_px": error, "seconds": 2.5, "learning_rate": 1e-3}
        for i, error in enumerate(errors)
    ]
    return {"epochs": epochs, "batches": [{"epoch": i, "batch": b, "loss": 1 / (i + b + 1)} for i in range(len(errors)) for b in range(3)]}


def a_run(folder: Path, *, train_px: float = 1.0, held_out_px: float | None = 1.2, errors: list[float | None] | None = None) -> TrainingRun:
    return TrainingRun(
        name="mouse & co",
        created="2026-01-02T03:04:05Z",
        device="CPU, 2 threads",
        settings={"seed": 7, "augmentation": {"rotate_deg": 180}, "data": folder},
        history=history(errors if errors is not None else [2.0] * 20),
        train=scored(folder, frames=8, error_px=train_px, seed=1),
        held_out=scored(folder, frames=5, error_px=held_out_px, seed=2, missing=True) if held_out_px is not None else None,
        heatmap=(np.zeros(SIZE, np.uint8), np.eye(12, 16)),
    )


class _Page(HTMLParser):
    """Counts what a page is made of and checks that what is opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: dict[str, int] = {}
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag not in {"meta", "img"}:
            self.open.append(tag)
        self.sources += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read_page(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    return page


@pytest.fixture(scope="module")
def page_text(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    return write_report(folder, a_run(folder)).read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_needs_no_other_file(tmp_path: Path) -> None:
    page = read_page(write_report(tmp_path / "out", a_run(tmp_path)))
    assert page.open == []
    assert page.count["img"] == 5
    assert page.count.get("script") is None
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    for source in page.sources:
        assert base64.b64decode(source.partition(",")[2]).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "expected",
    [
        "mouse &amp; co",  # its name, escaped
        "tail &lt;base&gt;",
        "Held-out, all points",
        "Training, all points",  # R4-24: the same figures, scored in the same mode
        "≤ 2 px",
        "Blind guess: mean position in training labels",
        "Blind guess: centre of the image",
        "2.50 s on average",  # R4-25
        "Python",  # R4-27
        "rotate_deg",
        "R² grows with how far the animal walks",  # R1-10
        RULE.split(":")[0],
    ],
)
def test_the_page_says(page_text: str, expected: str) -> None:
    assert expected in page_text


def test_the_figures_for_programs_hold_both_sets_machine_and_time(tmp_path: Path) -> None:
    """R4-24, R4-25, R4-27."""
    run = a_run(tmp_path)
    write_report(tmp_path, run)
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert run.held_out is not None
    assert found["held_out"]["mean_px"] == run.held_out.errors.spread.mean_px  # not rounded
    assert set(found["train"]) == set(found["held_out"])
    assert found["seconds"] == {"total": 50.0, "per_epoch": 2.5}
    assert {"processor", "Python", "numpy"} <= set(found["machine"])
    assert found["diagnosis"] == diagnosis(run)


def test_a_loss_that_diverged_becomes_null(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    run.history["epochs"][3]["train_loss"] = math.nan
    write_report(tmp_path, run)
    assert json.loads((tmp_path / "metrics.json").read_text())["history"]["epochs"][3]["train_loss"] is None


@pytest.mark.parametrize("epochs", [0, 1, 2], ids=["none", "one", "two"])
def test_a_run_with_hardly_any_history_and_nothing_held_out_is_reported(tmp_path: Path, epochs: int) -> None:
    run = a_run(tmp_path, held_out_px=None, errors=[None] * epochs)
    text = write_report(tmp_path, run).read_text(encoding="utf-8")
    assert "No labelled frame was held out" in text
    assert metrics(run)["held_out"] is None


@pytest.mark.parametrize(
    ("train_px", "held_out_px", "errors", "verdict"),
    [
        (1.0, 1.2, [2.0] * 20, "Neither over- nor under-fitted"),
        (1.0, 3.0, [3.0] * 20, "Over-fitted"),
        (0.1, 0.3, [0.3] * 20, "Neither over- nor under-fitted"),  # a ratio of three between errors that nobody can see
        (2.0, 2.2, [40.0 * 0.9**i for i in range(20)], "Under-fitted: the last fifth"),
        (30.0, 30.0, [30.0] * 20, "Under-fitted or mislabelled"),
    ],
    ids=["balanced", "gap", "gap below half a pixel", "still falling", "blind"],
)
def test_the_diagnosis_follows_its_rule(
    tmp_path: Path, train_px: float, held_out_px: float, errors: list[float | None], verdict: str
) -> None:
    assert diagnosis(a_run(tmp_path, train_px=train_px, held_out_px=held_out_px, errors=errors)).startswith(verdict)


def test_too_few_epochs_do_not_tell_whether_the_error_still_falls() -> None:
    assert still_falling(history([9.0, 8.0, 7.0, 6.0])) == 0.0


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 192 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", str(place)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting a file system needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_gives_one_sentence_and_leaves_the_earlier_report(tmp_path: Path, tiny_disk: Path) -> None:
    (tiny_disk / "report.html").write_text("earlier")
    (tiny_disk / "metrics.json").write_text("{}")
    with pytest.raises(TrainingError, match=r"disk: the report could not be written: No space left on device; free space"):
        write_report(tiny_disk, a_run(tmp_path))
    assert sorted(path.name for path in tiny_disk.iterdir()) == ["metrics.json", "report.html"]
    assert (tiny_disk / "report.html").read_text() == "earlier"
    assert (tiny_disk / "metrics.json").read_text() == "{}"


def test_a_write_that_fails_gives_one_sentence_and_leaves_the_earlier_report(tmp_path: Path) -> None:
    """The same without root: a limit on the size of files, in a process of its own; the second file is the one that fails."""
    (tmp_path / "report.html").write_text("earlier")
    program = f"""
import resource, signal, sys
from pathlib import Path
from trainer import report
from trainer.errors import TrainingError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, {resource.getrlimit(resource.RLIMIT_FSIZE)[1]}))
try:
    report._replace(Path({str(tmp_path)!r}), {{"report.html": b"new", "metrics.json": b"x" * 100_000}})
except TrainingError as error:
    sys.exit(str(error))
"""
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root, timeout=60, check=False)
    assert ended.returncode == 1
    assert "the report could not be written: File too large" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "earlier"


def pixels(figure: Figure) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(plots.png(figure), np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(image, np.uint8)


def test_the_loss_is_drawn_on_a_logarithmic_axis_with_its_changes_below() -> None:
    """R0-21."""
    losses, errors, changes = plots.loss_curves(history([5.0, 4.0, 3.0])).axes
    assert losses.get_yscale() == "log"
    assert errors.get_yscale() == "log"
    assert [line.get_label() for line in losses.lines] == ["training, each batch", "training, each epoch", "held-out, each epoch"]
    assert np.asarray(changes.lines[1].get_ydata()) == pytest.approx(np.diff([1, 1 / 2, 1 / 3]))


def test_a_loss_below_zero_is_still_drawn() -> None:
    record = history([1.0, 1.0])
    record["epochs"][1]["train_loss"] = -0.5
    assert plots.loss_curves(record).axes[0].get_yscale() == "symlog"


def test_the_heat_map_darkens_what_is_improbable() -> None:
    """R1-18."""
    heat = np.zeros((12, 16))
    heat[6, 8] = 1.0
    overlay = plots.heatmap_overlay(np.full(SIZE, 128, np.uint8), heat).axes[2].images[1]
    shown = np.asarray(overlay.cmap(overlay.norm(np.asarray(overlay.get_array()))))[..., :3].sum(axis=2)
    assert shown[6, 8] > 2.0
    assert shown[0, 0] < 0.1


@pytest.mark.parametrize("points", ["one frame", "missing points"])
def test_every_picture_can_be_drawn_from_little(tmp_path: Path, points: str) -> None:
    few = scored(tmp_path, frames=1 if points == "one frame" else 3, error_px=2, missing=points != "one frame")
    for figure in (plots.error_per_point(few, None), plots.worst_frames(few), plots.error_over_time(few)):
        assert pixels(figure).std() > 0


def test_the_worst_frames_stand_first(tmp_path: Path) -> None:
    evaluation = scored(tmp_path, frames=6, error_px=3)
    titles = [axes.get_title(loc="left") for axes in plots.worst_frames(evaluation).axes]
    shown = [float(re.findall(r"([\d.]+) px", title)[0]) for title in titles if title]
    assert shown == sorted(shown, reverse=True)
    assert shown[0] == pytest.approx(float(evaluation.errors.distance_px.max()), abs=0.06)
