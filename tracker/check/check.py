"""Try every part of a configuration, look at the camera and judge what it sends, one line each, before an animal depends on it."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import msgspec
import numpy as np

from tracker.cameras.open_camera import camera_factory, has_own_rate
from tracker.check import machine, parts, picture_quality, timing
from tracker.check.pose_resemblance import pose_resemblances
from tracker.check.result import CheckResult, unjudged
from tracker.check.sheet import write_sheet
from tracker.check.watch import Watched, watch
from tracker.config import Config, RecordingConfig
from tracker.errors import RecordingError
from tracker.frame import Image
from tracker.pose import KeyPoints, Pose
from tracker.resemblance import appearance
from tracker.setup import Setup
from tracker.whole_files import nearest, remedy, write_whole

REPORT = "check.json"
_FEWEST_HZ_FRAMES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of a check.

    Attributes:
        seconds: how long to look at the camera; 0: one frame, and no judgement of pictures.
        planned_s: how long a recording is planned.
        folder: for pictures and the report, None for none.
    """

    seconds: float = 5.0
    planned_s: float = 12 * 3600.0
    folder: Path | None = None


def check(
    config_path: Path, *, as_json: bool, out: TextIO, asked: Asked | None = None, progress: Callable[[float], None] = lambda _: None
) -> bool:
    """Check configuration, camera, bundle, engine, fit and sockets, and what recording needs. Returns whether all are well.

    Args:
        config_path: of `tracker.yaml`.
        as_json: print one JSON object instead of lines.
        out: where to.
        asked: how long to look, for which recording, and whether to draw.
        progress: told the seconds that the camera has been looked at.

    Raises:
        RecordingError: the folder for pictures cannot be written.
    """
    asked = asked or Asked()
    finding, config = parts.read(config_path)
    findings = [finding]
    if config is not None:
        findings += _Check(config, asked, progress).findings()
    well = all(finding.ok or not finding.needed for finding in findings)
    report = {"ok": well, "checks": [asdict(finding) for finding in findings], "config": msgspec.to_builtins(config)}
    if asked.folder is not None:
        _write_report(asked.folder, report)
    if as_json:
        out.write(json.dumps(report, indent=2) + "\n")
        return well
    for finding in findings:
        mark = "WARN  " if finding.warning else {True: "ok    ", False: "FAILED", None: "-     "}[finding.ok]
        out.write(f"{mark}  {finding.check:<14} {finding.found}\n")
    return well


