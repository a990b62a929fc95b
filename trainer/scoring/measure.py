"""Looks at a network's answers, labels, images and history, and puts what a verdict is made from into `Measurements`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.bundle_description import Augmentation
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.confidence_measure import measure_confidence
from trainer.scoring.correct_radius import Radii
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.floor import Floor
from trainer.scoring.label_faults import FAR_RADII, exchanges, label_scatter_px, other_names, robust_sd, suspects
from trainer.scoring.loss_curves import crossing, still_falling
from trainer.scoring.measurements import BORDER_PX, FEWEST_LEARNT, EmptyScene, GroupMeasure, Measurements, PointMeasure
from trainer.scoring.metrics import share_beyond

LOOKED_AT = 24  # frames of each part whose brightness and contrast are compared
_LUMINANCE = np.array([0.299, 0.587, 0.114])  # of red, green and blue, ITU-R BT.601
GREY_LEVELS = 4.0  # frames of one recording differ by about as much
NO_HISTORY: Mapping[str, Any] = {"epochs": [], "batches": []}


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What is known of a training besides its errors.

    Attributes:
        labels: the frames learnt from that are here.
        learnt: how many frames were learnt from in all, where more may be than are here.
        radii: what counts as right.
        floor: between annotators, where known.
        target_px: what the task can do with, where known.
        seen_px: source pixels for one of the network's, by key point; empty where not known.
        batch: pictures a step, where known.
        history: as a report has it; without epochs where it is not known.
        empty: the surest answer for a scene without the animal, where known.
        curve: what a learning curve of the same labels says, sentences.
        augmentation: in force, where known.
        relabelled: the video of each frame learnt from whose labels have changed since.
    """

    labels: LabelledFrames
    learnt: int | None = None
    radii: Radii
    floor: Floor | None = None
    target_px: float | None = None
    seen_px: tuple[float, ...] = ()
    batch: int | None = None
    history: Mapping[str, Any] = field(default_factory=lambda: NO_HISTORY)
    empty: EmptyScene | None = None
    curve: tuple[str, ...] = ()
    augmentation: Augmentation | None = None
    relabelled: tuple[str, ...] = ()


def measure(train: Evaluation, held_out: Evaluation | None, about: Circumstances) -> Measurements:
    """Look at the answers of one network for frames that it has learnt from and, where there are some, frames that it has not.

    Where the frames learnt from are a few of many, nothing is concluded from the errors on them.

    Raises:
        LabelError: an image cannot be read.
    """
    scored = held_out if held_out is not None and held_out.errors.found else None
    spread = scored.errors.spread if scored is not None else None
    shown, within = scored or train, about.radii.array
    least_px = 2 * float(within.mean())
    epochs, steps = about.history["epochs"], len(about.history["batches"])
    made = Measurements(
        learnt=max(len(about.labels), about.learnt or 0),
        looked_at=len(about.labels),
        scored=int(_with_label(scored).sum()) if scored is not None else 0,
        right=_right(scored, within) if scored is not None else 0,
        train_median_px=train.errors.spread.median_px,
        train_mean_px=train.errors.spread.mean_px,
        train_lost=share_beyond(FAR_RADII * within, train.errors.distance_px),
        median_px=spread.median_px if spread is not None else math.nan,
        mean_px=spread.mean_px if spread is not None else math.nan,
        baseline_px=shown.baseline.mean_position_px,
        radius_px=float(within.mean()),
        floor_px=about.floor.mean_px if about.floor is not None else None,
        target_px=about.target_px,
        pictures=steps * about.batch if steps and about.batch else None,
        falling=still_falling([row.get("val_error_px") for row in epochs]),
        crossing=crossing([row.get("train_loss") for row in epochs], [row.get("val_loss") for row in epochs]) if epochs else None,
        scatter_px=label_scatter_px(shown),
        unlike=_unlike(train.frames, scored.frames) if scored is not None else 0.0,
        points=_points(train, scored, about),
        groups=_groups(scored, about.labels, within) if scored is not None else (),
        exchanges=exchanges(train, scored, least_px=least_px),
        other_names=other_names(shown, least_px=least_px),
        mirrored=about.augmentation.pairs if about.augmentation is not None and about.augmentation.flip else None,
        suspects=suspects(train, scored, within_px=within),
        confidence=measure_confidence(scored, within_px=within) if scored is not None else None,
        empty=about.empty,
        curve=about.curve,
        relabelled=about.relabelled,
    )
    return _without_training(made) if made.in_part and len(about.labels) < FEWEST_LEARNT else made


def _without_training(m: Measurements) -> Measurements:
    """The same without what the frames learnt from came to."""
    return replace(
        m,
        train_median_px=math.nan,
        train_mean_px=math.nan,
        train_lost=0.0,
        unlike=0.0,
        points=tuple(replace(point, train_median_px=math.nan) for point in m.points),
        exchanges=(),
    )


