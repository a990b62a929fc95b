"""What a forecast is learnt from: the motion of every pair of frames of a recording and, where there are pictures, small frames."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import numpy as np
import torch
from numpy.typing import NDArray

from tracker.cameras.image_folder import numbered_images, read_image
from tracker.errors import CameraError
from tracker.frame import Image
from tracker.motion import Motion as MotionMeter
from trainer.behaviour.table_rows import GROUPS, fps_of, groups_of, header_and_rows, part_of
from trainer.errors import LabelError
from trainer.forecast.labels import Motion
from trainer.forecast.shrink import shrink
from trainer.video_files.endings import video_ending
from trainer.video_files.reader import VideoReader

Size = tuple[int, int]  # (height, width)
_COLUMNS = ("recording", "fps", "part", *GROUPS)
_AT_ONCE = 64  # frames that are made smaller together
_PICTURES = 32  # that are kept as they came


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recording.

    Attributes:
        name: of its file or folder.
        motion: float64 (frames,): mean absolute difference of the pair (t, t + 1), 0..1; the last has none.
        fps: frames per second.
        frames: uint8 (frames, height, width), grey, on the disk; None where only motion is known.
        shape: of the pictures as they came, None where there are none.
        part: what it is used for; None where it is to be divided in time.
        pictures: uint8 (n, height, width, channels), some of the pictures as they came, from where something first moves.
        groups: of which `animal`, `session` and `trial` it is, as far as the table says.
    """

    name: str
    motion: Motion
    fps: float
    frames: NDArray[np.uint8] | None
    shape: tuple[int, ...] | None
    part: str | None
    pictures: NDArray[np.uint8] | None = None
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Tells it again by its motion, whatever it is called."""
        return hashlib.sha256(self.motion.astype("<f8").tobytes()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a recording comes from.

    Attributes:
        path: `.npy` of motion (frames,) or of grey or colour images, an HDF5 file with one such array, a video, or a folder of images.
        fps: where the file does not say it.
        part: see `Recording`.
        groups: the same.
    """

    path: Path
    fps: float | None
    part: str | None
    groups: Mapping[str, str] = field(default_factory=dict)


def sources_of(given: Sequence[Path], *, fps: float | None) -> tuple[Source, ...]:
    """Files and folders as they were given, or the rows of one table `.csv` with the columns recording and others that `_COLUMNS` names.

    Raises:
        LabelError: a table that cannot be read as one.
    """
    if len(given) != 1 or given[0].suffix.lower() != ".csv":
        return tuple(Source(path=path, fps=fps, part=None) for path in given)
    table = given[0]
    header, rows = header_and_rows(table)
    if "recording" not in header or not set(header) <= set(_COLUMNS):
        raise LabelError(f"{table}: has the columns {', '.join(header)}; expected recording and, where wanted, {', '.join(_COLUMNS[1:])}")
    found = []
    for line, row in rows:
        part = part_of(table, line, row)
        rate = fps_of(table, line, row.get("fps", "")) or fps
        found.append(Source(path=table.parent / row["recording"], fps=rate, part=part, groups=groups_of(row)))
    if not found:
        raise LabelError(f"{table}: holds no recording; expected a row for each")
    return tuple(found)


def read_recording(
    source: Source, *, size: Size | None, motion_size: tuple[int, int] | None, keep: Path, say: Callable[[str], None]
) -> Recording:
    """Read one recording once, from its first frame to its last; no more than a few frames are ever in the memory.

    Args:
        source: where it is.
        size: of the small frames to keep; None to keep none.
        motion_size: blocks (w, h) that motion is measured over, as at the rig; None: every pixel.
        keep: file for the small frames.
        say: told how far it is.

    Raises:
        LabelError: in one sentence.
    """
    path = source.path
    if path.suffix == ".npy" and (motion := _motion_array(path)) is not None:
        if size is not None:
            raise LabelError(f"{path}: holds motion and no pictures; a network from pixels needs a video, or a folder or array of images")
        return Recording(
            name=path.stem, motion=motion, fps=known_fps(path, source.fps), frames=None, shape=None, part=source.part, groups=source.groups
        )
    images, fps = images_of(path)
    meter, shape, count = MotionMeter(motion_size), None, 0
    values: list[float | None] = []
    pictures: list[Image] = []
    with keep.open("wb") as file:
        for batch in _batches(images):
            shape = shape or batch[0].shape
            if size is not None and (size[0] > shape[0] or size[1] > shape[1]):
                raise LabelError(
                    f"{path}: --frame-size {size[1]} {size[0]} is larger than the {shape[1]}x{shape[0]} of its pictures; give a smaller one"
                )
            for image in batch:
                values.append(meter.update(image))
                if len(pictures) < _PICTURES and (pictures or values[-1]):
                    pictures.append(image)
            if size is not None:
                file.write(small(batch, size).tobytes())
            count += len(batch)
            if count % (_AT_ONCE * 16) == 0:
                say(f"{path}: {count} frames read")
    if count < 2:
        raise LabelError(f"{path}: holds {count} frames; expected a recording")
    measured = np.array([*(0.0 if value is None else value for value in values[1:]), 0.0])
    frames = None if size is None else np.memmap(keep, np.uint8, "r", shape=(count, *size))
    kept = np.stack([image if image.ndim == 3 else image[:, :, None] for image in pictures]) if pictures else None
    return Recording(
        name=path.stem,
        motion=measured,
        fps=known_fps(path, source.fps or fps),
        frames=frames,
        shape=shape,
        part=source.part,
        pictures=kept,
        groups=source.groups,
    )


