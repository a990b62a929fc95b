"""A training of key points as the options of `trainer fit` that ask for it: the one place from which every such command is made."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from trainer.formats.empty_cells import Empty
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import SplitChoice
from trainer.networks.usual_training import PRETRAINED_RATE
from trainer.scoring.correct_radius import Judging
from trainer.scoring.starting_weights import SCRATCH, first_weights, weights_apart_from
from trainer.training.augment import AugmentSettings
from trainer.training.fit_settings import OPTIONS, FitSettings, fit_options

_NOBODY_SAID = Judging()
_LENGTH = {"epochs": "--epochs", "minutes": "--minutes"}
_LOSS = ("loss.maps", "loss.coordinates", "loss.target")


def options_of_training(
    settings: FitSettings,
    *,
    augment_file: Path | None,
    split: SplitChoice,
    empty: Empty | None,
    judging: Judging = _NOBODY_SAID,
) -> tuple[str, ...]:
    """All that was asked for besides labels, place and length, as options of `trainer fit`.

    Args:
        settings: before the labels settle what was left open.
        augment_file: where the augmentation was read from; None where from no file.
        split: how the frames are divided.
        empty: what an empty cell means, None where nobody has said.
        judging: what the answers are judged by.
    """
    said = () if empty is None else ("--empty", empty)
    return (*said, *fit_options(settings, augment_file=augment_file), *split.options, *judging.options)


def beginning_apart_from(settings: FitSettings, frames: LabelledFrames, *, run: Path) -> FitSettings:
    """The settings, with weights that have learnt from none of these frames: what another training of them may begin with.

    Args:
        settings: of this training.
        frames: all of its labels.
        run: its folder, whose checkpoints will have learnt from them.

    Raises:
        LabelError: an image cannot be read.
    """
    own = Path(settings.weights).resolve().is_relative_to(run.resolve())
    weights = weights_apart_from(first_weights(settings.weights) if own else settings.weights, frames)
    if weights == SCRATCH != settings.weights:  # random ones take no rate of their own, and all learn
        return replace(settings, weights=weights, trained="all", pretrained_rate=PRETRAINED_RATE)
    return replace(settings, weights=weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedTraining:
    """A training as it was asked for, before the labels settled what was left open; plain enough to be stored.

    Attributes:
        data: the labels, as they were named.
        settings: of the training.
        augment_file: where the augmentation was read from.
        split: how the frames are divided.
        empty: what an empty cell means, None where nobody has said.
    """

    data: str
    settings: FitSettings
    augment_file: str | None = None
    split: SplitChoice
    empty: Empty | None = None

    def command(self, settings: FitSettings, *, out: str, augment_file: Path | None = None) -> str:
        """The command that trains so, for a bundle.

        Args:
            settings: those asked for, with what a search has found in their place.
            out: folder of the bundle.
            augment_file: of these settings, where it is another than was given.
        """
        given = Path(self.augment_file) if self.augment_file is not None else None
        options = options_of_training(settings, augment_file=augment_file or given, split=self.split, empty=self.empty)
        length = [(option, getattr(settings, name)) for name, option in _LENGTH.items()]
        words = [word for option, value in length if value is not None for word in (option, f"{value:.12g}")]
        return shlex.join(["trainer", "fit", "--data", self.data, "--out", out, *options, *words])


def needs_augment_file(values: Mapping[str, Any]) -> bool:
    """Whether settings that were searched, by name, include some of the augmentation that has no option of its own."""
    return any(name.startswith("augment.") and name != "augment.rotation_deg" for name in values)


def augment_file_of(settings: AugmentSettings) -> bytes:
    """A file for `--augment` with all that was asked for."""
    usual = AugmentSettings()
    given = {field.name: getattr(settings, field.name) for field in fields(settings)}
    lines = [f"{name}: {json.dumps(value)}" for name, value in given.items() if value is not None and value != getattr(usual, name)]
    return "\n".join([*lines, ""]).encode()


def without_option(values: Mapping[str, Any]) -> list[str]:
    """Of settings that were searched, by name, those that `trainer fit` cannot be told."""
    known = {*OPTIONS, *_LENGTH, *_LOSS}
    return [name for name in values if name not in known and not name.startswith("augment.")]
