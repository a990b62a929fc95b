"""`tracker.yaml` as frozen typed values. The only reader of that file; no default hides here: every key must be written."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tracker.errors import ConfigError
from tracker.yaml_file import read_yaml

SCHEMA = 1

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
Side = Annotated[int, Meta(ge=8, le=16384)]
Rate = Annotated[float, Meta(gt=0, le=100_000)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Milliseconds = Annotated[float, Meta(ge=0, le=3_600_000)]
XY = tuple[float, float]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping in the file whose keys are all required and all known."""


class Fault(Section, frozen=True, kw_only=True):
    """Something the synthetic camera is told to do wrong.

    `drop` skips a frame number; `stall` delivers nothing for `seconds`; `vanish` makes the device unopenable for
    `seconds`; `resize` delivers another image size for `seconds`; `corrupt` damages one frame.
    """

    fault: Literal["drop", "stall", "vanish", "resize", "corrupt"]
    at_frame: Annotated[int, Meta(ge=0)]
    seconds: NotNegative


class SyntheticCamera(Section, frozen=True, kw_only=True, tag_field="source", tag="synthetic"):
    """A seeded rendered scene whose exact truth is known for every frame number."""

    scene: Literal["rodent", "rectangles"]
    seed: Annotated[int, Meta(ge=0)]
    width: Side
    height: Side
    rate_hz: Rate
    frames: Count | None  # null: endless
    rectangles: Annotated[int, Meta(ge=1, le=5)]  # how many, for the scene of that name
    faults: tuple[Fault, ...]


class OpenCVCamera(Section, frozen=True, kw_only=True, tag_field="source", tag="opencv"):
    """A UVC device by index or path, a video file, or a stream address."""

    device: int | str
    width: Side | None  # null: as the device or file gives it; a number is set, read back and compared
    height: Side | None
    rate_hz: Rate | None
    fourcc: Annotated[str, Meta(pattern=r"^.{4}$")] | None  # "MJPG", "YUYV", ...
    file_speed: Literal["recorded", "flat_out"]  # for a video file
    loop_file: bool


class BaslerCamera(Section, frozen=True, kw_only=True, tag_field="source", tag="basler"):
    """A Basler camera through pylon; every setting is set, read back and compared."""

    serial: str | None  # null: the only camera attached
    width: Side
    height: Side
    offset_x: Annotated[int, Meta(ge=0)]
    offset_y: Annotated[int, Meta(ge=0)]
    pixel_format: Literal["Mono8", "RGB8"]
    exposure_us: Positive
    gain: NotNegative | None  # null: left as it is, for a camera without that node
    rate_hz: Rate | None  # null: as fast as the exposure allows, or as triggered
    trigger_line: str | None  # "Line1": one frame for each rising edge


class ImageFolder(Section, frozen=True, kw_only=True, tag_field="source", tag="image_folder"):
    """A folder of numbered images, read in numeric order."""

    folder: str
    rate_hz: Rate | None  # null: flat out
    loop_folder: bool


CameraSource = SyntheticCamera | OpenCVCamera | BaslerCamera | ImageFolder


class Capture(Section, frozen=True, kw_only=True):
    """How frames are handed to the loop, and when a camera counts as lost."""

    pace: Literal["newest_frame", "every_frame"]
    queue_frames: Annotated[int, Meta(ge=1, le=10_000)]  # for every_frame: how far the loop may fall behind
    stalled_after_s: Positive
    reopen_first_s: Positive
    reopen_longest_s: Positive


class EngineConfig(Section, frozen=True, kw_only=True):
    """Which bundle runs on what."""

    bundle: str
    runtime: Literal["openvino", "tensorrt"]
    precision: Literal["fp32", "bf16", "fp16", "int8"]
    threads: Annotated[int, Meta(ge=1, le=64)]  # CPU only
    gpu: Annotated[int, Meta(ge=0, le=63)]  # device number, GPU only
    budget_ms: Positive  # slower frames are counted and published
    keep_warm_ms: Annotated[float, Meta(ge=0.2, le=1000)] | None  # GPU only: touch it this often while no frame comes; null: never


class Polygon(Section, frozen=True, kw_only=True, tag_field="shape", tag="polygon"):
    """A closed polygon; its last corner joins its first."""

    name: Name
    unit: Literal["px", "mm"]
    corners: Annotated[tuple[XY, ...], Meta(min_length=3)]


class Circle(Section, frozen=True, kw_only=True, tag_field="shape", tag="circle"):
    """A circle."""

    name: Name
    unit: Literal["px", "mm"]
    centre: XY
    radius: Positive


Zone = Polygon | Circle


class ZoneSource(Section, frozen=True, kw_only=True, tag_field="kind", tag="zone"):
    """Depth of a key point inside a zone: signed distance to its edge, positive inside, in the zone's unit."""

    point: str
    zone: Name


class SpeedSource(Section, frozen=True, kw_only=True, tag_field="kind", tag="speed"):
    """Speed of a key point over a trailing window, in px/s or mm/s."""

    point: str
    unit: Literal["px", "mm"]
    window_ms: Milliseconds


class DistanceSource(Section, frozen=True, kw_only=True, tag_field="kind", tag="distance"):
    """Distance between two key points of one animal, in px or mm."""

    point: str
    other_point: str
    unit: Literal["px", "mm"]


class MotionSource(Section, frozen=True, kw_only=True, tag_field="kind", tag="motion"):
    """Mean absolute frame difference of the pair just completed, 0..1."""


Source = ZoneSource | SpeedSource | DistanceSource | MotionSource


