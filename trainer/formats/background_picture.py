"""The picture of an empty arena, as a file."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.whole_files import write_whole
from trainer.errors import TrainingError


def read_background(path: Path, *, size: tuple[int, int], otherwise: str) -> Image:
    """Read one.

    Args:
        path: PNG, JPEG or another image that OpenCV reads.
        size: (height, width) that it must have.
        otherwise: what else could have been asked for, one word.

    Returns:
        uint8 (height, width, 3) RGB.

    Raises:
        TrainingError: it cannot be read, is no image, or of another size.
    """
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as problem:
        raise TrainingError(
            f"{path}: the background cannot be read: {problem.strerror}; expected a picture, or the word {otherwise}"
        ) from problem
    try:
        bgr = cv2.imdecode(content, cv2.IMREAD_COLOR)
    except cv2.error:
        bgr = None
    if bgr is None:
        raise TrainingError(
            f"{path}: is not an image; expected a PNG or JPEG of the empty arena by the same camera, or the word {otherwise}"
        )
    if bgr.shape[:2] != size:
        raise TrainingError(
            f"{path}: the background is of {bgr.shape[1]}x{bgr.shape[0]} pixels, the labelled images of {size[1]}x{size[0]}; "
            "expected a picture of the empty arena by the same camera"
        )
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def write_background_planes(path: Path, planes: NDArray[np.uint8]) -> None:
    """Write uint8 (1, height, width) grey or (3, height, width) RGB as PNG, whole.

    Raises:
        OSError: the disk refuses.
    """
    picture = planes[0] if len(planes) == 1 else cv2.cvtColor(np.ascontiguousarray(planes.transpose(1, 2, 0)), cv2.COLOR_RGB2BGR)
    write_whole(path, cv2.imencode(".png", picture)[1].tobytes())
