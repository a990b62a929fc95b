"""The report of a training run: one page, one file of figures, written whole or not at all."""

import base64
import json
import math
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tests.trainer.scored import SIZE, noise_frames, scored, scored_with
from trainer.errors import TrainingError
from trainer.labels.finding_lines import OddLabels
from trainer.reports import training_plots
from trainer.reports.error_plots import PEOPLE_LABEL, error_over_time, error_per_point, worst_frames
from trainer.reports.error_report import error_section
from trainer.reports.plot_style import png
from trainer.reports.report_files import plain_json
from trainer.reports.run_tables import settings_table
from trainer.reports.training_page import Examples, JudgedTraining, TrainingRun, metrics, page, write_report
from trainer.scoring.confidence_map import fit_confidence
from trainer.scoring.correct_radius import Radii
from trainer.scoring.floor import Floor
from trainer.scoring.measure import Circumstances, measure
from trainer.scoring.next_commands import NextCommands
from trainer.scoring.training_record import TrainedAs
from trainer.scoring.verdict import RULE, verdict


def history(errors: list[float | None]) -> dict[str, Any]:
    epochs = [
        {"epoch": i, "train_loss": 1 / (i + 1), "val_loss": 1.2 / (i + 1), "val_error_px": error, "seconds": 2.5, "learning_rate": 1e-3}
        for i, error in enumerate(errors)
    ]
    return {"epochs": epochs, "batches": [{"epoch": i, "batch": b, "loss": 1 / (i + b + 1)} for i in range(len(errors)) for b in range(3)]}


