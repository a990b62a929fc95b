"""Switch a light and listen for the event that answers: by itself at random moments, or each event switching it again."""

import time
from collections.abc import Callable, Iterator

import numpy as np

from tracker.errors import LatencyError, OutputError
from tracker.latency.edges import Command, phases
from tracker.latency.listener import Listener
from tracker.latency.serial_output import SerialOutput
from tracker.latency.settings import Settings

UNCOUNTED = 2  # pulses at most before those that count: some microcontrollers restart when their port is opened, and miss the first
HOPELESS = 20  # pulses without one event, after which it is given up
_STOP_LISTENING_NS = 2_500_000  # before a switch is due: a socket is waited for in whole milliseconds
_SPIN_NS = 200_000  # a sleep ends late, so the last stretch is spent asking the clock
_MORE_FRAMES = 4  # a pause is longer than `rest_ms` by up to so many frame intervals, at random


class Measurement:
    """One light and its event.

    Attributes:
        commands: every switch so far, kept however it ends.
    """

    def __init__(
        self, output: SerialOutput, listener: Listener, settings: Settings, *, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._output, self._listener, self._settings, self._clock = output, listener, settings, clock
        self._timeout_ns = round(settings.timeout_ms * 1e6)
        self.commands: list[Command] = []

    def led(self) -> Iterator[int]:
        """Pulse at random moments, evenly spread over the frame interval. Gives the number of pulses so far.

        Raises:
            LatencyError: the event is on from the beginning, never comes, or the tracker has fallen silent.
            OutputError: the port has gone.
        """
        pulses, seed = self._settings.pulses, self._settings.seed
        rng = np.random.default_rng(seed)
        ons, offs = phases(pulses, seed=seed + 1), phases(pulses, seed=seed + 2)
        for number in range(pulses):
            seen = True
            for lit, phase in ((True, ons[number]), (False, offs[number])):
                self._rest(phase, more_frames=int(rng.integers(_MORE_FRAMES)))
                seen = self._switch(lit=lit, wait=seen)
            yield number + 1
            self._give_up_hopeless(number + 1)
        self._rest(0.5, more_frames=0)

    def loop(self) -> Iterator[int]:
        """Switch the light off by its "on" and on by its "off". Gives the number of pulses so far.

        Raises:
            LatencyError, OutputError: as `led` does.
        """
        self._rest(0.5, more_frames=0)
        for number in range(self._settings.pulses):
            self._switch(lit=False, wait=self._switch(lit=True, wait=True))
            yield number + 1
            self._give_up_hopeless(number + 1)

    def settle(self) -> None:
        """Wait until the event is off under a dark light, and until a first pulse was seen, which is not counted.

        Raises:
            LatencyError: the event stays on.
        """
        self._wait_for_dark()
        for _ in range(UNCOUNTED):
            seen = self._switch(lit=True, wait=True)
            self._switch(lit=False, wait=seen)
            self._rest(0.5, more_frames=1)
            if seen:
                break
        self.commands.clear()
        self._listener.heard.clear()

    def finish(self) -> None:
        """Switch off. Bounds the window of the last command, too."""
        try:
            self._switch(lit=False, wait=False)
        except OutputError:
            self.commands.append(Command(lit=False, told_ns=self._clock()))

    def _wait_for_dark(self) -> None:
        end_ns = self._clock() + self._timeout_ns
        self._listener.listen(self._clock() + round(self._settings.rest_ms * 1e6))
        while self._listener.on and self._clock() < end_ns:
            self._listener.listen(self._clock() + self._listener.frame_interval_ns)
        if self._listener.on:
            raise LatencyError(
                f"the event '{self._settings.event}' is on while the light is off; is something else bright in the region, "
                "or is the output inverted (--inverted)?"
            )

    def _switch(self, *, lit: bool, wait: bool) -> bool:
        """Switch, and wait for the answer; returns whether it came."""
        self.commands.append(Command(lit=lit, told_ns=self._output.switch(lit=lit)))
        return wait and self._listener.listen(self._clock() + self._timeout_ns, answer=lit) is not None

    def _rest(self, phase: float, *, more_frames: int) -> None:
        """Listen on for the time of rest, then wait for a moment at this place within a frame interval."""
        listener, interval_ns = self._listener, self._listener.frame_interval_ns
        listener.listen(self._clock() + round(self._settings.rest_ms * 1e6))
        anchor_ns, now_ns = listener.newest_received_ns, self._clock() + _STOP_LISTENING_NS
        frames = max(0, (now_ns - anchor_ns) // interval_ns) + 1 + more_frames
        due_ns = anchor_ns + round((frames + phase) * interval_ns)
        listener.listen(due_ns - _STOP_LISTENING_NS)
        while (left_ns := due_ns - self._clock()) > 0:
            if left_ns > _SPIN_NS:
                time.sleep((left_ns - _SPIN_NS) / 1e9)

    def _give_up_hopeless(self, pulses: int) -> None:
        if pulses >= HOPELESS and not self._listener.heard:
            raise LatencyError(
                f"the event '{self._settings.event}' never came within {self._settings.timeout_ms / 1000:g} s of {pulses} pulses; "
                "is the LED in the region, lit by this output, and bright enough for the rule's thresholds?"
            )
