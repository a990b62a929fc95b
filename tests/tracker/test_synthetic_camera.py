"""The synthetic camera: its schedule, its faults, and its end."""

import threading

import numpy as np
import pytest

from tests.tracker.camera_capture import DEADLINE_S, fault, numbers_of, rig
from tests.tracker.own_time import OwnTime, followed
from tracker.cameras.open_camera import camera_factory
from tracker.cameras.synthetic import BUFFERED_FRAMES, SyntheticRig
from tracker.errors import CameraError, CorruptFrameError


def test_the_synthetic_camera_never_hands_a_frame_over_before_it_is_due() -> None:
    camera = SyntheticRig(rig(frames=20))
    frames = list(iter(lambda: camera.read(DEADLINE_S), None))
    due_ns = np.array([frame.exposed_ns for frame in frames], np.int64)
    received_ns = np.array([frame.received_ns for frame in frames], np.int64)
    assert (received_ns >= due_ns).all()
    assert (np.diff(due_ns) == 5_000_000 * np.diff(numbers_of(frames))).all()


def test_the_synthetic_camera_gives_every_frame_to_a_reader_in_time_and_then_ends() -> None:
    _, frames, _ = followed(rig(frames=20))
    assert numbers_of(frames) == list(range(20))


def test_a_reader_that_is_late_loses_frames_and_the_camera_keeps_its_schedule() -> None:
    now_ns = [0]
    camera = SyntheticRig(rig(rate_hz=100.0, frames=None), lambda: now_ns[0])
    now_ns[0] = 10_000_000  # frame 0 is due one period after the device came to life
    first = camera.read(1.0)
    now_ns[0] += 100_000_000
    late = camera.read(1.0)
    assert first is not None
    assert late is not None
    assert (first.number, late.number) == (0, 10 - BUFFERED_FRAMES + 1)
    assert late.exposed_ns == 10_000_000 * (1 + late.number)


def test_the_picture_is_the_scene_at_that_number() -> None:
    settings = rig()
    camera = SyntheticRig(settings)
    frame = camera.read(1.0)
    assert frame is not None
    assert np.array_equal(frame.image, camera._device.scene.render(frame.number))


def test_a_read_that_times_out_says_so_and_loses_nothing() -> None:
    own = OwnTime(rig(rate_hz=2.0))
    camera = own.open()
    with pytest.raises(CameraError, match=r"64x64 at 2 Hz: no frame for 0\.01 s"):
        camera.read(0.01)
    frame = camera.read(5.0)
    assert frame is not None
    assert frame.number == 0


def test_a_corrupt_frame_is_told_and_the_next_one_follows() -> None:
    now_ns = [0]
    camera = SyntheticRig(rig(fault("corrupt", 0)), lambda: now_ns[0])
    now_ns[0] = 5_000_000
    with pytest.raises(CorruptFrameError, match="frame 0 arrived damaged"):
        camera.read(1.0)
    now_ns[0] = 10_000_000
    following = camera.read(1.0)
    assert following is not None
    assert following.number == 1


def test_a_vanished_camera_can_be_opened_only_when_its_time_is_over() -> None:
    now_ns = [0]
    reopen = camera_factory(rig(fault("vanish", 1, seconds=3.0), frames=None), clock=lambda: now_ns[0])
    reopen().close()
    for at_ns in (10_000_000, 3_009_000_000):
        now_ns[0] = at_ns
        with pytest.raises(CameraError, match="the device is gone; plug it in again"):
            reopen()
    now_ns[0] = 3_010_000_000
    camera = reopen()
    now_ns[0] = 3_015_000_000
    frame = camera.read(1.0)
    assert frame is not None
    assert frame.number == 602  # the device went on counting


def test_a_camera_told_to_open_slowly_is_open_when_its_time_is_over() -> None:
    camera = camera_factory(rig(fault("slow_open", 0, seconds=0.1), frames=None))()
    frame = camera.read(DEADLINE_S)
    camera.close()
    assert frame is not None
    assert frame.number >= 20  # the device counted meanwhile, at 200 Hz


def test_closing_the_synthetic_camera_ends_a_read_in_another_thread() -> None:
    camera = SyntheticRig(rig(fault("stall", 0, seconds=1000.0), frames=None))
    closer = threading.Timer(0.05, camera.close)
    closer.start()
    with pytest.raises(CameraError, match="is closed"):
        camera.read(DEADLINE_S)
    closer.join()
