"""The loss of behaviour networks, in which rare answers count more."""

import torch
from torch import Tensor, nn

from trainer.behaviour.clips import UNJUDGED
from trainer.behaviour.settings import Loss


def class_weights(targets: list[Tensor]) -> tuple[Tensor, Tensor]:
    """What a frame of each answer counts: by the root of how rare it is, so that the mean over all frames is 1.

    Args:
        targets: (frames, answers) each, see `Clips`.

    Returns:
        Weight where the answer is on, and where it is not, float32 (answers,) each.
    """
    together = torch.cat(targets)
    judged = together != UNJUDGED
    on, total = ((together == 1) & judged).sum(dim=0).double(), judged.sum(dim=0).double().clamp(min=1)
    share = (on / total).clamp(1e-4, 1 - 1e-4)
    yes, no = share.rsqrt(), (1 - share).rsqrt()
    mean = share * yes + (1 - share) * no
    return (yes / mean).float(), (no / mean).float()


def loss_of(
    logits: Tensor, targets: Tensor, weights: tuple[Tensor, Tensor] | None, *, exclusive: bool, kind: Loss = "cross_entropy"
) -> Tensor:
    """Mean over judged frames: cross-entropy over exclusive answers, binary cross-entropy over each where classes overlap.

    It is taken on the device of the logits. The soft-max is in the loss; the logits must not have been through one. `mse` is the squared
    distance of the probabilities from 1 for what is on and 0 for what is not (Brier's score), summed over exclusive answers.

    Args:
        logits: (..., answers).
        targets: (..., answers), 1, 0 or `UNJUDGED`.
        weights: as `class_weights`, None to count every frame as one.
        exclusive: which of the two.
        kind: cross-entropy, or mse.
    """
    targets = targets.to(logits.device)
    weights = (weights[0].to(logits.device), weights[1].to(logits.device)) if weights is not None else None
    if exclusive:
        judged = (targets != UNJUDGED).all(dim=-1)
        if kind == "mse":
            of_frame = ((torch.softmax(logits, dim=-1) - targets) ** 2)[judged].sum(dim=-1)
        else:
            of_frame = -(torch.log_softmax(logits, dim=-1) * targets)[judged].sum(dim=-1)
        each = targets[judged] @ weights[0] if weights is not None else torch.ones_like(of_frame)
    else:
        judged = targets != UNJUDGED
        if kind == "mse":
            of_frame = (torch.sigmoid(logits[judged]) - targets[judged]) ** 2
        else:
            of_frame = nn.functional.binary_cross_entropy_with_logits(logits[judged], targets[judged], reduction="none")
        each = torch.ones_like(of_frame)
        if weights is not None:
            each = (targets * weights[0] + (1 - targets) * weights[1])[judged]
    return (of_frame * each).sum() / each.sum().clamp(min=1e-9)


def accuracy_of(logits: Tensor, targets: Tensor, *, exclusive: bool) -> float | None:
    """Share that is right: of judged frames where one answer holds at a time, else of judged answers; None where none is judged.

    Args:
        logits: (..., answers).
        targets: (..., answers), 1, 0 or `UNJUDGED`.
        exclusive: which of the two.
    """
    targets = targets.to(logits.device)
    if exclusive:
        judged = (targets != UNJUDGED).all(dim=-1)
        right = logits[judged].argmax(dim=-1) == targets[judged].argmax(dim=-1)
    else:
        judged = targets != UNJUDGED
        right = (logits[judged] > 0) == (targets[judged] == 1)
    return float(right.float().mean()) if right.numel() else None
