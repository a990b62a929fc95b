"""A first `tracker.yaml` from what is found on this machine: short, with a comment where a person will want to change something."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from tracker.bundle import DESCRIPTION_FILE, USUAL_PLACE, Bundle, read_bundle
from tracker.bundle_verdict import quality
from tracker.cameras.found_camera import FoundCamera
from tracker.errors import BundleError, ConfigError
from tracker.init.image_size import USUAL_SIZE, image_size

_DEEPEST_BUNDLE = 3  # folders below the configuration's own

_RECORDING = "capture:\n  pace: every_frame     # a video file waits for the tracker; a camera's stale frames are skipped: newest_frame\n"
_TEXT = """\
# Made by `tracker init`. Every key that is left out has a default: `tracker check --effective` prints them all.
name: {name}
camera:
{camera}
{pace}{engine}
{identity}
# Places that matter, in pixels of the camera's image (or in mm, with a calibration).
zones: []
#  - {{shape: circle, name: port, centre: {centre}, radius: {radius}}}
#  - {{shape: polygon, name: left_half, corners: {left_half}}}

{events}
# Sockets of this machine are used unless another address is written here; beyond this machine it needs keys (`tracker keys`).
# publisher:
#   bind: ["tcp://127.0.0.1:5571"]
"""
_EVENTS = """\
# What is to become an event; key points: {points}.
# A point below `confidence` counts as missing. The event then ends after `maximum_gap_ms` (`missing: end`) or `end_after_ms` (`hold`).
behaviour: []
#  - event: at_port
#    source: {{kind: zone, point: {point}, zone: port}}
#    rule: {{on: 0, off: -3, minimum_ms: 50, maximum_gap_ms: 50, confidence: 0.5, missing: end}}
#  - event: running
#    source: {{kind: speed, point: {point}}}
#    rule: {{on: 150, off: 100, minimum_ms: 100, maximum_gap_ms: 100, confidence: 0.5, missing: end}}
"""
_EVENTS_WITHOUT_POINTS = """\
# What is to become an event. Without a network: motion of the whole picture, and the brightness of a part of it.
behaviour: []
#  - event: moving
#    source: {{kind: motion}}
#    rule: {{on: 0.02, off: 0.01, minimum_ms: 100, maximum_gap_ms: 100}}
"""
_NO_ENGINE = f"""\
# No network yet: this rig films and records. Once `trainer fit` has written one, uncomment these two lines and start the tracker again.
# engine:
#   bundle: {USUAL_PLACE}
recording: {{}}         # where to, and how: docs/recording.md"""


