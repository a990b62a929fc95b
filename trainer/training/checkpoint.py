"""What a checkpoint says about its run: enough to build the network again, and to know whether a run is the same run."""

import logging
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainer.errors import TrainingError
from trainer.labels.fingerprint import labels_sha256
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import Colour
from trainer.networks.build import NetworkPlan, build, plan_from_plain, plan_to_plain
from trainer.networks.usual_training import HELD_OUT_BATCH
from trainer.training.fit_settings import ADDED_LATER, FitSettings
from trainer.training.learner import ABOUT
from trainer.whole_files import remove_parts

logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
LAST = "last.ckpt"  # of the last whole epoch


def load_network(checkpoint: Path) -> tuple[nn.Module, dict[str, Any]]:
    """A network from its checkpoint alone, in evaluation mode on the CPU, and all that the checkpoint says about it.

    Raises:
        TrainingError: it is not one of our checkpoints.
    """
    content = torch.load(checkpoint, weights_only=True, map_location="cpu")
    if ABOUT not in content:
        raise TrainingError(f"{checkpoint}: is not a checkpoint of rigtrack; give one that `trainer fit` has written")
    about: dict[str, Any] = content[ABOUT]
    network = build(plan_from_plain(about["plan"]))
    prefix = "averaged."
    weights = {name.removeprefix(prefix): value for name, value in content["state_dict"].items() if name.startswith(prefix)}
    network.load_state_dict(weights)
    return network.eval(), about


def about_run(
    plan: NetworkPlan, train: LabelledFrames, held_out: LabelledFrames, *, settings: FitSettings, colour: Colour
) -> dict[str, object]:
    """What every checkpoint of a run says."""
    same = replace(settings, workers=0, accelerator="auto", held_out_batch=HELD_OUT_BATCH)  # none of these changes what is learnt
    return {
        "plan": plan_to_plain(plan),
        "colour": colour,
        "point_names": list(train.point_names),
        "settings": same.as_plain(),
        "labels_sha256": [labels_sha256(part) if len(part) else "" for part in (train, held_out)],
    }


def resumable(checkpoints: Path, about: dict[str, object], *, tidy: bool, anew: bool) -> Path | None:
    """The checkpoint to go on from, if there is one.

    Args:
        checkpoints: folder.
        about: what the run is.
        tidy: put the checkpoints of another run away; only one of several processes does.
        anew: another run may be put away.

    Raises:
        TrainingError: the folder holds another run, which would be lost; the sentence says what differs.
    """
    if tidy:
        remove_parts(checkpoints)
    for path in (checkpoints / LAST, checkpoints / "best.ckpt"):
        if not path.is_file():
            continue
        if not zipfile.is_zipfile(path):  # its table of contents stands at the end: a file cut short has none
            logger.warning("%s cannot be read: it was cut short; going on without it", path)
            continue
        found = torch.load(path, weights_only=True, map_location="cpu").get(ABOUT, {})
        if all(found.get(key) == value for key, value in about.items()):
            return path
        if not anew:
            raise TrainingError(
                f"{checkpoints.parent}: holds a training {differences(found, about)}; give another --out, or the same labels and options "
                "to go on with that one, or --force to put it away and begin anew"
            )
        logger.warning("%s is of a training %s: starting anew", path, differences(found, about))
        break
    if tidy:
        shutil.rmtree(checkpoints, ignore_errors=True)
    return None


def differences(found: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """In which way a stored run is not the one asked for: "with seed 0 instead of 5 and other labels"."""
    settings = _flat(ADDED_LATER | found.get("settings", {})), _flat(ADDED_LATER | asked["settings"])
    names = [name for name in {**settings[0], **settings[1]} if settings[0].get(name, _ABSENT) != settings[1].get(name, _ABSENT)]
    if any(name not in one for name in names for one in settings):
        return "by another version of rigtrack"
    said = [f"{name.replace('_', ' ')} {settings[0][name]} instead of {settings[1][name]}" for name in names]
    if found.get("labels_sha256") != asked["labels_sha256"]:
        said.append("other labels, or others held out")
    return f"with {' and '.join(said or ['another network or colour'])}"


_ABSENT = object()


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings inside settings by their own names: what a person gave as an option."""
    plain: dict[str, Any] = {}
    for name, value in settings.items():
        plain |= {f"{name} {inner}": found for inner, found in value.items()} if isinstance(value, Mapping) else {name: value}
    return plain
