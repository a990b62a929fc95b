"""Networks of behaviour, from poses or from images, trained again and again with other settings and scored on the validation videos."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainer.behaviour.body_axis import BodyAxis
from trainer.behaviour.class_prior import take_out_added, without_class_weights
from trainer.behaviour.clips import UNJUDGED
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.train import Prepared, prepare, train
from trainer.behaviour.video_table import PoseVideos
from trainer.experiments.search_space import Dimension, Space
from trainer.image_behaviour.image_videos import ImageVideos
from trainer.image_behaviour.settings import ImageSettings
from trainer.image_behaviour.train_images import all_targets, train_images, whole_logits

_RATE, _DECAY = Dimension(low=5e-4, high=1e-2, log=True), Dimension(low=1e-4, high=1e-1, log=True)
POSE_SPACE: Space = {
    "learning_rate": _RATE,
    "hidden": Dimension(choices=(32, 64, 128)),
    "dropout": Dimension(low=0.0, high=0.4),
    "weight_decay": _DECAY,
}
IMAGE_SPACE: Space = {
    "learning_rate": _RATE,
    "batch": Dimension(choices=(16, 32, 64)),
    "dropout": Dimension(low=0.0, high=0.5),
    "weight_decay": _DECAY,
}
_SCORED_BY = "macro-F1 on the validation videos"


@dataclass(slots=True, kw_only=True)
class PoseTrials:
    """From poses; features are found once."""

    videos: PoseVideos
    axis: BodyAxis
    settings: BehaviourSettings
    scored_by: str = _SCORED_BY
    _prepared: dict[tuple[bool, bool], Prepared] = field(default_factory=dict)

    @property
    def about(self) -> dict[str, Any]:
        """Videos and their division."""
        return {"task": "behaviour from poses", "data": self.videos.sha256, "parts": [str(video.part) for video in self.videos.videos]}

    def score(self, settings: BehaviourSettings, folder: Path) -> float:
        """Of the epoch with the smallest validation loss, without what class weights have added, as a bundle answers."""
        kind = settings.mirror, settings.members > 1
        if kind not in self._prepared:
            self._prepared[kind] = prepare(self.videos, self.axis.plan, settings)
        found = train(self.videos, self.axis.plan, settings, folder, say=_nothing, prepared=self._prepared[kind])
        return macro_f1(without_class_weights(found)[0].logits, found.targets, exclusive=self.videos.exclusive)


@dataclass(slots=True, kw_only=True)
class ImageTrials:
    """From images."""

    videos: ImageVideos
    settings: ImageSettings
    scored_by: str = _SCORED_BY

    @property
    def about(self) -> dict[str, Any]:
        """Videos and their division."""
        return {"task": "behaviour from images", "data": self.videos.sha256, "parts": [str(video.part) for video in self.videos.videos]}

    def score(self, settings: ImageSettings, folder: Path) -> float:
        """Of the epoch with the smallest validation loss, without what learning has added, as a bundle answers."""
        trained = train_images(self.videos, settings, folder, say=_nothing)
        validation, exclusive = self.videos.of("validation"), self.videos.exclusive
        targets = all_targets(validation, exclusive=exclusive)
        logits = whole_logits(trained.network, validation, together=settings.held_out_batch)
        logits, _ = take_out_added(trained.network.answer, logits, targets, trained.added)
        return macro_f1(logits, targets, exclusive=exclusive)


def macro_f1(logits: Tensor, targets: Tensor, *, exclusive: bool) -> float:
    """Mean F1 over the classes that are there or were found, the likeliest answer being given, or each above one half.

    Args:
        logits: (frames, answers).
        targets: the same, see `Clips`; "none" is last where classes exclude each other, and is no class.
        exclusive: whether they do.
    """
    judged = (targets != UNJUDGED).all(dim=1)
    said = torch.nn.functional.one_hot(logits.argmax(dim=1), logits.shape[1]) > 0 if exclusive else logits > 0
    said, true = said[judged], targets[judged] == 1
    if exclusive:
        said, true = said[:, :-1], true[:, :-1]
    both, either = (said & true).sum(dim=0).double(), (said.sum(dim=0) + true.sum(dim=0)).double()
    there = either > 0
    return float(np.mean((2 * both[there] / either[there]).numpy())) if bool(there.any()) else 0.0


def _nothing(sentence: str) -> None:
    """The search says how each training ended."""
