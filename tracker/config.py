"""`tracker.yaml` as frozen typed values. The only reader of that file, and the only place where defaults stand."""

import logging
import os
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from tracker.config_cameras import CameraSource, CaptureConfig, ImageFolder, OpenCVCamera, SyntheticCamera
from tracker.config_rules import ClassifierConfig, ClassSource, EventConfig, Preselection, TrialWindow, Zone, ZoneSource
from tracker.config_values import Blocks, Length, Level8, Milliseconds, Name, Offset, Rate, Seconds, Section, Text
from tracker.errors import ConfigError
from tracker.parsing.value_fault import Place, dotted, meant
from tracker.parsing.yaml_file import YamlFile, open_yaml, typed
from tracker.runtime_folder import runtime_folder

logger = logging.getLogger(__name__)


class EngineConfig(Section, frozen=True, kw_only=True):
    """Which bundle finds key points, and on what it runs."""

    bundle: Text | None = None  # null: no key points; classifiers that take images then run alone, and without them there is no engine
    runtime: Literal["openvino", "tensorrt"] = "openvino"
    precision: Literal["fp32", "bf16", "fp16", "int8"] = "fp32"
    threads: Annotated[int, Meta(ge=1, le=64)] = 2  # CPU only
    gpu: Annotated[int, Meta(ge=0, le=63)] = 0  # device number, GPU only
    budget_ms: Annotated[float, Meta(gt=0, le=60_000)] = 10  # slower frames are counted and published; classifiers' time with no bundle
    keep_warm_ms: Annotated[float, Meta(ge=0.2, le=1000)] | None = None  # GPU only: touch it this often while no frame comes


class IdentityConfig(Section, frozen=True, kw_only=True):
    """How the animals of one frame are known again in the next; for a bundle that finds several."""

    max_speed_px_s: Length = 1000  # an animal farther from where it should be than this allows, since it was last seen, is another one
    slack_px: Annotated[float, Meta(ge=0, le=1_000_000)] = 15  # allowed besides, whatever the time: how much a pose jitters
    velocity_ms: Milliseconds = 100  # memory of the velocity an animal is expected to go on with, and for how long it is
    confirm_ms: Milliseconds = 80  # a new animal is published once it has been seen for this long
    forget_ms: Milliseconds = 2000  # an animal not seen for this long gives its number free
    confidence: Annotated[float, Meta(gt=0, le=1)] = 0.1  # points below are not compared; an animal without any is not there


class MotionConfig(Section, frozen=True, kw_only=True):
    """How the frame difference is computed that every pose carries and that sources of kind motion judge."""

    size: tuple[Blocks, Blocks] | None = None  # blocks across and down; None: every pixel by itself


class PublisherConfig(Section, frozen=True, kw_only=True):
    """Where the stream is offered."""

    bind: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=64)] = ("ipc://{runtime}/{name}.stream",)
    high_water_mark: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000  # messages kept for a slow subscriber before it loses some
    curve_keys: Text | None = None  # folder made by `tracker keys`; required beyond ipc:// and loopback
    alive_ms: Annotated[float, Meta(ge=10, le=10_000)] = 100  # interval of the heartbeat


class LabelConfig(Section, frozen=True, kw_only=True):
    """The label on the picture: the likeliest class of every classifier."""

    place: Literal["top_left", "top_right", "bottom_left", "bottom_right", "none"] | tuple[Offset, Offset] | None = None
    """A corner, or [x, y] of its left foot in source pixels; None: at the bottom left where there are no key points, else nowhere."""
    scale: Annotated[float, Meta(gt=0, le=50)] = 2.0  # of the letters; 1 is about those of the status lines
    colour: tuple[Level8, Level8, Level8] = (255, 255, 100)  # RGB
    thickness: Annotated[float, Meta(gt=0, le=50)] = 2.0  # of the strokes, px in a picture of 480 rows


class ScoreBarsConfig(Section, frozen=True, kw_only=True):
    """A bar for each score."""

    place: Literal["panel", "top_left", "top_right", "bottom_left", "bottom_right", "none"] | tuple[Offset, Offset] = "panel"
    """Beside the picture, in a corner of it, or [x, y] of their left top in source pixels."""
    scale: Annotated[float, Meta(gt=0, le=50)] = 1.0  # on the picture
    colour: tuple[Level8, Level8, Level8] = (40, 110, 150)  # of the bars, RGB
    thickness: Annotated[int, Meta(ge=1, le=20)] = 1  # of the letters, on the picture


