"""What a rig knows of the tracker of one of its cameras, and why its poses cannot be joined, if so. Pure: given the time."""

from collections import deque

import numpy as np

from tracker.camera_rig import RigCamera
from tracker.messages import PoseMessage, StatusMessage
from tracker.triangulation.moment import Sighting

_SAME_HOST_NS = 10_000_000  # two hosts that were started at one time to 10 ms do not occur
_PLAUSIBLE_AGE_NS = 1_000_000_000  # of a frame when it is in memory, if its stamp is of the host's own clock
_DELAYS = 100  # poses, of which the fastest shows how the clocks stand
_FEWEST_DELAYS = 10
_NAMES_SHOWN = 4


class Upstream:
    """One camera.

    Its tracker's clock is brought to this host's. Where both are of one start of one machine, as the kernel's boot id says, they have the
    same clock, whatever is done to the time of day. Otherwise both tell what to add to get Unix time; where these differ, the camera
    hangs on another host, and its stamps are only worth something if PTP keeps the Unix clocks together. No stamp can come out later than
    now, and the fastest of many poses hardly takes longer than the network: both are checked, to half a period.

    Attributes:
        names: of its key points, as in its last pose; None before one came.
        exposes: whether its frames carry exposure times of its host's clock.
        refused: poses that were not given to the joiner.
    """

    def __init__(self, index: int, camera: RigCamera, *, boot_id: str) -> None:
        self.index, self.camera = index, camera.name
        self._boot_id = boot_id  # of this host
        self._expected_size = camera.image_size
        self.refused = 0
        self._forget("")

    def _forget(self, session: str) -> None:
        self.session = session
        self.names: tuple[str, ...] | None = None
        self.exposes = True
        self._animals = 1
        self._image_size: tuple[int, int] | None = None
        self._shift_ns: int | None = None  # to be added to its times; 0 on this host
        self._delays_ns: deque[int] = deque(maxlen=_DELAYS)

    @property
    def clock_offset_ms(self) -> float | None:
        """Shortest time lately from a pose's stamp to its arrival here; None on this host and before it is known."""
        if not self._shift_ns or len(self._delays_ns) < _FEWEST_DELAYS:
            return None
        return round(min(self._delays_ns) / 1e6, 3)

    def take_status(self, status: StatusMessage, *, unix_offset_ns: int) -> None:
        """Note what a status says.

        Args:
            status: of this camera.
            unix_offset_ns: what to add to this host's monotonic time to get Unix time, at this moment.
        """
        self._enter(status.session)
        self._image_size = status.image_size
        apart_ns = status.unix_offset_ns - unix_offset_ns
        is_here = abs(apart_ns) < _SAME_HOST_NS if "" in (status.boot_id, self._boot_id) else status.boot_id == self._boot_id
        self._shift_ns = 0 if is_here else apart_ns

    def take_pose(self, message: PoseMessage, *, now_ns: int) -> None:
        """Note what a pose says of its camera."""
        self._enter(message.session)
        self._animals = len(message.animals)
        points = tuple(message.animals[0].points) if message.animals else ()
        if points != self.names:
            self.names = points
        age_ns = -1 if message.exposed_ns is None else message.received_ns - message.exposed_ns
        self.exposes = self.exposes and 0 <= age_ns < _PLAUSIBLE_AGE_NS
        if self._shift_ns is not None:
            self._delays_ns.append(now_ns - message.published_ns - self._shift_ns)

    def problem(self, tolerance_ns: float | None) -> str | None:
        """Why its poses cannot be joined, in one sentence; None if they can, or nothing is known yet."""
        if self.names == ():
            return f"camera {self.camera} finds no key points; give it a network that does, by `tracker swap` or engine.bundle"
        if self._image_size is not None and tuple(self._image_size) != tuple(self._expected_size):
            found, expected = ("x".join(map(str, size)) for size in (self._image_size, self._expected_size))
            return (
                f"camera {self.camera} delivers images of {found}, its place in rig.yaml was found with {expected};"
                " set the camera to that size or calibrate the rig again"
            )
        if self.names is not None and self._animals != 1:
            return (
                f"camera {self.camera} tracks {self._animals} animals; which of them is which in another camera is not known,"
                " so a rig triangulates one animal: give every camera a network for one"
            )
        return self._clock_problem(tolerance_ns)

    def _clock_problem(self, tolerance_ns: float | None) -> str | None:
        if tolerance_ns is None or not self._delays_ns:
            return None
        fastest_ns, limit = min(self._delays_ns), f"expected at most half a period, {tolerance_ns / 1e6:.1f} ms"
        remedy = "keep the clocks of both hosts together with PTP (ptp4l and phc2sys)"
        if fastest_ns < -tolerance_ns:
            return f"the clock of camera {self.camera}'s host is {-fastest_ns / 1e6:.1f} ms ahead of this one; {limit}: {remedy}"
        if self._shift_ns and fastest_ns > tolerance_ns and len(self._delays_ns) >= _FEWEST_DELAYS:
            return (
                f"poses of camera {self.camera} arrive {fastest_ns / 1e6:.1f} ms or more after their own time stamps, so the clock of"
                f" its host is behind or the network slow; {limit}: {remedy}"
            )
        return None

    def sighting(self, message: PoseMessage, names: tuple[str, ...], *, exposed: bool) -> Sighting | None:
        """A pose for the joiner, None before the status of its tracker is known.

        Args:
            message: of this camera; `problem` must be None.
            names: of the key points, the same set as this camera's, in the rig's order.
            exposed: whether frames are joined by exposure, else by receipt.
        """
        if self._shift_ns is None or self._image_size is None:
            return None
        points = message.animals[0].points
        time_ns = message.exposed_ns if exposed and message.exposed_ns is not None else message.received_ns
        return Sighting(
            camera=self.index,
            session=message.session,
            number=message.frame,
            time_ns=time_ns + self._shift_ns,
            received_ns=message.received_ns + self._shift_ns,
            sent_ns=message.published_ns + self._shift_ns,
            points=np.array([points[name] for name in names], np.float64).reshape(len(names), 3),
        )

    def _enter(self, session: str) -> None:
        if session != self.session:
            self._forget(session)


def agreed_names(cameras: list[Upstream]) -> tuple[tuple[str, ...], str | None]:
    """The key points of all cameras that were heard, in the order of the first; empty, and why in one sentence, where they differ."""
    heard = [camera for camera in cameras if camera.names]
    for other in heard[1:]:
        first = heard[0]
        if set(other.names or ()) != set(first.names or ()):
            apart = sorted(set(other.names or ()) ^ set(first.names or ()))
            shown = ", ".join(apart[:_NAMES_SHOWN]) + (", …" if len(apart) > _NAMES_SHOWN else "")
            return (), (
                f"cameras {first.camera} and {other.camera} have different key points ({shown});"
                " give both a network with the same ones, by `tracker swap`"
            )
    return (heard[0].names or () if heard else ()), None
