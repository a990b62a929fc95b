"""Labelled frames as a torch Dataset. Each picture is a pure function of (seed, epoch, place), so a resumed run repeats it."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from tracker.bundle_description import View
from tracker.frame import Image
from trainer.labels.images import Size
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.mirror import order_of, swapped_order
from trainer.labels.network_input import NetworkInput
from trainer.networks.blocks import CropPlan, PointGroup, first_and_last
from trainer.networks.lighting import EvenLighting
from trainer.training.augment import AugmentSettings, augment
from trainer.training.losses import Batch

CACHE_BYTES = 512 * 2**20  # 1 700 grey VGA frames; what does not fit is decoded again from disk
FAR_PX = -1e5  # where a hidden point is put: outside every crop, which is an answer, unlike missing
JITTER = 0.08  # of the crop: training crops are off the animal's middle by this much, as the coarse stage is
STRIP = 1 / 3  # of what a crop shows beyond the frame: how far outside a point is still told where it is; one cell of the maps
AWAY = 0.04  # chance of a training crop anywhere in the frame, which teaches "absent"


class Draw(NamedTuple):
    """One training picture to be made."""

    frame: int  # of the labelled set
    epoch: int
    place: int  # in the epoch


class FrameStore:
    """Frames as the network takes them, in memory up to a limit and decoded again beyond it.

    Args:
        frames: labelled; images of other sizes than the input are fitted to it, each by the one view.
        view: how an image becomes the network's input, as the bundle will say.
        size: (height, width) of that input; None: the frames' own.
        limit_bytes: of memory.
        lighting: what the graph does to a frame first, done here once; None for nothing.

    Raises:
        BundleError: the view does not fit the images.
    """

    def __init__(
        self,
        frames: LabelledFrames,
        view: View,
        *,
        size: Size | None = None,
        limit_bytes: int = CACHE_BYTES,
        lighting: EvenLighting | None = None,
    ) -> None:
        self.frames, self.size, self._lighting = frames, size or frames.size, lighting
        self._inputs = {one: NetworkInput(view, size=self.size, source_size=one) for one in {frames.size, *frames.sizes}}
        self._room = limit_bytes // math.prod(self._inputs[frames.size].shape)
        self._decoded: dict[int, Image] = {}

    def __len__(self) -> int:
        return len(self.frames)

    def read(self, index: int) -> Image:
        """The network's input for one frame: uint8 (h, w) grey or (h, w, 3) RGB."""
        found = self._decoded.get(index)
        if found is None:
            found = self._input(index).image(self.frames.read(index))
            if self._lighting is not None:
                found = self._lighting.image(found)
            if len(self._decoded) < self._room:
                self._decoded[index] = found
        return found

    def points(self, index: int) -> NDArray[np.float64]:
        """The labels of one frame, (A, K, 2), in pixels of the input; NaN where missing."""
        return self._input(index).points(self.frames.points[index])

    def all_points(self) -> NDArray[np.float64]:
        """The labels of all frames, (n, A, K, 2), in pixels of the input."""
        return np.stack([self.points(index) for index in range(len(self))]) if len(self) else self.frames.points

    def to_source(self, answers: NDArray[np.float32], indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        """Answers (n, A, K, 3) for the frames at `indices`, from pixels of the input to pixels of their images."""
        return np.stack([self._input(int(index)).to_source(answer) for index, answer in zip(indices, answers, strict=True)])

    def scale(self, index: int) -> NDArray[np.float32]:
        """Pixels of the frame's image to a pixel of the input, along x and y: float32 (2,)."""
        ends = self._input(index).to_source(np.array([[0, 0, 0], [1, 1, 0]], np.float32))
        return np.asarray((ends[1] - ends[0])[:2], np.float32)

    def read_all(self) -> None:
        """Decode as many frames as there is room for."""
        for index in range(min(len(self), self._room)):
            self.read(index)

    def _input(self, index: int) -> NetworkInput:
        return self._inputs[self.frames.size_of(index)]


class TrainingFrames(Dataset[Batch]):
    """Augmented pictures, one for every `Draw`.

    Args:
        store: the frames.
        crop: the network's crop.
        settings: how far to augment.
        seed: of all chance.
        groups: key points with crops of their own, in place of the one.
    """

    def __init__(
        self, store: FrameStore, *, crop: CropPlan, settings: AugmentSettings, seed: int, groups: tuple[PointGroup, ...] = ()
    ) -> None:
        self._store, self._crop, self._settings, self._seed, self._groups = store, crop, settings, seed, groups
        names = store.frames.point_names
        self._swap = swapped_order(names) if settings.pairs is None else order_of(names, settings.pairs)
        self._strip = STRIP * min(plan.beyond for plan in (crop, *(group.crop for group in groups)))

    def __getitem__(self, draw: Draw) -> Batch:
        """One picture, as a Batch without its batch axis."""
        rng = np.random.default_rng((self._seed, draw.epoch, draw.place))
        image, points = augment(self._store.read(draw.frame), self._labels(draw.frame), settings=self._settings, swap=self._swap, rng=rng)
        left, top = self._corners(points, image.shape, rng)
        # a crop may show a strip beyond the frame, where no point is looked for but for a narrow part: were everything
        # beyond the border absent, an unsure answer close to it would be drawn inwards, by 0.4 px on a synthetic set
        points = np.where(_lost(points, image.shape, tolerance=self._strip), FAR_PX, points)
        pixels = torch.from_numpy(image).reshape(*image.shape[:2], -1)
        return Batch(pixels, torch.from_numpy(points.astype(np.float32)), left, top)

    def _labels(self, frame: int) -> NDArray[np.float64]:
        """Points (A, K, 2) of a frame, those said to be out of sight far away."""
        return np.where(self._store.frames.hidden[frame][..., None], FAR_PX, self._store.points(frame))

    def _corners(self, points: NDArray[np.float64], shape: Sequence[int], rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Left and top of the crop, or of every group's."""
        if not self._groups:
            left, top = _corner(points, shape, self._crop, rng)
            return torch.tensor(left), torch.tensor(top)
        corners = torch.tensor([_corner(points[:, list(group.points)], shape, group.crop, rng) for group in self._groups])
        return corners[:, 0], corners[:, 1]


def _corner(points: NDArray[np.float64], shape: Sequence[int], crop: CropPlan, rng: np.random.Generator) -> tuple[int, int]:
    """Left and top of a training crop: about the points (A, K, 2), or anywhere."""
    size, frame = np.array([crop.width, crop.height]), np.array([shape[1], shape[0]])
    seen = points[((points >= -0.5) & (points < frame - 0.5)).all(axis=-1)]
    if rng.random() < AWAY or not len(seen):
        middle = rng.uniform(0, frame)
    else:
        middle = (seen.min(axis=0) + seen.max(axis=0)) / 2 + rng.uniform(-JITTER, JITTER, 2) * size
    return _begin(middle[0], shape[1], crop.width, crop), _begin(middle[1], shape[0], crop.height, crop)


def _lost(points: NDArray[np.float64], shape: Sequence[int], *, tolerance: float) -> NDArray[np.bool_]:
    """Which points (..., 2) are beyond the frame by more than `tolerance` pixels: (..., 1). Missing ones are not."""
    last = np.array([shape[1], shape[0]]) - 0.5 + tolerance
    return np.asarray(((points < -0.5 - tolerance) | (points >= last)).any(axis=-1, keepdims=True))


def _begin(middle: float, extent: int, side: int, crop: CropPlan) -> int:
    """Where a crop about a place begins, along one axis."""
    first, last = first_and_last(extent, side, beyond=crop.beyond)
    return int(np.clip(np.round(middle - side / 2), first, last))


class HeldOutFrames(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Frames as the rig's engine is given them, in order: pairs of uint8 (h, w, c) and, in its pixels, float32 (A, K, 2)."""

    def __init__(self, store: FrameStore) -> None:
        self._store = store

    def __len__(self) -> int:
        return len(self._store)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """One frame and its labels."""
        image = self._store.read(index)
        points = self._store.points(index).astype(np.float32)
        return torch.from_numpy(image).reshape(*image.shape[:2], -1), torch.from_numpy(points)


class EpochOrder(Sampler[Draw]):
    """Every frame equally often unless some are asked for more often, shuffled anew in each pass. Lightning calls `set_epoch`.

    Args:
        frames: how many there are.
        pictures: of an epoch, at least: frames are shown again until there are as many, so that validating costs little.
        seed: of the order.
        times: int64 (frames,), how often a pass shows each; None: once.
    """

    def __init__(self, frames: int, *, pictures: int, seed: int, times: NDArray[np.int64] | None = None) -> None:
        self._shown = np.arange(frames) if times is None else np.repeat(np.arange(frames), times)
        self._seed, self._epoch = seed, 0
        self._passes = math.ceil(pictures / len(self._shown))

    def __len__(self) -> int:
        return self._passes * len(self._shown)

    def __iter__(self) -> Iterator[Draw]:
        place = 0
        for turn in range(self._passes):
            for frame in np.random.default_rng((self._seed, self._epoch, turn)).permutation(self._shown).tolist():
                yield Draw(frame, self._epoch, place)
                place += 1

    def set_epoch(self, epoch: int) -> None:
        """Which epoch the next iteration is."""
        self._epoch = epoch


class ValidationFrames(Dataset[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]):
    """As HeldOutFrames, each with how many of its image's own pixels one of the input is, float32 (2,)."""

    def __init__(self, store: FrameStore) -> None:
        self._store, self._frames = store, HeldOutFrames(store)

    def __len__(self) -> int:
        return len(self._store)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """One frame, its labels and its scale."""
        return (*self._frames[index], torch.from_numpy(self._store.scale(index)))


def held_out_loader(store: FrameStore, *, batch: int) -> DataLoader[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Batches of unchanged frames, in order, read in this process."""
    return DataLoader(ValidationFrames(store), batch_size=batch, shuffle=False)
