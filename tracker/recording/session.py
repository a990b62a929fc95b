"""Contract 4: one recording, a folder that says everything about itself. What each file holds, its names, and its description.

session.json      written and synced before the first frame: camera, bundle, configuration, notes
video-001.mkv …   H.264 in full range, time stamps count frames; a new one where the camera was away, or by time
frames.arrows     Arrow stream, a row for every frame of the video, in its order
events.arrows     Arrow stream, a row for every change of an event
setups.jsonl      what turned frames into poses and events, a line whenever it changed
closed.json       written last; a session without it was cut off, and `tracker recover` mends it
waiting-001.raw … only while frames wait for the encoder: these, raw, see waiting_records.py
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from tracker.errors import RecordingError
from tracker.whole_files import remedy, sync_folder, write_whole

SESSION_FILE = "session.json"
CLOSED_FILE = "closed.json"
FRAMES_FILE = "frames.arrows"
EVENTS_FILE = "events.arrows"
SETUPS_FILE = "setups.jsonl"
TRACKER_ENDED = "the tracker ended"  # reasons in closed.json: the next start goes on with such a session, and with none of the others
BY_HAND = "stopped by hand"
FILE_OVER = "the camera's file was over"
_SEGMENT = re.compile(r"video-\d{3,}\.mkv")

T = TypeVar("T")
Count = Annotated[int, msgspec.Meta(ge=0)]


class SessionPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping in a session's JSON files: unknown fields are refused."""


class VideoFormat(SessionPart, frozen=True, kw_only=True):
    """How frames stand in the video.

    Attributes:
        width: of the camera's images; the video is padded to even numbers, and the reader takes that off.
        height: likewise.
        colour: whether images are RGB; grey ones lie in the luminance plane unchanged.
        rate_hz: what the time stamps say; the true times are in frames.arrows.
        crf: constant rate factor of x264, less is better and larger; 0 for a video that was only analysed.
        preset: of x264; "original" for a video that was only analysed.
        encoder: what the video was encoded by, as FFmpeg calls it; of a video that was only analysed its codec, "unknown" where not said.
    """

    width: int
    height: int
    colour: bool
    rate_hz: float
    crf: int
    preset: str
    encoder: str = "libx264"


class SourceVideo(SessionPart, frozen=True, kw_only=True):
    """The video that was analysed, where a session holds none of its own.

    Attributes:
        path: where it was, absolute; of a whole recorded session its folder.
        bytes: its size.
        fingerprint: SHA-256 of its size and of a MiB at its beginning, middle and end; of what was recorded by rigtrack, of its table of
            frames and the sizes of its videos.
        decoder: which library read it.
        filmed: creation time that the file states, UTC, ISO 8601; None where it states none, and in sessions of older versions.
        changed: when the file was last changed before it was analysed, likewise; None in sessions of older versions.
        session: folder of the recorded session that holds it, absolute; "" for any other video.
        segments: the numbers of the session's videos that were analysed; none for any other video.
    """

    path: str
    bytes: int
    fingerprint: str
    decoder: Literal["pyav", "opencv"] = "pyav"
    filmed: str | None = None
    changed: str | None = None
    session: str = ""
    segments: tuple[int, ...] = ()


class AnalysedWith(SessionPart, frozen=True, kw_only=True):
    """What made poses and events of a video, so that it is not done twice.

    Attributes:
        bundle_sha256: of the bundle's bundle.json, which names the network's own hash.
        settings_sha256: of everything else: precision, identity, calibration, zones, rules.
    """

    bundle_sha256: str
    settings_sha256: str


class Description(SessionPart, frozen=True, kw_only=True):
    """session.json.

    Attributes:
        schema: of this folder.
        created: UTC, ISO 8601.
        unix_offset_ns: added to a monotonic time of this session gives unix time; 0 for a video that was analysed and not
            recorded by rigtrack, whose times count from its first frame.
        camera: its name in the stream.
        camera_description: model, size and rate as read back from it.
        camera_settings: all else that it said of itself when it had been opened and set; empty in sessions of older versions.
        stream_session: of the daemon that recorded; the same in every message it published.
        video: how frames stand in the video.
        versions: of rigtrack, Python and the libraries that matter.
        config: the whole configuration in effect.
        calibration: text of the calibration file, None where there was none.
        meta: whatever the lab gave: animal, experimenter, temperature, notes.
        bundle: name of the engine bundle in use when the session began; None where there was none or it could not be read, and in sessions
            of older versions.
        bundle_sha256: of its network, as in setups.jsonl; None likewise.
        no_engine: when the session began, no network ran, of key points or of a classifier.
        continues: name of the folder beside it with the camera's session before, where only the tracker's end or a cut ended that;
            None where there is none.
        boot_id: the kernel's number of the start of the machine that recorded, whose clock the times are of; "" where not known.
        source: the video that was analysed; None for a session that was recorded, which has video-001.mkv and so on.
        analysed_with: what analysed it; None likewise.
    """

    schema: Literal[1] = 1
    created: str
    unix_offset_ns: int
    camera: str
    camera_description: str
    stream_session: str
    video: VideoFormat
    versions: dict[str, str]
    config: dict[str, Any]
    calibration: str | None
    meta: dict[str, str]
    bundle: str | None = None
    bundle_sha256: str | None = None
    no_engine: bool = False
    continues: str | None = None
    boot_id: str = ""
    source: SourceVideo | None = None
    analysed_with: AnalysedWith | None = None
    camera_settings: dict[str, float | int | bool | str] = {}

    def camera_words(self) -> str:
        """The camera and its settings in one line."""
        settings = ", ".join(
            f"{key}: {str(value).lower() if isinstance(value, bool) else value}" for key, value in self.camera_settings.items()
        )
        return "; ".join(filter(None, [self.camera_description or "camera", settings]))


