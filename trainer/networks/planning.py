"""Choices and labels → the plan of a network: what it sees of a frame, and how large its crop is."""

import numpy as np
from numpy.typing import NDArray

from trainer.networks.blocks import USUAL, FrameShape, Layers, plan_crop
from trainer.networks.build import NetworkPlan
from trainer.networks.groups import plan_groups
from trainer.networks.names import refuse_misfits, usual_view
from trainer.networks.network_view import whole_frame
from trainer.networks.several import plan_several


def plan_network(
    labels: NDArray[np.float64], frame: FrameShape, *, network: str, head: str, view: str, layers: Layers = USUAL
) -> NetworkPlan:
    """Everything needed to build a network.

    Args:
        labels: (n, animals, K, 2) frame pixels, NaN where missing; they size the crops and say which points one crop can hold.
        frame: what the network takes.
        network: its name.
        head: its name.
        view: `crop`, `full`, or `auto` for what is usual.
        layers: how many, and how wide.

    Raises:
        TrainingError: choices that do not go together, or frames too small.
    """
    seen = usual_view(network) if view == "auto" else view
    refuse_misfits(network, head, seen)
    points = labels.reshape(-1, *labels.shape[2:])
    if head == "several":
        crop = plan_several(labels, frame)
    elif seen == "full":
        crop = whole_frame(frame, maps=head == "heatmap")
    else:
        crop = plan_crop(points, frame)
    groups = plan_groups(points, frame) if (network, head) == ("compact", "heatmap") else ()
    return NetworkPlan(
        network=network,
        head=head,
        points=labels.shape[2],
        animals=labels.shape[1],
        frame=frame,
        view=seen,
        crop=crop,
        layers=layers,
        groups=groups,
    )
