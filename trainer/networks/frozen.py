"""Which layers learn: all, or only the head, with everything before it held bit for bit."""

from torch import nn

from trainer.networks.backbone import Backbone
from trainer.networks.coarse_to_fine import CoarseToFine
from trainer.networks.grouped import Grouped

_ANSWERING = ("head.", "absent.")  # layers of our own networks that depend on the key points
_OF_GROUPS = "finder.head.1."  # the layer that depends on how many crops they have


def in_head(network: nn.Module, name: str) -> bool:
    """Whether a parameter or buffer belongs to what was made for these key points, not to what can be taken over."""
    if isinstance(getattr(network, "backbone", None), Backbone):
        return not name.startswith("backbone.")
    plain = name.removeprefix("fine.")
    return plain.startswith(_ANSWERING) or (isinstance(network, Grouped) and plain.startswith(_OF_GROUPS))


def may_differ(network: nn.Module, name: str) -> bool:
    """Whether a parameter or buffer may be of another size in a network that weights are taken from."""
    return in_head(network, name) or (isinstance(network, CoarseToFine | Grouped) and name.removeprefix("fine.").startswith(_OF_GROUPS))


def freeze_all_but_head(network: nn.Module) -> None:
    """Only the head learns from now on."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(in_head(network, name))


def held_norms(network: nn.Module) -> tuple[nn.Module, ...]:
    """Normalisations of frozen layers: their running statistics must not move either, so they stay in evaluation mode."""
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]  # noqa: SLF001  # the only common class
    return tuple(norm for norm in norms if norm.affine and not norm.weight.requires_grad)


def parameter_counts(network: nn.Module) -> tuple[int, int]:
    """How many numbers learn, and how many are held."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in network.parameters()]
    return sum(size for size, learns in sizes if learns), sum(size for size, learns in sizes if not learns)
