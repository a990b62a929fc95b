"""Causal dilated convolutions over a clip, and the same one frame at a time with their pasts carried as states."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

KERNEL = 3
DILATIONS = (1, 2, 4, 8, 16, 32)  # together they see 126 frames back


class CausalConvolutions(nn.Module):
    """Residual layers, each a causal convolution of dilated taps and a rectifier (van den Oord et al. 2016; Bai, Kolter and Koltun 2018).

    What lies before a clip's first frame is zeros in every layer, as the states are that a run begins with.

    Args:
        seen: numbers of a frame.
        width: numbers of every layer.
    """

    def __init__(self, seen: int, width: int) -> None:
        super().__init__()
        self.enter = nn.Linear(seen, width)
        self.layers = nn.ModuleList(nn.Conv1d(width, width, KERNEL, dilation=dilation) for dilation in DILATIONS)

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of the past of every layer, without the first axis of 1."""
        return {f"past_{dilation}": (self.enter.out_features, (KERNEL - 1) * dilation) for dilation in DILATIONS}

    def forward(self, features: Tensor) -> Tensor:
        """Whole clips: (n, frames, seen) to (n, frames, width)."""
        return self.carried(features, None)[0]

    def carried(self, features: Tensor, pasts: Sequence[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        """Clips that go on where others ended: (n, frames, width), and the pasts to carry on.

        Args:
            features: (n, frames, seen).
            pasts: as `state_shapes`; None for clips that begin.
        """
        maps, following = self.enter(features).transpose(1, 2), []
        for number, (layer, dilation) in enumerate(zip(self.layers, DILATIONS, strict=True)):
            reach = (KERNEL - 1) * dilation
            whole = nn.functional.pad(maps, (reach, 0)) if pasts is None else torch.cat([pasts[number], maps], dim=2)
            maps = maps + torch.relu(layer(whole))
            following.append(whole[:, :, -reach:].clone())  # so that all of it is not kept
        return maps.transpose(1, 2), following

    def step(self, features: Tensor, pasts: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """One frame: (n, width), and the next pasts.

        Args:
            features: (n, seen).
            pasts: as `state_shapes`.
        """
        now, following = self.enter(features), []
        for number, (dilation, past) in enumerate(zip(DILATIONS, pasts, strict=True)):
            weight, bias = self.get_parameter(f"layers.{number}.weight"), self.get_parameter(f"layers.{number}.bias")
            whole = torch.cat([past, now[:, :, None]], 2)
            taps = whole[:, :, ::dilation].flatten(1)
            now = now + torch.relu(nn.functional.linear(taps, weight.flatten(1), bias))
            following.append(whole[:, :, 1:])
        return now, *following


@torch.no_grad()
def side_by_side(parts: Sequence[CausalConvolutions], made: CausalConvolutions) -> None:
    """Let `made` hold several of the same features, each with numbers of its own: blocks along the diagonal of its weights."""
    for name in ("enter.weight", "enter.bias"):
        made.get_parameter(name).copy_(torch.cat([part.get_parameter(name) for part in parts]))
    for number in range(len(DILATIONS)):
        name = f"layers.{number}.weight"
        taps: list[Tensor] = [
            torch.block_diag(*(part.get_parameter(name)[:, :, tap] for part in parts))  # type: ignore[no-untyped-call]
            for tap in range(KERNEL)
        ]
        made.get_parameter(name).copy_(torch.stack(taps, dim=2))
        name = f"layers.{number}.bias"
        made.get_parameter(name).copy_(torch.cat([part.get_parameter(name) for part in parts]))
