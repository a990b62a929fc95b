"""Layers of an earlier bundle's training that a new network begins with: all that are alike, but for the last, which answers."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from trainer.bundle_places import run_folder
from trainer.errors import TrainingError

_BEST = "best.ckpt"  # as a training keeps it
_OWN = ("answer.", "temperature", "mean", "deviation")  # of these classes and these features
_OF_BEHAVIOUR = ("", "network-1")  # one network, or the first of several members
_NAMED = 6  # tensors that a sentence names


@torch.no_grad()
def take_layers(network: nn.Module, bundle: Path, *, own: tuple[str, ...] = _OWN, within: Sequence[str] = _OF_BEHAVIOUR) -> list[str]:
    """Copy every tensor that has the name and shape of one in the training beside a bundle.

    Args:
        network: changed in place.
        bundle: of the same task, with its run beside it.
        own: how the names of tensors begin that are of these labels and these data, and are never taken.
        within: folders of a run in which the training may be; the first that there is counts.

    Returns:
        What was taken and what was not, a sentence each.

    Raises:
        TrainingError: there is no such training, or nothing of it fits.
    """
    found, wanted = _tensors(bundle, within), network.state_dict()
    may = {name: value for name, value in wanted.items() if not name.startswith(own)}
    taken = [name for name, value in may.items() if name in found and found[name].shape == value.shape]
    if not taken:
        raise TrainingError(
            f"{bundle}: no layer of it is of the name and size of one here; begin with a bundle of the same network, or leave --from out"
        )
    for name in taken:
        wanted[name].copy_(found[name])
    numbers = sum(wanted[name].numel() for name in taken)
    fresh = [f"{name} ({_difference(found.get(name))})" for name in may if name not in taken]
    said = [f"begins with {len(taken)} tensors of {bundle}, {numbers} numbers: {_some(taken)}"]
    return [*said, f"not taken: {_some([*fresh, 'the last layer, which is of these labels'])}"]


def _tensors(bundle: Path, within: Sequence[str]) -> dict[str, Tensor]:
    places = [run_folder(bundle) / folder / _BEST for folder in within]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise TrainingError(f"{bundle}: its training, {places[0]}, is not there; --from needs it beside the bundle")
    try:
        kept = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as problem:
        raise TrainingError(f"{path}: cannot be read ({type(problem).__name__}); train that bundle again, or leave --from out") from problem
    tensors = kept.get("network") if isinstance(kept, dict) else None
    if not isinstance(tensors, dict):
        raise TrainingError(f"{path}: is no training of a network; --from takes a bundle of the same task, made by `trainer fit`")
    return tensors


def _difference(found: Tensor | None) -> str:
    return "is not in it" if found is None else f"is {'x'.join(map(str, found.shape))} there"


def _some(items: list[str]) -> str:
    more = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return ", ".join(items[:_NAMED]) + more