class Rule(Section, frozen=True, kw_only=True):
    """When a value becomes an event: hysteresis, then duration and gap, then refractory time. Causal."""

    when: Literal["above", "below"]
    on: float  # crossing this starts a bout
    off: float  # crossing this back ends it; on the other side of `on`, or equal to it
    minimum_ms: Milliseconds  # a bout shorter than this is never announced
    maximum_gap_ms: Milliseconds  # an interruption no longer than this does not end a bout
    refractory_ms: Milliseconds  # no new onset for this long after a bout ended
    confidence: Fraction  # a key point below this counts as missing
    missing: Literal["hold", "end"]  # while the value is missing: keep the state, or treat it as not crossing
    end_after_ms: Milliseconds | None = None
    """How long frames, or the value under `missing: hold`, may stay away before an open event is ended; None: the longer of 200 ms
    and three frame intervals."""


class EventConfig(Section, frozen=True, kw_only=True):
    """One named event."""

    event: Name
    source: Source
    rule: Rule


class IdentityConfig(Section, frozen=True, kw_only=True):
    """How the animals of one frame are known again in the next; for a bundle that finds several."""

    max_speed_px_s: Positive  # an animal farther from where it should be than this allows, since it was last seen, is another one
    slack_px: NotNegative  # allowed besides, whatever the time: how much a pose jitters
    velocity_ms: Milliseconds  # memory of the velocity an animal is expected to go on with, and for how long it is
    confirm_ms: Milliseconds  # a new animal is published once it has been seen for this long
    forget_ms: Milliseconds  # an animal not seen for this long gives its number free
    confidence: Annotated[float, Meta(gt=0, le=1)]  # points below are not compared; an animal without any is not there


class PublisherConfig(Section, frozen=True, kw_only=True):
    """Where the stream is offered."""

    bind: Annotated[tuple[str, ...], Meta(min_length=1)]
    high_water_mark: Annotated[int, Meta(ge=1, le=1_000_000)]  # messages kept for a slow subscriber before it loses some
    curve_keys: str | None  # folder made by `tracker keys`; required beyond ipc:// and loopback
    alive_ms: Annotated[float, Meta(ge=10, le=10_000)] = 100  # interval of the heartbeat


class ControlConfig(Section, frozen=True, kw_only=True):
    """Where commands are taken."""

    bind: str


class ViewerConfig(Section, frozen=True, kw_only=True):
    """Pictures for people; made only while somebody looks."""

    rate_hz: Rate
    jpeg_quality: Annotated[int, Meta(ge=1, le=100)]
    confidence: Fraction  # points below are not drawn
    trail_s: NotNegative


class HealthConfig(Section, frozen=True, kw_only=True):
    """How long the service manager waits."""

    camera_lost_s: Positive  # the watchdog while a camera is away; the unit's WatchdogSec holds otherwise


class Config(Section, frozen=True, kw_only=True):
    """The whole of `tracker.yaml`."""

    schema: Literal[1]
    name: Name  # of the camera, as it stands in every topic
    camera: CameraSource
    capture: Capture
    engine: EngineConfig
    identity: IdentityConfig | None = None  # the one section that may be left out: one animal needs none
    calibration: str | None
    zones: tuple[Zone, ...]
    behaviour: tuple[EventConfig, ...]
    publisher: PublisherConfig
    control: ControlConfig
    viewer: ViewerConfig
    health: HealthConfig


def load_config(path: Path) -> Config:
    """Read and check `tracker.yaml`. Relative paths in it are taken from the folder that holds it.

    Raises:
        ConfigError: one sentence with file, line, key, value and what was expected.
    """
    config = read_yaml(path, kind=Config, error=ConfigError)
    _check_names(config, path)
    for item in config.behaviour:
        _check_rule(item, config, path)
    return _from_folder(config, path.resolve().parent)


def _check_names(config: Config, path: Path) -> None:
    for what, names in (("zone", [zone.name for zone in config.zones]), ("event", [item.event for item in config.behaviour])):
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"{path}: {what} name '{name}' is used {names.count(name)} times; give each {what} its own name")


def _check_rule(item: EventConfig, config: Config, path: Path) -> None:
    rule = item.rule
    if (rule.off > rule.on) if rule.when == "above" else (rule.off < rule.on):
        side = "at most" if rule.when == "above" else "at least"
        raise ConfigError(
            f"{path}: behaviour '{item.event}': rule.off is {rule.off}; expected {side} rule.on ({rule.on}) when '{rule.when}'"
        )
    if isinstance(item.source, ZoneSource) and item.source.zone not in {zone.name for zone in config.zones}:
        raise ConfigError(f"{path}: behaviour '{item.event}': zone '{item.source.zone}' is not in zones; add it or correct the name")


def _from_folder(config: Config, folder: Path) -> Config:
    """Resolve the paths that are files of this machine; addresses and device paths stay as they are."""

    def located(text: str) -> str:
        return str(folder / text)

    camera = config.camera
    if isinstance(camera, ImageFolder):
        camera = msgspec.structs.replace(camera, folder=located(camera.folder))
    elif isinstance(camera, OpenCVCamera) and isinstance(camera.device, str) and "://" not in camera.device:
        camera = msgspec.structs.replace(camera, device=located(camera.device))
    keys = config.publisher.curve_keys
    return msgspec.structs.replace(
        config,
        camera=camera,
        engine=msgspec.structs.replace(config.engine, bundle=located(config.engine.bundle)),
        calibration=located(config.calibration) if config.calibration else None,
        publisher=msgspec.structs.replace(config.publisher, curve_keys=located(keys) if keys else None),
    )
