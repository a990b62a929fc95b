"""Which networks each step of the rectangle experiments needs; a network that several steps need is trained once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from studies.rectangles.scale import DOMAINS, HOME, LABELLED_TWICE, Scale
from studies.rectangles.sets import BOTH_LABELLED, SHARES, TEXTURED, RectangleSet, domain
from trainer.errors import TrainingError
from trainer.experiments.run_plan import PlannedRun
from trainer.training.augment import UNCHANGED
from trainer.training.fit_settings import FitSettings
from trainer.training.losses import LossSettings

STEPS = ("heads", "domains", "curve", "peaks", "labels", "rounding", "background")
PEAK_SETS = (domain(1), BOTH_LABELLED, domain(3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One network: what it learns from, its head, how many images, and its seed."""

    data: str
    head: str
    images: int
    repeat: int
    whole: bool  # all training images of the set

    @property
    def name(self) -> str:
        """Of its folder."""
        some = "" if self.whole else f"-frames{self.images}"
        return f"{self.data}-{self.head}{some}-seed{self.repeat}"


def sizes_of(scale: Scale) -> list[int]:
    """Training images of the learning curve, ascending."""
    return sorted({max(1, round(fraction * scale.train_images)) for fraction in scale.fractions} | {scale.train_images})


def wanted(scale: Scale, step: str) -> list[Wanted]:
    """The networks of one step.

    Raises:
        TrainingError: there is no such step.
    """
    maps, seeds = scale.map_head, range(scale.repeats)
    if step in ("heads", "rounding"):
        return [_whole(scale, domain(HOME), head) for head in scale.heads]
    if step == "domains":
        return [_whole(scale, domain(number), head) for head in scale.heads for number in DOMAINS]
    if step == "curve":
        sizes = sizes_of(scale)
        return [replace(_whole(scale, domain(HOME), head), images=size, whole=size == sizes[-1]) for size in sizes for head in scale.heads]
    if step == "peaks":
        return [_whole(scale, data, maps, repeat) for repeat in seeds for data in PEAK_SETS]
    if step == "labels":
        return [_whole(scale, data, maps, repeat) for repeat in seeds for data in (domain(LABELLED_TWICE), BOTH_LABELLED)]
    if step == "background":
        return [_whole(scale, data, head) for head in scale.heads for data in (domain(HOME), TEXTURED)]
    raise TrainingError(f"there is no step '{step}'; expected one of {', '.join(STEPS)}")


def all_wanted(scale: Scale, steps: Iterable[str]) -> list[Wanted]:
    """The networks of several steps, each once, in the order in which they are first needed."""
    return list(dict.fromkeys(one for step in steps for one in wanted(scale, step)))


def planned(scale: Scale, one: Wanted, its_set: RectangleSet) -> PlannedRun:
    """What a network is trained with."""
    parts = its_set.parts
    if not one.whole:
        order = np.random.default_rng((scale.seed, one.repeat)).permutation(parts.train)
        description = f"{one.images} of {len(parts.train)} training images; {parts.description}"
        parts = replace(parts, train=np.sort(order[: one.images]), description=description)
    place: dict[str, str | int | float] = {"data": one.data, "head": one.head, "size": one.images, "repeat": one.repeat}
    return PlannedRun(name=one.name, place=place, parts=parts, settings=settings_of(scale, one))


def settings_of(scale: Scale, one: Wanted) -> FitSettings:
    """How a network is trained: the same number of steps from few images as from many, and images as they are."""
    epochs = scale.xy_epochs if one.head == "xy" else scale.map_epochs
    if one.data == BOTH_LABELLED:  # an epoch shows each image once for every share
        epochs = max(1, round(epochs / sum(SHARES)))
    return FitSettings(
        network=scale.network,
        head=one.head,
        seed=one.repeat,
        epochs=epochs,
        batch=scale.batch,
        batches=-(-scale.train_images // scale.batch),
        learning_rate=scale.learning_rate,
        averaging=scale.averaging,
        loss=LossSettings(target="disk" if scale.target == "disk" else "gaussian"),
        augment=UNCHANGED,
    )


def steps_asked(only: Sequence[str]) -> tuple[str, ...]:
    """The steps that were asked for, in their order; all where none was named."""
    return tuple(step for step in STEPS if not only or step in only)


def _whole(scale: Scale, data: str, head: str, repeat: int = 0) -> Wanted:
    return Wanted(data=data, head=head, images=scale.train_images, repeat=repeat, whole=True)
