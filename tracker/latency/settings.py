"""What a lab asks of a measurement, checked."""

from dataclasses import dataclass
from typing import Literal, get_args

from tracker.errors import LatencyError

Mode = Literal["led", "loop"]
Line = Literal["rts", "dtr", "byte"]
LINES: tuple[Line, ...] = get_args(Line)
_LIMITS: dict[str, tuple[float, float]] = {"pulses": (1, 1_000_000), "rest_ms": (0, 60_000), "timeout_ms": (1, 600_000), "seed": (0, 2**31)}
_SCREEN_LIMITS: dict[str, tuple[float, float]] = {"pictures": (1, 5000), "screen_hz": (1, 1000), "aim_s": (1, 3600), "seed": (0, 2**31)}
_LONGEST_EXPOSURE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One measurement.

    Attributes:
        mode: `led`: pulses at random moments; `loop`: every event switches the light.
        event: that watches the light.
        port: of the output, as pyserial knows it.
        line: of the port: what switches the light.
        inverted: the light is on while the line is not.
        pulses: of the light, each with its begin and its end.
        rest_ms: between an event and the next switch, in mode `led`.
        timeout_ms: after which an event has not come.
        exposure_ms: of the camera; None: not said.
        seed: of everything random.

    Raises:
        LatencyError: a number out of bounds.
    """

    mode: Mode
    event: str
    port: str
    line: Line
    inverted: bool
    pulses: int
    rest_ms: float
    timeout_ms: float
    exposure_ms: float | None
    seed: int

    def __post_init__(self) -> None:
        _check(self, _LIMITS, self.exposure_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenSettings:
    """One measurement with a screen.

    Attributes:
        pictures: of the camera, to be read.
        screen_hz: numbers shown a second, in the mean.
        aim_s: after which it is given up, where the camera does not see the dots.
        exposure_ms: of the camera; None: not said.
        seed: of how long each number stays.

    Raises:
        LatencyError: a number out of bounds.
    """

    pictures: int
    screen_hz: float
    aim_s: float
    exposure_ms: float | None
    seed: int

    def __post_init__(self) -> None:
        _check(self, _SCREEN_LIMITS, self.exposure_ms)


def _check(settings: Settings | ScreenSettings, limits: dict[str, tuple[float, float]], exposure_ms: float | None) -> None:
    for name, (least, most) in limits.items():
        if not least <= getattr(settings, name) <= most:
            raise LatencyError(f"--{name.replace('_', '-')} is {getattr(settings, name):g}; expected {least:g} to {most:g}")
    if exposure_ms is not None and not 0 <= exposure_ms <= _LONGEST_EXPOSURE_MS:
        raise LatencyError(f"--exposure-ms is {exposure_ms:g}; expected 0 to {_LONGEST_EXPOSURE_MS}")
