"""The table of videos that behaviour is learnt from: poses, labels, frame rate and part of each."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainer.behaviour.tracks import Tracks, read_tracks
from trainer.errors import LabelError, TrainingError
from trainer.ethogram.bouts import NO, UNCURATABLE, YES, Ethogram, Marks
from trainer.ethogram.checks import Session
from trainer.ethogram.files import read_ethograms
from trainer.ethogram.read_options import ReadOptions, cells_in, text_of

Part = Literal["train", "validation", "test"]
_COLUMNS = ("video", "poses", "labels", "fps", "part")
_RATE_AGREES = 1.2  # a factor either way
_PARTS: tuple[Part, ...] = ("train", "validation", "test")


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
    """

    name: str
    poses: NDArray[np.float32]
    marks: Marks
    fps: float
    labels: Ethogram
    part: Part | None
    times_s: NDArray[np.float64] | None = None
    video_frames: int | None = None

    @property
    def session(self) -> Session:
        """For the checks before training."""
        return Session(
            name=self.name,
            labels=self.labels,
            frames=self.video_frames or len(self.poses),
            held_out=None if self.part is None else self.part == "test",
        )

    @property
    def poses_sha256(self) -> str:
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
        notes: what was mended or left out.
    """

    class_names: tuple[str, ...]
    point_names: tuple[str, ...]
    exclusive: bool
    videos: tuple[PoseVideo, ...]
    notes: tuple[str, ...]

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
    rows = _rows(table)
    read = [_read(table, line, row, asked) for line, row in rows]
    notes = [note for *_, said in read for note in said]
    names = _classes([labels for _, _, labels, _ in read], class_names, left_out, known)
    videos = []
    for (line, row), (tracks, fps, labels, _) in zip(rows, read, strict=True):
        frames = len(tracks.poses) if tracks.numbers is None else int(tracks.numbers[-1]) + 1
        marks, said = _marks(labels, names, left_out, frames=frames, name=row["video"])
        if tracks.numbers is not None:
            marks = marks[tracks.numbers]
        notes += said
        kept = replace(labels, class_names=names, bouts=tuple(bout for bout in labels.bouts if bout.name in names))
        videos.append(
            PoseVideo(
                name=row["video"],
                poses=tracks.poses,
                marks=marks,
                fps=fps,
                labels=kept,
                part=_part(table, line, row),
                times_s=tracks.times_s,
                video_frames=frames,
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


def divide(videos: PoseVideos, *, test: Sequence[str], validation: Sequence[str], nothing_held_out: bool) -> PoseVideos:
    """Give every video its part: as the table says, as asked by name, or by default the last fifth tests, the one before validates.

    Raises:
        TrainingError: a name that is none, or too few videos.
    """
    names = [video.name for video in videos.videos]
    for name in (*test, *validation):
        if name not in names:
            raise TrainingError(f"there is not a video '{name}'; the table has {', '.join(names)}")
    both = [name for name in test if name in validation]
    if both:
        raise TrainingError(f"the video '{both[0]}' cannot both be held out and validate; name it once")
    if not test and not validation and any(video.part for video in videos.videos):
        parts: list[Part] = [video.part or "train" for video in videos.videos]
    else:
        fifth = max(1, len(names) // 5)
        last = () if nothing_held_out else tuple(test) or tuple(name for name in names if name not in validation)[-fifth:]
        before = tuple(validation) or tuple(name for name in names if name not in last)[-fifth:]
        parts = ["test" if name in last else "validation" if name in before else "train" for name in names]
    needed = ("train", "validation") if nothing_held_out else _PARTS
    for part in needed:
        if part not in parts:
            raise TrainingError(
                f"{len(names)} videos leave none for {part}; give at least {len(needed)}: to learn from, to choose temperature and "
                f"thresholds by{'' if nothing_held_out else ', and to be judged by (or --no-held-out)'}"
            )
    return replace(videos, videos=tuple(replace(video, part=part) for video, part in zip(videos.videos, parts, strict=True)))


def _bytes(poses: NDArray[np.float32]) -> bytes:
    return np.where(np.isnan(poses), np.float32(np.nan), poses).astype("<f4").tobytes()  # every NaN with the same bits


def _rows(table: Path) -> list[tuple[int, dict[str, str]]]:
    lines = [row for row in cells_in(table, text_of(table)) if any(cell.strip() for cell in row)]
    header = [cell.strip().lower() for cell in lines[0]]
    strange = [name for name in header if name not in _COLUMNS]
    if strange or not {"poses", "labels"} <= set(header):
        raise LabelError(
            f"{table}: has the columns {', '.join(header)}; expected poses and labels, and where wanted "
            "video, fps and part: a row for each video"
        )
    rows = []
    for line, cells in enumerate(lines[1:], 2):
        if len(cells) != len(header):
            raise LabelError(f"{table}:{line}: has {len(cells)} cells; expected {len(header)} as in the header")
        row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        row["video"] = row.get("video") or Path(row["labels"]).stem
        rows.append((line, row))
    names = [row["video"] for _, row in rows]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None or not rows:
        raise LabelError(f"{table}: {f'two videos are called {twice!r}; name them in a column video' if twice else 'holds no video'}")
    return rows


def _read(table: Path, line: int, row: dict[str, str], asked: ReadOptions) -> tuple[Tracks, float, Ethogram, list[str]]:
    for what in ("poses", "labels"):
        if not row[what]:
            raise LabelError(f"{table}:{line}: names no {what}; give a path, relative to the table")
    own = _fps(table, line, row.get("fps", ""))
    tracks = read_tracks(table.parent / row["poses"])
    if tracks.times_s is not None:
        own = _recorded_fps(table, line, own, tracks.times_s)
    reading = read_ethograms(table.parent / row["labels"], replace(asked, fps=own or asked.fps))
    if len(reading.ethograms) > 1:
        parts = "; ".join(one.title for one in reading.ethograms)
        raise LabelError(f"{reading.path}: holds {len(reading.ethograms)} sets of labels ({parts}); choose one with --channel, or split it")
    labels = reading.ethograms[0]
    if labels.fps is None:
        raise LabelError(f"{table}:{line}: the frame rate of {row['video']} is not known; give it in a column fps, or with --fps")
    return tracks, labels.fps, labels, list(reading.mended)


def _fps(table: Path, line: int, cell: str) -> float | None:
    if not cell:
        return None
    try:
        fps = float(cell)
    except ValueError:
        fps = 0.0
    if not 0 < fps < 1e6:
        raise LabelError(f"{table}:{line}: fps is '{cell}'; expected frames per second, more than 0")
    return fps


def _recorded_fps(table: Path, line: int, own: float | None, times_s: NDArray[np.float64]) -> float | None:
    """The rate of a session's own times, which a rate that was given must agree with."""
    if len(times_s) < 2:
        return own
    recorded = 1 / float(np.median(np.diff(times_s)))
    if own is not None and not 1 / _RATE_AGREES < own / recorded < _RATE_AGREES:
        raise LabelError(f"{table}:{line}: fps is {own:g}, the session was recorded at {recorded:.1f}; leave fps out, its times are known")
    return own or round(recorded, 3)


