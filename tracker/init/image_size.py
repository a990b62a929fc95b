"""How large the images will be that a first configuration is for, so that what it shows as an example lies inside them."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tracker.cameras.found_camera import FoundCamera
from tracker.cameras.image_folder import numbered_images, read_image
from tracker.cameras.video_file import VideoFile
from tracker.config_cameras import OpenCVCamera
from tracker.errors import CameraError, ConfigError
from tracker.frame import Image

USUAL_SIZE = (640, 480)  # of the synthetic camera, and what a V4L2 device is asked for where the configuration says nothing


def image_size(device: str | None, cameras: Sequence[FoundCamera]) -> tuple[int, int]:
    """Width and height in px; the usual ones where nothing can be read.

    Args:
        device: what the user named: a video file, a folder of images, a device or an address; None takes the first camera.
        cameras: those attached.

    Raises:
        ConfigError: a video or a folder of which no image can be read.
    """
    if device is None:
        return (cameras[0].size if cameras else None) or USUAL_SIZE
    try:
        image = _first_image(Path(device))
    except CameraError as problem:
        raise ConfigError(f"--device {device}: {str(problem).removeprefix(f'{device}: ')}") from None
    return (image.shape[1], image.shape[0]) if image is not None else USUAL_SIZE


def _first_image(path: Path) -> Image | None:
    if path.is_dir():
        return read_image(numbered_images(path)[0])
    if not path.is_file():
        return None
    with closing(VideoFile(OpenCVCamera(device=str(path), file_speed="flat_out"))) as video:
        frame = video.read(0)
    return None if frame is None else frame.image
