"""Settings into a camera through Aravis, which knows what each maker calls them: set, read back, compare, refuse."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from tracker.cameras.aravis_library import Aravis, GLib, words
from tracker.cameras.genicam_features import FEATURES, Names
from tracker.cameras.read_back import Setting, read_each
from tracker.config_cameras import AravisCamera
from tracker.errors import CameraError

TOLERANCE = 0.01  # of what was asked: a sensor's steps of time and gain are coarser than the camera says
# What exposure, transfer and settings together allow, as makers call it; many do not say it.
RESULTING_RATES = ("ResultingFrameRate", "ResultingFrameRateAbs", "AcquisitionResultingFrameRate", "BslResultingAcquisitionFrameRate")
PIXEL_FORMATS = {"RGB8": ("RGB8", "RGB8Packed")}  # others have one name


def apply_settings(camera: Any, settings: AravisCamera, *, where: str) -> None:
    """Write every setting and read it back.

    Args:
        camera: an open Aravis.Camera of which this process has control.
        settings: null leaves gain as it is, and the rate to the exposure or the trigger.
        where: names the camera in messages.

    Raises:
        CameraError: the camera lacks a setting or does not do as asked; with asked, got and what it allows.
        GLib.Error: it does not answer.
    """
    if camera.is_feature_available("TriggerSelector"):
        camera.clear_triggers()  # the last program may have left one on
    camera.set_acquisition_mode(Aravis.AcquisitionMode.CONTINUOUS)
    if camera.are_chunks_available():
        with suppress(GLib.Error):  # where they stay on, they follow the picture and are not read
            camera.set_chunk_mode(False)  # number and time stamp are in every frame's leader
    if camera.is_feature_available("AcquisitionFrameRateEnable"):
        camera.set_boolean("AcquisitionFrameRateEnable", False)  # the rate of the last program may limit the exposure
    _set_format(camera, settings.pixel_format, where=where)
    _set_region(camera, settings, where=where)
    _set_exposure(camera, settings.exposure_us, where=where)
    if settings.gain is not None:
        _set_gain(camera, settings.gain, where=where)
    _set_rate(camera, settings.rate_hz, where=where)
    if settings.trigger_line is not None:
        _set_trigger(camera, settings.trigger_line, where=where)


def read_features(camera: Any, *, where: str) -> dict[str, Setting]:
    """Whatever of FEATURES the camera has and says.

    Args:
        camera: an open Aravis.Camera.
        where: names it in the log.
    """
    device = camera.get_device()
    return read_each({key: partial(_feature, device, names) for key, names in FEATURES.items()}, failures=(GLib.Error,), where=where)


def _feature(device: Any, names: Names) -> Setting | None:
    """The value of the first of these that the device has."""
    for name in names:
        node = device.get_feature(name)
        if node is None or not device.is_feature_available(name):
            continue
        if isinstance(node, Aravis.GcEnumeration):  # is a number and a text too
            return str(node.get_string_value())
        if isinstance(node, Aravis.GcBoolean | Aravis.GcFloat | Aravis.GcInteger | Aravis.GcString):
            value: Setting = node.get_value()
            return value
    return None


def _set_format(camera: Any, asked: str, *, where: str) -> None:
    offered = camera.dup_available_pixel_formats_as_strings()
    name = next((name for name in PIXEL_FORMATS.get(asked, (asked,)) if name in offered), None)
    if name is None:
        raise CameraError(f"{where}: camera.pixel_format is {asked}; this camera offers {', '.join(offered)}")
    camera.set_pixel_format_from_string(name)
    got = camera.get_pixel_format_as_string()
    if got != name:
        raise CameraError(f"{where}: camera.pixel_format is {asked}, but the camera stays at {got}")


def _set_region(camera: Any, settings: AravisCamera, *, where: str) -> None:
    movable = camera.is_region_offset_available()
    if movable:
        with suppress(GLib.Error):  # read-only at full size on some models, and 0 then
            camera.set_region(0, 0, -1, -1)  # offsets limit the size, so they are out of the way first
    for key, asked, bounds, step in (
        ("width", settings.width, camera.get_width_bounds(), camera.get_width_increment()),
        ("height", settings.height, camera.get_height_bounds(), camera.get_height_increment()),
    ):
        _refuse_side(key, asked, tuple(bounds), step, where=where)
    camera.set_region(-1, -1, settings.width, settings.height)
    if settings.offset_x or settings.offset_y:
        for key, asked, bounds, step in (
            ("offset_x", settings.offset_x, camera.get_x_offset_bounds(), camera.get_x_offset_increment()),
            ("offset_y", settings.offset_y, camera.get_y_offset_bounds(), camera.get_y_offset_increment()),
        ):
            _refuse_side(key, asked, tuple(bounds) if movable else (0, 0), step, where=where)
        camera.set_region(settings.offset_x, settings.offset_y, -1, -1)
    x, y, width, height = camera.get_region()
    asked_for = (settings.offset_x, settings.offset_y, settings.width, settings.height)
    if (x, y, width, height) != asked_for:
        raise CameraError(
            f"{where}: the region became {width}x{height} at {x},{y}, asked for {settings.width}x{settings.height} at "
            f"{settings.offset_x},{settings.offset_y}; write a size and offsets that this camera can do"
        )


def _refuse_side(key: str, asked: int, bounds: tuple[int, ...], step: int, *, where: str) -> None:
    low, high = bounds
    if not low <= asked <= high or (asked - low) % max(1, step):
        raise CameraError(f"{where}: camera.{key} is {asked}; this camera allows {low}..{high} in steps of {max(1, step)}")


def _set_exposure(camera: Any, asked: float, *, where: str) -> None:
    if not camera.is_exposure_time_available():
        raise CameraError(f"{where}: camera.exposure_us is {asked:.8g}, but this camera cannot set its exposure; use another one")
    with suppress(GLib.Error):
        camera.set_exposure_mode(Aravis.ExposureMode.TIMED)  # simple cameras have no other
    if camera.is_exposure_auto_available():
        camera.set_exposure_time_auto(Aravis.Auto.OFF)
    bounds = tuple(camera.get_exposure_time_bounds())
    _set_number("exposure_us", asked, bounds, camera.set_exposure_time, camera.get_exposure_time, where=where)


def _set_gain(camera: Any, asked: float, *, where: str) -> None:
    if not camera.is_gain_available():
        raise CameraError(f"{where}: camera.gain is {asked:.8g}, but this camera cannot set its gain; remove that setting or use null")
    if camera.is_gain_auto_available():
        camera.set_gain_auto(Aravis.Auto.OFF)
    _set_number("gain", asked, tuple(camera.get_gain_bounds()), camera.set_gain, camera.get_gain, where=where)


def _set_rate(camera: Any, asked: float | None, *, where: str) -> None:
    if asked is None:
        return
    if not camera.is_frame_rate_available():
        raise CameraError(f"{where}: camera.rate_hz is {asked:.8g}, but this camera cannot set its rate; remove that setting or use null")
    bounds = tuple(camera.get_frame_rate_bounds())
    _set_number("rate_hz", asked, bounds, camera.set_frame_rate, camera.get_frame_rate, where=where)
    for name in RESULTING_RATES:
        got = camera.get_float(name) if camera.is_feature_available(name) else asked
        if got < asked * (1 - TOLERANCE):
            raise CameraError(
                f"{where}: runs at {got:.4g} Hz, asked for {asked:.4g}; shorten camera.exposure_us, make the picture smaller or "
                "lower camera.rate_hz"
            )


def _set_trigger(camera: Any, line: str, *, where: str) -> None:
    try:
        offered = list(camera.dup_available_trigger_sources())
    except GLib.Error:
        offered = []
    if not offered:
        raise CameraError(f"{where}: camera.trigger_line is {line}, but this camera has no trigger; use null")
    if line not in offered:
        raise CameraError(f"{where}: camera.trigger_line is {line}; this camera offers {', '.join(offered)}")
    camera.set_trigger(line)
    got = (camera.get_trigger_source(), camera.get_string("TriggerMode"))
    if got != (line, "On"):
        raise CameraError(f"{where}: camera.trigger_line is {line}, but the camera stays at source {got[0]} with the trigger {got[1]}")


def _set_number(
    key: str, asked: float, bounds: tuple[float, ...], put: Callable[[float], None], get: Callable[[], float], *, where: str
) -> None:
    """Set a number within its range, read it back and compare it within TOLERANCE."""
    low, high = bounds
    allowed = f"{low:.8g}..{high:.8g}"
    if not low <= asked <= high:
        raise CameraError(f"{where}: camera.{key} is {asked:.8g}; this camera allows {allowed}")
    try:
        put(asked)
    except GLib.Error as problem:
        raise CameraError(
            f"{where}: camera.{key} is {asked:.8g}, which the camera refuses ({words(problem)}); it allows {allowed}"
        ) from None
    got = get()
    if abs(got - asked) > TOLERANCE * asked:
        raise CameraError(f"{where}: camera.{key} is {asked:.8g}, the camera made it {got:.8g}; write what it can do, within {allowed}")
