"""What a checkpoint says about its run: enough to build the network again, and to know whether a run is the same run."""

import logging
import shutil
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainer.errors import TrainingError
from trainer.labels.fingerprint import labels_sha256
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import Colour
from trainer.networks.build import NetworkPlan, build, plan_from_plain, plan_to_plain
from trainer.training.fit_settings import FitSettings
from trainer.training.learning import ABOUT

logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"


def load_network(checkpoint: Path) -> tuple[nn.Module, dict[str, Any]]:
    """A network from its checkpoint alone, in evaluation mode on the CPU, and all that the checkpoint says about it.

    Raises:
        TrainingError: it is not one of our checkpoints.
    """
    content = torch.load(checkpoint, weights_only=True, map_location="cpu")
    if ABOUT not in content:
        raise TrainingError(f"{checkpoint}: is no checkpoint of rigtrack; give one that `trainer fit` has written")
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
    same = replace(settings, workers=0, accelerator="auto")  # neither changes what is learnt
    return {
        "plan": plan_to_plain(plan),
        "colour": colour,
        "point_names": list(train.point_names),
        "settings": asdict(same),
        "labels_sha256": [labels_sha256(part) if len(part) else "" for part in (train, held_out)],
    }


def resumable(checkpoints: Path, about: dict[str, object], *, tidy: bool) -> Path | None:
    """The checkpoint to go on from, if there is one.

    Args:
        checkpoints: folder.
        about: what the run is.
        tidy: put the checkpoints of another run away; only one of several processes does.
    """
    for path in (checkpoints / "last.ckpt", checkpoints / "best.ckpt"):
        if not path.is_file():
            continue
        if not zipfile.is_zipfile(path):  # its table of contents stands at the end: a file cut short has none
            logger.warning("%s cannot be read: it was cut short; going on without it", path)
            continue
        found = torch.load(path, weights_only=True, map_location="cpu").get(ABOUT, {})
        if all(found.get(key) == value for key, value in about.items()):
            return path
        logger.warning("%s is of other labels or settings: starting anew", path)
        break
    if tidy:
        shutil.rmtree(checkpoints, ignore_errors=True)
    return None
