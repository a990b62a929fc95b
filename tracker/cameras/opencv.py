"""What `camera.source: opencv` opens: a device, a video file or a stream, told apart by `camera.device`."""

import logging
import time
from collections.abc import Callable

from tracker.cameras.camera import Camera
from tracker.cameras.device_node import is_device
from tracker.cameras.v4l2_device import V4l2Device
from tracker.cameras.v4l2_stream import UnreadFormatError
from tracker.cameras.video_device import VideoDevice
from tracker.cameras.video_file import VideoFile
from tracker.cameras.video_stream import VideoStream
from tracker.config import OpenCVCamera

logger = logging.getLogger(__name__)


def open_opencv(settings: OpenCVCamera, clock: Callable[[], int] = time.monotonic_ns) -> Camera:
    """Open what `device` names: an index or a path below /dev is a device, an address with `://` a stream, the rest a file.

    Raises:
        CameraError: absent, not permitted, busy, unreadable, or not as the settings ask.
    """
    if is_file(settings):
        return VideoFile(settings, clock)
    if is_device(settings.device):
        return _open_device(settings, clock)
    return VideoStream(settings, clock)


def is_file(settings: OpenCVCamera) -> bool:
    """Whether `device` names a file: neither a device nor the address of a stream."""
    return not is_device(settings.device) and "://" not in str(settings.device)


def _open_device(settings: OpenCVCamera, clock: Callable[[], int]) -> Camera:
    try:
        return V4l2Device(settings, clock)
    except UnreadFormatError as problem:
        logger.warning("read through OpenCV, which hides lost and damaged frames: %s", problem)
        return VideoDevice(settings, clock)
