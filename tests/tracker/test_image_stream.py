"""Pictures made beside the loop, with the real thread."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

from tracker.config import ViewerConfig
from tracker.frame import Frame, Image
from tracker.image_stream import ImageStream, encode_jpeg

DEADLINE_S = 300.0


class StepClock:
    def __init__(self) -> None:
        self.now_ns = 1_000_000_000

    def __call__(self) -> int:
        return self.now_ns


def frame(number: int, image: Image | None = None) -> Frame:
    return Frame(image=np.full((48, 64), number % 256, np.uint8) if image is None else image, number=number, exposed_ns=None, received_ns=0)


@contextmanager
def opened(rate_hz: float, clock: Callable[[], int]) -> Iterator[ImageStream]:
    images = ImageStream(ViewerConfig(rate_hz=rate_hz, jpeg_quality=95), clock=clock)
    images.wanted = True
    try:
        yield images
    finally:
        images.close()


def await_picture(images: ImageStream) -> tuple[Frame, bytes]:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        picture = images.take()
        if picture is not None:
            return picture
        time.sleep(0.001)
    raise AssertionError("no picture was made")


def await_made(images: ImageStream, number: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not images._made or images._made[-1][0].number != number:
        assert time.monotonic() < deadline, f"no picture of frame {number} was made"
        time.sleep(0.001)


def test_an_offered_frame_comes_back_once_as_the_same_picture() -> None:
    with opened(30, StepClock()) as images:
        images.offer(frame(100))
        made, jpeg = await_picture(images)
        assert images.take() is None
    assert made.number == 100
    shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_UNCHANGED)
    assert shown is not None
    assert shown.shape == (48, 64)
    assert np.abs(shown.astype(int) - 100).max() <= 1


def test_nothing_is_made_while_nobody_looks() -> None:
    with opened(30, StepClock()) as images:
        images.wanted = False
        images.offer(frame(1))
        images.wanted = True
        images.offer(frame(2))  # at the same moment: had the first been taken up, this one would not be due
        assert await_picture(images)[0].number == 2


def test_pictures_keep_to_the_configured_rate_whatever_the_cameras() -> None:
    clock = StepClock()
    made = 0
    with opened(30, clock) as images:
        for number in range(100):  # one second at 100 frames per second
            due = images._due_ns <= clock.now_ns
            images.offer(frame(number))
            if due:
                await_picture(images)
                made += 1
            clock.now_ns += 10_000_000
        assert images.take() is None
    assert made == pytest.approx(30, abs=1)


def test_only_the_newest_picture_is_kept_for_a_loop_that_is_late() -> None:
    clock = StepClock()
    with opened(30, clock) as images:
        for number in range(3):
            images.offer(frame(number))
            clock.now_ns += 10**9
            await_made(images, number)
        picture = images.take()
        assert picture is not None
        assert picture[0].number == 2
        assert images.take() is None


def test_a_picture_that_cannot_be_encoded_is_reported_once_and_the_loop_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    clock = StepClock()
    with caplog.at_level(logging.WARNING), opened(30, clock) as images:
        for number in range(3):
            images.offer(frame(number, np.zeros((48, 64, 2), np.uint8)))
            clock.now_ns += 10**9
        images._thread.join(DEADLINE_S)
        assert not images._thread.is_alive()
        images.offer(frame(4))
        assert images.take() is None
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["pictures stopped, tracking goes on"]


def test_colours_come_out_as_they_went_in() -> None:
    """R4-17: RGB in, and OpenCV's BGR stays inside."""
    image = np.zeros((16, 16, 3), np.uint8)
    image[:] = (250, 120, 10)
    bgr = cv2.imdecode(np.frombuffer(encode_jpeg(image, quality=100), np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    assert np.abs(bgr[8, 8, ::-1].astype(int) - (250, 120, 10)).max() <= 3


def test_closing_twice_is_harmless() -> None:
    images = ImageStream(ViewerConfig(rate_hz=30, jpeg_quality=80))
    images.close()
    images.close()
