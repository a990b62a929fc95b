"""The capture thread, with each fault of a camera."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.tracker.camera_capture import DEADLINE_S, TIMES, Start, fault, folder_of, numbers_of, rig, take_all, wait_until
from tests.tracker.own_time import OwnTime, followed
from tracker.cameras.camera import Camera
from tracker.cameras.capture import Capture
from tracker.cameras.open_camera import camera_factory
from tracker.cameras.synthetic import SyntheticRig
from tracker.config_cameras import CaptureConfig, ImageFolder
from tracker.errors import CameraError
from tracker.frame import Frame


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts captures, and closes them after the test."""
    started: list[Capture] = []

    def begin(
        open_camera: Callable[[], Camera], *, pace: str = "every_frame", queue_frames: int = 1000, stalled_after_s: float = 5.0
    ) -> Capture:
        settings = CaptureConfig(
            pace=pace,  # type: ignore[arg-type]
            queue_frames=queue_frames,
            stalled_after_s=stalled_after_s,
            reopen_first_s=0.02,
            reopen_longest_s=0.1,
        )
        capture = Capture(open_camera, settings)
        started.append(capture)
        capture.start()
        return capture

    yield begin
    for capture in started:
        capture.close()


# --- the synthetic camera by itself ---


# --- capture: nothing wrong ---


def test_every_frame_loses_nothing_with_a_slow_reader_on_a_folder(start: Start, tmp_path: Path) -> None:
    capture = start(camera_factory(folder_of(tmp_path, 30)), queue_frames=4)
    wait_until(lambda: capture.counts().captured == 4)  # the queue is full: the folder waits for its reader
    assert capture.state == "running"
    assert numbers_of(take_all(capture)) == list(range(30))
    counts = capture.counts()
    assert (counts.captured, counts.skipped, counts.lost) == (30, 0, 0)


def test_newest_frame_gives_the_newest_and_counts_the_skipped(start: Start, tmp_path: Path) -> None:
    capture = start(camera_factory(folder_of(tmp_path, 50)), pace="newest_frame")
    wait_until(lambda: capture.state == "ended")
    assert not capture.ended  # its last frame was not taken yet
    taken = take_all(capture)
    counts = capture.counts()
    assert numbers_of(taken) == [49]
    assert counts.skipped == 49
    assert counts.captured == len(taken) + counts.skipped


def test_with_a_live_camera_every_number_is_taken_skipped_or_lost() -> None:
    own = OwnTime(rig(fault("drop", 7), fault("drop", 50)))
    capture = own.capture = Capture(own.open, CaptureConfig(pace="newest_frame", queue_frames=1, **TIMES), clock=own.clock)
    capture.start()
    frames = take_all(capture)
    capture.close()
    counts = capture.counts()
    assert counts.captured == len(frames) + counts.skipped
    assert numbers_of(frames)[-1] == 59
    assert counts.captured + counts.lost == 60
    assert counts.lost == 2


def test_nothing_within_the_time_is_none(start: Start) -> None:
    capture = start(camera_factory(rig(rate_hz=0.0001)))
    assert capture.next(0.01) is None
    assert not capture.ended


def test_the_camera_describes_itself(start: Start, tmp_path: Path) -> None:
    source = folder_of(tmp_path, 2)
    capture = start(camera_factory(source))
    take_all(capture)
    assert capture.description == f"{source.folder}: 2 images of 8x8 flat out"


# --- capture: each fault of a camera, in a time of its own that passes only while the camera waits ---


def test_dropped_numbers_are_counted_as_lost() -> None:
    capture, frames, _ = followed(rig(fault("drop", 20), fault("drop", 21), fault("drop", 40)))
    assert numbers_of(frames) == [number for number in range(60) if number not in {20, 21, 40}]
    assert capture.counts().lost == 3


def test_a_stall_is_noticed_while_it_lasts_and_outlived() -> None:
    capture, frames, openings = followed(rig(fault("stall", 20, seconds=2.0), frames=500), stalled_after_s=0.15)
    assert numbers_of(frames) == [*range(20), *range(420, 500)]
    assert openings[0] == ("opening", "None")
    assert {state for state, _ in openings[1:]} == {"lost"}
    assert "no frame for 0.15 s" in openings[1][1]
    assert (capture.counts().lost, capture.counts().reopened) == (400, 1)


