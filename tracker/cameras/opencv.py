"""What `camera.source: opencv` opens: a device, a video file or a stream, told apart by `camera.device`."""

import stat
import time
from collections.abc import Callable
from pathlib import Path

from tracker.cameras.camera import Camera
from tracker.cameras.video_device import VideoDevice
from tracker.cameras.video_file import VideoFile
from tracker.cameras.video_stream import VideoStream
from tracker.config import OpenCVCamera


def open_opencv(settings: OpenCVCamera, clock: Callable[[], int] = time.monotonic_ns) -> Camera:
    """Open what `device` names: an index or a path below /dev is a device, an address with `://` a stream, the rest a file.

    Raises:
        CameraError: absent, not permitted, busy, unreadable, or not as the settings ask.
    """
    device = settings.device
    if isinstance(device, str) and "://" in device:
        return VideoStream(settings, clock)
    if isinstance(device, int) or _is_device(Path(device)):
        return VideoDevice(settings, clock)
    return VideoFile(settings, clock)


def _is_device(path: Path) -> bool:
    """A node of /dev that is missing is a camera that is unplugged, not a file."""
    try:
        return stat.S_ISCHR(path.stat().st_mode)
    except OSError:
        return path.is_relative_to("/dev")
