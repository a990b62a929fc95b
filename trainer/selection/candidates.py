"""One pass over a video: the frames that may be chosen, with thumbnail and motion. Memory is bounded for videos of any length."""

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from tracker.frame import Image
from trainer.errors import TrainingError
from trainer.labels.images import sized
from trainer.selection.thumbnail import Grey, Region, check_region, small_grey, thumbnail
from trainer.video_files.frames_by_number import as_image
from trainer.video_files.reader import VideoReader

LIMIT = 20_000  # candidates; their thumbnails take 26 MB
SIGMA_PER_MAD = 1.4826  # standard deviation of normally distributed values over their median absolute deviation
NO_STAMP = -(2**63)  # of a frame that carries no time

Examine = Callable[[int, Image, Image | None], None]  # number, the frame, the frame before


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which frames of a video may be chosen.

    Attributes:
        start_s: from the first frame of the video on.
        end_s: None for the end of the video; what comes later is not even read.
        step: every so many frames; None for as many as fit into `limit`.
        limit: candidates at most; beyond it every other one is dropped.
        region: part of the view by which they are compared, None for all of it.
    """

    start_s: float = 0.0
    end_s: float | None = None
    step: int | None = None
    limit: int = LIMIT
    region: Region | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Frames of one video to choose from, in order.

    Attributes:
        numbers: int64 (n), frame number in the order of decoding, from 0.
        seconds: float64 (n), from the first frame of the video.
        thumbnails: float32 (n, pixels), grey levels.
        motion: float32 (n), mean absolute difference from the frame before, in grey levels of the small picture; 0 for the first.
        change: float32 (n), distance of the thumbnail from the frame before's, as `distances` measures it; NaN for the first.
        noise: float32 (n), the same as it would be without the few pixels that change most: what light and camera do.
        stamps: int64 (frames read), the time stamp of every frame up to the last that was read.
        step: frames from one candidate to the next.
        whole: whether the video was read to its end.
    """

    numbers: NDArray[np.int64]
    seconds: NDArray[np.float64]
    thumbnails: Grey
    motion: NDArray[np.float32]
    change: NDArray[np.float32]
    noise: NDArray[np.float32]
    stamps: NDArray[np.int64]
    step: int
    whole: bool

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def duration_s(self) -> float:
        """From the first candidate to the last."""
        return float(self.seconds[-1] - self.seconds[0])


def gather(video: Path, span: Span, *, examine: Examine | None = None, console: Console | None = None) -> Candidates:
    """Decode a video once, from its first frame on, so that every number is exact.

    Args:
        video: the file.
        span: which frames.
        examine: shown every candidate and the frame before it, at full size.
        console: where the progress bar is drawn, None for nowhere.

    Raises:
        TrainingError: not a video, no frame in the span, cut off or damaged within it, or it changes its size.
    """
    with VideoReader(video) as reader:
        check_region(span.region, reader.size, where=str(video))
        pass_ = _Pass(reader=reader, span=span, examine=examine, step=span.step or _step(reader, span))
        whole = True
        for picture in _progress(reader, span, console):
            if not pass_.take(picture):
                whole = False
                break
        problem = reader.shortfall() if whole else None
        if problem is not None and reader.read:
            problem += f"; or choose from what could be read, with --end {max(0.0, pass_.last_s - 0.1):.1f}"
        if problem is not None:
            raise TrainingError(problem)
        return pass_.candidates(whole=whole)


def distances(thumbnails: Grey, to: Grey) -> Grey:
    """How different pictures are, whatever the brightness: root mean square difference after its mean is taken away.

    Args:
        thumbnails: float32 (n, pixels).
        to: float32 (m, pixels).

    Returns:
        float32 (n, m), grey levels.
    """
    one, other = _centred(thumbnails), _centred(to)
    squares = (one**2).mean(axis=1)[:, None] + (other**2).mean(axis=1)[None] - 2 * one @ other.T / one.shape[1]
    return np.asarray(np.sqrt(np.maximum(squares, 0)), np.float32)


