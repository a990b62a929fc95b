"""A network layer by layer: inputs, outputs, parameters that learn and that are held, multiplications. Nothing is computed for it."""

import copy
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tracker.whole_files import write_whole
from trainer.networks.build import NetworkPlan, plan_to_plain
from trainer.networks.frozen import parameter_counts

NETWORK_FILE = "network.json"
OPERATIONS = 2  # FlopCounterMode counts a multiplication and its addition as two
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkLayer:
    """One call of one layer.

    Attributes:
        name: its path in the network.
        kind: its class.
        inputs: shapes, one for each tensor that comes in.
        outputs: shapes, one for each tensor that goes out.
        trainable: numbers that learn.
        untrainable: numbers that are held; running statistics are not counted.
        macs: multiplications for one frame.
    """

    name: str
    kind: str
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    trainable: int
    untrainable: int
    macs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkTable:
    """All layers, in the order in which a frame meets them, and their sums.

    Attributes:
        title: network, head and view in words.
        layers: those that have no layers inside.
        inputs: shapes of what the network takes.
        outputs: shapes of what it answers.
        trainable: numbers that learn.
        untrainable: numbers that are held.
        macs: multiplications of convolutions and matrices for one frame, also those outside of layers.
    """

    title: str
    layers: tuple[NetworkLayer, ...]
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    trainable: int
    untrainable: int
    macs: int

    @property
    def sentence(self) -> str:
        """Size in words."""
        return (
            f"{self.title}: {self.trainable / 1e6:.2f} M parameters learn, {self.untrainable / 1e6:.2f} M are held, "
            f"{self.macs / 1e9:.3f} GMAC a frame"
        )

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return asdict(self)


def table_of(network: nn.Module, plan: NetworkPlan) -> NetworkTable:
    """Look at one frame's way through a network, on shapes alone.

    Args:
        network: left as it is.
        plan: what it was built from.
    """
    frame = plan.frame
    return table_of_calls(network, [torch.empty(1, frame.height, frame.width, frame.channels, dtype=torch.uint8)], title=plan.title)


def table_of_calls(network: nn.Module, inputs: list[Tensor], *, title: str) -> NetworkTable:
    """The same for any network, of one or several inputs and outputs."""
    ghost = copy.deepcopy(network).to("meta").eval()
    learns = {id(twin): real.requires_grad for twin, real in zip(ghost.parameters(), network.parameters(), strict=True)}
    calls: list[NetworkLayer] = []
    counter = FlopCounterMode(display=False)
    handles = [
        hook
        for name, layer in ghost.named_modules()
        if not any(True for _ in layer.children()) and name
        for hook in _watch(layer, name, learns=learns, counter=counter, calls=calls)
    ]
    with counter, torch.no_grad():
        answer = ghost(*(tensor.to("meta") for tensor in inputs))
    for handle in handles:
        handle.remove()
    trainable, untrainable = parameter_counts(network)
    return NetworkTable(
        title=title,
        layers=tuple(calls),
        inputs=_shapes(inputs),
        outputs=_shapes([answer]),
        trainable=trainable,
        untrainable=untrainable,
        macs=counter.get_total_flops() // OPERATIONS,
    )


def write_table(path: Path, table: NetworkTable, plan: NetworkPlan, *, pretrained: dict[str, Any] | None) -> None:
    """Keep the table, what the network was built from, and what it began with, beside its run; whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps({"plan": plan_to_plain(plan), "pretrained": pretrained, **table.as_json()}, indent=1).encode())


def _watch(
    layer: nn.Module, name: str, *, learns: dict[int, bool], counter: FlopCounterMode, calls: list[NetworkLayer]
) -> Iterable[torch.utils.hooks.RemovableHandle]:
    """Hooks that note every call of a layer."""
    before = [0]

    def enter(_layer: nn.Module, _inputs: object) -> None:
        before[0] = counter.get_total_flops()

    def leave(_layer: nn.Module, inputs: object, output: object) -> None:
        sizes = [(parameter.numel(), learns[id(parameter)]) for parameter in layer.parameters()]
        calls.append(
            NetworkLayer(
                name=name,
                kind=type(layer).__name__,
                inputs=_shapes(inputs),
                outputs=_shapes(output),
                trainable=sum(size for size, learnt in sizes if learnt),
                untrainable=sum(size for size, learnt in sizes if not learnt),
                macs=(counter.get_total_flops() - before[0]) // OPERATIONS,
            )
        )

    return layer.register_forward_pre_hook(enter), layer.register_forward_hook(leave)


def _shapes(value: object) -> tuple[Shape, ...]:
    """Shapes of all tensors in a value, however nested."""
    if isinstance(value, Tensor):
        return (tuple(value.shape),)
    if isinstance(value, dict):
        return _shapes(list(value.values()))
    if isinstance(value, list | tuple):
        return tuple(shape for part in value for shape in _shapes(part))
    return ()
