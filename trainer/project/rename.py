"""Other names for the points of one video's labels, where somebody has called them otherwise than in the other videos."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from trainer.errors import ProjectError
from trainer.labels.misnamed import did_you_mean
from trainer.project.files import LABELS_FOLDER, picture_in
from trainer.project.layer import Layer
from trainer.project.layer_lock import LayerLock
from trainer.project.renamed_labels import has_any, with_names
from trainer.project.renamings import RENAMINGS_FILE, Names, Renamings, encoded_renamings, names_in_words, read_renamings
from trainer.project.store import Project, open_project
from trainer.project.unfinished_writing import settle_unfinished, write_all_or_none


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """What was renamed.

    Attributes:
        frames: how many frames of each annotator.
        renamings: how often points of this video have been renamed, this time among them.
        unknown: whether it had been done, but nobody knows which points it was.
    """

    frames: Mapping[str, int]
    renamings: int
    unknown: bool = False


def rename_points(folder: Path, video: str, pairs: Sequence[tuple[str, str]], *, renaming: int | None = None) -> Renamed:
    """Give the labels of one video's points other names, for every annotator; the names the other way round take it back.

    Args:
        folder: the labelling project's.
        video: its name, with or without its ending, as the project's frames have it.
        pairs: a name and the one that its point is to have, for each that gets another.
        renaming: only as this one of the video's renamings, from 1: where it was done already, nothing changes; None for the next.

    Raises:
        LabelError: an unknown point or video, a name that two points would share, labels that are open elsewhere, a renaming before
            which another is missing, or one that was done with other names;
            every label is then as before.
        KeyboardInterrupt: stopped by hand; the text says whether all was renamed or nothing.
    """
    project = open_project(folder)
    _refuse_bad_names(project, pairs)
    names = {one: other for one, other in pairs if one != other}
    images = _images_of(project, video)
    with ExitStack() as locks:
        for annotator in project.annotators():
            locks.enter_context(closing(LayerLock(folder, annotator)))
        settle_unfinished(folder)
        known, groups = read_renamings(folder), {PurePosixPath(image).parent.name for image in images}
        done = max((known.get(group, ()) for group in groups), key=len)
        if _was_done(folder, video, done=done, renaming=renaming, names=names):
            return Renamed(frames={}, renamings=len(done), unknown=renaming is not None and done[renaming - 1] is None)
        changed = [_renamed(project.read_layer(annotator), images, names, where=folder) for annotator in project.annotators()]
        frames = {layer.annotator: count for layer, count in changed if count}
        if frames:
            fresh = {group: _one_more(known.get(group, ()), names, after=len(done)) for group in groups}
            layers = {f"{LABELS_FOLDER}/{layer.annotator}.json": project.layer_text(layer) for layer, count in changed if count}
            _write_all(folder, layers | {RENAMINGS_FILE: encoded_renamings(known | fresh)})
    return Renamed(frames=frames, renamings=len(done) + bool(frames))


def _was_done(folder: Path, video: str, *, done: Renamings, renaming: int | None, names: Names) -> bool:
    if renaming is None or renaming == len(done) + 1:
        return False
    if not 1 <= renaming <= len(done):
        raise ProjectError(
            f"{folder}: points of '{video}' were renamed {len(done)} times, so this cannot be renaming {renaming}: look at their labels, "
            "and leave out --renaming to rename them all the same"
        )
    then = done[renaming - 1]
    if then is not None and then != names:
        raise ProjectError(
            f"{folder}: renaming {renaming} of '{video}' was another one ({names_in_words(then) or 'of no point'}), so "
            f"{names_in_words(names)} was not renamed; to rename that as well, give --renaming {len(done) + 1} if the labels still need it"
        )
    return True


def _one_more(known: Renamings, names: Names, *, after: int) -> Renamings:
    """The renamings of a group with one more; of several groups of one video one may have been renamed less often."""
    return (*known, *[{}] * (after - len(known)), names)


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the labels of several annotators and what was renamed, or nothing of it."""
    try:
        write_all_or_none(folder, files)
    except KeyboardInterrupt:
        written = folder / RENAMINGS_FILE
        if written.exists() and written.read_bytes() == files[RENAMINGS_FILE]:
            raise KeyboardInterrupt("stopped by hand when all was done: the points are renamed") from None
        raise KeyboardInterrupt("stopped by hand; nothing was renamed, and the same command begins anew") from None


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
        if has_any(label, names):
            frames[image] = with_names(label, names, where=f"{where}: labels of '{layer.annotator}': {image}")
            count += 1
    return Layer(annotator=layer.annotator, frames=frames), count
