"""project.json and frames.json of a labelling project, and the paths below it. Nothing here leads out of the project's folder."""

import fcntl
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from tracker import whole_files
from tracker.whole_files import remedy
from trainer.errors import ProjectError
from trainer.labels.numeric_order import numeric_key
from trainer.video_files.endings import video_ending

PROJECT_FILE = "project.json"
FRAMES_FILE = "frames.json"
IMAGES_FOLDER = "images"
LABELS_FOLDER = "labels"
IMPORTED = "imported from"  # why a frame is in a project that nobody chose
BY_NAME = ", in no known order of time"  # ends the reason of one whose number says nothing of when it was taken

_UNFIT = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f]')  # in file names, of one system or another

_Schema = Annotated[int, Meta(ge=1, le=1)]
_Name = Annotated[str, Meta(pattern=r"^[^\s\x00-\x1f](.{0,62}[^\s\x00-\x1f])?$")]
_File = TypeVar("_File", bound=msgspec.Struct)


class ProjectFrame(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One frame that is to be labelled.

    Attributes:
        image: path of its picture below the project, with `/`.
        video: file name of the video it is from.
        frame: its number in that video, from 0.
        why: how it was chosen, for people.
    """

    image: str
    video: str
    frame: Annotated[int, Meta(ge=0, le=2**62)]
    why: str

    @property
    def group(self) -> str:
        """The folder of the picture: what stands for the video in labelled data."""
        return PurePosixPath(self.image).parent.name


class ProjectDescription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of project.json."""

    schema: _Schema
    point_names: Annotated[tuple[_Name, ...], Meta(min_length=1)]
    skeleton: tuple[tuple[str, str], ...]
    tags: tuple[_Name, ...]
    animals: Annotated[int, Meta(ge=1, le=100)]
    pairs: tuple[tuple[str, str], ...] = ()  # points that are left and right of each other, where somebody has said so


class _FramesFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: _Schema
    frames: tuple[ProjectFrame, ...]


def read_project_description(folder: Path) -> ProjectDescription:
    """Read project.json.

    Raises:
        ProjectError: it is missing, damaged, of another schema, or speaks of unknown points.
    """
    path = folder / PROJECT_FILE
    if not path.is_file():
        made = "`trainer project create`, or of labels with `trainer project import`"
        raise ProjectError(f"{folder}: no {PROJECT_FILE} there; make a labelling project with {made}")
    return _checked(path, _decode(path, _read(path), kind=ProjectDescription))


def encoded_description(folder: Path, content: Mapping[str, object]) -> bytes:
    """The text of project.json, read back once; pairs stand there only where there are any, as in older files.

    Raises:
        ProjectError: names that cannot be used.
    """
    path = folder / PROJECT_FILE
    text = msgspec.json.encode({"schema": 1} | {key: value for key, value in content.items() if value or key != "pairs"})
    _checked(path, _decode(path, text, kind=ProjectDescription))
    return msgspec.json.format(text, indent=2) + b"\n"


def _checked(path: Path, description: ProjectDescription) -> ProjectDescription:
    for key, names in (("point_names", description.point_names), ("tags", description.tags)):
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise ProjectError(f"{key}: '{repeated}' stands there twice; expected each name once", file=path)
    for key, pairs in (("skeleton", description.skeleton), ("pairs", description.pairs)):
        for one, other in pairs:
            if one == other or not {one, other} <= set(description.point_names):
                raise ProjectError(
                    f"{key} joins '{one}' and '{other}'; expected two different names of {', '.join(description.point_names)}", file=path
                )
    sided = [name for pair in description.pairs for name in pair]
    twice = next((name for name in sided if sided.count(name) > 1), None)
    if twice is not None:
        raise ProjectError(f"pairs: '{twice}' is in two pairs; expected each point in one", file=path)
    return description


def read_frames(folder: Path) -> tuple[ProjectFrame, ...]:
    """Read frames.json, in numeric order of video and frame.

    Raises:
        ProjectError: missing, damaged, a picture named twice, absent or outside the project.
    """
    path = folder / FRAMES_FILE
    frames = _decode(path, _read(path), kind=_FramesFile).frames
    seen: set[str] = set()
    for index, frame in enumerate(frames):
        where = f"{path}: frames[{index}].image"
        picture = inside(folder, frame.image, where=where)
        if not frame.image.startswith(f"{IMAGES_FOLDER}/") or frame.image.count("/") != 2:
            raise ProjectError(f"{where} is '{frame.image}'; expected {IMAGES_FOLDER}/<video>/<number>.png")
        if frame.image in seen:
            raise ProjectError(f"{where} '{frame.image}' stands there twice; delete one of the two entries")
        if not picture.is_file():
            raise ProjectError(f"{where} '{frame.image}' is not there; put the picture back or delete the entry")
        seen.add(frame.image)
    return _in_order(frames)


def write_frames(folder: Path, frames: Iterable[ProjectFrame]) -> tuple[ProjectFrame, ...]:
    """Write frames.json and return the frames in its order, that of video and frame by number.

    Raises:
        ProjectError: a disk that is full; the earlier file stays.
    """
    ordered = _in_order(frames)
    lines = ",\n".join(msgspec.json.encode(frame).decode() for frame in ordered)
    replace_file(folder / FRAMES_FILE, f'{{"schema": 1, "frames": [\n{lines}\n]}}\n'.encode())
    return ordered


def _in_order(frames: Iterable[ProjectFrame]) -> tuple[ProjectFrame, ...]:
    return tuple(sorted(frames, key=lambda frame: (numeric_key(frame.group), frame.frame, frame.image)))


def picture_in(group: str, number: int) -> str:
    """The name of frame `number` in the folder of a group: images/<group>/<number>.png."""
    return f"{IMAGES_FOLDER}/{folder_of(group)}/{number:06d}.png"


def folder_of(group: str) -> str:
    """The name of the folder of a group of pictures: its own, without what no file system likes."""
    return _UNFIT.sub("_", group).strip().lstrip(".") or "video"


def picture_path(video: str, number: int, frames: Sequence[ProjectFrame]) -> str:
    """Where the picture of a frame belongs: images/<video>/<number>.png.

    The folder is named like the video without its ending; with it, where another video of that stem has the folder. A
    name without ending (labels of other tools often keep no more) means the video that has the folder.
    """
    folder, ending = _stem(video), video_ending(video)
    for frame in frames:
        other = video_ending(frame.video)
        if frame.group == folder and ending and other and video != frame.video:
            folder = folder_of(video)
            break
    return picture_in(folder, number)


def _stem(video: str) -> str:
    return folder_of(video.removesuffix(video_ending(video)))


def inside(folder: Path, relative: str, *, where: str | None = None) -> Path:
    """A path below the project, after following links.

    Raises:
        ProjectError: it is absolute, climbs, or a link leads out.
    """
    place = where or f"{folder}:"
    if {"", ".", ".."} & set(relative.split("/")) or "\\" in relative or "\0" in relative:
        raise ProjectError(f"{place} {relative!r} is not a plain path below the project; expected no '..', no '\\' and no leading '/'")
    path = folder / relative
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError) as problem:
        raise ProjectError(f"{place} {relative!r} is a link that leads in a circle; put the file itself there") from problem
    if not resolved.is_relative_to(folder.resolve()):
        raise ProjectError(f"{place} {relative!r} leads out of the project through a link; put the file itself there")
    return path


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and wait until it is on the disk under its name; its folder is made.

    Raises:
        ProjectError: a disk that is full or a folder that cannot be written; what was there before is untouched.
    """
    put_file(path, content)
    sync_folder(path.parent)


def put_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; its name is sure to outlive a power cut only after `sync_folder`.

    Raises:
        ProjectError: a disk that is full or a folder that cannot be written; what was there before is untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole_files.write_whole(path, content)
    except OSError as problem:
        raise ProjectError(f"could not be written: {problem.strerror}; {remedy(problem)}", file=path) from problem


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk.

    Raises:
        ProjectError: the disk refuses.
    """
    try:
        whole_files.sync_folder(folder)
    except OSError as problem:
        raise ProjectError(f"{folder}: could not be written: {problem.strerror}; {remedy(problem)}") from problem


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep two writers of one project from adding frames or names at once: the second waits.

    Raises:
        ProjectError: there is no project.
    """
    path = folder / PROJECT_FILE
    while True:
        try:
            file = path.open("rb")
        except OSError as problem:
            raise ProjectError(f"cannot be read: {problem.strerror}", file=path) from problem
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not path.exists() or os.fstat(file.fileno()).st_ino != path.stat().st_ino:
                continue  # replaced while this one waited: its lock keeps nobody out
            yield
            return


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise ProjectError(f"cannot be read: {problem.strerror}; restore a copy of the file", file=path) from problem


def _decode(path: Path, content: bytes, *, kind: type[_File]) -> _File:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ProjectError(f"{problem}; expected {path.name} of a labelling project of schema 1", file=path) from None