def a_run(
    folder: Path,
    *,
    train_px: float = 1.0,
    held_out_px: float | None = 1.2,
    errors: list[float | None] | None = None,
    floor: Floor | None = None,
) -> TrainingRun:
    train = scored(folder, frames=8, error_px=train_px, seed=1)
    held_out = scored(folder, frames=5, error_px=held_out_px, seed=2, missing=True) if held_out_px is not None else None
    course, radii = history(errors if errors is not None else [2.0] * 20), Radii(px=(2.0, 3.0), source="as given")
    measured = measure(
        train, held_out, Circumstances(labels=train.frames, radii=radii, floor=floor, seen_px=(1.0, 1.0), batch=8, history=course)
    )
    judged = JudgedTraining(
        verdict=verdict(measured, NextCommands(data=("mouse",), bundle="models/mouse")),
        measured=measured,
        radii=radii,
        trained_as=TrainedAs(),
    )
    images, truth = [train.frames.read(place) for place in (0, 5)], train.frames.points[[0, 5]]
    return TrainingRun(
        name="mouse & co",
        created="2026-01-02T03:04:05Z",
        device="CPU, 2 threads",
        settings={"seed": 7, "augmentation": {"rotate_deg": 180}, "data": folder},
        history=course,
        train=train,
        held_out=held_out,
        heatmap=(np.zeros(SIZE, np.uint8), np.eye(12, 16)),
        field_of_view="The network sees all of it.",
        judged=judged,
        calibration=fit_confidence(train.predicted, train.frames, within_px=np.array([2.0, 3.0])),
        floor=floor,
        examples=Examples(images=images, truth=truth, stages=[("epoch 0", truth * 0), ("epoch 1", truth + 3), ("finished", truth)]),
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
    assert page.count["img"] == 8
    assert page.count.get("script") is None
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    for source in page.sources:
        assert base64.b64decode(source.partition(",")[2]).startswith(b"\x89PNG")


def test_page_and_figures_say_what_confidence_points_out_of_sight_were_given(tmp_path: Path) -> None:
    labels = noise_frames(tmp_path, 5, seed=2)
    labels.hidden[1:4, 0, 1] = True
    labels.points[1:4, 0, 1] = np.nan
    run = replace(a_run(tmp_path), held_out=scored_with(labels, np.full((5, 2), 1.2)))
    every, tail = metrics(run)["absence"]
    assert (every["point"], tail["point"], tail["present"], tail["absent"]) == ("all points", "tail <base>", 2, 3)
    said = write_report(tmp_path / "report", run).read_text(encoding="utf-8")
    assert "out of sight above 0.5" in said
    assert "nothing here says what confidence an absent point is given" not in said


@pytest.mark.parametrize(
    "expected",
    [
        "mouse &amp; co",  # its name, escaped
        "tail &lt;base&gt;",
        "Held-out, all points",
        "Training, all points",  # the same figures, scored in the same mode
        "≤ 2 px",
        "Naive baseline: mean position in training labels",
        "Naive baseline: centre of the image (an all-black heat map",
        "All rows are measured in the same way, by one mean",
        "it is taken with augmentation, from weights that still change",
        "The same held-out frames after several epochs",
        "Confidence",
        "<li>",  # a next step
        "<code>trainer ",
        "Each key point",
        "More labels or a longer training?",
        "Labels are needed most of",
        "nothing here says what confidence an absent point is given",
        "2.50 s on average",
        "Python",
        "rotate_deg",
        "R² grows with how far the animal walks",
        RULE.split(":")[0],
    ],
)
def test_the_page_says(page_text: str, expected: str) -> None:
    assert expected in page_text


def test_the_verdict_stands_before_figures_and_notes_and_many_findings_about_labels_are_folded(tmp_path: Path) -> None:
    odd = OddLabels(lines=("ears are apart in 3 frames",), each=("ears in frame 1", "ears in frame 2", "ears in frame 3"))
    written = page(replace(a_run(tmp_path), notes=("half of them are mirrored",), odd_labels=odd))
    parts = [
        'class="verdict"',
        'class="lead"',
        "half of them are mirrored",
        "Labels: ears are apart in 3 frames",
        "<details",
        "ears in frame 2",
    ]
    places = [written.index(part) for part in parts]
    assert places == sorted(places)
    assert "3 findings in 1 line; every one" in written


def test_few_findings_about_labels_are_not_folded(tmp_path: Path) -> None:
    odd = OddLabels(lines=("too few", "swapped"), each=("too few", "swapped"))
    written = page(replace(a_run(tmp_path), odd_labels=odd))
    assert "Labels: swapped" in written
    assert "<details" not in written
    assert metrics(replace(a_run(tmp_path), odd_labels=odd))["odd_labels"] == ["too few", "swapped"]


def test_settings_are_shown_in_words_and_those_that_were_not_given_are_said_to_be_so() -> None:
    shown = settings_table({"depth": None, "mirror": True, "lags": (1, 2), "groups": [[1], []], "augment": {"flip": None, "light": 0.3}})
    for words in ("not given", "yes", "1, 2", "(1), (none)", "flip not given, light 0.3"):
        assert f">{words}<" in shown
    assert not re.search("null|None|True|true|{", shown)


def test_the_figures_for_programs_hold_both_sets_machine_and_time(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    found = json.loads(plain_json(metrics(run)))
    assert run.held_out is not None
    assert found["held_out"]["mean_px"] == run.held_out.errors.spread.mean_px  # not rounded
    assert set(found["train"]) == set(found["held_out"])
    assert found["seconds"] == {"total": 50.0, "per_epoch": 2.5}
    assert {"processor", "Python", "numpy"} <= set(found["machine"])
    assert found["verdict"] == run.judged.verdict.as_json()
    assert found["correct_within_px"] == {"snout": 2.0, "tail <base>": 3.0}
    assert found["calibration"]["correct_within_px"] == [2.0, 3.0]


def test_a_loss_that_diverged_becomes_null(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    run.history["epochs"][3]["train_loss"] = math.nan
    assert json.loads(plain_json(metrics(run)))["history"]["epochs"][3]["train_loss"] is None


@pytest.mark.parametrize("epochs", [0, 1, 2], ids=["none", "one", "two"])
def test_a_run_with_hardly_any_history_and_nothing_held_out_is_reported(tmp_path: Path, epochs: int) -> None:
    run = a_run(tmp_path, held_out_px=None, errors=[None] * epochs)
    text = write_report(tmp_path, run).read_text(encoding="utf-8")
    assert "Nothing was held out" in text
    assert metrics(run)["held_out"] is None


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
from trainer.reports.error_report import error_section
from trainer.errors import TrainingError
from trainer.whole_files import replace_files
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, {resource.getrlimit(resource.RLIMIT_FSIZE)[1]}))
try:
    replace_files(Path({str(tmp_path)!r}), {{"report.html": b"new", "metrics.json": b"x" * 100_000}}, what="the report")
except TrainingError as error:
    sys.exit(str(error))
"""
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root, timeout=800, check=False)
    assert ended.returncode == 1
    assert "the report could not be written: File too large" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "earlier"


def pixels(figure: Figure) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(png(figure), np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(image, np.uint8)


def test_loss_error_changes_and_time_are_drawn_for_each_epoch() -> None:
    losses, errors, changes, times = training_plots.loss_curves(history([5.0, 4.0, 3.0])).axes
    assert losses.get_yscale() == "log"
    assert errors.get_yscale() == "log"
    assert [line.get_label() for line in losses.lines] == ["training, each batch", "training, each epoch", "held-out, each epoch"]
    assert np.asarray(changes.lines[1].get_ydata()) == pytest.approx(np.diff([1, 1 / 2, 1 / 3]))
    assert [bar.get_height() for bar in times.patches] == [2.5, 2.5, 2.5]  # type: ignore[attr-defined]


def test_axes_of_losses_have_several_plain_numbers_and_name_each_line_once() -> None:
    figure = training_plots.loss_curves(history([1.09, 0.95, 0.8]), kept=1)
    figure.canvas.draw()
    for axes in figure.axes[:3]:
        low, high = axes.get_ylim()
        marks = [(value, text) for which in ("major", "minor") for value, text in _marks(axes, which) if low <= value <= high and text]
        assert len(marks) >= 3, axes.get_title()
        assert all(float(text.replace("\N{MINUS SIGN}", "-")) == pytest.approx(value) for value, text in marks)
        assert axes.get_legend() is None
    assert "taken: epoch 1" in [text.get_text() for text in figure.legends[0].get_texts()]


def _marks(axes: Axes, which: str) -> list[tuple[float, str]]:
    axis = axes.yaxis
    places, formatter = (
        (axis.get_majorticklocs(), axis.get_major_formatter())
        if which == "major"
        else (axis.get_minorticklocs(), axis.get_minor_formatter())
    )
    return list(zip([float(place) for place in places], formatter.format_ticks(list(places)), strict=True))


def test_the_title_names_the_settings_and_the_epochs_that_are_drawn() -> None:
    """The words "after 25 epochs" must not stand over a plot of 16."""
    assert training_plots.loss_curves(history([5.0] * 16), title="mouse: seed 7").get_suptitle() == "mouse: seed 7, 16 epochs"
    assert training_plots.loss_curves(history([5.0])).get_suptitle() == "1 epoch"


def test_a_loss_below_zero_is_still_drawn() -> None:
    record = history([1.0, 1.0])
    record["epochs"][1]["train_loss"] = -0.5
    assert training_plots.loss_curves(record).axes[0].get_yscale() == "symlog"


def test_the_heat_map_darkens_what_is_improbable() -> None:
    heat = np.zeros((12, 16))
    heat[6, 8] = 1.0
    overlay = training_plots.heatmap_overlay(np.full(SIZE, 128, np.uint8), heat).axes[2].images[1]
    shown = np.asarray(overlay.cmap(overlay.norm(np.asarray(overlay.get_array()))))[..., :3].sum(axis=2)
    assert shown[6, 8] > 2.0
    assert shown[0, 0] < 0.1


@pytest.mark.parametrize("points", ["one frame", "missing points"])
def test_every_picture_can_be_drawn_from_little(tmp_path: Path, points: str) -> None:
    few = scored(tmp_path, frames=1 if points == "one frame" else 3, error_px=2, missing=points != "one frame")
    for figure in (error_per_point(few, None), worst_frames(few), error_over_time(few)):
        assert pixels(figure).std() > 0


def test_errors_over_time_name_each_video_and_count_whole_frames(tmp_path: Path) -> None:
    evaluation = scored(tmp_path, frames=9, error_px=2)
    videos = replace(evaluation, frames=replace(evaluation.frames, group=("monday",) * 4 + ("tuesday with a long name " * 5,) * 5))
    figure = error_over_time(videos)
    (axes,) = figure.axes
    png(figure)
    names = [words.get_text() for words in axes.texts]
    assert names[0] == "monday"
    assert names[1].startswith("tuesday with")
    assert names[1].endswith("…")
    assert axes.get_xlabel().startswith("scored frames, counted from 0: one video after the other, each in ")
    assert all(float(place).is_integer() for place in axes.get_xticks())


def test_the_worst_frames_stand_first(tmp_path: Path) -> None:
    evaluation = scored(tmp_path, frames=6, error_px=3)
    titles = [axes.get_title(loc="left") for axes in worst_frames(evaluation).axes]
    shown = [float(re.findall(r"([\d.]+) px", title)[0]) for title in titles if title]
    assert shown == sorted(shown, reverse=True)
    assert shown[0] == pytest.approx(float(evaluation.errors.distance_px.max()), abs=0.06)


def test_the_distance_between_people_is_drawn_in_every_plot_of_errors(tmp_path: Path) -> None:
    floor = Floor(per_point={"snout": 2.0, "tail <base>": 4.0}, source="2 annotators")
    evaluation = scored(tmp_path, frames=6, error_px=3)
    share, boxes = error_per_point(evaluation, None, floor=floor).axes
    (time,) = error_over_time(evaluation, floor=floor).axes
    _, held_out, *_ = training_plots.loss_curves(history([5.0, 4.0]), floor=floor).axes
    for axes, place in ((share, "x"), (time, "y"), (held_out, "y")):
        (line,) = [line for line in axes.lines if line.get_label() == PEOPLE_LABEL]
        assert np.asarray(getattr(line, f"get_{place}data")()).tolist() == [3.0, 3.0]
    assert [np.asarray(line.get_xdata()).tolist() for line in boxes.lines if line.get_linestyle() == "-."] == [[2.0, 2.0], [4.0, 4.0]]
    assert "People: distance between annotators (2 annotators)" in error_section([("Held-out", evaluation)], floor=floor)


def test_the_strip_shows_the_same_images_at_each_stage_and_of_many_stages_the_last(tmp_path: Path) -> None:
    image, truth = np.full(SIZE, 128, np.uint8), np.array([[[[20.0, 20.0], [30.0, 30.0]]]] * 2)
    stages = [(f"epoch {epoch}", truth + epoch) for epoch in range(9)]
    figure = training_plots.learning_strip([image, image], truth, stages)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title for title in titles if title] == ["epoch 0", "epoch 1", "epoch 2", "epoch 3", "epoch 4", "epoch 8"]
    assert len(figure.axes) == 2 * training_plots.STRIP_COLUMNS
