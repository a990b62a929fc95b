"""What is said of a first configuration when it is written: which camera and which bundle it names, and how to name others."""

from collections.abc import Sequence
from pathlib import Path

from tracker.bundle import USUAL_PLACE, Bundle
from tracker.bundle_verdict import quality
from tracker.cameras.found_camera import FoundCamera
from tracker.init.new_config import written_ns


def camera_remark(device: str | None, cameras: Sequence[FoundCamera]) -> str:
    """Which camera was written.

    Args:
        device: what the user named; None takes the first camera.
        cameras: those attached, the one that is taken first.
    """
    if device is not None:
        return f"camera: {device}"
    if not cameras:
        return (
            "no camera was found, so a synthetic one was written, which shows a drawn animal; --device names a device, a video file, "
            "a folder of images or an address (and --force replaces the file)"
        )
    first, *others = cameras
    named = f"{first.device} ({first.name})" if first.name else first.device
    if not others:
        return f"camera: {named}, the only one that was found"
    return f"camera: {named}, one of {len(cameras)} that were found; --camera takes another, `tracker cameras` lists them"


def bundle_remark(chosen: Path | None, found: Sequence[Bundle], *, folder: Path, records_only: bool) -> str:
    """Which bundle was written, and how good it is.

    Args:
        chosen: what the user named.
        found: that alone; else all below the folder of the configuration, the one that is taken first.
        folder: that of the configuration.
        records_only: there is to be none.
    """
    if records_only:
        return "no bundle: this rig films and records"
    if not found:
        return (
            f"no bundle was found below {folder.absolute()}, so {USUAL_PLACE} was written, where `trainer fit` puts one; "
            "--bundle names another, --no-engine does without"
        )
    place, known = found[0].folder, quality(found[0]).words
    if chosen is not None:
        return f"bundle: {chosen}: {known}"
    if len(found) == 1:
        return f"bundle: {place}, the only one that was found; --bundle names another: {known}"
    others = "another" if len(found) == 2 else f"{len(found) - 1} others"
    named = f"{others} can be named with --bundle: {_first([bundle.folder for bundle in found[1:]])}"
    newest = max(found, key=written_ns)
    if newest is found[0]:
        return f"bundle: {place}, the newest: {known}; {named}"
    return f"bundle: {place}: {known}; it is not the newest, which is {newest.folder}: {quality(newest).words}; {named}"


def _first(places: Sequence[Path], most: int = 3) -> str:
    return ", ".join(str(place) for place in places[:most]) + (", …" if len(places) > most else "")
