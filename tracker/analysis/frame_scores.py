"""Scores of classifiers that take images: found while the frames go by, since no image is kept for the end."""

import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.pose import KeyPoints, Pose
from tracker.setup import Setup


class FrameScores:
    """Takes frames in order through identity and classifiers, as the loop does.

    Without a classifier that takes images it does nothing: scores from poses alone are found at the end.

    Attributes:
        names: of the scores that it finds, of all classifiers or of none.
    """

    def __init__(self, setup: Setup) -> None:
        """Begin with a setup through which no frame has gone."""
        self._setup = setup
        self.names = setup.scores.names if setup.scores.take_images else ()

    def of(self, image: Image, points: KeyPoints, time_ns: int) -> NDArray[np.float64]:
        """Score one frame.

        Args:
            image: of the frame.
            points: as the network found them in it.
            time_ns: of the frame.

        Returns:
            float64 (scores,) in the order of the names; NaN where there is none.
        """
        if not self.names:
            return np.empty(0)
        if self._setup.identity is not None:
            points = self._setup.identity.update(points.copy(), time_ns)
        found = self._setup.scores.of(Pose(points=points, mm=None), image, time_ns).scores
        return np.array([found.get(name, np.nan) for name in self.names])
