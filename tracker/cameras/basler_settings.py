"""Settings into a GenICam camera: set, read back, compare, refuse. Names differ between generations; the tables know both."""

from functools import partial
from typing import Any

from pypylon import genicam  # type: ignore[import-untyped]

from tracker.cameras.genicam_features import FEATURES, Names
from tracker.cameras.read_back import Setting, read_each
from tracker.config_cameras import BaslerCamera
from tracker.errors import CameraError

EXPOSURE: Names = ("ExposureTime", "ExposureTimeAbs")
GAIN: Names = ("Gain", "GainRaw")
RATE: Names = ("AcquisitionFrameRate", "AcquisitionFrameRateAbs")
RESULTING_RATE: Names = ("ResultingFrameRate", "ResultingFrameRateAbs", "BslResultingAcquisitionFrameRate")
PIXEL_FORMATS: dict[str, Names] = {"Mono8": ("Mono8",), "RGB8": ("RGB8", "RGB8Packed")}
TOLERANCE = 0.01  # of what was asked: a sensor's steps of time and gain are coarser than the node's increment


def apply_settings(nodes: Any, settings: BaslerCamera, *, where: str) -> None:
    """Write every setting and read it back.

    Args:
        nodes: the open camera's node map.
        settings: null leaves gain as it is, and the rate to the exposure or the trigger.
        where: names the camera in messages.

    Raises:
        CameraError: a node is missing, or the camera does not do as asked; with asked, got and the allowed range.
    """
    switch(nodes, ("AcquisitionMode",), "Continuous", where=where)
    _set_format(nodes, settings.pixel_format, where=where)
    for name in ("OffsetX", "OffsetY"):  # they limit the size, so they are out of the way first
        if genicam.IsWritable(nodes.GetNode(name)):
            nodes.GetNode(name).Value = 0
    set_number(nodes, ("Width",), settings.width, key="camera.width", where=where)
    set_number(nodes, ("Height",), settings.height, key="camera.height", where=where)
    _set_offset(nodes, "OffsetX", settings.offset_x, key="camera.offset_x", where=where)
    _set_offset(nodes, "OffsetY", settings.offset_y, key="camera.offset_y", where=where)
    _set_trigger(nodes, settings.trigger_line, where=where)
    switch(nodes, ("ExposureMode",), "Timed", where=where)
    switch(nodes, ("ExposureAuto",), "Off", where=where)
    set_number(nodes, EXPOSURE, settings.exposure_us, key="camera.exposure_us", where=where)
    if settings.gain is not None:
        switch(nodes, ("GainAuto",), "Off", where=where)
        set_number(nodes, GAIN, settings.gain, key="camera.gain", where=where)
    _set_rate(nodes, settings, where=where)


def first_node(nodes: Any, names: Names) -> Any | None:
    """Give the first of these nodes that the camera has and that can be read."""
    for name in names:
        node = nodes.GetNode(name)
        if node is not None and genicam.IsReadable(node):
            return node
    return None


def resulting_rate_hz(nodes: Any) -> float | None:
    """The rate that exposure, transfer and settings together allow, where the camera says it."""
    node = first_node(nodes, RESULTING_RATE)
    return None if node is None else float(node.Value)


def read_features(nodes: Any, *, where: str) -> dict[str, Setting]:
    """Whatever of FEATURES the camera has and says.

    Args:
        nodes: the open camera's node map.
        where: names it in the log.
    """
    questions = {key: partial(_feature, nodes, names) for key, names in FEATURES.items()}
    return read_each(questions, failures=(genicam.GenericException,), where=where)


def _feature(nodes: Any, names: Names) -> Setting | None:
    node = first_node(nodes, names)
    value: Setting | None = None if node is None else node.Value
    return value


