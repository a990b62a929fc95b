"""Choose a camera by its configuration; a backend's libraries are loaded only where it is used."""

import time
from collections.abc import Callable
from pathlib import Path

from tracker.cameras.camera import Camera
from tracker.config import BaslerCamera, CameraSource, ImageFolder, OpenCVCamera, SyntheticCamera


def camera_factory(source: CameraSource, *, clock: Callable[[], int] = time.monotonic_ns) -> Callable[[], Camera]:
    """Give what opens the configured camera, as often as it has to be opened again.

    The factory raises CameraError where the camera cannot be opened, and ConfigError where it never could.
    """
    if isinstance(source, SyntheticCamera):
        return _synthetic(source, clock)
    if isinstance(source, OpenCVCamera):
        from tracker.cameras.opencv import open_opencv

        return lambda: open_opencv(source, clock)
    if isinstance(source, BaslerCamera):
        from tracker.cameras.basler import Basler

        return lambda: Basler(source, clock)
    return _image_folder(source, clock)


def check_source(source: CameraSource) -> None:
    """Refuse a video file or image folder that is not there or cannot be read. A device or a stream may come later.

    Raises:
        CameraError: in one sentence, why the file or folder cannot be used.
    """
    if isinstance(source, OpenCVCamera):
        from tracker.cameras.opencv import is_file, open_opencv

        if is_file(source):
            open_opencv(source).close()
    elif isinstance(source, ImageFolder):
        from tracker.cameras.image_folder import numbered_images, read_image

        read_image(numbered_images(Path(source.folder))[0])


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
