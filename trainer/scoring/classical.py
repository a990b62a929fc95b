"""A tracker without learning, as the mark to beat: difference from the background → largest blob → the ends of its body.

The steps of TrackRat's heuristic: the chamber may be given, the animal is looked for near where it last was, and
the tail, which is thinner than the body, tells the two ends apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from tracker.frame import Image
from trainer.errors import TrainingError
from trainer.labels.images import Size
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.breakdown import in_time
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.metrics import PointErrors, point_errors

Chamber = tuple[int, int, int, int]  # x, y, width, height in source pixels
Point = NDArray[np.float64]  # (2,): x, y
Mask = NDArray[np.uint8]  # (h, w), 255 where the animal is

BACKGROUND_FRAMES = 100  # a median of more does not change
NOSE = frozenset({"snout", "nose", "head", "tip", "nosetip"})
TAIL = frozenset({"tailbase", "tail", "tailroot", "rump"})
CENTRE = frozenset({"centre", "center", "body", "middle", "centroid", "bodycentre", "bodycenter"})
LEAST_CONTRAST = 10.0  # grey levels: below this what differs from the background is the camera's noise
NEAR = 0.3  # a blob at least so large as the largest may be the animal, if it is nearer to where that was
LATELY = 5  # frames after which the animal may be anywhere
TAIL_SHARE = 0.55  # of the body's half-width: what an opening of this radius takes away is tail, ears and feet
TAIL_REACH = 1.75  # of the body's half-length: a thing that reaches farther is the tail; a pointed snout reaches 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """What is found of an animal, in source pixels."""

    nose: Point
    tail: Point
    centre: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassicalScore:
    """How far the ends that were found are from their labels.

    Attributes:
        names: the key points that it can answer; others are not scored.
        predicted: float64 (n, K', 2), NaN where no animal was seen.
        errors: of the frames in which it saw an animal.
        unseen: frames with a label in which it saw none.
    """

    names: tuple[str, ...]
    predicted: NDArray[np.float64]
    errors: PointErrors
    unseen: int


def score_classical(
    frames: LabelledFrames, *, scene: LabelledFrames | None = None, chamber: Chamber | None = None, console: Console | None = None
) -> ClassicalScore | None:
    """Track the frames of every video in order of time; None where no key point is an end or the middle of an animal.

    Args:
        frames: labels with one animal.
        scene: more frames of the same videos, to see the background in; None: only `frames`.
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
    answers = np.full((len(frames), len(places), 2), np.nan)
    scene = scene or frames
    scenes = tuple(f"{group} {size}" for group, size in zip(frames.group, frames.own_sizes, strict=True))  # each has a background
    sequences = in_time(scenes, frames.order)
    for members in sequences if console is None else track(sequences, description="classical tracker", console=console):
        first = int(members[0])
        background = background_of(scene, frames.group[first], frames.size_of(first))
        tracker = ClassicalTracker(background, chamber=chamber)
        for index in members.tolist():
            ends = tracker.find(grey(frames.read(index)), number=int(frames.order[index]))
            if ends is not None:
                answers[index] = [getattr(ends, _kind(frames.point_names[place])) for place in places]
    return _score(frames, places, answers)


class ClassicalTracker:
    """Finds one animal in frame after frame of a video.

    Args:
        background: (h, w), the empty scene.
        chamber: where to look; None: everywhere.
    """

    def __init__(self, background: Image, *, chamber: Chamber | None = None) -> None:
        self._background = background.astype(np.int16)
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
        ends = _ends(blob, lately)
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


def _ends(blob: Mask, lately: Ends | None) -> Ends:
    """Nose, root of the tail and middle of one animal."""
    body = _body(blob)
    centre, axis = _axis(body)
    tail_side = _tail_side(blob, body, centre=centre, axis=axis, lately=lately)
    nose = _farthest(blob_without_tail(blob, body, centre=centre, tail_side=tail_side), centre, -tail_side)
    return Ends(nose=nose, tail=_tail_root(blob, body, centre=centre, tail_side=tail_side), centre=centre)


def _body(blob: Mask) -> Mask:
    """The animal without what is thin: tail, ears and feet."""
    half_width = float(cv2.distanceTransform(blob, cv2.DIST_L2, 5).max())
    radius = max(1, round(TAIL_SHARE * half_width))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.morphologyEx(blob, cv2.MORPH_OPEN, disc), np.uint8)


def _axis(body: Mask) -> tuple[Point, Point]:
    """Middle of the body, and a unit vector along it."""
    rows, columns = np.nonzero(body)
    pixels = np.stack([columns, rows], axis=1).astype(np.float64)
    centre = pixels.mean(axis=0)
    _, _, directions = np.linalg.svd(pixels - centre, full_matrices=False)
    return centre, np.asarray(directions[0], np.float64)


def _tail_side(blob: Mask, body: Mask, *, centre: Point, axis: Point, lately: Ends | None) -> Point:
    """The axis, pointing to the tail: where thin pixels reach farthest from the body, or else where the tail was."""
    rows, columns = np.nonzero(blob & ~body)
    thin = np.stack([columns, rows], axis=1) - centre
    if len(thin):
        farthest = thin[np.argmax(np.linalg.norm(thin, axis=1))]
        half_length = float(np.abs(_pixels(body, centre) @ axis).max())
        if np.linalg.norm(farthest) > TAIL_REACH * half_length:
            return axis if farthest @ axis > 0 else -axis
    if lately is not None:
        return axis if (lately.tail - lately.nose) @ axis > 0 else -axis
    return _blunt_side(body, centre=centre, axis=axis)


def _blunt_side(body: Mask, *, centre: Point, axis: Point) -> Point:
    """The axis, pointing to the end with more of the body: a rodent tapers to its snout."""
    along = _pixels(body, centre) @ axis
    return axis if along.max() < -along.min() else -axis


def blob_without_tail(blob: Mask, body: Mask, *, centre: Point, tail_side: Point) -> Mask:
    """The animal's pixels on the nose's side of its middle, thin ones included: a snout is thin."""
    rows, columns = np.nonzero(blob)
    ahead = (np.stack([columns, rows], axis=1) - centre) @ tail_side < 0
    front = body.copy()
    front[rows[ahead], columns[ahead]] = 255
    return front


def _tail_root(blob: Mask, body: Mask, *, centre: Point, tail_side: Point) -> Point:
    """Where the tail leaves the body; the body's end where no tail is seen."""
    count, labels, stats, centres = cv2.connectedComponentsWithStats(blob & ~body)
    behind = [one for one in range(1, count) if (centres[one] - centre) @ tail_side > 0]
    end = _farthest(body, centre, tail_side)
    if not behind:
        return end
    tail = max(behind, key=lambda one: int(stats[one, cv2.CC_STAT_AREA]))
    touching = np.asarray(cv2.dilate(np.where(labels == tail, 255, 0).astype(np.uint8), np.ones((3, 3), np.uint8)), np.uint8) & body
    return _pixels(touching, np.zeros(2)).mean(axis=0) if touching.any() else end


def _farthest(mask: Mask, centre: Point, direction: Point) -> Point:
    """Mean of the pixels that reach farthest from `centre` in a direction, within a pixel."""
    pixels = _pixels(mask, centre)
    along = pixels @ direction
    return np.asarray(pixels[along >= along.max() - 1].mean(axis=0) + centre, np.float64)


def _pixels(mask: Mask, origin: Point) -> NDArray[np.float64]:
    rows, columns = np.nonzero(mask)
    return np.stack([columns, rows], axis=1).astype(np.float64) - origin
