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
from tracker.point_colours import Colour, colour_of
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
from trainer.videos.rings import PREDICTION, TRUTH, draw_dot, draw_ring, in_colours

LEGEND_ROW = 16  # px
LEGEND_TEXT = 0.42  # of cv2's font size
COVERED = 0.1  # of an image, by a legend in its corner; with more, the animal is often under it
GAP = 4  # px of white between the frames of a strip


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayStyle:
    """What is drawn.

    Attributes:
        confidence: predictions below this are not drawn, 0..1.
        legend: whether the names are shown: in a corner, or beside an image so small that they would cover much of it.
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
        video: what to draw on; the new file has its rate, and its size unless the legend stands beside it.
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
            VideoWriter(out, rate=reader.rate, size=_drawn_size(reader.size, bundle, style), drawn=True) as writer,
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


def _drawn_size(size: tuple[int, int], bundle: Bundle, style: OverlayStyle) -> tuple[int, int]:
    """(height, width) of what is drawn on an image of `size`."""
    _, animals, _, _ = bundle.description.output.shape
    return size_with_legend(size, bundle.description.point_names, animals=animals) if style.legend else size


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
            ring = PREDICTION if len(animals) == 1 else colour_of(animal)
            for point, (x, y, confidence) in enumerate(points):
                if confidence >= self._style.confidence:
                    centre = np.array([x, y])
                    draw_ring(drawn, centre, ring)
                    draw_dot(drawn, centre, colour_of(point), radius=2)
        return with_legend(drawn, self._names, truth=labels is not None, animals=len(animals)) if self._style.legend else drawn

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


def with_legend(image: Image, names: Sequence[str], *, truth: bool, animals: int) -> Image:
    """The image with the names in a dark panel: in its upper left corner, or to its right where that would cover too much of it.

    Args:
        image: uint8 (h, w, 3) RGB; the corner is drawn on it itself.
        names: of the points.
        truth: whether labels are drawn.
        animals: of which predictions are drawn, 0 for none.

    Returns:
        uint8 (h, w, 3) RGB of `size_with_legend`; without a panel where the image is lower than the names need.
    """
    tall, wide = size_with_legend((image.shape[0], image.shape[1]), names, animals=animals)
    width, height = _legend_size(names, animals)
    left = image.shape[1]
    if wide > left:
        image = np.concatenate([image, np.zeros((tall, wide - left, 3), np.uint8)], axis=1)
        _write_legend(image[:, left:], names, truth=truth, animals=animals)
    elif _covers_little((tall, wide), (height, width)):
        _write_legend(image[:height, :width], names, truth=truth, animals=animals)
    return image


def size_with_legend(size: tuple[int, int], names: Sequence[str], *, animals: int) -> tuple[int, int]:
    """(height, width) of an image of `size` with its legend, the same for every frame of a video."""
    width, height = _legend_size(names, animals)
    if _covers_little(size, (height, width)) or height > size[0]:
        return size
    return size[0], size[1] + width


def _covers_little(size: tuple[int, int], legend: tuple[int, int]) -> bool:
    (height, width), (tall, wide) = size, legend
    return 2 * wide <= width and 2 * tall <= height and tall * wide <= COVERED * height * width


def _legend_size(names: Sequence[str], animals: int) -> tuple[int, int]:
    """Width and height in pixels, with a row for the labels whether this frame has some or not."""
    rows = ["truth", *_rings(animals), *names]
    longest = max(cv2.getTextSize(row, cv2.FONT_HERSHEY_SIMPLEX, LEGEND_TEXT, 1)[0][0] for row in rows)
    return longest + longest % 2 + 30, LEGEND_ROW * len(rows) + 6  # an even width, as videos have it


def _rings(animals: int) -> dict[str, Colour]:
    if animals == 1:
        return {"prediction": PREDICTION}
    return {f"animal {n}": colour_of(n) for n in range(animals)}


def _write_legend(panel: Image, names: Sequence[str], *, truth: bool, animals: int) -> None:
    panel[:] = panel // 4
    rings = ({"truth": TRUTH} if truth else {}) | _rings(animals)
    for row, text in enumerate([*rings, *names]):
        middle = np.array([12.0, LEGEND_ROW * (row + 0.5) + 3])
        point = row - len(rings)
        if point >= 0:
            draw_dot(panel, middle, colour_of(point), radius=4)
        else:
            draw_ring(panel, middle, rings[text])
        at = (24, int(middle[1]) + 4)
        cv2.putText(panel, text, at, cv2.FONT_HERSHEY_SIMPLEX, LEGEND_TEXT, (255, 255, 255), 1, cv2.LINE_AA)


def _chain(first: Image, rest: Iterator[Image]) -> Iterator[Image]:
    yield first
    yield from rest


def _progress(frames: Iterable[Image], *, total: int | None, console: Console | None) -> Iterable[Image]:
    return frames if console is None else track(frames, description="rendering", total=total, console=console)
