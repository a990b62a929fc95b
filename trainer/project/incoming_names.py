"""Names of points in labels that come into a project, of videos whose points were renamed there: they are renamed likewise.

Labels from outside have the names from before, as those had that were renamed, unless frames that are labelled on both sides show that
they have the new ones already, as what was exported from the project itself has.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from trainer.errors import ProjectError
from trainer.project.files import PROJECT_FILE
from trainer.project.layer import FrameLabel, Layer
from trainer.project.layer_arrays import FAR_PX, label_arrays, same_animals
from trainer.project.renamed_labels import has_any, with_names
from trainer.project.renamings import Names, Renamings, names_in_words, net_names, read_renamings
from trainer.project.store import Project

AS_GIVEN = "--names-as-given"

_Labels = Mapping[str, FrameLabel]  # by image


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedVideo:
    """What was done about the names of labels that came in, of a video whose points had been renamed.

    Attributes:
        group: the video's folder of pictures.
        names: what the renamings have made of the names before; None where an earlier version has not written it down.
        renamed: whether the labels that came got these names; otherwise they keep their own.
        judged: whether labels of the same frames showed what names they came with.
    """

    group: str
    names: Names | None
    renamed: bool = False
    judged: bool = False

    def __str__(self) -> str:
        """One sentence for people, without an end."""
        if self.names is None:
            return (
                f"points of '{self.group}' were renamed in this project by an earlier version, which did not write down which: the labels "
                "that were imported now keep the names from before; look at them on the labelling page, where y exchanges left and right"
            )
        said = f"points of '{self.group}' were renamed in this project ({names_in_words(self.names)}): the labels that were imported now"
        if not self.renamed:
            return f"{said} have the new names already, as the frames show that were labelled in both, and keep them"
        unless = "" if self.judged else f" (where they had the new names already, they are imported with {AS_GIVEN})"
        return f"{said} are renamed likewise{unless}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedLabels:
    """Labels with the names that they are to have in a project.

    Attributes:
        labels: by image.
        videos: of which points had been renamed.
        renamings: of videos of another project that nobody has labelled in this one: with the labels they become its own.
    """

    labels: Mapping[str, FrameLabel]
    videos: tuple[NamedVideo, ...] = ()
    renamings: Mapping[str, Renamings] = field(default_factory=dict)


def named_as_there(project: Project, labels: _Labels, *, mine: Layer, source: Path, as_given: bool) -> NamedLabels:
    """Labels from outside with the names that the points of their videos have in a project.

    Args:
        project: where they are to be.
        labels: that come, by image.
        mine: what their annotator has there.
        source: where they come from; another labelling project tells what was renamed in it.
        as_given: whether they have the names of the project already.

    Raises:
        ProjectError: a damaged record, another project in which points were renamed otherwise, two points that would share a name.
    """
    known, others = read_renamings(project.folder), _renamings_of(source)
    there = _layers(project, mine) if known or others else []
    named, videos, carried = dict(labels), list[NamedVideo](), dict[str, Renamings]()
    for group in dict.fromkeys(map(group_of, labels)):
        done, theirs = known.get(group, ()), others.get(group, ())
        if alike(done, theirs):
            continue
        if theirs and not any(group_of(image) == group for layer in there for image in layer.frames):
            carried[group] = theirs
        elif as_given:
            continue
        else:
            of_video = {image: label for image, label in labels.items() if group_of(image) == group}
            video, renamed = _of_video(project, group, _since(done, theirs, group, where=(project.folder, source)), of_video, there)
            named |= renamed
            videos += [video] if video.names != {} else []
    return NamedLabels(labels=named, videos=tuple(videos), renamings=carried)


def group_of(image: str) -> str:
    """The folder of a picture, which stands for its video."""
    return PurePosixPath(image).parent.name


def alike(one: Renamings, other: Renamings) -> bool:
    """Whether two projects' renamings of a video have made the same of the same names; two that were only counted, as often, are copies."""
    return one == other or (None not in (*one, *other) and net_names(one) == net_names(other))


