"""Which frame was there so much earlier: for sources that tell of frames later than they are."""

from collections import deque


class EarlierFrames:
    """The frames of the last moments, by their time. Nothing is kept where nothing is told late.

    Args:
        longest_ns: how far back it is asked at most.
    """

    def __init__(self, longest_ns: int) -> None:
        self._longest_ns = longest_ns
        self._frames: deque[tuple[int, int]] = deque()  # time in ns, number; the oldest was there longest_ns ago, or is the first of all

    def add(self, now_ns: int, frame_number: int) -> None:
        """Take the newest frame; times never go back."""
        if not self._longest_ns:
            return
        self._frames.append((now_ns, frame_number))
        while len(self._frames) > 2 and self._frames[1][0] <= now_ns - self._longest_ns:
            self._frames.popleft()

    def nearest(self, delay_ns: int) -> int:
        """Number of the frame that came nearest to so long before the newest; of two equally near, the earlier."""
        wanted_ns = self._frames[-1][0] - delay_ns
        return min(self._frames, key=lambda frame: abs(frame[0] - wanted_ns))[1]
