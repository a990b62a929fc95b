"""Building blocks of every network: convolutions and the geometry of frames and crops.

Every call makes new layers with new random weights, so no BatchNorm is shared and no two blocks start alike.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.errors import TrainingError

GRID = 16  # the fine networks halve the crop four times
SMALLEST_CROP_PX = 96  # below this a crop holds too little around the animal to tell it from its surroundings
LARGEST_SEEN_PX = 192  # a crop above this is reduced by a whole factor; at 192 px the fine stage takes about 0.4 ms on two cores
MARGIN = 1.25  # crop over animal: holds an animal 25 % larger than the largest labelled, or the coarse stage's error
# seen pixels beyond the frame that a crop may show: three cells of the maps. A map that ends at the frame's border has no cells
# for the outer half of a peak there, and the mean around the peak is then 3 px too far inside
BEYOND_PX = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameShape:
    """Size of the frames a network takes."""

    height: int
    width: int
    channels: int  # 1 grey, 3 RGB


@dataclass(frozen=True, slots=True, kw_only=True)
class CropPlan:
    """How a coarse-to-fine network looks at a frame. Derived from the labels once, stored with the network.

    Attributes:
        height: of the crop, frame pixels.
        width: of the crop, frame pixels.
        shrink: whole factor by which the crop is averaged before the fine stage.
        pool: whole factor by which the frame is averaged before the coarse stage.
        beyond: how far the crop may reach beyond the frame, frame pixels; the frame's border pixels are repeated there.
    """

    height: int
    width: int
    shrink: int
    pool: int
    beyond: int = 0  # of a checkpoint from before there was this


@dataclass(frozen=True, slots=True, kw_only=True)
class PointGroup:
    """Key points that one crop holds.

    Attributes:
        points: their places among all key points, ascending.
        crop: theirs.
    """

    points: tuple[int, ...]
    crop: CropPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """How many layers a network of ours has and how wide they are.

    Attributes:
        width: factor on the number of filters of every layer but those of the coarse stage.
        depth: convolutions at each resolution, or trackrat's blocks; None for what is usual.
        dropout: share of the features that is left out before the last layer, in training only.
        coarse_width: factor on the number of filters of the coarse stage.
    """

    width: float = 1.0
    depth: int | None = None
    dropout: float = 0.0
    coarse_width: float = 1.0

    def filters(self, usual: int) -> int:
        """How many a layer has that usually has so many; a multiple of 8, which processors compute whole."""
        return _whole(self.width * usual)

    def coarse_filters(self, usual: int) -> int:
        """The same for a layer of the coarse stage."""
        return _whole(self.coarse_width * usual)

    @property
    def words(self) -> str:
        """What is not as usual, as the end of a sentence; empty where all is."""
        said = (
            f", {self.width:g} times the filters" if self.width != 1 else "",
            f", depth {self.depth}" if self.depth is not None else "",
            f", dropout {self.dropout:g}" if self.dropout else "",
            f", {self.coarse_width:g} times the filters in the coarse stage" if self.coarse_width != 1 else "",
        )
        return "".join(said)


def _whole(filters: float) -> int:
    return max(8, round(filters / 8) * 8)


USUAL = Layers()


def plan_crop(points: NDArray[np.float64], frame: FrameShape) -> CropPlan:
    """Size the crop to the labelled animals, so that cost does not grow with the camera's resolution.

    Args:
        points: (n, K, 2) frame pixels, NaN where missing.
        frame: what the network takes.

    Raises:
        TrainingError: the frames are too small to crop from.
    """
    if min(frame.height, frame.width) < 2 * GRID:
        raise TrainingError(f"the frames are {frame.width}×{frame.height} pixels; expected at least {2 * GRID} on each side")
    labelled = points[~np.isnan(points).all(axis=(1, 2))]
    extent = float(np.max(np.nanmax(labelled, axis=1) - np.nanmin(labelled, axis=1))) if len(labelled) else 0.0
    wanted = max(SMALLEST_CROP_PX, extent * MARGIN)
    shrink = math.ceil(wanted / LARGEST_SEEN_PX)
    grid = GRID * shrink
    side = math.ceil(wanted / grid) * grid
    beyond = BEYOND_PX * shrink
    height, width = (_side_in(extent_px, side, beyond=beyond, grid=grid) for extent_px in (frame.height, frame.width))
    # about 80 cells across finds an animal of a tenth of the frame; a small animal needs a finer look
    pool = max(1, min(round(max(frame.height, frame.width) / 80), side // 12))
    return CropPlan(height=height, width=width, shrink=shrink, pool=pool, beyond=beyond)


def _side_in(extent: int, side: int, *, beyond: int, grid: int) -> int:
    """A crop's side in a frame of this extent: one that could hold the frame holds all of it wherever it stands.

    An animal so large is often cut by the frame, and where its middle lies then hangs on whether a point at the border still counts
    as inside. A crop that follows the middle would leave such a point out. Padded to the grid, never cut down to it.
    """
    whole = math.ceil((extent + 2 * beyond) / grid) * grid
    return whole if side >= extent else side


def first_and_last(extent: int, side: int, *, beyond: int) -> tuple[int, int]:
    """The first and the last place along one axis where a crop may begin; one that is larger than frame and strips always holds both.

    Args:
        extent: of the frame, pixels.
        side: of the crop, frame pixels.
        beyond: how far the crop may reach beyond the frame, frame pixels.
    """
    one, other = -beyond, extent + beyond - side
    return min(one, other), max(one, other)


def convolution(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, BatchNorm, ReLU; the size stays the same or is divided by `stride`."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def stage(inputs: int, outputs: int, *, depth: int) -> nn.Sequential:
    """Halve the map, then `depth` convolutions at the new size."""
    return nn.Sequential(
        convolution(inputs, outputs, stride=2),
        *(convolution(outputs, outputs) for _ in range(depth)),
    )


def to_planes(frames: Tensor) -> Tensor:
    """Pixels of frames as numbers 0..255.

    The cast comes first because TensorRT 8.6 takes uint8 at its input only.

    Args:
        frames: uint8 (n, h, w, c).

    Returns:
        float32 (n, c, h, w).
    """
    if frames.shape[3] == 1:  # moves nothing, and torch on a CPU pools planes laid out so five times as fast
        return frames.float().reshape(frames.shape[0], 1, *frames.shape[1:3])
    return frames.float().permute(0, 3, 1, 2)


def scaled(planes: Tensor) -> Tensor:
    """0..255 → -0.5..0.5: the one place where pixels are scaled, in training and in the exported graph alike."""
    return planes / 255.0 - 0.5


def placed(answer: Tensor, frame: FrameShape) -> Tensor:
    """What a whole-frame regression answers, as poses.

    Args:
        answer: (n, K, 3): x, y from the frame's middle in frame widths and heights, and the logit of being present.
        frame: its size.

    Returns:
        (n, 1, K, 3): x, y in frame pixels, confidence 0..1.
    """
    x = (answer[..., 0] + 0.5) * frame.width - 0.5
    y = (answer[..., 1] + 0.5) * frame.height - 0.5
    return torch.stack([x, y, torch.sigmoid(answer[..., 2])], 2)[:, None]


def doubled(maps: Tensor) -> Tensor:
    """(n, c, h, w) → (n, c, 2h, 2w), each value repeated."""
    return nn.functional.interpolate(maps, scale_factor=2.0, mode="nearest")


def bin_means(length: int, bins: int) -> Tensor:
    """(bins, length) weights of adaptive average pooling, as a matrix: ONNX has no such operator for sizes that `bins` does not divide."""
    weights = torch.zeros(bins, length)
    for index in range(bins):
        first, last = index * length // bins, math.ceil((index + 1) * length / bins)
        weights[index, first:last] = 1.0 / (last - first)
    return weights


def peak(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column of each map's maximum.

    Maxima of rows and of columns are compared, not all cells at once: the same answer unless two cells tie, and in
    OpenVINO 5 µs where one ArgMax over the flattened map took 140.

    Args:
        maps: (n, k, h, w).

    Returns:
        Two int64 (n, k).
    """
    return maps.amax(3).argmax(2), maps.amax(2).argmax(2)
