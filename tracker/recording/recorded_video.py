"""The videos of a recorded session, read once from the first frame to the last, with what its table says of every frame."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import av
import numpy as np

from tracker.errors import CameraError, RecordingError
from tracker.frame import Frame, Image
from tracker.recording.copied_video import packets
from tracker.recording.frame_converter import Decoded
from tracker.recording.frame_facts import FrameFacts, facts_of_rows
from tracker.recording.read_session import RecordedSession, as_recorded
from tracker.recording.recorded_source import folder_of
from tracker.recording.session import FRAMES_FILE, SourceVideo, VideoFormat, video_name
from tracker.recording.tables import FRAMES, read_table
from tracker.recording.video_container import open_container


class RecordedVideo:
    """A session's videos, or one of them. Takes the place of an `OriginalVideo`.

    Attributes:
        path: of the video or folder that was given.
        session: that holds it.
        facts: of every frame.
        decoder: the same for all.
        rate_hz: of the time stamps, which are not the frames' times.
        expected: frames.
        shape: of every image as it was tracked: (height, width), or (height, width, 3) RGB.
    """

    decoder: Literal["pyav"] = "pyav"

    def __init__(self, source: SourceVideo, *, beside: Path, threads: int = 1) -> None:
        """Read everything but the images; the videos' frames are counted.

        Args:
            source: which session, and which of its videos.
            beside: folder of the analysis.
            threads: of the decoder.

        Raises:
            RecordingError: it is not there any more or damaged, or a video has another number of frames than the table.
        """
        self.path = Path(source.path)
        self.session = RecordedSession(folder_of(source, beside=beside))
        self._threads = threads
        form = self._form = self.session.description.video
        self.rate_hz = form.rate_hz
        self.shape: tuple[int, ...] = (form.height, form.width, 3) if form.colour else (form.height, form.width)
        rows = read_table(self.session.folder / FRAMES_FILE, FRAMES)  # the session would keep its poses in memory
        segment = facts_of_rows(rows).segment
        if np.any(np.diff(segment) < 0):
            raise RecordingError(
                f"{self.session.folder}: frames.arrows is damaged: its videos are not in order; take the folder from its copy"
            )
        wanted = np.flatnonzero(np.isin(segment, source.segments))
        begin, count = (int(wanted[0]), len(wanted)) if len(wanted) else (0, 0)
        self.facts: FrameFacts = facts_of_rows(rows.slice(begin, count))
        self.expected = count
        self._stamps = {number: _time_stamps(self._of(number)) for number in source.segments}
        for number, stamps in self._stamps.items():
            named = int((segment == number).sum())
            if len(stamps) != named:
                raise RecordingError(
                    f"{self._of(number)}: has {len(stamps)} frames, but {named} rows of frames.arrows name it: one of them is damaged; "
                    "take the session's folder from its copy"
                )

    def frames(self) -> Iterator[Decoded]:
        """Every frame in order, at the time that rules go by.

        Raises:
            CameraError: a frame cannot be decoded.
        """
        times = iter(self.facts.time_ns.tolist())
        for number, stamps in self._stamps.items():
            for picture, _ in zip(self._pictures(number, stamps), stamps, strict=True):
                yield Decoded(next(times), picture)

    def converter(self) -> "RecordedConverter":
        """What makes images; may be used by several threads."""
        return RecordedConverter(self.path, self._form)

    def fault(self) -> None:
        """Nothing: a damaged session is refused."""
        return

    def _of(self, segment: int) -> Path:
        return self.session.folder / video_name(segment)

    def _pictures(self, segment: int, stamps: list[int]) -> Iterator[av.VideoFrame]:
        path = self._of(segment)
        place = 0
        try:
            with open_container(path) as container:
                stream = container.streams.video[0]
                stream.thread_type, stream.codec_context.thread_count = "AUTO", self._threads
                for picture in container.decode(stream):
                    if place == len(stamps) or picture.pts != stamps[place]:
                        break
                    place += 1
                    yield picture
        except (av.FFmpegError, OSError) as problem:
            raise CameraError(f"{path}: frame {place} cannot be decoded ({problem}); take the session's folder from its copy") from problem
        if place < len(stamps):
            raise CameraError(f"{path}: frame {place} cannot be decoded: the video is damaged; take the session's folder from its copy")


class RecordedConverter:
    """Makes images as they were tracked. Takes the place of a `Converter`."""

    def __init__(self, path: Path, form: VideoFormat) -> None:
        self._path, self._form = path, form

    def image(self, decoded: Decoded) -> Image:
        """A new array, uint8, (height, width) or (height, width, 3) RGB, without the padding of the video.

        Raises:
            CameraError: the picture is smaller than the session's.
        """
        picture, form = decoded.picture, self._form
        image = picture.image if isinstance(picture, Frame) else as_recorded(picture, form)
        if image.shape[:2] != (form.height, form.width):
            raise CameraError(
                f"{self._path}: holds a picture of {image.shape[1]}x{image.shape[0]}, the session is of {form.width}x{form.height}"
            )
        return image

    def levels(self, decoded: Decoded) -> Image | None:
        """As `image` of a grey session, where that takes no conversion; None of one in colour."""
        return None if self._form.colour else self.image(decoded)


def _time_stamps(path: Path) -> list[int]:
    """Of all frames in showing order, from the packets alone.

    Raises:
        RecordingError: the video cannot be read.
    """
    try:
        with open_container(path) as container:
            return sorted(packet.pts for packet in packets(container) if packet.pts is not None)
    except (av.FFmpegError, OSError, IndexError) as problem:
        raise RecordingError(f"{path}: the video cannot be read ({problem}); take the session's folder from its copy") from problem
