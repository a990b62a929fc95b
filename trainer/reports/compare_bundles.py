"""Two bundles scored on the frames that neither has learnt from, and what the difference is worth; with a report of it."""

import datetime
import logging
from contextlib import closing
from dataclasses import replace
from functools import reduce
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console

from tracker.bundle import Bundle
from tracker.pages.document import StrongRow, table, text
from tracker.pages.document import page as page_of
from trainer.errors import TrainingError
from trainer.formats.empty_cells import Empty
from trainer.formats.read_labels import read_settled
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import OWN_PIXELS, sizes_in_words
from trainer.labels.time_order import time_is_known
from trainer.reports.error_plots import PEOPLE, PEOPLE_LABEL, contact_sheet
from trainer.reports.error_report import figure_part, number
from trainer.reports.plot_style import DPI, FAINT, HELD_OUT, INK, TRAIN, WIDTH, finish, legend_below, plain_numbers
from trainer.reports.report_files import write_report_files
from trainer.scoring.breakdown import in_time
from trainer.scoring.bundle_split import split_of
from trainer.scoring.compare import Comparison, PairedDifference, compare
from trainer.scoring.engine_choice import EngineChoice, open_chosen
from trainer.scoring.evaluate import score
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.floor import floor_of_data
from trainer.scoring.training_record import empty_as_trained

logger = logging.getLogger(__name__)

SMALLEST_PX = 0.05
SHOWN = 4  # frames on which the two differ most


def compare_bundles(
    bundles: tuple[Bundle, Bundle],
    data: Path,
    *,
    engine: EngineChoice,
    learnt_too: bool = False,
    empty: Empty | None = None,
    console: Console | None = None,
) -> Comparison:
    """Score both on the same frames and test the difference.

    Args:
        bundles: with the same point names.
        data: what `read_labels` reads.
        engine: runtime, precision and device, for both.
        learnt_too: whether frames that one of them has learnt from count as well; they favour it.
        empty: what an empty cell of another tool's labels means; None for what was said in the training of one of the bundles.
        console: where progress is shown.

    Raises:
        LabelError, TrainingError, BundleError: in one sentence.
    """
    wanted, other = (bundle.description.point_names for bundle in bundles)
    if sorted(wanted) != sorted(other):
        raise TrainingError(
            f"{bundles[0].folder} finds {', '.join(wanted)}; {bundles[1].folder} finds {', '.join(other)}: "
            "only bundles with the same point names can be compared"
        )
    said = (empty, *(empty_as_trained(bundle.folder) for bundle in bundles))
    frames = read_settled(data, next((meaning for meaning in said if meaning is not None), None))
    learnt = learnt_from(bundles, data, frames)
    chosen = frames if learnt_too else frames.subset(_left_over(learnt, data, len(frames)))
    names = bundles[0].description.name, bundles[1].description.name
    if names[0] == names[1]:
        names = str(bundles[0].folder), str(bundles[1].folder)
    scored = [_score(bundle, chosen, engine, console) for bundle in bundles]
    note = f"{len(learnt)} of these frames one or the other has learnt from, which favours it" if learnt_too and len(learnt) else ""
    return replace(compare(names, (scored[0], scored[1])), note=note, floor=floor_of_data(data, wanted))


def learnt_from(bundles: tuple[Bundle, Bundle], data: Path, frames: LabelledFrames) -> NDArray[np.int64]:
    """Indices of the frames that one of the bundles has learnt from, as far as can be told."""
    splits = [split_of(bundle, frames) for bundle in bundles]
    return reduce(np.union1d, [split.train for split in splits if split is not None], np.zeros(0, np.int64)).astype(np.int64)


def _left_over(learnt: NDArray[np.int64], data: Path, count: int) -> NDArray[np.int64]:
    if len(learnt) == count:
        raise TrainingError(
            f"{data}: one or the other bundle has learnt from each of its {count} frames; give labels that are new to both, or "
            "--learnt-too, which favours the one that has learnt from more of them"
        )
    if len(learnt):
        logger.warning("frames that a bundle has learnt from are left out: frames=%d of=%d", len(learnt), count)
    return np.setdiff1d(np.arange(count), learnt).astype(np.int64)


def write_comparison(out: Path, found: Comparison) -> Path:
    """Write `report.html` and `metrics.json` into a folder.

    Raises:
        TrainingError: the folder cannot be written; an earlier report is left as it was.
        LabelError: an image that is to be shown cannot be read any more.
    """
    created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    return write_report_files(out, page(found, created=created), found.as_json())


