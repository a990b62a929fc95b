"""The networks and heads that can be asked for, by name. Imports no torch, so that `trainer --help` stays quick."""

from trainer.errors import TrainingError

TIMM = "timm:"  # followed by any model of timm that gives feature maps
BACKBONES = ("alexnet", "resnet18", "resnet34", "resnet50", "mobilenet_v3_large", "mobilenet_v3_small")
NETWORKS = ("compact", "trackrat", *BACKBONES)
OF_IMAGES = ("small", "shallow", "deep", "dense")  # our own that find behaviour in images
OF_POSES = ("gru", "tcn")  # and in poses
HEADS = ("heatmap", "xy", "votes", "dense_heatmap", "several")
MAP_HEADS = ("heatmap", "dense_heatmap", "several")  # these answer by heat maps
VIEWS = ("crop", "full")
# its heads, and what it sees of a frame
_OURS = {"compact": (("heatmap", "xy", "votes", "several"), "crop"), "trackrat": (("xy",), "full")}
_OF_BACKBONES = ("heatmap", "xy", "dense_heatmap")


def is_backbone(network: str) -> bool:
    """Whether the network is a library's."""
    return network in BACKBONES or (network.startswith(TIMM) and len(network) > len(TIMM))


def usual_view(network: str) -> str:
    """What a network sees of a frame unless asked otherwise."""
    return _OURS[network][1] if network in _OURS else "full"


def refuse_misfits(network: str, head: str, view: str) -> None:
    """Refuse names that do not exist and choices that do not go together.

    Raises:
        TrainingError: with what there is instead.
    """
    if network not in _OURS and not is_backbone(network):
        raise TrainingError(f"there is no network '{network}'; expected one of {', '.join(NETWORKS)}, or {TIMM} and a model's name")
    if head not in HEADS:
        raise TrainingError(f"there is no head '{head}'; expected one of {', '.join(HEADS)}")
    if view not in VIEWS:
        raise TrainingError(f"there is no view '{view}'; expected one of {', '.join(VIEWS)}")
    heads, only = _OURS.get(network, (_OF_BACKBONES, view))
    if head not in heads:
        having = [one for one in ("compact", "resnet18") if head in _OURS.get(one, (_OF_BACKBONES,))[0]]
        raise TrainingError(f"the network '{network}' has no head '{head}'; it has {', '.join(heads)}; for '{head}' take {having[0]}")
    if view != only:
        raise TrainingError(f"the network '{network}' cannot take the view '{view}'; it takes {only}, and resnet18 takes both")
