"""Which part of the frame a network takes: as it is asked for, as a bundle says it, and cut by the code that runs at the rig."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tracker.bundle_description import Description, Following, View, Viewed
from tracker.classifiers.followed_square import FollowedSquare
from tracker.engines.view_fit import ViewFit
from tracker.errors import BundleError
from tracker.frame import Image
from trainer.errors import TrainingError

Colour = Literal["grey", "rgb"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionPlan:
    """What is cut out of every frame.

    Attributes:
        region: as the bundle says it.
        view: the same.
        height: of what is cut, px.
        width: the same.
    """

    region: Viewed | Following
    view: View
    height: int
    width: int

    @property
    def channels(self) -> int:
        """1 for grey, 3 for red, green and blue."""
        return 1 if self.view.colour == "grey" else 3

    @property
    def point(self) -> str | None:
        """The key point that is followed."""
        return self.region.point if isinstance(self.region, Following) else None

    @property
    def words(self) -> str:
        """For people: what is taken."""
        if isinstance(self.region, Following):
            return f"a square of {self.width} px that follows {self.region.point}, in {self.view.colour}"
        crop = self.view.crop
        part = f"{crop[2]}x{crop[3]} px from x {crop[0]}, y {crop[1]}" if crop is not None else "the whole frame"
        return f"{part} as {self.width}x{self.height} ({self.view.fit}), in {self.view.colour}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionAsked:
    """What was asked for, before any image was seen.

    Attributes:
        side: of a square that follows a key point; None otherwise.
        follow: that key point.
        rectangle: x, y, width and height in source pixels; None otherwise.
        size: width and height that the whole frame is fitted to; None for its own.
        fit: how.
        colour: None for what the images have.
        confidence: below it the key point is not there.
        hold_ms: for so long it is then taken to be where it was.
    """

    side: int | None = None
    follow: str | None = None
    rectangle: tuple[int, int, int, int] | None = None
    size: tuple[int, int] | None = None
    fit: Literal["letterbox", "stretch", "centre"] = "letterbox"
    colour: Colour | None = None
    confidence: float = 0.2
    hold_ms: float = 100.0

    def plan(self, first: Image, others: Iterable[Image] = ()) -> RegionPlan:
        """For images like the first one; in colour where it or any of the others shown has colour.

        Raises:
            TrainingError: the rectangle reaches out of it.
        """
        colour: Colour = self.colour or ("grey" if all(_colour_of(each) == "grey" for each in (first, *others)) else "rgb")
        if self.side is not None and self.follow is not None:
            region = Following(point=self.follow, confidence=self.confidence, hold_ms=self.hold_ms)
            return RegionPlan(region=region, view=View(crop=None, fit="exact", colour=colour), height=self.side, width=self.side)
        if self.rectangle is not None:
            left, top, width, height = self.rectangle
            if left + width > first.shape[1] or top + height > first.shape[0]:
                raise TrainingError(
                    f"--region {left},{top},{width},{height} reaches out of images of {first.shape[1]}x{first.shape[0]}; give a rectangle "
                    "inside them"
                )
            return RegionPlan(region=Viewed(), view=View(crop=self.rectangle, fit="exact", colour=colour), height=height, width=width)
        width, height = self.size or (first.shape[1], first.shape[0])
        fit: Literal["letterbox", "stretch", "centre", "exact"] = self.fit if self.size is not None else "exact"
        return RegionPlan(region=Viewed(), view=View(crop=None, fit=fit, colour=colour), height=height, width=width)


def plan_of(description: Description) -> RegionPlan | None:
    """The region of a bundle; None where it takes poses, or finds key points."""
    behaviour = description.behaviour
    if behaviour is None or behaviour.region is None:
        return None
    _, height, width, _ = description.input.shape
    return RegionPlan(region=behaviour.region, view=description.view, height=height, width=width)


class Cutter:
    """Cuts the frames of one video in their order, as the rig does."""

    def __init__(self, plan: RegionPlan) -> None:
        self._plan = plan
        self._fits: dict[tuple[int, ...], ViewFit] = {}
        region = plan.region
        self._square = FollowedSquare(region, side=plan.width, channels=plan.channels) if isinstance(region, Following) else None

    @property
    def padded(self) -> int:
        """Frames so far whose square reached over the image's edge."""
        return self._square.padded if self._square is not None else 0

    def begin_anew(self) -> None:
        """Forget where the key point was, as the rig does at a frame that does not go to the network."""
        if self._square is not None:
            self._square.reset()

    def cut(self, image: Image, point: NDArray[np.float32] | None, time_ns: int) -> NDArray[np.uint8] | None:
        """What the network takes of a frame: uint8 (height, width, channels); None where the key point is not to be found.

        Raises:
            TrainingError: the region does not lie in the image.
        """
        if self._square is not None:
            cut = self._square.cut(image, point if point is not None else _NOWHERE, time_ns)
            return None if cut is None else cut.copy()
        return self._fit(image.shape).to_input(image).copy()

    def _fit(self, shape: Sequence[int]) -> ViewFit:
        found = self._fits.get(tuple(shape))
        if found is None:
            plan = self._plan
            try:
                found = ViewFit(plan.view, input_shape=(1, plan.height, plan.width, plan.channels), source_shape=shape)
            except BundleError as problem:
                raise TrainingError(f"an image of {shape[1]}x{shape[0]} does not fit: {problem}") from None
            self._fits[tuple(shape)] = found
        return found


_NOWHERE = np.full(3, np.nan, np.float32)


def _colour_of(image: Image) -> Colour:
    return "grey" if image.ndim == 2 or bool((image[..., :1] == image).all()) else "rgb"
