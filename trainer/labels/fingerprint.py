"""A fingerprint of labelled data: the same images and labels give the same number, wherever the files lie."""

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from trainer.errors import LabelError
from trainer.labels.labelled_frames import LabelledFrames


def labels_sha256(frames: LabelledFrames) -> str:
    """SHA-256 over image bytes and labels, in the order of the frames; paths do not count.

    An image file counts with its bytes, a frame of a video with the video's bytes and its number, an image stored in a
    SLEAP package with its pixels.

    Raises:
        LabelError: an image cannot be read.
    """
    whole = hashlib.sha256()
    for part in (*frames.point_names, *(name for pair in frames.skeleton for name in pair), *frames.group):
        _add(whole, part.encode())
    points = np.where(np.isnan(frames.points), np.nan, frames.points)  # every NaN with the same bits
    _add(whole, points.astype("<f8").tobytes())
    if frames.hidden.any():
        _add(whole, np.packbits(frames.hidden).tobytes())
    _add(whole, frames.order.astype("<i8").tobytes())
    for index, ref in enumerate(frames.images):
        content = frames.read(index).tobytes() if ref.dataset else _file_digest(ref.path, _changed_ns(ref.path))
        _add(whole, content)
        _add(whole, str(ref.frame if ref.frame is not None else "").encode())
    return whole.hexdigest()


def _add(whole: "hashlib._Hash", part: bytes) -> None:
    whole.update(len(part).to_bytes(8, "little"))  # so that no two lists of parts run together alike
    whole.update(part)


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as problem:
        raise LabelError(f"{path}: cannot be read: {problem.strerror}") from problem


@lru_cache(maxsize=4)  # the frames of a video follow each other
def _file_digest(path: Path, _changed_ns: int) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as problem:
        raise LabelError(f"{path}: cannot be read: {problem.strerror}") from problem
