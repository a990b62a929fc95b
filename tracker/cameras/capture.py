"""The capture thread: takes every frame from the camera, brings a lost camera back, and hands frames to the loop."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tracker.cameras.camera import Camera
from tracker.cameras.read_back import ReadBack
from tracker.config_cameras import CaptureConfig
from tracker.errors import CameraError, CorruptFrameError
from tracker.frame import Frame, FrameCounts

logger = logging.getLogger(__name__)

READ_ENDS_S = 0.2  # close() gives a read under way so long to end with a frame, then closes the camera under it
CLOSE_S = 0.7  # and then waits so long, before it leaves a driver that does not return to itself
State = Literal["opening", "running", "lost", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureCounts:
    """What became of the frames so far: captured = taken by the loop + skipped + still waiting.

    Attributes:
        captured: frames that arrived whole.
        skipped: captured, and replaced by a newer one before the loop took them.
        lost: numbers missing between the frames that arrived, the corrupt ones not counted again.
        corrupt: frames that arrived damaged.
        reopened: how often frames came again after the camera had been lost.
    """

    captured: int
    skipped: int
    lost: int
    corrupt: int
    reopened: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A frame and the counts as of it.

    Of two frames taken one after the other, `second.number - first.number - 1` is what the three counts grew by, unless the
    camera was reopened in between and counts anew.
    """

    frame: Frame
    counts: FrameCounts


