"""Read what behaviour is learnt from: a table of videos or arrays with labels, folders of images by class, or a labelling project."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.cameras.image_folder import numbered_images, read_image
from tracker.frame import Image
from tracker.recording.original_video import OriginalVideo
from trainer.behaviour.frame_choice import FrameChoice, FramesOfOneVideo
from trainer.behaviour.second_people import COLUMN, second_people
from trainer.behaviour.table_rows import GROUPS, classes_of, fps_of, groups_of, labels_of, marks_of, part_of, table_rows, unjudged_classes
from trainer.behaviour.tracks import Tracks, read_tracks
from trainer.errors import LabelError, TrainingError
from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.image_videos import ImageVideo, ImageVideos, exclude_each_other
from trainer.image_behaviour.read_class_folders import read_class_folders
from trainer.image_behaviour.read_tagged_frames import read_tagged_frames
from trainer.image_behaviour.region import Cutter, RegionAsked, RegionPlan
from trainer.project.files import PROJECT_FILE

_COLUMNS = ("video", "images", "labels", "poses", "fps", "part", *GROUPS, COLUMN)


def read_image_videos(
    path: Path,
    region: RegionAsked | RegionPlan,
    *,
    asked: ReadOptions,
    classes: ClassesAsked,
    choice: FrameChoice | None = None,
    with_poses: bool = False,
) -> ImageVideos:
    """Read a table with the columns `images` and `labels`, and, where wanted, `video`, `poses`, `fps` and `part`; or a folder.

    Images are videos, folders of numbered images, or .npy arrays (frames, height, width[, 3]), uint8, red first; paths are relative to the
    table. A folder is a labelling project, whose tags are the classes, or holds a folder of images for each class, see
    `read_class_folders`.

    Args:
        path: of the table or the folder.
        region: which part of the frames.
        asked: what label files do not say.
        classes: which of them.
        choice: which frames go to the network; None: all of them.
        with_poses: keep the poses of the frames too.

    Raises:
        LabelError, TrainingError, CameraError: in one sentence.
    """
    if not path.is_dir():
        return _table(path, region, asked, classes, choice=choice, with_poses=with_poses)
    if choice is not None or with_poses:
        raise TrainingError(f"{path}: images by class have neither key points nor time, by which rules go; give a table of videos")
    if (path / PROJECT_FILE).is_file():
        return read_tagged_frames(path, region, asked=asked, classes=classes)
    return read_class_folders(path, region, asked=asked, classes=classes)


def _table(
    path: Path,
    region: RegionAsked | RegionPlan,
    asked: ReadOptions,
    classes: ClassesAsked,
    *,
    choice: FrameChoice | None,
    with_poses: bool,
) -> ImageVideos:
    rows = table_rows(path, source="images", columns=_COLUMNS)
    sources = [_Source(path.parent / row["images"]) for _, row in rows]
    plan = region.plan(sources[0].first, [source.first for source in sources[1:]]) if isinstance(region, RegionAsked) else region
    own = [fps_of(path, line, row.get("fps", "")) or source.fps for (line, row), source in zip(rows, sources, strict=True)]
    read = [labels_of(path, line, row, replace(asked, fps=fps or asked.fps)) for (line, row), fps in zip(rows, own, strict=True)]
    notes = [note for *_, said in read for note in said]
    names = classes_of([labels for labels, *_ in read], classes.class_names, classes.left_out, classes.known)
    videos = []
    known: tuple[str, ...] = ()
    for (line, row), source, (labels, fps, _) in zip(rows, sources, read, strict=True):
        tracks = _tracks(path, line, row, plan, wanted=with_poses or choice is not None)
        frames = choice.begin(tracks.point_names, animals=tracks.poses.shape[1]) if choice is not None and tracks is not None else None
        cut = _cut(source, plan, tracks, fps, frames)
        marks, said = marks_of(labels, names, classes.left_out, frames=cut.frames, name=row["video"])
        others, aside = second_people(path, row, replace(asked, fps=fps), names, classes.left_out, frames=cut.frames)
        notes += [*said, *aside, *cut.notes(row["video"])]
        known = tracks.point_names if tracks is not None else known
        videos.append(
            ImageVideo(
                name=row["video"],
                images=cut.images,
                marks=marks[cut.numbers],
                fps=fps,
                part=part_of(path, line, row),
                times_s=cut.times_s,
                poses=tracks.of_frames(cut.numbers) if tracks is not None else None,
                to_network=cut.to_network,
                groups=groups_of(row),
                people={name: each[cut.numbers] for name, each in others.items()},
                unjudged=unjudged_classes(labels, names),
            )
        )
    return ImageVideos(
        class_names=names, exclusive=exclude_each_other(videos), videos=tuple(videos), plan=plan, notes=tuple(notes), point_names=known
    )


class _Source:
    """The frames of one row, opened far enough to know the first image and the rate."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fps: float | None = None
        self._array = _array(path) if path.suffix.lower() == ".npy" else None
        self._paths = numbered_images(path) if path.is_dir() else []
        self._video: OriginalVideo | None = None
        if self._array is not None:
            self.first: Image = self._array[0]
        elif self._paths:
            self.first = read_image(self._paths[0])
        else:
            if not path.is_file():
                raise LabelError(f"{path}: is not there; give a video, a folder of numbered images, or an array .npy")
            self._video = OriginalVideo(path)
            self.fps = self._video.rate_hz or None
            self.first = next(self._video.images())

    def frames(self) -> Iterator[tuple[Image, float | None]]:
        """Every image with its time in seconds, where the source knows it."""
        if self._array is not None:
            yield from ((image, None) for image in self._array)
        elif self._video is not None:
            convert = self._video.converter()
            yield from ((convert.image(each), each.time_ns / 1e9) for each in self._video.frames())
        else:
            yield from ((read_image(path), None) for path in self._paths)

    def fault(self) -> str | None:
        """What is wrong with a video that was read, a sentence."""
        return self._video.fault() if self._video is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """What was cut out of a source: `numbers` are the frames that have a region or do not need one, of `frames`."""

    images: NDArray[np.uint8]
    numbers: NDArray[np.int64]
    times_s: NDArray[np.float64]
    frames: int
    padded: int
    fault: str | None
    to_network: NDArray[np.bool_] | None = None

    def notes(self, name: str) -> list[str]:
        said = []
        if self.fault is not None:
            said.append(self.fault)
        if self.padded:
            said.append(f"{name}: {self.padded} of {len(self.numbers)} squares reach over the image's edge, whose pixels they repeat")
        if len(self.numbers) < self.frames:
            said.append(f"{name}: {self.frames - len(self.numbers)} of {self.frames} frames have no region, and teach nothing")
        return said


