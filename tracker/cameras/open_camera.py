"""Choose a camera by its configuration; a backend's libraries are loaded only where it is used."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from tracker.cameras.camera import Camera
from tracker.cameras.device_node import is_device
from tracker.config_cameras import AravisCamera, BaslerCamera, CameraSource, ImageFolder, OpenCVCamera, SyntheticCamera
from tracker.errors import CameraError

logger = logging.getLogger(__name__)


def camera_factory(source: CameraSource, *, clock: Callable[[], int] = time.monotonic_ns) -> Callable[[], Camera]:
    """Give what opens the configured camera, as often as it has to be opened again.

    The factory raises CameraError where the camera cannot be opened, and ConfigError where it never could.
    """
    if isinstance(source, SyntheticCamera):
        return _synthetic(source, clock)
    if isinstance(source, OpenCVCamera):
        return lambda: open_opencv(source, clock)
    if isinstance(source, BaslerCamera):
        from tracker.cameras.basler import Basler

        return lambda: Basler(source, clock)
    if isinstance(source, AravisCamera):
        from tracker.cameras.aravis import AravisDevice

        return lambda: AravisDevice(source, clock)
    return _image_folder(source, clock)


def check_source(source: CameraSource) -> None:
    """Refuse a file or folder that is not there or cannot be read, and what no camera can do. A device or a network address may come later.

    Raises:
        CameraError: in one sentence, why the file or folder cannot be used.
    """
    if isinstance(source, OpenCVCamera):
        if is_file(source):
            open_opencv(source).close()
    elif isinstance(source, ImageFolder):
        from tracker.cameras.image_folder import numbered_images, read_image

        read_image(numbered_images(Path(source.folder))[0])
    elif isinstance(source, SyntheticCamera) and source.exposure_ms * source.rate_hz > 1000:
        raise CameraError(
            f"camera.exposure_ms is {source.exposure_ms:g}; expected at most the interval of {1000 / source.rate_hz:g} ms between frames"
        )


def open_opencv(settings: OpenCVCamera, clock: Callable[[], int] = time.monotonic_ns) -> Camera:
    """Open what `device` names: an index or a path below /dev is a device, an address with `://` a network camera, the rest a file.

    Raises:
        CameraError: absent, not permitted, busy, unreadable, or not as the settings ask.
    """
    from tracker.cameras.v4l2_controls import asked_controls
    from tracker.cameras.video_file import VideoFile
    from tracker.cameras.video_stream import VideoStream

    if is_device(settings.device):
        return _open_device(settings, clock)
    controls = asked_controls(settings)
    if controls:
        key, value = next(iter(controls.items()))
        raise CameraError(
            f"camera.{key} is {value:g}, but camera.device is a file or an address, which has no controls; remove that setting"
        )
    if is_file(settings):
        return VideoFile(settings, clock)
    return VideoStream(settings, clock)


def has_own_rate(source: CameraSource) -> bool:
    """Whether frames come at a pace of their own; a file that is read as fast as it can be has none."""
    if isinstance(source, ImageFolder):
        return source.rate_hz is not None
    return not (isinstance(source, OpenCVCamera) and is_file(source) and source.file_speed == "flat_out")


def is_file(settings: OpenCVCamera) -> bool:
    """Whether `device` names a file: neither a device nor the address of a network camera."""
    return not is_device(settings.device) and "://" not in str(settings.device)


def _open_device(settings: OpenCVCamera, clock: Callable[[], int]) -> Camera:
    from tracker.cameras.v4l2_device import V4l2Device
    from tracker.cameras.v4l2_stream import UnreadFormatError
    from tracker.cameras.video_device import VideoDevice

    try:
        return V4l2Device(settings, clock)
    except UnreadFormatError as problem:
        logger.warning("read through OpenCV, which hides lost and damaged frames: %s", problem)
        return VideoDevice(settings, clock)


def _synthetic(settings: SyntheticCamera, clock: Callable[[], int]) -> Callable[[], Camera]:
    """The device lives from the first opening on, so that its faults keep their time when it is opened again."""
    from tracker.cameras.synthetic import SyntheticDevice, SyntheticRig

    devices: list[SyntheticDevice] = []

    def open_synthetic() -> Camera:
        if not devices:
            devices.append(SyntheticDevice(settings, clock))
        return SyntheticRig(settings, clock, device=devices[0])

    return open_synthetic


def _image_folder(settings: ImageFolder, clock: Callable[[], int]) -> Callable[[], Camera]:
    from tracker.cameras.image_folder import FolderCamera

    return lambda: FolderCamera(settings, clock)
