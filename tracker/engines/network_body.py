"""Which steps of a network may compute with few bits: those between its first and its last layer with weights. Pure.

What comes before scales pixels, what comes after finds peaks and adds up positions of up to some thousand pixels; fp16 has
steps of half a pixel there. The last layer with weights belongs to what comes after: a coordinate of a 640 px frame that
leaves it in fp16 is off by up to 0.16 px.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One layer of a network, or one node of a graph.

    Attributes:
        kind: `weights` holds learnt numbers, `decode` begins the reading of answers (soft-max, index of a maximum).
        inputs: names of the floating-point tensors it computes from; indices and shapes are none.
        outputs: names of the floating-point tensors it gives.
    """

    kind: Literal["weights", "decode", "other"]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def body(steps: Sequence[Step]) -> frozenset[int]:
    """Places of the steps that have weights in or before them and weights after them, along floating-point tensors.

    Args:
        steps: in an order in which every tensor is given before it is used.
    """
    before = _reached(range(len(steps)), steps, forwards=True)
    after = _reached(reversed(range(len(steps))), steps, forwards=False)
    return frozenset(
        place
        for place, step in enumerate(steps)
        if step.kind != "decode" and place in after and (step.kind == "weights" or place in before)
    )


def _reached(order: Iterable[int], steps: Sequence[Step], *, forwards: bool) -> frozenset[int]:
    """Steps that a layer with weights leads to (forwards), or that lead to one, without a decoding step between."""
    carries: dict[str, bool] = defaultdict(bool)
    found = set()
    for place in order:
        step = steps[place]
        sources, targets = (step.inputs, step.outputs) if forwards else (step.outputs, step.inputs)
        reached = any(carries[name] for name in sources)
        if reached:
            found.add(place)
        for name in targets:
            carries[name] |= step.kind == "weights" or (reached and step.kind != "decode")
    return frozenset(found)
