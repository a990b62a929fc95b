"""One annotator's labels of a project: their form in memory and on disk, and the rules they are held to."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from trainer.errors import ProjectError
from trainer.labels.images import Size, sized

HIDDEN: Final = "hidden"

Place = tuple[float, float] | Literal["hidden"]  # x, y in source pixels; or: looked at, and cannot be seen
_ANNOTATOR = re.compile(r"\w(?:[\w .-]{0,62}\w)?")  # a file name anywhere: no separator, no leading dot, no trailing blank


class FrameLabel(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What one annotator said of one frame.

    Attributes:
        animals: for each animal its points by name; a point that is not there has not been labelled.
        excluded: leave this frame out of training and scoring.
        tags: what the frame shows, of the project's tags.
        to_decide: somebody must look again before it is used; not in the file where nobody said so, as older files have it.
    """

    animals: list[dict[str, Place]] = []
    excluded: bool = False
    tags: list[str] = []
    to_decide: bool | UnsetType = UNSET

    def __post_init__(self) -> None:
        """One form for one meaning: a label is compared by what it says."""
        if not self.to_decide:
            self.to_decide = UNSET


class Layer(msgspec.Struct, kw_only=True):
    """All labels of one annotator, by image; a frame that is not there has not been looked at."""

    annotator: str
    frames: dict[str, FrameLabel]


class _LayerFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: Annotated[int, Meta(ge=1, le=1)]
    annotator: str
    frames: dict[str, msgspec.Raw]  # decoded one by one, so that a error message can name the image


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What labels of a project may speak of."""

    point_names: Collection[str]
    tags: Collection[str]
    animals: int
    images: Collection[str]


def check_annotator(name: str) -> str:
    """The name, if it may be part of a file name.

    Raises:
        ProjectError: it may not.
    """
    if not _ANNOTATOR.fullmatch(name) or len(name.encode()) > 200:
        raise ProjectError(
            f"annotator {name!r} cannot be a file name; expected up to 64 letters, digits, blanks, '.', '-' or '_', "
            "beginning and ending with a letter, digit or '_'"
        )
    return name


def decode_layer(path: Path, content: bytes) -> Layer:
    """Bytes of labels/<annotator>.json → labels, not yet held against the project.

    Raises:
        ProjectError: no JSON, of another form, or of another annotator than the file's name says.
    """
    try:
        file = msgspec.json.decode(content, type=_LayerFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ProjectError(f"{path}: {problem}; expected an annotator's labels of schema 1: restore a copy of the file") from None
    if file.annotator != path.stem:
        raise ProjectError(f"{path}: annotator is {file.annotator!r}; expected {path.stem!r} like the file: rename one of the two")
    return Layer(annotator=file.annotator, frames={image: _decode_frame(path, image, raw) for image, raw in file.frames.items()})


def _decode_frame(path: Path, image: str, raw: msgspec.Raw) -> FrameLabel:
    try:
        return msgspec.json.decode(raw, type=FrameLabel)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ProjectError(
            f"{path}: frames: {image}: {problem}; expected animals (name: [x, y] or '{HIDDEN}'), excluded and tags"
        ) from None


def encode_layer(layer: Layer, *, order: Mapping[str, int]) -> bytes:
    """Labels → JSON with one line for each frame, in the project's order, coordinates to the last digit."""
    images = sorted(layer.frames, key=lambda image: order[image])
    lines = [f"{_json(image)}: {_json(layer.frames[image])}" for image in images]
    frames = "{\n" + ",\n".join(lines) + "\n}" if lines else "{}"
    return f'{{"schema": 1, "annotator": {_json(layer.annotator)}, "frames": {frames}}}\n'.encode()


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def check_layer(where: str, layer: Layer, *, vocabulary: Vocabulary, size_of: Callable[[str], Size]) -> None:
    """Hold labels against their project.

    Raises:
        ProjectError: an unknown image, point name or tag, more animals than the project has, a point outside its image.
    """
    for image, label in layer.frames.items():
        place = f"{where}: frames: {image}"
        if image not in vocabulary.images:
            raise ProjectError(f"{place}: is not among the images of frames.json; add the frame or delete these labels")
        unknown = [tag for tag in label.tags if tag not in vocabulary.tags]
        if unknown:
            raise ProjectError(f"{place}: tag '{unknown[0]}' is not one of the project's ({_listed(vocabulary.tags)}); correct it")
        if len(label.animals) > vocabulary.animals:
            raise ProjectError(f"{place}: {len(label.animals)} animals are labelled; expected at most {vocabulary.animals}")
        for number, animal in enumerate(label.animals):
            _check_animal(f"{place}: animals[{number}]", animal, names=vocabulary.point_names, size=size_of(image))


def _check_animal(where: str, animal: Mapping[str, Place], *, names: Collection[str], size: Size) -> None:
    height, width = size
    for name, place in animal.items():
        if name not in names:
            raise ProjectError(f"{where}: point '{name}' is not one of the project's ({_listed(names)}); correct the name")
        if place == HIDDEN:
            continue
        x, y = place
        # a pixel reaches half a pixel around its centre, and centres are whole numbers
        if not (-0.5 <= float(x) <= width - 0.5 and -0.5 <= float(y) <= height - 0.5):
            raise ProjectError(f"{where}: point '{name}' is at ({x}, {y}), outside its image of {sized(size)}; correct it or delete it")


def _listed(names: Collection[str]) -> str:
    return ", ".join(names) or "none"
