"""What two labelling projects that are merged say of the names of points: pairs of left and right, and what was renamed in which video."""

from collections.abc import Mapping

from trainer.errors import ProjectError
from trainer.project.incoming_names import AS_GIVEN, alike, group_of, renamings_in_words
from trainer.project.renamings import Renamings, read_renamings
from trainer.project.store import Pair, Project


def merged_pairs(project: Project, other: Project) -> list[Pair]:
    """The pairs of another project that one lacks.

    Raises:
        ProjectError: a point has another partner in each.
    """
    there = {frozenset(pair) for pair in project.pairs}
    fresh = [pair for pair in other.pairs if frozenset(pair) not in there]
    for pair in fresh:
        for known in project.pairs:
            if set(pair) & set(known):
                raise ProjectError(
                    f"{other.folder}: pairs '{pair[0]}' with '{pair[1]}', and {project.folder} '{known[0]}' with '{known[1]}'; "
                    "correct `pairs` in the project.json of one of the two"
                )
    return fresh


def merged_renamings(project: Project, other: Project, images: Mapping[str, str]) -> dict[str, Renamings]:
    """What was renamed in each video of another project, for a project that its labels go to.

    Args:
        project: where they go.
        other: where they are.
        images: what the frames of the other project are called there, by their images.

    Raises:
        ProjectError: points of a video that is labelled in both were renamed in one of them, or otherwise in each; a damaged record.
    """
    known, others = read_renamings(project.folder), read_renamings(other.folder)
    groups = {group_of(image): group_of(there) for image, there in images.items()}
    here, with_labels = _labelled(project), _labelled(other)
    merged: dict[str, Renamings] = {}
    for theirs, group in groups.items():
        done, coming = known.get(group, ()), others.get(theirs, ())
        if alike(done, coming):
            merged |= {group: coming} if len(coming) > len(done) else {}
        elif theirs in with_labels and group in here:
            raise ProjectError(_otherwise(project, other, group, done=done, coming=coming))
        elif theirs in with_labels:
            merged[group] = coming
    return merged


def _labelled(project: Project) -> set[str]:
    """Groups in which somebody has labelled a frame."""
    return {group_of(image) for name in project.annotators() for image in project.read_layer(name).frames}


def _otherwise(project: Project, other: Project, group: str, *, done: Renamings, coming: Renamings) -> str:
    return (
        f"{other.folder}: points of '{group}' were renamed otherwise there ({renamings_in_words(coming)}) than in {project.folder} "
        f"({renamings_in_words(done)}); rename them with `trainer project rename` in one of the two until the same were renamed, or, where "
        f"they are called the same already, import its labels with `trainer project import {AS_GIVEN}`"
    )
