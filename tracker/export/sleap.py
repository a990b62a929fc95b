"""Poses as SLEAP's predictions (.slp), beside the session's own videos. sleap-io writes the file; the numbers are streamed into it."""

import os
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np
import sleap_io  # type: ignore[import-untyped]
from numpy.typing import NDArray

from tracker.command import version
from tracker.errors import RecordingError
from tracker.export.new_files import new_files
from tracker.export.session_poses import STRETCH, SessionPoses, Stretch

_STREAMED = ("frames", "instances", "pred_points")
_FRAME_BYTES, _INSTANCE_BYTES, _POINT_BYTES = 40, 64, 32
_FILE_BYTES = 5_000_000  # whatever is in a file beside its rows
_PREDICTED = 1  # instance_type of SLEAP's format


def write_sleap(poses: SessionPoses, out: Path, *, force: bool) -> list[Path]:
    """Write one file for the session, with each of its videos, a track for each animal and an instance for each animal seen.

    Its score is the mean confidence of the points that are there. Frames in which no animal is seen have no entry.

    Raises:
        RecordingError: a video is not there; or the file is there and `force` does not allow to replace it, or it cannot be written.
    """
    labels = _without_frames(poses, out.parent)
    at_most = len(poses.received_ns) * (_FRAME_BYTES + poses.animals * (_INSTANCE_BYTES + _POINT_BYTES * len(poses.point_names)))
    with new_files([out], force=force, at_most=at_most + _FILE_BYTES) as (part,):
        sleap_io.save_slp(labels, str(part), embed=False, verbose=False)
        with h5py.File(part, "r+") as file:
            tables = {name: _growing(file, name) for name in _STREAMED}
            _stream(poses, tables)
            written = {name: len(table) for name, table in tables.items()}
        with h5py.File(part) as file:
            if written != {name: len(file[name]) for name in _STREAMED}:
                raise OSError("not every row is in the file")
    return [out]


def _without_frames(poses: SessionPoses, folder: Path) -> Any:
    skeleton = sleap_io.Skeleton(list(poses.point_names), edges=poses.edges, name=poses.setup.bundle)
    tracks = [sleap_io.Track(f"animal{animal}") for animal in range(poses.animals)]
    videos = [_video(path, folder) for path in poses.session.video_paths().values()]
    told = {"source": "rigtrack", "version": version(), "session": poses.session.folder.name, "bundle": poses.setup.bundle}
    return sleap_io.Labels(videos=videos, skeletons=[skeleton], tracks=tracks, provenance=told)


def _video(path: Path, folder: Path) -> Any:
    if not path.exists():
        raise RecordingError(f"{path}: is missing, and the file for SLEAP refers to it; put it back")
    try:
        video = sleap_io.Video.from_filename(str(path))
        shape = video.shape
    except UnicodeDecodeError:  # a damaged title, which its choice of a reader does not get past
        video = sleap_io.Video.from_filename(str(path), plugin="opencv")
        shape = video.shape
    video.close()
    if shape is None:
        raise RecordingError(
            f"{path}: cannot be read by SLEAP's reader, which takes no video of a single frame; `tracker recover` mends a cut-off one"
        )
    video.filename = os.path.relpath(path, folder)
    return video


def _growing(file: Any, name: str) -> Any:
    """The empty data set that sleap-io wrote, made anew with the same columns so that rows can be added."""
    columns = file[name].dtype
    del file[name]
    return file.create_dataset(name, (0,), columns, maxshape=(None,), chunks=(STRETCH,), compression="gzip", compression_opts=1)


def _stream(poses: SessionPoses, tables: dict[str, Any]) -> None:
    video_of = np.zeros(max(poses.session.video_paths()) + 1, np.int64)
    video_of[list(poses.session.video_paths())] = np.arange(len(poses.session.video_paths()))
    for stretch in poses.stretches():
        begins = {name: len(table) for name, table in tables.items()}
        for name, rows in _rows(stretch, begins, {name: tables[name].dtype for name in tables}, video_of).items():
            tables[name].resize(begins[name] + len(rows), axis=0)
            tables[name][begins[name] :] = rows


def _rows(stretch: Stretch, begins: dict[str, int], columns: dict[str, Any], video_of: NDArray[np.int64]) -> dict[str, NDArray[np.void]]:
    """Rows of SLEAP's three tables, each of which counts on from those before."""
    placed: NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(stretch.points[..., :2]), axis=-1)  # (n, animals, key points)
    seen: NDArray[np.bool_] = np.logical_or.reduce(placed, axis=-1)
    frame, animal = np.nonzero(seen)
    chosen, per_frame = np.unique(frame, return_counts=True)
    count, size = len(frame), placed.shape[2]
    frames = np.zeros(len(chosen), columns["frames"])
    frames["frame_id"] = begins["frames"] + np.arange(len(chosen))
    frames["video"] = video_of[stretch.segment[chosen]]
    frames["frame_idx"] = stretch.video_frame[chosen]
    frames["instance_id_end"] = begins["instances"] + np.cumsum(per_frame)
    frames["instance_id_start"] = frames["instance_id_end"] - per_frame.astype(np.uint64)
    instances = np.zeros(count, columns["instances"])
    instances["instance_id"] = begins["instances"] + np.arange(count)
    instances["instance_type"] = _PREDICTED
    instances["frame_id"] = np.repeat(frames["frame_id"], per_frame)
    instances["track"] = animal
    instances["from_predicted"] = -1
    instances["point_id_start"] = begins["pred_points"] + size * np.arange(count)
    instances["point_id_end"] = begins["pred_points"] + size * np.arange(1, count + 1)
    there = placed[frame, animal]
    found = stretch.points[frame, animal]  # (instances, key points, 3)
    instances["score"] = np.where(there, np.nan_to_num(found[..., 2]), 0).sum(axis=1) / there.sum(axis=1)
    points = np.zeros((count, size), columns["pred_points"])
    points["x"], points["y"], points["score"] = np.moveaxis(found, -1, 0)
    points["visible"] = there
    return {"frames": frames, "instances": instances, "pred_points": points.reshape(-1)}
