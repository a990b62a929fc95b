"""Every frame of a video as a numbered image, which `camera.source: image_folder` reads back in the same order."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from tracker.cameras.video_file import VideoFile
from tracker.config_cameras import OpenCVCamera
from tracker.errors import RigtrackError
from tracker.frame import Frame, Image
from tracker.whole_files import remedy, write_synced

_READ_S = 60.0  # of one frame, on a slow disk


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRange:
    """Which frames, by their position in the video, counted from 0.

    Attributes:
        first: the first one.
        last: the last one, None for the video's.
        step: from one to the next.
    """

    first: int = 0
    last: int | None = None
    step: int = 1

    def __contains__(self, position: int) -> bool:
        return position >= self.first and (position - self.first) % self.step == 0 and (self.last is None or position <= self.last)


def write_frames(video: Path, out: Path, wanted: FrameRange, *, progress: Callable[[int], None] = lambda _: None) -> int:
    """Write frames as PNG files named by their position: frame-000012.png.

    Args:
        video: any that OpenCV reads.
        out: a folder that is not there yet, or is empty.
        wanted: which frames.
        progress: told the position of every frame that was read.

    Returns:
        How many were written.

    Raises:
        CameraError: the video cannot be read.
        RigtrackError: the range ends before it begins, there is no such video, the folder holds files or cannot be written, or the
            video has none of these frames.
    """
    if wanted.last is not None and wanted.last < wanted.first:
        raise RigtrackError(f"--last {wanted.last} is before --first {wanted.first}; give a --last of at least {wanted.first}")
    if not video.is_file():
        found = "is a folder" if video.is_dir() else "is no file" if video.exists() else "no such file"
        raise RigtrackError(f"{video}: {found}; give the path of a video")
    camera = VideoFile(OpenCVCamera(device=str(video), file_speed="flat_out"))
    try:
        _make_empty(out)
        written = 0
        for position, frame in _positions(camera, wanted.last):
            if position in wanted:
                _write(out / f"frame-{position:06d}.png", frame.image)
                written += 1
            progress(position)
    finally:
        camera.close()
    if not written:
        raise RigtrackError(f"{video}: ends before frame {wanted.first}, which was to be the first; give a smaller --first")
    return written


def _positions(camera: VideoFile, last: int | None) -> Iterator[tuple[int, Frame]]:
    for position in itertools.count():
        frame = camera.read(_READ_S) if last is None or position <= last else None
        if frame is None:
            return
        yield position, frame


def _make_empty(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise RigtrackError(f"{out}: holds files already; give an empty folder, so that no two videos' frames are mixed")
    except OSError as problem:
        raise RigtrackError(f"{out}: cannot be made: {problem.strerror}; {remedy(problem)}") from problem


def _write(path: Path, image: Image) -> None:
    _, png = cv2.imencode(".png", image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    try:
        write_synced(path, png.tobytes())
    except OSError as problem:
        path.unlink(missing_ok=True)
        raise RigtrackError(
            f"{path}: cannot be written: {problem.strerror}; {remedy(problem)}; the frames before it are there"
        ) from problem
