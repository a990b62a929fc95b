"""Other names for the points of one video's labels, where somebody has called them otherwise than in the other videos."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from trainer.errors import ProjectError
from trainer.labels.misnamed import did_you_mean
from trainer.project.files import picture_in
from trainer.project.layer import FrameLabel, Layer, Place
from trainer.project.layer_lock import LayerLock
from trainer.project.renamings import read_renamings, write_renamings
from trainer.project.store import Project, open_project


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """What was renamed.

    Attributes:
        frames: how many frames of each annotator.
        renamings: how often points of this video have been renamed, this time among them.
    """

    frames: Mapping[str, int]
    renamings: int


def rename_points(folder: Path, video: str, pairs: Sequence[tuple[str, str]], *, renaming: int | None = None) -> Renamed:
    """Give the labels of one video's points other names, for every annotator; the names the other way round take it back.

    Args:
        folder: the labelling project's.
        video: its name, with or without its ending, as the project's frames have it.
        pairs: a name and the one that its point is to have, for each that gets another.
        renaming: only as this one of the video's renamings, from 1: where it was done already, nothing changes; None for the next.

    Raises:
        LabelError: an unknown point or video, a name that two points would share, labels that are open elsewhere, a renaming before
            which another is missing; every label is then as before.
    """
    project = open_project(folder)
    _refuse_bad_names(project, pairs)
    names = dict(pairs)
    images = _images_of(project, video)
    annotators = project.annotators()
    with ExitStack() as locks:
        for annotator in annotators:
            locks.enter_context(closing(LayerLock(folder, annotator)))
        renamings, groups = read_renamings(folder), {PurePosixPath(image).parent.name for image in images}
        done = max(renamings.get(group, 0) for group in groups)
        if _was_done(folder, video, done=done, renaming=renaming):
            return Renamed(frames={}, renamings=done)
        changed = [_renamed(project.read_layer(annotator), images, names, where=folder) for annotator in annotators]
        layers = [layer for layer, count in changed if count]
        if layers:
            _write_all(project, layers, renamings | dict.fromkeys(groups, done + 1))
    return Renamed(frames={layer.annotator: count for layer, count in changed if count}, renamings=done + bool(layers))


def _was_done(folder: Path, video: str, *, done: int, renaming: int | None) -> bool:
    if renaming is not None and not 1 <= renaming <= done + 1:
        raise ProjectError(
            f"{folder}: points of '{video}' were renamed {done} times, so this cannot be renaming {renaming}: look at their labels, and "
            "leave out --renaming to rename them all the same"
        )
    return renaming is not None and renaming <= done


def _write_all(project: Project, layers: Sequence[Layer], renamings: Mapping[str, int]) -> None:
    """Write the labels of several annotators, then how often they were renamed; where one cannot be written, all before is put back."""
    before = [project.read_layer(layer.annotator) for layer in layers]
    written = list[Layer]()
    try:
        for layer, earlier in zip(layers, before, strict=True):
            project.write_layer(layer)
            written.append(earlier)
        write_renamings(project.folder, renamings)
    except ProjectError:
        for earlier in written:
            project.write_layer(earlier)
        raise


def _refuse_bad_names(project: Project, pairs: Sequence[tuple[str, str]]) -> None:
    known = project.point_names
    unknown = [name for pair in pairs for name in pair if name not in known]
    if unknown:
        hint = did_you_mean(unknown[0], known)
        raise ProjectError(f"{project.folder}: has no point '{unknown[0]}'; expected some of {', '.join(known)}{hint}")
    for side, words in enumerate(("is to get two names", "is to be the name of two points")):
        twice = [name for name, count in Counter(pair[side] for pair in pairs).items() if count > 1]
        if twice:
            raise ProjectError(f"'{twice[0]}' {words}; expected each name once before the colon and once after it")


def _images_of(project: Project, video: str) -> set[str]:
    """The pictures of one video: by its file's name, or by the folder that its pictures have."""
    folder = PurePosixPath(picture_in(video, 0)).parent.name
    found = {frame.image for frame in project.frames if video in (frame.video, frame.group) or frame.group == folder}
    if not found:
        known = list(dict.fromkeys(frame.group for frame in project.frames))
        hint = did_you_mean(video, known)
        raise ProjectError(f"{project.folder}: has no frame of the video '{video}'; expected one of {', '.join(known)}{hint}")
    return found


def _renamed(layer: Layer, images: set[str], names: Mapping[str, str], *, where: Path) -> tuple[Layer, int]:
    """The labels of one annotator with the new names, and in how many frames there was one to give."""
    frames, count = dict(layer.frames), 0
    for image in images & layer.frames.keys():
        label = layer.frames[image]
        if any(name in animal for animal in label.animals for name in names):
            frames[image] = _with_names(label, names, where=f"{where}: labels of '{layer.annotator}': {image}")
            count += 1
    return Layer(annotator=layer.annotator, frames=frames), count


def _with_names(label: FrameLabel, names: Mapping[str, str], *, where: str) -> FrameLabel:
    animals: list[dict[str, Place]] = []
    for animal in label.animals:
        renamed: dict[str, Place] = {}
        for name, place in animal.items():
            other = names.get(name, name)
            if other in renamed:
                raise ProjectError(
                    f"{where}: would have two points '{other}'; rename that one as well, as in `--points a:b b:a`, which exchanges two"
                )
            renamed[other] = place
        animals.append(renamed)
    return msgspec.structs.replace(label, animals=animals)