class OverlayConfig(Section, frozen=True, kw_only=True):
    """How what classifiers say is drawn, in every viewer of this tracker and of what it records."""

    label: LabelConfig = field(default_factory=LabelConfig)
    scores: ScoreBarsConfig = field(default_factory=ScoreBarsConfig)


class ControlConfig(Section, frozen=True, kw_only=True):
    """Where commands are taken."""

    bind: Text = "ipc://{runtime}/{name}.control"


class ViewerConfig(Section, frozen=True, kw_only=True):
    """Pictures for people; made only while somebody looks."""

    rate_hz: Rate = 30
    jpeg_quality: Annotated[int, Meta(ge=1, le=100)] = 80
    bind: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=64)] | None = None
    """Where pictures are; None: beside each of publisher.bind, by the rule in tracker/stream/image_address.py."""


SESSION_NAME = r"^[A-Za-z0-9_{}-]{1,200}\Z"  # of recording.name, and of a name given when a session begins


class RecordingConfig(Section, frozen=True, kw_only=True):
    """Where sessions are recorded, and how."""

    folder: Text = "recordings"
    name: Annotated[str, Meta(pattern=SESSION_NAME, description="letters, digits, _, - and {date} {time} {camera} {animal}")] = (
        "{date}_{time}_{camera}"
    )
    encoder: Literal["libx264", "h264_nvenc"] = "libx264"  # nvenc: a graphics card's, where it works; else x264
    crf: Annotated[int, Meta(ge=0, le=51)] = 23  # of x264: less is better and larger
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"] = "superfast"
    segment_s: Annotated[float, Meta(ge=1, le=86_400)] = 600  # length of one video file
    queue_frames: Annotated[int, Meta(ge=2, le=100_000)] = 300  # how far the encoder may fall behind before frames are dropped
    minimum_free_gb: Annotated[float, Meta(ge=0, le=1_000_000)] = 2
    meta: dict[Name, Text] = field(default_factory=dict)  # noted with every session
    at_start: bool = False  # `tracker run` records from the first frame on, after a restart too
    on_event: tuple[Name, ...] = ()  # an onset of any of these begins a session
    before_s: Annotated[float, Meta(ge=0, le=600)] = 2  # which begins so long before the onset was announced
    after_s: Annotated[float, Meta(ge=0, le=3600)] = 5  # and ends so long after the last of them is off
    before_mb: Annotated[int, Meta(ge=1, le=100_000)] = 500  # of images kept in memory for that; the oldest go first


class HealthConfig(Section, frozen=True, kw_only=True):
    """How long the service manager waits."""

    camera_lost_s: Seconds = 600  # the watchdog while a camera is away; the unit's WatchdogSec holds otherwise


class Config(Section, frozen=True, kw_only=True):
    """The whole of `tracker.yaml`. Defaults stand here and nowhere else."""

    schema: Literal[1] = 1
    name: Name = "rig"  # of the camera, as it stands in every topic
    camera: CameraSource
    capture: CaptureConfig = field(default_factory=CaptureConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)  # without the section, nothing finds key points
    identity: IdentityConfig | None = None  # one animal needs none
    motion: MotionConfig = field(default_factory=MotionConfig)
    calibration: Text | None = None
    zones: tuple[Zone, ...] = ()
    classifiers: tuple[ClassifierConfig, ...] = ()
    behaviour: tuple[EventConfig, ...] = ()
    publisher: PublisherConfig = field(default_factory=PublisherConfig)
    control: ControlConfig = field(default_factory=ControlConfig)
    viewer: ViewerConfig = field(default_factory=ViewerConfig)
    overlay: OverlayConfig = field(default_factory=OverlayConfig)
    health: HealthConfig = field(default_factory=HealthConfig)
    recording: RecordingConfig | None = None  # a rig that records has the section, if only as `recording: {}`

    @property
    def has_engine(self) -> bool:
        """Whether any network runs, of key points or of a classifier."""
        return self.engine.bundle is not None or bool(self.classifiers)


# Keys that earlier versions wanted and nobody reads: ignored with a warning, so that a file that worked goes on working.
RETIRED = {
    ("viewer", "confidence"): "it is an option of `tracker view`",
    ("viewer", "trail_s"): "it is an option of `tracker view`",
}


def load_config(path: Path) -> Config:
    """Read and check `tracker.yaml`. Relative paths in it are taken from the folder that holds it.

    Raises:
        ConfigError: one sentence with file, line, key, value and what was expected.
    """
    return load_with_lines(path)[0]


