"""What a network from poses says of whole videos: each as one run, a part of it after the other with its memory carried on."""

import torch
from torch import Tensor

from trainer.behaviour.clips import Clips
from trainer.behaviour.network import Memory, PoseBehaviour
from trainer.training.lack_of_memory import held_out_refused
from trainer.training.training_device import device_of

SMALLER = "give a smaller --hidden, fewer --members, or shorter videos"


@torch.no_grad()
def whole_logits(network: PoseBehaviour, clips: Clips, *, together: int | None = None) -> Tensor:
    """Of every video as seen, one after the other: (frames of all, answers), on the CPU.

    Args:
        network: put into evaluation mode.
        clips: normalised.
        together: frames that are answered at a time; None for all of a video. The answers are the same, but for rounding.

    Raises:
        TooLargeError: the memory does not hold so many, with how many it holds.
    """
    network.eval()
    longest = max((len(of[0]) for of in clips.variants), default=0)

    def answered(count: int) -> Tensor:
        return torch.cat([_in_parts(network, of[0], count) for of in clips.variants])

    def first_of(count: int) -> Tensor:
        video = max(clips.variants, key=lambda of: len(of[0]))[0]
        return _in_parts(network, video[:count], count)

    count = longest if together is None else min(together, longest)
    return held_out_refused(lambda: answered(count), first_of, count, otherwise=SMALLER)


def _in_parts(network: PoseBehaviour, features: Tensor, together: int) -> Tensor:
    """Of one video, normalised (frames, count)."""
    memory: Memory = None
    found, device = [], device_of(network)
    for begin in range(0, len(features), together):
        hidden, memory = network.carried(features[None, begin : begin + together].to(device), memory)
        found.append(network.answer(hidden)[0].cpu())
    return torch.cat(found)
