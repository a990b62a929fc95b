"""A file of augmentation settings, for those who would not repeat them with every command."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from tracker.parsing.yaml_file import read_yaml
from trainer.errors import TrainingError
from trainer.training.augment import AugmentSettings

_Chance = Annotated[float, Meta(ge=0, le=1)]
_Factor = Annotated[float, Meta(gt=0, le=10)]


class AugmentFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of the file; see `AugmentSettings`. A key that is left out is settled by the labels, or stays at its default."""

    rotation_deg: Annotated[float, Meta(ge=0, le=180)] | None = None
    scale: tuple[_Factor, _Factor] | None = None
    stretch: _Chance | None = None
    flip: _Chance | None = None
    in_place: _Chance | None = None
    light: Annotated[float, Meta(ge=0, le=3)] | None = None
    blur: _Chance | None = None
    noise: _Chance | None = None
    occlusion: _Chance | None = None
    empty: _Chance | None = None
    pairs: tuple[tuple[str, str], ...] | None = None
    two_views: bool | None = None


def read_augment_file(path: Path) -> AugmentSettings:
    """Settings from YAML: `flip: 0`, `rotation_deg: 30`, `pairs: [[pawFL, pawFR]]`.

    Raises:
        TrainingError: one sentence with file, line and key.
    """
    found = read_yaml(path, kind=AugmentFile, error=TrainingError)
    if found.scale is not None and found.scale[0] > found.scale[1]:
        raise TrainingError(f"{path}: scale is {list(found.scale)}; expected the smaller factor first")
    return AugmentSettings(**{name: value for name, value in msgspec.structs.asdict(found).items() if value is not None})


def named_in(path: Path) -> frozenset[str]:
    """The settings that a file names, as usual or not.

    Raises:
        TrainingError: one sentence with file, line and key.
    """
    found = read_yaml(path, kind=AugmentFile, error=TrainingError)
    return frozenset(name for name, value in msgspec.structs.asdict(found).items() if value is not None)
