"""What a swap of the bundle or a reload of the rules replaces between two frames: inference, calibration, behaviour, as one value."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec
import numpy as np

from tracker.behaviour.behaviour import Behaviour
from tracker.behaviour.preselection import preselections
from tracker.behaviour.zone_outline import outside_picture
from tracker.brightness import Brightness
from tracker.bundle import Bundle, check_task
from tracker.bundle_description import Description
from tracker.calibration import PlaneMapper, load_calibration, read_calibration
from tracker.classifiers.classifier import Classifier
from tracker.classifiers.scores import Scores, check_classifiers, score_names
from tracker.config import Config
from tracker.config_rules import Circle, ClassSource, EventConfig, Zone
from tracker.engines.engine import Engine
from tracker.engines.inference import Inference
from tracker.errors import ConfigError
from tracker.frame import Frame, Image
from tracker.messages import VERSION, ClassifierMessage, OpenEvent, SetupMessage
from tracker.pose import NO_KEY_POINTS, KeyPoints

if TYPE_CHECKING:
    from tracker.identity import Identity

NO_CLASSIFIERS: Mapping[str, Classifier] = MappingProxyType({})
_CIRCLE_CORNERS = 64  # a circle in mm is an ellipse-like curve in the image; 64 corners draw it to a fraction of a pixel


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Everything between the camera and the publisher.

    Attributes:
        config: what it was made from: zones and events as configured.
        inference: image to key points; None where classifiers run alone, or there is no engine.
        identity: which animal is which, None for one animal.
        locate: key points to mm, None without a calibration.
        scores: images and poses to probabilities of behaviours; keeps what the classifiers carry from frame to frame.
        brightness: of the rectangles that events ask for.
        behaviour: poses to events.
        image_size: (width, height) it was made for.
        zones: as configured, each with its outline in source pixels, for drawing.
    """

    config: Config
    inference: Inference | None
    identity: "Identity | None"
    locate: PlaneMapper | None
    scores: Scores
    brightness: Brightness
    behaviour: Behaviour
    image_size: tuple[int, int]
    zones: list[dict[str, Any]]

    @property
    def bundle(self) -> Description | None:
        """What finds the key points; None where nothing does."""
        return self.inference.bundle.description if self.inference is not None else None

    @property
    def zones_outside(self) -> list[str]:
        """Zones that have no part in the camera's picture, a sentence each; one with a corner that it cannot see may have one."""
        whole = [
            (zone, drawn["outline_px"])
            for zone, drawn in zip(self.config.zones, self.zones, strict=True)
            if len(drawn["outline_px"]) == (_CIRCLE_CORNERS if isinstance(zone, Circle) else len(zone.corners))
        ]
        told = (outside_picture(zone.name, [(x, y) for x, y in outline], self.image_size) for zone, outline in whole)
        return [sentence for sentence in told if sentence is not None]

    @property
    def has_engine(self) -> bool:
        """Whether any network runs, of key points or of a classifier."""
        return self.inference is not None or bool(self.scores.classifiers)

    @property
    def point_names(self) -> tuple[str, ...]:
        """Of the key points, in the order of the poses."""
        return _point_names(self.inference.bundle if self.inference is not None else None)

    @property
    def field_of_view(self) -> str:
        """Which part of the camera's image is seen, in a sentence for the key points and one for each classifier that takes images.

        "" where no network takes any of it.
        """
        seen = [self.inference.field_of_view] if self.inference is not None else []
        return " ".join(seen + [f"Classifier '{name}': {sentence}" for name, sentence in self.scores.fields_of_view.items()])

    def points(self, image: Image) -> KeyPoints:
        """Find the key points of an image: float32 (animals, K, 3), of no animal where no network finds any."""
        return self.inference.points(image) if self.inference is not None else NO_KEY_POINTS


