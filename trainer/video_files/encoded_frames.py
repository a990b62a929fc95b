"""Frames of videos as JPEG to look at, kept so that stepping back does not decode from the key frame each time."""

from collections import OrderedDict

import cv2
import numpy as np

from tracker.frame import Image
from trainer.video_files.frames_by_number import IndexedVideo

CHUNK = 8  # frames read together
KEPT = 256  # encoded frames; 60 kB each at 640 x 480
QUALITY = 92  # of the JPEG that is looked at; what is added to a project is lossless


class EncodedFrames:
    """The most recently used frames of several videos. Not safe to share between threads."""

    def __init__(self, *, longest_px: int | None = None) -> None:
        """Keep nothing yet.

        Args:
            longest_px: a larger picture is made smaller until its longer side is this; None for never.
        """
        self._longest_px = longest_px
        self._encoded: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    def picture(self, name: str, video: IndexedVideo, number: int, *, alone: bool = False) -> bytes:
        """A frame.

        Args:
            name: of the video.
            video: to read from.
            number: of the frame.
            alone: the frames around it are not read: many will be passed over, as when a video is played fast.

        Raises:
            LabelError: there is no such frame, or it cannot be decoded.
        """
        if (name, number) not in self._encoded:
            self._read(name, video, number, alone=alone)
        self._encoded.move_to_end((name, number))
        return self._encoded[name, number]

    def _read(self, name: str, video: IndexedVideo, number: int, *, alone: bool) -> None:
        video.size_of(number)
        first = number - number % CHUNK
        for each in [number] if alone else range(first, min(first + CHUNK, len(video))):
            self._encoded[name, each] = jpeg(self._small(video.read(each)))
        while len(self._encoded) > KEPT:
            self._encoded.popitem(last=False)

    def _small(self, image: Image) -> Image:
        longest = max(image.shape[:2])
        if self._longest_px is None or longest <= self._longest_px:
            return image
        height, width = (max(1, round(side * self._longest_px / longest)) for side in image.shape[:2])
        return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def jpeg(image: Image) -> bytes:
    """An image, uint8 (h, w) or (h, w, 3) RGB, as JPEG."""
    bgr = np.ascontiguousarray(image[:, :, ::-1]) if image.ndim == 3 else image
    return bytes(cv2.imencode(".jpg", np.ascontiguousarray(bgr), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes())
