"""What an engine says to a frame, to the frame before, and to changed copies of it."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.bundle import Bundle
from tracker.engines.engine import Engine
from tracker.frame import Image
from tracker.pose import KeyPoints
from tracker.resemblance import Appearance, appearance
from trainer.labels.mirror import order_of, swapped_order
from trainer.scoring.inference_by_shape import InferenceByShape

SHIFT_PX = (7, 5)  # to the right and down; odd, so that no stride of a network makes the copy the same to it
LIGHT = (0.75, 1.25)  # factors of brightness


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineAnswers:
    """What an engine said about one frame.

    Attributes:
        points: float32 (animals, K, 3), x and y in source pixels, confidence 0..1.
        before: the same of the frame before, None for the first.
        spread_px: float64 (animals, K), root mean square distance from `points` to the answers for the copies.
    """

    points: KeyPoints
    before: KeyPoints | None
    spread_px: NDArray[np.float64]


class AnswerCollector:
    """Collects answers by frame number while a video is decoded."""

    def __init__(self, bundle: Bundle, engine: Engine) -> None:
        self.point_names = bundle.description.point_names
        self.by_number: dict[int, EngineAnswers] = {}
        self.appearances: list[Appearance] = []  # of the frames that were examined
        self._crop = bundle.description.view.crop
        self._swap = _swap(bundle)
        self._finders = InferenceByShape(bundle, engine)
        self._last: tuple[int, KeyPoints] | None = None

    def examine(self, number: int, image: Image, before: Image | None) -> None:
        """EngineAnswers at a frame: uint8 (h, w) or (h, w, 3) RGB, and at the one before unless it was the last to be looked at."""
        known = self._last[1] if self._last is not None and self._last[0] == number - 1 else None
        if known is None and before is not None:
            known = self._points(before)
        points = self._points(image)
        self._last = (number, points)
        self.appearances.append(appearance(image, points))
        squares = [moves(answer, points) ** 2 for answer in self._of_copies(image)]
        self.by_number[number] = EngineAnswers(points=points, before=known, spread_px=np.sqrt(np.mean(squares, axis=0)))

    def _points(self, image: Image) -> KeyPoints:
        return np.array(self._finders.of(image).points(image), np.float32)  # the engine may use its array again

    def _of_copies(self, image: Image) -> Iterator[KeyPoints]:
        """The answers for a mirrored, a shifted, a darker and a brighter copy, in pixels of the original."""
        if self._swap is not None:  # an animal with a left that has no right cannot be mirrored
            yield self._mirrored(image)
        right, down = SHIFT_PX
        moved = cv2.warpAffine(
            image, np.array([[1.0, 0, right], [0, 1, down]]), (image.shape[1], image.shape[0]), borderMode=cv2.BORDER_REPLICATE
        )
        yield self._points(np.asarray(moved, np.uint8)) - np.array([right, down, 0], np.float32)
        for factor in LIGHT:
            yield self._points(np.asarray(cv2.convertScaleAbs(image, alpha=factor), np.uint8))

    def _mirrored(self, image: Image) -> KeyPoints:
        # inside the crop: mirrored as a whole, another part of the image would come before the network
        x, y, width, height = self._crop or (0, 0, image.shape[1], image.shape[0])
        copy = image.copy()
        copy[y : y + height, x : x + width] = image[y : y + height, x : x + width][:, ::-1]
        answer = self._points(copy)
        answer[..., 0] = 2 * x + width - 1 - answer[..., 0]
        return answer[:, list(self._swap or ())]


def _swap(bundle: Bundle) -> tuple[int, ...] | None:
    """For every point the one that it changes places with in a mirrored copy; None where the network never learnt from such images."""
    names, learnt = bundle.description.point_names, bundle.description.training.augmentation
    if learnt is None:
        return swapped_order(names)
    return order_of(names, learnt.pairs) if learnt.flip else None


def moves(points: KeyPoints, to: KeyPoints) -> NDArray[np.float64]:
    """How far each point of `to` is from the nearest of its name in `points`: (animals, K) px; 0 where either is missing.

    Of its name and not of its animal, since the animals of two answers need not be in the same order.
    """
    apart = np.linalg.norm(to[:, None, :, :2].astype(np.float64) - points[None, :, :, :2], axis=-1)
    nearest = np.where(np.isnan(apart), np.inf, apart).min(axis=1)
    return np.where(np.isfinite(nearest), nearest, 0.0)
