"""Draw where the points are and where the network puts them, for people to judge: overlay videos and strips of frames."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from tracker.bundle import Bundle
from tracker.engines.engine import Engine
from tracker.frame import Image
from tracker.whole_files import remedy, write_whole
from trainer.errors import TrainingError
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.assignment import best_pairs, mean_distances, present
from trainer.scoring.engine_choice import EngineChoice, open_chosen
from trainer.scoring.evaluate import match_points
from trainer.scoring.inference_by_shape import InferenceByShape
from trainer.video_files.reader import VideoReader
from trainer.video_files.writer import VideoWriter
from trainer.videos.overlap import read_ahead, written_behind
from trainer.videos.rings import PREDICTION, TRUTH, Colour, draw_dot, draw_ring, in_colours

# Okabe and Ito's palette without black, told apart by colour-blind people too
POINT_COLOURS: tuple[Colour, ...] = (
    (240, 228, 66),
    (0, 158, 115),
    (230, 159, 0),
    (86, 180, 233),
    (204, 121, 167),
    (213, 94, 0),
    (255, 255, 255),
)
ANIMAL_COLOURS: tuple[Colour, ...] = (PREDICTION, (230, 159, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (213, 94, 0))
LEGEND_ROW = 16  # px
LEGEND_TEXT = 0.42  # of cv2's font size
GAP = 4  # px of white between the frames of a strip


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayStyle:
    """What is drawn.

    Attributes:
        confidence: predictions below this are not drawn, 0..1.
        legend: whether the names stand in a corner; left out where they would cover too much of a small image.
    """

    confidence: float
    legend: bool


def render(
    video: Path,
    bundle: Bundle,
    *,
    truth: LabelledFrames | None,
    out: Path,
    engine: EngineChoice,
    style: OverlayStyle,
    console: Console | None = None,
) -> int:
    """Write the video again with a red ring at each label and a blue one at each prediction.

    Args:
        video: what to draw on; the new file has its size and rate.
        bundle: what predicts.
        truth: labels of this video, for some or all of its frames, or None.
        out: the mp4 file to write, in H.264; it appears under this name only when it is whole.
        engine: what the bundle runs on.
        style: what is drawn.
        console: where the progress bar is drawn, None for nowhere.

    Returns:
        How many frames were written.

    Raises:
        TrainingError: no frame could be read, the labels are not of this video, `out` cannot be written; or the video
            turned out to be cut, in which case `out` holds the frames that could be read.
        RigtrackError: the engine cannot be opened.
    """
    labels = labels_of_video(match_points(bundle, truth), video) if truth is not None else {}
    with VideoReader(video) as reader:
        first = next(frames := reader.frames(), None)
        if first is None:
            raise TrainingError(reader.shortfall() or f"{video}: 0 frames read")
        with (
            closing(open_chosen(bundle, engine, console=console)) as opened,
            VideoWriter(out, rate=reader.rate, size=reader.size) as writer,
            written_behind(writer.write) as write,
        ):
            overlay = _Overlay(bundle, opened, style)
            ahead = read_ahead(_chain(first, frames))
            for number, image in enumerate(_progress(ahead, total=reader.expected, console=console)):
                write(overlay.draw(image, labels.get(number)))
        shortfall = reader.shortfall()
    if shortfall is not None:
        raise TrainingError(f"{shortfall}. {out} holds the {writer.written} frames that could be read")
    return writer.written


def write_strip(
    video: Path,
    bundle: Bundle,
    numbers: Sequence[int],
    *,
    out: Path,
    engine: EngineChoice,
    style: OverlayStyle,
) -> None:
    """Write frames of a video with their predictions, side by side, as one PNG.

    Args:
        video: what to draw on.
        bundle: what predicts.
        numbers: frames, counted from 0, drawn in this order.
        out: the PNG file.
        engine: what the bundle runs on.
        style: what is drawn; the legend stands in the first frame only.

    Raises:
        TrainingError: the video ends before one of the frames, or `out` cannot be written.
    """
    if not numbers:
        raise TrainingError("a strip needs at least one frame number; none was given")
    chosen = pick_frames(video, numbers)
    with closing(open_chosen(bundle, engine, console=None)) as opened:
        overlay = _Overlay(bundle, opened, style)
        bare = _Overlay(bundle, opened, OverlayStyle(confidence=style.confidence, legend=False))
        drawn = [(overlay if place == 0 else bare).draw(image, None) for place, image in enumerate(chosen)]
    gap = np.full((drawn[0].shape[0], GAP, 3), 255, np.uint8)
    row = [part for image in drawn for part in (image, gap)][:-1]
    png = cv2.imencode(".png", cv2.cvtColor(np.concatenate(row, axis=1), cv2.COLOR_RGB2BGR))[1].tobytes()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, png)
    except OSError as problem:
        raise TrainingError(f"{out}: cannot be written: {problem.strerror}; {remedy(problem)}") from problem


def pick_frames(video: Path, numbers: Sequence[int]) -> list[Image]:
    """Decode the frames of these numbers, in this order: each uint8 (h, w, 3) RGB.

    Raises:
        TrainingError: the video ends before one of them.
    """
    wanted = set(numbers)
    found: dict[int, Image] = {}
    with VideoReader(video) as reader:
        for number, image in enumerate(reader.frames()):
            if number in wanted:
                found[number] = image
            if len(found) == len(wanted):
                break
        if absent := sorted(wanted - set(found)):
            raise TrainingError(f"{video}: has no frame {absent[0]}, {reader.read} frames could be read; choose a smaller number")
    return [found[number] for number in numbers]


def labels_of_video(labels: LabelledFrames, video: Path) -> dict[int, NDArray[np.float64]]:
    """The labels that belong to a video, by frame number: float64 (animals · K, 2).

    They do if they refer to a frame of this file, or to an image of a group with the file's name, as DeepLabCut's folders have.

    Raises:
        TrainingError: none of them does.
    """
    found = {
        image.frame if image.frame is not None else int(labels.order[index]): labels.points[index].reshape(-1, 2)
        for index, image in enumerate(labels.images)
        if (image.path.resolve() == video.resolve() if image.frame is not None else labels.group[index] == video.stem)
    }
    if not found:
        groups = ", ".join(sorted(set(labels.group)))
        raise TrainingError(f"{video}: none of the labels is of this video; they are of {groups}: give its own labels or none")
    return found


class _Overlay:
    """What is drawn on each image from a network's answers."""

    def __init__(self, bundle: Bundle, engine: Engine, style: OverlayStyle) -> None:
        self._names = bundle.description.point_names
        self._style = style
        self._finders = InferenceByShape(bundle, engine)
        self._last: NDArray[np.float64] | None = None

    def draw(self, image: Image, labels: NDArray[np.float64] | None) -> Image:
        """A copy of the image with truth under prediction."""
        animals = self._in_lasting_order(np.asarray(self._finders.of(image).points(image), np.float64))
        drawn = in_colours(image)
        for centre in labels if labels is not None else ():
            draw_ring(drawn, centre, TRUTH)
        for animal, points in enumerate(animals.tolist()):
            ring = PREDICTION if len(animals) == 1 else ANIMAL_COLOURS[animal % len(ANIMAL_COLOURS)]
            for point, (x, y, confidence) in enumerate(points):
                if confidence >= self._style.confidence:
                    centre = np.array([x, y])
                    draw_ring(drawn, centre, ring)
                    draw_dot(drawn, centre, POINT_COLOURS[point % len(POINT_COLOURS)], radius=2)
        if self._style.legend:
            draw_legend(drawn, self._names, truth=labels is not None, animals=len(animals))
        return drawn

    def _in_lasting_order(self, animals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each animal in the row of the nearest one of the frame before, so that its colour lasts. For drawing only."""
        if len(animals) > 1 and self._last is not None:
            absent = np.where(present(animals)[:, None, None], animals, np.nan)
            pairs = best_pairs(mean_distances(self._last, absent))
            left = [row for row in range(len(animals)) if row not in pairs[:, 1]]
            free = [row for row in range(len(animals)) if row not in pairs[:, 0]]
            ordered = np.empty_like(animals)
            ordered[[*pairs[:, 0], *free]] = animals[[*pairs[:, 1], *left]]
            animals = ordered
        there = present(animals)[:, None, None]
        self._last = np.where(there, animals, np.nan if self._last is None else self._last)
        return animals


def draw_legend(image: Image, names: Sequence[str], *, truth: bool, animals: int) -> None:
    """Draw a dark panel of names in the upper left corner, in place; none if it would take more than half of either side.

    Args:
        image: uint8 (h, w, 3) RGB.
        names: of the points.
        truth: whether labels are drawn.
        animals: of which predictions are drawn, 0 for none.
    """
    rings = {"truth": TRUTH} if truth else {}
    rings |= (
        {"prediction": PREDICTION} if animals == 1 else {f"animal {n}": ANIMAL_COLOURS[n % len(ANIMAL_COLOURS)] for n in range(animals)}
    )
    rows = [*rings, *names]
    longest = max(cv2.getTextSize(row, cv2.FONT_HERSHEY_SIMPLEX, LEGEND_TEXT, 1)[0][0] for row in rows)
    width, height = longest + 30, LEGEND_ROW * len(rows) + 6
    if 2 * width > image.shape[1] or 2 * height > image.shape[0]:
        return
    panel = image[:height, :width]
    panel[:] = panel // 4
    for row, text in enumerate(rows):
        middle = np.array([12.0, LEGEND_ROW * (row + 0.5) + 3])
        point = row - (len(rows) - len(names))
        if point >= 0:
            draw_dot(image, middle, POINT_COLOURS[point % len(POINT_COLOURS)], radius=4)
        else:
            draw_ring(image, middle, rings[text])
        at = (24, int(middle[1]) + 4)
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, LEGEND_TEXT, (255, 255, 255), 1, cv2.LINE_AA)


def _chain(first: Image, rest: Iterator[Image]) -> Iterator[Image]:
    yield first
    yield from rest


def _progress(frames: Iterable[Image], *, total: int | None, console: Console | None) -> Iterable[Image]:
    return frames if console is None else track(frames, description="rendering", total=total, console=console)
