"""What a finished network answers on the test images of every set: kept beside its run, so that reports need no network."""

import io
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from studies.rectangles.peaks import peaks_of
from studies.rectangles.sets import RectangleSet
from tracker.bundle_description import View
from trainer.errors import TrainingError
from trainer.networks.decode import with_absent
from trainer.networks.map_network import MapNetwork
from trainer.training.checkpoint import CHECKPOINTS, load_network
from trainer.training.datasets import FrameStore, HeldOutFrames
from trainer.training.learning_examples import example_places
from trainer.whole_files import replace_files

GREY_WHOLE = View(crop=None, fit="letterbox", colour="grey")  # the sets are grey
ANSWERS_FILE = "looks.npz"
_BATCH = 32  # images looked at together
_NAMES = ("index", "predicted", "peaks", "maps")
_DAMAGED = (OSError, ValueError, KeyError, EOFError, BadZipFile)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkAnswers:
    """One network's answers on one set's test images.

    Attributes:
        index: int64 (n,), into the set.
        predicted: float32 (n, 3): x, y in px, confidence.
        peaks: float32 (n, P, 3): of the heat map, highest first, as `peaks_of` gives them; P is 0 for a head without maps.
        maps: float32 (m, h, w): probabilities of the first m images that `example_places` names; m is 0 for a head without.
    """

    index: NDArray[np.int64]
    predicted: NDArray[np.float32]
    peaks: NDArray[np.float32]
    maps: NDArray[np.float32]


@torch.no_grad()
def answers_on(network: nn.Module, its_set: RectangleSet) -> NetworkAnswers:
    """Answer the test images of a set."""
    index = its_set.parts.test
    frames = HeldOutFrames(FrameStore(its_set.labels.frames.subset(index), GREY_WHOLE))
    images = torch.stack([frames[place][0] for place in range(len(frames))])
    batches = torch.split(images, _BATCH)
    predicted = torch.cat([network(batch)[:, 0, 0] for batch in batches])
    peaks, maps = torch.zeros(len(images), 0, 3), torch.zeros(0, 0, 0)
    if isinstance(network, MapNetwork):
        peaks = torch.cat([peaks_of(probability_of(network, batch), cell=network.cell, radius=network.radius) for batch in batches])
        maps = probability_of(network, images[torch.from_numpy(example_places(len(index)))])
    return NetworkAnswers(
        index=index, predicted=predicted.numpy().astype(np.float32), peaks=peaks.numpy(), maps=maps.numpy().astype(np.float32)
    )


def probability_of(network: MapNetwork, images: Tensor) -> Tensor:
    """Heat maps of images (n, h, w, 1), as probabilities (n, rows, columns) of the image's own cells."""
    left, top = network.corners(images)
    maps = network.maps(images, left, top)
    whole = with_absent(maps.points, maps.absent)[..., :-1].reshape(maps.points.shape)[:, 0]
    cell = network.cell
    row, column = -int(top[0]) // cell, -int(left[0]) // cell  # the maps reach beyond the image
    return whole[:, row : row + images.shape[1] // cell, column : column + images.shape[2] // cell]


def write_answers(folder: Path, answers: dict[str, NetworkAnswers]) -> None:
    """Keep all answers of a run.

    Raises:
        TrainingError: the disk takes no more.
    """
    packed = io.BytesIO()
    np.savez_compressed(packed, **{f"{name}_{part}": getattr(found, part) for name, found in answers.items() for part in _NAMES})
    replace_files(folder, {ANSWERS_FILE: packed.getvalue()}, what="the answers")


def read_answers(folder: Path, name: str) -> NetworkAnswers:
    """What the run in a folder answered on one set.

    Raises:
        TrainingError: the file is missing or damaged.
    """
    path = folder / ANSWERS_FILE
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            return NetworkAnswers(**{part: stored[f"{name}_{part}"] for part in _NAMES})
    except _DAMAGED as problem:
        raise TrainingError(f"{path}: cannot be read ({problem}); delete its folder, and the run is made again") from problem


def trained_network(folder: Path) -> nn.Module:
    """The network of a finished run whose weights are still there.

    Raises:
        TrainingError: they are not.
    """
    path = folder / CHECKPOINTS / "last.ckpt"
    if not path.exists():
        raise TrainingError(f"{folder}: holds a finished run without its weights and without its answers; delete it to run it again")
    return load_network(path)[0]
