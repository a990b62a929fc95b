"""When a number becomes an event: hysteresis, shortest bout, longest gap, refractory time. Times in ns, never counts of frames."""

import math
from collections.abc import Collection
from enum import Enum, auto
from typing import Literal

from tracker.behaviour.earlier_frames import EarlierFrame, EarlierFrames
from tracker.config_rules import EventConfig
from tracker.errors import ConfigError
from tracker.event import Event, Reason


class State(Enum):
    """Where a rule stands."""

    IDLE = auto()  # no bout
    STARTING = auto()  # a bout shorter than minimum_ms; nobody knows of it yet
    ON = auto()  # a bout that was announced
    RESTING = auto()  # refractory


_BOUT = (State.STARTING, State.ON)
_SHORTEST_END_NS = 200_000_000


class RuleState:
    """One rule for one animal.

    A value is *beyond* a threshold above it (`when: above`) or below it (`when: below`); a tie is not beyond.

        IDLE ──beyond `on`──► STARTING ──has lasted minimum_ms: "on"──► ON
          ▲                      │                                      │
          ├──────ended───────────┘                    ended: "off"      │
          └──────refractory_ms since the bout's end──── RESTING ◄───────┘

    A bout is interrupted from its first frame not beyond `off` until the next that is; it has *ended*, at that first frame,
    as soon as the interruption cannot be shorter than or equal to maximum_gap_ms any more. A missing value with
    `missing: hold` is a frame that did not come: nothing is decided on it and time runs on. With `missing: end` it is a
    value not beyond `off`.

    Nothing is on unseen: a bout about which nothing could be decided for longer than `end_after_ms`, because no frame came or
    its value was held, is ended, announced or not. Where a rule has none, that is the longer of 200 ms and three frame intervals;
    where it has one, never less than one and a half intervals, or every frame would end what the one before it began.
    """

    def __init__(self, item: EventConfig, animal: int) -> None:
        rule = item.rule
        if not (math.isfinite(rule.on) and math.isfinite(rule.off)):
            raise ConfigError(f"behaviour '{item.event}': rule.on is {rule.on} and rule.off is {rule.off}; expected finite numbers")
        self._item, self._rule, self._animal = item, rule, animal
        self._sign = 1.0 if rule.when == "above" else -1.0
        self._on, self._off = self._sign * rule.on, self._sign * rule.off
        self._hold = rule.missing == "hold"
        self._delay_ns = round(item.delay_ms * 1e6)
        self.end_after_ns = None if rule.end_after_ms is None else round(rule.end_after_ms * 1e6)
        self._shortest_end_ns = _SHORTEST_END_NS if self.end_after_ns is None else self.end_after_ns
        self._minimum_ns, self._gap_ns, self._refractory_ns = (
            round(ms * 1e6) for ms in (rule.minimum_ms, rule.maximum_gap_ms, rule.refractory_ms)
        )
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.state = State.IDLE
        self._onset_ns, self._onset_frame, self._onset_value = 0, 0, 0.0
        self._told_ago_ns = 0  # how long before `_onset_ns` the frame came that the value is of
        self._interrupted, self._interrupted_ns, self._interrupting_value = False, 0, 0.0
        self._interrupted_unseen = False  # the interruption began with a missing value
        self._last_value = 0.0  # the last one that was not missing
        self._decided_ns = 0  # when the last frame came on which something could be decided

    @property
    def open(self) -> bool:
        """Whether "on" was announced and "off" was not."""
        return self.state is State.ON

    @property
    def onset_frame(self) -> int:
        """First frame of the bout that is open, the source's delay taken off."""
        return self._onset_frame

    @property
    def onset_ns(self) -> int:
        """Its time, on the clock of `update`."""
        return self._onset_ns - self._told_ago_ns

    def update(
        self,
        frame_number: int,
        now_ns: int,
        *,
        value: float | None,
        step_ns: int,
        intervals_ns: Collection[int],
        earlier: EarlierFrames | None = None,
    ) -> list[Event]:
        """Take one frame's value. Two events are possible after lost frames: the end of one bout and the start of the next.

        Args:
            frame_number: the camera's own.
            now_ns: the frame's time.
            value: the source's value, None where it is missing.
            step_ns: time since the frame before.
            intervals_ns: the last steps before this one; without any nothing is overdue.
            earlier: the frames up to this one, where the source may tell of frames later than they are.
        """
        events: list[Event] = []
        if self.state in _BOUT and now_ns - self._decided_ns > self._shortest_end_ns and intervals_ns:
            events = self.end_overdue(frame_number, now_ns, silent_ns=step_ns, limit_ns=self.limit_ns(intervals_ns))
        if value is None and self._hold:
            return events
        self._decided_ns = now_ns
        if value is not None:
            self._last_value = value
        height = -math.inf if value is None else self._sign * value
        if self.state in _BOUT and self._has_ended(height, now_ns):
            events.extend(self._end(frame_number))
        if self.state is State.RESTING and now_ns - self._interrupted_ns >= self._refractory_ns:
            self.state = State.IDLE
        if self.state is State.IDLE and height > self._on:
            told = earlier.nearest(self._delay_ns) if earlier is not None and self._delay_ns else EarlierFrame(frame_number, 0)
            self._start(told, now_ns)
        if self.state is State.STARTING and not self._interrupted and now_ns - self._onset_ns >= self._minimum_ns:
            self.state = State.ON
            events.append(self._event("on", frame_number))
        return events

    def limit_ns(self, intervals_ns: Collection[int]) -> int:
        """How long nothing may be decided where the last frames came at these intervals, of which the median counts."""
        median_ns = sorted(intervals_ns)[len(intervals_ns) // 2]
        return max(self._shortest_end_ns, median_ns * 3 if self.end_after_ns is None else median_ns * 3 // 2)

    def end_overdue(self, frame_number: int, now_ns: int, *, silent_ns: int, limit_ns: int) -> list[Event]:
        """End a bout about which nothing could be decided for longer than the limit, because of frames without a value or of no frame.

        Args:
            frame_number: the camera's own, of the last frame.
            now_ns: on the clock of the frames.
            silent_ns: of that, how long no frame has come.
            limit_ns: see `limit_ns`.
        """
        if now_ns - self._decided_ns <= limit_ns:
            return []
        return self.stop(frame_number, "camera_lost" if silent_ns > limit_ns else "missing")

    def stop(self, frame_number: int, reason: Reason) -> list[Event]:
        """End the bout, announced if it was announced, at this frame."""
        on = self.state is State.ON
        if on and not self._interrupted:
            self._interrupting_value = self._last_value
        self.state = State.IDLE
        return [self._event("off", frame_number, reason)] if on else []

    def _has_ended(self, height: float, now_ns: int) -> bool:
        """Note where an interruption begins and ends. A gap is judged by time, so it may be over with no frame seen in it."""
        if height > self._off:
            ended = self._interrupted and now_ns - self._interrupted_ns > self._gap_ns
            self._interrupted = ended
            return ended
        if not self._interrupted:
            self._interrupted, self._interrupted_ns, self._interrupting_value = True, now_ns, self._last_value
            self._interrupted_unseen = height == -math.inf
        # Still interrupted after exactly maximum_gap_ms: it will have lasted longer by the next frame.
        return now_ns - self._interrupted_ns >= self._gap_ns

    def _start(self, told: EarlierFrame, now_ns: int) -> None:
        self.state = State.STARTING
        self._onset_frame, self._told_ago_ns = told
        self._onset_ns, self._onset_value = now_ns, self._last_value
        self._interrupted = False

    def _end(self, frame_number: int) -> list[Event]:
        announced = self.state is State.ON
        self.state = State.RESTING if announced else State.IDLE
        return [self._event("off", frame_number, "missing" if self._interrupted_unseen else "rule")] if announced else []

    def _event(self, state: Literal["on", "off"], frame_number: int, reason: Reason = "rule") -> Event:
        rule = self._rule
        on = state == "on"
        return Event(
            name=self._item.event,
            state=state,
            animal=self._animal,
            frame=frame_number,
            onset_frame=self._onset_frame,
            value=self._onset_value if on else self._interrupting_value,
            threshold=rule.on if on else rule.off,
            added_delay_ms=self._item.delay_ms + (rule.minimum_ms if on else rule.maximum_gap_ms),
            reason=reason,
            horizon_ms=self._item.horizon_ms,
        )
