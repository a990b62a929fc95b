"""A tracker without learning, as the mark to beat: difference from the background → largest blob → the ends of its body.

The steps of TrackRat's heuristic: the chamber may be given, the animal is looked for near where it last was, and
the tail, which is thinner than the body, tells the two ends apart. Where labels were learnt from, these say whether it does:
of an animal with a long head or a faint tail, the thin end may be the nose.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from tracker.frame import Image
from trainer.errors import TrainingError
from trainer.labels.images import Size
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.animal_ends import Ends, Mask, ends_of
from trainer.scoring.breakdown import in_time
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.metrics import PointErrors, point_errors

Chamber = tuple[int, int, int, int]  # x, y, width, height in source pixels

BACKGROUND_FRAMES = 100  # a median of more does not change
NOSE = frozenset({"snout", "nose", "head", "tip", "nosetip"})
TAIL = frozenset({"tailbase", "tail", "tailroot", "rump"})
CENTRE = frozenset({"centre", "center", "body", "middle", "centroid", "bodycentre", "bodycenter"})
ORIENTED_BY = 20  # frames learnt from that say which end is the nose
LEAST_CONTRAST = 10.0  # grey levels: below this what differs from the background is the camera's noise
NEAR = 0.3  # a blob at least so large as the largest may be the animal, if it is nearer to where that was
LATELY = 5  # frames after which the animal may be anywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassicalScore:
    """How far the ends that were found are from their labels.

    Attributes:
        names: the key points that it can answer; others are not scored.
        predicted: float64 (n, K', 2), NaN where no animal was seen.
        errors: of the frames in which it saw an animal.
        unseen: frames with a label in which it saw none.
        oriented_by: frames learnt from that said which end is the nose; 0 where the tail alone said it.
        reversed: whether they said that the thin end is the nose.
    """

    names: tuple[str, ...]
    predicted: NDArray[np.float64]
    errors: PointErrors
    unseen: int
    oriented_by: int = 0
    reversed: bool = False

    @property
    def sentence(self) -> str:
        """How its two ends are told apart."""
        if not self.oriented_by:
            return "Without learning, the thin end is taken for the tail; no frame that was learnt from could say otherwise."
        count = "1 frame" if self.oriented_by == 1 else f"{self.oriented_by} frames"
        end = "nose" if self.reversed else "tail"
        return f"Without learning, the thin end is taken for the {end}, by which errors are smaller on {count} learnt from."


def score_classical(
    frames: LabelledFrames,
    *,
    scene: LabelledFrames | None = None,
    learnt: LabelledFrames | None = None,
    chamber: Chamber | None = None,
    console: Console | None = None,
) -> ClassicalScore | None:
    """Track the frames of every video in order of time; None where no key point is an end or the middle of an animal.

    Args:
        frames: labels with one animal.
        scene: more frames of the same videos, to see the background in; None: only `frames`.
        learnt: labels that say which end is the nose; none of them is scored. None: the thin end is the tail.
        chamber: where to look; None: everywhere.
        console: where the progress bar is drawn, None for nowhere.

    Raises:
        TrainingError: the chamber lies outside the image, or there are several animals.
    """
    if frames.animals != 1:
        raise TrainingError(f"the classical tracker follows one animal; the labels hold up to {frames.animals} in a frame")
    places = [place for place, name in enumerate(frames.point_names) if _kind(name)]
    if not places:
        return None
    scene = scene or frames
    told, backwards = _orientation(learnt, scene, places, chamber) if learnt is not None else (0, False)
    answers = _answers(frames, scene, places, chamber, backwards=backwards, console=console)
    return replace(_score(frames, places, answers), oriented_by=told, reversed=backwards)


def needed_names(point_names: Sequence[str]) -> str | None:
    """Which names of key points it goes by, where it knows none of these; one sentence, None where it knows one."""
    if any(map(_kind, point_names)):
        return None
    known = "; ".join(f"{end}: {', '.join(sorted(names))}" for end, names in (("nose", NOSE), ("tail base", TAIL), ("middle", CENTRE)))
    return (
        "Without learning nothing was scored: it finds an animal's ends and middle, goes by the names of key points, and knows none of "
        f"{', '.join(point_names)}; expected one of these in the labels (capitals, spaces and underscores do not matter): {known}."
    )


def _orientation(learnt: LabelledFrames, scene: LabelledFrames, places: Sequence[int], chamber: Chamber | None) -> tuple[int, bool]:
    """How many labelled frames say which end is the nose, and whether that is the thin one: by the smaller median error."""
    chosen = np.unique(np.linspace(0, len(learnt) - 1, min(len(learnt), ORIENTED_BY)).round().astype(int))
    some = learnt.subset(chosen)
    if not set(zip(some.group, some.own_sizes, strict=True)) <= set(zip(scene.group, scene.own_sizes, strict=True)):
        scene = learnt
    ends = [place for place in places if _kind(some.point_names[place]) != "centre"]
    errors = [_score(some, ends, _answers(some, scene, ends, chamber, backwards=way)).errors for way in (False, True)] if ends else []
    told = int(np.isfinite(errors[0].distance_px).any(axis=(1, 2)).sum()) if errors else 0
    return told, told > 0 and errors[1].spread.median_px < errors[0].spread.median_px


def _answers(
    frames: LabelledFrames,
    scene: LabelledFrames,
    places: Sequence[int],
    chamber: Chamber | None,
    *,
    backwards: bool,
    console: Console | None = None,
) -> NDArray[np.float64]:
    """What is found in the frames of every video in order of time, (n, K', 2), NaN where no animal was seen."""
    answers = np.full((len(frames), len(places), 2), np.nan)
    scenes = tuple(f"{group} {size}" for group, size in zip(frames.group, frames.own_sizes, strict=True))  # each has a background
    sequences = in_time(scenes, frames.order)
    for members in sequences if console is None else track(sequences, description="classical tracker", console=console):
        first = int(members[0])
        background = background_of(scene, frames.group[first], frames.size_of(first))
        tracker = ClassicalTracker(background, chamber=chamber, backwards=backwards)
        for index in members.tolist():
            ends = tracker.find(grey(frames.read(index)), number=int(frames.order[index]))
            if ends is not None:
                answers[index] = [getattr(ends, _kind(frames.point_names[place])) for place in places]
    return answers


class ClassicalTracker:
    """Finds one animal in frame after frame of a video.

    Args:
        background: (h, w), the empty scene.
        chamber: where to look; None: everywhere.
        backwards: whether the thin end is the nose.
    """

    def __init__(self, background: Image, *, chamber: Chamber | None = None, backwards: bool = False) -> None:
        self._background, self._backwards = background.astype(np.int16), backwards
        height, width = background.shape
        x, y, across, down = chamber or (0, 0, width, height)
        if x < 0 or y < 0 or across < 1 or down < 1 or x + across > width or y + down > height:
            raise TrainingError(f"the chamber {x} {y} {across} {down} lies outside the {width}×{height} image; give x y width height")
        self._inside = np.zeros(background.shape, bool)
        self._inside[y : y + down, x : x + across] = True
        self._last: tuple[int, Ends] | None = None

    def find(self, image: Image, *, number: int) -> Ends | None:
        """The animal's ends, or None where nothing differs from the background.

        Args:
            image: (h, w).
            number: of the frame; the animal is looked for near its last place for a few frames.
        """
        lately = self._last[1] if self._last is not None and 0 < number - self._last[0] <= LATELY else None
        blob = self._blob(image, lately)
        if blob is None:
            return None
        ends = ends_of(blob, lately, backwards=self._backwards)
        self._last = number, ends
        return ends

    def _blob(self, image: Image, lately: Ends | None) -> Mask | None:
        """The animal's pixels: the largest thing that is darker, or lighter, than the background, or a large one nearby."""
        difference = image.astype(np.int16) - self._background
        difference[~self._inside] = 0
        sides = [np.clip(side, 0, 255).astype(np.uint8) for side in (-difference, difference)]
        strongest = max(sides, key=lambda side: float(np.square(side, dtype=np.float64).sum()))
        level, mask = cv2.threshold(cv2.GaussianBlur(strongest, (5, 5), 0), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        if level < LEAST_CONTRAST:
            return None
        count, labels, stats, centres = cv2.connectedComponentsWithStats(mask)
        areas = stats[1:, cv2.CC_STAT_AREA]
        candidates = 1 + np.flatnonzero(areas >= NEAR * areas.max()) if count > 1 else np.zeros(0, np.int64)
        if not candidates.size:
            return None
        chosen = 1 + int(areas.argmax())
        if lately is not None:
            chosen = min(candidates.tolist(), key=lambda one: float(np.linalg.norm(centres[one] - lately.centre)))
        return np.where(labels == chosen, 255, 0).astype(np.uint8)


def background_of(frames: LabelledFrames, group: str, size: Size) -> Image:
    """The empty scene of a video: the median of its frames of one size, uint8 (h, w)."""
    members = np.flatnonzero([one == group and own == size for one, own in zip(frames.group, frames.own_sizes, strict=True)])
    chosen = members[np.unique(np.linspace(0, len(members) - 1, BACKGROUND_FRAMES).round().astype(int))]
    return np.asarray(np.median(np.stack([grey(frames.read(int(index))) for index in chosen]), axis=0), np.uint8)


def grey(image: Image) -> Image:
    """The image as (h, w)."""
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def classical_beside(evaluation: Evaluation, score: ClassicalScore) -> PointErrors:
    """The network's errors for the same key points of the same frames."""
    places = [evaluation.frames.point_names.index(name) for name in score.names]
    truth = np.where(np.isnan(score.errors.true_px), np.nan, evaluation.frames.points[:, :1, places])
    return point_errors(evaluation.predicted[:, :1, places], truth)


def _score(frames: LabelledFrames, places: Sequence[int], answers: NDArray[np.float64]) -> ClassicalScore:
    truth = frames.points[:, 0, places]
    seen = np.isfinite(answers[:, 0, 0])
    labelled = np.isfinite(truth[..., 0]).any(axis=1)
    scored = np.where(seen[:, None, None], truth, np.nan)
    return ClassicalScore(
        names=tuple(frames.point_names[place] for place in places),
        predicted=answers,
        errors=point_errors(np.nan_to_num(answers)[:, None], scored[:, None]),
        unseen=int((labelled & ~seen).sum()),
    )


def _kind(name: str) -> str:
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    return "nose" if plain in NOSE else "tail" if plain in TAIL else "centre" if plain in CENTRE else ""
