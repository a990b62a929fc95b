"""What a report shows of faults: bias, exchanged labels, labels that are likely wrong, points out of sight."""

import html
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.scored import noise_frames, scored_with
from tests.trainer.test_report import read_page
from trainer.reports.error_report import absence_part
from trainer.reports.fault_plots import bias_vectors
from trainer.reports.verdict_section import fault_section, labels_or_minutes_section, point_section, point_table, verdict_box
from trainer.scoring.correct_radius import Radii
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.hidden_points import absence
from trainer.scoring.measure import Circumstances, _at_border, measure
from trainer.scoring.measurements import EmptyScene, Measurements
from trainer.scoring.metrics import point_errors
from trainer.scoring.next_commands import NextCommands
from trainer.scoring.verdict import verdict

RADII = Radii(px=(2.0, 2.0), source="2% of the animal's length, 100 px")


@pytest.fixture
def train(tmp_path: Path) -> Evaluation:
    """Of 30 frames four with exchanged points and one with a label far off; answers lie 1 px to the right; two tails are hidden."""
    labels = noise_frames(tmp_path, 30)
    labels.points[:] = labels.points * 0.2 + np.array([[5.0, 5.0], [45.0, 30.0]])
    labels.points[-2:, 0, 1] = np.nan
    labels.hidden[-2:, 0, 1] = True
    right = np.random.default_rng(0).uniform(0.8, 1.2, (30, 2))
    made = scored_with(labels, right, 0.9)
    answers = made.predicted.copy()
    answers[:4, 0, :, :2] = answers[:4, 0, ::-1, :2]
    answers[10, 0, 0, :2] += 20
    return replace(made, predicted=answers, errors=point_errors(answers, labels.points))


@pytest.fixture
def measured(train: Evaluation) -> Measurements:
    return measure(train, train, Circumstances(labels=train.frames, radii=RADII, seen_px=(3.0, 3.0)))


def test_exchanged_labels_and_a_single_one_that_is_wrong_are_shown_apart(train: Evaluation, measured: Measurements, tmp_path: Path) -> None:
    assert [(one.first, one.second, one.frames) for one in measured.exchanges] == [("snout", "tail <base>", 4)]
    assert [(one.point, one.place) for one in measured.suspects if one.learnt] == [("snout", (10, 0, 0))]
    shown = fault_section(measured, train, train)
    (tmp_path / "page.html").write_text(shown)
    assert read_page(tmp_path / "page.html").count["img"] == 3  # exchanged, wrong among those learnt from, wrong among those held out
    assert "Exchanged: snout and tail &lt;base&gt;" in shown
    assert "Labels most likely wrong" in shown


def test_no_label_is_shown_as_wrong_where_labels_have_changed_since(train: Evaluation) -> None:
    found = measure(train, train, Circumstances(labels=train.frames, radii=RADII, relabelled=("monday",)))
    assert found.exchanges
    assert found.suspects
    assert fault_section(found, train, train) == ""
    assert fault_section(replace(found, mirrored=()), train, train).startswith("<h2>Mirrored under their own names: snout"), (
        "mirroring's, and none of labels"
    )


def test_frames_are_right_by_most_of_their_points_and_counted_where_they_have_labels(train: Evaluation, tmp_path: Path) -> None:
    """Of 30 frames, four have both points exchanged, and one has one of its two points wrong."""
    without = train.frames.points.copy()
    without[5:8] = np.nan
    some = replace(train, frames=replace(train.frames, points=without), errors=point_errors(train.predicted, without))
    found = measure(train, some, Circumstances(labels=train.frames, radii=RADII))
    assert (found.scored, found.right) == (27, 23)


def test_what_stands_in_backticks_is_shown_as_code(measured: Measurements) -> None:
    good = replace(measured, exchanges=(), suspects=(), groups=(), train_mean_px=1.0, mean_px=1.0)
    shown = verdict(good, NextCommands(data=("a <b>.csv",), bundle="models/mine"))
    for part in (verdict_box(shown), labels_or_minutes_section(shown)):
        assert "`" not in part
        assert re.search("<code>trainer (render|curve)</code>", part)


def test_a_bias_is_measured_in_spite_of_blunders_and_drawn_as_an_arrow(train: Evaluation, measured: Measurements) -> None:
    snout = measured.points[0]
    assert snout.bias_px[0] == pytest.approx(1.0, abs=0.1)
    assert snout.bias_error_px < 0.1
    said = point_section(measured, train, RADII)
    assert f"snout {snout.bias_px[0]:.1f} px right" in said
    assert "One pixel of the network&#x27;s picture is 3 wide in the image." in said
    assert "empty scene" not in said
    apart = replace(measured, points=tuple(replace(one, seen_px=px) for one, px in zip(measured.points, (1.0, 4 / 3), strict=True)))
    said_apart = point_table(apart, RADII)
    assert "picture is 1 to 1.33 wide (by key point) in the image." in said_apart
    assert re.search(r"<td>2</td><td>1\.33</td></tr>", said_apart), "a column of its own"
    with_empty = replace(measured, empty=EmptyScene(group="monday", point="snout", confidence=0.71))
    assert "In the empty scene of monday, made from its frames, snout is the surest point, with a confidence of 0.71." in point_table(
        with_empty, RADII
    )
    single = replace(measured, points=tuple(replace(one, scored=1) for one in measured.points))
    assert "No key point is biased beyond chance." in point_table(single, RADII)
    drawn = bias_vectors(train, measured.points, RADII.px)
    told = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert told == ["answer for a frame", "label", "counts as right, within", "arrow: median of the answers"]
    panels = drawn.axes
    assert [axes.get_title(loc="left") for axes in panels[:2]] == ["snout", "tail <base>"]
    assert all(len(axes.texts) == 1 for axes in panels[:2]), "the arrow"


def test_labels_at_the_border_and_the_points_that_fail_there_are_named(measured: Measurements) -> None:
    def said(snout_px: float, tail_px: float) -> str:
        found = zip(measured.points, (snout_px, tail_px), strict=True)
        points = tuple(replace(point, border=7, border_median_px=median_px) for point, median_px in found)
        return html.unescape(point_table(replace(measured, points=points), RADII))

    held_out = "14 held-out labels lie within 8 px of the image's edge"
    assert f"{held_out}. " in said(0.1, 0.1)
    assert f"{held_out}, where snout fails. " in said(9.0, 0.1)
    assert f"{held_out}, where snout, tail <base> fail. " in said(9.0, 9.0)


def test_points_out_of_sight_have_a_table_of_their_own(train: Evaluation) -> None:
    assert "AUC" in absence_part(absence(train.predicted, train.frames))
    assert "mark points as hidden" in absence_part(())


def test_labels_at_the_border_are_told_by_each_images_own_size(tmp_path: Path) -> None:
    frames = noise_frames(tmp_path, 2, names=("snout",))
    frames.points[:, 0, 0] = (98, 50)
    one_small = replace(frames, size=(400, 400), sizes=((100, 100), (400, 400)))
    assert _at_border(one_small)[:, 0, 0].tolist() == [True, False]
    frames.points[1, 0, 0] = (np.nan, np.nan)
    assert _at_border(replace(frames, size=(100, 100)))[:, 0, 0].tolist() == [True, False]
