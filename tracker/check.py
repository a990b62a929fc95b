"""Try every part of a configuration once, one line each, before an animal depends on it."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TextIO, TypeVar

import msgspec

from tracker.bundle import Bundle, distance_words, read_bundle
from tracker.calibration import load_calibration
from tracker.cameras.camera import Camera
from tracker.cameras.open_camera import camera_factory
from tracker.classifiers.classifier import Classifier
from tracker.classifiers.open_classifier import open_classifier
from tracker.config import Config, RecordingConfig, load_config
from tracker.engines.engine import Engine
from tracker.engines.open_engine import open_engine
from tracker.engines.view_fit import ViewFit, unlike_training
from tracker.errors import CameraError, CorruptFrameError, RigtrackError
from tracker.frame import Frame
from tracker.recording.place import check_place
from tracker.recording.recorder import load_libraries
from tracker.setup import check_rules, make_setup
from tracker.stream.control import Control
from tracker.stream.image_address import image_addresses
from tracker.stream.image_stream import ImageStream
from tracker.stream.publisher import Publisher
from tracker.viewer.window_libraries import missing_window_libraries

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check found; `ok` is None for a part that could not be tried because an earlier one failed."""

    check: str
    ok: bool | None
    found: str
    warning: bool = False  # it is ok, and may still not be what was meant
    needed: bool = True  # whether tracking needs this part


def check(config_path: Path, *, as_json: bool, out: TextIO) -> bool:
    """Check configuration, camera, bundle, engine, fit and sockets. Returns whether all are well."""
    config, finding = _read(config_path)
    findings = [finding]
    if config is not None:
        findings += _parts(config)
    well = all(finding.ok or not finding.needed for finding in findings)
    if as_json:
        report = {"ok": well, "checks": [asdict(finding) for finding in findings], "config": msgspec.to_builtins(config)}
        out.write(json.dumps(report, indent=2) + "\n")
        return well
    for finding in findings:
        mark = "WARN  " if finding.warning else {True: "ok    ", False: "FAILED", None: "-     "}[finding.ok]
        out.write(f"{mark}  {finding.check:<14} {finding.found}\n")
    return well


def _read(path: Path) -> tuple[Config | None, CheckResult]:
    try:
        config = load_config(path)
    except RigtrackError as problem:
        return None, CheckResult(check="configuration", ok=False, found=str(problem))
    return config, CheckResult(check="configuration", ok=True, found=f"{path}: {len(config.behaviour)} events, {len(config.zones)} zones")


def _parts(config: Config) -> list[CheckResult]:
    camera, frame = _try("camera", lambda: _grab(config))
    bundle, loaded = _try("bundle", lambda: _bundle(config))
    findings = [camera, bundle]
    opened, classifiers = _try("classifiers", lambda: _classifiers(config))
    findings += [opened] if config.classifiers else []
    if loaded is None:
        findings.append(CheckResult(check="engine", ok=None, found="not tried without a bundle"))
        engine = None
    else:
        finding, engine = _try("engine", lambda: _engine(config, loaded))
        findings.append(finding)
    findings.append(_gpu(config, engine))
    findings.append(_calibration(config, frame))
    findings.append(_view(loaded, frame))
    if frame is not None and loaded is not None and engine is not None and classifiers is not None:
        findings.append(_try("rules", lambda: _rules(config, loaded, engine, classifiers, frame))[0])
        engine.close()
    else:
        findings.append(CheckResult(check="rules", ok=None, found="not tried without camera, bundle, engine and classifiers"))
    findings.append(_try("publisher", lambda: _publisher(config))[0])
    findings.append(_try("control", lambda: _control(config))[0])
    if config.recording is not None:
        findings.append(_try("recording", lambda: _recording(config))[0])
    findings.append(_window())
    return findings


def _try(name: str, attempt: Callable[[], tuple[str, T]]) -> tuple[CheckResult, T | None]:
    try:
        found, value = attempt()
    except RigtrackError as problem:
        return CheckResult(check=name, ok=False, found=str(problem)), None
    return CheckResult(check=name, ok=True, found=found), value


def _grab(config: Config) -> tuple[str, Frame]:
    camera = camera_factory(config.camera)()
    try:
        frame = _first_whole(camera, config.capture.stalled_after_s)
        height, width = frame.image.shape[:2]
        return f"{camera.description}: frame {frame.number} of {width}x{height}", frame
    finally:
        camera.close()


def _first_whole(camera: Camera, timeout_s: float) -> Frame:
    """The first frame that is not damaged; many webcams begin with some that are."""
    deadline_ns = time.monotonic_ns() + round(1e9 * timeout_s)
    while True:
        try:
            frame = camera.read(timeout_s)
        except CorruptFrameError as problem:
            if time.monotonic_ns() > deadline_ns:
                raise CameraError(f"no whole frame for {timeout_s:g} s, the last: {problem}") from None
            continue
        if frame is None:
            raise CameraError("the camera delivered no frame: its file or folder is empty; give one with frames in it")
        return frame


