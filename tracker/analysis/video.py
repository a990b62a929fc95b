"""What an analysis takes its frames from: any video file, or what rigtrack recorded itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tracker.analysis.job import Job
from tracker.frame import Image
from tracker.recording.frame_converter import Decoded
from tracker.recording.original_video import OriginalVideo
from tracker.recording.recorded_video import RecordedVideo


class ImageConverter(Protocol):
    """Makes images of decoded frames."""

    def image(self, decoded: Decoded) -> Image:
        """A new array, uint8, of the video's shape."""
        ...

    def levels(self, decoded: Decoded) -> Image | None:
        """Its levels alone, where they are quickly found."""
        ...


class VideoFrames(Protocol):
    """A video that is read once from its first frame to its last."""

    @property
    def path(self) -> Path:
        """As it was given."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Of every image."""
        ...

    @property
    def expected(self) -> int | None:
        """Frames, about; None where nobody knows."""
        ...

    def frames(self) -> Iterator[Decoded]:
        """Every frame in showing order."""
        ...

    def converter(self) -> ImageConverter:
        """What makes images; one for each thread."""
        ...

    def fault(self) -> str | None:
        """After the last frame: what is wrong, in one sentence; None for nothing."""
        ...


def open_video(job: Job, *, threads: int) -> OriginalVideo | RecordedVideo:
    """Open what a job is about.

    Args:
        job: with its source identified.
        threads: of the decoder.

    Raises:
        CameraError, RecordingError: it cannot be read.
    """
    if job.source.session:
        return RecordedVideo(job.source, beside=job.folder, threads=threads)
    return OriginalVideo(job.video, threads=threads)