class _Check:
    """One check, from the camera to the window."""

    def __init__(self, config: Config, asked: Asked, progress: Callable[[float], None]) -> None:
        self._config, self._asked, self._progress = config, asked, progress
        self._own_rate = has_own_rate(config.camera)
        self._offset_ns, self._throttled = machine.unix_offset_ns(), machine.throttled()

    def findings(self) -> list[CheckResult]:
        """Every line but the configuration's."""
        config = self._config
        camera, watched = parts.attempted("camera", self._watch)
        frame = watched.first if watched else None
        bundle, loaded = parts.bundle(config)
        opened_classifiers, classifiers = parts.classifiers(config)
        engine, opened = parts.engine(config, loaded)
        calibration, view = parts.calibration(config, frame), parts.view(config, loaded, frame)
        unfit = next((each.check for each in (calibration, view) if each.ok is False), None)
        found = [
            camera,
            bundle,
            *([opened_classifiers] if config.classifiers else []),
            engine,
            parts.gpu(config, opened),
            calibration,
            view,
        ]
        try:
            rules, setup = parts.rules(config, loaded, opened, classifiers, frame, unfit=unfit)
            found.append(rules)
            if watched is not None and self._asked.seconds > 0:
                wrong = None if opened is None else unfit or ("classifiers" if classifiers is None else "rules")
                found += self._pictures(watched, setup, wrong=wrong)
            found += [parts.publisher(config), parts.control(config)]
            if config.recording is not None:
                found += self._recording(config.recording, watched, setup)
        finally:
            if opened is not None:
                opened.close()
        return [*found, parts.window()]

    def _no_poses(self, wrong: str | None) -> str:
        """Why no key points were found; `wrong`: the part that keeps an open engine from its work."""
        if self._config.engine.bundle is None:
            return "not judged without key points"
        return "not judged without an engine" if wrong is None else f"not judged: the line of the {wrong} says what is wrong"

    def _watch(self) -> tuple[str, Watched]:
        camera = camera_factory(self._config.camera)()
        try:
            watched = watch(camera, self._asked.seconds, timeout_s=self._config.capture.stalled_after_s, progress=self._progress)
            height, width = watched.first.image.shape[:2]
            return f"{camera.description}: frame {watched.first.number} of {width}x{height}", watched
        finally:
            camera.close()

    def _pictures(self, watched: Watched, setup: Setup | None, *, wrong: str | None) -> list[CheckResult]:
        images = [frame.image for frame in watched.spread]
        key_points = setup.bundle if setup is not None else None
        poses: list[KeyPoints] = [setup.points(image) for image in images] if setup is not None and key_points is not None else []
        background = picture_quality.background_of(images)
        found = [
            picture_quality.exposure(images),
            picture_quality.contrast(images, poses, background) if poses else unjudged("contrast", self._no_poses(wrong)),
            picture_quality.focus(background),
            *([picture_quality.resemblance(key_points, list(map(appearance, images, poses)))] if key_points is not None else []),
            *(_of_classifiers(setup, images, poses) if setup is not None else []),
            *(pose_resemblances(setup, watched) if setup is not None else []),
            timing.flicker(watched, has_own_rate=self._own_rate),
            timing.rate(watched, expected_hz=self._config.camera.rate_hz, has_own_rate=self._own_rate),
            timing.losses(watched),
        ]
        if self._asked.folder is not None:
            sheet = write_sheet(self._asked.folder, watched, background, poses, found)
            found.append(CheckResult(check="pictures", ok=True, found=f"{sheet}", needed=False))
        return found

    def _recording(self, settings: RecordingConfig, watched: Watched | None, setup: Setup | None) -> list[CheckResult]:
        place = parts.recording(self._config)
        found = [place]
        if watched is None or not place.ok:
            found.append(unjudged("keeps up", "not tried without camera and folder"))
        else:
            found += self._load(settings, watched, setup)
        found.append(machine.clock(self._offset_ns))
        found.append(machine.temperature(self._throttled))
        if watched is not None:
            queue_frames = self._config.capture.queue_frames if self._config.capture.pace == "every_frame" else 1
            found.append(machine.memory(machine.memory_of_queues(watched.first.image, settings, queue_frames)))
        return found

    def _load(self, settings: RecordingConfig, watched: Watched, setup: Setup | None) -> list[CheckResult]:
        from tracker.check import recording_load  # needs the extra `record`, which a rig that does not record may be without

        folder = nearest(Path(settings.folder))
        infer = _work_of(setup) if setup is not None else None
        try:
            load = recording_load.measure(watched.in_a_row, settings=settings, folder=folder, rate_hz=self._rate_hz(watched), infer=infer)
        except RecordingError as problem:
            return [CheckResult(check="keeps up", ok=False, found=str(problem))]
        if load is None:
            return [unjudged("keeps up", f"not judged: it takes three frames, {len(watched.in_a_row)} came")]
        return [
            recording_load.keeps_up(load),
            recording_load.space(load, settings=settings, folder=folder, planned_s=self._asked.planned_s),
            recording_load.syncing(load, settings=settings),
        ]

    def _rate_hz(self, watched: Watched) -> float | None:
        """As it came, as it is configured, or none."""
        if not self._own_rate:
            return None
        if len(np.unique(watched.numbers)) >= _FEWEST_HZ_FRAMES:
            return 1 / timing.line_through(watched)[0]
        return self._config.camera.rate_hz


def _work_of(setup: Setup) -> Callable[[Image], KeyPoints]:
    """All networks on one image, as the loop runs them."""

    def points(image: Image) -> KeyPoints:
        found = setup.points(image)
        setup.scores.of(Pose(points=found, mm=None), image, time.monotonic_ns())
        return found

    return points


def _write_report(folder: Path, report: dict[str, Any]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / REPORT, (json.dumps(report, indent=2) + "\n").encode())
    except OSError as problem:
        raise RecordingError(f"{folder}: the report cannot be written: {problem.strerror}; {remedy(problem)}") from problem


def _of_classifiers(setup: Setup, images: Sequence[Image], poses: Sequence[KeyPoints]) -> list[CheckResult]:
    """Whether what each classifier takes of the pictures is like what it has learnt from."""
    nobody = np.empty((0, 0, 3), np.float32)
    taken = [setup.scores.images_taken(image, poses[place] if poses else nobody, 0) for place, image in enumerate(images)]
    found = []
    for name, classifier in setup.scores.classifiers.items():
        seen = [image for each in taken if (image := each.get(name)) is not None]
        if classifier.about.region is not None:
            parts = [appearance(image[..., 0] if image.shape[2] == 1 else image, nobody) for image in seen]
            found.append(picture_quality.resemblance(classifier.bundle.description, parts, classifier=name))
    return found