def make_setup(
    config: Config,
    bundle: Bundle | None,
    engine: Engine | None,
    *,
    source_shape: tuple[int, ...],
    classifiers: Mapping[str, Classifier] = NO_CLASSIFIERS,
) -> Setup:
    """Fit bundle, classifiers, calibration and rules to images of one shape. The classifiers go on with what they carry.

    Without bundle and engine there are no key points: classifiers that take images run alone, or nothing does.

    Raises:
        BundleError, CalibrationError, ConfigError: they do not fit each other or the image.
    """
    height, width = source_shape[:2]
    _check_motion(config, (width, height))
    inference = Inference(bundle, engine, source_shape=source_shape) if bundle is not None and engine is not None else None
    calibration = load_calibration(Path(config.calibration), (width, height)) if config.calibration else None
    locate = PlaneMapper(calibration) if calibration is not None else None
    return Setup(
        config=config,
        inference=inference,
        identity=_identity(config, bundle),
        locate=locate,
        scores=Scores(
            classifiers,
            point_names=_point_names(bundle),
            animals=_animals(bundle),
            source_shape=source_shape,
            preselections=preselections(config, point_names=_point_names(bundle), animals=_animals(bundle)),
        ),
        brightness=Brightness(config.behaviour, image_size=(width, height)),
        behaviour=_behaviour(config, bundle),
        image_size=(width, height),
        zones=[with_outline(zone, locate) for zone in config.zones],
    )


def check_rules(config: Config, bundle: Bundle | None, classifiers: Mapping[str, Classifier] = NO_CLASSIFIERS) -> None:
    """Check what can be checked before the first image: that bundle, classifiers, identity, rules and calibration fit each other.

    Raises:
        BundleError: the bundle does not find key points.
        ConfigError: they do not.
        CalibrationError: the calibration cannot be read or used.
    """
    if bundle is not None:
        check_task(bundle)
    locate = PlaneMapper(read_calibration(Path(config.calibration))) if config.calibration else None
    for zone in config.zones:
        with_outline(zone, locate)
    _identity(config, bundle)
    check_classifiers(classifiers, point_names=_point_names(bundle), animals=_animals(bundle))
    for name, frames in preselections(config, point_names=_point_names(bundle), animals=_animals(bundle)).items():
        frames.otherwise(classifiers[name].bundle.description.class_names)
        if classifiers[name].about.delay_ms:
            raise ConfigError(
                f"only_when of classifier '{name}' decides frames at once, and the network tells of them "
                f"{classifiers[name].about.delay_ms:g} ms later; leave only_when out"
            )
    names = score_names(classifiers)
    for item in config.behaviour:
        if isinstance(item.source, ClassSource) and item.source.classifier not in classifiers:  # the file names it: it is read again
            raise ConfigError(
                f"behaviour '{item.event}': classifier '{item.source.classifier}' does not run yet; a new classifier needs a restart of "
                "the tracker: `tracker stop`, `tracker run`"
            )
        if isinstance(item.source, ClassSource) and item.source.score not in names:
            known = ", ".join(name.partition(".")[2] for name in names if name.startswith(f"{item.source.classifier}."))
            raise ConfigError(
                f"behaviour '{item.event}': class '{item.source.class_name}' is not one of those that classifier "
                f"'{item.source.classifier}' finds ({known or 'none'}); correct the name"
            )
        if isinstance(item.source, ClassSource):
            _check_horizon(item, item.source, classifiers[item.source.classifier])
            _check_delay(item, item.source, classifiers[item.source.classifier])
    _behaviour(config, bundle)


def _check_horizon(item: EventConfig, source: ClassSource, classifier: Classifier) -> None:
    """An event says how far ahead it means, so the configuration must say what the bundle was trained for."""
    forecast = classifier.bundle.description.forecast
    expected = forecast.horizon_ms if forecast is not None else None
    if source.horizon_ms != expected:
        said = "null" if source.horizon_ms is None else f"{source.horizon_ms:g}"
        remedy = f"forecasts {expected:g} ms ahead; write `horizon_ms: {expected:g}`" if expected else "says what is now; leave it out"
        raise ConfigError(f"behaviour '{item.event}': horizon_ms is {said}, but classifier '{source.classifier}' {remedy}")


def _check_delay(item: EventConfig, source: ClassSource, classifier: Classifier) -> None:
    """An event says where its bout began and how late it is, so the configuration must say what the bundle was trained for."""
    expected = classifier.about.delay_ms
    if source.delay_ms != expected:
        remedy = f"tells of frames {expected:g} ms later; write `delay_ms: {expected:g}`" if expected else "tells at once; leave it out"
        raise ConfigError(f"behaviour '{item.event}': delay_ms is {source.delay_ms:g}, but classifier '{source.classifier}' {remedy}")


class Stream(Protocol):
    """What a setup message says of the stream that it stands in."""

    @property
    def camera(self) -> str:
        """Its name in every topic."""
        ...

    @property
    def session(self) -> str:
        """New at every start."""
        ...


