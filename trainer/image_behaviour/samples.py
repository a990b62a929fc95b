"""Which frames an epoch learns from, and how they are changed: hard negatives, clips, mirrors, turns, shifts, light."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.behaviour.clips import UNJUDGED, targets_of
from trainer.behaviour.false_bouts import Runs, flags_of
from trainer.ethogram.bouts import NO, YES
from trainer.image_behaviour.image_videos import ImageVideo
from trainer.image_behaviour.networks import scaled
from trainer.image_behaviour.settings import ImageSettings

NEAR_FRAMES = 20  # either side of a bout: there, what is not the class looks most like it
MOST_TIMES = 5  # as often: of images shown more often than that, their very pixels would be learnt
_MOST_NAMED = 4  # in a sentence; more are counted
MOST_NEGATIVES = 2  # for each frame in which some class is on


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some clips.

    Attributes:
        images: float32 (n, reach + frames, channels, height, width), 0..1.
        seen: bool (n, reach + frames): whether the frame is one of the video, and not before its beginning.
        targets: float32 (n, frames, answers), see `Clips`.
    """

    images: Tensor
    seen: Tensor
    targets: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many frames an epoch shows, and of how many: with a class on; false ones of an earlier bundle; near bouts; others."""

    on: int
    false: int
    near: int
    far: int


class Samples:
    """The training videos. Every epoch draws what it shows from them.

    Attributes:
        targets: of each video, see `Clips`.
        exchanged: for every answer the one that a mirrored image takes it from; empty where all stay. See `Mirroring`.
        times: of each class, how often an epoch shows one of its frames, int64 (classes,).
        there: how many frames of each kind there are.
        shown: how many an epoch shows; the same, where it shows every frame.
    """

    def __init__(
        self,
        videos: Sequence[ImageVideo],
        settings: ImageSettings,
        *,
        exclusive: bool,
        reach: int,
        false: Sequence[Runs] | None = None,
        exchanged: Sequence[int] = (),
    ) -> None:
        self._videos, self._settings, self._reach = videos, settings, reach
        self._in_time = all(video.in_time for video in videos)
        self._false = list(false) if false is not None else [np.zeros((0, 2), np.int64) for _ in videos]
        self.targets = [torch.from_numpy(targets_of(video.marks, exclusive=exclusive)) for video in videos]
        self.exchanged = list(exchanged)
        self._frames = settings.window if settings.memory else 1
        self._exclusive = exclusive
        self.times = _times_shown(videos, exchanged) if settings.oversample_classes else np.ones(videos[0].marks.shape[1], np.int64)
        self._kinds = self._by_kind()
        self.there = Counts(**{kind: len(frames) for kind, frames in self._kinds.items()})
        self.shown = self.there if settings.memory else self._shares()

    @property
    def shares(self) -> Tensor:
        """How often an epoch shows a frame of each exclusive answer, (answers,). Of every class at least once; "none" comes last."""
        found = torch.ones(self.targets[0].shape[1])
        if self._exclusive:
            found[:-1] = torch.from_numpy(self.times)
        there, shown = (each.false + each.near + each.far for each in (self.there, self.shown))
        if there:
            found[-1] = shown / there
        return found

    @property
    def sentence(self) -> str:
        """What an epoch shows, for the report."""
        if self._settings.memory:
            again = sum(map(len, self._false))
            return f"every epoch shows every frame{f', and once more a clip around each of {again} false bouts' if again else ''}"
        shown, there = self.shown, self.there
        if not self._in_time:
            others, of = shown.false + shown.near + shown.far, there.false + there.near + there.far
            return f"every epoch shows the {shown.on} images with a class on" + (f", and {others} of {of} without" if of else "")
        false = f"{shown.false} of {there.false} in false bouts of the earlier bundle, " if there.false else ""
        return (
            f"every epoch shows the {shown.on} frames with a class on, and of those without {false}{shown.near} of {there.near} within "
            f"{NEAR_FRAMES} frames of a bout and {shown.far} of {there.far} others"
        )

    def oversampled(self, class_names: Sequence[str]) -> str | None:
        """Which classes are shown how often, a sentence; None where that was not asked for."""
        if not self._settings.oversample_classes:
            return None
        rare = [f"'{name}' {times} times" for name, times in zip(class_names, self.times.tolist(), strict=True) if times > 1]
        if not rare:
            return "oversampling by class changes nothing: none is half as frequent as another"
        more = len(rare) - _MOST_NAMED
        return f"oversampled: of those every epoch shows {', '.join(rare[:_MOST_NAMED])}{f', and {more} more' if more > 0 else ''}"

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        """One epoch."""
        starts = self._clips(rng) if self._settings.memory else self._single(rng)
        per_batch = max(1, self._settings.batch // self._frames)
        for begin in range(0, len(starts), per_batch):  # a short last batch is a batch
            yield self._batch(starts[begin : begin + per_batch], rng)

    def _single(self, rng: np.random.Generator) -> list[tuple[int, int]]:
        """Every frame with a class on, and of the others at most twice as many, of each kind as many as `shown` says."""
        together = [(place, frame) for place, frame in self._kinds["on"] for _ in range(self._times_of(place, frame))]
        for kind, count in (("false", self.shown.false), ("near", self.shown.near), ("far", self.shown.far)):
            frames = self._kinds[kind]
            together += [frames[i] for i in rng.permutation(len(frames))[:count]]
        return [together[i] for i in rng.permutation(len(together))]

    def _times_of(self, place: int, frame: int) -> int:
        """How often an epoch shows a frame with a class on: as often as its rarest class asks for."""
        return int(self.times[self._videos[place].marks[frame] == YES].max())

    def _by_kind(self) -> dict[str, list[tuple[int, int]]]:
        """Place and frame of every judged frame, by what it is."""
        kinds: dict[str, list[tuple[int, int]]] = {"on": [], "false": [], "near": [], "far": []}
        for place, video in enumerate(self._videos):
            classes_on = (video.marks == YES).any(axis=1)
            no = video.marks == NO
            off = (no.all(axis=1) if self._exclusive else no.any(axis=1)) & ~classes_on
            false = off & flags_of(self._false[place], len(off))
            close = np.convolve(classes_on, np.ones(2 * NEAR_FRAMES + 1), "full")[NEAR_FRAMES : NEAR_FRAMES + len(classes_on)] > 0
            for kind, chosen in (("on", classes_on), ("false", false), ("near", off & close & ~false), ("far", off & ~close & ~false)):
                kinds[kind] += [(place, int(frame)) for frame in np.flatnonzero(chosen)]
        return kinds

    def _shares(self) -> Counts:
        """At most twice as many without a class as with one: up to half of them false ones, the rest near bouts or not as it was asked."""
        there, how = self.there, self._settings.negatives
        wanted = max(MOST_NEGATIVES * there.on, self._settings.batch)
        false = min(there.false, wanted // 2)
        rest = min(there.near + there.far, wanted - false)
        if how == "near":
            near = min(there.near, rest)
            return Counts(on=there.on, false=false, near=near, far=0 if there.near else rest)
        if how == "random":
            near = round(rest * there.near / max(1, there.near + there.far))
        else:
            near = min(there.near, max(rest // 2, rest - there.far))
        return Counts(on=there.on, false=false, near=near, far=rest - near)

    def _clips(self, rng: np.random.Generator) -> list[tuple[int, int]]:
        """Every frame once, in clips from random places, and once more a clip around each false bout."""
        starts = []
        for place, video in enumerate(self._videos):
            first = -int(rng.integers(self._frames)) if len(video.images) > self._frames else 0
            starts += [(place, start) for start in range(first, len(video.images), self._frames)]
        starts += [(place, (first + end - self._frames) // 2) for place, runs in enumerate(self._false) for first, end in runs.tolist()]
        return [starts[i] for i in rng.permutation(len(starts))]

    def _batch(self, starts: Sequence[tuple[int, int]], rng: np.random.Generator) -> Batch:
        images, seen, targets = [], [], []
        for place, start in starts:
            video, length = self._videos[place], len(self._videos[place].images)
            wanted = np.arange(start - self._reach, start + self._frames)
            here = (wanted >= 0) & (wanted < length)
            images.append(video.images[np.clip(wanted, 0, length - 1)])
            seen.append(here)
            of_frame = self.targets[place][np.clip(wanted[self._reach :], 0, length - 1)].clone()
            of_frame[torch.from_numpy(~here[self._reach :])] = UNJUDGED
            targets.append(of_frame)
        together = torch.from_numpy(np.stack(images))
        clips, frames = together.shape[:2]
        floats = scaled(together.flatten(0, 1)).reshape(clips, frames, together.shape[4], *together.shape[2:4])
        changed = []
        for place, clip in enumerate(floats):
            axes = mirrored_axes(self._settings, rng)
            changed.append(augmented(clip.flip(axes) if axes else clip, self._settings, rng))
            if len(axes) == 1 and self.exchanged:  # mirrored both ways, an image is turned by 180 degrees: left stays left
                targets[place] = targets[place][:, self.exchanged]
        return Batch(images=torch.stack(changed), seen=torch.from_numpy(np.stack(seen)), targets=torch.stack(targets))


def _times_shown(videos: Sequence[ImageVideo], exchanged: Sequence[int]) -> NDArray[np.int64]:
    """How much rarer each class is than the commonest, at most `MOST_TIMES`: (classes,). Half of one side are shown as the other."""
    count = np.sum([(video.marks == YES).sum(axis=0) for video in videos], axis=0)
    if exchanged:
        count = (count + count[list(exchanged)[: len(count)]]) / 2
    return np.asarray(np.clip(np.rint(count.max(initial=1) / np.maximum(count, 1)), 1, MOST_TIMES), np.int64)


def mirrored_axes(settings: ImageSettings, rng: np.random.Generator) -> tuple[int, ...]:
    """The axes of an image, -1 and -2, that are reversed this time."""
    wanted = (axis for axis, asked in ((-1, settings.mirror), (-2, settings.upside_down)) if asked)
    return tuple(axis for axis in wanted if rng.random() < 0.5)


def augmented(clip: Tensor, settings: ImageSettings, rng: np.random.Generator) -> Tensor:
    """A clip as it might have been but for mirrors, all of its frames alike: float32 (frames, channels, height, width), 0..1."""
    if settings.turns:
        clip = torch.rot90(clip, int(rng.integers(4)), (-2, -1))
    clip = _part_of(clip, settings.crop_area, rng) if settings.crop_area < 1 else _shifted(clip, settings.shift, rng)
    if settings.brightness:
        gain, offset = rng.uniform(-settings.brightness, settings.brightness, 2)
        clip = (clip * (1 + gain) + offset / 2).clamp(0, 1)
    return clip


def _part_of(clip: Tensor, least: float, rng: np.random.Generator) -> Tensor:
    """A random part of all frames of a clip, enlarged to their size.

    Its share of the area is drawn evenly between `least` and 1, its aspect differs by up to a third.
    """
    height, width = clip.shape[-2:]
    area, aspect = rng.uniform(least, 1), float(np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3))))
    rows = min(height, max(1, round(height * float(np.sqrt(area / aspect)))))
    columns = min(width, max(1, round(width * float(np.sqrt(area * aspect)))))
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    part = clip[..., top : top + rows, left : left + columns]
    return nn.functional.interpolate(part, size=(height, width), mode="bilinear", align_corners=False)


def _shifted(clip: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    height, width = clip.shape[-2:]
    down, right = round(share * height), round(share * width)
    if not (down or right):
        return clip
    padded = nn.functional.pad(clip, (right, right, down, down), mode="replicate")
    top, left = int(rng.integers(2 * down + 1)), int(rng.integers(2 * right + 1))
    return padded[..., top : top + height, left : left + width]