def new_config(
    *, name: str, device: str | None, cameras: Sequence[FoundCamera], bundle: Bundle | None, folder: Path, records_only: bool = False
) -> str:
    """The text of a configuration.

    Args:
        name: of the camera.
        device: what the user named: a device, a video file, a folder of images, an address; None takes the first camera.
        cameras: those attached.
        bundle: to track with, or None where there is none yet.
        folder: that the configuration will lie in.
        records_only: there is no network, and none is looked for.

    Raises:
        ConfigError: the device is not there, or a video or folder of which no image can be read.
    """
    points = bundle.description.point_names if bundle else ("snout",)
    width, height = image_size(device, cameras)
    return _TEXT.format(
        name=name,
        centre=[width // 2, height // 2],
        radius=max(1, width // 16),
        left_half=[[0, 0], [width // 2, 0], [width // 2, height], [0, height]],
        camera=_indented(_named(device, folder) if device is not None else _found(cameras)),
        pace=_RECORDING if device is not None and (Path(device).is_file() or Path(device).is_dir()) else "",
        engine=_NO_ENGINE if records_only else "engine:\n" + _indented(_engine(bundle, folder)),
        identity="\nidentity: {}         # which animal is which from frame to frame: docs/identity.md\n" if _several(bundle) else "",
        events=(_EVENTS_WITHOUT_POINTS if records_only else _EVENTS).format(
            points=", ".join(points) if bundle else "those of the bundle", point=points[0]
        ),
    )


def chosen_first(cameras: Sequence[FoundCamera], wanted: str) -> list[FoundCamera]:
    """The cameras with the one that is meant in front.

    Args:
        cameras: those attached.
        wanted: the device of one, or a part of its device or name that no other has.

    Raises:
        ConfigError: none is meant, or several.
    """
    meant = [camera for camera in cameras if wanted == camera.device]
    meant = meant or [camera for camera in cameras if wanted.casefold() in f"{camera.device} {camera.name}".casefold()]
    if len(meant) != 1:
        these = ", ".join(f"{camera.device} ({camera.name})" for camera in meant or cameras) or "none"
        found = (
            f"fits {len(meant)} cameras: {these}; give one of these names in full" if meant else f"is not attached; attached are: {these}"
        )
        raise ConfigError(f"--camera {wanted}: {found}")
    return [*meant, *(camera for camera in cameras if camera is not meant[0])]


def find_bundles(folder: Path) -> list[Bundle]:
    """The whole bundles of key points in a folder and below it: the newest first, but last those that something is known against."""
    patterns = ["*/" * depth + DESCRIPTION_FILE for depth in range(_DEEPEST_BUNDLE + 1)]
    found = [path for pattern in patterns for path in folder.glob(pattern)]
    bundles = []
    for path in found:
        try:
            bundle = read_bundle(path.parent)
        except BundleError:
            continue
        if bundle.description.task == "keypoints":
            bundles.append(bundle)
    return sorted(bundles, key=lambda bundle: (quality(bundle).good, written_ns(bundle)), reverse=True)


def written_ns(bundle: Bundle) -> int:
    """When its folder got its description, by the file system's clock."""
    return (bundle.folder / DESCRIPTION_FILE).stat().st_mtime_ns


def _named(device: str, folder: Path) -> list[str]:
    path = Path(device)
    if "://" in device or device.isdigit():
        return ["source: opencv", f"device: {_scalar(int(device) if device.isdigit() else device)}"]
    if path.is_dir():
        return [
            "source: image_folder",
            f"folder: {_scalar(_from(folder, path))}",
            "rate_hz: 30           # null: as fast as it can be read",
        ]
    if not path.exists():
        raise ConfigError(f"--device {device}: no such file or device; give a device, a video, a folder of images or an address")
    video = ["loop_file: false      # true: again from its beginning, for ever"] if path.is_file() else []
    return ["source: opencv", f"device: {_scalar(_from(folder, path))}", *video]


def _found(cameras: Sequence[FoundCamera]) -> list[str]:
    if not cameras:
        return [
            "# No camera was found. This is a synthetic one; in its place name a device, a video file or an address:",
            "#   source: opencv",
            "#   device: /dev/video0",
            "source: synthetic",
        ]
    first, *others = cameras
    return [*_keys(first), *(f"# also found: source: {camera.source}, {camera.device} ({camera.name})" for camera in others)]


def _keys(camera: FoundCamera) -> list[str]:
    if camera.source in ("basler", "aravis"):
        width, height = camera.size or USUAL_SIZE
        return [
            f"source: {camera.source}",
            f"{'serial' if camera.source == 'basler' else 'device'}: {_scalar(camera.device)}   # {camera.name}",
            *_colour(camera),
            f"width: {width}",
            f"height: {height}",
            "exposure_us: 5000     # as long as the light needs, shorter than the time between two frames",
        ]
    return [
        "source: opencv",
        f"device: {_scalar(camera.device)}   # {camera.name or 'a V4L2 camera'}",
        "# width, height, rate_hz and fourcc (MJPG for high rates) are as the camera gives them, unless they are written here; so are",
        "# exposure_us, gain and other settings. `tracker cameras` lists what it offers",
    ]


def _colour(camera: FoundCamera) -> list[str]:
    """The pixel format, for a camera without the one that is the default."""
    if camera.source == "basler" or "Mono8" in camera.pixel_formats:
        return []
    known = [name for name in ("BayerBG8", "BayerGB8", "BayerGR8", "BayerRG8", "RGB8") if name in camera.pixel_formats]
    return [f"pixel_format: {name}" for name in known[:1]]


def _engine(bundle: Bundle | None, folder: Path) -> list[str]:
    if bundle is None:
        return [f"bundle: {USUAL_PLACE}   # not there yet: `trainer fit` makes one; to record until then, `tracker init --no-engine`"]
    precision = bundle.description.precision
    lines = [f"bundle: {_scalar(_from(folder, bundle.folder))}"]
    if precision == "int8":
        lines.append("precision: int8       # what the bundle's graph computes in")
    return [*lines, "# runtime: tensorrt    # with an NVIDIA GPU"]


def _several(bundle: Bundle | None) -> bool:
    return bundle is not None and bundle.description.output.shape[1] > 1


def _from(folder: Path, path: Path) -> str:
    """A path as it is written in a file of that folder: relative where it lies below, else absolute."""
    whole, base = path.absolute(), folder.absolute()
    return str(whole.relative_to(base)) if whole.is_relative_to(base) else str(whole)


def _indented(lines: Sequence[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)


def _scalar(value: str | int) -> str:
    return yaml.safe_dump(value, width=float("inf"), allow_unicode=True).removesuffix("\n").removesuffix("\n...")