def test_a_vanished_camera_is_reopened_when_it_is_back() -> None:
    capture, frames, openings = followed(rig(fault("vanish", 20, seconds=0.3), frames=120))
    numbers, counts = numbers_of(frames), capture.counts()
    assert "the device is gone" in openings[1][1]
    assert numbers == [*range(20), *range(min(numbers[20:]), 120)]
    assert 80 <= numbers[20] < 90
    assert (counts.reopened, counts.lost, counts.captured) == (1, numbers[20] - 20, len(numbers))


def test_the_problem_of_a_camera_is_over_with_the_first_frame_after_it() -> None:
    now: list[tuple[str, str | None]] = []
    own = OwnTime(rig(fault("vanish", 20, seconds=0.3), frames=None))
    capture = own.capture = Capture(own.open, CaptureConfig(pace="every_frame", queue_frames=1, **TIMES), clock=own.clock)
    capture.start()
    while len(own.openings) < 2 or taken(capture).number < 80:
        taken(capture)
    now.append((capture.state, capture.problem))
    capture.close()
    assert "the device is gone" in own.openings[1][1]
    assert now == [("running", None)]


def test_another_image_size_is_refused_until_the_first_one_is_back() -> None:
    capture, frames, openings = followed(rig(fault("resize", 20, seconds=0.3), frames=120))
    assert "is 32x32 grey, expected 64x64 grey as before" in openings[1][1]
    assert {frame.image.shape for frame in frames} == {(64, 64)}
    assert not set(range(20, 80)) & set(numbers_of(frames))
    assert numbers_of(frames)[-1] == 119
    assert capture.counts().reopened == 1


def test_a_corrupt_frame_is_counted_once_and_reading_goes_on() -> None:
    capture, frames, openings = followed(rig(fault("corrupt", 20), fault("corrupt", 30)))
    counts = capture.counts()
    assert numbers_of(frames) == [number for number in range(60) if number not in {20, 30}]
    assert (counts.corrupt, counts.lost, counts.reopened) == (2, 0, 0)
    assert openings == [("opening", "None")]
    assert capture.problem is None


def test_a_camera_that_sends_only_damaged_frames_counts_as_stalled() -> None:
    faults = [fault("corrupt", number) for number in range(20, 120)]
    capture, frames, openings = followed(rig(*faults, frames=200), stalled_after_s=0.1)
    assert numbers_of(frames) == [*range(20), *range(120, 200)]
    assert "no whole frame for 0.1 s, the last: " in openings[1][1]
    assert "arrived damaged" in openings[1][1]
    assert capture.counts().reopened == 1


def test_a_camera_absent_at_the_start_is_waited_for(start: Start, tmp_path: Path) -> None:
    source = ImageFolder(folder=str(tmp_path / "later"), rate_hz=None, loop_folder=False)
    capture = start(camera_factory(source))
    wait_until(lambda: capture.state == "lost")
    assert "cannot be listed" in str(capture.problem)
    folder_of(tmp_path / "earlier", 3)
    (tmp_path / "earlier").rename(tmp_path / "later")
    assert numbers_of(take_all(capture)) == [0, 1, 2]
    assert capture.counts().reopened == 0


def test_a_camera_that_opens_slowly_is_opening_until_its_first_frame(start: Start) -> None:
    opened, begun = threading.Event(), threading.Event()

    def open_camera() -> Camera:
        begun.set()
        assert opened.wait(DEADLINE_S)
        return SyntheticRig(rig(frames=None))

    capture = start(open_camera)
    assert (capture.state, capture.problem) == ("opening", None)
    assert begun.wait(DEADLINE_S)
    assert capture.next(0.0) is None
    assert (capture.state, capture.problem) == ("opening", None)
    opened.set()
    taken(capture)
    assert (capture.state, capture.problem) == ("running", None)


