"""What behaviour is learnt from, where it is found in images: cut frames with their labels, by video or by block of frames."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from trainer.behaviour.blocks import in_blocks
from trainer.behaviour.division import DivisionAsked, SplitBy, divided
from trainer.behaviour.second_people import People
from trainer.behaviour.table_rows import Part
from trainer.behaviour.video_table import frame_times_ns
from trainer.errors import TrainingError
from trainer.ethogram.bouts import YES, Ethogram, Marks, bouts_of_marks, ethogram
from trainer.ethogram.checks import Session
from trainer.image_behaviour.region import RegionPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageVideo:
    """One video, or one block of frames.

    Attributes:
        name: unique among the videos.
        images: uint8 (frames, height, width, channels), as the network takes them.
        marks: int8 (frames, classes).
        fps: frames per second.
        part: what it is used for; None where it is not yet divided.
        times_s: float64 (frames,), when each was taken; None where the frames do not follow one another in time.
        poses: float32 (frames, animals, K, 3), where they were asked for.
        to_network: bool (frames,), which of them go to the network; None: all of them.
        groups: of which `animal`, `session` and `trial` it is, as far as the table says.
        people: what others than the labels' author said, int8 (frames, classes) each, by name.
        unjudged: classes that the labels do not list.
    """

    name: str
    images: NDArray[np.uint8]
    marks: Marks
    fps: float
    part: Part | None
    times_s: NDArray[np.float64] | None
    poses: NDArray[np.float32] | None = None
    to_network: NDArray[np.bool_] | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    people: People = field(default_factory=dict)
    unjudged: tuple[str, ...] = ()

    @property
    def in_time(self) -> bool:
        """Whether its frames follow one another."""
        return self.times_s is not None

    @property
    def taken(self) -> NDArray[np.uint8]:
        """What a network takes of every frame: the images."""
        return self.images

    @property
    def times_ns(self) -> tuple[int, ...]:
        """When each frame was taken, by which rules go."""
        return frame_times_ns(len(self.images), self.fps, self.times_s)

    @property
    def taken_sha256(self) -> str:
        """Tells the video again, whatever it is called and however it is labelled."""
        images = self.images
        if self.to_network is not None:  # without what only stands for a frame that has no region and does not go to the network
            images = images[self.to_network | images.any(axis=(1, 2, 3))]
        whole = hashlib.sha256(f"{images.shape}".encode())
        whole.update(np.ascontiguousarray(images).tobytes())
        return whole.hexdigest()

    @property
    def seconds(self) -> NDArray[np.float32]:
        """Time since the frame before, float32 (frames,); 0 for the first, and for all where no time is known."""
        if self.times_s is None:
            return np.zeros(len(self.images), np.float32)
        return np.diff(self.times_s, prepend=self.times_s[:1]).astype(np.float32)

    def labels(self, class_names: Sequence[str]) -> Ethogram:
        """The marks as bouts."""
        bouts = bouts_of_marks(self.marks, list(class_names))
        return ethogram(list(class_names), bouts, where=self.name, frames=len(self.marks), fps=self.fps)

    def between(self, first: int, end: int, *, name: str) -> "ImageVideo":
        """A block of its frames."""
        here = slice(first, end)
        return replace(
            self,
            name=name,
            images=self.images[here],
            marks=self.marks[here],
            times_s=self.times_s[here] if self.times_s is not None else None,
            poses=self.poses[here] if self.poses is not None else None,
            to_network=self.to_network[here] if self.to_network is not None else None,
            people={name: marks[here] for name, marks in self.people.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageVideos:
    """All of them.

    Attributes:
        class_names: of the columns of every video's marks.
        exclusive: whether at most one class is on in every frame.
        videos: in the order of the table or of the frames.
        plan: which part of the frames they are.
        notes: what was mended, padded or left out.
        class_words: name of each class that is not called as its folder, by that folder.
        point_names: of the poses, where they were asked for.
        divided_by: what stayed together.
    """

    class_names: tuple[str, ...]
    exclusive: bool
    videos: tuple[ImageVideo, ...]
    plan: RegionPlan
    notes: tuple[str, ...]
    class_words: Mapping[str, str] = field(default_factory=dict)
    point_names: tuple[str, ...] = ()
    divided_by: SplitBy = "video"

    def of(self, part: Part) -> tuple[ImageVideo, ...]:
        """The videos of one part."""
        return tuple(video for video in self.videos if video.part == part)

    @property
    def in_time(self) -> bool:
        """Whether frames follow one another, so that a network may remember."""
        return all(video.in_time for video in self.videos)

    @property
    def sessions(self) -> list[Session]:
        """For the checks before training."""
        return [
            Session(
                name=video.name,
                labels=video.labels(self.class_names),
                frames=len(video.images),
                part=video.part,
                unjudged=video.unjudged,
            )
            for video in self.videos
        ]

    @property
    def sha256(self) -> str:
        """Over names, images, labels and frame rates."""
        whole = hashlib.sha256("\0".join(self.class_names).encode())
        for video in self.videos:
            whole.update(f"\0{video.name}\0{video.fps!r}\0{video.taken_sha256}\0".encode() + video.marks.tobytes())
        return whole.hexdigest()


def divide(videos: ImageVideos, asked: DivisionAsked) -> ImageVideos:
    """Give every video its part, see `divided`; a single video, or by blocks each of them, is cut into five blocks of frames first.

    Raises:
        TrainingError: a name that is none, or too few videos.
    """
    if asked.by == "block" and not videos.in_time:
        raise TrainingError("--split-by block cuts videos in time, which images by class have none of; they are divided in blocks as it is")
    alone = len(videos.videos) == 1
    cut = tuple(block for video in videos.videos for block in blocks_of(video)) if asked.by == "block" else in_parts(videos).videos
    videos = replace(videos, videos=cut)
    found = divided(
        [video.name for video in cut],
        [None if alone else video.part for video in cut],
        groups=[{} if alone else video.groups for video in cut],
        counts=np.stack([(video.marks == YES).sum(axis=0) for video in cut]),
        class_names=videos.class_names,
        asked=asked,
    )
    parted = tuple(replace(video, part=part) for video, part in zip(cut, found.parts, strict=True))
    return replace(videos, videos=parted, notes=(*videos.notes, *found.notes), divided_by=found.by)


def in_parts(videos: ImageVideos) -> ImageVideos:
    """A single video in five blocks of frames, so that some can be held out; several as they are."""
    return replace(videos, videos=blocks_of(videos.videos[0])) if len(videos.videos) == 1 else videos


def blocks_of(video: ImageVideo) -> tuple[ImageVideo, ...]:
    """Five blocks of frames, see `in_blocks`; each belongs to a part of its own."""
    return in_blocks(video, lambda first, end, name, marks: replace(video.between(first, end, name=name), marks=marks, part=None))


def exclude_each_other(videos: Sequence[ImageVideo]) -> bool:
    """Whether at most one class is on in every frame."""
    return all(int((video.marks == YES).sum(axis=1).max(initial=0)) <= 1 for video in videos)
