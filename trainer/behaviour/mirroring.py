"""Whether a training of behaviour shows mirrored examples, and which key points and classes change places in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from trainer.errors import LabelError
from trainer.labels.mirror import Pairs, Sides, order_of, sides_of
from trainer.labels.misnamed import did_you_mean

Shown = Literal["pose", "image"]


class MirrorAsked(Protocol):
    """What of a training's settings this needs."""

    @property
    def mirror(self) -> bool: ...  # noqa: D102
    @property
    def pairs(self) -> Pairs: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirroring:
    """What a mirrored example is learnt as. Half of what is shown is mirrored.

    A mirrored animal that turns left turns right: its left points and its left classes take the places of their right partners. Where
    a partner is not certain, nothing is mirrored, since the example would be given a wrong answer.

    Attributes:
        asked: whether mirrored examples are wanted.
        point_names: of an animal; none of images.
        class_names: that are learnt.
        points: sides among the key points.
        classes: sides among the classes.
    """

    asked: bool
    point_names: tuple[str, ...]
    class_names: tuple[str, ...]
    points: Sides
    classes: Sides

    @property
    def shown(self) -> bool:
        """Whether mirrored examples are learnt from."""
        return self.asked and not (self.points.unpaired or self.classes.unpaired)

    @property
    def point_order(self) -> tuple[int, ...]:
        """For every key point the index of the one whose place it takes, or its own."""
        return order_of(self.point_names, self.points.pairs)

    def exchanged(self, *, exclusive: bool) -> tuple[int, ...]:
        """For every answer ("none" last, where classes are exclusive) the index of the one that a mirrored example takes it from.

        Empty where every answer stays: nothing is mirrored, or no class has a side.
        """
        if not self.shown or not self.classes.pairs:
            return ()
        return (*order_of(self.class_names, self.classes.pairs), *([len(self.class_names)] if exclusive else []))

    def sentence(self, what: Shown) -> str:
        """What is done, and how to have it otherwise."""
        if not self.asked:
            return f"mirror: no {what} is mirrored, as asked for"
        if not self.shown:
            return self._not_shown(what)
        points = f"key points {_changing(self.points.pairs)}" if self.points.pairs else "no key point has a side"
        classes = (
            f"classes {_changing(self.classes.pairs)}"
            if self.classes.pairs
            else "every class stays, since no name is known as one of a side"
        )
        return (
            f"mirror: half of the {what}s learnt from are mirrored; then {f'{points}, and ' if what == 'pose' else ''}{classes}. "
            "If a class is of one side all the same (clockwise, towards the wall), name its partner with --pairs A:B, or give --no-mirror"
        )

    def _not_shown(self, what: Shown) -> str:
        points, classes = self.points.unpaired, self.classes.unpaired
        said = " and ".join([*_named(points, "key point", "key points"), *_named(classes, "class", "classes")])
        first = (points or classes)[0]
        speaks = "speaks" if len(points) + len(classes) == 1 else "speak"
        return (
            f"mirror: no {what} is mirrored, because {said} {speaks} of a side without a certain partner; name the partner with "
            f"--pairs '{first}:PARTNER' ('{first}:{first}' for one without a side)"
        )


def mirroring_of(point_names: Sequence[str], class_names: Sequence[str], settings: MirrorAsked) -> Mirroring:
    """Read sides from the names of key points and classes, and from the pairs that somebody has named.

    Raises:
        LabelError: a pair is of neither, or a name is in two pairs.
    """
    of_points = [pair for pair in settings.pairs if set(pair) <= set(point_names)]
    of_classes = [pair for pair in settings.pairs if set(pair) <= set(class_names)]
    for pair in settings.pairs:
        if pair not in of_points and pair not in of_classes:
            _refuse(pair, point_names, class_names)
    return Mirroring(
        asked=settings.mirror,
        point_names=tuple(point_names),
        class_names=tuple(class_names),
        points=sides_of(point_names, said=of_points),
        classes=sides_of(class_names, said=of_classes),
    )


def _refuse(pair: tuple[str, str], point_names: Sequence[str], class_names: Sequence[str]) -> None:
    known = [*point_names, *class_names]
    points = f"the key points {', '.join(point_names)} or " if point_names else ""
    for name in pair:
        if name not in known:
            expected = f"one of {points}the classes {', '.join(class_names)}"
            raise LabelError(f"pairs: there is no '{name}'; expected {expected}{did_you_mean(name, known)}")
    raise LabelError(f"pairs: '{pair[0]}' and '{pair[1]}' are a key point and a class; expected two of one kind")


def _changing(pairs: Pairs) -> str:
    return f"{', '.join(f'{one} and {other}' for one, other in pairs)} change places"


def _named(names: Sequence[str], one: str, several: str) -> list[str]:
    return [f"{one if len(names) == 1 else several} {', '.join(names)}"] if names else []
