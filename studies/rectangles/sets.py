"""The image sets of the rectangle experiments: written once, then read; every rectangle's centre is known, labelled or not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from studies.rectangles.scale import DOMAINS, HOME, LABELLED_TWICE, Scale
from studies.rectangles.texture import Background, clouds, of_video, over
from tracker.synthetic.rectangles import RectanglesScene
from tracker.whole_files import remedy, write_synced
from trainer.errors import TrainingError
from trainer.experiments.run_plan import FramesOfRun
from trainer.experiments.train_runs import Labels, labels_of
from trainer.formats.synthetic_set import SET_FILE, read_synthetic_set, set_part
from trainer.formats.write_synthetic_set import FIRST_NUMBER, NUMBER_STEP, write_synthetic_set
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames

SETS = "sets"  # folder
TEXTURED = f"textured{HOME}"
BOTH_LABELLED = f"domain{LABELLED_TWICE}-all"
# how often the larger and the smaller rectangle of an image are shown as the target: the larger one's spot is twice as bright
SHARES = (2, 1)
_FINISHED = "finished"  # written last


@dataclass(frozen=True, slots=True, kw_only=True)
class RectangleSet:
    """One set of images.

    Attributes:
        name: "domain3".
        labels: the centre of the largest rectangle of every image.
        parts: 80/10/10.
        centres: float64 (n, rectangles, 2), all centres, the largest first.
    """

    name: str
    labels: Labels
    parts: FramesOfRun
    centres: NDArray[np.float64]


def domain(number: int) -> str:
    """Name of the set with so many rectangles an image."""
    return f"domain{number}"


def tested_on() -> tuple[str, ...]:
    """Names of the sets that every finished network is tested on."""
    return (*map(domain, DOMAINS), TEXTURED)


class RectangleSets:
    """All sets of an experiment, each written and read when it is first asked for.

    Args:
        out: folder of the experiment.
        scale: sizes.
        video: whose frames are the background of the textured set; None for drifting clouds.
        console: where progress is shown.
    """

    def __init__(self, out: Path, scale: Scale, *, video: Path | None, console: Console) -> None:
        self._folder, self._scale, self._video, self._console = out / SETS, scale, video, console
        self._read: dict[str, RectangleSet] = {}

    def get(self, name: str) -> RectangleSet:
        """A set by its name.

        Raises:
            TrainingError, LabelError: it cannot be written or read.
        """
        if name not in self._read:
            makers: dict[str, Callable[[], RectangleSet]] = {TEXTURED: self._textured, BOTH_LABELLED: self._both_labelled}
            self._read[name] = makers[name]() if name in makers else self._domain(int(name.removeprefix("domain")))
        return self._read[name]

    def _domain(self, rectangles: int) -> RectangleSet:
        folder, side, seed = self._folder / domain(rectangles), self._scale.side_px, self._scale.seed + rectangles
        if not (folder / SET_FILE).exists():
            count = self._scale.images
            write_synthetic_set(folder, scene="rectangles", count=count, seed=seed, width=side, height=side, rectangles=rectangles)
        frames = read_synthetic_set(folder)
        scene = RectanglesScene(seed, width=side, height=side, rectangles=rectangles)
        train, held_out, test = (set_part(folder, frames, part=part) for part in ("train", "validation", "test"))
        return RectangleSet(
            name=domain(rectangles),
            labels=labels_of(frames, folder),
            parts=FramesOfRun(train=train, held_out=held_out, test=test, description=f"domain {rectangles}, 80/10/10"),
            centres=np.stack([scene.centres(FIRST_NUMBER + int(place) * NUMBER_STEP) for place in frames.order]),
        )

    def _both_labelled(self) -> RectangleSet:
        plain = self.get(domain(LABELLED_TWICE))
        frames, parts = spots_of_two(plain.labels.frames, plain.parts, plain.centres)
        return replace(plain, name=BOTH_LABELLED, labels=labels_of(frames, Path(BOTH_LABELLED)), parts=parts)

    def _textured(self) -> RectangleSet:
        plain, folder = self.get(domain(HOME)), self._folder / TEXTURED
        frames = plain.labels.frames
        names = [f"img{place:05d}.png" for place in range(len(frames))]
        if not (folder / _FINISHED).exists():
            self._write_textured(frames, folder, names)
        images = tuple(ImageRef(path=folder / name, frame=None) for name in names)
        textured = replace(frames, images=images, group=(TEXTURED,) * len(frames))
        parts = replace(plain.parts, description=f"{plain.parts.description}, over a moving background")
        return replace(plain, name=TEXTURED, labels=labels_of(textured, folder), parts=parts)

    def _write_textured(self, frames: LabelledFrames, folder: Path, names: list[str]) -> None:
        background = self._background(len(frames))
        places = track(range(len(frames)), description="laying over backgrounds", console=self._console)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for place in places:
                picture = over(frames.read(place), background(place))
                (folder / names[place]).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
            write_synced(folder / _FINISHED, b"")
        except OSError as problem:
            raise TrainingError(f"{folder}: the set could not be written: {problem.strerror}; {remedy(problem)}") from problem

    def _background(self, count: int) -> Background:
        side = self._scale.side_px
        return clouds(side, seed=self._scale.seed) if self._video is None else of_video(self._video, side, count=count)


def spots_of_two(frames: LabelledFrames, parts: FramesOfRun, centres: NDArray[np.float64]) -> tuple[LabelledFrames, FramesOfRun]:
    """Images of two rectangles with both labelled on one heat map, brighter for the larger, darker for the smaller.

    Every image is shown several times, with the larger centre as its target in SHARES[0] of SHARES' sum and with the
    smaller in the rest. Cross-entropy is linear in its target, so this is, in the mean, one target with both spots in
    these shares. Validation and test score the largest, once an image.

    Args:
        frames: n images.
        parts: of them.
        centres: (n, 2, 2), the larger first.
    """
    count = len(frames)
    which = np.repeat(np.arange(len(SHARES)), SHARES)
    points = np.concatenate([centres[:, rectangle] for rectangle in which]).reshape(-1, 1, 1, 2)
    shown = replace(frames.subset(np.tile(np.arange(count), len(which))), points=points)
    train = np.concatenate([parts.train + count * copy for copy in range(len(which))])
    return shown, replace(parts, train=train, description=f"{parts.description}, both rectangles labelled")
