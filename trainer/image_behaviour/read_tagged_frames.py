"""The frames of a labelling project with their tags: each tag a class, each video or folder of the project a video of its own."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tracker.frame import Image
from trainer.behaviour.table_rows import classes_of, marks_of
from trainer.errors import TrainingError
from trainer.ethogram.bouts import NO, YES, Ethogram, bouts_of_marks, ethogram
from trainer.ethogram.read_options import ReadOptions
from trainer.formats.project import why_left_out
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.image_videos import ImageVideo, ImageVideos, exclude_each_other
from trainer.image_behaviour.region import Cutter, RegionAsked, RegionPlan
from trainer.labels.images import image_size, read_image
from trainer.project.store import Project, ProjectFrame, open_project

_IMAGES_FPS = 1.0  # chosen frames do not follow one another; only scores per minute would depend on it
_LOOKED_AT = 16  # frames, to see whether there is colour in them
_Tagged = list[tuple[ProjectFrame, frozenset[str]]]


def read_tagged_frames(folder: Path, region: RegionAsked | RegionPlan, *, asked: ReadOptions, classes: ClassesAsked) -> ImageVideos:
    """Every frame that somebody labelled, whether with points or not, with the classes on that anybody tagged it with.

    A frame without a tag shows none of them. Frames that are excluded, wait for a decision, or that nobody looked at are left out.

    Raises:
        LabelError, TrainingError: in one sentence.
    """
    project = open_project(folder)
    tagged = _tagged(project)
    there = {tag for _, tags in tagged for tag in tags}
    listed = [tag for tag in project.tags if tag in there]
    if not listed:
        raise TrainingError(
            f"{folder}: no labelled frame has a tag; give some with `trainer project extend`, and set them in `trainer label`"
        )
    groups = list(dict.fromkeys(frame.group for frame, _ in tagged))
    of_group = [sorted((each for each in tagged if each[0].group == group), key=lambda each: each[0].frame) for group in groups]
    labels = [_labels(f"{folder}: {group}", each, listed) for group, each in zip(groups, of_group, strict=True)]
    names = classes_of(labels, classes.class_names or asked.class_names, classes.left_out, classes.known)
    some = [_image(project, tagged[place][0]) for place in np.unique(np.linspace(0, len(tagged) - 1, _LOOKED_AT).astype(int))]
    plan = region.plan(some[0], some[1:]) if isinstance(region, RegionAsked) else region
    if plan.point is not None:
        raise TrainingError(f"{folder}: frames with tags are taken whole; take --region frame, or a rectangle")
    cutter, videos = Cutter(plan), list[ImageVideo]()
    for group, each, one in zip(groups, of_group, labels, strict=True):
        cut = [cutter.cut(_image(project, frame), None, 0) for frame, _ in each]
        marks, _ = marks_of(one, names, classes.left_out, frames=len(each), name=group)
        images = np.stack([image for image in cut if image is not None])
        videos.append(ImageVideo(name=group, images=images, marks=marks, fps=_IMAGES_FPS, part=None, times_s=None))
    return ImageVideos(class_names=names, exclusive=exclude_each_other(videos), videos=tuple(videos), plan=plan, notes=())


def _tagged(project: Project) -> _Tagged:
    layers = [project.read_layer(name) for name in project.annotators()]
    found = []
    for frame in project.frames:
        labels = [layer.frames[frame.image] for layer in layers if frame.image in layer.frames]
        if why_left_out(labels) is None:
            found.append((frame, frozenset(tag for label in labels for tag in label.tags)))
    return found


def _labels(where: str, tagged: _Tagged, names: Sequence[str]) -> Ethogram:
    marks = np.array([[YES if name in tags else NO for name in names] for _, tags in tagged], np.int8)
    one = ethogram(names, bouts_of_marks(marks, names), where=where, frames=len(marks), fps=_IMAGES_FPS)
    return replace(one, lists_classes=False)  # a tag that no frame has was given to none


def _image(project: Project, frame: ProjectFrame) -> Image:
    ref = project.image_ref(frame.image)
    return read_image(ref, image_size(ref))