def test_a_camera_that_is_opened_again_slowly_stays_lost_meanwhile() -> None:
    own = OwnTime(rig(fault("vanish", 20, seconds=0.3), frames=None))
    opened, begun = threading.Event(), threading.Event()

    def open_camera() -> Camera:
        if own.openings:
            begun.set()
            assert opened.wait(DEADLINE_S)
        return own.open()

    capture = own.capture = Capture(open_camera, CaptureConfig(pace="newest_frame", queue_frames=1, **TIMES), clock=own.clock)
    capture.start()
    assert begun.wait(DEADLINE_S)
    assert capture.state == "lost"
    assert "the device is gone" in str(capture.problem)
    opened.set()
    wait_until(lambda: capture.state == "running")
    capture.close()


def test_close_does_not_wait_for_a_camera_that_opens_slowly(start: Start) -> None:
    """The thread is left to the driver; nothing of it is heard any more."""
    released = threading.Event()

    def open_camera() -> Camera:
        released.wait()
        raise CameraError("too late")

    capture = start(open_camera)
    assert capture.state == "opening"
    capture.close()
    assert capture.next(0.0) is None
    released.set()
    wait_until(lambda: not capture._thread.is_alive())
    assert (capture.state, capture.problem) == ("ended", None)


def test_numbers_that_begin_again_after_a_reopening_tell_of_no_loss(start: Start, tmp_path: Path) -> None:
    """A folder whose last image changes size under the reader is read again from its first."""
    source = folder_of(tmp_path, 8)
    capture = start(camera_factory(source), queue_frames=1)
    wait_until(lambda: capture.counts().captured == 1)
    cv2.imwrite(str(tmp_path / "Frame7.png"), np.zeros((16, 16), np.uint8))
    first = [taken(capture) for _ in range(7)]
    wait_until(lambda: capture.state == "lost")
    assert "Frame7.png: is 16x16 grey; expected 8x8 grey" in str(capture.problem)
    cv2.imwrite(str(tmp_path / "Frame7.png"), np.zeros((8, 8), np.uint8))
    second = numbers_of(take_all(capture))
    assert numbers_of(first) == list(range(7))
    assert second == list(range(8))
    assert capture.counts().lost == 0
    assert capture.counts().reopened == 1


# --- capture: stopping ---


def test_close_ends_a_stalled_camera(start: Start) -> None:
    capture = start(camera_factory(rig(fault("stall", 0, seconds=1000.0), frames=None)), stalled_after_s=1000.0)
    wait_until(lambda: "synthetic" in capture.description)
    capture.close()
    wait_until(lambda: not capture._thread.is_alive())
    assert capture.state == "ended"
    assert capture.problem is None


def test_close_ends_a_capture_thread_that_waits_for_its_reader(start: Start, tmp_path: Path) -> None:
    capture = start(camera_factory(folder_of(tmp_path, 20)), queue_frames=2)
    wait_until(lambda: capture.counts().captured == 2)
    capture.close()
    wait_until(lambda: not capture._thread.is_alive())
    assert capture.next(0.0) is None


def test_close_ends_the_wait_for_an_absent_camera(start: Start, tmp_path: Path) -> None:
    capture = start(camera_factory(ImageFolder(folder=str(tmp_path / "absent"), rate_hz=None, loop_folder=False)))
    wait_until(lambda: capture.state == "lost")
    capture.close()
    wait_until(lambda: not capture._thread.is_alive())


def test_close_wakes_a_reader(start: Start) -> None:
    capture = start(camera_factory(rig(rate_hz=0.0001)))
    closer = threading.Timer(0.05, capture.close)
    closer.start()
    assert capture.next(100_000.0) is None
    closer.join()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_of_its_own_in_the_capture_thread_reaches_the_reader(start: Start) -> None:
    def broken() -> Camera:
        raise ZeroDivisionError

    capture = start(broken)
    with pytest.raises(CameraError, match="the capture thread died; see the traceback in the log"):
        capture.next(DEADLINE_S)


def drain(capture: Capture) -> list[Frame]:
    """Take what is waiting."""
    return [captured.frame for captured in iter(lambda: capture.next(0.0), None)]


def taken(capture: Capture) -> Frame:
    captured = capture.next(DEADLINE_S)
    assert captured is not None
    return captured.frame
