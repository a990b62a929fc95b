"""The counts that come with every frame: each number the loop never saw is lost, skipped or corrupt, exactly once."""

import itertools
import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.cameras.capture import Capture, Captured
from tracker.cameras.read_back import ReadBack
from tracker.config_cameras import CaptureConfig
from tracker.errors import CameraError, CorruptFrameError
from tracker.frame import Frame, FrameCounts

DEADLINE_S = 300.0
Step = Literal["frame", "loss", "damage", "failure", "take"]
STEPS = st.lists(st.sampled_from(["frame", "frame", "loss", "damage", "failure", "take"]), max_size=40)


class ScriptedCamera:
    """Does what its script says, one step at a time; at "take" it waits until the reader of the capture took what was there."""

    description = "scripted camera"

    def __init__(self, script: Sequence[Step]) -> None:
        self.read_back: ReadBack = {}
        self.takes: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.taken: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._steps = iter(script)
        self._number = 0

    def read(self, timeout_s: float) -> Frame | None:
        for step in self._steps:
            if step == "take":
                self.takes.put(True)
                self.taken.get(timeout=DEADLINE_S)
                continue
            if step == "failure":
                raise CameraError("the cable was pulled")
            self._number += 1
            if step == "damage":
                raise CorruptFrameError("half a frame")
            if step == "frame":
                return Frame(image=np.zeros((8, 8), np.uint8), number=self._number, exposed_ns=None, received_ns=0)
        self.takes.put(False)
        return None

    def close(self) -> None:
        """The script goes on where it was, as a device does that counts while it is closed."""


@contextmanager
def capturing(camera: ScriptedCamera, pace: Literal["newest_frame", "every_frame"]) -> Iterator[Capture]:
    times = {"stalled_after_s": DEADLINE_S, "reopen_first_s": 0.001, "reopen_longest_s": 0.001}
    capture = Capture(lambda: camera, CaptureConfig(pace=pace, queue_frames=1000, **times))
    capture.start()
    try:
        yield capture
    finally:
        capture.close()


def taken_by_script(script: Sequence[Step], pace: Literal["newest_frame", "every_frame"]) -> list[Captured]:
    camera = ScriptedCamera(script)
    taken: list[Captured | None] = []
    with capturing(camera, pace) as capture:
        while camera.takes.get(timeout=DEADLINE_S):
            taken.append(capture.next(0.0))
            camera.taken.put(None)
        while not capture.ended:
            taken.append(capture.next(DEADLINE_S))
    return [captured for captured in taken if captured is not None]


def total(counts: FrameCounts) -> int:
    return counts.lost + counts.skipped + counts.corrupt


@settings(deadline=None, max_examples=150)
@given(script=STEPS, pace=st.sampled_from(["newest_frame", "every_frame"]))
def test_between_two_frames_the_counts_grow_by_the_numbers_missing(
    script: list[Step], pace: Literal["newest_frame", "every_frame"]
) -> None:
    taken = taken_by_script(script, pace)
    for one, two in itertools.pairwise(taken):
        assert two.frame.number - one.frame.number - 1 == total(two.counts) - total(one.counts)


@settings(deadline=None, max_examples=50)
@given(script=STEPS)
def test_each_kind_of_missing_frame_is_counted_under_its_own_name(script: list[Step]) -> None:
    seen = ["frame", *script, "frame"]  # numbers before the first frame are nobody's loss
    taken = taken_by_script(seen, "every_frame")
    counts = taken[-1].counts
    assert (counts.lost, counts.skipped, counts.corrupt) == (script.count("loss"), 0, script.count("damage"))


def test_the_counts_are_those_as_of_the_frame_not_of_the_moment_it_is_taken() -> None:
    taken = taken_by_script(["frame", "loss", "frame", "damage", "frame"], "every_frame")
    assert [(captured.counts.lost, captured.counts.corrupt) for captured in taken] == [(0, 0), (1, 0), (1, 1)]


def test_a_frame_replaced_before_it_was_taken_is_skipped_and_not_lost() -> None:
    taken = taken_by_script(["frame", "take", "frame", "frame", "frame"], "newest_frame")
    assert [captured.counts for captured in taken] == [
        FrameCounts(lost=0, skipped=0, corrupt=0),
        FrameCounts(lost=0, skipped=2, corrupt=0),
    ]


def test_counts_cannot_be_changed() -> None:
    counts = FrameCounts(lost=1, skipped=2, corrupt=3)
    with pytest.raises(AttributeError):
        counts.lost = 0  # type: ignore[misc]
