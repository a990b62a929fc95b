"""The synthetic camera's light: switched through a real serial port, seen after its delay, averaged over the exposure."""

import time
from pathlib import Path

import numpy as np
import pytest
import serial  # type: ignore[import-untyped]

from tracker.cameras.open_camera import check_source
from tracker.cameras.synthetic import SyntheticRig
from tracker.config_cameras import SyntheticCamera, SyntheticLight
from tracker.errors import CameraError
from tracker.synthetic.light import BRIGHT, DARK, Light

MS = 1_000_000
DEADLINE_S = 60.0


@pytest.mark.parametrize(
    ("begin", "end", "share"),
    [(0, 0, 0), (30, 30, 1), (29, 29, 0), (49, 49, 1), (50, 50, 0), (0, 100, 0.2), (25, 35, 0.5), (35, 45, 1), (45, 55, 0.5), (50, 60, 0)],
)
def test_a_light_counts_for_the_share_of_the_exposure_that_it_lit(begin: int, end: int, share: float) -> None:
    light = Light(SyntheticLight(port="led", delay_ms=20))
    light.switch(lit=True, told_ns=10 * MS)
    light.switch(lit=False, told_ns=30 * MS)

    assert light.share(begin * MS, end * MS) == share


def test_the_delay_and_the_exposure_are_in_the_stamps_of_the_frames(tmp_path: Path) -> None:
    """Told in the middle between two frames: the first frame that shows the light tells the delay to half a frame interval."""
    now = [0]
    settings = SyntheticCamera(
        scene="rectangles", width=64, height=48, rate_hz=100, exposure_ms=4, light=SyntheticLight(port=str(tmp_path / "led"), delay_ms=20)
    )

    def passes(seconds: float) -> None:
        now[0] += max(1, round(seconds * 1e9))

    camera = SyntheticRig(settings, lambda: now[0], wait=passes)
    try:
        light = camera._device.light
        assert light is not None
        first = camera.read(1.0)
        told_ns = now[0] = now[0] + MS
        with serial.Serial(str(tmp_path / "led")) as port:
            port.write(b"1")
            deadline = time.monotonic() + DEADLINE_S
            while not light.share(told_ns + 20 * MS, told_ns + 20 * MS):
                assert time.monotonic() < deadline, "the byte did not arrive"
                time.sleep(0.001)
        frames = [first, *(camera.read(1.0) for _ in range(5))]
    finally:
        camera.close()

    levels = [int(frame.image[20, 20]) for frame in frames if frame is not None]
    assert levels == [DARK, DARK, DARK, BRIGHT, BRIGHT, BRIGHT]
    assert [frame.received_ns - frame.exposed_ns for frame in frames if frame is not None and frame.exposed_ns is not None] == [4 * MS] * 6
    shown = frames[3]
    assert shown is not None
    assert shown.exposed_ns == told_ns + 25 * MS
    assert not (tmp_path / "led").is_symlink(), "the port is taken away with the camera"


def test_only_the_rectangle_of_the_light_is_drawn() -> None:
    light = Light(SyntheticLight(port="led", left=3, top=2, width=4, height=1))
    image = np.full((8, 10), 99, np.uint8)

    light.draw(image, begin_ns=0, end_ns=0)

    assert image[2].tolist() == [99, 99, 99, DARK, DARK, DARK, DARK, 99, 99, 99]
    assert np.delete(image, 2, axis=0).min() == np.delete(image, 2, axis=0).max() == 99


def test_a_port_that_cannot_be_made_is_refused_and_a_stale_one_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a port")
    with pytest.raises(CameraError, match="cannot be made a link to the light's port"):
        SyntheticRig(SyntheticCamera(light=SyntheticLight(port=str(tmp_path / "file"))))
    assert (tmp_path / "file").read_text() == "not a port"

    (tmp_path / "stale").symlink_to("/dev/pts/gone")
    camera = SyntheticRig(SyntheticCamera(light=SyntheticLight(port=str(tmp_path / "stale"))))
    assert (tmp_path / "stale").exists()
    camera.close()
    camera.close()


def test_an_exposure_longer_than_the_frame_interval_is_refused() -> None:
    check_source(SyntheticCamera(rate_hz=100, exposure_ms=10))
    with pytest.raises(CameraError, match=r"exposure_ms is 10\.1; expected at most the interval of 10 ms"):
        check_source(SyntheticCamera(rate_hz=100, exposure_ms=10.1))
