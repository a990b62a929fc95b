"""What an answer is judged by: how near to its label a point counts as right, and what error the task can do with."""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.bundle import Bundle
from tracker.bundle_description import distance_words
from trainer.errors import TrainingError
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.misnamed import did_you_mean
from trainer.scoring.floor import Floor

logger = logging.getLogger(__name__)

FIGURES_FILE = "metrics.json"  # beside a bundle: what its training came to
SHARE_OF_LENGTH = 0.02  # 2.4 px on a mouse of 120 px, which is about what two people differ by
NAMED = 3  # key points of a group whose names are said
SMALLEST_PX = 1.0  # no label is placed more finely than on a pixel
WITHOUT_LENGTH_PX = 5.0  # where every point lies alone, so that nothing has a length

Groups = Sequence[tuple[int, ...]]  # places of the key points that lie together; none where all do


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """What was asked for.

    Attributes:
        correct_within: pixels by point; "" stands for all points that are not named. Empty: `usual_radii`.
        target_px: the mean error that the task can do with; None where nobody has said.
    """

    correct_within: Mapping[str, float] = field(default_factory=dict)
    target_px: float | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """What was asked for, as options of `trainer fit`."""
        words = [f"{name}={px:.12g}" if name else f"{px:.12g}" for name, px in self.correct_within.items()]
        within = ("--correct-within", *words) if words else ()
        return (*within, *(() if self.target_px is None else ("--target-px", f"{self.target_px:.12g}")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Radii:
    """How near to its label each key point counts as right.

    Attributes:
        px: K of them, source pixels.
        source: where they are from, in words.
    """

    px: tuple[float, ...]
    source: str

    @property
    def array(self) -> NDArray[np.float64]:
        """float64 (K,)."""
        return np.array(self.px, np.float64)

    @property
    def words(self) -> str:
        """In a sentence: "2.4 px", or the range where they differ."""
        return distance_words(self.px)


def correct_within(asked: Sequence[str]) -> dict[str, float]:
    """The option's words: "3" for all points, "snout=2" for one.

    Raises:
        TrainingError: what is no distance above 0.
    """
    found = dict[str, float]()
    for word in asked:
        name, _, number = word.rpartition("=")
        try:
            px = float(number)
        except ValueError:
            px = math.nan
        if not (math.isfinite(px) and px > 0):
            raise TrainingError(f"--correct-within {word}: expected pixels above 0, or a point and its pixels as in snout=2.5")
        found[name] = px
    return found


def radii(frames: LabelledFrames, floor: Floor | None, asked: Mapping[str, float], groups: Groups = ()) -> Radii:
    """The radius of each point: as asked, or else `usual_radii`.

    Raises:
        TrainingError: a point was named that is not there.
    """
    names = frames.point_names
    unknown = [name for name in asked if name and name not in names]
    if unknown:
        hint = did_you_mean(unknown[0], names)
        raise TrainingError(f"--correct-within names '{unknown[0]}'; expected some of {', '.join(names)}{hint}")
    usual = usual_radii(frames, floor, groups)
    if not asked:
        return usual
    px = [asked.get(name, asked.get("", other)) for name, other in zip(names, usual.px, strict=True)]
    rest = "" if "" in asked or set(asked) >= set(names) else f"; else {usual.source}"
    return Radii(px=tuple(px), source=f"as given{rest}")


def usual_radii(frames: LabelledFrames, floor: Floor | None, groups: Groups = ()) -> Radii:
    """The distance between annotators where several labelled a point; else 2 % of its group's length; never below a pixel.

    A point alone in its group has no length, and its distance to other groups says nothing of its size. It gets the shortest
    length there is: a radius too small lowers its confidence, one too large calls wrong answers right.

    A network that answers the truth, judged by one annotator's labels, is then right in four of five points: the mean distance
    between two people is √2 · 1.25 of one person's standard deviation along each axis, for normally distributed errors.
    """
    lengths = {group: length_px(frames, group) for group in groups or (tuple(range(len(frames.point_names))),)}
    shortest = min((length for length in lengths.values() if length is not None), default=None)
    of_point = {point: length or shortest for group, length in lengths.items() for point in group}
    alone = [SHARE_OF_LENGTH * length if (length := of_point[point]) is not None else WITHOUT_LENGTH_PX for point in sorted(of_point)]
    between = floor.per_point if floor is not None else {}
    px = tuple(round(max(between.get(name, usual), SMALLEST_PX), 1) for name, usual in zip(frames.point_names, alone, strict=True))
    by_length = _lengths_in_words(lengths, frames.point_names)
    if floor is None or not between:
        return Radii(px=px, source=by_length)
    rest = f"; {by_length} where no two placed the point" if set(between) < set(frames.point_names) else ""
    return Radii(px=px, source=f"the mean distance between {floor.source}{rest}")


def _lengths_in_words(lengths: Mapping[tuple[int, ...], float | None], names: Sequence[str]) -> str:
    known = [(group, length) for group, length in lengths.items() if length is not None]
    if len(lengths) == 1:
        return f"{SHARE_OF_LENGTH:.0%} of the animal's length, {known[0][1]:.0f} px" if known else "an animal without a length"
    if not known:
        return "points that lie alone, without a length"
    said = [f"{length:.0f} px of {_named(group, names)}" for group, length in known]
    others = tuple(point for group, length in lengths.items() if length is None for point in group)
    rest = [f"the shortest for {_named(others, names)}"] if others else []
    return f"{SHARE_OF_LENGTH:.0%} of the length of each point's group: {'; '.join([*said, *rest])}"


def _named(points: Sequence[int], names: Sequence[str]) -> str:
    shown = [names[point] for point in points]
    more = len(shown) - NAMED
    return ", ".join(shown) if more <= 1 else f"{', '.join(shown[:NAMED])} and {more} more"


def length_px(frames: LabelledFrames, group: Sequence[int]) -> float | None:
    """Of some points: the median over all labelled animals of the greatest distance between two of them that are labelled.

    Animals with fewer than half of these points labelled are left out; None where no animal has two of them.
    """
    points = frames.points.reshape(-1, *frames.points.shape[2:])[:, list(group)]
    known = ~np.isnan(points).any(axis=2)
    enough = known.sum(axis=1) >= max(2, math.ceil(points.shape[1] / 2))
    if not enough.any():
        return None
    between = np.linalg.norm(points[enough, :, None] - points[enough, None], axis=-1)
    length = float(np.median(np.nanmax(between.reshape(len(between), -1), axis=1)))
    return length if length > 0 else None


def stated_radii(bundle: Bundle) -> Radii | None:
    """What a bundle's confidence was made for: by its own account, or the `metrics.json` beside an older one; None where neither says."""
    stated = bundle.description.correct_within_px
    if stated is not None:
        return Radii(px=stated, source="as the bundle says")
    px = _stated_once(bundle.folder / FIGURES_FILE)
    return None if px is None else Radii(px=(px,) * len(bundle.description.point_names), source="as the training's figures say")


def _stated_once(figures: Path) -> float | None:
    """One distance for all points, from the figures of a training from before bundles said it themselves."""
    try:
        said = json.loads(figures.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        logger.warning("%s cannot be read, so what the confidence means is guessed: %s", figures, problem)
        return None
    calibration = said.get("calibration") if isinstance(said, dict) else None
    px = calibration.get("limit_px") if isinstance(calibration, dict) else None
    return float(px) if isinstance(px, int | float) and px > 0 else None
