"""Read a recorded session: its description, every frame with its row, every event, and the messages that its daemon published."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import av
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from av.video.reformatter import ColorRange

from tracker.errors import CameraError, RecordingError
from tracker.frame import Image
from tracker.recording.original_video import OriginalVideo, identify
from tracker.recording.recorded_source import folder_of
from tracker.recording.session import (
    EVENTS_FILE,
    FRAMES_FILE,
    SETUPS_FILE,
    Closed,
    Description,
    SourceVideo,
    VideoFormat,
    read_closed,
    read_description,
    video_name,
)
from tracker.recording.tables import EVENTS, FRAMES, read_batches, read_table
from tracker.recording.video_container import open_container


class RecordedSession:
    """A session's folder, read.

    Attributes:
        folder: where it is.
        description: session.json.
        closed: closed.json; None for a session that was cut off or is still being recorded: rows may then be missing.
        frame_count: rows in frames.arrows.
        events: events.arrows.
    """

    def __init__(self, folder: Path) -> None:
        """Read everything but the video; the rows are counted, and read when they are asked for.

        Raises:
            RecordingError: the folder is not a session, or a file of it is damaged.
        """
        self.folder = folder
        self.description: Description = read_description(folder)
        self.closed: Closed | None = read_closed(folder)
        self.events: pa.Table = read_table(folder / EVENTS_FILE, EVENTS)
        self.frame_count = sum(batch.num_rows for batch in read_batches(folder / FRAMES_FILE, FRAMES))
        if self.closed is not None and self.frame_count != self.closed.frames:
            raise RecordingError(
                f"{folder / FRAMES_FILE}: holds {self.frame_count} whole rows, closed.json says {self.closed.frames}: it is damaged; "
                "take the folder from its copy"
            )

    @cached_property
    def rows(self) -> pa.Table:
        """frames.arrows, a row a frame in the video's order.

        Raises:
            RecordingError: the file is missing or damaged.
        """
        return read_table(self.folder / FRAMES_FILE, FRAMES)

    def row_batches(self, size: int) -> Iterator[pa.Table]:
        """The same rows, `size` and a few more at a time: what is held does not grow with the session.

        Raises:
            RecordingError: the file is missing or damaged.
        """
        held: list[pa.RecordBatch] = []
        count = 0
        for batch in read_batches(self.folder / FRAMES_FILE, FRAMES):
            held.append(batch)
            count += batch.num_rows
            if count >= size:
                yield pa.Table.from_batches(held, FRAMES).combine_chunks()
                held, count = [], 0
        if held:
            yield pa.Table.from_batches(held, FRAMES).combine_chunks()

    def video_paths(self) -> dict[int, Path]:
        """The video file of every segment that holds frames, by the segment's number, whether it is there or not.

        Of an analysed video it is the original, where it was or beside the session; of an analysed recording, its files.

        Raises:
            RecordingError: the original is not there any more, or another file has its name.
        """
        source = self.description.source
        if source is not None and source.session:
            folder = folder_of(source, beside=self.folder)
            return {number: folder / video_name(number) for number in source.segments}
        if source is not None:
            return {1: _found(source, beside=self.folder)}
        if self.closed is None:
            segments = sorted(set(self.rows["segment"].to_pylist()))
        else:
            segments = [number for number, frames in enumerate(self.closed.segments, start=1) if frames]
        return {segment: self.folder / video_name(segment) for segment in segments}

    def setups(self) -> list[bytes]:
        """The JSON of every setup message, in the order of their numbers."""
        path = self.folder / SETUPS_FILE
        return [line for line in path.read_bytes().split(b"\n") if line] if path.exists() else []

    def frames(self) -> Iterator[Image]:
        """Every image in order, uint8 (h, w) or (h, w, 3) RGB: as the camera delivered it, but for the loss of the codec.

        Raises:
            RecordingError: a video file is missing or damaged.
        """
        source = self.description.source
        if source is not None and not source.session:
            yield from self._original(source)
            return
        for path in self.video_paths().values():
            yield from self._segment(path)

    def _original(self, source: SourceVideo) -> Iterator[Image]:
        [path] = self.video_paths().values()
        try:
            yield from OriginalVideo(path, decoder=source.decoder).images()
        except CameraError as problem:
            raise RecordingError(str(problem)) from problem

    def _segment(self, path: Path) -> Iterator[Image]:
        form = self.description.video
        try:
            with open_container(path) as container:
                for frame in container.decode(video=0):
                    yield as_recorded(frame, form)
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
