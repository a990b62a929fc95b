"""What is to be done with one video, and whether it was done before."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tracker.bundle import Bundle, read_bundle
from tracker.config import Config, EngineConfig, IdentityConfig
from tracker.config_cameras import OpenCVCamera
from tracker.errors import RecordingError
from tracker.recording.original_video import identify, is_drawn_video
from tracker.recording.recorded_source import identify_recorded, is_recorded
from tracker.recording.session import AnalysedWith, SourceVideo, read_closed, read_description

_WORK = ".{}.work"
_REPLACED = ".{}.replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One video and where its session goes.

    Attributes:
        video: as it was given.
        source: which file that is.
        folder: of the finished session.
        drawn: the file says that something was drawn on another video.
    """

    video: Path
    source: SourceVideo
    folder: Path
    drawn: bool = False

    @property
    def work(self) -> Path:
        """The folder of the session until it is whole."""
        return self.folder.with_name(_WORK.format(self.folder.name))

    @property
    def replaced(self) -> Path:
        """The session that was there before, for the moment in which it is replaced."""
        return self.folder.with_name(_REPLACED.format(self.folder.name))


def job_for(video: Path, out: Path, *, taken: dict[Path, str]) -> Job:
    """Where the session of a video goes: the folder of its name, or, where that is another video's, with its fingerprint behind.

    Args:
        video: the file, or the folder of a recorded session.
        out: the folder of all sessions.
        taken: folders of the other videos of this call, and which videos those are; this one is added.

    Raises:
        RecordingError: the video is not there, was given twice or is a session that is not whole, or its folder holds something else.
    """
    recorded = is_recorded(video)
    if video.exists() and not video.is_file() and not recorded:
        raise RecordingError(f"{video}: is not a file; give the path of a video, or the folder of a recorded session")
    source, drawn = (identify_recorded(video), False) if recorded else (identify(video), is_drawn_video(video))
    if source.path in taken.values():
        raise RecordingError(f"{video}: was given twice; give every video once")
    name = video.resolve().name if video.is_dir() else video.stem
    plain = out / name.lstrip(".")
    marked = out / f"{plain.name}-{source.fingerprint[:8]}"
    for folder in (plain, marked):
        job = Job(video=video, source=source, folder=folder, drawn=drawn)
        if folder not in taken and _is_of(job):
            taken[folder] = source.path
            return job
    raise RecordingError(f"{video}: its folder {marked} holds something else; give another --out")


def analysis_config(config: Config | None, bundle: Bundle | None) -> Config:
    """The configuration that an analysis runs with: without a file, the defaults, and identities where the bundle finds several animals.

    Args:
        config: of the rig, None for none.
        bundle: that finds the key points; None for classifiers alone.
    """
    if config is None:
        identity = IdentityConfig() if bundle is not None and bundle.description.output.shape[1] > 1 else None
        config = Config(name="video", camera=OpenCVCamera(device="video"), engine=EngineConfig(), identity=identity)
    return msgspec.structs.replace(config, engine=msgspec.structs.replace(config.engine, bundle=str(bundle.folder) if bundle else None))


def analysed_with(config: Config, bundle: Bundle | None) -> AnalysedWith:
    """What decides the numbers of an analysis.

    Raises:
        RecordingError: the calibration cannot be read.
        BundleError: a classifier cannot.
    """
    try:
        calibration = None if config.calibration is None else Path(config.calibration).read_bytes()
    except OSError as problem:
        raise RecordingError(f"{config.calibration}: the calibration cannot be read: {problem.strerror}") from problem
    engine = config.engine
    classifiers = [
        (each.name, _sha256(read_bundle(Path(each.bundle)).description), *([each.only_when] if each.only_when is not None else []))
        for each in config.classifiers
    ]
    rules = (config.identity, calibration, config.zones, config.motion, classifiers, config.behaviour)
    settings = (engine.runtime, engine.precision, config.name, *rules)
    return AnalysedWith(bundle_sha256=_sha256(bundle.description if bundle else None), settings_sha256=_sha256(settings))


def check_same(folder: Path, wanted: AnalysedWith) -> None:
    """Refuse to go on with, or replace, what was made with something else.

    Raises:
        RecordingError: in one sentence, what differs.
    """
    found = read_description(folder).analysed_with
    if found == wanted:
        return
    other = "another bundle" if found is None or found.bundle_sha256 != wanted.bundle_sha256 else "other settings"
    hint = "" if other == "another bundle" else "; for other zones or rules alone, `tracker replay` is enough"
    raise RecordingError(f"{folder}: was made with {other}; give --force to replace it, or another --out{hint}")


def is_done(folder: Path) -> bool:
    """Whether a folder holds a whole session."""
    return folder.is_dir() and read_closed(folder) is not None


def _is_of(job: Job) -> bool:
    """Whether the folder is free, or holds the session of this video."""
    there = [folder for folder in (job.folder, job.work, job.replaced) if (folder / "session.json").exists()]
    if not there:
        return not job.folder.exists() or not any(job.folder.iterdir())
    source = read_description(there[0]).source
    return source is not None and source.fingerprint == job.source.fingerprint


def _sha256(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()