def load_with_lines(path: Path) -> tuple[Config, dict[Place, int]]:
    """The same, with the line of every key that the file sets itself.

    Raises:
        ConfigError: as load_config does.
    """
    file = _without_retired(open_yaml(path, error=ConfigError))
    if isinstance(file.values, dict) and file.values.get("engine", {}) is None:
        raise ConfigError(
            f"{file.at(('engine',))}: engine is null; a rig without an engine leaves the key engine out, or has `bundle: null` in it"
        )
    config = typed(file, kind=Config, error=ConfigError)
    _check_bundle_was_not_forgotten(config, file)
    _check_unique("classifiers", "name", [each.name for each in config.classifiers], file)
    check_events(config.zones, config.behaviour, file)
    for index, each in enumerate(config.classifiers):
        if each.only_when is not None:
            _check_preselection(each, each.only_when, config, file, ("classifiers", index, "only_when"))
    _check_triggers(config, file)
    for index, item in enumerate(config.behaviour):
        _check_classifier(item, config, file, ("behaviour", index))
    return _located(config, path.resolve().parent), file.lines


def _without_retired(file: YamlFile) -> YamlFile:
    for (section, key), instead in RETIRED.items():
        values = file.values.get(section) if isinstance(file.values, dict) else None
        if isinstance(values, dict) and key in values:
            del values[key]
            logger.warning("%s: key '%s.%s' is no longer read: %s; remove it", file.at((section, key)), section, key, instead)
    return file


def check_events(zones: tuple[Zone, ...], behaviour: tuple[EventConfig, ...], file: YamlFile) -> None:
    """Check what types alone do not say of the sections `zones` and `behaviour`.

    Raises:
        ConfigError: a name stands twice, thresholds are the wrong way round, or an event names a zone that is not there.
    """
    _check_unique("zones", "name", [zone.name for zone in zones], file)
    _check_unique("behaviour", "event", [item.event for item in behaviour], file)
    for index, item in enumerate(behaviour):
        _check_rule(item, [zone.name for zone in zones], file, ("behaviour", index))


def _check_bundle_was_not_forgotten(config: Config, file: YamlFile) -> None:
    """A rig without an engine says so: by having no section `engine`, or by `bundle: null` in it."""
    if ("engine",) in file.lines and ("engine", "bundle") not in file.lines and not config.classifiers:
        raise ConfigError(
            f"{file.at(('engine', 'bundle'))}: missing key 'engine.bundle'; add it: one line of text, the folder of an engine bundle; "
            "or null, to record without one"
        )


def _check_triggers(config: Config, file: YamlFile) -> None:
    names = [item.event for item in config.behaviour]
    for index, name in enumerate(config.recording.on_event if config.recording else ()):
        if name not in names:
            where: Place = ("recording", "on_event", index)
            known = f"one of {', '.join(names)}" if names else "an event of the section behaviour, which is empty"
            raise ConfigError(f"{file.at(where)}: {dotted(where)} is '{name}'; expected {known}{meant(name, names)}")


def _check_unique(section: str, key: str, names: list[str], file: YamlFile) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            first = file.lines[section, names.index(name), key]
            raise ConfigError(
                f"{file.at((section, index, key))}: {section}[{index}].{key} is '{name}', which line {first} uses already; "
                "expected a name of its own"
            )


def _check_rule(item: EventConfig, names: list[str], file: YamlFile, place: Place) -> None:
    rule = item.rule
    if (rule.off > rule.on) if rule.when == "above" else (rule.off < rule.on):
        side = "at most" if rule.when == "above" else "at least"
        where = (*place, "rule", "off")
        raise ConfigError(
            f"{file.at(where)}: {dotted(where)} of event '{item.event}' is {rule.off:g}; expected {side} rule.on ({rule.on:g}), "
            f"since rule.when is '{rule.when}'"
        )
    if isinstance(item.source, ZoneSource):
        _check_zone(item.source, names, file, (*place, "source", "zone"), of=f" of event '{item.event}'")


def _check_zone(source: ZoneSource, names: list[str], file: YamlFile, where: Place, *, of: str) -> None:
    if source.zone not in names:
        known = f"one of {', '.join(names)}" if names else "a zone of the section zones, which is empty"
        raise ConfigError(f"{file.at(where)}: {dotted(where)}{of} is '{source.zone}'; expected {known}{meant(source.zone, names)}")