def page(found: Comparison, *, created: str) -> str:
    """The comparison as one HTML document."""
    title = f"{found.first} and {found.second}"
    head = ["", found.first, found.second, "difference", "95 % interval", "p", "frames"]
    rows: list[list[str] | StrongRow] = [StrongRow(_row(found.overall)), *(_row(one) for one in found.per_point)]
    how = (
        f"Mean error in source pixels, and second minus first, frame by frame. The interval comes from a bootstrap of blocks of "
        f"{found.overall.block} consecutive frames, because neighbouring frames are alike; p from Wilcoxon's signed-rank test, for key "
        "points adjusted for their number (Holm). A difference is claimed only where the interval leaves out 0 and p is below 0.05."
    )
    if len(set(found.evaluations[0].frames.sizes)) > 1:
        how += f" The images have several sizes: {sizes_in_words(found.evaluations[0].frames)}. {OWN_PIXELS}"
    if found.floor is not None:
        how += f" Annotators are {found.floor.mean_px:.2f} px apart ({found.floor.source}): these labels do not measure smaller errors."
    places = _most_different(found)
    parts = [
        f"<h1>{text(title)}</h1>",
        f'<p class="lead">{text(found.sentence)}</p>',
        table(head, rows, kind="figures"),
        f'<p class="note">{text(how)}</p>',
        figure_part(paired_plot(found), "Error of one bundle against that of the other, and the difference over time"),
        f"<h2>Where they differ most</h2><p>The same frames, first with {text(found.first)}, then with {text(found.second)}.</p>",
        *(figure_part(contact_sheet(one, places), "Frames on which the two differ most") for one in found.evaluations),
    ]
    return page_of(title, parts, kind="comparison", footer=created)


def paired_plot(found: Comparison) -> Figure:
    """Left: each frame's error with one bundle against the other. Right: the difference over time, with the mean and its interval."""
    first, second = (evaluation.errors.per_frame_px for evaluation in found.evaluations)
    figure = Figure(figsize=(WIDTH, 3.9), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.5])
    a, b = np.maximum(first, SMALLEST_PX), np.maximum(second, SMALLEST_PX)
    limits = (float(np.nanmin([a, b])) * 0.8, float(np.nanmax([a, b])) * 1.25)
    left.plot(limits, limits, color=FAINT, linewidth=1, linestyle=(0, (5, 2)))
    left.plot(a, b, ".", color=TRAIN, alpha=0.6)
    if found.floor is not None:
        left.axvline(found.floor.mean_px, color=PEOPLE, linewidth=1.4, linestyle="-.", label=PEOPLE_LABEL)
        left.axhline(found.floor.mean_px, color=PEOPLE, linewidth=1.4, linestyle="-.")
    left.set(xscale="log", yscale="log", xlim=limits, ylim=limits)
    left.set_xlabel(f"{found.first} (px)", color=INK)
    left.set_ylabel(f"{found.second} (px)", color=INK)
    finish(left, title="Mean error of each frame")
    for axis in (left.xaxis, left.yaxis):
        plain_numbers(axis)
    frames = found.evaluations[0].frames
    order = np.concatenate(in_time(frames.group, frames.order))
    right.axhspan(found.overall.low_px, found.overall.high_px, color=HELD_OUT, alpha=0.2, linewidth=0, label="95 % interval of the mean")
    right.axhline(found.overall.mean_px, color=HELD_OUT, linewidth=1.6, label="mean")
    right.axhline(0, color=FAINT, linewidth=1)
    right.plot(np.arange(len(order)), (second - first)[order], ".-", color=TRAIN, linewidth=0.6, markersize=4, alpha=0.7)
    order_words = "order of time" if time_is_known(frames) else "the order of the files' names"
    right.set_xlabel(f"frame, in {order_words}", color=INK)
    finish(right, title=f"{found.second} minus {found.first} (px)")
    legend_below(figure, left, right)
    return figure


def _score(bundle: Bundle, frames: LabelledFrames, engine: EngineChoice, console: Console | None) -> Evaluation:
    with closing(open_chosen(bundle, engine, console=console)) as opened:
        return score(bundle, frames, engine=opened, console=console)


def _row(one: PairedDifference) -> list[str]:
    p = "< 0.001" if one.p < 0.001 else f"{one.p:.3f}"
    interval = f"{one.low_px:+.2f} to {one.high_px:+.2f}"
    return [one.what, number(one.first_px), number(one.second_px), f"{one.mean_px:+.2f}", interval, p, str(one.frames)]


def _most_different(found: Comparison) -> list[tuple[int, int, int]]:
    """(frame, animal, point) where the two are farthest apart, at most one for each frame."""
    first, second = (evaluation.errors.distance_px for evaluation in found.evaluations)
    apart = np.nan_to_num(np.abs(first - second), nan=-1.0).reshape(len(first), -1)
    frames = np.argsort(-apart.max(axis=1), kind="stable")[:SHOWN]
    places = apart.argmax(axis=1)
    return [(int(frame), *divmod(int(places[frame]), first.shape[-1])) for frame in frames if apart[frame].max() >= 0]