def small(images: Sequence[Image], size: Size) -> NDArray[np.uint8]:
    """Grey images of a smaller size, rounded to whole grey levels: uint8 (n, height, width); made as the network's graph makes them."""
    pictures = torch.from_numpy(np.stack([image if image.ndim == 3 else image[:, :, None] for image in images]))
    return np.asarray(shrink(pictures, size).mul(255).round()[:, 0].to(torch.uint8).numpy())


def _batches(images: Iterator[Image]) -> Iterator[list[Image]]:
    batch: list[Image] = []
    for image in images:
        if batch and image.shape != batch[0].shape:
            raise LabelError(f"an image is {image.shape[1]}x{image.shape[0]}, those before it {batch[0].shape[1]}x{batch[0].shape[0]}")
        batch.append(image)
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def images_of(path: Path) -> tuple[Iterator[Image], float | None]:
    """Its pictures, one after the other, and its frame rate where it says one.

    Raises:
        LabelError: it holds none; while they are read, one that cannot be read.
    """
    if path.is_dir():
        try:
            paths = numbered_images(path)
        except CameraError as problem:
            raise LabelError(str(problem)) from problem
        return (_image(each) for each in paths), None
    if path.suffix == ".npy":
        return _of_array(path, np.load(path, mmap_mode="r", allow_pickle=False)), None
    if path.suffix.lower() in (".h5", ".hdf5"):
        return _hdf5(path), None
    if video_ending(path.name):
        reader = VideoReader(path)
        return _video(reader), float(reader.rate)
    raise LabelError(f"{path}: cannot be read; expected a video, a folder of images, an HDF5 file, or a .npy array of motion or of images")


def _image(path: Path) -> Image:
    try:
        return read_image(path)
    except CameraError as problem:
        raise LabelError(str(problem)) from problem


def _video(reader: VideoReader) -> Iterator[Image]:
    with reader:
        yield from reader.frames()
        cut = reader.shortfall()
    if cut is not None:
        raise LabelError(cut)


def _hdf5(path: Path) -> Iterator[Image]:
    try:
        with h5py.File(path) as file:
            arrays = [item for item in file.values() if isinstance(item, h5py.Dataset) and item.ndim in (3, 4)]
            if len(arrays) != 1:
                raise LabelError(f"{path}: holds {len(arrays)} arrays of images; expected one, (frames, height, width)")
            yield from _of_array(path, arrays[0])
    except OSError as problem:
        raise LabelError(f"{path}: cannot be read as HDF5 ({problem})") from problem


def _of_array(path: Path, array: "NDArray[np.uint8]") -> Iterator[Image]:
    if array.dtype != np.uint8 or array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] not in (1, 3)):
        raise LabelError(
            f"{path}: has shape {array.shape} of {array.dtype}; expected motion (frames,), 0 to 1, or uint8 images (frames, height, "
            "width), or with 3 channels"
        )
    for image in array:
        yield np.ascontiguousarray(image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image)


def _motion_array(path: Path) -> Motion | None:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise LabelError(f"{path}: is not there") from None
    except (OSError, ValueError, EOFError) as problem:
        raise LabelError(f"{path}: cannot be read as an array ({problem}); save it with numpy.save") from problem
    if not array.size:
        raise LabelError(f"{path}: is empty, its shape is {array.shape}; expected motion (frames,) or images (frames, height, width)")
    if array.ndim != 1:
        return None
    motion = np.asarray(array, np.float64)
    if not (np.isfinite(motion) & (motion >= 0) & (motion <= 1)).all():
        raise LabelError(f"{path}: holds motion outside 0 to 1; expected mean absolute differences of images in 0 to 1")
    return motion


def known_fps(path: Path, fps: float | None) -> float:
    """The frame rate.

    Raises:
        LabelError: nobody says it.
    """
    if fps is None:
        raise LabelError(f"{path}: does not say its frame rate; give it with --fps, or in a column fps")
    return fps
