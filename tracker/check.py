"""Try every part of a configuration once, one line each, before an animal depends on it."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO, TypeVar

import msgspec
import yaml

from tracker.bundle import Bundle, read_bundle
from tracker.calibration import load_calibration
from tracker.cameras.open_camera import camera_factory
from tracker.config import Config, load_config
from tracker.control import Control
from tracker.engines.engine import Engine
from tracker.engines.open_engine import open_engine
from tracker.errors import CameraError, RigtrackError
from tracker.frame import Frame
from tracker.publisher import Publisher
from tracker.setup import make_setup

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found; `ok` is None for a part that could not be tried because an earlier one failed."""

    check: str
    ok: bool | None
    found: str


def check(config_path: Path, *, as_json: bool, out: TextIO) -> bool:
    """Check configuration, camera, bundle, engine, fit and sockets. Returns whether all are well."""
    config, finding = _read(config_path)
    findings = [finding]
    if config is not None:
        findings += _parts(config)
    well = all(finding.ok for finding in findings)
    if as_json:
        report = {"ok": well, "checks": [asdict(finding) for finding in findings], "config": msgspec.to_builtins(config)}
        out.write(json.dumps(report, indent=2) + "\n")
        return well
    for finding in findings:
        mark = {True: "ok    ", False: "FAILED", None: "-     "}[finding.ok]
        out.write(f"{mark}  {finding.check:<14} {finding.found}\n")
    if config is not None:
        out.write("\nIn effect:\n" + yaml.safe_dump(msgspec.to_builtins(config), sort_keys=False, allow_unicode=True))
    return well


def _read(path: Path) -> tuple[Config | None, Finding]:
    try:
        config = load_config(path)
    except RigtrackError as problem:
        return None, Finding(check="configuration", ok=False, found=str(problem))
    return config, Finding(check="configuration", ok=True, found=f"{path}: {len(config.behaviour)} events, {len(config.zones)} zones")


def _parts(config: Config) -> list[Finding]:
    camera, frame = _try("camera", lambda: _grab(config))
    bundle, loaded = _try("bundle", lambda: _bundle(config))
    findings = [camera, bundle]
    if loaded is None:
        findings.append(Finding(check="engine", ok=None, found="not tried without a bundle"))
        engine = None
    else:
        finding, engine = _try("engine", lambda: _engine(config, loaded))
        findings.append(finding)
    findings.append(_gpu(config, engine))
    findings.append(_calibration(config, frame))
    if frame is not None and loaded is not None and engine is not None:
        findings.append(_try("rules", lambda: _rules(config, loaded, engine, frame))[0])
        engine.close()
    else:
        findings.append(Finding(check="rules", ok=None, found="not tried without camera, bundle and engine"))
    findings.append(_try("publisher", lambda: _publisher(config))[0])
    findings.append(_try("control", lambda: _control(config))[0])
    return findings


def _try(name: str, attempt: Callable[[], tuple[str, T]]) -> tuple[Finding, T | None]:
    try:
        found, value = attempt()
    except RigtrackError as problem:
        return Finding(check=name, ok=False, found=str(problem)), None
    return Finding(check=name, ok=True, found=found), value


def _grab(config: Config) -> tuple[str, Frame]:
    camera = camera_factory(config.camera)()
    try:
        frame = camera.read(config.capture.stalled_after_s)
        if frame is None:
            raise CameraError("the camera delivered no frame: its file or folder is empty; give one with frames in it")
        height, width = frame.image.shape[:2]
        return f"{camera.description}: frame {frame.number} of {width}x{height}", frame
    finally:
        camera.close()


def _bundle(config: Config) -> tuple[str, Bundle]:
    bundle = read_bundle(Path(config.engine.bundle))
    about = bundle.description
    error = about.accuracy.mean_px
    held_out = f"{error:.2f} px on {about.accuracy.frames} held-out frames" if error is not None else "never scored on held-out frames"
    return f"{about.name}: {about.network}, {len(about.point_names)} points, {held_out}, hash {about.onnx_sha256[:12]}", bundle


def _engine(config: Config, bundle: Bundle) -> tuple[str, Engine]:
    engine = open_engine(bundle, config.engine, say=_quiet)
    return f"{engine.runtime} on {engine.device}, {engine.precision}; self-test passed", engine


def _quiet(_: str) -> None:
    """Progress of an engine build, which a check of one line each has no room for."""


def _gpu(config: Config, engine: Engine | None) -> Finding:
    if config.engine.runtime != "tensorrt":
        return Finding(check="gpu", ok=True, found=f"not used: engine.runtime is {config.engine.runtime}")
    if engine is None:
        return Finding(check="gpu", ok=None, found="the engine did not open; its line says why")
    return Finding(check="gpu", ok=True, found=engine.device)


def _calibration(config: Config, frame: Frame | None) -> Finding:
    path = config.calibration
    if path is None:
        return Finding(check="calibration", ok=True, found="none configured: coordinates in px only")
    if frame is None:
        return Finding(check="calibration", ok=None, found="not tried without a camera, whose image size it must have")
    height, width = frame.image.shape[:2]
    return _try("calibration", lambda: (f"{path}: for {width}x{height}", load_calibration(Path(path), (width, height))))[0]


def _rules(config: Config, bundle: Bundle, engine: Engine, frame: Frame) -> tuple[str, None]:
    setup = make_setup(config, bundle, engine, source_shape=frame.image.shape)
    points = setup.inference.points(frame.image)
    return f"{len(config.behaviour)} events fit the key points; highest confidence on that frame {float(points[..., 2].max()):.2f}", None


def _publisher(config: Config) -> tuple[str, None]:
    with Publisher(config.publisher, camera=config.name):
        return f"can bind {', '.join(config.publisher.bind)}", None


def _control(config: Config) -> tuple[str, None]:
    with Control(config.control.bind, {}):
        return f"can bind {config.control.bind}", None
