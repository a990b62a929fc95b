"""The frames of a recorded session by their place in it, out of its video files; and what they are called in a project."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.errors import RecordingError
from tracker.frame import Image
from tracker.recording.read_session import RecordedSession
from tracker.recording.session import SESSION_FILE, is_claimed
from tracker.recording.tables import numbers_of
from trainer.errors import LabelError
from trainer.project.store import Project
from trainer.video_files.frames_by_number import IndexedVideo


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One video file of a session.

    Attributes:
        path: of the file.
        first: place of its first frame in the session.
        frames: of it.
        group: the folder for its frames in a project; None: named like the video, which lies elsewhere and has a name of its own.
    """

    path: Path
    first: int
    frames: int
    group: str | None

    def group_in(self, project: Project) -> str:
        """The folder of its frames there."""
        return self.group or Path(project.image_of(self.path.name, 0)).parent.name


class SessionVideos:
    """A session's frames by place, from 0.

    Attributes:
        session: it.
        seconds: float64 (n), when each frame came, from the first on.
    """

    def __init__(self, folder: Path) -> None:
        """Read everything but the videos.

        Raises:
            RecordingError: not a session, damaged, without frames, still being recorded, or cut off.
        """
        self.session = RecordedSession(folder)
        if self.session.closed is None:
            remedy = "stop that first" if is_claimed(folder) else f"it was cut off: run `tracker recover {folder}`"
            raise RecordingError(f"{folder}: is {'being recorded at the moment' if is_claimed(folder) else 'not whole'}; {remedy}")
        if not self.session.rows.num_rows:
            raise RecordingError(f"{folder}: holds no frames")
        received_ns = numbers_of(self.session.rows["received_ns"], np.int64)
        self.seconds: NDArray[np.float64] = (received_ns - received_ns[0]) / 1e9
        segment_of = numbers_of(self.session.rows["segment"], np.int32)
        inside = folder.resolve()
        source = self.session.description.source
        is_recorded = source is not None and bool(source.session)  # then its frames are called as in the recording
        self.segments = [
            Segment(
                path=path,
                first=int(np.argmax(segment_of == number)),
                frames=int((segment_of == number).sum()),
                group=f"{path.parent.resolve().name}-{path.stem}" if is_recorded or path.parent.resolve() == inside else None,
            )
            for number, path in self.session.video_paths().items()
        ]
        self._open: tuple[Path, IndexedVideo] | None = None

    def __len__(self) -> int:
        return len(self.seconds)

    @property
    def name(self) -> str:
        """Of the folder."""
        return self.session.folder.resolve().name

    def segment_of(self, place: int) -> Segment:
        """The video file that a frame is in."""
        return [segment for segment in self.segments if segment.first <= place][-1]

    def image(self, place: int) -> Image:
        """A frame: uint8 (h, w, 3) RGB, or (h, w) from a grey stream, as `trainer label` reads it from the video.

        Raises:
            LabelError: the video is missing, damaged, or another one than its rows speak of.
        """
        segment = self.segment_of(place)
        if self._open is None or self._open[0] != segment.path:
            self._open = segment.path, _opened(segment)
        return self._open[1].read(place - segment.first)

    def begins_a_video(self, place: int) -> bool:
        """Whether no frame comes before it in its video file."""
        return self.segment_of(place).first == place

    def by_segment(self, places: Sequence[int]) -> Iterator[tuple[Segment, list[int]]]:
        """Places, ascending, by the video file that they are in."""
        for segment, found in groupby(sorted(places), key=self.segment_of):
            yield segment, list(found)

    def places_in(self, project: Project) -> NDArray[np.int64]:
        """The frames that a project has already, int64 (k)."""
        first_of = {segment.group_in(project): segment.first for segment in self.segments}
        found = sorted(first_of[frame.group] + frame.frame for frame in project.frames if frame.group in first_of)
        return np.array(found, np.int64)


def _opened(segment: Segment) -> IndexedVideo:
    video = IndexedVideo(segment.path)
    if len(video) != segment.frames:
        raise LabelError(
            f"{segment.path}: has {len(video)} frames, but {segment.frames} rows of the session name it: it is another video, or damaged"
        )
    if video.is_turned():
        raise LabelError(f"{segment.path}: says that it is to be shown turned, and labels are of pictures as stored; convert it anew")
    return video


def is_session(path: Path) -> bool:
    """Whether a path is the folder of a recorded session."""
    return (path / SESSION_FILE).is_file()