def set_number(nodes: Any, names: Names, asked: float, *, key: str, where: str) -> None:
    """Set a number within its range, read it back and compare it within the node's increment or TOLERANCE."""
    node = first_node(nodes, names)
    if node is None or not genicam.IsWritable(node):
        raise CameraError(f"{where}: {key} is {asked:.8g}, but this camera cannot set {names[0]}; remove that setting or use null")
    whole = isinstance(node.Value, int)
    allowed = f"{'whole numbers ' if whole else ''}{node.Min:.8g}..{node.Max:.8g}" + (
        f" in steps of {node.Inc:g}" if _has_step(node) else ""
    )
    if not node.Min <= asked <= node.Max or (whole and asked != int(asked)):
        raise CameraError(f"{where}: {key} is {asked:.8g}; this camera allows {allowed}")
    try:
        node.Value = int(asked) if whole else float(asked)
    except genicam.GenericException:
        raise CameraError(f"{where}: {key} is {asked:.8g}, which the camera refuses; it allows {allowed}") from None
    got = node.Value
    tolerance = 0.0 if whole else max(float(node.Inc) if _has_step(node) else 0.0, TOLERANCE * asked)
    if abs(got - asked) > tolerance:
        raise CameraError(f"{where}: {key} is {asked:.8g}, the camera made it {got:.8g}; write what it can do, within {allowed}")


def switch(nodes: Any, names: Names, asked: str, *, where: str) -> None:
    """Set a choice that a simpler camera may lack, and read it back."""
    node = first_node(nodes, names)
    if node is None or node.Value == asked:
        return
    try:
        node.Value = asked
    except genicam.GenericException:
        raise CameraError(f"{where}: {names[0]} cannot be set to {asked}; allowed are {', '.join(node.Symbolics)}") from None
    if node.Value != asked:
        raise CameraError(f"{where}: {names[0]} was set to {asked}, but the camera reports {node.Value}; load its default user set")


def _set_format(nodes: Any, asked: str, *, where: str) -> None:
    node = nodes.GetNode("PixelFormat")
    offered = node.Symbolics
    for name in PIXEL_FORMATS[asked]:
        if name in offered:
            switch(nodes, ("PixelFormat",), name, where=where)
            return
    raise CameraError(f"{where}: camera.pixel_format is {asked}; this camera offers {', '.join(offered)}")


def _set_offset(nodes: Any, name: str, asked: int, *, key: str, where: str) -> None:
    if asked or genicam.IsWritable(nodes.GetNode(name)):  # read-only at full size on some models, and 0 then
        set_number(nodes, (name,), asked, key=key, where=where)


def _set_trigger(nodes: Any, line: str | None, *, where: str) -> None:
    """Switch every trigger off, since the last program may have left one on; then the frame trigger on, if asked."""
    selector = first_node(nodes, ("TriggerSelector",))
    if selector is not None:
        for kind in selector.Symbolics:
            selector.Value = kind
            switch(nodes, ("TriggerMode",), "Off", where=where)
    if line is None:
        return
    source = first_node(nodes, ("TriggerSource",))
    if selector is None or source is None:
        raise CameraError(f"{where}: camera.trigger_line is {line}, but this camera has no trigger; use null")
    switch(nodes, ("TriggerSelector",), "FrameStart", where=where)
    if line not in source.Symbolics:
        raise CameraError(f"{where}: camera.trigger_line is {line}; this camera offers {', '.join(source.Symbolics)}")
    switch(nodes, ("TriggerSource",), line, where=where)
    switch(nodes, ("TriggerActivation",), "RisingEdge", where=where)
    switch(nodes, ("TriggerMode",), "On", where=where)


def _set_rate(nodes: Any, settings: BaslerCamera, *, where: str) -> None:
    """Limit the rate; then see whether exposure and transfer let the camera reach it."""
    enable = first_node(nodes, ("AcquisitionFrameRateEnable",))
    if enable is not None:
        enable.Value = settings.rate_hz is not None
    asked = settings.rate_hz
    if asked is None:
        return
    set_number(nodes, RATE, asked, key="camera.rate_hz", where=where)
    got = resulting_rate_hz(nodes)
    if got is not None and got < asked * (1 - TOLERANCE):
        raise CameraError(
            f"{where} runs at {got:.4g} Hz, asked for {asked:.4g}; "
            f"shorten camera.exposure_us (now {settings.exposure_us:g}), make the picture smaller or lower camera.rate_hz"
        )


def _has_step(node: Any) -> bool:
    if isinstance(node.Value, int):
        return True
    return bool(node.HasInc())