def setup_message(
    setup: Setup, *, number: int, cause: Literal["start", "reload", "swap"], after: Frame | None, publisher: Stream
) -> SetupMessage:
    """What the stream says of a setup that takes over after the frame `after`."""
    description = setup.bundle
    only_when = {each.name: msgspec.to_builtins(each.only_when) for each in setup.config.classifiers}
    return SetupMessage(
        v=VERSION,
        camera=publisher.camera,
        session=publisher.session,
        frame=after.number if after else -1,
        received_ns=after.received_ns if after else 0,
        published_ns=time.monotonic_ns(),
        setup=number,
        cause=cause,
        bundle=description.name if description else "",
        bundle_sha256=description.onnx_sha256 if description else "",
        point_names=list(setup.point_names),
        calibrated=setup.locate is not None,
        zones=msgspec.to_builtins(setup.config.zones),
        behaviour=msgspec.to_builtins(setup.config.behaviour),
        classifiers=[
            ClassifierMessage(
                name=name,
                bundle=each.bundle.description.name,
                bundle_sha256=each.bundle.description.onnx_sha256,
                class_names=list(each.bundle.description.class_names),
                only_when=only_when.get(name),
                delay_ms=each.about.delay_ms,
            )
            for name, each in setup.scores.classifiers.items()
        ],
        skeleton=list(description.skeleton) if description else [],
    )


def open_events(setup: Setup, *, received_ns: int) -> list[OpenEvent]:
    """Every event that is on.

    Args:
        setup: in use.
        received_ns: of the last frame.
    """
    return [
        OpenEvent(event=name, animal=animal, onset_frame=onset_frame, since_ns=received_ns - lasted_ns)
        for name, animal, onset_frame, lasted_ns in setup.behaviour.open()
    ]


def _point_names(bundle: Bundle | None) -> tuple[str, ...]:
    return bundle.description.point_names if bundle is not None else ()


def _animals(bundle: Bundle | None) -> int:
    return bundle.description.output.shape[1] if bundle is not None else 0


def _check_motion(config: Config, image_size: tuple[int, int]) -> None:
    size = config.motion.size
    if size is not None and (size[0] > image_size[0] or size[1] > image_size[1]):
        raise ConfigError(
            f"motion.size is {size[0]}x{size[1]}, which is more blocks than the camera's image of {image_size[0]}x{image_size[1]} has "
            "pixels; expected at most its size"
        )


def _behaviour(config: Config, bundle: Bundle | None) -> Behaviour:
    return Behaviour(
        config.behaviour,
        config.zones,
        point_names=_point_names(bundle),
        animals=_animals(bundle),
        has_mm=config.calibration is not None,
        rate_hz=config.camera.rate_hz,
    )


def _identity(config: Config, bundle: Bundle | None) -> "Identity | None":
    if bundle is None:
        if config.identity is not None:
            raise ConfigError("the section identity needs key points, and there is no engine.bundle; remove the section, or give a bundle")
        return None
    animals = _animals(bundle)
    if config.identity is None:
        if animals > 1:
            raise ConfigError(
                f"bundle {bundle.folder} finds up to {animals} animals, in an order that changes from frame to frame; "
                "add an identity section, as docs/identity.md has it"
            )
        return None
    from tracker.identity import Identity  # SciPy takes 0.4 s to load, which a rig with one animal need not wait for

    return Identity(config.identity, animals=animals)


def with_outline(zone: Zone, locate: PlaneMapper | None) -> dict[str, Any]:
    """A zone as configured, with its outline in source pixels for drawing.

    Raises:
        ConfigError: it is in mm and there is no calibration.
    """
    if isinstance(zone, Circle):
        angles = np.linspace(0, 2 * np.pi, _CIRCLE_CORNERS, endpoint=False)
        corners = np.asarray(zone.centre) + zone.radius * np.column_stack((np.cos(angles), np.sin(angles)))
    else:
        corners = np.asarray(zone.corners, np.float64)
    if zone.unit == "mm":
        if locate is None:
            raise ConfigError(f"zone '{zone.name}' is in mm but calibration is null; give a calibration with a plane, or the zone in px")
        corners = locate.to_pixels(corners)
    seen = corners[np.isfinite(corners).all(axis=1)]  # a corner the camera cannot see has no place in its image
    return {**msgspec.to_builtins(zone), "outline_px": seen.round(2).tolist()}
