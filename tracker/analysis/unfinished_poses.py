"""What the network found in every frame so far, on the disk: what an interrupted analysis goes on from."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tracker.analysis.carried import CarriedNetworks, read_carried, remove_carried, write_carried
from tracker.motion import MotionValues
from tracker.pose import KeyPoints
from tracker.whole_files import write_whole

POSES_FILE, PROGRESS_FILE = "poses.bin", "progress.json"


class Kept(msgspec.Struct, frozen=True):
    """A frame whose picture is kept for the overview.

    Attributes:
        frame: its number, from 0.
        confidence: mean of its key points, 0..1.
    """

    frame: int
    confidence: float


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far it has come. Written after what it speaks of is on the disk.

    Attributes:
        frames: whose poses are in the file.
        record: bytes of each; 0 in files of releases that noted less of a frame.
        pictures: name of a picture to its frame.
        carried_sha256: of the file of what the networks carry behind the last of these frames; None where they carry nothing, and in
            files of releases that did not keep it.
    """

    frames: int = 0
    record: int = 0
    pictures: dict[str, Kept] = {}  # msgspec copies it
    carried_sha256: str | None = None


class PoseLog:
    """A record of one size for every frame. What was not synced before the process ended is cut off when it is opened again."""

    def __init__(self, folder: Path, *, animals: int, points: int, rectangles: tuple[str, ...] = (), scores: tuple[str, ...] = ()) -> None:
        """Open or begin it.

        Args:
            folder: of the unfinished session.
            animals: rows of every pose.
            points: key points of every animal.
            rectangles: whose brightness is noted.
            scores: that are noted, by name.

        Raises:
            OSError: the folder cannot be written.
        """
        self._folder, self._path = folder, folder / POSES_FILE
        self.record = np.dtype(
            [
                ("time_ns", "<i8"),
                ("motion", "<f8", (2,)),
                ("points", "<f4", (animals, points, 3)),
                ("brightness", "<f8", (len(rectangles),)),
                ("scores", "<f8", (len(scores),)),
            ]
        )
        self._rectangles = rectangles
        self._row = np.zeros(1, self.record)
        self._of_row = {name: self._row[name] for name in self.record.names or ()}  # views
        self.progress = self._read_progress()
        self._file = open(self._path, "ab")  # noqa: SIM115, PTH123 closed by close
        whole = self.progress.frames * self.record.itemsize
        if os.fstat(self._file.fileno()).st_size < whole or self.progress.record != self.record.itemsize:
            self.progress, whole = Progress(), 0
        self._file.truncate(whole)
        self.frames = self.progress.frames

    def append(
        self,
        *,
        time_ns: int,
        motion: MotionValues,
        points: KeyPoints,
        brightness: Mapping[str, float],
        scores: NDArray[np.float64],
    ) -> None:
        """Add a frame.

        Args:
            time_ns: its presentation time.
            motion: mean absolute difference from the frame before, as configured and of all pixels.
            points: float32 (animals, K, 3) as the network found them, in source pixels.
            brightness: of every rectangle.
            scores: float64 (scores,), NaN where there is none.
        """
        row = self._of_row
        row["time_ns"][0] = time_ns
        row["motion"][0] = [np.nan if value is None else value for value in (motion.configured, motion.full)]
        row["points"][0], row["scores"][0] = points, scores
        row["brightness"][0] = [brightness[name] for name in self._rectangles]
        self._file.write(self._row.tobytes())
        self.frames += 1

    def sync(self, pictures: dict[str, Kept], carried: CarriedNetworks | None = None) -> None:
        """Wait until everything is on the disk, and say so there: rows, and what networks carry behind them, count from then on, together.

        Args:
            pictures: kept so far; their files are written.
            carried: behind the last row, where networks carry anything.

        Raises:
            OSError: the disk refuses.
        """
        self._file.flush()
        os.fdatasync(self._file.fileno())
        digest = None if carried is None else write_carried(self._folder, self.frames, carried)
        self.progress = Progress(frames=self.frames, record=self.record.itemsize, pictures=pictures, carried_sha256=digest)
        write_whole(self._folder / PROGRESS_FILE, msgspec.json.encode(self.progress))
        remove_carried(self._folder, but=None if carried is None else self.frames)  # after nothing speaks of it any more

    def carried(self) -> CarriedNetworks:
        """What the networks carry behind the last synced row.

        Raises:
            NotCarriedError: it is not there, damaged, or of another release.
        """
        return read_carried(self._folder, self.frames, self.progress.carried_sha256)

    def begin_anew(self) -> None:
        """Keep nothing of what is there.

        Raises:
            OSError: the disk refuses.
        """
        remove_unfinished(self._folder, but=POSES_FILE)
        self._file.truncate(0)
        self.progress, self.frames = Progress(), 0

    def read(self) -> NDArray[Any]:
        """Every synced record, a view of the file."""
        if not self.progress.frames:
            return np.empty(0, self.record)
        return np.memmap(self._path, self.record, "r", shape=(self.progress.frames,))

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._file.close()

    def _read_progress(self) -> Progress:
        try:
            return msgspec.json.decode((self._folder / PROGRESS_FILE).read_bytes(), type=Progress)
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
            return Progress()


def remove_unfinished(folder: Path, *, but: str = "") -> None:
    """Remove the files of this page from a session's folder, except one."""
    for name in (PROGRESS_FILE, POSES_FILE):  # first what says that the others hold
        if name != but:
            (folder / name).unlink(missing_ok=True)
    remove_carried(folder)


def noted_scores(names: Sequence[str], record: np.void) -> dict[str, float]:
    """The scores of a frame by name, without those that there were none of."""
    known: list[float] = record["scores"].tolist()
    return {name: value for name, value in zip(names, known, strict=True) if value == value}  # NaN is not itself


def noted_motion(record: np.void) -> float | None:
    """The motion of a frame as configured, which rules judge."""
    motion = float(record["motion"][0])
    return None if math.isnan(motion) else motion


def mean_confidence(points: KeyPoints) -> NDArray[np.float64]:
    """Mean confidence of each frame, 0..1; what was not found counts as 0.

    Args:
        points: float32 (..., animals, K, 3).

    Returns:
        float64 (...).
    """
    confidence = points[..., 2]
    found = np.where(np.isnan(confidence), 0, confidence).sum(axis=(-2, -1), dtype=np.float64)
    return np.asarray(found / (points.shape[-3] * points.shape[-2]))


def confidence_of(points: KeyPoints, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """How sure the networks were of each frame: of its key points, or, where there are none, of the score nearest to one half.

    Args:
        points: float32 (frames, animals, K, 3).
        scores: float64 (frames, scores), NaN where there is none: that counts as not knowing.

    Returns:
        float64 (frames), 0..1.
    """
    if points.size or not scores.size:
        return mean_confidence(points) if points.size else np.zeros(len(points))
    known = np.nan_to_num(scores, nan=0.5)
    return np.asarray(np.maximum(known, 1 - known).min(axis=1))


def confidence_of_frame(points: KeyPoints, scores: NDArray[np.float64]) -> float:
    """As `confidence_of`, of one frame, in a tenth of the time.

    Args:
        points: float32 (animals, K, 3).
        scores: float64 (scores,), NaN where there is none.
    """
    if not points.size:
        return float(confidence_of(points[None], scores[None])[0])
    known: list[float] = points[..., 2].ravel().tolist()
    return math.fsum(each for each in known if each == each) / len(known)  # NaN is not itself