def _part(table: Path, line: int, row: dict[str, str]) -> Part | None:
    cell = row.get("part", "").lower()
    if not cell:
        return None
    for part in _PARTS:
        if cell == part:
            return part
    raise LabelError(f"{table}:{line}: part is '{cell}'; expected train, validation or test")


def _classes(labels: Sequence[Ethogram], asked: Sequence[str], left_out: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    listed = list(dict.fromkeys(name for one in labels for name in one.class_names))
    strange = next((name for name in (*asked, *left_out) if name not in listed), None)
    if strange is not None:
        raise TrainingError(f"no video labels '{strange}'; the labels have {', '.join(listed)}")
    if known:
        return tuple(known)
    on = [name for name in listed if any(len(one.of_class(name)) for one in labels) and name not in left_out]
    names = tuple(asked) or tuple(on)
    if not names:
        raise TrainingError("no class is on in any frame; label some, or leave fewer out")
    return names


def _marks(labels: Ethogram, names: Sequence[str], left_out: Sequence[str], *, frames: int, name: str) -> tuple[Marks, list[str]]:
    """Marks of as many frames as there are poses, and what that took."""
    whole = labels.marks()
    marks = np.full((frames, len(names)), NO, np.int8)
    length = min(frames, len(whole))
    for place, each in enumerate(names):
        if each in labels.class_names:
            marks[:length, place] = whole[:length, labels.class_names.index(each)]
    for each in left_out:
        if each in labels.class_names:
            marks[:length][whole[:length, labels.class_names.index(each)] == YES] = UNCURATABLE
    marks[length:] = UNCURATABLE
    said = []
    if len(whole) > frames:
        said.append(f"{name}: its labels run {len(whole) - frames} frames past the {frames} of its poses, and are left out there")
    elif len(whole) < frames:
        said.append(f"{name}: its labels end {frames - len(whole)} frames before its poses; nothing is learnt from those")
    return marks, said
