"""One behaviour network, carried from frame to frame: when it begins anew, and from when on its scores count."""

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from tracker.bundle import Bundle
from tracker.bundle_description import BehaviourNetwork, Following
from tracker.classifiers.followed_square import FollowedSquare, LastPlace

if TYPE_CHECKING:
    from tracker.engines.openvino.step_engine import StepEngine


_ROUNDING = 1e-3


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a classifier's answers to come depend on, besides their own frames.

    Attributes:
        states: of its network.
        began: whether it has taken a frame since it was zeroed.
        left: frames until its scores count; below 0 once they do.
        last_ns: time of the last frame that it took, None for none.
        last_place: of the key point that it follows, None where it follows none.
    """

    states: dict[str, bytes]
    began: bool
    left: int
    last_ns: int | None
    last_place: LastPlace | None


class Classifier:
    """A bundle on its engine, with the state that it carries. Used by one thread at a time.

    Attributes:
        bundle: what it is.
        about: the bundle's own part on behaviour.
        engine: what it runs on.
        square: what it sees of a frame, where it follows a key point; None otherwise.
        warming: whether its scores do not count yet, since too few frames have come since it began.
        fault: what was wrong with the last answer, in one sentence; None where it was one.
    """

    def __init__(self, bundle: Bundle, about: BehaviourNetwork, engine: "StepEngine") -> None:
        """Begin, as at the start of a session; `about` is the bundle's own part on behaviour."""
        self.bundle, self.engine = bundle, engine
        self.fault: str | None = None
        self.about = about
        _, side, _, channels = bundle.description.input.shape
        region = about.region
        self.square = FollowedSquare(region, side=side, channels=channels) if isinstance(region, Following) else None
        self.reset()

    def reset(self) -> None:
        """Begin anew, as at the start of a session."""
        self.engine.reset()
        if self.square is not None:
            self.square.reset()
        self._left = self.about.warming_frames
        self._began = False
        self._last_ns: int | None = None
        self.warming = True

    def carried(self) -> Carried:
        """What it carries to the next frame, a copy."""
        return Carried(
            states=self.engine.carried(),
            began=self._began,
            left=self._left,
            last_ns=self._last_ns,
            last_place=None if self.square is None else self.square.last,
        )

    def go_on(self, carried: Carried) -> None:
        """Go on behind the frame that this was carried from, to the same bits.

        Raises:
            EngineError: it is of another network.
        """
        self.engine.go_on(carried.states)
        self._began, self._left, self._last_ns = carried.began, carried.left, carried.last_ns
        self.warming = self._left >= 0
        if self.square is not None:
            self.square.last = carried.last_place or LastPlace(None, 0)

    def leave_out(self) -> None:
        """Begin anew with the next frame that it takes: of this one, which is decided without the network, it knows nothing."""
        if self._began:
            self.reset()

    def at(self, taken: NDArray[np.float32] | NDArray[np.uint8], time_ns: int) -> NDArray[np.float32] | None:
        """The same as `step`, for a frame of this time: it is here that the time of the frame before is kept, since rules come and go."""
        seconds = 0.0 if self._last_ns is None else (time_ns - self._last_ns) / 1e9
        answer = self.step(taken, seconds)
        self._last_ns = time_ns  # after the step, which may begin anew
        return answer

    def step(self, taken: NDArray[np.float32] | NDArray[np.uint8], seconds: float) -> NDArray[np.float32] | None:
        """Take one frame; a gap longer than the network was made for, or a clock that was set back, begins anew.

        Args:
            taken: float32 poses (animals, K, 3) in source pixels, in the bundle's own order of points, NaN where absent; or a uint8 image
                (height, width, channels) as it was cut from the frame.
            seconds: since the frame before that it took; not read for the first.

        Returns:
            float32 (C,), the probability of each class; None while warming, and where what the network gives is none: it then begins anew.
        """
        if self._began and not 0 <= seconds <= self.about.longest_gap_s:
            self.reset()
        answer = self.engine.step(taken, seconds if self._began else 0.0)
        self._began = True
        if not ((answer >= -_ROUNDING) & (answer <= 1 + _ROUNDING)).all():  # NaN is neither
            self.reset()
            self.fault = f"{self.bundle.description.name} gave {answer.tolist()}; expected probabilities: train it again"
            return None
        self.fault = None
        self.warming = self._left > 0
        self._left -= 1
        return None if self.warming else answer
