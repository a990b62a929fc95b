"""Parts of a report that speak of errors, as HTML; shared by the reports of a training and of an evaluation."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tracker.pages.document import StrongRow, picture, table, text
from trainer.reports.plot_style import png
from trainer.reports.reliability_plots import reliability_diagram
from trainer.scoring.breakdown import UNTAGGED, by_group, by_tag
from trainer.scoring.classical import ClassicalScore, classical_beside
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.floor import Floor
from trainer.scoring.hidden_points import SURE, Absence
from trainer.scoring.metrics import WITHIN_PX, PointErrors, Spread
from trainer.scoring.reliability import Judged, Reliability

Named = tuple[str, Evaluation]  # "Held-out" and its figures

SAME_WAY = (
    "Euclidean distance from the label in source pixels, one for each frame and point; every labelled point counts, without a confidence "
    "cut. All rows are measured in the same way, by one mean over all points of all frames: the finished engine, frames unchanged. So "
    "training and held-out rows can be compared, which the loss while learning cannot: it is taken with augmentation, from weights that "
    "still change. A held-out error below the training error therefore means easier frames, not better learning."
)
OLDER_WORK = (
    "These are for comparison with older work only: they weigh outliers by their square, and R² grows with how far the animal walks. "
    "Neither they nor the squared error of a heat map says how well an animal is found: a heat map that is black everywhere costs hardly "
    "more than a perfect one, and answers no better than the image's centre."
)


def error_section(
    scored: Sequence[Named],
    *,
    thresholds_px: Sequence[float] = WITHIN_PX,
    floor: Floor | None = None,
    classical: ClassicalScore | None = None,
) -> str:
    """The table of errors, with what knowing nothing, a tracker without learning, and people come to.

    Args:
        scored: evaluations of one bundle; the baselines and `classical` are those of the first.
        thresholds_px: distances whose shares are given.
        floor: between people.
        classical: of the same frames.
    """
    head = ["", "mean", "median", "95 %", *(f"≤ {limit:g} px" for limit in thresholds_px), "points"]
    rows: list[list[str] | StrongRow] = []
    for label, evaluation in scored:
        rows.append(StrongRow([f"{label}, all points", *_figures(evaluation.errors, thresholds_px)]))
        columns = zip(evaluation.frames.point_names, evaluation.errors.per_point, evaluation.errors.columns, strict=True)
        rows += [[name, *spread_texts(spread), *_shares(column, thresholds_px)] for name, spread, column in columns]
    first = scored[0][1]
    if classical is not None:
        rows += _classical_rows(first, classical, thresholds_px)
    empty = ["" for _ in head[2:]]
    naive = first.baseline
    rows.append(StrongRow([f"Naive baseline: mean position in {naive.fitted_on}", number(naive.mean_position_px), *empty]))
    rows.append(StrongRow(["Naive baseline: centre of the image (an all-black heat map's answer)", number(naive.image_centre_px), *empty]))
    if floor is not None:
        rows.append(StrongRow([f"People: distance between annotators ({floor.source})", number(floor.mean_px), *empty]))
    told = f'<p class="note">{text(classical.sentence)}</p>' if classical is not None else ""
    return f"<p>{text(SAME_WAY)}</p>{table(head, rows, kind='figures')}{told}{_other_figures(scored)}"


def tag_section(evaluation: Evaluation, *, thresholds_px: Sequence[float] = WITHIN_PX) -> str:
    """Errors by tag with what they say about rearing and the like; nothing where no frame has a tag."""
    found = by_tag(evaluation)
    if not found:
        return ""
    head = ["", "mean", "median", "95 %", *(f"≤ {limit:g} px" for limit in thresholds_px), "points", "frames"]
    rows = [[one.tag, *_figures(one.errors, thresholds_px), str(one.frames)] for one in found]
    said = "".join(f"<li>{text(one.sentence)}</li>" for one in found if one.tag != UNTAGGED)
    how = (
        "Difference of the mean error of frames with the tag and without; p by a permutation test that shifts the tags in time within each "
        "video, so that neighbouring frames, which are alike, do not count as independent."
    )
    return f'<h2>Error by tag</h2>{table(head, rows, kind="figures")}<ul>{said}</ul><p class="note">{text(how)}</p>'


def group_section(evaluation: Evaluation, *, thresholds_px: Sequence[float] = WITHIN_PX) -> str:
    """Errors by video or animal, worst first; nothing where there is one."""
    found = sorted(by_group(evaluation), key=lambda one: -_sortable(one.errors.spread.mean_px))
    if len(found) < 2:
        return ""
    head = ["", "mean", "median", "95 %", *(f"≤ {limit:g} px" for limit in thresholds_px), "points", "frames"]
    rows = [[one.group, *_figures(one.errors, thresholds_px), str(one.frames)] for one in found]
    return f"<h2>Error by video</h2>{table(head, rows, kind='figures')}"


def confidence_section(
    sentence: str,
    curves: Sequence[tuple[str, Reliability]],
    *,
    evaluation: Evaluation,
    judged: Judged,
    absent: Sequence[Absence],
    rule: str = "",
) -> str:
    """What confidence means, and the picture that shows whether it does; only the words where no point can be judged."""
    shown = curves[-1][1].points > 0
    drawn = (
        figure_part(reliability_diagram(curves, evaluation=evaluation, judged=judged), "Reliability diagram, and error against confidence")
        if shown
        else ""
    )
    note = f'<p class="note">{text(rule)}</p>' if rule else ""
    return f"<h2>Confidence</h2><p>{text(sentence)}</p>{drawn}{absence_part(absent)}{note}"


def absence_part(found: Sequence[Absence]) -> str:
    """Whether confidence tells present points from those that labels say are out of sight."""
    if not found:
        said = (
            "No label of these frames says that a point is out of sight, so nothing here says what confidence an absent point is given: "
            "mark points as hidden where they cannot be seen."
        )
        return f"<p>{text(said)}</p>"
    head = ["", "present", "out of sight", "AUC", "confidence present", "out of sight", f"out of sight above {SURE:g}"]
    rows: list[list[str] | StrongRow] = []
    for one in found:
        cells = [str(one.present), str(one.absent), number(one.auc), number(one.present_confidence), number(one.absent_confidence)]
        row = [one.name, *cells, str(one.sure)]
        rows.append(row if rows else StrongRow(row))
    said = (
        "Points that labels say are out of sight, against those that are there. AUC: the chance that a present point is surer than an "
        "absent one; 0.5 is no better than chance. In the diagram an absent point is never right."
    )
    return f"<p>{text(said)}</p>{table(head, rows, kind='figures')}"


def figure_part(figure: Figure, caption: str) -> str:
    """A plot as part of the document."""
    return picture(png(figure), caption)


def spread_texts(spread: Spread) -> list[str]:
    """Mean, median and 95th percentile."""
    return [number(spread.mean_px), number(spread.median_px), number(spread.p95_px)]


def px(value: float) -> str:
    """A number of pixels with its unit."""
    return f"{number(value)} px"


def number(value: float) -> str:
    """Two digits; a dash for what does not exist."""
    return f"{value:.2f}" if math.isfinite(value) else "–"


def _classical_rows(evaluation: Evaluation, classical: ClassicalScore, thresholds_px: Sequence[float]) -> list[list[str] | StrongRow]:
    network = classical_beside(evaluation, classical)
    unseen = f", no animal seen in {classical.unseen} frames" if classical.unseen else ""
    rows: list[list[str] | StrongRow] = [
        StrongRow([f"Classical tracker (no learning{unseen}), all points", *_figures(classical.errors, thresholds_px)])
    ]
    for name, spread, column in zip(classical.names, classical.errors.per_point, classical.errors.columns, strict=True):
        rows.append([name, *spread_texts(spread), *_shares(column, thresholds_px)])
    return [*rows, ["The network on these points", *_figures(network, thresholds_px)]]


def _figures(errors: PointErrors, thresholds_px: Sequence[float]) -> list[str]:
    return [*spread_texts(errors.spread), *_shares(errors.distance_px, thresholds_px)]


def _shares(distance: NDArray[np.float64], thresholds_px: Sequence[float]) -> list[str]:
    found = distance[~np.isnan(distance)]
    if not found.size:
        return [*("–" for _ in thresholds_px), "0"]
    return [*(f"{np.mean(found <= limit):.1%}" for limit in thresholds_px), str(found.size)]


def _other_figures(scored: Sequence[Named]) -> str:
    texts = []
    for label, evaluation in scored:
        errors = evaluation.errors
        texts.append(
            f"{label}: RMS distance {px(errors.rms_distance_px)}, RMSE of one coordinate {px(errors.rmse_px)}, "
            f"log(MSE) {number(errors.log_mse)}{f', R² {errors.r2:.4f}' if math.isfinite(errors.r2) else ''}."
        )
    return f'<p class="note">{text(" ".join([*texts, OLDER_WORK]))}</p>'


def _sortable(value: float) -> float:
    return value if math.isfinite(value) else -math.inf
