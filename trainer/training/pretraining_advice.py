"""Whether pretrained weights are to be expected to help, in a sentence for whoever trains."""

from trainer.networks.build import NetworkPlan
from trainer.networks.names import is_backbone
from trainer.training.fit_settings import IMAGENET, SCRATCH

# He, Girshick & Dollár 2019, "Rethinking ImageNet pre-training": from 10 000 labelled images on, random weights end as well
ENOUGH_FRAMES = 10_000


def transfer_advice(plan: NetworkPlan, *, frames: int, weights: str, parameters: int) -> str | None:
    """What to consider about the weights that a network begins with; None where nothing speaks against them.

    Args:
        plan: of the network.
        frames: labelled ones to learn from.
        weights: `scratch`, `imagenet` or a file.
        parameters: how many numbers the network has.
    """
    if not is_backbone(plan.network):
        return None  # small enough to learn from a hundred frames
    if weights == SCRATCH and frames < ENOUGH_FRAMES:
        return (
            f"{plan.network} learns {parameters / 1e6:.0f} M numbers from {frames} labelled frames and may memorise them: begin with "
            "--weights imagenet or a file, hold them with --train head, or take --network compact"
        )
    if weights == IMAGENET and plan.frame.channels == 1 and plan.view == "full":
        return (
            "ImageNet's weights have seen colour photographs of one object each; on grey frames of a whole arena they can end worse than "
            "random ones: train both and compare them on held-out frames"
        )
    return None
