"""An attached camera and what it offers, whatever kind it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What a camera allows for one key of tracker.yaml, in that key's unit.

    Attributes:
        key: as in the section camera.
        low: the least value.
        high: the greatest.
        step: between values; None where the camera states none.
        choices: all values, where they are no range.
        now: the value it has; None where it cannot be read.
    """

    key: str
    low: float
    high: float
    step: float | None = None
    choices: tuple[int, ...] | None = None
    now: float | None = None

    def __str__(self) -> str:
        """Give the values for people."""
        if self.choices is not None:
            return ", ".join(map(str, self.choices))
        return f"{self.low:.8g}..{self.high:.8g}" + (f" in steps of {self.step:.8g}" if self.step is not None else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """One size in one pixel format.

    Attributes:
        fourcc: the pixel format.
        width: px.
        height: px.
        rates_hz: those that it offers at this size, fastest first; only the ends, where it offers all between them.
    """

    fourcc: str
    width: int
    height: int
    rates_hz: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCamera:
    """One camera.

    Attributes:
        source: `opencv`, `basler` or `aravis`, as in the section camera.
        device: path, serial number, or the name that opens it.
        name: as the maker calls it.
        size: (width, height) of its whole sensor, where it must be configured.
        modes: pixel formats with their sizes and rates, where the camera has a list of them.
        pixel_formats: those it offers in any size.
        allowed: ranges of its other settings.
        in_use: which other programs have it open, or that one has, where that is known.
        problem: why it cannot be opened, where it cannot.
    """

    source: str
    device: str
    name: str
    size: tuple[int, int] | None = None
    modes: tuple[Mode, ...] = ()
    pixel_formats: tuple[str, ...] = ()
    allowed: tuple[Allowed, ...] = ()
    in_use: str | None = None
    problem: str | None = None