def _check_preselection(of: ClassifierConfig, only_when: Preselection, config: Config, file: YamlFile, place: Place) -> None:
    for index, condition in enumerate(only_when.conditions):
        where: Place = (*place, "conditions", index)
        if condition.above is None and condition.below is None:
            raise ConfigError(f"{file.at(where)}: {dotted(where)} says neither above nor below; expected at least one of them")
        if condition.above is not None and condition.below is not None and condition.above >= condition.below:
            raise ConfigError(
                f"{file.at((*where, 'below'))}: {dotted(where)} is above {condition.above:g} and below {condition.below:g}, which no value "
                "is; expected below to be the larger"
            )
        if isinstance(condition.source, ZoneSource):
            _check_zone(condition.source, [zone.name for zone in config.zones], file, (*where, "source", "zone"), of="")
    trial = only_when.trial
    if trial is None:
        return
    where = (*place, "trial")
    if trial.until_ms is not None and trial.until_ms <= trial.from_ms:
        raise ConfigError(
            f"{file.at((*where, 'until_ms'))}: {dotted((*where, 'until_ms'))} is {trial.until_ms:g}; expected more than from_ms "
            f"({trial.from_ms:g})"
        )
    if trial.event is not None and trial.gap_ms != TrialWindow().gap_ms:
        raise ConfigError(
            f"{file.at((*where, 'gap_ms'))}: {dotted((*where, 'gap_ms'))} is {trial.gap_ms:g}, which means nothing where "
            f"{dotted(where)}.event begins every trial ('{trial.event}'); leave out one of the two"
        )
    events = [item.event for item in config.behaviour]
    if trial.event is not None and trial.event not in events:
        known = f"one of {', '.join(events)}" if events else "an event of the section behaviour, which is empty"
        raise ConfigError(
            f"{file.at((*where, 'event'))}: {dotted((*where, 'event'))} is '{trial.event}'; expected {known}{meant(trial.event, events)}"
        )
    sources = {item.event: item.source for item in config.behaviour}
    source = sources.get(trial.event) if trial.event is not None else None
    if isinstance(source, ClassSource) and source.classifier == of.name:
        where = (*where, "event")
        raise ConfigError(
            f"{file.at(where)}: {dotted(where)} is '{trial.event}', which comes from {of.name} itself and could never begin; expected an "
            "event of something else"
        )


def _check_classifier(item: EventConfig, config: Config, file: YamlFile, place: Place) -> None:
    names = [each.name for each in config.classifiers]
    if isinstance(item.source, ClassSource) and item.source.classifier not in names:
        where = (*place, "source", "classifier")
        known = f"one of {', '.join(names)}" if names else "a name of the section classifiers, which is empty"
        raise ConfigError(
            f"{file.at(where)}: {dotted(where)} of event '{item.event}' is '{item.source.classifier}'; expected {known}"
            f"{meant(item.source.classifier, names)}"
        )


def full_address(text: str, name: str) -> str:
    """An address of the file with its placeholders filled in."""
    return text.replace("{runtime}", str(runtime_folder(os.environ))).replace("{name}", name)


def _located(config: Config, folder: Path) -> Config:
    """Resolve the paths that are files of this machine, and the placeholders of addresses; device paths stay as they are."""

    def located(text: str) -> str:
        return str(folder / text)

    def address(text: str) -> str:
        return full_address(text, config.name)

    camera = config.camera
    if isinstance(camera, ImageFolder):
        camera = replace(camera, folder=located(camera.folder))
    elif isinstance(camera, OpenCVCamera) and isinstance(camera.device, str) and "://" not in camera.device:
        camera = replace(camera, device=located(camera.device))
    elif isinstance(camera, SyntheticCamera) and camera.light is not None:
        camera = replace(camera, light=replace(camera.light, port=located(camera.light.port)))
    publisher, pictures = config.publisher, config.viewer.bind
    keys = located(publisher.curve_keys) if publisher.curve_keys else None
    return replace(
        config,
        camera=camera,
        engine=replace(config.engine, bundle=located(config.engine.bundle) if config.engine.bundle is not None else None),
        classifiers=tuple(replace(each, bundle=located(each.bundle)) for each in config.classifiers),
        calibration=located(config.calibration) if config.calibration else None,
        publisher=replace(publisher, bind=tuple(map(address, publisher.bind)), curve_keys=keys),
        control=replace(config.control, bind=address(config.control.bind)),
        viewer=replace(config.viewer, bind=tuple(map(address, pictures)) if pictures is not None else None),
        recording=replace(config.recording, folder=located(config.recording.folder)) if config.recording else None,
    )
