"""One video, from its file to a session's folder that exists whole or not at all."""

import hashlib
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

import msgspec
import numpy as np

from tracker.analysis.carried import NotCarriedError
from tracker.analysis.described import described
from tracker.analysis.frame_scores import FrameScores
from tracker.analysis.inferring import Engines, Inferred, infer
from tracker.analysis.job import Job, check_same, is_done
from tracker.analysis.networks import Networks
from tracker.analysis.overview import Overview, Pictures, read_overview, write_overview
from tracker.analysis.tables import StreamName, scores_at, write_tables
from tracker.analysis.unfinished_poses import PoseLog, confidence_of, confidence_of_frame, remove_unfinished
from tracker.analysis.video import open_video
from tracker.config import Config
from tracker.errors import CalibrationError, RecordingError
from tracker.motion import ImageMotion
from tracker.recording.frame_facts import facts_of_video
from tracker.recording.original_video import OriginalVideo
from tracker.recording.recorded_video import RecordedVideo
from tracker.recording.session import (
    CLOSED_FILE,
    SESSION_FILE,
    AnalysedWith,
    Closed,
    Description,
    claimed,
    is_claimed,
    read_description,
    write_part,
)
from tracker.setup import make_setup
from tracker.whole_files import remedy, sync_folder

logger = logging.getLogger(__name__)

_SYNC_S = 5.0  # what a kill costs, where a sync is quick
_SYNC_SHARE = 0.01  # of the time, at most: 10 MB of memory take a quarter of a second on a busy disk
_TOLD_S = 0.25
_OTHER_ENDS_S, _POLL_S = 20.0, 0.1
_REASON = "analysed"

