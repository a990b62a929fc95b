"""Poses of whole videos: DeepLabCut's predictions, SLEAP's analysis files, NumPy arrays, sessions that the tracker recorded."""

from dataclasses import dataclass, replace
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from tracker.errors import RecordingError
from trainer.errors import LabelError
from trainer.ethogram.read_options import cells_in, text_of

_EXPECTED = "expected DeepLabCut's header rows and x, y, likelihood of every point by turns"
_OF_NO_ANIMAL = "single"  # DeepLabCut's name for points of the arena


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracks:
    """Poses of one video.

    Attributes:
        path: the file.
        point_names: of the K points of every animal.
        poses: float32 (frames, animals, K, 3): x and y in source pixels, confidence 0..1; NaN where a point is not there.
        numbers: int64 (frames,), which frames of the video they are; None: all of them.
        times_s: float64 (frames,), when each frame was taken; None: only the frame rate is known.
    """

    path: Path
    point_names: tuple[str, ...]
    poses: NDArray[np.float32]
    numbers: NDArray[np.int64] | None = None
    times_s: NDArray[np.float64] | None = None

    def by_number(self) -> dict[int, NDArray[np.float32]]:
        """The pose of each frame of the video that has one, (animals, K, 3), by the frame's number."""
        numbers = range(len(self.poses)) if self.numbers is None else self.numbers.tolist()
        return dict(zip(numbers, self.poses, strict=True))

    def of_frames(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """The poses of frames of the video, (n, animals, K, 3), NaN where one has none."""
        poses, absent = self.by_number(), np.full(self.poses.shape[1:], np.nan, np.float32)
        return np.stack([poses.get(number, absent) for number in numbers.tolist()])


def read_tracks(path: Path) -> Tracks:
    """Read poses by the ending of the file's name: .csv, .h5 or .npy; a folder is a recorded session.

    Raises:
        LabelError: another kind of file, a header that is none, text where a number belongs.
    """
    ending = path.suffix.lower()
    if path.is_dir():
        return _session(path)
    if not path.is_file():
        raise LabelError(f"{path}: is not there; give a file of poses: DeepLabCut .csv, SLEAP analysis .h5, .npy, or a session's folder")
    if ending == ".csv":
        return _deeplabcut(path)
    if ending in (".h5", ".hdf5"):
        return _sleap(path)
    if ending == ".npy":
        return _numpy(path)
    raise LabelError(f"{path}: is not a file of poses that is read; expected DeepLabCut .csv, SLEAP analysis .h5, or .npy")


def _deeplabcut(path: Path) -> Tracks:
    rows = [row for row in cells_in(path, text_of(path)) if row]
    titles = [row[0].strip().lower() for row in rows[:4]]
    several = titles == ["scorer", "individuals", "bodyparts", "coords"]
    start = 4 if several else 3
    if not several and titles[:3] != ["scorer", "bodyparts", "coords"]:
        raise LabelError(f"{path}: the first rows begin with {', '.join(map(repr, titles[:3]))}; {_EXPECTED}")
    coords, names = ([cell.strip() for cell in row[1:]] for row in (rows[start - 1], rows[start - 2]))
    animals = [cell.strip() for cell in rows[1][1:]] if several else [""] * len(names)
    if not len(coords) == len(names) == len(animals) or coords != ["x", "y", "likelihood"] * (len(coords) // 3):
        raise LabelError(f"{path}:{start}: the columns are {', '.join(coords[:4])} …; {_EXPECTED}")
    own = [animal for animal in dict.fromkeys(animals) if animal != _OF_NO_ANIMAL] or list(dict.fromkeys(animals))
    points = list(dict.fromkeys(name for name, animal in zip(names, animals, strict=True) if animal == own[0]))
    pairs = list(zip(animals[::3], names[::3], strict=True))
    missing = next(((animal, point) for animal in own for point in points if pairs.count((animal, point)) != 1), None)
    if missing is not None:
        raise LabelError(f"{path}:{start - 1}: the point '{missing[1]}' of '{missing[0]}' does not stand once; {_EXPECTED}")
    values = _values(path, rows[start:], len(names), first_line=start + 1)
    places = np.array([[[3 * pairs.index((animal, point)) + axis for axis in range(3)] for point in points] for animal in own])
    return _tracks(path, points, values[:, places])


def _values(path: Path, rows: list[list[str]], columns: int, *, first_line: int) -> NDArray[np.float32]:
    if not rows:
        raise LabelError(f"{path}: holds a header and no frame")
    values = np.full((len(rows), columns), np.nan, np.float32)
    for number, row in enumerate(rows):
        where = f"{path}:{number + first_line}"
        if len(row) != columns + 1:
            raise LabelError(f"{where}: has {len(row)} columns; expected {columns + 1} as in the header")
        if row[0].strip() not in (str(number), f"{number}.0"):
            raise LabelError(f"{where}: begins with '{row[0]}'; expected frame {number}, for every frame has its row")
        try:
            values[number] = [float(cell) if cell.strip() else np.nan for cell in row[1:]]
        except ValueError as problem:
            raise LabelError(f"{where}: {problem}; expected numbers, or nothing for a missing point") from None
    return values


def _sleap(path: Path) -> Tracks:
    try:
        with h5py.File(path) as file:
            tracks, scores = np.asarray(file["tracks"], np.float32), np.asarray(file["point_scores"], np.float32)
            names = [name.decode() if isinstance(name, bytes) else str(name) for name in file["node_names"]]
    except (OSError, KeyError) as problem:
        raise LabelError(f"{path}: is no SLEAP analysis file ({problem}); export one with sleap-convert --format analysis") from problem
    if tracks.ndim != 4 or tracks.shape[1] != 2 or tracks.shape[2] != len(names) or scores.shape != (tracks.shape[0], *tracks.shape[2:]):
        raise LabelError(f"{path}: tracks have shape {tracks.shape}; expected (animals, 2, {len(names)} points, frames)")
    return _tracks(path, names, np.concatenate([tracks, scores[:, None]], axis=1).transpose(3, 0, 2, 1))


def _numpy(path: Path) -> Tracks:
    try:
        poses = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as problem:
        raise LabelError(f"{path}: cannot be read as poses ({problem}); save them with numpy.save") from problem
    if poses.ndim != 4 or poses.shape[3] != 3 or poses.dtype.kind != "f" or not len(poses):
        raise LabelError(f"{path}: has shape {poses.shape}; expected numbers as (frames, animals, points, 3)")
    return _tracks(path, [f"point{place}" for place in range(poses.shape[2])], poses)


def original_video(folder: Path) -> Path | None:
    """The one video that a session was analysed from, where it is still there; None for a recorded session and other files of poses."""
    if not folder.is_dir():
        return None
    try:
        from tracker.recording.read_session import RecordedSession
    except ImportError:  # `read_tracks` says what is missing
        return None
    try:
        session = RecordedSession(folder)
        videos = list(session.video_paths().values()) if session.description.source is not None else []
        return videos[0] if len(videos) == 1 else None
    except RecordingError:
        return None


def _session(folder: Path) -> Tracks:
    """The frames that got a pose, at their own times: as at the rig, where a frame that was skipped reaches no classifier."""
    try:
        import pyarrow.compute as pc  # type: ignore[import-untyped]

        from tracker.recording.read_session import RecordedSession
        from tracker.recording.session_messages import setup_messages
    except ImportError as problem:
        raise LabelError(f"{folder}: a recorded session needs PyAV and pyarrow ({problem}); run `pip install '.[record]'`") from problem
    try:
        session = RecordedSession(folder)
        names = {tuple(setup.point_names) for setup in setup_messages(session)}
    except RecordingError as problem:
        raise LabelError(str(problem)) from problem
    if len(names) != 1:
        found = "; ".join(", ".join(each) for each in sorted(names)) or "none"
        raise LabelError(f"{folder}: its setups have different key points ({found}); expected the same throughout the session")
    [points] = names
    rows = session.rows["points"].combine_chunks()
    there = rows.is_valid().to_numpy(zero_copy_only=False)
    lengths = pc.list_value_length(rows.drop_null()).unique().to_pylist()
    if len(lengths) != 1 or lengths[0] % (3 * len(points)):
        raise LabelError(f"{folder}: its frames have poses of {lengths or 'no'} numbers; expected the same number of animals throughout")
    poses = rows.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(int(there.sum()), -1, len(points), 3)
    stamps = session.rows["exposed_ns"] if not session.rows["exposed_ns"].null_count else session.rows["received_ns"]
    times_s = (stamps.to_numpy()[there] - stamps[0].as_py()) / 1e9
    return replace(_tracks(folder, list(points), poses), numbers=np.flatnonzero(there), times_s=times_s)


def _tracks(path: Path, names: list[str], poses: NDArray[np.floating]) -> Tracks:
    clean = poses.astype(np.float32)
    clean[~np.isfinite(clean).all(axis=-1)] = np.nan  # x, y and confidence together
    if not np.isfinite(clean).any():
        raise LabelError(f"{path}: holds no point in any frame")
    return Tracks(path=path, point_names=tuple(names), poses=clean)