def _bundle(config: Config) -> tuple[str, Bundle]:
    bundle = read_bundle(Path(config.engine.bundle))
    about = bundle.description
    error = about.accuracy.mean_px
    held_out = f"{error:.2f} px on {about.accuracy.frames} held-out frames" if error is not None else "never scored on held-out frames"
    radius = f", confidence is the chance of an error within {distance_words(radii)}" if (radii := about.correct_within_px) else ""
    return f"{about.name}: {about.network}, {len(about.point_names)} points, {held_out}{radius}, hash {about.onnx_sha256[:12]}", bundle


def _engine(config: Config, bundle: Bundle) -> tuple[str, Engine]:
    engine = open_engine(bundle, config.engine, say=_quiet)
    return f"{engine.runtime} on {engine.device}, {engine.precision}; self-test passed", engine


def _quiet(_: str) -> None:
    """Progress of an engine build, which a check of one line each has no room for."""


def _gpu(config: Config, engine: Engine | None) -> CheckResult:
    if config.engine.runtime != "tensorrt":
        return CheckResult(check="gpu", ok=True, found=f"not used: engine.runtime is {config.engine.runtime}")
    if engine is None:
        return CheckResult(check="gpu", ok=None, found="the engine did not open; its line says why")
    return CheckResult(check="gpu", ok=True, found=engine.device)


def _calibration(config: Config, frame: Frame | None) -> CheckResult:
    path = config.calibration
    if path is None:
        return CheckResult(check="calibration", ok=True, found="none configured: coordinates in px only")
    if frame is None:
        return CheckResult(check="calibration", ok=None, found="not tried without a camera, whose image size it must have")
    height, width = frame.image.shape[:2]
    finding, calibration = _try("calibration", lambda: (f"{path}: for {width}x{height}", load_calibration(Path(path), (width, height))))
    if calibration is None or calibration.quality.verdict != "rejected":
        return finding
    why = "; ".join(calibration.quality.reasons) or "it gives no reason"
    return replace(finding, found=f"{finding.found}, but it is rejected: {why}; calibrate again before you trust its mm", warning=True)


def _view(bundle: Bundle | None, frame: Frame | None) -> CheckResult:
    if bundle is None or frame is None:
        return CheckResult(check="view", ok=None, found="not tried without camera and bundle")
    about, shape = bundle.description, frame.image.shape
    finding, _ = _try("view", lambda: (ViewFit(about.view, input_shape=about.input.shape, source_shape=shape).field_of_view, None))
    warning = unlike_training(about.trained_on, shape)
    return replace(finding, found=f"{finding.found} {warning}", warning=True) if finding.ok and warning else finding


def _classifiers(config: Config) -> tuple[str, dict[str, Classifier]]:
    opened = {each.name: open_classifier(read_bundle(Path(each.bundle)), threads=each.threads) for each in config.classifiers}
    return "; ".join(f"{name}: {_classes(each)}" for name, each in opened.items()) or "none configured", opened


def _classes(classifier: Classifier) -> str:
    about = classifier.bundle.description
    thresholds = about.behaviour.thresholds if about.behaviour is not None else ()
    found = ", ".join(f"{name} (threshold {threshold:.2f})" for name, threshold in zip(about.class_names, thresholds, strict=True))
    return f"{about.name}, {found}; self-test passed"


def _rules(config: Config, bundle: Bundle, engine: Engine, classifiers: dict[str, Classifier], frame: Frame) -> tuple[str, None]:
    check_rules(config, bundle, classifiers)
    setup = make_setup(config, bundle, engine, source_shape=frame.image.shape, classifiers=classifiers)
    points = setup.inference.points(frame.image)
    return f"{len(config.behaviour)} events fit the key points; highest confidence on that frame {float(points[..., 2].max()):.2f}", None


def _publisher(config: Config) -> tuple[str, None]:
    with Publisher(config.publisher, camera=config.name) as publisher:
        images = ImageStream(config.viewer, config.publisher, camera=config.name, session=publisher.session)
        images.close()
    pictures = config.viewer.bind if config.viewer.bind is not None else image_addresses(config.publisher.bind)
    return f"can bind {', '.join(config.publisher.bind)}, and for pictures {', '.join(pictures)}", None


def _control(config: Config) -> tuple[str, None]:
    with Control(config.control.bind, {}):
        return f"can bind {config.control.bind}", None


def _recording(config: Config) -> tuple[str, None]:
    settings = config.recording or RecordingConfig()
    load_libraries()
    return check_place(settings), None


def _window() -> CheckResult:
    """A rig without a desktop needs no window: what is missing is named and fails nothing."""
    missing = missing_window_libraries()
    if missing:
        found = f"none can be opened: {', '.join(missing)} missing; sudo apt-get install {' '.join(missing.values())}"
        return CheckResult(check="window", ok=None, found=found, needed=False)
    display = os.environ.get("DISPLAY")
    found = f"on display {display}" if display else "none can be opened: there is no desktop here (DISPLAY is not set)"
    return CheckResult(check="window", ok=True if display else None, found=found, needed=False)