Told = Callable[[int, "int | None"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisRequest:
    """What to run.

    Attributes:
        config: with the bundle that is run.
        made_with: its hashes.
        force: replace what was made with something else.
        threads: cores that this process may use.
    """

    config: Config
    made_with: AnalysedWith
    force: bool
    threads: int = 1

    def made_for(self, job: Job) -> AnalysedWith:
        """Its hashes for one video: the calibration that a recorded session brings counts among the settings, unless one is configured."""
        recorded = read_description(Path(job.source.session)).calibration if job.source.session else None
        if recorded is None or self.config.calibration is not None:
            return self.made_with
        settings = hashlib.sha256(f"{self.made_with.settings_sha256} {recorded}".encode()).hexdigest()
        return msgspec.structs.replace(self.made_with, settings_sha256=settings)


class StoppedError(Exception):
    """Told to stop; what was done is on the disk."""


def finished(job: Job, request: AnalysisRequest) -> Overview | None:
    """The result that is there already; None where there is work to do.

    Raises:
        RecordingError: it was made with something else, and that is not to be replaced.
    """
    if job.replaced.exists():  # ended while a result was being put in place of another
        if job.folder.exists():
            shutil.rmtree(job.replaced)
        else:
            job.replaced.rename(job.folder)
    made_with = request.made_for(job)
    for folder in (job.folder, job.work):
        if (folder / SESSION_FILE).exists() and not request.force:
            check_same(folder, made_with)
    if not is_done(job.folder) or read_description(job.folder).analysed_with != made_with:
        return None
    return read_overview(job.folder)


def analyse(job: Job, request: AnalysisRequest, engines: Callable[[], Engines], *, told: Told, stop: threading.Event) -> Overview:
    """Analyse a video, or go on where that was interrupted.

    Args:
        job: the video.
        request: what to run.
        engines: opened when called, once the video can be read.
        told: frames so far, and of how many, about; None where nobody knows.
        stop: once set, what is under way is written and it ends.

    Raises:
        StoppedError: told to stop.
        CameraError: the video cannot be read.
        RecordingError: the folder cannot be written, or another process is at it.
        BundleError, CalibrationError, ConfigError, EngineError: they do not fit the video or this machine.
    """
    try:
        video = open_video(job, threads=max(1, request.threads // 2))  # the network takes most of the cores
        description = _prepare(job, request, video)
        with _claimed_soon(job.work):
            if not is_done(job.work):
                _work(job, request, video, engines(), description=description, told=told, stop=stop)
            overview = read_overview(job.work)
            _put_in_place(job)
    except (OSError, RecordingError) as problem:
        done = finished(job, request) if is_done(job.folder) else None
        if done is not None:  # another command was at it and has put its result in place
            return done
        if isinstance(problem, RecordingError):
            raise
        raise RecordingError(
            f"{job.work}: cannot be written: {problem.strerror}; {remedy(problem)}; the same command then goes on"
        ) from problem
    return overview


@contextmanager
def _claimed_soon(folder: Path) -> Iterator[None]:
    """The process of a command that was killed writes what is under way before it ends."""
    deadline = time.monotonic() + _OTHER_ENDS_S
    while is_claimed(folder) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    with claimed(folder):
        yield


def _prepare(job: Job, request: AnalysisRequest, video: OriginalVideo | RecordedVideo) -> Description:
    """The description of the unfinished session, which is there from now on: the one begun, if it is of the same."""
    made_with = request.made_for(job)
    if (job.work / SESSION_FILE).exists():
        begun = read_description(job.work)
        if begun.analysed_with == made_with:
            return begun
        with _claimed_soon(job.work):
            pass
    if job.work.exists():
        shutil.rmtree(job.work)
    job.work.mkdir(parents=True)
    description = described(job, request.config, made_with, video)
    write_part(job.work, SESSION_FILE, description)
    return description


def _work(
    job: Job,
    request: AnalysisRequest,
    video: OriginalVideo | RecordedVideo,
    engines: Engines,
    *,
    description: Description,
    told: Told,
    stop: threading.Event,
) -> None:
    engine = next(iter(engines.engines), None)
    with _with_calibration(request.config, description) as config:
        setup, by_frame = (
            make_setup(config, engines.bundle, engine, source_shape=video.shape, classifiers=engines.classifiers) for _ in range(2)
        )
    recorded = video.facts if isinstance(video, RecordedVideo) else None
    scores = FrameScores(by_frame, None if recorded is None else recorded.frame)
    _, animals, points, _ = engines.bundle.description.output.shape if engines.bundle is not None else (1, 0, 0, 3)
    setup.scores.reset()
    networks = Networks(engines, scores)
    log = PoseLog(job.work, animals=animals, points=points, rectangles=setup.brightness.names, scores=scores.names)
    try:
        _go_on(job, log, networks, stop)
        pictures = Pictures(job.work, log.progress.pictures)
        frames = infer(
            video,
            engines,
            begin=log.frames,
            stop=stop,
            motion=ImageMotion(request.config.motion.size),
            brightness=setup.brightness,
            colour=bool(scores.names),
        )
        _log_all(frames, log, pictures, networks, expected=video.expected, told=told)
        if stop.is_set():
            raise StoppedError
        records = log.read()
        stream = StreamName(camera=description.camera, session=description.stream_session)
        facts = recorded or facts_of_video(records["time_ns"])
        found = write_tables(job.work, records, facts, setup, stream, scores=scores.names)
        seconds = float(facts.received_ns[-1] - facts.received_ns[0]) / 1e9
        write_overview(
            job.work,
            found,
            sure=confidence_of(found, records["scores"]),
            seconds=seconds,
            size=(video.shape[0], video.shape[1]),
            kept=log.progress.pictures,
            fault=video.fault(),
            overlay=request.config.overlay,
            scores=scores_at(job.work, {each.frame for each in log.progress.pictures.values()}),
        )
        segments = np.bincount(facts.segment)[1:].tolist()
        write_part(job.work, CLOSED_FILE, Closed(reason=_REASON, frames=len(found), dropped=0, segments=segments))
    finally:
        log.close()


def _go_on(job: Job, log: PoseLog, networks: Networks, stop: threading.Event) -> None:
    """Have the networks carry what they carried behind the last frame of the log; where that is not known, the log begins anew."""
    if not (networks.carry and log.frames):
        return

    def records() -> Iterator[np.void]:
        for record in log.read():
            if stop.is_set():
                raise StoppedError
            yield record

    try:
        networks.go_on(log.carried(), records())
    except NotCarriedError as problem:
        logger.warning(
            "%s: what its networks remember behind frame %d cannot be used: %s; it is analysed again from its first frame on",
            job.video,
            log.frames,
            problem,
        )
        networks.reset()
        log.begin_anew()


@contextmanager
def _with_calibration(config: Config, description: Description) -> Iterator[Config]:
    """The configuration, for as long as it takes to read it, with the calibration that a recording brings along, unless it has one."""
    if config.calibration is not None or description.calibration is None:
        yield config
        return
    with NamedTemporaryFile("w", encoding="utf-8", suffix=".yaml") as file:
        file.write(description.calibration)
        file.flush()
        try:
            yield msgspec.structs.replace(config, calibration=file.name)
        except CalibrationError as problem:
            raise CalibrationError(str(problem).replace(file.name, f"the calibration in {SESSION_FILE} of the recording")) from problem


def _log_all(frames: Iterator[Inferred], log: PoseLog, pictures: Pictures, networks: Networks, *, expected: int | None, told: Told) -> None:
    synced = said = time.monotonic()
    took_s = 0.0
    for each in frames:
        found = networks.of(each)
        pictures.take(log.frames, each.image, confidence_of_frame(each.points, found))
        log.append(time_ns=each.time_ns, motion=each.motion, points=each.points, brightness=each.brightness, scores=found)
        now = time.monotonic()
        if now - said >= _TOLD_S:
            told(log.frames, expected)
            said = now
        if now - synced >= sync_pause_s(took_s) and networks.can_be_kept:
            _sync(log, pictures, networks)
            synced = time.monotonic()
            took_s = synced - now
    _sync(log, pictures, networks)


def sync_pause_s(took_s: float) -> float:
    """How long to wait behind a sync that took so long."""
    return max(_SYNC_S, took_s / _SYNC_SHARE)


def _sync(log: PoseLog, pictures: Pictures, networks: Networks) -> None:
    pictures.write()
    log.sync(pictures.kept, networks.carried())


def _put_in_place(job: Job) -> None:
    """Under its name at once and whole; what was there before is removed after that."""
    remove_unfinished(job.work)
    sync_folder(job.work)
    if job.folder.exists():
        job.folder.rename(job.replaced)
    job.work.rename(job.folder)
    sync_folder(job.folder.parent)
    if job.replaced.exists():
        shutil.rmtree(job.replaced)
