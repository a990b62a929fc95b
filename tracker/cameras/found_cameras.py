"""Which cameras are attached, and what each offers: V4L2 devices, and Basler and GenICam cameras where their libraries are."""

import errno
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from tracker.cameras.device_node import open_node, users_of
from tracker.cameras.found_camera import FoundCamera
from tracker.cameras.v4l2_controls import allowed_controls
from tracker.cameras.v4l2_listing import capture_name, offered_modes
from tracker.errors import CameraError, MissingLibraryError


def found_cameras(dev: Path = Path("/dev")) -> list[FoundCamera]:
    """All of them: machine-vision cameras first, webcams by a path that stays the same after a reboot where there is one."""
    basler = list(_basler())
    return [*basler, *_aravis(but={camera.device for camera in basler}), *_v4l2(dev)]


def not_looked_for() -> list[str]:
    """What cannot be found here because its library is missing, one sentence each."""
    sentences = []
    try:
        import tracker.cameras.basler_listing
    except MissingLibraryError as problem:
        sentences.append(f"Basler cameras were not looked for: {problem.missing}")
    try:
        import tracker.cameras.aravis_listing  # noqa: F401
    except MissingLibraryError as problem:
        sentences.append(f"GigE Vision and USB3 Vision cameras were not looked for: {problem.missing}")
    return sentences


def _v4l2(dev: Path) -> Iterator[FoundCamera]:
    lasting = {link.resolve(): link for folder in ("by-path", "by-id") for link in sorted((dev / "v4l" / folder).glob("*"))}
    nodes = [node for node in dev.glob("video*") if node.name.removeprefix("video").isdigit()]
    for node in sorted(nodes, key=lambda node: int(node.name.removeprefix("video"))):
        camera = _device(node, str(lasting.get(node.resolve(), node)))
        if camera is not None:
            yield camera


def _device(node: Path, device: str) -> FoundCamera | None:
    in_use = ", ".join(users_of(node)) or None
    try:
        handle = open_node(node)
    except CameraError as problem:
        if not _is_camera(node):
            return None
        return FoundCamera(source="opencv", device=device, name="a camera", in_use=in_use, problem=str(problem))
    try:
        name = capture_name(handle)
        if name is None:
            return None
        modes, allowed = tuple(offered_modes(handle)), tuple(allowed_controls(handle))
        return FoundCamera(source="opencv", device=device, name=name, modes=modes, allowed=allowed, in_use=in_use)
    finally:
        os.close(handle)


def _is_camera(node: Path) -> bool:
    """Whether a node that cannot be opened is worth telling: the first of its device, and there."""
    try:
        os.close(os.open(node, os.O_RDWR | os.O_NONBLOCK))
    except OSError as problem:
        first = Path("/sys/class/video4linux") / node.name / "index"
        return problem.errno in (errno.EACCES, errno.EPERM, errno.EBUSY) and (not first.exists() or first.read_text().strip() == "0")
    return False


def _basler() -> Iterator[FoundCamera]:
    try:
        from tracker.cameras.basler_listing import basler_cameras
    except CameraError:
        return
    yield from basler_cameras()


def _aravis(but: Collection[str]) -> Iterator[FoundCamera]:
    """Those that Aravis finds, except for those whose serial numbers pylon found already."""
    try:
        from tracker.cameras.aravis_listing import aravis_cameras
    except CameraError:
        return
    yield from aravis_cameras(but)
