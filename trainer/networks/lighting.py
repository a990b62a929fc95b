"""Frames evened before a network sees them, inside the graph: a background taken off, contrast made the same everywhere.

The trainer passes every labelled frame through the same module before it augments it, since a background stands still while an
animal is turned. Whole numbers come out, so that a frame evened once for training and one evened in the graph are the same.
"""

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracker.bundle_description import Lighting
from tracker.frame import Image
from trainer.networks.blocks import FrameShape, to_planes

MIDDLE = 128.0  # what the background, or the mean of a place, becomes
CELLS = 24  # of the frame's shorter side: the statistics are of 5 cells across, a fifth of that side, which lighting varies slowly over
ACROSS = 5
SPREAD = 64.0  # grey levels that one standard deviation becomes
FLOOR = 8.0  # grey levels added to the standard deviation: below it lies the noise of a camera, which must not be enlarged


class EvenLighting(nn.Module):
    """uint8 frames (n, h, w, c) to frames of whole numbers 0..255, float32 (n, h, w, c).

    Pooling and arithmetic, no layer with weights. Between cells it is interpolated by products that are broadcast: OpenVINO's Resize
    took 6 ms for a frame of 640x480 on one core, this takes 0.2.

    Args:
        frame: size and colour of the frames.
        background: uint8 (h, w) or (h, w, 3) of that size, taken off; None for none.
        contrast: whether contrast is made the same everywhere, by mean and standard deviation of the surroundings.
    """

    def __init__(self, frame: FrameShape, *, background: Image | None, contrast: bool) -> None:
        super().__init__()
        self.frame, self.contrast = frame, contrast
        self.cell = 2 * max(1, round(min(frame.height, frame.width) / CELLS / 2))
        shape = (1, frame.channels, frame.height, frame.width)
        planes = None if background is None else torch.from_numpy(_planes(background)).reshape(shape)
        self.register_buffer("background", planes, persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """See the class."""
        planes = to_planes(frames)
        if self.background is not None:
            planes = (planes - self.background.float() + MIDDLE).clamp(0, 255)
        if self.contrast:
            off = planes - self._around(_grey(planes))
            deviation = torch.sqrt(self._around(_grey(off * off)))
            planes = (off * SPREAD / (deviation + FLOOR) + MIDDLE).clamp(0, 255)
        return torch.round(planes).permute(0, 2, 3, 1)

    @torch.no_grad()
    def image(self, image: Image) -> Image:
        """One frame as the network is to learn from it: uint8 (h, w) or (h, w, 3), of the same shape."""
        evened = self(torch.from_numpy(image).reshape(1, *image.shape[:2], -1))
        return np.asarray(evened[0].to(torch.uint8).numpy()).reshape(image.shape)

    def described(self, background: str | None) -> Lighting:
        """What bundle.json says of it.

        Args:
            background: in words, where the picture is from.
        """
        picture = self.background
        return Lighting(
            background=background if picture is not None else None,
            background_sha256=None if picture is None else hashlib.sha256(picture.numpy().tobytes()).hexdigest(),
            contrast="local" if self.contrast else None,
            cell_px=self.cell if self.contrast else None,
        )

    def _around(self, plane: Tensor) -> Tensor:
        """Mean of each place's surroundings, of the size of the planes (n, 1, h, w)."""
        height, width = self.frame.height, self.frame.width
        below, right = -height % self.cell, -width % self.cell
        whole = nn.functional.pad(plane, (0, right, 0, below), mode="replicate") if below or right else plane
        cells = nn.functional.avg_pool2d(whole, self.cell)
        cells = nn.functional.avg_pool2d(cells, ACROSS, 1, ACROSS // 2, count_include_pad=False)
        cells = nn.functional.pad(cells, (1, 1, 1, 1), mode="replicate")
        rows, columns = (-(-side // self.cell) + 1 for side in (height, width))  # from one cell's middle to the next
        right_share = ((torch.arange(self.cell, device=plane.device) + 0.5) / self.cell).float()
        down = right_share[:, None]
        tall = cells[:, :, :-1, None] * (1 - down) + cells[:, :, 1:, None] * down
        tall = tall.reshape(-1, 1, rows * self.cell, columns + 1)
        smooth = tall[..., :-1, None] * (1 - right_share) + tall[..., 1:, None] * right_share
        half = self.cell // 2
        return smooth.reshape(-1, 1, rows * self.cell, columns * self.cell)[:, :, half : half + height, half : half + width]

    background: Tensor | None  # uint8 (1, c, h, w)


class LitNetwork(nn.Module):
    """A network behind its lighting: the whole engine, uint8 frames to poses.

    Args:
        lighting: evens the frames.
        network: takes evened frames.
    """

    def __init__(self, lighting: EvenLighting, network: nn.Module) -> None:
        super().__init__()
        self.lighting, self.network = lighting, network

    def forward(self, frames: Tensor) -> Tensor:
        """Frames uint8 (n, h, w, c) to poses float32 (n, animals, K, 3)."""
        poses: Tensor = self.network(self.lighting(frames))
        return poses


def _grey(planes: Tensor) -> Tensor:
    return planes if planes.shape[1] == 1 else planes.mean(1, keepdim=True)


def _planes(image: Image) -> NDArray[np.uint8]:
    return np.ascontiguousarray(image if image.ndim == 2 else image.transpose(2, 0, 1))
