"""Labelled frames → a SLEAP package (.pkg.slp): labels, and the images inside it under their numbers in the video."""

import errno
import shutil
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np
import sleap_io  # type: ignore[import-untyped]
from rich.console import Console

from trainer.errors import LabelError
from trainer.formats.write_images import fresh_file, image_names, png_of, progress, reason
from trainer.labels.labelled_frames import LabelledFrames

ENDING = ".pkg.slp"
LABELS_SIZE = 10_000_000  # bytes; the labels of 20 000 frames of 10 points take half of it


def write_sleap(frames: LabelledFrames, out: Path, *, console: Console | None = None) -> Path:
    """Write a package that needs no other file.

    SLEAP keeps with each point whether it is visible and whether a person has completed it: a placed point is both, a
    hidden one is completed and not visible, an unlabelled one neither. It has no tags. Animals that have names get a track
    each.

    Args:
        frames: any number of animals; one without any label in a frame gets no instance there.
        out: a file that is not there yet, ending in .pkg.slp.
        console: where the progress bar is drawn, None for nowhere.

    Returns:
        `out`.

    Raises:
        LabelError: another ending, two frames with the same number, a file that is there, a full disk.
    """
    if not out.name.endswith(ENDING):
        raise LabelError(f"{out}: a SLEAP package with its images ends in {ENDING}; name it so")
    image_names(frames)  # refuses two frames of one number
    with fresh_file(out) as part:
        try:
            _write(frames, part, console)
        except RuntimeError as problem:  # what HDF5 raises when it closes a file on a full disk
            raise LabelError(f"{out}: could not be written: {reason(problem)}; free space or choose another place") from problem
    return out


def _write(frames: LabelledFrames, out: Path, console: Console | None) -> None:
    videos = _videos(frames, out.with_name("images.slp"), console)
    labels = sleap_io.Labels(_labelled(frames, videos), videos=list(videos.values()))
    sleap_io.save_slp(labels, str(out), embed=None, verbose=False)  # None: the stored images come along as they are
    for video in videos.values():
        video.close()


def _videos(frames: LabelledFrames, path: Path, console: Console | None) -> dict[str, Any]:
    """A SLEAP video for each group, whose images lie in a file in the layout of a package.

    sleap-io would store images of its own accord, but under their rank among the labelled ones.
    """
    groups = list(dict.fromkeys(frames.group))
    pictures: dict[str, list[tuple[int, bytes]]] = {group: [] for group in groups}
    for index in progress(frames, console, description="storing images"):
        pictures[frames.group[index]].append((int(frames.order[index]), png_of(frames, index)))
    _refuse_full_disk(path, sum(len(content) for stored in pictures.values() for _, content in stored))
    channels = 1 if frames.read(0).ndim == 2 else 3
    with h5py.File(path, "w") as file:
        for number, group in enumerate(groups):
            _store(file.create_group(f"video{number}"), pictures[group], shape=(*frames.size_of(frames.group.index(group)), channels))
    return {group: _video(path, f"video{number}/video", group=group, grey=channels == 1) for number, group in enumerate(groups)}


def _refuse_full_disk(path: Path, size: int) -> None:
    """Look before writing: HDF5 does not give way to a full disk in good order. The images are there twice for a while."""
    free = shutil.disk_usage(path.parent).free
    if free < 2 * size + LABELS_SIZE:
        raise OSError(errno.ENOSPC, f"{free / 1e6:.0f} MB are free and {(2 * size + LABELS_SIZE) / 1e6:.0f} MB are needed")


def _store(place: Any, pictures: list[tuple[int, bytes]], *, shape: tuple[int, int, int]) -> None:
    stored = place.create_dataset("video", (len(pictures), max(len(content) for _, content in pictures)), "int8")
    for row, (_, content) in enumerate(pictures):
        stored[row, : len(content)] = np.frombuffer(content, np.int8)
    stored.attrs["format"] = "png"
    stored.attrs["channel_order"] = "RGB"
    stored.attrs["frames"] = len(pictures)
    stored.attrs["height"], stored.attrs["width"], stored.attrs["channels"] = shape
    place.create_dataset("frame_numbers", data=np.array([number for number, _ in pictures], np.int64))


def _video(path: Path, dataset: str, *, group: str, grey: bool) -> Any:
    video = sleap_io.Video.from_filename(str(path), dataset=dataset, grayscale=grey)
    # labels keep no more of a video than its name; the ending is what SLEAP expects of a video
    source = {"type": "MediaVideo", "filename": f"{group}.mp4", "grayscale": grey, "bgr": True, "dataset": "", "input_format": ""}
    video.source_video = sleap_io.Video(filename=f"{group}.mp4", backend=None, backend_metadata=source, open_backend=False)
    return video


def _labelled(frames: LabelledFrames, videos: dict[str, Any]) -> list[Any]:
    skeleton = sleap_io.Skeleton(list(frames.point_names), edges=list(frames.skeleton))
    tracks = [sleap_io.Track(name) for name in frames.animal_names] or [None] * frames.animals
    found = []
    for index in range(len(frames)):
        instances = []
        for animal, track in enumerate(tracks):
            points, hidden = frames.points[index, animal], frames.hidden[index, animal]
            placed = ~np.isnan(points[:, 0])
            if placed.any() or hidden.any():
                table = np.column_stack([points, placed, placed | hidden])  # x, y, visible, completed
                instances.append(sleap_io.Instance.from_numpy(table, skeleton=skeleton, track=track))
        found.append(sleap_io.LabeledFrame(video=videos[frames.group[index]], frame_idx=int(frames.order[index]), instances=instances))
    return found
