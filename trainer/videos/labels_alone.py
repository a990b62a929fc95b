"""Draw labels and nothing else, to check them by eye before anything is trained: on their video, or on their own pictures."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from tracker.frame import Image
from tracker.point_colours import colour_of
from tracker.whole_files import remedy, write_whole
from trainer.errors import TrainingError
from trainer.labels.labelled_frames import LabelledFrames
from trainer.video_files.reader import VideoReader
from trainer.video_files.writer import VideoWriter
from trainer.videos.render import labels_of_video, size_with_legend, with_legend
from trainer.videos.rings import TRUTH, draw_dot, draw_ring, in_colours


def render_labels(
    video: Path, labels: LabelledFrames, *, out: Path, legend: bool = True, console: Console | None = None
) -> tuple[int, int]:
    """Write a video again with a red ring at each label.

    Args:
        video: what to draw on; the new file has its rate, and its size unless the legend stands beside it.
        labels: of this video, for some or all of its frames.
        out: the mp4 file to write; it appears under this name only when it is whole.
        legend: whether the names are shown.
        console: where the progress bar is drawn, None for nowhere.

    Returns:
        How many frames were written, and how many of them are labelled.

    Raises:
        TrainingError: no frame could be read, no label is of this video, `out` cannot be written; or the video turned out to be
            cut, in which case `out` holds the frames that could be read.
    """
    known = labels_of_video(labels, video)
    drawn = 0
    with (
        VideoReader(video) as reader,
        VideoWriter(out, rate=reader.rate, size=_drawn_size(reader.size, labels) if legend else reader.size, drawn=True) as writer,
    ):
        frames: Iterable[Image] = reader.frames()
        for number, image in enumerate(frames if console is None else track(frames, "drawing", total=reader.expected, console=console)):
            drawn += number in known
            writer.write(draw_labels(image, known.get(number), labels.point_names, legend=legend))
        shortfall = reader.shortfall()
    if shortfall is not None:
        raise TrainingError(f"{shortfall}. {out} holds the {writer.written} frames that could be read")
    return writer.written, drawn


def draw_pictures(labels: LabelledFrames, *, out: Path, legend: bool = True, console: Console | None = None) -> int:
    """Write every labelled picture with its labels as OUT/<video>/<number>.png.

    Returns:
        How many were written.

    Raises:
        LabelError: a picture cannot be read.
        TrainingError: `out` cannot be written.
    """
    indices = range(len(labels))
    for index in indices if console is None else track(indices, "drawing", console=console):
        drawn = draw_labels(labels.read(index), labels.points[index].reshape(-1, 2), labels.point_names, legend=legend)
        path = out / labels.group[index] / f"{int(labels.order[index]):06d}.png"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, cv2.imencode(".png", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))[1].tobytes())
        except OSError as problem:
            raise TrainingError(f"{path}: cannot be written: {problem.strerror}; {remedy(problem)}") from problem
    return len(labels)


def draw_labels(image: Image, points: NDArray[np.float64] | None, names: tuple[str, ...], *, legend: bool = True) -> Image:
    """A copy of an image with a red ring at each label, a dot in the colour of its point, and the legend if it is asked for.

    Args:
        image: uint8 (h, w) or (h, w, 3) RGB.
        points: float64 (animals · K, 2), NaN where nothing is placed; None where the frame is not labelled.
        names: of the K points.
        legend: whether the names are shown.
    """
    drawn = in_colours(image)
    for row, centre in enumerate(points if points is not None else ()):
        draw_ring(drawn, centre, TRUTH)
        draw_dot(drawn, centre, colour_of(row % len(names)), radius=2)
    return with_legend(drawn, names, truth=points is not None, animals=0) if legend else drawn


def _drawn_size(size: tuple[int, int], labels: LabelledFrames) -> tuple[int, int]:
    """(height, width) of what is drawn on an image of `size`."""
    return size_with_legend(size, labels.point_names, animals=0)
