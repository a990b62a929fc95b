"""The table of videos that behaviour is learnt from: poses, labels, frame rate and part of each."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.behaviour.blocks import in_blocks
from trainer.behaviour.division import DivisionAsked, SplitBy, divided
from trainer.behaviour.second_people import COLUMN, People, second_people
from trainer.behaviour.table_rows import (
    GROUPS,
    Part,
    classes_of,
    fps_of,
    groups_of,
    labels_of,
    marks_of,
    of_classes,
    part_of,
    table_rows,
    unjudged_classes,
)
from trainer.behaviour.tracks import Tracks, read_tracks
from trainer.errors import LabelError, TrainingError
from trainer.ethogram.bouts import YES, Ethogram, Marks, bouts_of_marks, ethogram
from trainer.ethogram.checks import Session
from trainer.ethogram.read_options import ReadOptions

_COLUMNS = ("video", "poses", "labels", "fps", "part", *GROUPS, COLUMN)
_RATE_AGREES = 1.2  # a factor either way


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseVideo:
    """One video's poses and labels, frame for frame.

    Attributes:
        name: unique among the videos.
        poses: float32 (frames, animals, K, 3), NaN where a point is not there.
        marks: int8 (frames, classes).
        fps: frames per second.
        labels: as they were read, without what was left out.
        part: what it is used for; None where it is not yet divided.
        times_s: float64 (frames,), where the frames' own times are known.
        video_frames: of the video, where some of them have no pose and are left out.
        to_network: bool (frames,), which of them go to the network; None: all of them.
        groups: of which `animal`, `session` and `trial` it is, as far as the table says.
        people: what others than the labels' author said, int8 (frames, classes) each, by name.
        unjudged: classes that the labels do not list.
    """

    name: str
    poses: NDArray[np.float32]
    marks: Marks
    fps: float
    labels: Ethogram
    part: Part | None
    times_s: NDArray[np.float64] | None = None
    video_frames: int | None = None
    to_network: NDArray[np.bool_] | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    people: People = field(default_factory=dict)
    unjudged: tuple[str, ...] = ()

    @property
    def session(self) -> Session:
        """For the checks before training."""
        return Session(
            name=self.name,
            labels=self.labels,
            frames=self.video_frames or len(self.poses),
            part=self.part,
            unjudged=self.unjudged,
        )

    def between(self, first: int, end: int, *, name: str) -> "PoseVideo":
        """Some of its frames, with the labels as they were read."""
        flags = self.to_network[first:end] if self.to_network is not None else None
        times_s = self.times_s[first:end] if self.times_s is not None else None
        people = {name: marks[first:end] for name, marks in self.people.items()}
        poses, marks = self.poses[first:end], self.marks[first:end]
        return replace(self, name=name, poses=poses, marks=marks, times_s=times_s, to_network=flags, people=people)

    @property
    def in_time(self) -> bool:
        """Its frames follow one another."""
        return True

    @property
    def taken(self) -> NDArray[np.float32]:
        """What a network takes of every frame: the poses."""
        return self.poses

    @property
    def times_ns(self) -> tuple[int, ...]:
        """When each frame was taken, by which rules go."""
        return frame_times_ns(len(self.poses), self.fps, self.times_s)

    @property
    def taken_sha256(self) -> str:
        """Tells the video again, whatever it is called and however it is labelled."""
        return hashlib.sha256(f"{self.poses.shape}".encode() + _bytes(self.poses)).hexdigest()

    @property
    def seconds(self) -> NDArray[np.float32]:
        """Time since the frame before, float32 (frames,); 0 for the first."""
        if self.times_s is not None:
            return np.diff(self.times_s, prepend=self.times_s[:1]).astype(np.float32)
        seconds = np.full(len(self.poses), 1 / self.fps, np.float32)
        seconds[:1] = 0
        return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseVideos:
    """All videos of a table.

    Attributes:
        class_names: of the columns of every video's marks.
        point_names: of the K points.
        exclusive: whether at most one class is on in every frame.
        videos: in the table's order.
        notes: what was mended or left out, and how the videos were divided.
        divided_by: what stayed together.
    """

    class_names: tuple[str, ...]
    point_names: tuple[str, ...]
    exclusive: bool
    videos: tuple[PoseVideo, ...]
    notes: tuple[str, ...]
    divided_by: SplitBy = "video"

    def of(self, part: Part) -> tuple[PoseVideo, ...]:
        """The videos of one part."""
        return tuple(video for video in self.videos if video.part == part)

    @property
    def sha256(self) -> str:
        """Over names, poses, labels and frame rates, in the table's order."""
        whole = hashlib.sha256()
        for part in (*self.class_names, "", *self.point_names, ""):
            whole.update(part.encode() + b"\0")
        for video in self.videos:
            whole.update(f"{video.name}\0{video.fps!r}\0{video.poses.shape}\0".encode())
            whole.update(_bytes(video.poses) + video.marks.tobytes())
        return whole.hexdigest()