def renamings_in_words(renamings: Renamings) -> str:
    """Which points were renamed; that none were, or that it is not known."""
    names = net_names(renamings)
    if names is None:
        return "an earlier version did not write down which"
    return names_in_words(names) or ("and back again" if renamings else "none")


def _since(done: Renamings, theirs: Renamings, group: str, *, where: tuple[Path, Path]) -> Names | None:
    """What was renamed in this project and not in the other one yet; None where it is not known."""
    if None not in theirs and done[: len(theirs)] == theirs:
        return net_names(done[len(theirs) :])
    raise ProjectError(
        f"{where[1]}: points of '{group}' were renamed there ({renamings_in_words(theirs)}) and otherwise in {where[0]} "
        f"({renamings_in_words(done)}); rename them in one of the two until the names are the same, and then, or if they are already, "
        f"give {AS_GIVEN}"
    )


def _renamings_of(source: Path) -> dict[str, Renamings]:
    """What was renamed in the labelling project that labels come from; nothing of other labels."""
    folder = source.parent if source.name == PROJECT_FILE else source
    return read_renamings(folder) if (folder / PROJECT_FILE).is_file() else {}


def _layers(project: Project, mine: Layer) -> list[Layer]:
    """Everybody's labels, the annotator's own first."""
    return [mine, *(project.read_layer(name) for name in project.annotators() if name != mine.annotator)]


def _of_video(project: Project, group: str, names: Names | None, labels: _Labels, there: Sequence[Layer]) -> tuple[NamedVideo, _Labels]:
    """What is to be done about the names of one video's labels, and those that get others."""
    if not names:
        return NamedVideo(group=group, names=names), {}
    remedy = f"points of '{group}' were renamed there ({names_in_words(names)}): if the labels have the new names already, give {AS_GIVEN}"
    renamed = {
        image: with_names(label, names, where=f"{project.folder}: {image}", remedy=remedy)
        for image, label in labels.items()
        if has_any(label, names)
    }
    given, likewise = _votes(project, {image: (labels[image], other) for image, other in renamed.items()}, names=names, there=there)
    video = NamedVideo(group=group, names=names, renamed=given <= likewise, judged=given != likewise)
    return video, renamed if video.renamed else {}


def _votes(
    project: Project, labels: Mapping[str, tuple[FrameLabel, FrameLabel]], *, names: Names, there: Sequence[Layer]
) -> tuple[int, int]:
    """In how many frames the labels as they came, and as they would be renamed, are nearer to those there.

    They are compared with the annotator's own, and only where these tell nothing with those of others.
    """
    columns = [index for index, name in enumerate(project.point_names) if name in {*names, *names.values()}]
    for layers in (there[:1], there[1:]):
        nearer = [
            _apart(project, layer.frames[image], given, columns=columns) - _apart(project, layer.frames[image], renamed, columns=columns)
            for layer in layers
            for image, (given, renamed) in labels.items()
            if image in layer.frames
        ]
        if any(nearer):
            return sum(difference < 0 for difference in nearer), sum(difference > 0 for difference in nearer)
    return 0, 0


def _apart(project: Project, one: FrameLabel, other: FrameLabel, *, columns: Collection[int]) -> float:
    """How far these points of two labels of a frame lie from each other in all, px; far where only one of them is there."""
    names, animals = project.point_names, project.animals
    points, hidden = label_arrays(one, point_names=names, animals=animals)
    others, others_hidden = label_arrays(other, point_names=names, animals=animals)
    order = same_animals(points, others)
    others, others_hidden = others[order], others_hidden[order]
    neither = np.isnan(points).any(axis=2) & np.isnan(others).any(axis=2) & (hidden == others_hidden)
    apart = np.nan_to_num(np.hypot(*np.moveaxis(points - others, -1, 0)), nan=FAR_PX)
    return float(np.where(neither, 0, apart)[:, list(columns)].sum())
