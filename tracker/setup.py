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
from tracker.brightness import Brightness
from tracker.bundle import Bundle, check_task
from tracker.calibration import PlaneMapper, load_calibration, read_calibration
from tracker.classifiers.classifier import Classifier
from tracker.classifiers.scores import Scores
from tracker.config import Circle, ClassSource, Config, Zone
from tracker.engines.engine import Engine
from tracker.engines.inference import Inference
from tracker.errors import ConfigError
from tracker.frame import Frame
from tracker.messages import VERSION, ClassifierMessage, OpenEvent, SetupMessage

if TYPE_CHECKING:
    from tracker.identity import Identity

NO_CLASSIFIERS: Mapping[str, Classifier] = MappingProxyType({})
_CIRCLE_CORNERS = 64  # a circle in mm is an ellipse-like curve in the image; 64 corners draw it to a fraction of a pixel


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Everything between the camera and the publisher.

    Attributes:
        config: what it was made from: zones and events as configured.
        inference: image to key points.
        identity: which animal is which, None for one animal.
        locate: key points to mm, None without a calibration.
        scores: poses to probabilities of behaviours; keeps what the classifiers carry from frame to frame.
        brightness: of the rectangles that events ask for.
        behaviour: poses to events.
        image_size: (width, height) it was made for.
        zones: as configured, each with its outline in source pixels, for drawing.
    """

    config: Config
    inference: Inference
    identity: "Identity | None"
    locate: PlaneMapper | None
    scores: Scores
    brightness: Brightness
    behaviour: Behaviour
    image_size: tuple[int, int]
    zones: list[dict[str, Any]]


def make_setup(
    config: Config,
    bundle: Bundle,
    engine: Engine,
    *,
    source_shape: tuple[int, ...],
    classifiers: Mapping[str, Classifier] = NO_CLASSIFIERS,
) -> Setup:
    """Fit bundle, classifiers, calibration and rules to images of one shape. The classifiers go on with what they carry.

    Raises:
        BundleError, CalibrationError, ConfigError: they do not fit each other or the image.
    """
    height, width = source_shape[:2]
    _check_motion(config, (width, height))
    inference = Inference(bundle, engine, source_shape=source_shape)
    calibration = load_calibration(Path(config.calibration), (width, height)) if config.calibration else None
    locate = PlaneMapper(calibration) if calibration is not None else None
    return Setup(
        config=config,
        inference=inference,
        identity=_identity(config, bundle),
        locate=locate,
        scores=_scores(bundle, classifiers),
        brightness=Brightness(config.behaviour, image_size=(width, height)),
        behaviour=_behaviour(config, bundle),
        image_size=(width, height),
        zones=[with_outline(zone, locate) for zone in config.zones],
    )


def check_rules(config: Config, bundle: Bundle, classifiers: Mapping[str, Classifier] = NO_CLASSIFIERS) -> None:
    """Check what can be checked before the first image: that bundle, classifiers, identity, rules and calibration fit each other.

    Raises:
        BundleError: the bundle does not find key points.
        ConfigError: they do not.
        CalibrationError: the calibration cannot be read or used.
    """
    check_task(bundle)
    locate = PlaneMapper(read_calibration(Path(config.calibration))) if config.calibration else None
    for zone in config.zones:
        with_outline(zone, locate)
    _identity(config, bundle)
    names = _scores(bundle, classifiers).names
    for item in config.behaviour:
        if isinstance(item.source, ClassSource) and item.source.score not in names:
            known = ", ".join(name.partition(".")[2] for name in names if name.startswith(f"{item.source.classifier}."))
            raise ConfigError(
                f"behaviour '{item.event}': class '{item.source.class_name}' is not one of those that classifier "
                f"'{item.source.classifier}' finds ({known or 'none'}); correct the name"
            )
    _behaviour(config, bundle)


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
    description = setup.inference.bundle.description
    return SetupMessage(
        v=VERSION,
        camera=publisher.camera,
        session=publisher.session,
        frame=after.number if after else -1,
        received_ns=after.received_ns if after else 0,
        published_ns=time.monotonic_ns(),
        setup=number,
        cause=cause,
        bundle=description.name,
        bundle_sha256=description.onnx_sha256,
        point_names=list(description.point_names),
        calibrated=setup.locate is not None,
        zones=msgspec.to_builtins(setup.config.zones),
        behaviour=msgspec.to_builtins(setup.config.behaviour),
        classifiers=[
            ClassifierMessage(
                name=name,
                bundle=each.bundle.description.name,
                bundle_sha256=each.bundle.description.onnx_sha256,
                class_names=list(each.bundle.description.class_names),
            )
            for name, each in setup.scores.classifiers.items()
        ],
        skeleton=list(description.skeleton),
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


def _scores(bundle: Bundle, classifiers: Mapping[str, Classifier]) -> Scores:
    return Scores(classifiers, point_names=bundle.description.point_names, animals=bundle.description.output.shape[1])


def _check_motion(config: Config, image_size: tuple[int, int]) -> None:
    size = config.motion.size
    if size is not None and (size[0] > image_size[0] or size[1] > image_size[1]):
        raise ConfigError(
            f"motion.size is {size[0]}x{size[1]}, which is more blocks than the camera's image of {image_size[0]}x{image_size[1]} has "
            "pixels; expected at most its size"
        )


def _behaviour(config: Config, bundle: Bundle) -> Behaviour:
    return Behaviour(
        config.behaviour,
        config.zones,
        point_names=bundle.description.point_names,
        animals=bundle.description.output.shape[1],
        has_mm=config.calibration is not None,
        rate_hz=config.camera.rate_hz,
    )


def _identity(config: Config, bundle: Bundle) -> "Identity | None":
    animals = bundle.description.output.shape[1]
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
