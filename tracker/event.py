"""A behaviour event: something named in the configuration began or ended."""

from dataclasses import dataclass
from typing import Literal

Reason = Literal["rule", "missing", "camera_lost", "stopping", "reload", "swap", "engine", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of one configured event for one animal.

    Attributes:
        name: as in the configuration.
        state: "on" at the onset, "off" at the end.
        animal: index of the animal in the pose.
        frame: number of the frame at which the change was decided.
        onset_frame: number of the first frame of the bout.
        value: the source's value when it crossed the threshold.
        threshold: the threshold it crossed.
        added_delay_ms: delay that the rule itself adds (minimum duration for "on", longest gap for "off"), and the source before it.
        reason: "rule" for every "on" and for an end that the rule decided; else what forced the end: no value for too long
            ("missing"), no frame for too long ("camera_lost"), or what the tracker was told or met with.
        horizon_ms: of a forecast, how far ahead it means; None where the event says what is now.
    """

    name: str
    state: Literal["on", "off"]
    animal: int
    frame: int
    onset_frame: int
    value: float
    threshold: float
    added_delay_ms: float
    reason: Reason = "rule"
    horizon_ms: float | None = None
