"""What the class weights of the loss have added to a network's logits, taken out again as far as validation videos gain by it."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from trainer.behaviour.clips import UNJUDGED
from trainer.behaviour.train import Trained

PARTS = (0.0, 0.5, 1.0)


def without_class_weights(trained: Trained) -> tuple[Trained, float]:
    """A trained network of poses without what its class weights added, see `take_out_added`.

    Returns:
        The same with other logits, the network's last layer changed with them, and the part that was taken out.
    """
    added = trained.weights.log() if trained.weights is not None else None
    logits, part = take_out_added(trained.network.answer, trained.logits, trained.targets, added)
    return replace(trained, logits=logits, weights=None), part


@torch.no_grad()
def take_out_added(answer: nn.Linear, logits: Tensor, targets: Tensor, added: Tensor | None) -> tuple[Tensor, float]:
    """A network that has learnt with frames of class k counting w_k finds p_k · w_k over their sum: log w_k leaves its logits.

    Where a class is rare, its frames are then hardly ever the likeliest, so that all, half or none is taken out, whichever gives the
    largest macro-F1 on the validation videos. Classes that overlap are decided by thresholds of their own, and stay as they are.

    Args:
        answer: the last layer, whose bias is changed.
        logits: (frames, answers) of the validation videos.
        targets: of the same frames, see `Clips`.
        added: (answers,) what learning has added to the logit of each exclusive answer; None where classes overlap.

    Returns:
        The logits that the changed layer gives, and the part that was taken out.
    """
    if added is None:
        return logits, 0.0
    scores = [_macro_f1(logits - part * added, targets) for part in PARTS]
    part = max(zip(scores, PARTS, strict=True))[1]
    answer.bias.sub_(part * added)
    return logits - part * added, part


def _macro_f1(logits: Tensor, targets: Tensor) -> float:
    """By frame, of the likeliest class, over the classes that are there or were said; "none", the last answer, is none of them."""
    judged = (targets != UNJUDGED).all(dim=-1)
    said, true = logits[judged].argmax(dim=-1), targets[judged].argmax(dim=-1)
    found: Sequence[float] = [
        2 * float(((said == place) & (true == place)).sum()) / float((said == place).sum() + (true == place).sum())
        for place in range(targets.shape[-1] - 1)
        if bool(((said == place) | (true == place)).any())
    ]
    return sum(found) / max(1, len(found))
