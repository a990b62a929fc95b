"""Can a network of poses learn a few frames by heart, and also labels that mean nothing? What it reaches elsewhere is no proof of it."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainer.behaviour.body_axis import BodyAxis
from trainer.behaviour.clips import UNJUDGED, Clips
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.train import WARM_UP, Prepared, prepare, train
from trainer.behaviour.video_table import PoseVideos
from trainer.behaviour.whole_videos import SMALLER
from trainer.errors import TrainingError
from trainer.training.lack_of_memory import lack_refused

EPOCHS, STEPS = 20, 10  # and of each, all alike: keeping an epoch takes longer than a step
BY_HEART = 0.99  # of the frames
LEAST_SHARE = 0.1  # of the frames, of the second commonest answer


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorisedBehaviour:
    """How well some frames were learnt by heart.

    Attributes:
        network: its name.
        frames: how many were learnt from.
        permuted: whether their labels had been exchanged at random.
        right: share of those very frames whose likeliest answer is right.
        majority: what always saying the commonest answer reaches.
    """

    network: str
    frames: int
    permuted: bool
    right: float
    majority: float

    @property
    def passed(self) -> bool:
        """Whether they were learnt by heart."""
        return self.right >= BY_HEART

    @property
    def sentence(self) -> str:
        """The reading."""
        what = f"{self.frames} frames{' with permuted labels' if self.permuted else ''}"
        found = f"{self.right:.3f} right; always the commonest answer: {self.majority:.3f}"
        if self.passed and self.permuted:
            return f"{self.network} learns {what} by heart ({found}): a good score on frames that it learnt from says nothing"
        if self.passed:
            return f"{self.network} learns {what} by heart ({found}): network, loss and labels fit together"
        end = (
            "it is too small to learn anything by heart"
            if self.permuted
            else "look at labels, learning rate and size before giving it more"
        )
        return f"{self.network} does not learn {what} by heart ({found}); {end}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        about = {"network": self.network, "frames": self.frames, "permuted": self.permuted, "right": self.right, "majority": self.majority}
        return about | {"passed": self.passed, "sentence": self.sentence}


@lack_refused("the features of these videos and what the network answers to them", SMALLER)
def memorise(videos: PoseVideos, axis: BodyAxis, settings: BehaviourSettings, *, frames: int, permuted: bool) -> MemorisedBehaviour:
    """Learn consecutive frames of a training video, without noise, dropout, mirror or penalty, and judge by the same.

    Args:
        videos: divided.
        axis: of the features.
        settings: of the network.
        frames: how many, besides those in which it warms up.
        permuted: exchange their labels at random.

    Raises:
        TrainingError: nowhere are so many judged frames with two answers.
    """
    still = replace(
        settings, epochs=EPOCHS, patience=EPOCHS, batch=1, minutes=None, dropout=0.0, noise=0.0, weight_decay=0.0, mirror=False, members=1,
        window=frames + WARM_UP, start_from=None,
    )  # fmt: skip
    whole = prepare(videos, axis.plan, still).training
    place, first = frames_to_learn(whole.targets, frames, before=WARM_UP)
    chosen = slice(first - WARM_UP, first + frames)
    targets = whole.targets[place][chosen].clone()
    if permuted:
        targets[WARM_UP:] = targets[WARM_UP:][permutation(frames, settings.seed)]
    few = Clips(variants=((whole.variants[place][0][chosen],),), targets=(targets,))
    with tempfile.TemporaryDirectory() as folder:
        again = Clips(variants=few.variants * STEPS, targets=few.targets * STEPS)
        both = Prepared(training=again, validation=few)
        trained = train(videos, axis.plan, still, Path(folder), say=lambda _: None, anew=True, prepared=both)
    exclusive = trained.network.plan.exclusive
    return judged(settings.network, trained.logits[WARM_UP:], targets[WARM_UP:], exclusive=exclusive, permuted=permuted)


def frames_to_learn(targets: Sequence[Tensor], frames: int, *, before: int = 0) -> tuple[int, int]:
    """The first run of so many judged frames in which no answer has more than nine tenths: which video, and its first frame.

    Raises:
        TrainingError: nowhere is one.
    """
    for place, each in enumerate(targets):
        is_judged = (each != UNJUDGED).all(dim=1)
        kinds = torch.unique(each, dim=0, return_inverse=True)[1]
        for first in range(before, len(each) - frames + 1, max(1, frames // 8)):
            run = kinds[first : first + frames]
            if bool(is_judged[first : first + frames].all()) and int(torch.bincount(run).max()) <= (1 - LEAST_SHARE) * frames:
                return place, first
    raise TrainingError(
        f"nowhere in the training videos are {frames} judged frames in a row of which a tenth have another answer than the rest; "
        "give another --memorise"
    )


def permutation(frames: int, seed: int) -> list[int]:
    """An order at random."""
    order: list[int] = np.random.default_rng(seed).permutation(frames).tolist()
    return order


def judged(network: str, logits: Tensor, targets: Tensor, *, exclusive: bool, permuted: bool) -> MemorisedBehaviour:
    """How many of the frames are answered right in every class."""
    said = torch.nn.functional.one_hot(logits.argmax(dim=1), logits.shape[1]) if exclusive else (logits > 0).long()
    right = float((said == targets.long()).all(dim=1).float().mean())
    commonest = torch.unique(targets, dim=0, return_counts=True)[1].max()
    return MemorisedBehaviour(
        network=network, frames=len(targets), permuted=permuted, right=right, majority=float(commonest) / len(targets)
    )
