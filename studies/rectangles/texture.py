"""Backgrounds that are neither black nor still, for images of rectangles: drifting clouds, or the frames of a real video."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from trainer.video_files.frames_by_number import IndexedVideo

Background = Callable[[int], Image]  # number of an image → uint8 (side, side)

DARKEST, LIGHTEST = 10.0, 200.0  # grey values; the rectangles stay white
GRAINS = (4, 10, 24)  # blobs across the image: coarse to fine, as light, bedding and fur are
DRIFT = 0.013  # of the image's side that the coarsest layer moves from one image to the next


def clouds(side_px: int, *, seed: int) -> Background:
    """Three layers of smooth noise that drift past each other; the same number gives the same image."""
    layers = [np.random.default_rng((seed, grains)).uniform(-1, 1, (grains, grains)) for grains in GRAINS]

    def background(number: int) -> Image:
        whole = np.zeros((side_px, side_px))
        for place, layer in enumerate(layers):
            shift = DRIFT * number * (1 + place) * np.array([1.0, (-1.0) ** place])
            whole += _drifted(layer, shift, side_px) / (1 + place)
        return np.clip((DARKEST + LIGHTEST) / 2 + (LIGHTEST - DARKEST) / 2 * whole, DARKEST, LIGHTEST).astype(np.uint8)

    return background


def of_video(path: Path, side_px: int, *, count: int) -> Background:
    """Frames of a video, spread over it, in grey and stretched to the image.

    Args:
        path: the video.
        side_px: of the images.
        count: images that will be asked for.

    Raises:
        LabelError: it cannot be read.
    """
    video = IndexedVideo(path)

    def background(number: int) -> Image:
        frame = video.read(number % count * len(video) // count)
        grey = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(grey, (side_px, side_px), interpolation=cv2.INTER_AREA)
        return np.minimum(small, LIGHTEST).astype(np.uint8)

    return background


def over(picture: Image, background: Image) -> Image:
    """White lines on black laid over a background of the same size."""
    return np.maximum(picture, background)


def _drifted(layer: NDArray[np.float64], shift: NDArray[np.float64], side_px: int) -> NDArray[np.float64]:
    """A torus of noise, seen through a window that has moved by `shift` sides: float64 (side, side)."""
    grains = len(layer)
    steps = np.arange(side_px) / side_px
    columns, rows = ((steps + move) * grains % grains for move in shift)
    across, down = np.meshgrid(columns, rows)
    wrapped = np.pad(layer, ((0, 1), (0, 1)), mode="wrap")
    smooth = cv2.remap(wrapped.astype(np.float32), across.astype(np.float32), down.astype(np.float32), cv2.INTER_LINEAR)
    return np.asarray(smooth, np.float64)
