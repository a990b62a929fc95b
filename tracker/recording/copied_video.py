"""A recorded video written again without encoding it: with a length and an index, and without what has no row, which is put aside."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import av

from tracker.errors import RecordingError
from tracker.recording.video_container import open_container
from tracker.whole_files import sync_folder

WITHOUT_ROWS = ".without-rows.mkv"
UNREAD = ".unread"  # behind the name of a video of which nothing is kept
_NUMBER_OF_THEM = "FRAMES_WITHOUT_ROW"  # a tag of the file that they are put into: it may begin with frames that have one


def packets(container: Any) -> Iterator[Any]:
    """The packets that hold a frame."""
    return (packet for packet in container.demux(video=0) if packet.size)


def put_aside(video: Path) -> Path | None:
    """The file that a recovery has put a video's frames without a row into; None where there is none."""
    aside = (video.with_name(f"{video.stem}{WITHOUT_ROWS}"), video.with_name(f"{video.name}{UNREAD}"))
    return next((path for path in aside if path.exists()), None)


def tagged_frames(aside: Path) -> int:
    """How many frames without a row a file of them says it holds; 0 where it does not, or cannot be read."""
    try:
        with open_container(aside) as container:
            said = container.metadata.get(_NUMBER_OF_THEM, "")
    except av.error.FFmpegError:
        return 0
    return int(said) if said.isdecimal() else 0


def copy_video(path: Path, *, keep: int, of: int, rate: Fraction, read: Callable[[int], None]) -> None:
    """Write a video's first frames in its place, and those behind them beside it, from the last key frame before them on.

    Args:
        path: of the video; nothing is left of one of which nothing is kept but the same file under the name `.unread`.
        keep: frames.
        of: frames that are whole; what is behind them is damaged, and is left out.
        rate: of the time stamps, Hz.
        read: told of the bytes of each packet kept.

    Raises:
        RecordingError: it cannot be read.
        OSError: a file cannot be written.
    """
    if keep == 0:
        if path.exists():
            path.replace(path.with_name(f"{path.name}{UNREAD}"))
        return
    kept, rest = path.with_name(f".{path.name}.part"), path.with_name(f".{path.name}.rest.part")
    try:
        has_rest = _divide(path, kept, rest, keep=keep, of=of, rate=rate, read=read)
    except av.error.FFmpegError as problem:
        for part in (kept, rest):
            part.unlink(missing_ok=True)
        if isinstance(problem, OSError):
            raise
        raise RecordingError(f"{path}: cannot be read to its end ({problem}); copy the folder to another disk and try again") from problem
    if has_rest:  # first: once the video itself is replaced, nothing of the rest is in it
        _put(rest, path.with_name(f"{path.stem}{WITHOUT_ROWS}"))
    _put(kept, path)


def _divide(path: Path, kept: Path, rest: Path, *, keep: int, of: int, rate: Fraction, read: Callable[[int], None]) -> bool:
    """Returns whether there are frames behind those kept."""
    with ExitStack() as stack:
        source = stack.enter_context(open_container(path))
        target = _Target(kept, source, rate, stack)
        behind: _Target | None = None
        since_key: list[Any] = []
        for number, packet in enumerate(islice(packets(source), of)):
            if number < keep:
                since_key = [packet] if packet.is_keyframe else [*since_key, packet]
                target.add(packet)
                read(packet.size)
                continue
            if behind is None:
                behind = _Target(rest, source, rate, stack, tags={_NUMBER_OF_THEM: str(of - keep)})
                for before in () if packet.is_keyframe else since_key:
                    behind.add(before)
            behind.add(packet)
        return behind is not None


class _Target:
    """A file of copied packets, whose time stamps count them."""

    def __init__(
        self, path: Path, source: Any, rate: Fraction, stack: ExitStack, *, tags: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._container: Any = stack.enter_context(av.open(str(path), "w", format="matroska"))
        self._container.metadata.update(tags)
        self._stream = self._container.add_stream_from_template(source.streams.video[0])
        self._rate, self._count = rate, 0

    def add(self, packet: Any) -> None:
        packet.stream = self._stream
        packet.time_base = 1 / self._rate
        packet.pts = packet.dts = self._count
        packet.duration = 1  # the source's is in milliseconds: read as frames, the file would end up to a second late
        self._count += 1
        self._container.mux(packet)


def _put(part: Path, path: Path) -> None:
    """Give a file its name once it is on the disk."""
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(path)
    sync_folder(path.parent)
