"""Says when frames begin to be missing, while it happens and not only at the end: at once, then at most once a minute."""

from collections.abc import Mapping

_EVERY_NS = 60_000_000_000
_MISSING = {
    "lost": "lost before they came from the camera",
    "skipped": "skipped because the tracker was behind",
    "corrupt": "damaged",
    "record_dropped": "not recorded because the encoder was behind",
}


class MissingFrames:
    """Remembers what was said last."""

    def __init__(self) -> None:
        self._said = dict.fromkeys((*_MISSING, "captured"), 0)
        self._said_ns: int | None = None

    def look(self, counters: Mapping[str, int], now_ns: int) -> str | None:
        """A sentence where frames are missing that were not told of, None where there are none or it is too early.

        Args:
            counters: those of the status; each counts up, or begins anew with another session.
            now_ns: of a monotonic clock.
        """
        for name, count in self._said.items():
            self._said[name] = min(count, counters.get(name, 0))
        more = {name: counters.get(name, 0) - self._said[name] for name in _MISSING}
        if not any(more.values()) or (self._said_ns is not None and now_ns - self._said_ns < _EVERY_NS):
            return None
        since = "" if self._said_ns is None else f" in the last {(now_ns - self._said_ns) / 1e9:.0f} s"
        captured = counters.get("captured", 0) - self._said["captured"]
        what = ", ".join(f"{count} {_MISSING[name]}" for name, count in more.items() if count)
        self._said, self._said_ns = {name: counters.get(name, 0) for name in self._said}, now_ns
        return f"frames are missing{since}: {what}; {captured} came from the camera{since and ' meanwhile'}"
