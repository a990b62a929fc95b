"""Controls of a V4L2 device by the names of tracker.yaml: exposure, gain, focus and the like, set, read back, compared, refused."""

import errno
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tracker.cameras import v4l2_calls as v4l2
from tracker.cameras.found_camera import Allowed
from tracker.config_cameras import OpenCVCamera
from tracker.errors import CameraError

USER_CLASS, CAMERA_CLASS = 0x00980900, 0x009A0900  # where <linux/v4l2-controls.h> begins to count
TOLERANCE = 0.01  # of what was asked, for a unit that is finer than the driver's


@dataclass(frozen=True, slots=True, kw_only=True)
class _RigControl:
    """One key.

    Attributes:
        number: of the driver's control.
        unit: of the key, for one of the driver's.
        choices: value of the key to the driver's, for a menu.
        manual: controls that would go on setting this one, with the value that stops them. Not every device has them.
    """

    number: int
    unit: int = 1
    choices: tuple[int, ...] | None = None
    manual: tuple[tuple[int, int], ...] = ()


CONTROLS = {
    # exposure_auto: 1 is manual; exposure_auto_priority lets the rate fall in the dark
    "exposure_us": _RigControl(number=CAMERA_CLASS + 2, unit=100, manual=((CAMERA_CLASS + 1, 1), (CAMERA_CLASS + 3, 0))),
    "gain": _RigControl(number=USER_CLASS + 19, manual=((USER_CLASS + 18, 0),)),
    "focus": _RigControl(number=CAMERA_CLASS + 10, manual=((CAMERA_CLASS + 12, 0),)),
    "white_balance_k": _RigControl(number=USER_CLASS + 26, manual=((USER_CLASS + 12, 0),)),
    "power_line_hz": _RigControl(number=USER_CLASS + 24, choices=(0, 50, 60)),
    "brightness": _RigControl(number=USER_CLASS + 0),
    "contrast": _RigControl(number=USER_CLASS + 1),
    "saturation": _RigControl(number=USER_CLASS + 2),
    "sharpness": _RigControl(number=USER_CLASS + 27),
}


def asked_controls(settings: OpenCVCamera) -> dict[str, float]:
    """Those that the settings set; null leaves one as it is."""
    return {key: value for key in CONTROLS if (value := getattr(settings, key)) is not None}


def allowed_controls(handle: int) -> Iterator[Allowed]:
    """Those that an open device has, with their ranges and values."""
    for key in CONTROLS:
        allowed = _allowed(handle, key)
        if allowed is not None:
            yield allowed


def in_unit_of(key: str, value: int) -> float | None:
    """A driver's value in the unit of this key; None for a choice that tracker.yaml has no name for, such as automatic."""
    return _in_unit(CONTROLS[key], value)


def apply_controls(handle: int, settings: OpenCVCamera, *, where: Path) -> None:
    """Set every control that the settings name and read it back; what would set it automatically is switched off first.

    Args:
        handle: the open device.
        settings: the section camera.
        where: the device, for messages.

    Raises:
        CameraError: the device lacks a control, or does not do as asked; with what it allows.
    """
    for key, asked in asked_controls(settings).items():
        _apply(handle, key, asked, where=where)


def _apply(handle: int, key: str, asked: float, *, where: Path) -> None:
    allowed = _allowed(handle, key)
    if allowed is None:
        has = ", ".join(found.key for found in allowed_controls(handle)) or "none"
        raise CameraError(f"{where}: camera.{key} is {asked:.8g}, but this device has no such control; those it has: {has}")
    control = CONTROLS[key]
    for number, manual in control.manual:
        with suppress(OSError):  # not every device has it; one that goes on by itself is found out below
            v4l2.call(handle, v4l2.SET_CONTROL, v4l2.ControlValue(id=number, value=manual))
    value = _driver_value(control, allowed, asked)
    if value is None:
        raise CameraError(f"{where}: camera.{key} is {asked:.8g}; this device allows {allowed}")
    try:
        v4l2.call(handle, v4l2.SET_CONTROL, v4l2.ControlValue(id=control.number, value=value))
    except OSError as problem:
        raise CameraError(
            f"{where}: camera.{key} is {asked:.8g}, which the device refuses ({problem.strerror}); it allows {allowed}"
        ) from None
    got = _value(handle, control)
    if got != value:
        stays = _in_unit(control, got)
        now = "does not say what it made of it" if stays is None else f"stays at {stays:.8g}"
        raise CameraError(f"{where}: camera.{key} is {asked:.8g}, but the device {now}; it allows {allowed}, or use null")


def _driver_value(control: _RigControl, allowed: Allowed, asked: float) -> int | None:
    """What to give the driver; None where it does not allow the value."""
    if allowed.choices is not None and control.choices is not None:
        return control.choices.index(int(asked)) if asked in allowed.choices else None
    value = round(asked / control.unit)
    step = max(1, round((allowed.step or 0) / control.unit))
    fits = math.isclose(value * control.unit, asked, rel_tol=TOLERANCE) and (value - round(allowed.low / control.unit)) % step == 0
    return value if fits and allowed.low <= value * control.unit <= allowed.high else None


def _allowed(handle: int, key: str) -> Allowed | None:
    control = CONTROLS[key]
    found = v4l2.QueryControl(id=control.number)
    try:
        v4l2.call(handle, v4l2.QUERY_CONTROL, found)
    except OSError:
        return None
    if found.flags & v4l2.CONTROL_DISABLED:
        return None
    choices = None
    if control.choices is not None:
        choices = tuple(
            choice for index, choice in enumerate(control.choices) if index <= found.maximum and _offers(handle, control, index)
        )
    now = _value(handle, control)
    return Allowed(
        key=key,
        low=found.minimum * control.unit if choices is None else min(choices, default=0),
        high=found.maximum * control.unit if choices is None else max(choices, default=0),
        step=max(1, found.step) * control.unit if choices is None else None,
        choices=choices,
        now=_in_unit(control, now),
    )


def _offers(handle: int, control: _RigControl, index: int) -> bool:
    try:
        v4l2.call(handle, v4l2.QUERY_MENU, v4l2.QueryMenu(id=control.number, index=index))
    except OSError as problem:
        return problem.errno != errno.EINVAL
    return True


def _value(handle: int, control: _RigControl) -> int | None:
    found = v4l2.ControlValue(id=control.number)
    try:
        v4l2.call(handle, v4l2.GET_CONTROL, found)
    except OSError:
        return None
    return int(found.value)


def _in_unit(control: _RigControl, value: int | None) -> float | None:
    """The driver's value in the key's unit; None for a choice that has no name in tracker.yaml, such as automatic."""
    if value is None or control.choices is None:
        return None if value is None else value * control.unit
    return control.choices[value] if 0 <= value < len(control.choices) else None