def _with_label(scored: Evaluation) -> NDArray[np.bool_]:
    """(n,), frames that have one."""
    return np.asarray(np.isfinite(scored.errors.distance_px).any(axis=(1, 2)), bool)


def _right(scored: Evaluation, within_px: NDArray[np.float64]) -> int:
    """Frames of which at least half of the labelled points lie within what counts as right."""
    distance = scored.errors.distance_px[_with_label(scored)]
    near, known = (np.asarray(kind).sum(axis=(1, 2)) for kind in (distance <= within_px, np.isfinite(distance)))
    return int((2 * near >= known).sum())


def _points(train: Evaluation, scored: Evaluation | None, about: Circumstances) -> tuple[PointMeasure, ...]:
    labels, seen = about.labels, about.seen_px or (math.nan,) * len(about.radii.px)
    learnt = (~np.isnan(labels.points).any(axis=3)).sum(axis=(0, 1)).tolist()
    hidden = labels.hidden.sum(axis=(0, 1)).tolist()
    at_border = _at_border(scored.frames) if scored is not None else None
    return tuple(
        replace(
            _point(place, name, learnt[place], train=train, scored=scored, at_border=at_border),
            hidden=hidden[place],
            radius_px=about.radii.px[place],
            seen_px=seen[place],
        )
        for place, name in enumerate(labels.point_names)
    )


def _point(
    place: int, name: str, learnt: int, *, train: Evaluation, scored: Evaluation | None, at_border: NDArray[np.bool_] | None
) -> PointMeasure:
    train_median_px = train.errors.of_point(place).spread.median_px
    if scored is None or at_border is None or not scored.errors.of_point(place).found:
        return PointMeasure(name=name, learnt=learnt, train_median_px=train_median_px)
    errors = scored.errors.of_point(place)
    offset = errors.offset_px.reshape(-1, 2)
    offset = offset[~np.isnan(offset).any(axis=1)]
    distance, there = scored.errors.distance_px[..., place], at_border[..., place]
    known = ~np.isnan(distance)
    border, inner = distance[there & known], distance[~there & known]
    x, y = np.median(offset, axis=0).tolist()
    return PointMeasure(
        name=name,
        learnt=learnt,
        scored=errors.found,
        median_px=errors.spread.median_px,
        mean_px=errors.spread.mean_px,
        train_median_px=train_median_px,
        bias_px=(x, y),
        bias_error_px=max(_median_error(axis) for axis in offset.T),
        median_error_px=_median_error(distance[known]),
        border=len(border),
        border_median_px=float(np.median(border)) if len(border) else math.nan,
        inner_median_px=float(np.median(inner)) if len(inner) else math.nan,
    )


def _median_error(values: NDArray[np.float64]) -> float:
    """Standard error of the median: 1.25 times that of a mean, for normal ones; by a robust spread, or single blunders would raise it."""
    return 1.25 * robust_sd(values) / math.sqrt(len(values))


def _at_border(frames: LabelledFrames) -> NDArray[np.bool_]:
    """(n, A, K), of each image's own borders; False where a point is missing."""
    far = np.array(frames.own_sizes, float)[:, None, None, ::-1] - 1 - BORDER_PX
    with np.errstate(invalid="ignore"):
        return np.asarray(((frames.points < BORDER_PX) | (frames.points > far)).any(axis=-1), bool)


def _groups(scored: Evaluation, labels: LabelledFrames, within_px: NDArray[np.float64]) -> tuple[GroupMeasure, ...]:
    group, learnt = np.array(scored.frames.group), np.array(labels.group)
    made = []
    for name in dict.fromkeys(scored.frames.group):
        mine = group == name
        median, lost = scored.errors.of_frames(mine).spread.median_px, share_beyond(FAR_RADII * within_px, scored.errors.distance_px[mine])
        made.append(GroupMeasure(name=name, learnt=int((learnt == name).sum()), scored=int(mine.sum()), median_px=median, lost=lost))
    return tuple(made)


def _unlike(train: LabelledFrames, scored: LabelledFrames) -> float:
    """The larger of the differences in mean and in contrast, in standard deviations over the training frames."""
    learnt, other = _looks(train), _looks(scored)
    spread = np.maximum(learnt.std(axis=0), GREY_LEVELS)
    return float((np.abs(np.median(other, axis=0) - np.median(learnt, axis=0)) / spread).max())


def _looks(frames: LabelledFrames) -> NDArray[np.float64]:
    """Mean and standard deviation of grey levels of some frames, spread over them: (m, 2)."""
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), LOOKED_AT)).round().astype(int)).tolist()
    images = [frames.read(index) for index in chosen]
    greys = [image if image.ndim == 2 else image @ _LUMINANCE for image in images]
    return np.array([[grey.mean(), grey.std()] for grey in greys], np.float64)
