"""What is fitted on validation videos after the weights: the classes' prior, temperature, thresholds, how long a network must warm up."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]
from torch import Tensor

from trainer.behaviour.class_prior import without_class_weights
from trainer.behaviour.clips import UNJUDGED
from trainer.behaviour.network import PoseBehaviour, features_of
from trainer.behaviour.train import Trained
from trainer.behaviour.video_table import PoseVideo
from trainer.behaviour.weighted_loss import loss_of
from trainer.behaviour_scores.threshold_curves import Rule, choose_threshold, curve

STARTS = 24  # places from which a network is started anew to see when it agrees with one that ran all along
AGREES = 0.05  # largest difference of a probability, in 95 % of the starts
LONGEST_S = 10.0
RULES: dict[Rule, str] = {"f1": "greatest F1", "j": "greatest J", "accuracy": "greatest accuracy"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourCalibration:
    """What was found.

    Attributes:
        temperature: the logits are divided by it; above 1 the network was too sure.
        thresholds: one for each class.
        rule: how they were chosen, in words.
        loss_before: unweighted validation loss without temperature.
        loss_after: and with it.
        warming_frames: see `warming_frames`.
        weights_out: which part of the class weights was taken out of the logits, see `take_out_added`.
    """

    temperature: float
    thresholds: tuple[float, ...]
    rule: str
    loss_before: float
    loss_after: float
    warming_frames: int
    weights_out: float = 0.0

    @property
    def weights_sentence(self) -> str:
        """What was taken out, for people."""
        return f"{self.weights_out:.0%} of the class weights taken out of the answers: so the validation videos are found best"


def calibrate(trained: Trained, videos: Sequence[PoseVideo], *, rule: Rule, delay_ms: float = 0.0) -> BehaviourCalibration:
    """Fit all of them and put prior and temperature into the network.

    Args:
        trained: the network, and its logits of the validation videos.
        videos: to measure the warming up on.
        rule: by which thresholds are chosen.
        delay_ms: how much later than a frame it is answered; before that a run has nothing to tell of.
    """
    trained, part = without_class_weights(trained)
    calibrated = calibrate_answers(trained.network, trained.logits, trained.targets, rule=rule, warming_frames=0)
    fps = videos[0].fps
    warming = max(warming_frames(trained.network, videos, longest=round(LONGEST_S * fps)), math.ceil(delay_ms / 1000 * fps))
    return replace(calibrated, weights_out=part, warming_frames=warming)


class CalibratedNetwork(Protocol):
    """What of a network this needs."""

    temperature: Tensor

    def probabilities(self, logits: Tensor) -> Tensor:
        """Calibrated, of the classes alone."""
        ...


def calibrate_answers(
    network: CalibratedNetwork, logits: Tensor, targets: Tensor, *, rule: Rule, warming_frames: int
) -> BehaviourCalibration:
    """Fit temperature and thresholds, and put the temperature into the network.

    Args:
        network: trained.
        logits: (frames, answers) of the validation videos.
        targets: the same, see `Clips`; one more answer than classes where they exclude each other.
        rule: by which thresholds are chosen.
        warming_frames: as measured.
    """
    exclusive = network.probabilities(logits[:1]).shape[1] < logits.shape[1]

    def loss(log_temperature: float) -> float:
        return float(loss_of(logits / float(np.exp(log_temperature)), targets, None, exclusive=exclusive))

    best = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded")
    temperature = float(np.exp(best.x)) if best.fun < loss(0.0) else 1.0
    network.temperature.fill_(temperature)
    probabilities = network.probabilities(logits).numpy()
    return BehaviourCalibration(
        temperature=temperature,
        thresholds=_thresholds(probabilities, targets.numpy(), rule),
        rule=f"{RULES[rule]} on the validation videos",
        loss_before=loss(0.0),
        loss_after=loss(float(np.log(temperature))),
        warming_frames=warming_frames,
    )


@torch.no_grad()
def warming_frames(network: PoseBehaviour, videos: Sequence[PoseVideo], *, longest: int) -> int:
    """Frames after zeroed states until no probability differs by more than 0.05 from that of a network that ran all along.

    Measured from places spread over the videos, in 95 % of them. At most `longest`.
    """
    worst: list[int] = []
    for video in videos:
        length = min(longest, len(video.poses) // 2)
        if length < 2:
            continue
        starts = np.unique(np.linspace(len(video.poses) // 4, len(video.poses) - length, STARTS).astype(int)).tolist()
        poses, seconds = torch.from_numpy(video.poses), torch.from_numpy(video.seconds)
        features = features_of(
            network, [poses, *(poses[start : start + length] for start in starts)], [seconds] + [seconds[:length]] * len(starts)
        )
        whole = network.probabilities(network.logits(network.normalised(features[0])[None]))[0]
        fresh = network.probabilities(network.logits(network.normalised(torch.stack(features[1:]))))
        for start, one in zip(starts, fresh, strict=True):
            last = torch.nonzero((one - whole[start : start + length]).abs().amax(dim=-1) > AGREES)
            worst.append(int(last.max()) + 1 if len(last) else 0)
    return int(np.percentile(worst, 95, method="higher")) if worst else 0


def _thresholds(probabilities: NDArray[np.float32], targets: NDArray[np.float32], rule: Rule) -> tuple[float, ...]:
    found = []
    for place in range(probabilities.shape[1]):
        judged = targets[:, place] != UNJUDGED
        found.append(choose_threshold(curve(probabilities[judged, place], targets[judged, place] == 1), rule))
    return tuple(found)
