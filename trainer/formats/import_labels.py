"""Labels of other tools, and of other projects, into a labelling project."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.progress import track

from trainer.errors import ProjectError
from trainer.formats.empty_cells import Empty, count_empty
from trainer.formats.project_numbers import file_names, numbered_as_in, numbers_of_frames
from trainer.formats.read_labels import read_settled, says_hidden
from trainer.labels.images import read_image
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.misnamed import how_names_differ
from trainer.labels.missing_images import LeftOut
from trainer.labels.time_order import time_is_known
from trainer.project.files import BY_NAME, IMPORTED, LABELS_FOLDER, PROJECT_FILE, folder_of, picture_in
from trainer.project.import_record import ImportRecord, read_import_record, remember_import
from trainer.project.incoming_names import NamedVideo, group_of, named_as_there
from trainer.project.layer import HIDDEN, FrameLabel, Layer, Place, check_annotator
from trainer.project.layer_lock import LayerLock
from trainer.project.merged_names import merged_pairs, merged_renamings
from trainer.project.renamings import add_renamings
from trainer.project.same_pictures import SecondName, second_names
from trainer.project.store import Project, create_project, open_project
from trainer.project.video_places import remember_videos
from trainer.sentences import frames as in_frames
from trainer.video_files.endings import find_video

_Picture = TypeVar("_Picture")
IMPORT_REMEDY = (
    "give --keep-changed, and these frames stay as they are in the project; or, where somebody else has labelled them, import under "
    "that annotator's name"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportChoice:
    """How labels of another tool are taken.

    Attributes:
        annotator: whose they shall be; labels that this annotator has already must not differ, unless they are kept.
        media: folders in which pictures and videos are looked for first.
        empty: what an empty cell means, None where nobody has said.
        skip_missing: frames whose picture or video is not there are left out; otherwise they are refused.
        keep_changed: frames of which the annotator has other labels, or none any more, stay as they are; otherwise other labels are
            refused, and emptied frames are filled again.
        names_as_given: of videos of which points were renamed in the project, the labels have the new names already.
    """

    annotator: str
    media: tuple[Path, ...] = ()
    empty: Empty | None = None
    skip_missing: bool = False
    keep_changed: bool = False
    names_as_given: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came of an import.

    Attributes:
        added: frames that were added.
        labelled: frames that have labels of the annotator now.
        made: whether the project was made for them.
        left_out: how many frames of each video or folder were left out, as their pictures are not there.
        kept: frames that stayed as they are in the project, where the annotator has changed them.
        empty: in how many labelled animals a point has an empty cell that was taken as not labelled, where nobody has said; by point.
        named: videos of which points had been renamed in the project, and labels were added.
        second: videos that were added with the pictures of one that is there under another name.
    """

    added: int
    labelled: int
    made: bool
    kept: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    empty: Mapping[str, int] = field(default_factory=dict)
    named: tuple[NamedVideo, ...] = ()
    second: tuple[SecondName, ...] = ()


def import_labels(project_folder: Path, source: Path, choice: ImportChoice, *, console: Console | None = None) -> Imported:
    """Copy labels that `read_labels` can read, and their images, into a project as one annotator's.

    A project that is not there is made, with the names, skeleton, tags and number of animals of the labels.

    Args:
        project_folder: the project.
        source: labels of any kind, of the same key points in any order.
        choice: whose they shall be, and how they are to be understood.
        console: where the progress bar is drawn, None for nowhere.

    Raises:
        LabelError: unreadable labels, other key points, tags or numbers of animals than the project's, other pictures under
            the same video and number, labels that differ from the annotator's; the project's labels are then as before.
    """
    check_annotator(choice.annotator)
    made = not (project_folder / PROJECT_FILE).exists()
    left_out = LeftOut()
    frames = read_settled(source, choice.empty, media=choice.media, left_out=left_out if choice.skip_missing else None)
    _refuse_shared_names(frames, source)
    project = _made_for(project_folder, frames) if made else open_project(project_folder)
    with closing(LayerLock(project_folder, choice.annotator)):
        mine, record = project.read_layer(choice.annotator), read_import_record(project_folder)
        frames = _numbered(project, frames, record, source=source)
        images = _images(frames)
        given = {image: _label(frames, index) for index, image in enumerate(images)}
        names = named_as_there(project, given, mine=mine, source=source, as_given=choice.names_as_given)
        why = f"{IMPORTED} {source.name}"
        changed = _changed(mine, names.labels, before=_given(project, mine, record, why=why)) if choice.keep_changed else set()
        taken = {image: label for image, label in names.labels.items() if image not in changed}
        _refuse_differences(project, mine, taken, remedy=IMPORT_REMEDY)
        before = {frame.group for frame in project.frames}
        added = _add_frames(project, frames, why=why, console=console)
        add_renamings(project_folder, names.renamings)
        project.write_layer(Layer(annotator=choice.annotator, frames=mine.frames | taken))
        remember_import(project_folder, names=file_names(frames, images), given={choice.annotator: images})
    remember_videos(project_folder, _videos(frames, images, [*choice.media, *_around(source)]))
    fresh = {group_of(image) for image in taken.keys() - mine.frames.keys()}
    return Imported(
        added=added,
        labelled=len(given.keys() & (mine.frames.keys() | taken.keys())),
        made=made,
        kept=len(changed),
        left_out=left_out.by_group,
        empty=count_empty(frames) if choice.empty is None and not says_hidden(source) else {},
        named=tuple(video for video in names.videos if video.group in fresh),
        second=second_names(project, {group_of(image) for image in images} - before) if before else (),
    )


