"""Read a recorded session: its description, every frame with its row, every event, and the messages that its daemon published."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from av.video.reformatter import ColorRange

from tracker.errors import RecordingError
from tracker.frame import Image
from tracker.recording.session import (
    EVENTS_FILE,
    FRAMES_FILE,
    SETUPS_FILE,
    Closed,
    Description,
    VideoFormat,
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
        """The video files in the order of their frames, one for each segment that rows name, whether it is there or not."""
        return [self.folder / video_name(segment) for segment in sorted(set(self.rows["segment"].to_pylist()))]

    def frames(self) -> Iterator[Image]:
        """Every image in order, uint8 (h, w) or (h, w, 3) RGB: as the camera delivered it, but for the loss of the codec.

        Raises:
            RecordingError: a video file is missing or damaged.
        """
        for path in self.video_paths():
            yield from self._segment(path)

    def _segment(self, path: Path) -> Iterator[Image]:
        form = self.description.video
        try:
            with av.open(str(path)) as container:
                for frame in container.decode(video=0):
                    yield as_recorded(frame, form)
        except (av.error.FFmpegError, IndexError) as problem:
            raise RecordingError(
                f"{path}: the video cannot be read ({problem}); if the session was cut off, run `tracker recover` on it"
            ) from problem


def as_recorded(frame: av.VideoFrame, form: VideoFormat) -> Image:
    """A decoded frame as it was tracked: uint8, (h, w) or (h, w, 3) RGB, upright, without the padding of the video."""
    if form.colour or frame.color_range != ColorRange.JPEG:  # in another range, grey levels are not those of the luminance plane
        image = frame.to_ndarray(format="rgb24")
        image = image if form.colour else image[:, :, 1]
    else:
        image = _luminance(frame)
    image = np.rot90(image, round(frame.rotation / 90))
    return np.ascontiguousarray(image[: form.height, : form.width], np.uint8)


def _luminance(frame: av.VideoFrame) -> Image:
    plane = frame.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(frame.height, plane.line_size)[:, : frame.width]
