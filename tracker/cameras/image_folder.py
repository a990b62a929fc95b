"""A folder of images as a camera: in numeric order, paced or flat out."""

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from tracker.cameras.read_back import ReadBack
from tracker.config_cameras import ImageFolder
from tracker.errors import CameraError, CorruptFrameError
from tracker.frame import Frame, Image

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff"})


def numbered_images(folder: Path) -> list[Path]:
    """The images of a folder in numeric order, Frame10 after Frame2; files of other kinds and hidden ones are ignored.

    Raises:
        CameraError: no such folder, not permitted, or no image in it.
    """
    try:
        files = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")]
    except OSError as problem:
        raise CameraError(f"{folder}: cannot be listed: {problem.strerror}; give the path of a folder of images") from problem
    if not files:
        raise CameraError(f"{folder}: holds no image; expected files ending in {', '.join(sorted(IMAGE_SUFFIXES))}")
    return sorted(files, key=_numeric)


class FolderCamera:
    """Images of one size, numbered from 0 in their order; the counting goes on when the folder is looped.

    Every image is decoded once when the folder is opened (a few milliseconds each), so that a bad one is refused before
    an experiment begins and not in the middle of it.

    Raises:
        CameraError: no image, an unreadable one, one that is not 8-bit, or images of differing size.
    """

    def __init__(self, settings: ImageFolder, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._settings, self._clock = settings, clock
        self._paths = numbered_images(Path(settings.folder))
        self._shape = _one_shape(self._paths)
        self._period_ns = 0 if settings.rate_hz is None else round(1e9 / settings.rate_hz)
        self._number = 0
        self._due_ns = clock()
        self._closed = threading.Event()
        height, width = self._shape[:2]
        pace = "flat out" if settings.rate_hz is None else f"at {settings.rate_hz:g} Hz"
        self.description = f"{settings.folder}: {len(self._paths)} images of {width}x{height} {pace}"
        self.read_back: ReadBack = {"images": len(self._paths), "width": width, "height": height, "decoder": "OpenCV"}
        if settings.rate_hz is not None:
            self.read_back = {**self.read_back, "rate_hz": settings.rate_hz}

    def read(self, timeout_s: float) -> Frame | None:
        """Decode the next image and hand it over when its time has come; a late reader delays the rest. See Camera.read."""
        if self._closed.is_set():
            raise CameraError(f"{self._settings.folder}: is closed")
        if self._number >= len(self._paths) and not self._settings.loop_folder:
            return None
        if self._due_ns - self._clock() > 1e9 * timeout_s:
            self._closed.wait(timeout_s)
            raise CameraError(
                f"{self._settings.folder}: no frame for {timeout_s:g} s; the next is due later at {self._settings.rate_hz:g} Hz"
            )
        number, path = self._number, self._paths[self._number % len(self._paths)]
        self._number += 1
        image = self._decode(path)
        late_ns = self._clock() - self._due_ns
        if late_ns < 0:
            self._closed.wait(-late_ns / 1e9)
        elif late_ns > self._period_ns:
            self._due_ns += late_ns
        self._due_ns += self._period_ns
        return Frame(image=image, number=number, exposed_ns=None, received_ns=self._clock())

    def close(self) -> None:
        """Read no more; a wait for the next image's time ends."""
        self._closed.set()

    def _decode(self, path: Path) -> Image:
        """Read an image that was sound when the folder was opened."""
        try:
            image = read_image(path)
        except CameraError as problem:
            raise CorruptFrameError(str(problem)) from problem
        _compare(path, image.shape, self._shape)
        return image


def read_image(path: Path) -> Image:
    """Decode an image file: uint8 (h, w) grey, or (h, w, 3) RGB.

    Raises:
        CameraError: unreadable, or not 8-bit.
    """
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as problem:
        raise CameraError(f"{path}: cannot be read: {problem.strerror}") from problem
    try:
        image = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if content.size else None
    except cv2.error:  # a damaged header can claim a size that OpenCV refuses to allocate
        image = None
    if image is None:
        raise CameraError(f"{path}: is not an image that OpenCV can read; remove it or save it again")
    if image.dtype != np.uint8:
        raise CameraError(f"{path}: has {8 * image.dtype.itemsize}-bit pixels; expected 8-bit: convert it")
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGRA2RGB if image.shape[2] == 4 else cv2.COLOR_BGR2RGB)
    return np.asarray(image, np.uint8)


def _one_shape(paths: list[Path]) -> tuple[int, ...]:
    shape = read_image(paths[0]).shape
    for path in paths[1:]:
        _compare(path, read_image(path).shape, shape)
    return shape


def _compare(path: Path, found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if found != expected:
        raise CameraError(f"{path}: is {_words(found)}; expected {_words(expected)} as the first image: keep one kind in a folder")


def _words(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]} {'grey' if len(shape) == 2 else 'colour'}"


def _numeric(path: Path) -> tuple[list[tuple[str, int]], str]:
    """Sort key: each run of digits as a number, after the text that leads up to it."""
    steps = re.findall(r"(\D*)(\d*)", path.stem.lower())
    return [(text, int(digits) if digits else -1) for text, digits in steps], path.name