def _numbered(project: Project, frames: LabelledFrames, record: ImportRecord, *, source: Path) -> LabelledFrames:
    """The labelled frames with their numbers in the project, which could take them."""
    _refuse_other_vocabulary(project, frames, source)
    numbered = numbered_as_in(project, frames, record.names)
    _refuse_shared_names(numbered, source)
    return numbered


def _around(source: Path) -> list[Path]:
    """Folders in which videos of these labels may be."""
    return [source if source.is_dir() else source.parent, *source.absolute().parents[:3]]


def _images(frames: LabelledFrames) -> tuple[str, ...]:
    return tuple(picture_in(group, number) for group, number in zip(frames.group, frames.order.tolist(), strict=True))


def _given(project: Project, mine: Layer, record: ImportRecord, *, why: str) -> set[str]:
    """Images whose labels the annotator has got by an import before; one of them without labels has been emptied since.

    Frames of older projects, of which nothing was recorded, are those that an import of the same name has added; an annotator
    without any label is then a new one.
    """
    recorded = frozenset[str]().union(*record.given.values())
    unknown = {frame.image for frame in project.frames if frame.why.removesuffix(BY_NAME) == why} - recorded
    known = {frame.image for frame in project.frames} & set(record.given.get(mine.annotator, ()))
    return known | (unknown if mine.frames else set())


def _changed(mine: Layer, theirs: Mapping[str, FrameLabel], *, before: set[str]) -> set[str]:
    """Frames whose labels the annotator has changed or taken away.

    Args:
        mine: what the annotator has.
        theirs: what is imported.
        before: frames whose labels the annotator has got before.
    """
    other = {image for image, label in theirs.items() if image in mine.frames and mine.frames[image] != label}
    return other | ((before & theirs.keys()) - mine.frames.keys())


def _made_for(folder: Path, frames: LabelledFrames) -> Project:
    tags = sorted(frozenset[str]().union(*frames.tags))
    return create_project(
        folder, point_names=frames.point_names, skeleton=frames.skeleton, pairs=frames.pairs, tags=tags, animals=frames.animals
    )


def _videos(frames: LabelledFrames, images: tuple[str, ...], near: Sequence[Path]) -> dict[str, Path]:
    """The video file of each folder of pictures that has one: the one that they are frames of, or else one of its name."""
    found: dict[str, Path] = {}
    for image, ref, group in zip(images, frames.images, frames.group, strict=True):
        folder = PurePosixPath(image).parent.name
        if folder not in found:
            video = ref.path if ref.frame is not None and ref.dataset is None else find_video(group, near=near)
            found |= {} if video is None else {folder: video}
    return found


def merge_projects(project_folder: Path, other_folder: Path, *, console: Console | None = None) -> int:
    """Copy frames and labels of another project into a project, each annotator's to the same annotator.

    Its pairs of left and right come with them, and what was renamed in it.

    Returns:
        How many frames were added.

    Raises:
        ProjectError: other key points or tags, other pictures under the same video and number, an annotator who labelled
            a frame in both and differently, points that are paired or were renamed otherwise; labels are then as before.
    """
    project, other = open_project(project_folder), open_project(other_folder)
    _refuse_other_names(project, other.point_names, source=other_folder)
    annotators = other.annotators()
    with ExitStack() as locks:
        for annotator in annotators:
            locks.enter_context(closing(LayerLock(project_folder, annotator)))
        record = read_import_record(other_folder)
        numbers = numbers_of_frames(project, other, names=read_import_record(project_folder).names, other_names=record.names)
        images = {frame.image: project.image_of(frame.video, numbers[frame.image]) for frame in other.frames}
        moved = {annotator: _moved(other, annotator, images) for annotator in annotators}
        for annotator, theirs in moved.items():
            _refuse_differences(project, project.read_layer(annotator), theirs, remedy="delete one of the two")
        pairs, renamings = merged_pairs(project, other), merged_renamings(project, other, images)
        added = _copy_frames(project, other, numbers, console=console)
        project.add_names(pairs=pairs)
        add_renamings(project_folder, renamings)
        for annotator, theirs in moved.items():
            project.write_layer(Layer(annotator=annotator, frames=project.read_layer(annotator).frames | theirs))
        remember_import(
            project_folder,
            names={images[image]: name for image, name in record.names.items() if image in images},
            given={annotator: [images[image] for image in given if image in images] for annotator, given in record.given.items()},
        )
    return added