@dataclass(slots=True, kw_only=True)
class _Pass:
    """What has been seen so far."""

    reader: VideoReader
    span: Span
    examine: Examine | None
    step: int
    last_s: float = 0.0
    _first: int | None = None
    _before: tuple[av.VideoFrame, Grey, Grey] | None = None
    _stamps: "array[int]" = field(default_factory=lambda: array("q"))
    _rows: list[tuple[int, float, NDArray[np.float16], float, float, float]] = field(default_factory=list)

    def take(self, picture: av.VideoFrame) -> bool:
        """EngineAnswers at the next frame; False when it is beyond the span."""
        number = len(self._stamps)
        seconds = self._time(picture, number)
        if self.span.end_s is not None and seconds > self.span.end_s:
            return False
        self._refuse_other_size(picture, number)
        self._stamps.append(picture.pts if picture.pts is not None else NO_STAMP)
        self.last_s = seconds
        if seconds >= self.span.start_s:
            if self._first is None:
                self._first = number
            small = small_grey(picture, self.span.region)
            self._compare(picture, number, small=small, thumb=thumbnail(small))
        return True

    def candidates(self, *, whole: bool) -> Candidates:
        if not self._rows:
            raise TrainingError(
                f"{self.reader.path}: no frame from {self.span.start_s:g} s on, it was read up to {self.last_s:.2f} s; "
                "choose an earlier --start"
            )
        numbers, seconds, thumbnails, motion, change, noise = zip(*self._rows, strict=True)
        return Candidates(
            numbers=np.array(numbers, np.int64),
            seconds=np.array(seconds),
            thumbnails=np.stack(thumbnails).astype(np.float32),
            motion=np.array(motion, np.float32),
            change=np.array(change, np.float32),
            noise=np.array(noise, np.float32),
            stamps=np.array(self._stamps, np.int64),
            step=self.step,
            whole=whole,
        )

    def _compare(self, picture: av.VideoFrame, number: int, *, small: Grey, thumb: Grey) -> None:
        before, self._before = self._before, (picture, small, thumb)
        if self._first is None or (number - self._first) % self.step:
            return
        motion = float(np.abs(small - before[1]).mean()) if before else 0.0
        change, noise = change_and_noise(thumb - before[2]) if before else (np.nan, np.nan)
        if self.examine is not None:
            self.examine(number, as_image(picture), as_image(before[0]) if before else None)
        self._rows.append((number, self.last_s, thumb.astype(np.float16), motion, change, noise))
        if len(self._rows) > self.span.limit:
            self._rows, self.step = self._rows[::2], self.step * 2

    def _time(self, picture: av.VideoFrame, number: int) -> float:
        if picture.pts is None or picture.time_base is None or (self._stamps and self._stamps[0] == NO_STAMP):
            return float(number / self.reader.rate)
        return float((picture.pts - (self._stamps[0] if self._stamps else picture.pts)) * picture.time_base)

    def _refuse_other_size(self, picture: av.VideoFrame, number: int) -> None:
        size = (picture.height, picture.width)
        if size != self.reader.size:
            raise TrainingError(
                f"{self.reader.path}: is {sized(self.reader.size)} up to frame {number - 1} and {sized(size)} from {number} on; "
                f"choose from the first part with --end {max(0.0, self.last_s - 0.1):.1f}, or cut it in two"
            )


def _step(reader: VideoReader, span: Span) -> int:
    """Frames from one candidate to the next, by the length that the header promises; where it lies, `_Pass` makes up for it."""
    if reader.expected is None:
        return 1
    last = reader.expected if span.end_s is None else min(reader.expected, int(span.end_s * reader.rate) + 1)
    return max(1, -(-(last - int(span.start_s * reader.rate)) // span.limit))


def change_and_noise(difference: Grey) -> tuple[float, float]:
    """Standard deviation of a difference over the pixels, and the same estimated from the median absolute deviation."""
    return float(difference.std()), SIGMA_PER_MAD * float(np.median(np.abs(difference - np.median(difference))))


def _centred(thumbnails: Grey) -> Grey:
    return np.asarray(thumbnails - thumbnails.mean(axis=1, keepdims=True), np.float32)


def _progress(reader: VideoReader, span: Span, console: Console | None) -> Iterable[av.VideoFrame]:
    if console is None:
        return reader.pictures()
    total = reader.expected
    if total is not None and span.end_s is not None:
        total = min(total, int(span.end_s * reader.rate) + 1)
    return track(reader.pictures(), description=f"looking at {reader.path.name}", total=total, console=console)
