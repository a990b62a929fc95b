"""How much more a network computes that sees more pixels of the animal: what its training takes, before anybody begins it."""

import torch

from trainer.errors import TrainingError
from trainer.labels.labelled_frames import LabelledFrames
from trainer.networks.build import NetworkPlan, build
from trainer.networks.layer_table import table_of
from trainer.networks.planning import plan_network
from trainer.scoring.finer_network import finer_network


def finer_times(plan: NetworkPlan, labels: LabelledFrames) -> float | None:
    """Its operations for a picture over those of the network that was trained; None where there is none or it cannot be built here.

    Args:
        plan: of the network that was trained.
        labels: learnt from, which size a crop.
    """
    finer = finer_network(plan.network, plan.head, plan.view)
    if finer is None:
        return None
    try:
        other = plan_network(labels.points, plan.frame, network=finer.network, head=finer.head, view=finer.view)
        return _operations(other) / _operations(plan)
    except TrainingError:  # a library that is not installed, or frames too small: its own training says so
        return None


def _operations(plan: NetworkPlan) -> int:
    """For one picture."""
    with torch.device("meta"):  # shapes alone: no memory, no arithmetic
        built = build(plan)
    return table_of(built, plan).macs