def _moved(other: Project, annotator: str, images: Mapping[str, str]) -> dict[str, FrameLabel]:
    """Labels of another project under the names that its frames have in this one."""
    return {images[image]: label for image, label in other.read_layer(annotator).frames.items()}


def _copy_frames(project: Project, other: Project, numbers: Mapping[str, int], *, console: Console | None) -> int:
    added, there = 0, {frame.image for frame in project.frames}
    for (video, why), run in groupby(other.frames, key=lambda frame: (frame.video, frame.why)):
        frames = list(run)
        fresh = not {project.image_of(video, numbers[frame.image]) for frame in frames} <= there
        chosen = _with_bar(frames, video, fresh=fresh, console=console)
        pictures = ((numbers[frame.image], read_image(other.image_ref(frame.image), other.image_size(frame.image))) for frame in chosen)
        added += project.add_frames(Path(video), pictures, why=why)
    return added


def _refuse_other_vocabulary(project: Project, frames: LabelledFrames, source: Path) -> None:
    _refuse_other_names(project, frames.point_names, source=source)
    if frames.animals > project.animals:
        raise ProjectError(f"{source}: labels {frames.animals} animals; {project.folder} is for {project.animals}: make another project")
    unknown = sorted(frozenset[str]().union(*frames.tags) - set(project.tags))
    if unknown:
        known = ", ".join(project.tags) or "none"
        raise ProjectError(f"{source}: has the tags {', '.join(unknown)}; {project.folder} has {known}: add them to its project.json")


def _refuse_other_names(project: Project, names: tuple[str, ...], *, source: Path) -> None:
    """Points that the project has and the labels lack are not labelled in their frames; the other way round somebody must decide."""
    if not set(names) <= set(project.point_names):
        raise ProjectError(
            f"{source}: labels the key points {', '.join(names)}; {project.folder} has {', '.join(project.point_names)}: "
            f"rename them in one of the two, or add them with `trainer project extend` ({how_names_differ(names, project.point_names)})"
        )


def _refuse_shared_names(frames: LabelledFrames, source: Path) -> None:
    seen: dict[str, int] = {}
    for index, image in enumerate(_images(frames)):
        earlier = seen.setdefault(image, index)
        if earlier != index:
            raise ProjectError(
                f"{source}: {frames.images[earlier]} and {frames.images[index]} are both frame {frames.order[index]} of "
                f"{frames.group[index]}; give their files different numbers"
            )


def _refuse_differences(project: Project, mine: Layer, theirs: Mapping[str, FrameLabel], *, remedy: str) -> None:
    different = [image for image, label in theirs.items() if image in mine.frames and mine.frames[image] != label]
    if different:
        raise ProjectError(
            f"{project.folder / LABELS_FOLDER}: '{mine.annotator}' has other labels of {in_frames(len(different))} already, {different[0]} "
            f"the first of them; {remedy}"
        )


def _label(frames: LabelledFrames, index: int) -> FrameLabel:
    label = FrameLabel(animals=[], tags=sorted(frames.tags[index]))
    for points, hidden in zip(frames.points[index].tolist(), frames.hidden[index].tolist(), strict=True):
        animal: dict[str, Place] = {}
        for name, (x, y), unseen in zip(frames.point_names, points, hidden, strict=True):
            if unseen:
                animal[name] = HIDDEN
            elif not np.isnan(x):
                animal[name] = (x, y)
        label.animals.append(animal)
    while label.animals and not label.animals[-1]:
        label.animals.pop()
    return label


def _add_frames(project: Project, frames: LabelledFrames, *, why: str, console: Console | None) -> int:
    videos = {frame.group: frame.video for frame in project.frames}
    unordered = {frame.group for frame in project.frames if frame.why.endswith(BY_NAME)}
    added, images, there = 0, _images(frames), {frame.image for frame in project.frames}
    for group in dict.fromkeys(frames.group):
        indices = [index for index, name in enumerate(frames.group) if name == group]
        ref = frames.images[indices[0]]
        own = ref.path.name if ref.frame is not None and ref.dataset is None else group
        chosen = _with_bar(indices, group, fresh=not {images[index] for index in indices} <= there, console=console)
        pictures = ((int(frames.order[index]), frames.read(index)) for index in chosen)
        in_time = folder_of(group) not in unordered and time_is_known(frames.subset(np.array(indices)))
        order = "" if in_time else BY_NAME
        added += project.add_frames(Path(videos.get(group, own)), pictures, why=f"{why}{order}", group=group)
    return added


def _with_bar(pictures: Sequence[_Picture], name: str, *, fresh: bool, console: Console | None) -> Iterable[_Picture]:
    """A bar beside what is gone through; of pictures that are all there, which are only compared, none is left standing."""
    if console is None or not (fresh or console.is_terminal):
        return pictures
    return track(pictures, description=f"{'copying' if fresh else 'comparing'} {name}", console=console, transient=not fresh)
