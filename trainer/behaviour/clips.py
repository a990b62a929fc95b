"""What a network learns from: features of every video, as seen and mirrored, cut into clips."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.behaviour.delay import earlier, taken_from
from trainer.behaviour.mirroring import Mirroring
from trainer.behaviour.network import PoseBehaviour, features_of
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.video_table import PoseVideo
from trainer.ethogram.bouts import NO, YES, Marks
from trainer.training.training_device import device_of

UNJUDGED = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Clips:
    """Features and targets of some videos.

    Attributes:
        variants: of each video, its features as seen first, then mirrored: float32 (frames, count) each.
        targets: of each video, float32 (frames, answers): 1 for what is on ("none" last, where classes are exclusive), 0 for what is
            not, `UNJUDGED` for what nobody judged.
        again: places of videos and frames in them, around which every epoch shows one clip more.
        exchanged: for every answer the one that a mirrored variant takes it from; empty where all stay. See `Mirroring`.
    """

    variants: tuple[tuple[Tensor, ...], ...]
    targets: tuple[Tensor, ...]
    again: tuple[tuple[int, int], ...] = ()
    exchanged: tuple[int, ...] = ()

    def normalise(self, network: PoseBehaviour) -> "Clips":
        """The same by the network's mean and deviation, on the device where they were."""
        device = device_of(network)
        variants = tuple(tuple(network.normalised(each.to(device)).to(each.device) for each in of) for of in self.variants)
        return replace(self, variants=variants)

    def of(self, places: Sequence[int]) -> "Clips":
        """Those of some of the videos, by their places."""
        again = tuple((list(places).index(place), frame) for place, frame in self.again if place in places)
        return replace(
            self,
            variants=tuple(self.variants[place] for place in places),
            targets=tuple(self.targets[place] for place in places),
            again=again,
        )

    def followed_by(self, other: "Clips") -> "Clips":
        """Those of these videos and then of others."""
        later = tuple((len(self.targets) + place, frame) for place, frame in other.again)
        return replace(self, variants=self.variants + other.variants, targets=self.targets + other.targets, again=self.again + later)

    def batches(self, settings: BehaviourSettings, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Every frame once and those around `again` once more, in clips from random places, each in a random variant.

        A clip in which nobody judged anything is left out, for it teaches nothing.

        Returns:
            float32 (n, window, count) and (n, window, answers).
        """
        clips = []
        for place, targets in enumerate(self.targets):
            first = int(rng.integers(settings.window)) if len(targets) > settings.window else 0
            starts = range(first, max(1, len(targets) - settings.window // 4), settings.window)
            clips += [(place, start) for start in ([0] if first > settings.window // 4 else [])] + [(place, start) for start in starts]
        clips += [(place, max(0, frame - settings.window // 2)) for place, frame in self.again]
        clips = [each for each in clips if self._judged(*each, settings.window)] or clips
        order = rng.permutation(len(clips))
        for begin in range(0, len(order), settings.batch):
            chosen = [clips[place] for place in order[begin : begin + settings.batch]]
            parts = [self._clip(place, start, settings.window, rng) for place, start in chosen]
            yield torch.stack([features for features, _ in parts]), torch.stack([targets for _, targets in parts])

    def _judged(self, place: int, start: int, window: int) -> bool:
        """Whether anybody judged a frame of a clip."""
        return bool((self.targets[place][start : start + window] != UNJUDGED).any())

    def _clip(self, place: int, start: int, window: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        of = self.variants[place]
        variant = int(rng.integers(len(of)))
        features = of[variant][start : start + window]
        targets = self.targets[place][start : start + window]
        if variant and self.exchanged:
            targets = targets[:, list(self.exchanged)]
        missing = window - len(targets)
        if missing:
            features = torch.cat([features, features.new_zeros(missing, features.shape[1])])
            targets = torch.cat([targets, targets.new_full((missing, targets.shape[1]), UNJUDGED)])
        return features, targets


def clips_of(
    network: PoseBehaviour,
    videos: Sequence[PoseVideo],
    mirroring: Mirroring | None = None,
    *,
    delay_ms: float = 0.0,
) -> Clips:
    """Run the feature step over the videos, as seen, and mirrored too where that is asked for."""
    order = mirroring.point_order if mirroring is not None and mirroring.shown else None
    poses, seconds = [], []
    for video in videos:
        variants = [video.poses] if order is None else [video.poses, mirrored(video.poses, order)]
        poses += [torch.from_numpy(each) for each in variants]
        seconds += [torch.from_numpy(video.seconds)] * len(variants)
    found = features_of(network, poses, seconds)
    count = 1 if order is None else 2
    return Clips(
        variants=tuple(tuple(found[count * place : count * (place + 1)]) for place in range(len(videos))),
        targets=tuple(torch.from_numpy(delayed_targets(video, exclusive=network.plan.exclusive, delay_ms=delay_ms)) for video in videos),
        exchanged=mirroring.exchanged(exclusive=network.plan.exclusive) if mirroring is not None else (),
    )


def both_ways(targets: Sequence[Tensor], exchanged: Sequence[int]) -> list[Tensor]:
    """Targets as they are learnt from: where mirrored examples have answers exchanged, as seen and then as mirrored."""
    return [*targets, *(each[:, list(exchanged)] for each in targets if exchanged)]


def mirrored(poses: NDArray[np.float32], order: Sequence[int]) -> NDArray[np.float32]:
    """Poses as a mirror shows them, left points in the place of right ones as `order` says."""
    result = poses[:, :, list(order)].copy()
    result[..., 1] *= -1
    return np.ascontiguousarray(result)


def delayed_targets(video: PoseVideo, *, exclusive: bool, delay_ms: float) -> NDArray[np.float32]:
    """What a network is to say at every frame of a video: of the frame so much earlier. See `Clips`."""
    return taken_from(targets_of(video.marks, exclusive=exclusive), earlier(video.seconds, delay_ms), absent=UNJUDGED)


def targets_of(marks: Marks, *, exclusive: bool) -> NDArray[np.float32]:
    """Marks as targets, see `Clips`. Of exclusive classes, one that is on answers for those that nobody judged."""
    on, judged = marks == YES, (marks == YES) | (marks == NO)
    if not exclusive:
        return np.where(judged, on, UNJUDGED).astype(np.float32)
    targets = np.column_stack([on, ~on.any(axis=1)]).astype(np.float32)
    targets[~judged.all(axis=1) & ~on.any(axis=1)] = UNJUDGED
    return targets