class Closed(SessionPart, frozen=True, kw_only=True):
    """closed.json.

    Attributes:
        reason: why it ended, such as "stopped" or "the disk is full".
        frames: in the video and in frames.arrows.
        dropped: frames that the camera delivered and the recorder could not take.
        segments: frames in each video file, in their order.
        recovered: whether `tracker recover` has closed it.
        cut_frames: frames that were in the video without a row, and were cut off by recovery, which put them aside.
        cut_rows: rows without a frame, likewise.
        late_poses: that came too late for their frames' rows, or a stop could not wait for; not counted in a recovered session.
        encoded_frames: frames that waited for the encoder when the session was cut off, and were encoded by recovery.
    """

    reason: str
    frames: Count
    dropped: Count
    segments: list[Count]
    recovered: bool = False
    cut_frames: int = 0
    cut_rows: int = 0
    late_poses: int = 0
    encoded_frames: int = 0


def video_name(segment: int) -> str:
    """File name of a segment, counted from 1."""
    return f"video-{segment:03d}.mkv"


def is_segment(name: str) -> bool:
    """Whether a file name is one of a segment."""
    return _SEGMENT.fullmatch(name) is not None


def video_files(folder: Path) -> list[Path]:
    """The segments of a session that are there, in their order; other files of a person's are left alone."""
    numbered = [path for path in folder.glob("video-*.mkv") if is_segment(path.name)]
    return sorted(numbered, key=lambda path: int(path.stem.removeprefix("video-")))


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep others from recording to or mending a session meanwhile. The system lets go of it when the process ends, however it does.

    Raises:
        RecordingError: somebody is at it, or it cannot be opened.
    """
    try:
        descriptor = os.open(folder / SESSION_FILE, os.O_RDONLY)
    except OSError as problem:
        raise RecordingError(f"{folder / SESSION_FILE}: cannot be opened: {problem.strerror}") from problem
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RecordingError(f"{folder}: is being recorded or mended at the moment; stop that first") from None
        yield
    finally:
        os.close(descriptor)


def is_claimed(folder: Path) -> bool:
    """Whether a session is being recorded or mended."""
    try:
        with claimed(folder):
            return False
    except RecordingError:
        return True


def write_part(folder: Path, name: str, part: SessionPart) -> None:
    """Write one of the JSON files whole, synced, with its name.

    Raises:
        RecordingError: the folder cannot be written.
    """
    path = folder / name
    try:
        write_whole(path, msgspec.json.format(msgspec.json.encode(part), indent=2) + b"\n")
        sync_folder(folder)
    except OSError as problem:
        raise RecordingError(f"{path}: cannot be written: {problem.strerror}; {remedy(problem)}") from problem


def read_description(folder: Path) -> Description:
    """Read session.json.

    Raises:
        RecordingError: the folder is not a session, or the file is damaged.
    """
    return _read(folder, SESSION_FILE, Description)


def read_closed(folder: Path) -> Closed | None:
    """Read closed.json; None for a session that was cut off, or is still being recorded.

    Raises:
        RecordingError: the file is damaged.
    """
    return _read(folder, CLOSED_FILE, Closed) if (folder / CLOSED_FILE).exists() else None


def _read(folder: Path, name: str, kind: type[T]) -> T:
    path = folder / name
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        if not folder.exists():
            raise RecordingError(f"{folder}: there is no such folder; give the folder of a recorded session") from None
        raise RecordingError(f"{folder}: has no {name}, so it is not a recorded session; give the folder of one") from None
    except NotADirectoryError:
        what = "is a file" if folder.is_file() else "lies below a file"
        raise RecordingError(f"{folder}: {what}; give the folder of a recorded session") from None
    except OSError as problem:
        raise RecordingError(f"{path}: cannot be read: {problem.strerror}") from problem
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise RecordingError(f"{path}: is damaged ({problem}); the video and tables beside it may still be read") from None
