"""Labels of a labelling project: what its annotators agree on."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ProjectError
from trainer.labels.assemble import LabelRow, assemble
from trainer.labels.labelled_frames import LabelledFrames
from trainer.project.files import BY_NAME, LABELS_FOLDER
from trainer.project.layer import FrameLabel
from trainer.project.layer_arrays import label_arrays, same_animals
from trainer.project.store import Project, ProjectFrame, open_project

logger = logging.getLogger(__name__)


def read_project(folder: Path, *, annotators: Sequence[str] | None = None) -> LabelledFrames:
    """Read the labels of a project.

    A point that several annotators placed is at the mean of their places. It is hidden where more of them said that it
    cannot be seen than placed it. A frame that any of them excluded, or put off to decide later, is left out, and so is one
    that nobody labelled; how many is said.
    Its tags are those that anybody gave it. Which animal of one frame is which of the next is not said.

    Args:
        folder: the project.
        annotators: whose labels; None for everybody's.

    Raises:
        LabelError: a damaged project, an unknown annotator, nothing labelled, in one sentence.
    """
    project = open_project(folder)
    layers = [project.read_layer(name) for name in _chosen(project, annotators)]
    rows: list[LabelRow] = []
    left_out = Counter[str]()
    averaged = 0
    for frame in project.frames:
        labels = [layer.frames[frame.image] for layer in layers if frame.image in layer.frames]
        reason = why_left_out(labels)
        if reason is not None:
            left_out[reason] += 1
            continue
        points, hidden, several = _consensus(project, labels)
        averaged += several
        rows.append(_row(project, frame, points=points, hidden=hidden, tags=frozenset(tag for label in labels for tag in label.tags)))
    _say(folder, left_out=left_out, averaged=averaged, annotators=[layer.annotator for layer in layers])
    return assemble(rows, source=str(folder), point_names=project.point_names, skeleton=project.skeleton, pairs=project.pairs)


def why_left_out(labels: Sequence[FrameLabel]) -> str | None:
    """Why a frame is not used, None where it is."""
    if any(label.excluded for label in labels):
        return "excluded frames are left out"
    if any(label.to_decide for label in labels):
        return "frames that wait for a decision (to_decide) are left out"
    return None if labels else "frames that nobody has labelled are left out"


def _say(folder: Path, *, left_out: Mapping[str, int], averaged: int, annotators: Sequence[str]) -> None:
    for reason, count in left_out.items():
        logger.warning("%s: %s: count=%d", folder, reason, count)
    if averaged:
        names = ", ".join(annotators)
        logger.warning("%s: points that several annotators placed are averaged: frames=%d annotators=%s", folder, averaged, names)


def _chosen(project: Project, annotators: Sequence[str] | None) -> Sequence[str]:
    there = project.annotators()
    for name in annotators or ():
        if name not in there:
            raise ProjectError(
                f"{project.folder / LABELS_FOLDER}: annotator '{name}' has no labels; expected one of: {', '.join(there) or 'nobody yet'}"
            )
    return there if annotators is None else annotators


def _consensus(project: Project, labels: Sequence[FrameLabel]) -> tuple[NDArray[np.float64], NDArray[np.bool_], bool]:
    """Points (animals, K, 2), hidden (animals, K), and whether any point has been placed more than once."""
    arrays = [label_arrays(label, point_names=project.point_names, animals=project.animals) for label in labels]
    orders = [same_animals(arrays[0][0], points) for points, _ in arrays]
    points = np.stack([each[order] for (each, _), order in zip(arrays, orders, strict=True)])
    hidden = np.stack([each[order] for (_, each), order in zip(arrays, orders, strict=True)])
    placed = ~np.isnan(points[..., 0])
    count = placed.sum(axis=0)
    out_of_sight = hidden.sum(axis=0) > count
    mean = np.where(placed[..., None], points, 0).sum(axis=0) / np.maximum(count, 1)[..., None]  # one place stays to the last digit
    mean[(count == 0) | out_of_sight] = np.nan
    return mean, out_of_sight, bool((count > 1).any())


def _row(
    project: Project, frame: ProjectFrame, *, points: NDArray[np.float64], hidden: NDArray[np.bool_], tags: frozenset[str]
) -> LabelRow:
    used = np.asarray((~np.isnan(points[..., 0]) | hidden).any(axis=1), bool)
    if not used.any():
        used[0] = True
    return LabelRow(
        where=f"{project.folder / LABELS_FOLDER}: {frame.image}",
        image=replace(project.image_ref(frame.image), in_time=not frame.why.endswith(BY_NAME)),
        group=frame.group,
        name=frame.image,
        number=frame.frame,
        points=points[used],
        hidden=hidden[used],
        tags=tags,
    )
