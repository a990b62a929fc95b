"""Weights that a network begins with: ImageNet's, or a file's. Everything is compared by name and shape before anything is copied."""

import pickle
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainer.errors import TrainingError
from trainer.networks.backbone import Backbone, library, timm_name
from trainer.networks.build import NetworkPlan
from trainer.networks.frozen import may_differ
from trainer.training.fit_settings import IMAGENET, SCRATCH
from trainer.training.learner import ABOUT

Tensors = dict[str, Tensor]

AVERAGED = "averaged."  # what the averaged copy's tensors are called in our checkpoints
WITHIN = "fine."  # where the layers of the network of one crop stand in one of several crops or animals
HUB = "https://huggingface.co"
PATIENCE_S = 10.0
SHOWN = 3  # mismatches that a sentence names
_UNREADABLE = (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, AttributeError)
_COUNTERS = "num_batches_tracked"  # older files lack them, and nothing reads them


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretrained:
    """What a network took over.

    Attributes:
        source: `imagenet` or the file's name.
        taken: names of tensors that were copied.
        fresh: names of tensors that keep their random start.
        left: names in the file that the network has no use for, such as a classifier.
    """

    source: str
    taken: tuple[str, ...]
    fresh: tuple[str, ...]
    left: tuple[str, ...]


def load_pretrained(network: nn.Module, plan: NetworkPlan, source: str) -> Pretrained | None:
    """Let a network begin with other weights than random ones.

    Args:
        network: changed in place.
        plan: what it was built from.
        source: `scratch` changes nothing; `imagenet`; or a file: a checkpoint of rigtrack, or the weights of the
            network's library in safetensors or in torch's format.

    Returns:
        What was taken over; None for `scratch`.

    Raises:
        TrainingError: they cannot be had, cannot be read, or are of another network.
    """
    if source == SCRATCH:
        return None
    backbone = getattr(network, "backbone", None)
    if source == IMAGENET:
        if not isinstance(backbone, Backbone):
            raise TrainingError(
                f"there are no ImageNet weights for the network '{plan.network}'; "
                "give --weights FILE, a checkpoint of a like network, or scratch"
            )
        return _take(network, _imagenet(backbone), where=f"ImageNet's weights of {plan.network}", source=IMAGENET)
    path = Path(source)
    tensors, about = _read(path)
    if about is not None:
        return _take_own(network, tensors, about, plan=plan, path=path)
    if not isinstance(backbone, Backbone):
        raise TrainingError(
            f"{path}: is not a checkpoint of rigtrack; the network '{plan.network}' begins with one that `trainer fit` has written"
        )
    return _take(network, tensors, where=str(path), source=path.name)


def load_library_weights(network: nn.Module, name: str, source: str) -> Pretrained | None:
    """Let the backbone of a network begin with ImageNet's weights, or those of a file of its library; `scratch` changes nothing.

    Args:
        network: with a `backbone`, changed in place.
        name: of the library's network.
        source: `scratch`, `imagenet`, or a file.

    Raises:
        TrainingError: they cannot be had, cannot be read, or are of another network.
    """
    if source == SCRATCH:
        return None
    if source == IMAGENET:
        backbone = network.get_submodule("backbone")
        if not isinstance(backbone, Backbone):
            raise TypeError(f"expected a Backbone, got a {type(backbone).__name__}")
        return _take(network, _imagenet(backbone), where=f"ImageNet's weights of {name}", source=IMAGENET)
    tensors, about = _read(Path(source))
    if about is not None:
        raise TrainingError(f"{source}: is a checkpoint of key points; expected imagenet, or a file of weights of '{name}'")
    return _take(network, tensors, where=source, source=Path(source).name)


def _take(network: nn.Module, tensors: Tensors, *, where: str, source: str) -> Pretrained:
    """Copy a library's weights into the backbone."""
    backbone = network.get_submodule("backbone")
    if not isinstance(backbone, Backbone):
        raise TypeError(f"expected a Backbone, got a {type(backbone).__name__}")
    wanted = _without_counters(backbone.body.state_dict())
    found = {_plain(name): name for name in _without_counters(tensors)}
    pairs = {name: found.get(_plain(name)) for name in wanted}
    _refuse_mismatch(where, {name: (wanted[name], tensors.get(other or "")) for name, other in pairs.items()})
    _refuse_foreign(where, found, backbone)
    _copy(wanted, {name: tensors[other] for name, other in pairs.items() if other is not None})
    taken = {f"backbone.body.{name}" for name in wanted}
    return Pretrained(
        source=source,
        taken=tuple(sorted(taken)),
        fresh=tuple(name for name in _without_counters(network.state_dict()) if name not in taken),
        left=tuple(name for name in found.values() if name not in pairs.values()),
    )


def _take_own(network: nn.Module, tensors: Tensors, about: dict[str, Any], *, plan: NetworkPlan, path: Path) -> Pretrained:
    """Copy what fits of another training; all but the head must."""
    other = about["plan"]["network"]
    if other != plan.network:
        raise TrainingError(
            f"{path}: is of the network '{other}'; this run trains '{plan.network}': give --network {other}, or another file"
        )
    wanted = _without_counters(network.state_dict())
    tensors = _by_these_names(tensors, wanted)
    _refuse_mismatch(str(path), {name: (value, tensors.get(name)) for name, value in wanted.items() if not may_differ(network, name)})
    taken = tuple(name for name, value in wanted.items() if name in tensors and tensors[name].shape == value.shape)
    _copy(wanted, {name: tensors[name] for name in taken})
    return Pretrained(
        source=path.name,
        taken=taken,
        fresh=tuple(name for name in wanted if name not in taken),
        left=tuple(name for name in _without_counters(tensors) if name not in taken),
    )


