"""What OpenCV's devices, files and streams share: quiet opening, settings compared with what was asked, pictures in RGB."""

import os
from dataclasses import dataclass

import cv2
import numpy as np

from tracker.cameras.read_back import Setting
from tracker.config_cameras import OpenCVCamera
from tracker.errors import CameraError
from tracker.frame import Image

ERRORS_ONLY = 2  # OpenCV's log level, the same number in every version
RATE_TOLERANCE = 0.01  # 29.97 is what a camera or file asked for 30 gives
GREY_FORMATS = frozenset({"GREY", "Y800", "Y8  ", "Y10 ", "Y16 "})  # OpenCV hands these out as three equal channels


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureFormat:
    """What a source really delivers; rate 0 and an empty fourcc where it does not say."""

    width: int
    height: int
    rate_hz: float
    fourcc: str
    grey: bool

    def __str__(self) -> str:
        """Give size, pixel format and rate for people."""
        return " ".join([f"{self.width}x{self.height}", *filter(None, [self.fourcc.strip()]), f"{self.rate_hz:.5g} Hz"])

    def read_back(self) -> dict[str, Setting]:
        """Size, rate and pixel format, without what the source does not state."""
        said: dict[str, Setting] = {"width": self.width, "height": self.height, "rate_hz": self.rate_hz, "fourcc": self.fourcc.strip()}
        return {key: value for key, value in said.items() if value}


def quieten() -> None:
    """Keep OpenCV's and FFmpeg's own lines off stderr: what matters in them is raised here as one sentence."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET; read by OpenCV when FFmpeg is first used
    set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel  # OpenCV 4, OpenCV 5
    set_level(ERRORS_ONLY)


def format_of(capture: cv2.VideoCapture, image: Image) -> CaptureFormat:
    """Read back what an open capture delivers; the size is that of a decoded picture, not what the header claims.

    Args:
        capture: open.
        image: its first picture as OpenCV gave it, (height, width) or (height, width, channels).
    """
    fourcc = _letters(capture.get(cv2.CAP_PROP_FOURCC))
    pixels = _letters(capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT))
    rate_hz = capture.get(cv2.CAP_PROP_FPS)
    return CaptureFormat(
        width=image.shape[1],
        height=image.shape[0],
        rate_hz=rate_hz if np.isfinite(rate_hz) and rate_hz > 0 else 0.0,
        fourcc=fourcc,
        grey=bool(GREY_FORMATS & {fourcc, pixels}),
    )


def decoder_name(capture: cv2.VideoCapture) -> str:
    """What of OpenCV an open capture is read by."""
    return f"OpenCV {capture.getBackendName()}"


def compare(asked: OpenCVCamera, got: CaptureFormat, *, where: str, remedy: str) -> None:
    """Refuse a source that delivers something other than the settings ask for; null asks for nothing.

    Raises:
        CameraError: one sentence with what was asked and what is delivered.
    """
    differences = [
        f"{name} {found}, asked for {wanted}"
        for name, wanted, found in (
            ("width", asked.width, got.width),
            ("height", asked.height, got.height),
            ("fourcc", asked.fourcc, got.fourcc),
        )
        if wanted is not None and wanted != found
    ]
    if asked.rate_hz is not None and abs(got.rate_hz - asked.rate_hz) > RATE_TOLERANCE * asked.rate_hz:
        differences.append(f"rate_hz {got.rate_hz:.5g}, asked for {asked.rate_hz:.5g}")
    if differences:
        raise CameraError(f"{where} gives {'; '.join(differences)}; {remedy}")


def as_rgb(image: Image, *, grey: bool) -> Image:
    """Turn OpenCV's blue-green-red picture into RGB, or into one channel where the source has only one.

    Args:
        image: uint8, (height, width), (height, width, 1) or (height, width, 3) in BGR order.
        grey: the source has one channel, repeated by OpenCV.

    Returns:
        uint8, (height, width) or (height, width, 3) RGB, C-contiguous.
    """
    if image.ndim == 2:
        return image
    if grey or image.shape[2] == 1:
        return np.asarray(cv2.extractChannel(image, 0), np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def _letters(fourcc: float) -> str:
    """Decode OpenCV's four-character code; it gives -1 or 0 where there is none."""
    code = int(fourcc)
    return "" if code <= 0 else code.to_bytes(8, "little")[:4].decode("latin-1").rstrip("\0")
