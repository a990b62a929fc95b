"""Scores of classifiers that take images: found while the frames go by, since no image is kept for the end."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracker.pose import Pose
from tracker.setup import Setup

if TYPE_CHECKING:
    from tracker.analysis.inferring import Inferred


class FrameScores:
    """Takes frames in order through identity and classifiers, as the loop does.

    Without a classifier that takes images it does nothing: scores from poses alone are found at the end.

    Attributes:
        names: of the scores that it finds, of all classifiers or of none.
    """

    def __init__(self, setup: Setup, numbers: NDArray[np.int64] | None = None) -> None:
        """Begin with a setup through which no frame has gone.

        Args:
            setup: with the classifiers.
            numbers: (n,) the camera's own of all frames; None where they count from 0.
        """
        setup.scores.reset()
        self._setup = setup
        self._frames = 0
        self._numbers = numbers
        self.names = setup.scores.names if setup.scores.take_images else ()

    def of(self, frame: "Inferred") -> NDArray[np.float64]:
        """Score one frame.

        Returns:
            float64 (scores,) in the order of the names; NaN where there is none.
        """
        if not self.names:
            return np.empty(0)
        setup, points = self._setup, frame.points
        number = self._frames if self._numbers is None else int(self._numbers[self._frames])
        self._frames += 1
        if setup.identity is not None:
            points = setup.identity.update(points.copy(), frame.time_ns)
        mm = setup.locate.to_mm(points) if setup.locate is not None and setup.scores.preselect else None
        pose = setup.scores.of(Pose(points=points, mm=mm), frame.image, frame.time_ns)
        if setup.scores.preselect:  # an event may begin a trial
            events = setup.behaviour.update(
                frame_number=number, time_ns=frame.time_ns, pose=pose, motion=frame.motion.configured, brightness=frame.brightness
            )
            setup.scores.take_events(events)
        return np.array([pose.scores.get(name, np.nan) for name in self.names])