def _by_these_names(tensors: Tensors, wanted: Tensors) -> Tensors:
    """A checkpoint's tensors by the names of a network in which the same layers may stand within another, or no longer."""
    within = {name.removeprefix(WITHIN): name for name in wanted}
    return {name if name in wanted else within.get(name.removeprefix(WITHIN), name): value for name, value in tensors.items()}


def _without_counters(tensors: Mapping[str, Tensor]) -> Tensors:
    return {name: value for name, value in tensors.items() if not name.endswith(_COUNTERS)}


@torch.no_grad()
def _copy(into: Tensors, values: Tensors) -> None:
    for name, value in values.items():
        into[name].copy_(value)


def _refuse_foreign(where: str, found: Mapping[str, str], backbone: Backbone) -> None:
    """Refuse tensors that the library's whole network does not have; `found` has their names, keyed without punctuation."""
    known = {_plain(name) for name in _all_names(backbone)}
    if foreign := [name for plain, name in found.items() if plain not in known]:
        raise TrainingError(f"{where}: has {_some(foreign)}, which '{backbone.name}' has not: the weights are of another network")


def _refuse_mismatch(where: str, pairs: dict[str, tuple[Tensor, Tensor | None]]) -> None:
    """Refuse weights that do not fit, naming the first that do not."""
    wrong = [
        f"{name} is {'missing' if found is None else _size(found)} (expected {_size(wanted)})"
        for name, (wanted, found) in pairs.items()
        if found is None or found.shape != wanted.shape
    ]
    if wrong:
        raise TrainingError(f"{where}: does not fit the network: {_some(wrong)}; give weights of the same network")


def _read(path: Path) -> tuple[Tensors, dict[str, Any] | None]:
    """The tensors of a file; and what it says about its run, where it is one of our checkpoints."""
    if not path.is_file():
        raise TrainingError(f"{path}: there is no such file of weights; expected scratch, imagenet, or a file")
    if path.suffix == ".safetensors":
        return _read_safetensors(path), None
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except _UNREADABLE as problem:
        raise TrainingError(f"{path}: cannot be read as weights of torch ({_first_line(problem)}); give a safetensors file") from problem
    if not isinstance(content, dict):
        raise TrainingError(f"{path}: holds a {type(content).__name__}; expected names and tensors")
    about = content.get(ABOUT)
    for key in ("state_dict", "model"):
        content = content[key] if isinstance(content.get(key), dict) else content
    tensors = {str(name).removeprefix("module."): value for name, value in content.items() if isinstance(value, Tensor)}
    if about is not None:
        tensors = {name.removeprefix(AVERAGED): value for name, value in tensors.items() if name.startswith(AVERAGED)}
    if not tensors:
        raise TrainingError(f"{path}: holds no tensors; expected names and tensors, as torch.save writes a state_dict")
    return tensors, about


def _read_safetensors(path: Path) -> Tensors:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: Tensors = load_file(path)
    except (SafetensorError, OSError) as problem:
        raise TrainingError(f"{path}: cannot be read as safetensors ({_first_line(problem)})") from problem
    return tensors


def _imagenet(backbone: Backbone) -> Tensors:
    """ImageNet's weights of a library's network, fetched once and kept by the library."""
    if backbone.name == "alexnet":
        url = library(backbone.name).AlexNet_Weights.IMAGENET1K_V1.url
        try:
            tensors: Tensors = torch.hub.load_state_dict_from_url(url, map_location="cpu", check_hash=True, weights_only=True)
        except OSError as problem:
            raise _not_fetched(backbone.name, url, problem) from problem
        return tensors
    about = library(backbone.name).timm.get_pretrained_cfg(timm_name(backbone.name))
    if not about.hf_hub_id:
        raise TrainingError(f"timm knows no ImageNet weights for '{backbone.name}'; give --weights FILE, or scratch")
    return _from_hub(about.hf_hub_id, backbone.name)


def _from_hub(repository: str, name: str) -> Tensors:
    import huggingface_hub

    wanted = "model.safetensors"
    kept = huggingface_hub.try_to_load_from_cache(repository, wanted)
    if isinstance(kept, str):
        return _read_safetensors(Path(kept))
    try:
        # the library tries for most of a minute where there is no network at all; this says so at once
        urllib.request.urlopen(HUB, timeout=PATIENCE_S).close()
        return _read_safetensors(Path(huggingface_hub.hf_hub_download(repository, wanted)))
    except OSError as problem:
        raise _not_fetched(name, f"{HUB}/{repository}", problem) from problem


def _not_fetched(name: str, address: str, problem: Exception) -> TrainingError:
    return TrainingError(
        f"ImageNet's weights of '{name}' cannot be fetched from {address} ({_first_line(problem)}); fetch them where there is a network "
        "and give the file with --weights FILE, or train with --weights scratch"
    )


def _all_names(backbone: Backbone) -> list[str]:
    """Names of the library's whole network, its classifier included, of which the backbone is a part."""
    known = library(backbone.name)
    with torch.device("meta"):
        whole = known.alexnet(weights=None) if backbone.name == "alexnet" else known.timm.create_model(timm_name(backbone.name))
    return list(whole.state_dict())


def _plain(name: str) -> str:
    """A tensor's name without punctuation: timm joins parts with "_" in networks that give maps, with "." in whole ones."""
    return name.removeprefix("model.").replace(".", "_")


def _size(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "one number"


def _some(items: list[str]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more


def _first_line(problem: Exception) -> str:
    return str(problem).strip().split("\n", 1)[0].rstrip(".") or type(problem).__name__
