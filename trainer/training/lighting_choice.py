"""Which background and which contrast a training was asked for, made of its own frames or of a file."""

from pathlib import Path

import numpy as np

from tracker.bundle_description import View
from tracker.frame import Image
from trainer.errors import TrainingError
from trainer.formats.background_picture import read_background, write_background_planes
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import NetworkInput, channels_of
from trainer.networks.blocks import FrameShape
from trainer.networks.lighting import EvenLighting
from trainer.training.fit_settings import FitSettings

BACKGROUND_FILE = "background.png"  # in the folder of a run: what its network's graph takes off
MEDIAN, NONE, LOCAL = "median", "none", "local"
FRAMES = 100  # that a median is made of, at most, spread over those learnt from
FEWEST = 10  # an animal that rests in half of the frames would be taken for background


def lighting_of(train: LabelledFrames, settings: FitSettings, view: View) -> EvenLighting | None:
    """What was asked for; None where nothing was, so that the graph is that of a training without this choice.

    Raises:
        TrainingError: no such contrast; the background cannot be read, is of another size, or cannot be made of these frames.
    """
    if settings.contrast not in (NONE, LOCAL):
        raise TrainingError(f"contrast is '{settings.contrast}', which is for behaviour from images; expected {NONE} or {LOCAL}")
    contrast = settings.contrast == LOCAL
    if settings.background == NONE and not contrast:
        return None
    frame = FrameShape(height=train.size[0], width=train.size[1], channels=channels_of(view.colour))
    return EvenLighting(frame, background=_background(train, settings.background, view), contrast=contrast)


def background_in_words(settings: FitSettings) -> str | None:
    """Where the background is from, for bundle.json."""
    if settings.background == NONE:
        return None
    return "median of the frames learnt from" if settings.background == MEDIAN else Path(settings.background).name


def write_background(lighting: EvenLighting, folder: Path) -> None:
    """Keep the picture with the run, where a refresh finds it.

    Raises:
        OSError: the disk refuses.
    """
    if lighting.background is not None:
        write_background_planes(folder / BACKGROUND_FILE, lighting.background[0].numpy())


def _background(train: LabelledFrames, asked: str, view: View) -> Image | None:
    if asked == NONE:
        return None
    if train.sizes:
        raise TrainingError(
            f"--background {asked}: the labelled images have several sizes, so that no one background lies behind them; train on those "
            "of one camera, or with --contrast local alone"
        )
    return _median(train, view) if asked == MEDIAN else _from_file(Path(asked), train, view)


def _median(train: LabelledFrames, view: View) -> Image:
    if len(train) < FEWEST:
        raise TrainingError(
            f"--background {MEDIAN}: {len(train)} frames to learn from; expected {FEWEST} or more with the animal in different places, "
            "or a picture of the empty arena: --background FILE"
        )
    chosen = np.unique(np.linspace(0, len(train) - 1, min(FRAMES, len(train))).round().astype(int))
    seen = NetworkInput(view, size=train.size, source_size=train.size)
    return np.asarray(np.median(np.stack([seen.image(train.read(int(index))) for index in chosen]), axis=0).round(), np.uint8)


def _from_file(path: Path, train: LabelledFrames, view: View) -> Image:
    rgb = read_background(path, size=train.size, otherwise=MEDIAN)
    return np.array(NetworkInput(view, size=train.size, source_size=train.size).image(rgb))
