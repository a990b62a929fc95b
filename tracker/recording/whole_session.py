"""Whether a closed session still holds what its closed.json counts. Videos are looked at by their beginning, size and last frame only."""

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tracker.errors import RecordingError
from tracker.recording.copied_video import packets
from tracker.recording.session import EVENTS_FILE, FRAMES_FILE, Closed, Description, video_name
from tracker.recording.tables import FRAMES, numbers_of, read_batches
from tracker.recording.video_container import open_container

_SEGMENT_ID = bytes.fromhex("18538067")  # of the element in which Matroska keeps everything but its header
_HEADER_BYTES = 256  # the header before it takes 40
_SIZE_BYTES = 8  # of the number behind the name: FFmpeg leaves room for the longest and writes it when the file is closed
_UNKNOWN_SIZE = (1 << 56) - 1
_TICK_S = 0.001  # of Matroska's time stamps
_STREAM_END = bytes.fromhex("ffffffff00000000")  # what an Arrow stream ends with once it is closed


def faults_of(folder: Path, description: Description, closed: Closed) -> list[str]:
    """What a closed session has lost since: a sentence without an end for each file that is missing or short; empty for a whole one.

    Damage inside a video whose size and end are right is not seen: that takes reading all of it.

    Args:
        folder: of the session.
        description: session.json.
        closed: closed.json.
    """
    faults = [fault for fault in (_rows_fault(folder, description, closed), _events_fault(folder)) if fault is not None]
    if description.source is None:
        faults += video_faults(
            {number: folder / video_name(number) for number in range(1, len(closed.segments) + 1)},
            closed.segments,
            rate_hz=description.video.rate_hz,
        )
    return faults


def is_whole(folder: Path, description: Description, closed: Closed, *, cut: bool) -> bool:
    """Whether a closed session has lost nothing since.

    Args:
        folder: of the session.
        description: session.json.
        closed: closed.json.
        cut: accept that what is left is to be mended: False is returned then.

    Raises:
        RecordingError: files are missing or short, and `cut` does not accept that; or the session is an analysis, which is made again.
    """
    faults = faults_of(folder, description, closed)
    if not faults or (cut and description.source is None):
        return not faults
    mend = "copy the folder first; then `tracker recover --cut` keeps what goes together"
    again = "`tracker analyse --force` makes the analysis again"
    raise RecordingError(
        f"{'; '.join(faults)}; nothing was changed. Take the session from its copy; without one, "
        f"{mend if description.source is None else again}"
    )


def video_faults(videos: Mapping[int, Path], segments: list[int], *, rate_hz: float) -> list[str]:
    """Likewise of recorded videos alone.

    Args:
        videos: by their number, from 1.
        segments: frames of each video that there is, from the first.
        rate_hz: of the time stamps.
    """
    found = ((path, _video_fault(path, segments[number - 1], rate_hz)) for number, path in videos.items() if segments[number - 1])
    return [f"{path}: {fault}" for path, fault in found if fault is not None]


def _rows_fault(folder: Path, description: Description, closed: Closed) -> str | None:
    path = folder / FRAMES_FILE
    counts: Counter[int] = Counter()
    try:
        for batch in read_batches(path, FRAMES):
            numbers, rows = np.unique(numbers_of(batch["segment"], np.int32), return_counts=True)
            counts.update(dict(zip(numbers.tolist(), rows.tolist(), strict=True)))
    except RecordingError as problem:
        return str(problem) if path.exists() else f"{path}: is missing; closed.json counts {closed.frames} rows in it"
    if counts.total() != closed.frames:
        return f"{path}: holds {counts.total()} whole rows; closed.json counts {closed.frames}"
    if description.source is not None:
        return None
    for number, frames in enumerate(closed.segments, start=1):
        if counts[number] != frames:
            return f"{path}: {counts[number]} rows name {video_name(number)}; closed.json counts {frames} frames in it"
    return None


def _events_fault(folder: Path) -> str | None:
    path = folder / EVENTS_FILE
    try:
        content_end = _last_bytes(path, len(_STREAM_END))
    except FileNotFoundError:
        return f"{path}: is missing"
    except OSError as problem:
        return f"{path}: cannot be read: {problem.strerror}"
    return None if content_end == _STREAM_END else f"{path}: is cut short, so events may be missing in it"


def _last_bytes(path: Path, count: int) -> bytes:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - count))
        return file.read()


def _video_fault(path: Path, frames: int, rate_hz: float) -> str | None:
    if not path.is_file():  # a pipe would wait for its other end
        return f"{'is not a file' if path.exists() else 'is missing'}; closed.json counts {frames} frames in it"
    try:
        short = _cut_short(path)
        found = 0 if short is not None else _frames_by_last(path, Fraction(rate_hz).limit_denominator(1000))
    except av.error.FFmpegError as problem:
        return f"cannot be read as a video ({problem.strerror}); closed.json counts {frames} frames in it"
    except (OSError, IndexError) as problem:
        return f"cannot be read as a video ({problem}); closed.json counts {frames} frames in it"
    if short is None and abs(found - frames) > int(rate_hz * _TICK_S / 2 + 0.5):
        short = f"ends after {found} frames"
    return None if short is None else f"{short}; closed.json counts {frames} frames in it"


def _cut_short(path: Path) -> str | None:
    """Compare the file's size with the one that its beginning states."""
    size = path.stat().st_size
    if size == 0:
        return "is empty"
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    begin = header.find(_SEGMENT_ID) + len(_SEGMENT_ID)
    stated = header[begin : begin + _SIZE_BYTES]
    if begin < len(_SEGMENT_ID) or len(stated) < _SIZE_BYTES or stated[0] != 1:  # another program wrote it
        return None
    content = int.from_bytes(stated[1:], "big")
    whole = begin + _SIZE_BYTES + content
    return None if content == _UNKNOWN_SIZE or size >= whole else f"is cut short, {size} of its {whole} bytes are there"


def _frames_by_last(path: Path, rate: Fraction) -> int:
    """How many frames there are by the time stamp of the last: they count frames."""
    with open_container(path) as container:
        container.seek(container.duration or 0)
        stamps = [Fraction(packet.pts) * packet.time_base for packet in packets(container) if packet.pts is not None]
    return round(max(stamps) * rate) + 1 if stamps else 0
