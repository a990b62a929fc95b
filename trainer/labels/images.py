"""Where one image of a labelled set is, how large it is, and its pixels."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import sleap_io  # type: ignore[import-untyped]  # loads its parts when first used

from tracker.frame import Image
from trainer.errors import LabelError
from trainer.labels.grey_picture import in_one_channel
from trainer.video_files.frames_by_number import IndexedVideo

Size = tuple[int, int]  # height, width


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRef:
    """Where one image is: a file of its own, a frame of a video, or an image stored inside a SLEAP package.

    Attributes:
        path: the image file, the video, or the package.
        frame: number inside the video in showing order, from 0; None where `path` is an image file.
        dataset: name of the data set inside a SLEAP package; None elsewhere.
        in_time: whether the number that the image file `path` is named by is known to be of time, as of a copy of a video's frame, or
            known not to be; None where only the name can tell.
    """

    path: Path
    frame: int | None
    dataset: str | None = None
    in_time: bool | None = None

    def __str__(self) -> str:
        return self.path.name if self.frame is None else f"frame {self.frame} of {self.path.name}"


def read_image(ref: ImageRef, size: Size) -> Image:
    """Decode one image: uint8, (h, w) or (h, w, 3) RGB, as the file has it.

    Raises:
        LabelError: the image is missing, damaged, not 8-bit, or not of `size` (height, width).
    """
    if ref.frame is None:
        image = _read_file(ref.path)
    elif ref.dataset is None:
        image = _video(ref.path).read(ref.frame)
    else:
        image = _read_stored(ref.path, ref.dataset, ref.frame)
    if image.shape[:2] != size:
        raise LabelError(f"{ref.path}: {ref} is {sized(image.shape[:2])}; expected {sized(size)} as the labels were read with")
    return image


def image_size(ref: ImageRef) -> Size:
    """Height and width of one image; pixels are decoded only where the size stands nowhere else.

    Raises:
        LabelError: the image is missing or damaged, or the video ends before that frame.
    """
    if ref.frame is None:
        return _file_size(ref.path)
    if ref.dataset is None:
        return _video(ref.path).size_of(ref.frame)
    height, width = _read_stored(ref.path, ref.dataset, ref.frame).shape[:2]
    return height, width


def frame_of(sizes: Sequence[Size]) -> Size:
    """The frame that images of several sizes are fitted to: the largest of them, but for the largest tenth.

    A few large images do not make the network slow for all the others, and few lose resolution. Images of one size keep it.
    """
    by_area = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    return by_area[len(by_area) - 1 - len(by_area) // 10]


def sized(size: tuple[int, ...]) -> str:
    """A size for people, width first."""
    return f"{size[1]}×{size[0]} pixels"


def _read_file(path: Path) -> Image:
    # Pillow, because OpenCV fills the missing part of a truncated JPEG with grey and says nothing.
    try:
        with PIL.Image.open(path) as picture:
            if picture.mode.startswith(("I", "F")) or _is_deep_colour(picture):
                found = "16-bit colour" if picture.mode == "RGB" else picture.mode
                raise LabelError(f"{path}: has {found} pixels; expected 8-bit grey or colour: convert it")
            plain = {"1": "L", "LA": "L", "L": "L"}.get(picture.mode, "RGB")
            return np.array(picture if picture.mode == plain else picture.convert(plain), np.uint8)
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as problem:
        raise _unreadable(path, problem) from problem


def _is_deep_colour(picture: PIL.Image.Image) -> bool:
    """Whether Pillow would cut 16-bit colours down to 8 bits without a word; a camera with such images is refused."""
    stored = [tile[3] for tile in getattr(picture, "tile", [])]
    parts = [part for args in stored for part in (args if isinstance(args, tuple) else (args,))]
    return any(isinstance(part, str) and ";16" in part for part in parts)


def _file_size(path: Path) -> Size:
    try:
        with PIL.Image.open(path) as picture:
            return picture.height, picture.width
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as problem:
        raise _unreadable(path, problem) from problem


def _unreadable(path: Path, problem: Exception) -> LabelError:
    if isinstance(problem, FileNotFoundError):
        return LabelError(f"{path}: no such image; put it back or delete its row of labels")
    return LabelError(f"{path}: cannot be read as an image ({problem}); it is damaged or no image: copy it again")


def _video(path: Path) -> IndexedVideo:
    try:
        changed_ns = path.stat().st_mtime_ns
    except OSError as problem:
        raise LabelError(f"{path}: the video cannot be read: {problem.strerror}") from problem
    return _open_video(path, changed_ns, os.getpid())


@lru_cache(maxsize=4)
def _open_video(path: Path, _changed_ns: int, _process: int) -> IndexedVideo:
    # Kept open: reading on from the frame before costs one decoded frame, opening anew on average half the video.
    # The process is part of the key because a forked loader would share the file's position with its parent.
    return IndexedVideo(path)


def _read_stored(path: Path, dataset: str, frame: int) -> Image:
    try:
        image = np.array(_open_package(path, path.stat().st_mtime_ns, dataset, process=os.getpid())[frame], np.uint8)
    except (OSError, KeyError, ValueError, RuntimeError, IndexError) as problem:
        raise LabelError(f"{path}: frame {frame} of its stored images '{dataset}' cannot be read ({problem})") from problem
    return in_one_channel(image)


@lru_cache(maxsize=4)
def _open_package(path: Path, _changed_ns: int, dataset: str, *, process: int) -> Any:
    # unless it is told, sleap-io takes the colour away from all images where the first that is read has none
    return sleap_io.Video.from_filename(str(path), dataset=dataset, grayscale=False)
