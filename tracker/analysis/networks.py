"""All networks of one analysis that carry anything from frame to frame: what to keep of them, and how to go on from that."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tracker.analysis.carried import CarriedNetworks, NotCarriedError
from tracker.analysis.frame_scores import FrameScores
from tracker.analysis.inferring import Engines, Inferred
from tracker.errors import EngineError

_POINTS = ""  # no classifier has an empty name


class Networks:
    """The network of the key points, where it has a memory, and the classifiers, where one takes images.

    Attributes:
        carry: whether there is any: without, a frame depends on nothing but its own image.
    """

    def __init__(self, engines: Engines, scores: FrameScores) -> None:
        """Begin anew.

        Args:
            engines: of the key points.
            scores: of the classifiers.
        """
        self._engines, self._scores = engines, scores
        self.carry = engines.remember or bool(scores.names)
        self.reset()

    def reset(self) -> None:
        """Begin anew; only while no frame has come."""
        self._engines.reset()
        self._scores.reset()
        self._points: dict[str, bytes] | None = None

    def of(self, frame: Inferred) -> NDArray[np.float64]:
        """Score one frame: float64 (scores,)."""
        self._points = frame.carried
        return self._scores.of(frame)

    @property
    def can_be_kept(self) -> bool:
        """Whether it is known what all of them carry behind the last frame: key points are found some frames ahead."""
        return not self._engines.remember or self._points is not None

    def carried(self) -> CarriedNetworks | None:
        """What they carry behind the last frame; None where nothing is carried."""
        if not self.carry:
            return None
        return CarriedNetworks(
            made_by=self._made_by(), points=self._points or {}, classifiers=self._scores.carried() if self._scores.names else {}
        )

    def go_on(self, carried: CarriedNetworks, records: Iterable[np.void]) -> None:
        """Be as behind the frame that this was kept of.

        Args:
            carried: as it was kept.
            records: of every frame up to there.

        Raises:
            NotCarriedError: it is of other networks, or of another runtime or device, whose last digits differ.
        """
        if carried.made_by != self._made_by():
            raise NotCarriedError("it is of another network, runtime or device")
        try:
            if self._engines.remember:
                self._engines.engines[0].go_on(carried.points)
                self._points = dict(carried.points)
            if self._scores.names:
                self._scores.go_on(carried.classifiers, records)
        except EngineError as problem:
            raise NotCarriedError(str(problem)) from problem

    def _made_by(self) -> dict[str, str]:
        made = {}
        if self._engines.remember and self._engines.bundle is not None:
            engine = self._engines.engines[0]
            made[_POINTS] = f"{self._engines.bundle.description.onnx_sha256} {engine.runtime} {engine.device} {engine.precision}"
        if self._scores.names:
            for name, each in self._engines.classifiers.items():
                made[name] = f"{each.bundle.description.onnx_sha256} {each.engine.runtime} {each.engine.device}"
        return made
