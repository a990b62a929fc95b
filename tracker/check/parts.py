"""The parts of a configuration, each tried once: bundle, engine, calibration, view, rules, sockets, folder, window."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tracker.bundle import Bundle, read_bundle
from tracker.bundle_description import distance_words
from tracker.bundle_verdict import error_in_words, quality
from tracker.calibration import NO_LENS, load_calibration
from tracker.check.result import CheckResult
from tracker.classifiers.classifier import Classifier
from tracker.classifiers.open_classifier import open_classifier
from tracker.config import Config, RecordingConfig, load_config
from tracker.engines.engine import Engine
from tracker.engines.open_engine import open_engine
from tracker.engines.view_fit import ViewFit, unlike_training
from tracker.errors import RigtrackError
from tracker.frame import Frame
from tracker.recording.place import check_place
from tracker.recording.recorder import load_libraries
from tracker.setup import Setup, check_rules, make_setup
from tracker.stream.control import Control
from tracker.stream.image_address import image_addresses
from tracker.stream.image_stream import ImageStream
from tracker.stream.publisher import Publisher
from tracker.viewer.window_libraries import missing_window_libraries

T = TypeVar("T")


def attempted(name: str, attempt: Callable[[], tuple[str, T]]) -> tuple[CheckResult, T | None]:
    """Try one part: what it says and gives, or the sentence of its refusal and None."""
    try:
        found, value = attempt()
    except RigtrackError as problem:
        return CheckResult(check=name, ok=False, found=str(problem)), None
    return CheckResult(check=name, ok=True, found=found), value


def read(path: Path) -> tuple[CheckResult, Config | None]:
    """The configuration."""
    try:
        config = load_config(path)
    except RigtrackError as problem:
        return CheckResult(check="configuration", ok=False, found=str(problem)), None
    return CheckResult(
        check="configuration", ok=True, found=f"{path}: {_counted(config.behaviour, 'event')}, {_counted(config.zones, 'zone')}"
    ), config


def _counted(things: Sequence[object], what: str) -> str:
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"


def bundle(config: Config) -> tuple[CheckResult, Bundle | None]:
    """The engine bundle of key points, where there is one."""
    folder = config.engine.bundle
    if folder is None:
        instead = "classifiers take the image" if config.classifiers else "frames are recorded without poses"
        return CheckResult(check="bundle", ok=True, found=f"none configured: no key points, {instead}"), None
    finding, read = attempted("bundle", lambda: _bundle(Path(folder)))
    if read is None or (known := quality(read)).good:
        return finding, read
    return replace(finding, found=f"{finding.found}; {known.verdict}", warning=True), read


def _bundle(folder: Path) -> tuple[str, Bundle]:
    bundle = read_bundle(folder)
    about = bundle.description
    radius = f", confidence is the chance of an error within {distance_words(radii)}" if (radii := about.correct_within_px) else ""
    return (
        f"{about.name}: {about.network}, {len(about.point_names)} points, {error_in_words(about)}{radius}, hash {about.onnx_sha256[:12]}",
        bundle,
    )


def engine(config: Config, bundle: Bundle | None) -> tuple[CheckResult, Engine | None]:
    """The engine, open."""
    if config.engine.bundle is None:
        return CheckResult(check="engine", ok=True, found="not needed: there is no bundle of key points"), None
    if bundle is None:
        return CheckResult(check="engine", ok=None, found="not tried without a bundle"), None
    return attempted("engine", lambda: _engine(config, bundle))


def _engine(config: Config, bundle: Bundle) -> tuple[str, Engine]:
    engine = open_engine(bundle, config.engine, say=_quiet)
    return f"{engine.runtime} on {engine.device}, {engine.precision}; self-test passed", engine


def _quiet(_: str) -> None:
    """Progress of an engine build, which a check of one line each has no room for."""


def gpu(config: Config, engine: Engine | None) -> CheckResult:
    """The GPU, where one is configured."""
    if config.engine.bundle is None:
        return CheckResult(
            check="gpu", ok=True, found=f"not used: {'classifiers run on the CPU' if config.classifiers else 'no network runs'}"
        )
    if config.engine.runtime != "tensorrt":
        return CheckResult(check="gpu", ok=True, found=f"not used: engine.runtime is {config.engine.runtime}")
    if engine is None:
        return CheckResult(check="gpu", ok=None, found="the engine did not open; its line says why")
    return CheckResult(check="gpu", ok=True, found=engine.device)


def calibration(config: Config, frame: Frame | None) -> CheckResult:
    """The calibration, whose image size must be the camera's."""
    path = config.calibration
    if path is None:
        return CheckResult(check="calibration", ok=True, found="none configured: coordinates in px only")
    if frame is None:
        return CheckResult(check="calibration", ok=None, found="not tried without a camera, whose image size it must have")
    height, width = frame.image.shape[:2]
    finding, loaded = attempted("calibration", lambda: (f"{path}: for {width}x{height}", load_calibration(Path(path), (width, height))))
    if loaded is not None and loaded.camera_matrix is None:
        return replace(finding, found=f"{finding.found}, {NO_LENS}")
    if loaded is None or loaded.verdict != "rejected":
        return finding
    why = "; ".join(loaded.reasons) or "it gives no reason"
    return replace(finding, found=f"{finding.found}, but it is rejected: {why}; calibrate again before you trust its mm", warning=True)