def _cut(source: _Source, plan: RegionPlan, tracks: Tracks | None, fps: float, chosen: FramesOfOneVideo | None) -> _Cut:
    """Every frame of a source. What does not go to the network is there too, without a region as an empty image."""
    cutter, asked_of = Cutter(plan), Cutter(plan)
    place = tracks.point_names.index(plan.point) if tracks is not None and plan.point is not None else None
    poses = tracks.by_number() if tracks is not None else {}
    absent = np.full(tracks.poses.shape[1:], np.nan, np.float32) if tracks is not None else None
    empty = np.zeros((plan.height, plan.width, plan.channels), np.uint8)
    images, numbers, times_s, goes, frames = [], [], [], [], 0
    for number, (image, time_s) in enumerate(source.frames()):
        at_s = number / fps if time_s is None else time_s
        pose, time_ns = poses.get(number, absent), round(at_s * 1e9)
        point = pose[0, place] if pose is not None and place is not None else None
        asked = chosen is None or pose is None or chosen.goes(pose, time_ns)
        cut = cutter.cut(image, point, time_ns)
        if not asked:
            asked_of.begin_anew()
        elif chosen is not None:
            cut = asked_of.cut(image, point, time_ns)
        frames += 1
        if cut is not None or not asked:
            images.append(empty if cut is None else cut)
            numbers.append(number)
            times_s.append(at_s)
            goes.append(asked)
    if not images:
        raise TrainingError(f"{source.path}: '{plan.point}' is in none of {frames} frames; give poses in which it is found")
    return _Cut(
        images=np.stack(images),
        numbers=np.array(numbers),
        times_s=np.array(times_s),
        frames=frames,
        padded=cutter.padded,
        fault=source.fault(),
        to_network=np.array(goes, np.bool_) if chosen is not None else None,
    )


def _tracks(table: Path, line: int, row: dict[str, str], plan: RegionPlan, *, wanted: bool) -> Tracks | None:
    """The poses of a row; None where nothing asks for them."""
    if plan.point is None and not wanted:
        return None
    if not row.get("poses"):
        why = f"the region follows '{plan.point}'" if plan.point is not None else "rules go by them"
        raise LabelError(f"{table}:{line}: names no poses, and {why}; give them in a column poses")
    tracks = read_tracks(table.parent / row["poses"])
    if plan.point is None:
        return tracks
    if plan.point not in tracks.point_names:
        raise TrainingError(f"{tracks.path}: has the points {', '.join(tracks.point_names)}; expected '{plan.point}', which is followed")
    if tracks.poses.shape[1] != 1:
        raise TrainingError(f"{tracks.path}: has {tracks.poses.shape[1]} animals; a region follows a key point of one")
    return tracks


def _array(path: Path) -> NDArray[np.uint8]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as problem:
        raise LabelError(f"{path}: cannot be read as an array of images ({problem}); save one with numpy.save") from problem
    shaped = isinstance(array, np.ndarray) and (array.ndim == 3 or (array.ndim == 4 and array.shape[3] == 3)) and len(array)
    if not shaped or array.dtype != np.uint8:
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else "several arrays"
        raise LabelError(f"{path}: holds {found}; expected images: uint8 (frames, height, width), or (frames, height, width, 3), red first")
    images: NDArray[np.uint8] = array
    return images
