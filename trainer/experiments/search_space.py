"""What a search may change: settings by name, each with a range or a list, from a YAML file or a preset."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from tracker.parsing.yaml_file import read_yaml
from trainer.errors import TrainingError
from trainer.training.fit_settings import SCRATCH, FitSettings

Value = str | int | float | bool

_NOT_SEARCHED = ("seed", "workers", "accelerator", "augment.pairs", "augment.two_views")


class Dimension(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One setting: either `choices`, or `low` and `high`; `log` draws evenly over orders of magnitude, `whole` whole numbers."""

    choices: tuple[Value, ...] | None = None
    low: float | None = None
    high: float | None = None
    log: bool = False
    whole: bool = False


Space = dict[str, Dimension]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A search ready to run.

    Attributes:
        space: what is changed.
        usual: settings that hold unless the command says otherwise.
        grid: every listed value is tried, one setting changed at a time; else values are drawn.
        text: for the help.
    """

    space: Space
    usual: dict[str, Any]
    grid: bool
    text: str


def _listed(*values: Value) -> Dimension:
    return Dimension(choices=values)


PRETRAINED = "imagenet"
_DEPTHS = _listed("resnet18", "resnet34")
_FIRST = {"network": "resnet18", "batch": 64, "batches": 1, "learning_rate": 1e-3}  # one pass of the images is an epoch
PRESETS = {
    "default": Preset(
        space={
            "learning_rate": Dimension(low=3e-4, high=1e-2, log=True),
            "batch": _listed(8, 16, 32),
            "weight_decay": Dimension(low=1e-3, high=0.3, log=True),
            "averaging": _listed(0.99, 0.998),
        },
        usual={},
        grid=False,
        text="learning rate, batch, weight decay and averaging, drawn",
    ),
    "transfer": Preset(
        space={"weights": _listed(PRETRAINED, "scratch"), "trained": _listed("all", "head")},
        usual={"network": "resnet18", "weights": PRETRAINED},
        grid=True,
        text="pretrained weights with all layers learning, the same with the head alone, and random weights",
    ),
    "grid-xy": Preset(
        space={
            "batch": _listed(8, 16, 32, 64, 128, 256, 512),
            "learning_rate": _listed(1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
            "network": _DEPTHS,
        },
        usual={**_FIRST, "head": "xy", "epochs": 40},
        grid=True,
        text="batch 8 to 512, learning rate 1e-5 to 1e-1, ResNet-18 and 34, coordinates, 40 epochs",
    ),
    "grid-heatmap": Preset(
        space={
            "batch": _listed(32, 64, 128, 256, 512),
            "learning_rate": _listed(1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
            "network": _DEPTHS,
        },
        usual={**_FIRST, "head": "heatmap", "epochs": 100},
        grid=True,
        text="batch 32 to 512, learning rate 1e-7 to 1e-1, ResNet-18 and 34, heat maps, 100 epochs",
    ),
    "base-xy": Preset(
        space={"network": _listed("resnet18")},
        usual={**_FIRST, "head": "xy", "epochs": 40},
        grid=True,
        text="the one point that those grids start from: ResNet-18, coordinates, batch 64, rate 1e-3, 40 epochs",
    ),
    "base-heatmap": Preset(
        space={"network": _listed("resnet18")},
        usual={**_FIRST, "head": "heatmap", "epochs": 100},
        grid=True,
        text="the same for heat maps, 100 epochs",
    ),
}


def chosen_space(preset: str, path: Path | None, *, weights: str | None = None) -> tuple[dict[str, Any], Space, bool]:
    """What is searched: the settings that usually hold, the space, and whether it is a grid.

    Args:
        preset: its name.
        path: of a space in YAML, which is taken instead.
        weights: those that were asked for; they stand where a preset has ImageNet's.

    Raises:
        TrainingError: the file is not a search space.
    """
    if path is not None:
        return {}, read_space(path), False
    chosen = PRESETS[preset]
    listed = chosen.space.get("weights")
    if weights is None or listed is None or listed.choices is None:
        return chosen.usual, chosen.space, chosen.grid
    own = _listed(*(weights if choice == PRETRAINED else choice for choice in listed.choices))
    return chosen.usual, chosen.space | {"weights": own}, chosen.grid


def read_space(path: Path) -> Space:
    """A space from YAML: `learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}`, `batch: {choices: [8, 16]}`.

    Raises:
        TrainingError: one sentence with file, line and key.
    """
    space = read_yaml(path, kind=Space, error=TrainingError)
    for name, dimension in space.items():
        _refuse_bad(dimension, f"{path}: {name}")
    return space


def refuse_unknown(space: Space, base: FitSettings) -> None:
    """Try the ends of every range and every listed value on the settings.

    Raises:
        TrainingError: a setting of no such name, or a value that it cannot have.
    """
    if not space:
        raise TrainingError("the space names no setting; give at least one, such as learning_rate")
    for name, dimension in space.items():
        for value in dimension.choices or (dimension.low, dimension.high):
            changed(base, {name: int(value) if dimension.whole and isinstance(value, float) else value})


def refuse_without_effect(space: Space, base: FitSettings) -> None:
    """Refuse to search the rate of weights that are brought where none are.

    Raises:
        TrainingError: every network of the search begins at random.
    """
    searched = space.get("weights")
    begins_with = (base.weights,) if searched is None else searched.choices or ()
    if "pretrained_rate" in space and set(begins_with) <= {SCRATCH}:
        raise TrainingError(
            "the space names pretrained_rate, the rate of weights that are brought, and every network begins at random: give --weights, or "
            "leave pretrained_rate out"
        )


def changed(base: FitSettings, values: Mapping[str, Any]) -> FitSettings:
    """Settings with some changed by name; `loss.distance` and `augment.blur` reach inside.

    Raises:
        TrainingError: no such setting, or a value of another type.
    """
    plain: dict[str, Any] = asdict(base)
    for name, value in values.items():
        inside, *rest = name.split(".")
        owner = plain if not rest else plain.get(inside)
        last = rest[0] if rest else inside
        if len(rest) > 1 or not isinstance(owner, dict) or last not in owner or name in _NOT_SEARCHED:
            raise TrainingError(f"'{name}' is not a setting that can be searched; expected some of {', '.join(searchable())}")
        owner[last] = value
    try:
        return msgspec.convert(plain, FitSettings)
    except msgspec.ValidationError as problem:
        raise TrainingError(f"the space asks for {dict(values)}: {problem}") from None


def searchable() -> list[str]:
    """Names of all settings that a search may change."""
    names = []
    for name, value in asdict(FitSettings()).items():
        names += [f"{name}.{inner}" for inner in value] if isinstance(value, dict) else [name]
    return [name for name in names if name not in _NOT_SEARCHED]


def grid_points(space: Space, base: FitSettings, *, full: bool) -> list[dict[str, Value]]:
    """The points of a grid, each naming every setting of the space.

    Args:
        space: of lists only.
        base: where all settings but one stand.
        full: every combination, instead of one setting changed at a time.

    Raises:
        TrainingError: a setting has a range, or its present value is not in its list.
    """
    if ranges := [name for name, dimension in space.items() if dimension.choices is None]:
        raise TrainingError(f"a grid needs lists, and '{ranges[0]}' has a range; give its choices, or search with --sampler tpe")
    listed = {name: dimension.choices or () for name, dimension in space.items()}
    if full:
        return [dict(zip(listed, values, strict=True)) for values in itertools.product(*listed.values())]
    start = {name: plain_value(base, name) for name in space}
    points = [start, *({**start, name: value} for name, value in _each(listed))]
    return [point for place, point in enumerate(points) if point not in points[:place]]


def plain_value(settings: FitSettings, name: str) -> Any:
    """A setting by its name."""
    value: Any = asdict(settings)
    for part in name.split("."):
        value = value[part]
    return value


def _each(listed: Mapping[str, tuple[Value, ...]]) -> Iterator[tuple[str, Value]]:
    return ((name, value) for name, values in listed.items() for value in values)


def _refuse_bad(dimension: Dimension, where: str) -> None:
    if dimension.choices is not None:
        if not dimension.choices or dimension.low is not None or dimension.high is not None:
            raise TrainingError(f"{where}: expected choices with at least one value and no range")
        return
    if dimension.low is None or dimension.high is None or not dimension.low < dimension.high or (dimension.log and dimension.low <= 0):
        raise TrainingError(f"{where}: expected low below high (above 0 with log), or choices")
