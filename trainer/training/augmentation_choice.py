"""Which augmentation holds for a set of labels: what was asked for, and what the labels settle; said in sentences before training."""

import math
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracker.bundle_description import Augmentation
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.mirror import Pairs, Sides, said_pairs, sides_of
from trainer.labels.network_input import sizes_sentence
from trainer.labels.sides_by_place import nameless_sides
from trainer.labels.two_views import TwoViews, two_views
from trainer.labels.views_by_place import Parted, ViewsByPlace, parted_in_two, views_by_place
from trainer.training.augment import BRIGHTER, FLIP, ROTATION_DEG, STEEPER, AugmentSettings

if TYPE_CHECKING:
    from trainer.training.fit_settings import FitSettings  # needs torch, which looking at labels does without

TWO_VIEWS_ROTATION_DEG = 10.0  # a camera that was mounted askew; more would move one view into the other's place
LEAST_GAP = 0.05  # of the image's longer side, between two parts that are worth a hint; halves of a body are often closer
MOST_NAMED = 6  # names in a sentence; more are counted
FEW_NAMED = 3  # of several lists in one sentence
_USUAL = AugmentSettings()
AS_ASKED = "as asked for"


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What holds.

    Attributes:
        settings: nothing in them is left open.
        sentences: what was found in the labels and what is done, for people.
    """

    settings: AugmentSettings
    sentences: tuple[str, ...]


def settled(settings: "FitSettings", frames: LabelledFrames, *, mirrored_as: str = AS_ASKED) -> tuple["FitSettings", tuple[str, ...]]:
    """The settings with an augmentation that suits all of these frames, and what is to be said of it, of weights and of images' sizes.

    Args:
        settings: of the training.
        frames: all of its labels.
        mirrored_as: why images are mirrored where the settings say so and these labels alone would not have it.

    Raises:
        LabelError: pairs that name an unknown point.
    """
    found = augmentation_in_force(settings.augment, frames, mirrored_as=mirrored_as)
    others = (sentence for sentence in (sizes_sentence(frames), settings.rate_sentence) if sentence)
    return replace(settings, augment=found.settings), (*others, *found.sentences)


def augmentation_in_force(asked: AugmentSettings, frames: LabelledFrames, *, mirrored_as: str = AS_ASKED) -> InForce:
    """Settle what was left open; what is settled stays as it is.

    Images are mirrored unless a name speaks of a side without a certain partner, points lie as left and right do under names that
    do not say so, or they show two views of the animal. Those are turned by TWO_VIEWS_ROTATION_DEG at most. Two views are told by
    names, else by places.

    Args:
        asked: what was.
        frames: all labels.
        mirrored_as: as in `settled`.

    Raises:
        LabelError: pairs that name an unknown point.
    """
    given = said_pairs(asked.pairs, frames.pairs)
    sides = sides_of(frames.point_names, said=given)
    views = _views(frames, sides) if asked.two_views is None else None
    double = views is not None if asked.two_views is None else asked.two_views
    nameless = () if double or sides.unpaired or asked.flip == 0 else nameless_sides(frames, sides, said=given)
    flip = asked.flip
    if flip is None:
        flip = 0.0 if double or sides.unpaired or nameless else FLIP
    rotation = asked.rotation_deg
    if rotation is None:
        rotation = TWO_VIEWS_ROTATION_DEG if double else ROTATION_DEG
    pairs = (*sides.pairs, *(pair for pair in given if pair[0] == pair[1]))  # those without a side stay so when this is settled again
    settings = replace(asked, pairs=pairs, two_views=double, flip=flip, rotation_deg=rotation)
    if settings.changes_nothing:
        return InForce(settings=settings, sentences=("augmentation: none, the training images are left as they are",))
    of_views = (
        _of_views(views, frames.point_names, settings, mirrored_as=mirrored_as)
        if asked.two_views is not None or views
        else _of_parts(frames, sides, settings)
    )
    said = [
        *of_views,
        *_of_unpaired(sides, settings, mirrored_as),
        *_of_nameless(nameless, settings, mirrored_as),
        _of_augmentation(settings),
    ]
    return InForce(settings=settings, sentences=tuple(said))


def as_recorded(settings: AugmentSettings) -> Augmentation:
    """What a bundle keeps of an augmentation in force."""
    return Augmentation(
        flip=FLIP if settings.flip is None else settings.flip,
        rotation_deg=ROTATION_DEG if settings.rotation_deg is None else settings.rotation_deg,
        pairs=settings.pairs or (),
        two_views=bool(settings.two_views),
    )


def as_before(
    settings: AugmentSettings, recorded: Augmentation | None, *, rest: AugmentSettings = _USUAL, asked: Collection[str] = ()
) -> AugmentSettings:
    """The settings as in an earlier training where nothing else is asked for.

    Args:
        settings: what is not as usual in them is asked for.
        recorded: what the bundle of that training says of mirroring and turning; None where it does not.
        rest: all of that training's own, as its checkpoint says.
        asked: names of what is asked for, as usual or not.
    """
    of_bundle = {} if recorded is None else {name: getattr(recorded, name) for name in ("flip", "rotation_deg", "pairs", "two_views")}
    earlier = replace(rest, **of_bundle)
    if settings.two_views not in (None, earlier.two_views):
        earlier = replace(earlier, flip=None, rotation_deg=None)  # which follow from that
    if not _unordered(settings.pairs) <= _unordered(earlier.pairs):
        earlier = replace(earlier, flip=None)  # likewise: it may have been 0 only because sides were not known
    left = [one.name for one in fields(settings) if one.name not in asked and getattr(settings, one.name) == getattr(_USUAL, one.name)]
    return replace(settings, **{name: getattr(earlier, name) for name in left})


def _unordered(pairs: Pairs | None) -> set[frozenset[str]]:
    return {frozenset(pair) for pair in pairs or ()}


def _views(frames: LabelledFrames, sides: Sides) -> TwoViews | ViewsByPlace | None:
    named = two_views(frames)
    if named is not None:
        return named
    placed = views_by_place(_each_animal(frames))
    return None if placed is None or _one_body(placed, frames, sides) else placed


def _one_body(parted: Parted, frames: LabelledFrames, sides: Sides) -> bool:
    """Whether an edge of the skeleton, or a left and a right point, joins the parts."""
    places = {name: place for place, name in enumerate(frames.point_names)}
    return parted.joined_by((places[one], places[other]) for one, other in (*frames.skeleton, *sides.pairs))


def _each_animal(frames: LabelledFrames) -> NDArray[np.float64]:
    return frames.points.reshape(-1, *frames.points.shape[2:])


def _of_views(views: TwoViews | ViewsByPlace | None, names: Sequence[str], settings: AugmentSettings, *, mirrored_as: str) -> list[str]:
    if views is None:
        return []
    found = views.sentence if isinstance(views, TwoViews) else _of_places(views, names)
    done = "no image is mirrored" if not settings.flip else f"images are mirrored all the same, {mirrored_as}"
    return [
        f"two views: {found}; so {done} and none is turned by more than {settings.rotation_deg:g}° "
        "(--no-two-views if the image shows one view)"
    ]


def _of_places(views: ViewsByPlace, names: Sequence[str]) -> str:
    first, second = (_few([names[point] for point in part]) for part in views.parts)
    partners = _few([f"{names[one]} with {names[other]}" for one, other in views.pairs])
    return (
        f"{first} and {second} lie in two parts of the image, {views.where}, and move along the line between these as the same points "
        f"seen twice do ({partners})"
    )


def _of_parts(frames: LabelledFrames, sides: Sides, settings: AugmentSettings) -> list[str]:
    """A hint where the points lie in two parts, nothing says whether these are two views, and it would make a difference."""
    if not settings.flip and (settings.rotation_deg or 0.0) <= TWO_VIEWS_ROTATION_DEG:
        return []
    parted = parted_in_two(_each_animal(frames), least_px=LEAST_GAP * max(frames.size))
    if parted is None or _one_body(parted, frames, sides):
        return []
    first, second = (_few([frames.point_names[point] for point in part]) for part in parted.parts)
    return [
        f"two parts: a straight line keeps {first} and {second} apart in nearly every frame, {parted.where}; if these are two views of one "
        "animal, give --two-views, or images are mirrored and turned as wholes (--no-two-views if they are one view)"
    ]


def _of_unpaired(sides: Sides, settings: AugmentSettings, mirrored_as: str) -> list[str]:
    if not sides.unpaired:
        return []
    names = _some([f"'{name}'" for name in sides.unpaired])
    first = sides.unpaired[0]
    speaks = "speaks of a side and has" if len(sides.unpaired) == 1 else "speak of a side and have"
    if settings.flip:
        return [f"sides: {names} {speaks} no certain partner; images are mirrored all the same, {mirrored_as}, and these names stay"]
    return [
        f"sides: {names} {speaks} no certain partner among the points, so no image is mirrored; name partners with "
        f"--pairs '{first}:PARTNER' ('{first}:{first}' for a point without a side), or mirror with --flip"
    ]


def _of_nameless(pairs: Pairs, settings: AugmentSettings, mirrored_as: str) -> list[str]:
    if not pairs:
        return []
    places = _few([f"'{one}' and '{other}'" for one, other in pairs])
    as_options = " ".join(shlex.quote(f"{one}:{other}") for one, other in pairs)
    change = f"if they are left and right of one another, give --pairs {as_options}"
    found = f"sides: {places} lie as left and right do, and their names do not say so"
    if settings.flip:
        return [f"{found}; images are mirrored all the same, {mirrored_as}, and these names stay; {change}"]
    return [f"{found}, so no image is mirrored; {change}; if not, leave it so, or mirror with --flip"]


def _of_augmentation(settings: AugmentSettings) -> str:
    """All that is done, with its numbers."""
    pairs = [pair for pair in settings.pairs or () if pair[0] != pair[1]]
    if settings.flip:
        places = ", ".join(f"{one} and {other}" for one, other in pairs)
        swap = f"{places} then change places" if pairs else "no point changes places"
        mirrored = f"{_percent(settings.flip)} of the training images are mirrored ({swap})"
    else:
        mirrored = "no training image is mirrored"
    chances = (
        f"{_percent(settings.blur)} are blurred, {_percent(settings.noise)} get noise, {_percent(settings.occlusion)} are partly covered, "
        f"{_percent(settings.empty)} are replaced by plain frames without the animal"
    )
    return (
        f"augmentation: {mirrored}; {_of_places_and_sizes(settings)}; {_of_light(settings.light)}; {chances} "
        "(change it with --flip or --no-flip, --pairs, --rotation, --augment)"
    )


def _of_places_and_sizes(settings: AugmentSettings) -> str:
    if settings.in_place >= 1:
        return "in all of them the animal stays about where it was, unturned and as large"
    low, high = settings.scale
    turned = f"turned by up to {settings.rotation_deg:g}° either way" if settings.rotation_deg else "not turned"
    sized = f"made {low:g} to {high:g} times as large" if low != high else f"made {low:g} times as large" if low != 1 else "not resized"
    stretched = f"stretched and sheared by up to {_percent(settings.stretch)}" if settings.stretch else "not stretched"
    kept = (
        f", but for {_percent(settings.in_place)} in which the animal stays about where it was, unturned and as large"
        if settings.in_place
        else ""
    )
    return f"they are {turned}, {sized}, {stretched} and shifted anywhere in the frame{kept}"


def _of_light(strength: float) -> str:
    if not strength:
        return "their light stays as it is"
    factor = math.exp(STEEPER * strength)
    return f"brightness changes by up to {_percent(BRIGHTER * strength)}, contrast and gamma by up to {factor:.2f} times either way"


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:FEW_NAMED]) + (" …" if len(names) > FEW_NAMED else "")