class Capture:
    """One camera, read in a thread of its own; no fault of the camera ends it.

        opening ──► running ◄──► lost          any state ──► ended: the file's last frame was read, or close()
           └──────────────────────┘

    `opening` from the start until the first frame, however long the camera takes to open, or until it fails; `lost` from a
    failure until the next frame, at the start too and while it is being opened again.

    A camera that raises CameraError, delivers no whole frame for `stalled_after_s` or changes its image size is closed
    and opened again after `reopen_first_s`, then after twice as long each time up to `reopen_longest_s`, for as long as
    it takes. The size of the first frame holds for good. A stall is noticed as soon as the camera's `read` returns, which
    cameras promise to do within the time they are given. The camera is only ever read by the thread of this class, and
    no lock is held meanwhile; close() may close it under a read, which then ends with a CameraError.

    Args:
        open_camera: opens the camera, or raises CameraError.
        settings: pace, queue and times.
        clock: monotonic nanoseconds.
    """

    def __init__(self, open_camera: Callable[[], Camera], settings: CaptureConfig, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._open_camera, self._settings, self._clock = open_camera, settings, clock
        self._newest_only = settings.pace == "newest_frame"
        self._offer: Callable[[Frame], None] = lambda _: None
        self._waiting: deque[Captured] = deque()
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._emptied = threading.Condition(self._lock)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._camera: Camera | None = None
        self._state: State = "opening"
        self._broken = False
        self._trouble: str | None = None
        self._description = "camera not opened yet"
        self._read_back: ReadBack = {}
        self._captured = self._skipped = self._lost = self._corrupt = self._reopened = 0
        self._last_number: int | None = None
        self._corrupt_since = 0  # since the last whole frame
        self._shape: tuple[int, ...] | None = None
        self._delay_s = settings.reopen_first_s

    def offer_to(self, take: Callable[[Frame], None]) -> None:
        """Give every whole frame to `take` before the loop can have it, skipped ones too. To be called before start(); must not wait."""
        self._offer = take

    def start(self) -> None:
        """Begin to open the camera; returns at once."""
        self._thread.start()

    def next(self, timeout_s: float) -> Captured | None:
        """Take the next frame, waiting for it at most so long.

        Returns:
            The frame with the counts as of it, or None: none came, none will come, or closed.

        Raises:
            CameraError: the capture thread died of an error of its own, which its traceback in the log explains.
        """
        with self._lock:
            if not self._waiting:
                self._filled.wait_for(self._something_to_tell, timeout_s)
            if self._broken:
                raise CameraError(str(self._trouble))
            if not self._waiting or self._stop.is_set():
                return None
            captured = self._waiting.popleft()
            self._emptied.notify()
            return captured

    def close(self) -> None:
        """Stop within a second. May be called twice, and without start()."""
        self._stop.set()
        with self._lock:
            self._filled.notify_all()
            self._emptied.notify_all()
        if self._thread.is_alive():
            self._thread.join(READ_ENDS_S)
        camera = self._camera
        if self._thread.is_alive() and camera is not None:
            # In a thread, because some drivers let nobody close a camera that is being read.
            threading.Thread(target=camera.close, name="capture-close", daemon=True).start()
            self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            logger.warning("the camera does not return and is left to itself: camera=%s", self._description)

    @property
    def ended(self) -> bool:
        """Whether the file or folder is over and all its frames were taken."""
        return self._state == "ended" and not self._waiting

    @property
    def state(self) -> State:
        """Where the camera stands."""
        return self._state

    @property
    def problem(self) -> str | None:
        """Why no frame comes, while the camera is lost; None once frames come again."""
        return self._trouble if self._state == "lost" else None

    @property
    def description(self) -> str:
        """The camera in one line."""
        return self._description

    @property
    def camera_settings(self) -> ReadBack:
        """What the camera said of itself when it was opened last; {} before."""
        return self._read_back

    def counts(self) -> CaptureCounts:
        """What became of the frames so far."""
        with self._lock:
            return CaptureCounts(
                captured=self._captured, skipped=self._skipped, lost=self._lost, corrupt=self._corrupt, reopened=self._reopened
            )

    def _something_to_tell(self) -> bool:
        return bool(self._waiting) or self._state == "ended" or self._broken or self._stop.is_set()

    def _run(self) -> None:
        finished = False
        try:
            while not self._stop.is_set():
                try:
                    self._stream()
                    break
                except CameraError as problem:
                    if not self._stop.is_set():
                        self._trouble, self._state = str(problem), "lost"
                self._stop.wait(self._delay_s)
                self._delay_s = min(2.0 * self._delay_s, self._settings.reopen_longest_s)
            finished = True
        finally:
            with self._lock:
                if not finished:
                    self._trouble = f"{self._description}: the capture thread died; see the traceback in the log and start again"
                self._state = "ended" if finished else "lost"
                self._broken = not finished
                self._filled.notify_all()

    def _stream(self) -> None:
        """Open the camera and read until its file ends or the capture is closed."""
        camera = self._camera = self._open_camera()
        try:
            self._description, self._read_back = camera.description, camera.read_back
            while not self._stop.is_set():
                frame = self._read(camera)
                if frame is None:
                    return
                self._check_size(frame)
                self._hand_over(frame)
        finally:
            self._camera = None
            camera.close()

    def _read(self, camera: Camera) -> Frame | None:
        """The next whole frame; damaged ones are counted, and a camera that sends nothing else has stalled."""
        left_s = self._settings.stalled_after_s
        deadline_ns = self._clock() + round(1e9 * left_s)
        damage = ""
        while left_s > 0 and not self._stop.is_set():
            try:
                return camera.read(left_s)
            except CorruptFrameError as problem:
                with self._lock:
                    self._corrupt += 1
                    self._corrupt_since += 1
                damage = f", the last: {problem}"
            left_s = (deadline_ns - self._clock()) / 1e9
        raise CameraError(f"{self._description}: no whole frame for {self._settings.stalled_after_s:g} s{damage}")

    def _check_size(self, frame: Frame) -> None:
        found = frame.image.shape
        if self._shape is None:
            self._shape = found
        elif found != self._shape:
            raise CameraError(
                f"{self._description}: frame {frame.number} is {_words(found)}, expected {_words(self._shape)} as before; "
                "set the camera back, or restart the tracker to use the new size"
            )

    def _hand_over(self, frame: Frame) -> None:
        with self._lock:
            if self._newest_only:
                self._skipped += len(self._waiting)
                self._waiting.clear()
            else:
                self._emptied.wait_for(lambda: len(self._waiting) < self._settings.queue_frames or self._stop.is_set())
            if self._stop.is_set():
                return
            self._offer(frame)
            self._count(frame.number)
            counts = FrameCounts(lost=self._lost, skipped=self._skipped, corrupt=self._corrupt)
            self._waiting.append(Captured(frame=frame, counts=counts))
            self._filled.notify()

    def _count(self, number: int) -> None:
        """Note the gap before a frame. Numbers that begin again, as some cameras do when reopened, tell of none."""
        if self._last_number is not None:
            self._lost += max(0, number - self._last_number - 1 - self._corrupt_since)
        if self._state == "lost" and self._captured:
            self._reopened += 1
        self._captured += 1
        self._last_number, self._corrupt_since = number, 0
        if self._state != "running":
            self._state, self._delay_s = "running", self._settings.reopen_first_s


def _words(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]} {'grey' if len(shape) == 2 else 'colour'}"
