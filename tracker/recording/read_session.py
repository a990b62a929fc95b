"""Read a recorded session: its description, every frame with its row, every event, and the messages that its daemon published."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from tracker.errors import CameraError, RecordingError
from tracker.frame import Image
from tracker.recording.original_video import OriginalVideo, identify
from tracker.recording.session import (
    EVENTS_FILE,
    FRAMES_FILE,
    SETUPS_FILE,
    Closed,
    Description,
    SourceVideo,
    read_closed,
    read_description,
    video_name,
)
from tracker.recording.tables import EVENTS, FRAMES, read_table


class RecordedSession:
    """A session's folder, read.

    Attributes:
        folder: where it is.
        description: session.json.
        closed: closed.json; None for a session that was cut off or is still being recorded: rows may then be missing.
        rows: frames.arrows, a row a frame in the video's order.
        events: events.arrows.
    """

    def __init__(self, folder: Path) -> None:
        """Read everything but the video.

        Raises:
            RecordingError: the folder is not a session, or a file of it is damaged.
        """
        self.folder = folder
        self.description: Description = read_description(folder)
        self.closed: Closed | None = read_closed(folder)
        self.rows: pa.Table = read_table(folder / FRAMES_FILE, FRAMES)
        self.events: pa.Table = read_table(folder / EVENTS_FILE, EVENTS)
        if self.closed is not None and self.rows.num_rows != self.closed.frames:
            raise RecordingError(
                f"{folder / FRAMES_FILE}: holds {self.rows.num_rows} whole rows, closed.json says {self.closed.frames}: it is damaged; "
                "take the folder from its copy"
            )

    def setups(self) -> list[bytes]:
        """The JSON of every setup message, in the order of their numbers."""
        path = self.folder / SETUPS_FILE
        return [line for line in path.read_bytes().split(b"\n") if line] if path.exists() else []

    def video_paths(self) -> list[Path]:
        """The video files in the order of their frames: of an analysed video the original, where it was or beside the session.

        Raises:
            RecordingError: the original is not there any more, or another file has its name.
        """
        if self.description.source is not None:
            return [_found(self.description.source, beside=self.folder)]
        return [self.folder / video_name(segment) for segment in sorted(set(self.rows["segment"].to_pylist()))]

    def frames(self) -> Iterator[Image]:
        """Every image in order, uint8 (h, w) or (h, w, 3) RGB: as the camera delivered it, but for the loss of the codec.

        Raises:
            RecordingError: a video file is missing or damaged.
        """
        if self.description.source is not None:
            yield from self._original(self.description.source)
            return
        for path in self.video_paths():
            yield from self._segment(path)

    def _original(self, source: SourceVideo) -> Iterator[Image]:
        try:
            yield from OriginalVideo(self.video_paths()[0], decoder=source.decoder).images()
        except CameraError as problem:
            raise RecordingError(str(problem)) from problem

    def _segment(self, path: Path) -> Iterator[Image]:
        form = self.description.video
        try:
            with av.open(str(path)) as container:
                for frame in container.decode(video=0):
                    image = frame.to_ndarray(format="rgb24") if form.colour else _luminance(frame)
                    yield np.ascontiguousarray(image[: form.height, : form.width], np.uint8)
        except (av.error.FFmpegError, IndexError) as problem:
            raise RecordingError(
                f"{path}: the video cannot be read ({problem}); if the session was cut off, run `tracker recover` on it"
            ) from problem


def _found(source: SourceVideo, *, beside: Path) -> Path:
    """The original, by its size and its content."""
    was = Path(source.path)
    places = (was, beside.parent / was.name, beside / was.name)
    there = [path for path in places if path.is_file()]
    for path in there:
        if path.stat().st_size == source.bytes and identify(path).fingerprint == source.fingerprint:
            return path
    if there:
        raise RecordingError(
            f"{there[0]}: is another video than the one that {beside} was made from; put that one back, or analyse this one"
        )
    raise RecordingError(f"{was}: the video that {beside} was made from is not there any more; put it back, or beside that folder")


def _luminance(frame: av.VideoFrame) -> Image:
    plane = frame.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(frame.height, plane.line_size)[:, : frame.width]
