"""A labelling project: a folder of frames, and for each annotator a file of labels. The only door to its files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import cv2
import msgspec
import numpy as np

from tracker.frame import Image
from tracker.whole_files import remedy
from trainer.errors import LabelError, ProjectError
from trainer.labels.images import ImageRef, Size, image_size, read_image
from trainer.labels.numeric_order import numeric_key
from trainer.project.files import (
    FRAMES_FILE,
    IMAGES_FOLDER,
    LABELS_FOLDER,
    encoded_description,
    inside,
    locked,
    picture_in,
    picture_path,
    put_file,
    read_frames,
    read_project_description,
    replace_file,
    sync_folder,
    write_frames,
)
from trainer.project.files import PROJECT_FILE as PROJECT_FILE
from trainer.project.files import ProjectFrame as ProjectFrame
from trainer.project.layer import HIDDEN as HIDDEN
from trainer.project.layer import FrameLabel as FrameLabel
from trainer.project.layer import Layer as Layer
from trainer.project.layer import Vocabulary, check_annotator, check_layer, decode_layer, encode_layer
from trainer.project.unfinished_writing import settle_unfinished
from trainer.video_files.endings import video_ending

Pair = tuple[str, str]
_Item = TypeVar("_Item")

OTHER_PICTURE = 32  # grey levels; decoders of one video differ by a few, frames of two videos somewhere by more


@dataclass(slots=True, kw_only=True)
class Project:
    """An open project. `frames` are in numeric order of video and frame, and grow with `add_frames` alone, names with `add_names`."""

    folder: Path
    point_names: tuple[str, ...]
    skeleton: tuple[tuple[str, str], ...]
    tags: tuple[str, ...]
    animals: int
    frames: tuple[ProjectFrame, ...]
    pairs: tuple[tuple[str, str], ...] = ()
    _sizes: dict[str, Size] = field(default_factory=dict, repr=False)  # pictures never change once they are there

    def annotators(self) -> tuple[str, ...]:
        """Who has labels in this project, in numeric order."""
        return tuple(sorted((path.stem for path in (self.folder / LABELS_FOLDER).glob("*.json")), key=numeric_key))

    def read_layer(self, annotator: str) -> Layer:
        """Labels of one annotator; empty for one who has not begun.

        Raises:
            ProjectError: damaged labels, or labels that do not fit the project, in one sentence with file and key.
        """
        settle_unfinished(self.folder)
        path = self._layer_path(annotator)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return Layer(annotator=annotator, frames={})
        except OSError as problem:
            raise ProjectError(f"{path}: cannot be read: {problem.strerror}") from problem
        layer = decode_layer(path, content)
        self._check(path, layer)
        return layer

    def write_layer(self, layer: Layer) -> None:
        """Replace the labels of one annotator, whole or not at all, and wait until they are on the disk.

        Raises:
            ProjectError: labels that `read_layer` would refuse, or a disk that is full; the earlier ones stay.
        """
        replace_file(self._layer_path(layer.annotator), self.layer_text(layer))

    def layer_text(self, layer: Layer) -> bytes:
        """What the file of an annotator's labels holds.

        Raises:
            ProjectError: labels that `read_layer` would refuse.
        """
        self._check(self._layer_path(layer.annotator), layer)
        order = {frame.image: number for number, frame in enumerate(self.frames)}
        return encode_layer(layer, order=order)

    def add_frames(self, video: Path, images: Iterable[tuple[int, Image]], *, why: str, group: str | None = None) -> int:
        """Copy frames of a video into the project, losslessly; those it has already are ignored.

        Args:
            video: its file name is kept; the file is not read.
            images: frame number in the video, and the picture: uint8, (h, w) or (h, w, 3) RGB.
            why: how they were chosen.
            group: the folder for their pictures; None for one named like the video.

        Returns:
            How many were added.

        Raises:
            ProjectError: another picture under the same video and number, a full disk.
        """
        with locked(self.folder):
            self.frames = read_frames(self.folder)
            fresh = self._put_fresh(video.name, images, why=why, group=group)
            for name in {frame.group for frame in fresh}:
                sync_folder(self.folder / IMAGES_FOLDER / name)
            if fresh:
                self.frames = write_frames(self.folder, [*self.frames, *fresh])
        return len(fresh)

    def read_again(self) -> None:
        """Take in what others have added to the project since it was opened.

        Raises:
            ProjectError: the project is damaged.
        """
        there = read_project_description(self.folder)
        self.point_names, self.skeleton, self.pairs, self.tags = there.point_names, there.skeleton, there.pairs, there.tags
        self.frames = read_frames(self.folder)

    def add_names(
        self, *, points: Sequence[str] = (), skeleton: Sequence[Pair] = (), pairs: Sequence[Pair] = (), tags: Sequence[str] = ()
    ) -> None:
        """Add points, lines between points, pairs of left and right, and tags; those that are there are ignored, none goes.

        Frames that were labelled before a point was added lack it, and count as begun.

        Raises:
            ProjectError: names that cannot be used, or a full disk; the project is then as before.
        """
        with locked(self.folder):
            there = read_project_description(self.folder)
            described = msgspec.structs.replace(
                there,
                point_names=_with(there.point_names, points),
                skeleton=_with(there.skeleton, skeleton),
                pairs=_with(there.pairs, pairs),
                tags=_with(there.tags, tags),
            )
            replace_file(self.folder / PROJECT_FILE, encoded_description(self.folder, msgspec.structs.asdict(described)))
        self.point_names, self.skeleton = described.point_names, described.skeleton
        self.pairs, self.tags = described.pairs, described.tags

    def image_of(self, video: str, number: int) -> str:
        """The name that frame `number` of a video has, or would have, among `frames`."""
        return picture_path(video, number, self.frames)

    def image_ref(self, image: str) -> ImageRef:
        """Where the picture of a frame is.

        Raises:
            ProjectError: the name leads out of the project.
        """
        return ImageRef(path=inside(self.folder, image), frame=None)

    def image_size(self, image: str) -> Size:
        """(height, width) of the picture of a frame.

        Raises:
            ProjectError: it is missing, damaged, or outside the project.
        """
        if image not in self._sizes:
            try:
                self._sizes[image] = image_size(self.image_ref(image))
            except LabelError as problem:
                raise ProjectError(str(problem)) from problem
        return self._sizes[image]

    def shows(self, image: str, picture: Image) -> bool:
        """Whether the picture of a frame is a given one, uint8 (h, w) or (h, w, 3) RGB, but for what decoders differ by.

        Raises:
            LabelError: it is missing or damaged.
        """
        there = read_image(self.image_ref(image), self.image_size(image))
        return there.shape[:2] == picture.shape[:2] and int(cv2.absdiff(_in_colour(there), _in_colour(picture)).max()) <= OTHER_PICTURE

    def _put_fresh(self, video: str, images: Iterable[tuple[int, Image]], *, why: str, group: str | None) -> list[ProjectFrame]:
        there = {frame.image for frame in self.frames}
        fresh: list[ProjectFrame] = []
        for number, image in images:
            name = self.image_of(video, number) if group is None else picture_in(group, number)
            frame = ProjectFrame(image=name, video=video, frame=number, why=why)
            if name in there:
                self._refuse_other_picture(frame, image)
                continue
            self._sizes[name] = (image.shape[0], image.shape[1])
            put_file(inside(self.folder, name), _png(image))
            there.add(name)
            fresh.append(frame)
        return fresh

    def _check(self, path: Path, layer: Layer) -> None:
        images = {frame.image for frame in self.frames}
        vocabulary = Vocabulary(point_names=self.point_names, tags=self.tags, animals=self.animals, images=images)
        check_layer(str(path), layer, vocabulary=vocabulary, size_of=self.image_size)

    def _layer_path(self, annotator: str) -> Path:
        return inside(self.folder, f"{LABELS_FOLDER}/{check_annotator(annotator)}.json")

    def _refuse_other_picture(self, frame: ProjectFrame, image: Image) -> None:
        if not self.shows(frame.image, image):
            kind = "video" if video_ending(frame.video) else "video or folder of pictures"
            raise ProjectError(
                f"{self.folder}: has another picture as frame {frame.frame} of {frame.video} already ({frame.image}); "
                f"is it another {kind} of the same name? rename one of the two"
            )


def create_project(
    folder: Path,
    *,
    point_names: Sequence[str],
    skeleton: Sequence[tuple[str, str]] = (),
    tags: Sequence[str] = (),
    animals: int = 1,
    pairs: Sequence[Pair] = (),
) -> Project:
    """Make an empty project; the folder may exist, but not as a project.

    Raises:
        ProjectError: a project is there already, names that cannot be used, a folder that cannot be written.
    """
    if (folder / PROJECT_FILE).exists() or (folder / FRAMES_FILE).exists():
        raise ProjectError(f"{folder}: a labelling project is there already; choose another folder or label in that one")
    lines: dict[str, object] = {"skeleton": [list(pair) for pair in skeleton], "pairs": [list(pair) for pair in pairs]}
    text = encoded_description(folder, {"point_names": list(point_names), **lines, "tags": list(tags), "animals": animals})
    try:
        for name in (IMAGES_FOLDER, LABELS_FOLDER):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise ProjectError(f"{folder}: cannot be written: {problem.strerror}; {remedy(problem)}") from problem
    write_frames(folder, ())
    replace_file(folder / PROJECT_FILE, text)  # last, so that a project is whole or not there
    return open_project(folder)


def open_project(folder: Path) -> Project:
    """Open a project and check everything but the labels, which `read_layer` checks.

    Raises:
        ProjectError: no project, damaged, of another schema, or reaching outside its folder, in one sentence.
    """
    description = read_project_description(folder)
    return Project(
        folder=folder,
        point_names=description.point_names,
        skeleton=description.skeleton,
        tags=description.tags,
        animals=description.animals,
        frames=read_frames(folder),
        pairs=description.pairs,
    )


def _with(there: tuple[_Item, ...], more: Sequence[_Item]) -> tuple[_Item, ...]:
    return tuple(dict.fromkeys([*there, *more]))


def _in_colour(image: Image) -> Image:
    """(h, w, 3): a grey picture is the same one in one channel or in three."""
    return image if image.ndim == 3 else np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB), np.uint8)


def _png(image: Image) -> bytes:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    return bytes(cv2.imencode(".png", np.ascontiguousarray(bgr))[1].tobytes())
