"""What every writer of labels needs: the pictures as PNG without loss, and a folder that is whole or not there."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from tracker.whole_files import remedy
from trainer.errors import LabelError
from trainer.labels.labelled_frames import LabelledFrames


def png_of(frames: LabelledFrames, index: int) -> bytes:
    """One image as a PNG file of the same pixels; a PNG file stays as it is to the last byte.

    Raises:
        LabelError: the image is missing, damaged or of another size.
    """
    image = frames.read(index)
    ref = frames.images[index]
    if ref.frame is None and ref.path.suffix.lower() == ".png":
        return ref.path.read_bytes()
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    return bytes(cv2.imencode(".png", np.ascontiguousarray(bgr))[1].tobytes())


def image_names(frames: LabelledFrames) -> tuple[str, ...]:
    """A file name for every frame below its group's folder: img0012.png, so wide that listings are in order.

    Raises:
        LabelError: two frames of a group have the same number.
    """
    digits = len(str(int(frames.order.max())))
    names = tuple(f"img{number:0{digits}d}.png" for number in frames.order.tolist())
    seen: dict[tuple[str, str], int] = {}
    for index, key in enumerate(zip(frames.group, names, strict=True)):
        earlier = seen.setdefault(key, index)
        if earlier != index:
            raise LabelError(
                f"{frames.images[index]} and {frames.images[earlier]} are both frame {frames.order[index]} of {key[0]}; "
                "give their files different numbers"
            )
    return names


def progress(frames: LabelledFrames, console: Console | None, *, description: str) -> Iterable[int]:
    """The indices of the frames, with a bar where somebody looks."""
    indices = range(len(frames))
    return indices if console is None else track(indices, description=description, console=console)


@contextmanager
def fresh_folder(out: Path) -> Iterator[Path]:
    """A neighbouring folder to write into, renamed to `out` once everything is there; removed if anything fails.

    Raises:
        LabelError: `out` holds something already, or the disk is full.
    """
    _refuse_existing(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
        try:
            yield part
            part.chmod(0o755)
            part.rename(out)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as problem:
        raise LabelError(f"{out}: could not be written: {reason(problem)}; {remedy(problem)}") from problem


@contextmanager
def fresh_file(out: Path) -> Iterator[Path]:
    """A file of the same name in a neighbouring folder, moved to `out` once it is whole; the folder goes in any case.

    Raises:
        LabelError: `out` is there already, or the disk is full.
    """
    _refuse_existing(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", suffix=".part", dir=out.parent) as folder:
            part = Path(folder) / out.name  # the same name, because SLEAP's files speak of themselves
            yield part
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.rename(out)
    except OSError as problem:
        raise LabelError(f"{out}: could not be written: {reason(problem)}; {remedy(problem)}") from problem


def reason(problem: Exception) -> str:
    """What went wrong, in one line; HDF5 takes several."""
    return " ".join(str(getattr(problem, "strerror", None) or problem).split())


def _refuse_existing(out: Path) -> None:
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise LabelError(f"{out}: is there already; choose another name, or delete it first")
