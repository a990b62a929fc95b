"""How far apart several annotators place the same point: the floor under every accuracy that is measured against people."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ProjectError
from trainer.project.layer import FrameLabel
from trainer.project.layer_arrays import label_arrays, same_animals
from trainer.project.store import Project

_Arrays = tuple[NDArray[np.float64], NDArray[np.bool_]]  # places (animals, K, 2) and hidden (animals, K)

RULE = (
    "The distance is the plain one between two annotators who both placed the point (Euclidean, source pixels), over every pair of "
    "annotators and every frame that both labelled. It is not an error against the truth: if the errors of two annotators are independent "
    "and alike, the root mean square of their distance is √2 times that of each one's own error (for normally distributed errors so "
    "are mean, median and percentiles), and a bias that they share does not show at all."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointAgreement:
    """One key point, or all of them.

    Attributes:
        distance_px: float64 (pairs,), between two annotators who both placed the point in a frame.
        frames: in how many frames that was.
        hidden_by_one: pairs in which one placed the point and the other said that it cannot be seen.
        hidden_by_both: pairs in which both said so.
    """

    distance_px: NDArray[np.float64]
    frames: int
    hidden_by_one: int
    hidden_by_both: int

    def as_json(self) -> dict[str, Any]:
        """Figures; null where there is no pair."""
        found = self.distance_px
        some = bool(found.size)
        return {
            "mean_px": float(found.mean()) if some else None,
            "median_px": float(np.median(found)) if some else None,
            "p95_px": float(np.percentile(found, 95)) if some else None,
            "rms_px": math.sqrt(float((found**2).mean())) if some else None,
            "pairs": int(found.size),
            "frames": self.frames,
            "hidden_by_one": self.hidden_by_one,
            "hidden_by_both": self.hidden_by_both,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well the annotators of a project agree.

    Attributes:
        annotators: who labelled.
        frames: looked at by two or more of them, and neither excluded nor put off by either of the two.
        excluded_by_one: pairs of annotators and frames in which only one of the two excluded the frame.
        overall: all points together.
        per_point: each by its name.
    """

    annotators: tuple[str, ...]
    frames: int
    excluded_by_one: int
    overall: PointAgreement
    per_point: dict[str, PointAgreement]

    def as_json(self) -> dict[str, Any]:
        """All figures, JSON-able."""
        return {
            "annotators": list(self.annotators),
            "frames": self.frames,
            "excluded_by_one": self.excluded_by_one,
            "overall": self.overall.as_json(),
            "per_point": {name: point.as_json() for name, point in self.per_point.items()},
            "rule": RULE,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """What two annotators said of one frame: distance (animals, K), NaN where not both placed it, and the states (animals, K)."""

    frame: int
    distance_px: NDArray[np.float64]
    hidden_by_one: NDArray[np.bool_]
    hidden_by_both: NDArray[np.bool_]


def agreement(project: Project) -> Agreement:
    """Compare every two annotators of a project in every frame that both labelled.

    Where there are several animals, those of the second annotator are first assigned to those of the first so that they
    lie as close as possible in all: nobody has to begin with the same animal.

    Raises:
        ProjectError: fewer than two annotators, no frame that two of them labelled, or damaged labels.
    """
    names = project.annotators()
    if len(names) < 2:
        there = ", ".join(names) or "nobody"
        raise ProjectError(f"{project.folder}: has labels of {there}; expected two annotators: let a second person label some frames")
    layers = [project.read_layer(name).frames for name in names]
    pairs: list[_Pair] = []
    excluded_by_one = 0
    for number, frame in enumerate(project.frames):
        labels = [layer[frame.image] for layer in layers if frame.image in layer]
        excluded_by_one += sum(one.excluded != other.excluded for one, other in combinations(labels, 2))
        pairs += _pairs(project, number, [label for label in labels if not label.excluded and not label.to_decide])
    if not pairs:
        raise ProjectError(f"{project.folder}: no frame is labelled by two of {', '.join(names)}; let two people label the same frames")
    points = {name: _reduced(pairs, slice(column, column + 1)) for column, name in enumerate(project.point_names)}
    return Agreement(
        annotators=names,
        frames=len({pair.frame for pair in pairs}),
        excluded_by_one=excluded_by_one,
        overall=_reduced(pairs, slice(None)),
        per_point=points,
    )


def floor_px(project: Project) -> dict[str, float] | None:
    """The mean distance between annotators per key point, source pixels, to be drawn under an accuracy; see `RULE`.

    Returns:
        By name, without points that no two annotators placed; None where there is nothing to compare.

    Raises:
        ProjectError: damaged labels.
    """
    layers = [project.read_layer(name) for name in project.annotators()]
    seen = [image for layer in layers for image, label in layer.frames.items() if not label.excluded and not label.to_decide]
    if len(set(seen)) == len(seen):
        return None
    points = agreement(project).per_point
    return {name: float(point.distance_px.mean()) for name, point in points.items() if point.distance_px.size} or None


def _pairs(project: Project, frame: int, labels: list[FrameLabel]) -> Iterator[_Pair]:
    arrays = [label_arrays(label, point_names=project.point_names, animals=project.animals) for label in labels]
    for one, other in combinations(arrays, 2):
        yield _compare(frame, one, other)


def _compare(frame: int, one: _Arrays, other: _Arrays) -> _Pair:
    order = same_animals(one[0], other[0])
    places, hidden = other[0][order], other[1][order]
    offset = places - one[0]
    placed = [~np.isnan(one[0][..., 0]), ~np.isnan(places[..., 0])]
    return _Pair(
        frame=frame,
        distance_px=np.hypot(offset[..., 0], offset[..., 1]),
        hidden_by_one=(one[1] & placed[1]) | (hidden & placed[0]),
        hidden_by_both=one[1] & hidden,
    )


def _reduced(pairs: list[_Pair], columns: slice) -> PointAgreement:
    found = [pair.distance_px[:, columns][~np.isnan(pair.distance_px[:, columns])] for pair in pairs]
    return PointAgreement(
        distance_px=np.concatenate(found),
        frames=len({pair.frame for pair, distance in zip(pairs, found, strict=True) if distance.size}),
        hidden_by_one=sum(int(pair.hidden_by_one[:, columns].sum()) for pair in pairs),
        hidden_by_both=sum(int(pair.hidden_by_both[:, columns].sum()) for pair in pairs),
    )
