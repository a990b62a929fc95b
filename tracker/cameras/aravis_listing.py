"""Which GigE Vision and USB3 Vision cameras answer to Aravis, and what each allows. Importing this file needs Aravis."""

from collections.abc import Collection, Iterator
from typing import Any

from tracker.cameras.aravis_library import Aravis, Attached, GLib, attached, words
from tracker.cameras.found_camera import Allowed, FoundCamera


def aravis_cameras(but: Collection[str]) -> Iterator[FoundCamera]:
    """Those whose serial numbers are not in `but`; each is opened for a moment to ask it, which one in use answers too."""
    for camera in attached():
        if camera.serial not in but:
            yield _found(camera)


def _found(attached: Attached) -> FoundCamera:
    name = f"{attached.name}, {attached.address}" if attached.address else attached.name
    try:
        camera = Aravis.Camera.new(attached.device)
        in_use = "another program" if camera.is_gv_device() and not camera.get_device().is_controller() else None
        size = tuple(camera.get_sensor_size())
        return FoundCamera(
            source="aravis",
            device=attached.device,
            name=name,
            size=(int(size[0]), int(size[1])),
            pixel_formats=tuple(camera.dup_available_pixel_formats_as_strings()),
            allowed=tuple(_allowed(camera)),
            in_use=in_use,
        )
    except GLib.Error as problem:
        return FoundCamera(source="aravis", device=attached.device, name=name, problem=words(problem))


def _allowed(camera: Any) -> Iterator[Allowed]:
    for key, available, bounds, now in (
        ("exposure_us", camera.is_exposure_time_available, camera.get_exposure_time_bounds, camera.get_exposure_time),
        ("gain", camera.is_gain_available, camera.get_gain_bounds, camera.get_gain),
        ("rate_hz", camera.is_frame_rate_available, camera.get_frame_rate_bounds, camera.get_frame_rate),
    ):
        if available():
            low, high = bounds()
            yield Allowed(key=key, low=float(low), high=float(high), now=float(now()))
