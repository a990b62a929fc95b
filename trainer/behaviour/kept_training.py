"""A training on disk: what is kept of it after every epoch, and how it is read again."""

import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from trainer.errors import TrainingError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from torch import nn

LAST, BEST = "last.ckpt", "best.ckpt"


def training_as_bytes(
    network: "nn.Module",
    optimiser: torch.optim.Optimizer,
    *,
    about: dict[str, Any],
    history: "Sequence[DataclassInstance]",
    stopped: str | None,
    more: dict[str, Any] | None = None,
) -> bytes:
    """The content of a checkpoint.

    Args:
        network: with its weights.
        optimiser: with its moments.
        about: what a run must agree with to be gone on with, plain values.
        history: of all epochs.
        stopped: by what; None while it goes on.
        more: what this kind of training keeps besides.
    """
    kept = {
        "about": about,
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "history": [asdict(epoch) for epoch in history],
        "stopped": stopped,
        **(more or {}),
    }
    content = io.BytesIO()
    torch.save(kept, content)
    return content.getvalue()


def read_training(path: Path) -> dict[str, Any]:
    """What `training_as_bytes` made.

    Raises:
        TrainingError: it cannot be read.
    """
    try:
        kept: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, ValueError) as problem:
        raise TrainingError(f"{path}: cannot be read ({type(problem).__name__}); delete it and train again") from problem
    return kept


def refuse_differing(folder: Path, differ: Sequence[str]) -> None:
    """Refuse to go on with the training in a folder where it differs from what is asked for.

    Raises:
        TrainingError: naming in what, unless that is nothing.
    """
    if differ:
        raise TrainingError(
            f"{folder}: holds a training in which {', '.join(differ)} differ; give another --out, the same options to go on, "
            "or --force to begin again"
        )
