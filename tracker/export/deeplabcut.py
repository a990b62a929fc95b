"""Poses as DeepLabCut writes them: a table `df_with_missing` for each video, a row a video frame."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import pandas as pd  # type: ignore[import-untyped]

from tracker.errors import RecordingError
from tracker.export.new_files import new_files
from tracker.export.session_poses import SessionPoses, Stretch

_NUMBER_BYTES = 8
_FILE_BYTES = 2_000_000  # whatever is in a file beside its rows
_KEY = "df_with_missing"
_LAYOUT = "0.15.2"  # of pandas' tables; pandas 3 leaves it out, and pandas 2, which DeepLabCut needs, then takes the file for an old one
_SEVERAL = "_el"  # what DeepLabCut appends to the name of tracks that it followed by ellipses
_COORDINATES = ("x", "y", "likelihood")


def write_deeplabcut(poses: SessionPoses, folder: Path | None, *, force: bool) -> list[Path]:
    """Write a file for each video, named as DeepLabCut finds it: the video's name, the scorer's, and `_el` for several animals.

    Args:
        poses: of the session.
        folder: where to; None for beside each video.
        force: replace what is there.

    Raises:
        RecordingError: a file is there and `force` does not allow to replace it, two would have the same name, or one cannot be written.
    """
    videos = poses.session.video_paths()
    ending = f"{scorer(poses)}{_SEVERAL if poses.animals > 1 else ''}.h5"
    paths = [(folder or video.parent) / f"{video.stem}{ending}" for video in videos.values()]
    columns = _columns(poses)
    if len(set(paths)) < len(paths):
        raise RecordingError(f"{folder}: videos of several sessions have the same name, and so would these files; leave out --out")
    at_most = len(poses.received_ns) * _NUMBER_BYTES * (len(columns) + 1) + _FILE_BYTES * len(paths)
    with new_files(paths, force=force, at_most=at_most) as parts:
        part_of = dict(zip(videos, parts, strict=True))
        written: Counter[int] = Counter()
        for segment, stretches in groupby(_by_segment(poses, columns), key=itemgetter(0)):
            with pd.HDFStore(str(part_of[segment]), "w") as store:
                for _, rows in stretches:
                    store.append(_KEY, rows, format="table", index=False)
                    written[segment] += len(rows)
                store.get_storer(_KEY).attrs.pandas_version = _LAYOUT
        for segment, part in part_of.items():
            read_back(part, written[segment])
    return paths


def read_back(path: Path, rows: int) -> None:
    """Open a file again: pandas closes one on a full disk without a word.

    Raises:
        OSError: it was cut short, or has another number of rows.
        RuntimeError: likewise.
    """
    with pd.HDFStore(str(path), "r") as store:
        found = store.get_storer(_KEY).nrows
    if found != rows:
        raise OSError(f"only {found} of {rows} rows are in the file")


def scorer(poses: SessionPoses) -> str:
    """Who placed the points, as DeepLabCut names it: it begins with DLC."""
    return "DLC_rigtrack_" + re.sub(r"[^\w-]", "-", poses.setup.bundle)


def _columns(poses: SessionPoses) -> pd.MultiIndex:
    names = [scorer(poses)]
    if poses.animals == 1:
        return pd.MultiIndex.from_product([names, poses.point_names, _COORDINATES], names=["scorer", "bodyparts", "coords"])
    animals = [f"animal{animal}" for animal in range(poses.animals)]
    return pd.MultiIndex.from_product(
        [names, animals, poses.point_names, _COORDINATES], names=["scorer", "individuals", "bodyparts", "coords"]
    )


def _by_segment(poses: SessionPoses, columns: pd.MultiIndex) -> Iterator[tuple[int, pd.DataFrame]]:
    for stretch in poses.stretches():
        for segment in np.unique(stretch.segment):
            yield int(segment), _rows(stretch, stretch.segment == segment, columns)


def _rows(stretch: Stretch, here: np.ndarray[tuple[int], np.dtype[np.bool_]], columns: pd.MultiIndex) -> pd.DataFrame:
    values = stretch.points[here].reshape(int(here.sum()), -1).astype(np.float64)
    return pd.DataFrame(values, columns=columns, index=stretch.video_frame[here])
