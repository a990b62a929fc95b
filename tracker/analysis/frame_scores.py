"""Scores of classifiers that take images: found while the frames go by, since no image is kept for the end."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracker.analysis.unfinished_poses import noted_motion, noted_scores
from tracker.classifiers.classifier import Carried
from tracker.pose import KeyPoints, Pose
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
        self._setup = setup
        self._frames = 0
        self._numbers = numbers
        self.names = setup.scores.names if setup.scores.take_images else ()
        self.reset()

    def reset(self) -> None:
        """Begin anew, with the classifiers zeroed; only while no frame has come."""
        self._setup.scores.reset()

    def of(self, frame: "Inferred") -> NDArray[np.float64]:
        """Score one frame.

        Returns:
            float64 (scores,) in the order of the names; NaN where there is none.
        """
        if not self.names:
            return np.empty(0)
        pose = self._setup.scores.of(self._pose(frame.points, frame.time_ns), frame.image, frame.time_ns)
        self._end_frame(pose, frame.time_ns, motion=frame.motion.configured, brightness=frame.brightness)
        return np.array([pose.scores.get(name, np.nan) for name in self.names])

    def carried(self) -> dict[str, Carried]:
        """What the classifiers carry behind the last frame, by name."""
        return self._setup.scores.carried()

    def go_on(self, carried: Mapping[str, Carried], records: Iterable[np.void]) -> None:
        """Be as behind the last of these frames. Identities, conditions and events are made again of what is noted of each frame.

        Args:
            carried: by the classifiers behind that frame.
            records: of the log, from the video's first frame on.

        Raises:
            EngineError: it is of other classifiers.
        """
        setup = self._setup
        setup.scores.go_on(carried)
        for record in records:
            time_ns = int(record["time_ns"])
            pose = self._pose(record["points"], time_ns)
            without = setup.scores.without_network(pose, time_ns)
            pose = replace(pose, scores=noted_scores(self.names, record), without_network=without)
            brightness = dict(zip(setup.brightness.names, record["brightness"].tolist(), strict=True))
            self._end_frame(pose, time_ns, motion=noted_motion(record), brightness=brightness)

    def _pose(self, points: KeyPoints, time_ns: int) -> Pose:
        setup = self._setup
        if setup.identity is not None:
            points = setup.identity.update(np.array(points), time_ns)
        return Pose(points=points, mm=setup.locate.to_mm(points) if setup.locate is not None and setup.scores.preselect else None)

    def _end_frame(self, pose: Pose, time_ns: int, *, motion: float | None, brightness: Mapping[str, float]) -> None:
        """Hear the rules, where an event may begin a trial."""
        setup = self._setup
        number = self._frames if self._numbers is None else int(self._numbers[self._frames])
        self._frames += 1
        if setup.scores.preselect:
            events = setup.behaviour.update(frame_number=number, time_ns=time_ns, pose=pose, motion=motion, brightness=brightness)
            setup.scores.take_events(events)