def view(config: Config, bundle: Bundle | None, frame: Frame | None) -> CheckResult:
    """Which part of the image the network of the key points sees; what classifiers see, the rules' line says."""
    if config.engine.bundle is None:
        return CheckResult(check="view", ok=True, found="not needed: there is no bundle of key points")
    if bundle is None or frame is None:
        return CheckResult(check="view", ok=None, found="not tried without camera and bundle")
    about, shape = bundle.description, frame.image.shape
    finding, _ = attempted("view", lambda: (ViewFit(about.view, input_shape=about.input.shape, source_shape=shape).field_of_view, None))
    warning = unlike_training(about.trained_on, shape)
    return replace(finding, found=f"{finding.found} {warning}", warning=True) if finding.ok and warning else finding


def classifiers(config: Config) -> tuple[CheckResult, dict[str, Classifier] | None]:
    """Each classifier opened and proved, with its classes and the thresholds that training chose."""
    return attempted("classifiers", lambda: _classifiers(config))


def _classifiers(config: Config) -> tuple[str, dict[str, Classifier]]:
    opened = {each.name: open_classifier(read_bundle(Path(each.bundle)), threads=each.threads) for each in config.classifiers}
    return "; ".join(f"{name}: {_classes(each)}" for name, each in opened.items()) or "none configured", opened


def _classes(classifier: Classifier) -> str:
    about = classifier.bundle.description
    thresholds = about.behaviour.thresholds if about.behaviour is not None else ()
    found = ", ".join(f"{name} (threshold {threshold:.2f})" for name, threshold in zip(about.class_names, thresholds, strict=True))
    warming = about.behaviour.warming_frames if about.behaviour is not None else 0
    return f"{about.name}, {found}; self-test passed; no score in the first {warming} frames after every start, gap or frame without it"


def rules(
    config: Config,
    bundle: Bundle | None,
    engine: Engine | None,
    classifiers: dict[str, Classifier] | None,
    frame: Frame | None,
    *,
    unfit: str | None,
) -> tuple[CheckResult, Setup | None]:
    """Zones and events, with everything that a frame goes through.

    Args:
        config: theirs.
        bundle: whose key points they name.
        engine: open.
        classifiers: open, by name.
        frame: of the camera.
        unfit: a part that has failed and would fail here with the same sentence.
    """
    lacks_points = config.engine.bundle is not None and (bundle is None or engine is None)
    if lacks_points or classifiers is None or frame is None:
        return CheckResult(check="rules", ok=None, found="not tried without camera, bundle, engine and classifiers"), None
    if unfit is not None:
        return CheckResult(check="rules", ok=None, found=f"not tried: the line of the {unfit} says what is wrong with it"), None
    finding, setup = attempted("rules", lambda: _rules(config, bundle, engine, classifiers, frame))
    outside = setup.zones_outside if setup is not None else []
    return replace(finding, found="; ".join([finding.found, *outside]), warning=bool(outside)), setup


def _rules(
    config: Config, bundle: Bundle | None, engine: Engine | None, classifiers: dict[str, Classifier], frame: Frame
) -> tuple[str, Setup]:
    check_rules(config, bundle, classifiers)
    setup = make_setup(config, bundle, engine, source_shape=frame.image.shape, classifiers=classifiers)
    seen = "".join(f"; classifier '{name}': {sentence}" for name, sentence in setup.scores.fields_of_view.items())
    if setup.inference is None:
        return f"{len(config.behaviour)} events {'fit the classifiers' if classifiers else 'need no network'}{seen}", setup
    points = setup.points(frame.image)
    highest = float(points[..., 2].max())
    return f"{len(config.behaviour)} events fit the key points; highest confidence on that frame {highest:.2f}{seen}", setup


def publisher(config: Config) -> CheckResult:
    """The sockets of the stream."""
    return attempted("publisher", lambda: _publisher(config))[0]


def _publisher(config: Config) -> tuple[str, None]:
    with Publisher(config.publisher, camera=config.name) as opened:
        images = ImageStream(config.viewer, config.publisher, camera=config.name, session=opened.session)
        images.close()
    pictures = config.viewer.bind if config.viewer.bind is not None else image_addresses(config.publisher.bind)
    return f"can bind {', '.join(config.publisher.bind)}, and for pictures {', '.join(pictures)}", None


def control(config: Config) -> CheckResult:
    """The socket of commands."""
    return attempted("control", lambda: _control(config))[0]


def _control(config: Config) -> tuple[str, None]:
    with Control(config.control.bind, {}):
        return f"can bind {config.control.bind}", None


def recording(config: Config) -> CheckResult:
    """The folder of sessions, and what recording needs."""
    return attempted("recording", lambda: _recording(config))[0]


def _recording(config: Config) -> tuple[str, None]:
    settings = config.recording or RecordingConfig()
    load_libraries()
    return check_place(settings), None


def window() -> CheckResult:
    """A rig without a desktop needs no window: what is missing is named and fails nothing."""
    missing = missing_window_libraries()
    if missing:
        found = f"none can be opened: {', '.join(missing)} missing; sudo apt-get install {' '.join(missing.values())}"
        return CheckResult(check="window", ok=None, found=found, needed=False)
    display = os.environ.get("DISPLAY")
    found = f"on display {display}" if display else "none can be opened: there is no desktop here (DISPLAY is not set)"
    return CheckResult(check="window", ok=True if display else None, found=found, needed=False)
