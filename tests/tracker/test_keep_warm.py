"""Touching a device between frames: often while none comes, never beside one, and not after the end."""

import threading
import time
from collections.abc import Callable

import pytest

from tracker.engines.tensorrt.keep_warm import KeepWarm
from tracker.errors import EngineError

LONGEST_S = 300.0


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LONGEST_S
    while not condition():
        if time.monotonic() > end:
            pytest.fail("it did not happen in time")
        threading.Event().wait(0.001)


def test_a_device_is_touched_again_and_again_while_no_frame_comes() -> None:
    touched: list[int] = []
    warmer = KeepWarm(lambda: touched.append(1), interval_ms=0.5)

    wait_for(lambda: len(touched) >= 3)
    warmer.close()
    warmer.close()

    after = len(touched)
    assert not [thread for thread in threading.enumerate() if thread.name == "keep-warm"]
    assert len(touched) == after


def test_a_device_that_has_just_run_a_frame_is_left_alone() -> None:
    asked, touched = [0], list[int]()

    def still() -> int:  # a clock that stands: the last frame is always just over
        asked[0] += 1
        return 0

    warmer = KeepWarm(lambda: touched.append(1), interval_ms=0.2, clock=still)
    wait_for(lambda: asked[0] > 5)
    warmer.close()

    assert touched == []


def test_a_device_that_refuses_is_not_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[int] = []

    def refuse() -> None:
        asked.append(1)
        raise EngineError("the device has gone")

    warmer = KeepWarm(refuse, interval_ms=0.2)
    wait_for(lambda: not any(thread.name == "keep-warm" for thread in threading.enumerate()))
    warmer.close()

    assert asked == [1]
    assert "keep-warm stopped: the device has gone" in caplog.text
