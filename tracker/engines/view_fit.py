"""Fit a camera image to the network's input and take points back to source pixels. Training and the rig run this very code.

Pixel centres are whole numbers throughout, so a size change by a factor maps x to (x + 0.5) · factor - 0.5, as cv2.resize does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.bundle_description import View
from tracker.errors import BundleError, CameraError
from tracker.frame import Image
from tracker.pose import KeyPoints

_CHANNELS = {"grey": 1, "rgb": 3}
_MIDDLE = 224 / 256  # of the longest sides that fit: what networks of ImageNet are judged on, whose short side is 256 and crop 224


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rectangle:
    """A part of an image, in whole pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def rows(self) -> slice:
        return slice(self.y, self.y + self.height)

    @property
    def columns(self) -> slice:
        return slice(self.x, self.x + self.width)


class ViewFit:
    """One view of one camera: every buffer and factor is made here, once.

    Args:
        view: crop, fit and colour, as the bundle has them.
        input_shape: (1, height, width, channels) of the network's input.
        source_shape: (height, width) of a grey camera image or (height, width, 3) of an RGB one.

    Raises:
        BundleError: the crop reaches outside the image, an `exact` view meets another size, or the input has the wrong
            number of channels for its colour.
    """

    def __init__(self, view: View, *, input_shape: Sequence[int], source_shape: Sequence[int]) -> None:
        self._view = view
        self._source_shape = tuple(int(side) for side in source_shape)
        self._height, self._width, self._channels = _input_sides(view, input_shape)
        self._grey_source = _is_grey(self._source_shape)
        self._crop = _crop(view, self._source_shape)
        if view.fit == "centre":
            self._crop = _middle(self._crop, height=self._height, width=self._width)
        self._inner = self._place()
        self._input: Image = np.zeros((self._height, self._width, self._channels), np.uint8)  # bars stay black for good
        pixels = self._input[:, :, 0] if self._channels == 1 else self._input
        self._target = pixels[self._inner.rows, self._inner.columns]
        self._resizes = (self._inner.height, self._inner.width) != (self._crop.height, self._crop.width)
        self._in_colour: Image | None = None  # what lies between colour change and resize
        if self._resizes and self._recolours:
            middle = self._crop if self._channels == 1 else self._inner
            self._in_colour = np.empty((middle.height, middle.width), np.uint8)
        self._halved = self._halving_buffers()
        self._interpolation = self._last_interpolation()
        self._scale = np.array([self._crop.width / self._inner.width, self._crop.height / self._inner.height])
        corner = np.array([self._crop.x, self._crop.y])
        self._offset = (0.5 - np.array([self._inner.x, self._inner.y])) * self._scale - 0.5 + corner

    @property
    def field_of_view(self) -> str:
        """One sentence for people: which part of the camera's image the network sees, and how large."""
        height, width = self._source_shape[:2]
        crop, inner = self._crop, self._inner
        share = 100 * crop.width * crop.height / (width * height)
        seen = (
            "all of"
            if share == 100
            else f"x {crop.x}..{crop.x + crop.width - 1}, y {crop.y}..{crop.y + crop.height - 1} ({share:.0f} %) of"
        )
        size = f"resized to {inner.width}x{inner.height}" if self._resizes else "at its own size"
        bars = (inner.width, inner.height) != (self._width, self._height)
        frame = f", between black bars that fill {self._width}x{self._height}" if bars else ""
        colour = "grey" if self._view.colour == "grey" else "colour"
        return f"The network sees {seen} the camera's {width}x{height} image, {size}{frame}, in {colour}."

    def to_input(self, image: Image) -> Image:
        """Make the network's input from one camera image.

        Args:
            image: uint8, of exactly the source shape; RGB, never BGR.

        Returns:
            uint8 (height, width, channels), C-contiguous, valid until the next call; the camera's own memory where nothing
            has to change.

        Raises:
            CameraError: the image has another shape than the one this view was made for.
        """
        if image.shape != self._source_shape:
            raise CameraError(
                f"the camera's image has shape {image.shape}, expected {self._source_shape} as when tracking began; "
                "set the camera back to that size and colour, or start again"
            )
        part = image[self._crop.rows, self._crop.columns]
        if not (self._resizes or self._recolours or self._has_bars) and part.flags.c_contiguous:
            return part.reshape(self._input.shape)
        self._fill(part)
        return self._input

    def to_source(self, points: KeyPoints) -> KeyPoints:
        """Take key points from input pixels to source pixels.

        Args:
            points: float32 (animals, K, 3), x and y in input pixels and a confidence, which is kept. NaN stays NaN.

        Returns:
            float32 (animals, K, 3), a new array.
        """
        located = np.array(points, np.float32)
        located[..., :2] = points[..., :2].astype(np.float64) * self._scale + self._offset
        return located

    def from_source(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Take key points from source pixels to input pixels, as training does with labels; the inverse of `to_source`.

        Args:
            points: float (..., K, 2 or more); what follows x and y is kept. NaN stays NaN.

        Returns:
            The same in the same type, a new array: labels in float64 lose no digit.
        """
        placed = points.copy()
        placed[..., :2] = (points[..., :2].astype(np.float64) - self._offset) / self._scale
        return placed

    @property
    def _recolours(self) -> bool:
        return self._grey_source != (self._channels == 1)

    @property
    def _has_bars(self) -> bool:
        return (self._inner.height, self._inner.width) != (self._height, self._width)

    def _place(self) -> _Rectangle:
        """Where the resized crop lies in the input."""
        crop = self._crop
        if self._view.fit == "exact" and (crop.height, crop.width) != (self._height, self._width):
            raise BundleError(
                f"the bundle's view is 'exact' and its input {self._width}x{self._height}, the camera gives {crop.width}x{crop.height}; "
                "set the camera to that size, or train with a 'letterbox' view"
            )
        if self._view.fit != "letterbox":
            return _Rectangle(x=0, y=0, width=self._width, height=self._height)
        factor = min(self._width / crop.width, self._height / crop.height)
        width = min(self._width, max(1, round(crop.width * factor)))
        height = min(self._height, max(1, round(crop.height * factor)))
        return _Rectangle(x=(self._width - width) // 2, y=(self._height - height) // 2, width=width, height=height)

    def _fill(self, part: Image) -> None:
        """Resize and recolour into the input buffer; the resize always works on the fewer channels."""
        if self._in_colour is None:
            if self._recolours:
                self._recolour(part, self._target)
            elif self._resizes:
                self._resize(part, self._target)
            else:
                np.copyto(self._target, part)
        elif self._grey_source:
            self._resize(part, self._in_colour)
            self._recolour(self._in_colour, self._target)
        else:
            self._recolour(part, self._in_colour)
            self._resize(self._in_colour, self._target)

    def _halving_buffers(self) -> list[Image]:
        """One buffer for each time the crop is halved exactly, averaging 2x2 pixels, on its way down to the input.

        Averaging loses no fine structure to aliasing; by halves it is fast: 1280x1024 grey to 256x205 takes 0.07 ms so, 1.0 ms
        with cv2.INTER_AREA in one step.
        """
        height, width = self._crop.height, self._crop.width
        channels = () if self._grey_source or self._channels == 1 else (3,)
        buffers: list[Image] = []
        while height % 2 == 0 and width % 2 == 0 and height >= 2 * self._inner.height and width >= 2 * self._inner.width:
            height, width = height // 2, width // 2
            buffers.append(np.empty((height, width, *channels), np.uint8))
        return buffers

    def _last_interpolation(self) -> int:
        """Bilinear up to a factor of two; beyond it, where a side is odd, areas are averaged whatever it costs."""
        height, width = self._halved[-1].shape[:2] if self._halved else (self._crop.height, self._crop.width)
        factors = height / self._inner.height, width / self._inner.width
        return cv2.INTER_AREA if max(factors) >= 2 and min(factors) >= 1 else cv2.INTER_LINEAR

    def _resize(self, source: Image, target: Image) -> None:
        for half in self._halved:
            cv2.resize(source, (half.shape[1], half.shape[0]), dst=half, interpolation=cv2.INTER_AREA)
            source = half
        if source.shape[:2] == target.shape[:2]:
            np.copyto(target, source)
        else:
            cv2.resize(source, (self._inner.width, self._inner.height), dst=target, interpolation=self._interpolation)

    def _recolour(self, source: Image, target: Image) -> None:
        cv2.cvtColor(source, cv2.COLOR_GRAY2RGB if self._grey_source else cv2.COLOR_RGB2GRAY, dst=target)


def unlike_training(trained_on: tuple[int, int] | None, source_shape: Sequence[int]) -> str | None:
    """Warn in one sentence where the camera's image has another size than the images that the network learnt from.

    Args:
        trained_on: (width, height) of those images, None where the bundle does not say.
        source_shape: (height, width) or (height, width, 3) of the camera's image.

    Returns:
        The sentence, or None where the sizes agree or one is not known.
    """
    height, width = source_shape[:2]
    if trained_on is None or trained_on == (width, height):
        return None
    learnt = f"{trained_on[0]}x{trained_on[1]}"
    return (
        f"The camera's image is {width}x{height}, but the network learnt from images of {learnt}; unless both show the same scene "
        f"edge to edge, the animal reaches it at another size and is found less well: set the camera to {learnt}, "
        "or train on frames of this camera."
    )


def _input_sides(view: View, input_shape: Sequence[int]) -> tuple[int, int, int]:
    expected = _CHANNELS[view.colour]
    if len(input_shape) != 4 or input_shape[0] != 1 or input_shape[3] != expected:
        raise BundleError(
            f"the bundle's input has shape {tuple(input_shape)}; expected (1, height, width, {expected}) for a '{view.colour}' view: "
            "write the bundle again with `trainer fit`"
        )
    return int(input_shape[1]), int(input_shape[2]), int(input_shape[3])


def _is_grey(shape: tuple[int, ...]) -> bool:
    if len(shape) == 2:
        return True
    if len(shape) == 3 and shape[2] == 3:
        return False
    raise CameraError(f"the camera's image has shape {shape}; expected (height, width) or (height, width, 3)")


def _crop(view: View, shape: tuple[int, ...]) -> _Rectangle:
    height, width = shape[:2]
    if view.crop is None:
        return _Rectangle(x=0, y=0, width=width, height=height)
    x, y, crop_width, crop_height = view.crop
    if x < 0 or y < 0 or crop_width < 1 or crop_height < 1 or x + crop_width > width or y + crop_height > height:
        raise BundleError(
            f"the bundle's view.crop is x {x}, y {y}, {crop_width}x{crop_height}, outside the camera's {width}x{height} image; "
            "set the camera to the size that was trained on"
        )
    return _Rectangle(x=x, y=y, width=crop_width, height=crop_height)


def _middle(whole: _Rectangle, *, height: int, width: int) -> _Rectangle:
    """The middle of a part of an image, of the input's aspect."""
    factor = _MIDDLE * min(whole.width / width, whole.height / height)
    inner_width, inner_height = max(1, round(width * factor)), max(1, round(height * factor))
    left, top = (whole.width - inner_width) // 2, (whole.height - inner_height) // 2
    return _Rectangle(x=whole.x + left, y=whole.y + top, width=inner_width, height=inner_height)
