"""What one camera saw in one frame, and what all cameras of a rig saw at one moment."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # (K, 3): x and y in px, confidence 0..1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sighting:
    """One pose of one camera. All times are on the clock of the rig's own host.

    Attributes:
        camera: index in the rig.
        session: of its tracker.
        number: of the frame.
        time_ns: when it was exposed, or else received: what frames are joined by.
        received_ns: when it was in memory.
        sent_ns: when its pose was published.
        points: in the order of the rig's key points; NaN where one is absent.
    """

    camera: int
    session: str
    number: int
    time_ns: int
    received_ns: int
    sent_ns: int
    points: Points


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moment:
    """What the cameras saw at once.

    Attributes:
        sightings: by camera; None for one whose pose did not come in time.
        time_ns: mean of the times by which the frames were joined.
        spread_ns: between the earliest and the latest of these.
    """

    sightings: tuple[Sighting | None, ...]
    time_ns: int
    spread_ns: int

    @property
    def seen(self) -> list[Sighting]:
        """Those that came."""
        return [each for each in self.sightings if each is not None]

    @property
    def received_ns(self) -> int:
        """When the first of its frames was in memory."""
        return min(each.received_ns for each in self.seen)

    @property
    def sent_ns(self) -> int:
        """When the last of its poses was published."""
        return max(each.sent_ns for each in self.seen)
