"""Which frames an epoch learns from, and how they are changed: hard negatives, clips, mirrors, turns, shifts, light."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from trainer.behaviour.clips import UNJUDGED, targets_of
from trainer.ethogram.bouts import NO, YES
from trainer.image_behaviour.image_videos import ImageVideo
from trainer.image_behaviour.networks import scaled
from trainer.image_behaviour.settings import ImageSettings

NEAR_FRAMES = 20  # either side of a bout: there, what is not the class looks most like it
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


class Samples:
    """The training videos. Every epoch draws what it shows from them."""

    def __init__(self, videos: Sequence[ImageVideo], settings: ImageSettings, *, exclusive: bool, reach: int) -> None:
        self._videos, self._settings, self._reach = videos, settings, reach
        self.targets = [torch.from_numpy(targets_of(video.marks, exclusive=exclusive)) for video in videos]
        self._frames = settings.window if settings.memory else 1

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        """One epoch."""
        starts = self._clips(rng) if self._settings.memory else self._single(rng)
        per_batch = max(1, self._settings.batch // self._frames)
        for begin in range(0, len(starts), per_batch):  # a short last batch is a batch
            yield self._batch(starts[begin : begin + per_batch], rng)

    def _single(self, rng: np.random.Generator) -> list[tuple[int, int]]:
        """Every frame with a class on, and of the others at most twice as many: half of them near bouts."""
        on: list[tuple[int, int]] = []
        near: list[tuple[int, int]] = []
        far: list[tuple[int, int]] = []
        for place, video in enumerate(self._videos):
            classes_on = (video.marks == YES).any(axis=1)
            judged = ((video.marks == YES) | (video.marks == NO)).any(axis=1)
            close = np.convolve(classes_on, np.ones(2 * NEAR_FRAMES + 1), "full")[NEAR_FRAMES : NEAR_FRAMES + len(classes_on)] > 0
            for wanted, chosen in ((on, classes_on), (near, judged & ~classes_on & close), (far, judged & ~classes_on & ~close)):
                wanted += [(place, int(frame)) for frame in np.flatnonzero(chosen)]
        wanted_off = min(len(near) + len(far), max(MOST_NEGATIVES * len(on), self._settings.batch))
        from_near = min(len(near), max(wanted_off // 2, wanted_off - len(far)))
        chosen_off = [near[i] for i in rng.permutation(len(near))[:from_near]]
        chosen_off += [far[i] for i in rng.permutation(len(far))[: wanted_off - from_near]]
        together = on + chosen_off
        return [together[i] for i in rng.permutation(len(together))]

    def _clips(self, rng: np.random.Generator) -> list[tuple[int, int]]:
        """Every frame once, in clips from random places."""
        starts = []
        for place, video in enumerate(self._videos):
            first = -int(rng.integers(self._frames)) if len(video.images) > self._frames else 0
            starts += [(place, start) for start in range(first, len(video.images), self._frames)]
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
        return Batch(
            images=torch.stack([augmented(clip, self._settings, rng) for clip in floats]),
            seen=torch.from_numpy(np.stack(seen)),
            targets=torch.stack(targets),
        )


def augmented(clip: Tensor, settings: ImageSettings, rng: np.random.Generator) -> Tensor:
    """A clip as it might have been, all of its frames alike: float32 (frames, channels, height, width), 0..1."""
    if settings.mirror and rng.random() < 0.5:
        clip = clip.flip(-1)
    if settings.upside_down and rng.random() < 0.5:
        clip = clip.flip(-2)
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
