"""The tracker's side of a measurement: its events of one name with the stamps of their frames, and how frames are spaced."""

import time
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import Any

from tracker.client import Client
from tracker.errors import LatencyError
from tracker.latency.edges import FrameTimes, Heard
from tracker.messages import EventMessage, PoseMessage, SetupMessage, StatusMessage

KINDS = ("pose", "event", "alive", "setup", "status")
BEGIN_S = 10.0
SILENT_S = 3.0
_FRAMES = 20  # to know the interval by
_KEPT = 2000  # poses, to find the frame at which a bout began
_ONE_CLOCK_NS = 10_000_000_000  # exposed and received further apart than this are of two clocks
_AT_ONCE_S = 0.05


class Listener:
    """Listens to one camera.

    Attributes:
        camera: its name.
        rule: of the event, as configured.
        heard: every event of that name, in the order of publication.
        newest_received_ns: of the last frame that was heard of.
        frame_interval_ns: median.
    """

    def __init__(self, client: Client, event: str, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """Wait until the tracker's rules and some frames were heard.

        Raises:
            LatencyError: nothing is heard, or the tracker has no such event.
        """
        self._client, self._event, self._clock = client, event, clock
        self._frames: dict[int, FrameTimes] = {}
        self._numbers: deque[int] = deque()
        self._heard_ns = clock()
        self.heard: list[Heard] = []
        self.newest_received_ns = 0
        self.camera, self.rule = self._begin()

    @property
    def on(self) -> bool:
        """Whether the event is on, as far as the tracker said."""
        return any(each.event == self._event for each in self._client.open_events.get(self.camera, ()))

    def listen(self, until_ns: int, *, answer: bool | None = None) -> Heard | None:
        """Take what comes until a time, or until the event goes on or off; returns that event.

        Raises:
            LatencyError: the tracker has fallen silent.
        """
        while (left_ns := until_ns - self._clock()) > 0:
            event = self._take(self._client.receive(min(_AT_ONCE_S, left_ns / 1e9)))
            if event is not None and event.on is answer and event.by_rule:
                return event
            if self._clock() - self._heard_ns > SILENT_S * 1e9:
                raise LatencyError(f"nothing has come from the tracker for {SILENT_S:g} s; is it still running?")
        return None

    def _begin(self) -> tuple[str, dict[str, Any]]:
        setup: SetupMessage | None = None
        received_ns: list[int] = []
        end_ns = self._clock() + round(BEGIN_S * 1e9)
        where = ", ".join(self._client.addresses)
        while setup is None or len(received_ns) <= _FRAMES:
            if self._clock() > end_ns:
                what = "nothing" if setup is None and not received_ns else f"{len(received_ns)} frames"
                raise LatencyError(f"{where}: {what} came within {BEGIN_S:g} s; is the tracker running, on this machine, with its camera?")
            message = self._client.receive(_AT_ONCE_S)
            if isinstance(message, SetupMessage):
                setup = message
            elif isinstance(message, PoseMessage):
                received_ns.append(message.received_ns)
            self._take(message)
        self.frame_interval_ns = round(median(after - before for before, after in pairwise(received_ns)))
        rules = {item["event"]: item for item in setup.behaviour}
        if self._event not in rules:
            known = ", ".join(rules) or "none"
            raise LatencyError(
                f"the tracker at {where} has no event '{self._event}' (it has: {known}); add one with a source of kind brightness"
            )
        return setup.camera, rules[self._event]

    def _take(self, message: object) -> Heard | None:
        if message is None:
            return None
        if not isinstance(message, StatusMessage):
            self._heard_ns = self._clock()
        if isinstance(message, PoseMessage):
            self._note(message)
        elif isinstance(message, EventMessage) and message.event == self._event:
            self.heard.append(self._of(message))
            return self.heard[-1]
        return None

    def _note(self, pose: PoseMessage) -> None:
        self._frames[pose.frame] = times_of(pose)
        self._numbers.append(pose.frame)
        if len(self._numbers) > _KEPT:
            self._frames.pop(self._numbers.popleft(), None)
        self.newest_received_ns = pose.received_ns

    def _of(self, message: EventMessage) -> Heard:
        decided = self._frames.get(message.frame)
        onset = self._frames.get(message.onset_frame)
        if message.state == "off":  # which names the bout's first frame, not the first of its end
            onset = decided if message.added_delay_ms == 0 else None
        return Heard(
            on=message.state == "on", by_rule=message.reason == "rule", published_ns=message.published_ns, onset=onset, decided=decided
        )


def times_of(pose: PoseMessage) -> FrameTimes:
    """The stamps of a frame; that of the exposure only where it can be of the host's clock."""
    exposed = pose.exposed_ns
    if exposed is not None and not 0 <= pose.received_ns - exposed < _ONE_CLOCK_NS:
        exposed = None
    return FrameTimes(exposed_ns=exposed, received_ns=pose.received_ns, taken_ns=pose.taken_ns, inferred_ns=pose.inferred_ns)
