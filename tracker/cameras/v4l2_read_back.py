"""What an open V4L2 device says of itself: its name, and every control that tracker.yaml or this file knows. Changes nothing."""

import errno
from dataclasses import dataclass
from functools import partial

from tracker.cameras import v4l2_calls as v4l2
from tracker.cameras.read_back import Setting, read_each
from tracker.cameras.v4l2_controls import CAMERA_CLASS, CONTROLS, USER_CLASS, in_unit_of


@dataclass(frozen=True, slots=True, kw_only=True)
class _ReadOnly:
    """A control that tracker.yaml does not set by itself.

    Attributes:
        number: of the driver's control.
        is_switch: whether it is on or off.
        choices: of a menu, in the driver's sequence.
    """

    number: int
    is_switch: bool = False
    choices: tuple[str, ...] = ()


READ_ONLY = {
    "exposure_auto": _ReadOnly(number=CAMERA_CLASS + 1, choices=("auto", "manual", "shutter priority", "aperture priority")),
    "exposure_auto_priority": _ReadOnly(number=CAMERA_CLASS + 3, is_switch=True),  # the rate falls in the dark
    "gain_auto": _ReadOnly(number=USER_CLASS + 18, is_switch=True),
    "focus_auto": _ReadOnly(number=CAMERA_CLASS + 12, is_switch=True),
    "white_balance_auto": _ReadOnly(number=USER_CLASS + 12, is_switch=True),
    "hue": _ReadOnly(number=USER_CLASS + 3),
    "gamma": _ReadOnly(number=USER_CLASS + 16),
    "backlight_compensation": _ReadOnly(number=USER_CLASS + 28),
    "flip_horizontal": _ReadOnly(number=USER_CLASS + 20, is_switch=True),
    "flip_vertical": _ReadOnly(number=USER_CLASS + 21, is_switch=True),
    "pan": _ReadOnly(number=CAMERA_CLASS + 8),
    "tilt": _ReadOnly(number=CAMERA_CLASS + 9),
    "zoom": _ReadOnly(number=CAMERA_CLASS + 13),
    "iris": _ReadOnly(number=CAMERA_CLASS + 17),
}
_POWER_LINE_AUTO = 3  # a choice of the driver's that tracker.yaml has none for


def read_device(handle: int, *, where: str) -> dict[str, Setting]:
    """Its name, driver and place, and the value of every known control that it has.

    Args:
        handle: the open device.
        where: names it in the log.
    """
    names = {"driver": "driver", "name": "card", "bus": "bus_info"}
    return read_each(
        {
            **{key: partial(_name, handle, field) for key, field in names.items()},
            **{key: partial(_of_config, handle, key) for key in CONTROLS},
            **{key: partial(_read_only, handle, control) for key, control in READ_ONLY.items()},
        },
        failures=(OSError,),
        where=where,
    )


def _name(handle: int, field: str) -> str:
    about = v4l2.Capability()
    v4l2.call(handle, v4l2.QUERY_CAPABILITY, about)
    text: bytes = getattr(about, field)
    return text.decode("utf-8", "replace")


def _of_config(handle: int, key: str) -> Setting | None:
    value = _value(handle, CONTROLS[key].number)
    if value is None:
        return None
    return "auto" if key == "power_line_hz" and value == _POWER_LINE_AUTO else in_unit_of(key, value)


def _read_only(handle: int, control: _ReadOnly) -> Setting | None:
    value = _value(handle, control.number)
    if value is None:
        return None
    if control.choices:
        return control.choices[value] if 0 <= value < len(control.choices) else value
    return bool(value) if control.is_switch else value


def _value(handle: int, number: int) -> int | None:
    """The driver's value of a control; None where it has none of this number.

    Raises:
        OSError: it has, but does not say.
    """
    found = v4l2.ControlValue(id=number)
    try:
        v4l2.call(handle, v4l2.GET_CONTROL, found)
    except OSError as problem:
        if problem.errno in (errno.EINVAL, errno.ENOTTY):
            return None
        raise
    return int(found.value)
