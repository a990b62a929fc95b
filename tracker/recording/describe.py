"""What a session says of itself: everything needed to know later how it came about."""

import logging
import platform
import re
import time
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import combinations
from pathlib import Path
from statistics import median

import msgspec

from tracker.boot_id import boot_id
from tracker.bundle import read_bundle
from tracker.cameras.read_back import ReadBack
from tracker.config import SESSION_NAME, Config, RecordingConfig
from tracker.errors import BundleError, RecordingError
from tracker.frame import Frame
from tracker.recording.session import Description, VideoFormat

logger = logging.getLogger(__name__)

_LIBRARIES = ("rigtrack", "numpy", "opencv-python", "openvino", "tensorrt", "av", "pyarrow")
_FASTEST_HZ = 500.0  # Matroska counts milliseconds
_UNKNOWN_HZ = 30.0
_AGREES = 0.2  # share by which the first frames may differ from the camera's word
_WHOLE = 0.0005  # share by which a measured rate may differ from a whole number: half of what 29.97 differs from 30
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_FOLDER = re.compile(r"\w[^/\\]*")
_LONGEST_NAME = 200  # bytes
NameAndHash = tuple[str, str]  # of a bundle: its name, and the SHA-256 of its network
RATE_FRAMES = 10  # from so many frames the rate of the time stamps is taken


def describe(
    config: Config,
    settings: RecordingConfig,
    first: list[Frame],
    *,
    camera_description: str,
    camera_settings: ReadBack | None = None,
    stream_session: str,
    meta: dict[str, str],
    bundle: NameAndHash | None = None,
) -> Description:
    """The description of a session that begins with these frames.

    Args:
        config: in effect.
        settings: its section recording.
        first: one frame at least; with more, they are asked for the rate of the video's time stamps too.
        camera_description: as read back from the camera.
        camera_settings: likewise; None where it says none.
        stream_session: of the daemon.
        meta: noted for this session, over those of the configuration.
        bundle: in use; None where none is yet, for the configuration's.

    Raises:
        RecordingError: the calibration file cannot be read.
    """
    image = first[0].image
    name, sha256 = bundle or _configured_bundle(config) or (None, None)
    return Description(
        created=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        unix_offset_ns=time.clock_gettime_ns(time.CLOCK_REALTIME) - time.monotonic_ns(),
        camera=config.name,
        camera_description=camera_description,
        camera_settings=dict(camera_settings or {}),
        stream_session=stream_session,
        video=VideoFormat(
            width=image.shape[1],
            height=image.shape[0],
            colour=image.ndim == 3,
            rate_hz=_rate_hz(first, config, camera_settings or {}),
            crf=settings.crf,
            preset=settings.preset,
            encoder=_encoder(settings, width=image.shape[1], height=image.shape[0]),
        ),
        versions={"python": platform.python_version()} | {name: found for name in _LIBRARIES if (found := _version(name))},
        config=msgspec.to_builtins(config),
        calibration=_text(config.calibration),
        meta={**settings.meta, **meta},
        bundle=name,
        bundle_sha256=sha256,
        no_engine=name is None and not config.has_engine,
        boot_id=boot_id(),
    )


def _encoder(settings: RecordingConfig, *, width: int, height: int) -> str:
    if settings.encoder == "libx264":
        return settings.encoder
    from tracker.recording.encoder_choice import choose_encoder  # needs PyAV, which a tracker without recordings need not have

    choice = choose_encoder(settings.encoder, width=width + width % 2, height=height + height % 2)
    if choice.why_not is not None:
        logger.warning("%s", choice.why_not)
    return choice.name


def session_folder(settings: RecordingConfig, name: str | None, *, camera: str, meta: dict[str, str]) -> Path:
    """Where a session is written: the given name, or the configured one with its placeholders filled in.

    Raises:
        RecordingError: a placeholder has no value, or the name is not one of a folder.
    """
    now = datetime.now()
    values = {**settings.meta, **meta, "date": f"{now:%Y-%m-%d}", "time": f"{now:%H-%M-%S}", "camera": camera}
    pattern = settings.name if name is None else name
    if not re.match(SESSION_NAME, pattern):
        raise RecordingError(
            f"{pattern[:_LONGEST_NAME]!r} is not the name of a session's folder; expected 1 to {_LONGEST_NAME} letters, digits, _ and -, "
            "and placeholders such as {animal}"
        )
    unknown = [name for name in _PLACEHOLDER.findall(pattern) if name not in values]
    if unknown:
        raise RecordingError(
            f"recording.name has the placeholder '{unknown[0]:.60}', which has no value; give it with --meta, or use one of "
            f"{', '.join(sorted(values))}"
        )
    filled = _PLACEHOLDER.sub(lambda found: values[found[1]], pattern)
    if not _FOLDER.fullmatch(filled) or not filled.isprintable() or len(filled.encode("utf-8", "replace")) > _LONGEST_NAME:
        raise RecordingError(
            f"{filled[:_LONGEST_NAME]!r} is not the name of a session's folder; with its notes filled in, expected 1 to {_LONGEST_NAME} "
            "bytes that begin with a letter, digit or _ and hold no '/' or control character"
        )
    return Path(settings.folder) / filled


def _rate_hz(first: list[Frame], config: Config, said: ReadBack) -> float:
    """Of the video's time stamps, Hz in steps of 0.01, which the container states exactly: what the camera says of itself, or was measured.

    Measured is the median over every two frames (Theil and Sen's slope of times over numbers), which one late frame does not change. If a
    camera delivers other than it says, as in the dark or by a trigger, that counts.
    """
    intervals_ns = [
        (after.received_ns - before.received_ns) / (after.number - before.number)
        for before, after in combinations(first, 2)
        if after.number > before.number
    ]
    interval_ns = median(intervals_ns) if intervals_ns else 0.0
    measured = 1e9 / interval_ns if interval_ns > 0 else None
    stated = None if getattr(config.camera, "trigger_line", None) is not None else _stated_hz(said)
    if stated is not None and (measured is None or abs(measured - stated) <= _AGREES * stated):
        rate = stated
    elif measured is not None:
        rate = float(round(measured)) if abs(measured - round(measured)) <= _WHOLE * measured else measured
    else:
        rate = _UNKNOWN_HZ
    return min(_FASTEST_HZ, max(1.0, round(rate, 2)))


def _stated_hz(said: ReadBack) -> float | None:
    """The rate that a camera reaches with its settings, where it says that, else the one it was set to."""
    rates = (said.get(key) for key in ("resulting_rate_hz", "rate_hz"))
    return next((float(rate) for rate in rates if isinstance(rate, int | float) and rate > 0), None)


def _configured_bundle(config: Config) -> NameAndHash | None:
    if config.engine.bundle is None:
        return None
    try:
        description = read_bundle(Path(config.engine.bundle)).description
    except BundleError:  # who opens its engine says so
        return None
    return description.name, description.onnx_sha256


@cache  # asking takes half a millisecond each
def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _text(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise RecordingError(f"{path}: the calibration cannot be noted with the session: {problem}") from problem
