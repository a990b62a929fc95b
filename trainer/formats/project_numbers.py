"""The numbers that frames of labels, or of another project, get in a project: pictures that it has already keep theirs."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

import numpy as np

from tracker.frame import Image
from trainer.labels.images import ImageRef, read_image
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.numeric_order import frame_number
from trainer.project.files import BY_NAME, folder_of
from trainer.project.picture_numbers import ComingPicture, numbers_for
from trainer.project.store import Project, ProjectFrame


def numbered_as_in(project: Project, frames: LabelledFrames, names: Mapping[str, str]) -> LabelledFrames:
    """Labelled frames with the numbers that their pictures have in a project, or are to get there.

    Args:
        project: where they are to be.
        frames: with the numbers that their reader gave them.
        names: file names that pictures of the project had, by image.

    Raises:
        LabelError: a picture cannot be read.
    """
    order = frames.order.copy()
    for group in dict.fromkeys(frames.group):
        members = [index for index, name in enumerate(frames.group) if name == group]
        loose = any(_is_loose(frames.images[index], int(order[index])) for index in members)
        pictures = [_coming(frames, index, loose=loose) for index in members]
        order[members] = numbers_for(project, folder_of(group), pictures, names)
    return replace(frames, order=np.asarray(order, np.int64))


def file_names(frames: LabelledFrames, images: tuple[str, ...]) -> dict[str, str]:
    """The names of the picture files that frames are from, by image in the project; none of another project's, which gives its own."""
    return {image: name for image, ref in zip(images, frames.images, strict=True) if (name := _file_name(ref))}


def numbers_of_frames(project: Project, other: Project, *, names: Mapping[str, str], other_names: Mapping[str, str]) -> dict[str, int]:
    """The numbers that the frames of another project have in a project, or are to get there, by their images in the other one.

    Args:
        project: where they are to be.
        other: where they are.
        names: file names that pictures of the project had, by image.
        other_names: those of the other project's.

    Raises:
        LabelError: a picture cannot be read.
    """
    numbers: dict[str, int] = {}
    folders: dict[str, list[ProjectFrame]] = {}
    for frame in other.frames:
        folders.setdefault(PurePosixPath(project.image_of(frame.video, frame.frame)).parent.name, []).append(frame)
    for folder, members in folders.items():
        pictures = [_of_project(other, frame, other_names.get(frame.image, "")) for frame in members]
        numbers |= zip((frame.image for frame in members), numbers_for(project, folder, pictures, names), strict=True)
    return numbers


def _is_loose(ref: ImageRef, number: int) -> bool:
    """Whether a number is none of the picture's own: its rank, its place in a list, or what a project gave it."""
    return ref.frame is None and (ref.in_time is False or frame_number(ref.path.name) != number)


def _file_name(ref: ImageRef) -> str:
    return ref.path.name if ref.frame is None and ref.in_time is None else ""


def _coming(frames: LabelledFrames, index: int, *, loose: bool) -> ComingPicture:
    ref = frames.images[index]
    return ComingPicture(
        name=_file_name(ref),
        number=int(frames.order[index]),
        loose=loose,
        of_video=ref.frame is not None or ref.in_time is True,
        read=partial(frames.read, index),
    )


def _of_project(other: Project, frame: ProjectFrame, name: str) -> ComingPicture:
    loose = frame.why.endswith(BY_NAME)
    return ComingPicture(name=name, number=frame.frame, loose=loose, of_video=not loose, read=partial(_picture_of, other, frame.image))


def _picture_of(project: Project, image: str) -> Image:
    return read_image(project.image_ref(image), project.image_size(image))