def read_videos(
    table: Path, *, asked: ReadOptions, class_names: Sequence[str] = (), left_out: Sequence[str] = (), known: Sequence[str] = ()
) -> PoseVideos:
    """Read a table with the columns `poses` and `labels`, and, where wanted, `video`, `fps` and `part`; paths are relative to the table.

    Args:
        table: .csv.
        asked: what label files do not say; the table's own `fps` goes first.
        class_names: which classes to learn; by default all that are on anywhere.
        left_out: classes whose frames are taken as judged by nobody, as what lies before an experiment's start.
        known: the classes of a bundle, all of which are taken in its order, whether labelled or not.

    Raises:
        LabelError: in one sentence, with the row.
        TrainingError: videos with other points or numbers of animals, or a class that is not labelled.
    """
    rows = table_rows(table, source="poses", columns=_COLUMNS)
    read = [_read(table, line, row, asked) for line, row in rows]
    notes = [note for *_, said in read for note in said]
    names = classes_of([labels for _, _, labels, _ in read], class_names, left_out, known)
    videos = []
    for (line, row), (tracks, fps, labels, _) in zip(rows, read, strict=True):
        frames = len(tracks.poses) if tracks.numbers is None else int(tracks.numbers[-1]) + 1
        marks, said = marks_of(labels, names, left_out, frames=frames, name=row["video"])
        people, aside = second_people(table, row, replace(asked, fps=fps), names, left_out, frames=frames)
        if tracks.numbers is not None:
            marks = marks[tracks.numbers]
            people = {name: others[tracks.numbers] for name, others in people.items()}
        notes += [*said, *aside]
        videos.append(
            PoseVideo(
                name=row["video"],
                poses=tracks.poses,
                marks=marks,
                fps=fps,
                labels=of_classes(labels, names),
                part=part_of(table, line, row),
                times_s=tracks.times_s,
                video_frames=frames,
                groups=groups_of(row),
                people=people,
                unjudged=unjudged_classes(labels, names),
            )
        )
    tracks = read[0][0]
    for other, *_ in read[1:]:
        if other.point_names != tracks.point_names or other.poses.shape[1] != tracks.poses.shape[1]:
            raise TrainingError(
                f"{other.path}: has {other.poses.shape[1]} animals with the points {', '.join(other.point_names)}; {tracks.path} has "
                f"{tracks.poses.shape[1]} with {', '.join(tracks.point_names)}: expected the same in all videos"
            )
    exclusive = all(int((video.marks == YES).sum(axis=1).max(initial=0)) <= 1 for video in videos)
    return PoseVideos(class_names=names, point_names=tracks.point_names, exclusive=exclusive, videos=tuple(videos), notes=tuple(notes))


def frame_times_ns(frames: int, fps: float, times_s: NDArray[np.float64] | None) -> tuple[int, ...]:
    """When frames were taken: at their own times, or evenly by the rate. As at the rig, without sums that would drift."""
    return tuple(round(at_s * 1e9) for at_s in (times_s.tolist() if times_s is not None else (number / fps for number in range(frames))))


def _bytes(poses: NDArray[np.float32]) -> bytes:
    return np.where(np.isnan(poses), np.float32(np.nan), poses).astype("<f4").tobytes()  # every NaN with the same bits


def _recorded_fps(table: Path, line: int, own: float | None, times_s: NDArray[np.float64]) -> float | None:
    """The rate of a session's own times, which a rate that was given must agree with."""
    if len(times_s) < 2:
        return own
    recorded = 1 / float(np.median(np.diff(times_s)))
    if own is not None and not 1 / _RATE_AGREES < own / recorded < _RATE_AGREES:
        raise LabelError(f"{table}:{line}: fps is {own:g}, the session was recorded at {recorded:.1f}; leave fps out, its times are known")
    return own or round(recorded, 3)


def _read(table: Path, line: int, row: dict[str, str], asked: ReadOptions) -> tuple[Tracks, float, Ethogram, list[str]]:
    own = fps_of(table, line, row.get("fps", ""))
    tracks = read_tracks(table.parent / row["poses"])
    if tracks.times_s is not None:
        own = _recorded_fps(table, line, own, tracks.times_s)
    labels, fps, mended = labels_of(table, line, row, replace(asked, fps=own or asked.fps))
    return tracks, fps, labels, mended


def divide(videos: PoseVideos, asked: DivisionAsked) -> PoseVideos:
    """Give every video its part, see `divided`; by blocks, each is cut into five first.

    Raises:
        TrainingError: a name that is none, or too few videos.
    """
    if asked.by == "block":
        videos = replace(videos, videos=tuple(block for video in videos.videos for block in blocks_of(video)))
    found = divided(
        [video.name for video in videos.videos],
        [video.part for video in videos.videos],
        groups=[video.groups for video in videos.videos],
        counts=np.stack([(video.marks == YES).sum(axis=0) for video in videos.videos]),
        class_names=videos.class_names,
        asked=asked,
    )
    parted = tuple(replace(video, part=part) for video, part in zip(videos.videos, found.parts, strict=True))
    return replace(videos, videos=parted, notes=(*videos.notes, *found.notes), divided_by=found.by)


def blocks_of(video: PoseVideo) -> tuple[PoseVideo, ...]:
    """Five blocks of frames, see `in_blocks`; each belongs to a part of its own."""

    def block(first: int, end: int, name: str, marks: Marks) -> PoseVideo:
        names = video.labels.class_names
        labels = ethogram(names, bouts_of_marks(marks, names), where=name, frames=end - first, fps=video.fps)
        return replace(video.between(first, end, name=name), marks=marks, labels=labels, part=None, video_frames=None)

    return in_blocks(video, block)
