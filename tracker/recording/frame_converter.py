"""Images of decoded frames, with the pixels of the camera source `opencv`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from tracker.errors import CameraError
from tracker.frame import Frame, Image
from tracker.recording.colourless import Colourless, plane_of

_WRITTEN_PX = 16  # columns that swscale's routine for planes writes at once
_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A frame whose pixels have not been asked for yet.

    Attributes:
        time_ns: presentation time after the first frame, as the live source gives it; of a recording its true time.
        picture: what the decoder made.
    """

    time_ns: int
    picture: "av.VideoFrame | Frame"


class Converter:
    """Makes images of decoded frames. Used by one thread."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._path, self._shape = path, shape
        self._reformatter = VideoReformatter()
        self._colourless = Colourless(self._rgb)

    def image(self, decoded: Decoded) -> Image:
        """A new array, uint8, (height, width) or (height, width, 3) RGB, C-contiguous.

        Raises:
            CameraError: another size than the first frame's.
        """
        image = self.levels(decoded)
        if image is not None:
            return in_colour(image, self._shape)
        picture = decoded.picture
        if isinstance(picture, Frame):
            return self._checked(picture.image)
        rgb = self._rgb(picture)
        return self._checked(_upright(rgb if len(self._shape) == 3 else rgb[..., 1].copy(), picture))

    def levels(self, decoded: Decoded) -> Image | None:
        """Of a picture without colour the levels alone, uint8 (height, width), where they are quickly found; `in_colour` makes the image.

        Raises:
            CameraError: as `image`.
        """
        picture = decoded.picture
        if isinstance(picture, Frame):
            return None
        found = self._colourless.levels(picture)
        return None if found is None else self._checked(_upright(found, picture))

    def _checked(self, image: Image) -> Image:
        if image.shape not in (self._shape, self._shape[:2]):
            raise CameraError(
                f"{self._path}: the picture changes from {_size(self._shape)} to {_size(image.shape)}; convert the video to one size"
            )
        return image

    def _rgb(self, picture: av.VideoFrame) -> Image:
        """A new array (height, width, 3).

        In planes swscale takes half as long as to RGB in one, to the same values, but it leaves the last columns of some widths unwritten.
        """
        in_planes = picture.width % _WRITTEN_PX == 0
        planes = self._reformatter.reformat(picture, format="gbrp" if in_planes else "rgb24", interpolation="BICUBIC", threads=1).planes
        if not in_planes:
            return plane_of(planes[0], channels=3).copy().reshape(picture.height, picture.width, 3)
        green, blue, red = (plane_of(plane) for plane in planes)
        return np.asarray(cv2.merge([red, green, blue]), np.uint8)


def _upright(image: Image, picture: av.VideoFrame) -> Image:
    turn = _TURNS.get(round(picture.rotation) % 360)
    return image if turn is None else np.asarray(cv2.rotate(image, turn), np.uint8)


def in_colour(image: Image, shape: Sequence[int]) -> Image:
    """Levels as the live source gives the image.

    Args:
        image: uint8 (height, width), or of the shape already.
        shape: of the video's images.
    """
    return image if image.ndim == len(shape) else np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB), np.uint8)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
