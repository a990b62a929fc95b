"""A network whose confidence is the chance of being right; part of the exported graph, so that every runtime gives it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class CalibratedNetwork(nn.Module):
    """Any network of poses, its confidence c replaced by sigmoid(scale · logit(c) + offset).

    Args:
        network: uint8 frames to float32 (n, animals, K, 3).
        scale: K numbers.
        offset: K numbers.
        clip: how close to 0 or 1 a confidence is taken at most: what its logit can grow to is limited, in bf16 too.
    """

    def __init__(self, network: nn.Module, *, scale: Sequence[float], offset: Sequence[float], clip: float) -> None:
        super().__init__()
        self.network, self.clip = network, clip
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.register_buffer("offset", torch.tensor(offset, dtype=torch.float32))

    def forward(self, frames: Tensor) -> Tensor:
        """Poses with calibrated confidence; positions are untouched."""
        poses = self.network(frames)
        raw = poses[..., 2].clamp(self.clip, 1 - self.clip)
        logit = torch.log(raw) - torch.log(1 - raw)
        confidence = torch.sigmoid(logit * self.scale.float() + self.offset.float())
        if poses.shape[1] > 1:  # the row of an animal that is not there stays all zero
            confidence = torch.where(poses[..., 2].amax(2, keepdim=True) > 0, confidence, 0.0)
        return torch.cat([poses[..., :2], confidence[..., None]], -1)

    scale: Tensor  # (K,)
    offset: Tensor  # (K,)
