"""Devices, files and streams through OpenCV."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from tracker.cameras.camera import Camera
from tracker.cameras.open_camera import open_opencv
from tracker.cameras.opencv_capture import as_rgb
from tracker.cameras.video_stream import SILENCE_MS, without_password
from tracker.config_cameras import OpenCVCamera
from tracker.errors import CameraError

HERE = Path(__file__).parent
OPENFIELD = HERE.parents[2] / "shared/data/dlc_openfield/videos/m3v1mp4.mp4"
NOBODY = 65534
SILENT_TICKS = 25  # of a second, or longer on a slow machine; OpenCV's own patience with a silent stream is 30 s


def settings(device: int | str | Path, **changes: Any) -> OpenCVCamera:
    keys: dict[str, Any] = {"width": None, "height": None, "rate_hz": None, "fourcc": None, "file_speed": "flat_out", "loop_file": False}
    return OpenCVCamera(device=device if isinstance(device, int) else str(device), **{**keys, **changes})


def write_video(path: Path, times_ms: list[int], *, grey: bool = False) -> None:
    """Write lossless frames: red 200, green 50, blue 10 times the frame's index; grey ones 10 times the index."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray" if grey else "bgr0"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, at_ms in enumerate(times_ms):
            image = np.full((48, 64, 3), (200, 50, 10 * index), np.uint8)
            frame = av.VideoFrame.from_ndarray(image[:, :, 2].copy(), "gray") if grey else av.VideoFrame.from_ndarray(image, "rgb24")
            frame = frame.reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = at_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_mjpeg(path: Path, frames: int) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (64, 48))
    noise = np.random.default_rng(0)
    for _ in range(frames):
        writer.write(noise.integers(0, 256, (48, 64, 3), np.uint8))
    writer.release()


@contextmanager
def powerless() -> Iterator[None]:
    """Let permissions bite also where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_gives_every_frame_once_in_rgb_with_its_own_times_and_then_ends(tmp_path: Path) -> None:
    """Red is first; a video is a camera."""
    write_video(tmp_path / "a.mkv", [0, 33, 66, 200, 233])
    camera = open_opencv(settings(tmp_path / "a.mkv"))

    frames = list(iter(lambda: camera.read(1.0), None))

    camera.close()
    assert "64x48" in camera.description
    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.exposed_ns for frame in frames] == [0, 33_000_000, 66_000_000, 200_000_000, 233_000_000]
    assert [tuple(frame.image[5, 5]) for frame in frames] == [(200, 50, 10 * index) for index in range(5)]


def test_single_channel_video_stays_single_channel(tmp_path: Path) -> None:
    """Infrared video has one channel."""
    write_video(tmp_path / "grey.mkv", [0, 33, 66], grey=True)
    camera = open_opencv(settings(tmp_path / "grey.mkv"))

    frames = list(iter(lambda: camera.read(1.0), None))

    camera.close()
    assert [frame.image.shape for frame in frames] == [(48, 64)] * 3
    assert [int(frame.image[0, 0]) for frame in frames] == [0, 10, 20]


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1)])
def test_a_picture_with_one_channel_has_two_axes(shape: tuple[int, ...]) -> None:
    assert as_rgb(np.zeros(shape, np.uint8), grey=False).shape == (4, 6)


def test_recorded_speed_never_hands_a_frame_over_before_its_time(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mkv", [0, 33, 66, 200, 233])
    readings: list[int] = []

    def clock() -> int:
        readings.append(time.monotonic_ns())
        return readings[-1]

    camera = open_opencv(settings(tmp_path / "a.mkv", file_speed="recorded"), clock)

    frames = list(iter(lambda: camera.read(1.0), None))

    camera.close()
    assert len(frames) == 5
    for frame in frames:
        assert frame.exposed_ns is not None
        assert frame.received_ns - readings[0] >= frame.exposed_ns  # its time counts from the clock's first reading


def test_closing_wakes_a_reader_who_waits_for_a_frames_time(tmp_path: Path) -> None:
    write_video(tmp_path / "slow.mkv", [0, 60_000])
    camera = open_opencv(settings(tmp_path / "slow.mkv", file_speed="recorded"))
    camera.read(1.0)
    answers: list[object] = []
    reader = threading.Thread(target=lambda: answers.append(camera.read(1.0)))
    reader.start()

    camera.close()
    reader.join(100)

    assert answers == [None]


def test_a_loop_counts_numbers_and_times_on(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mkv", [0, 33, 67])
    camera = open_opencv(settings(tmp_path / "a.mkv", loop_file=True))

    frames = [frame for _ in range(7) if (frame := camera.read(1.0))]

    camera.close()
    times = [frame.exposed_ns for frame in frames if frame.exposed_ns is not None]
    assert [frame.number for frame in frames] == list(range(7))
    assert [int(frame.image[0, 0, 2]) for frame in frames] == [0, 10, 20, 0, 10, 20, 0]
    assert times == sorted(set(times))
    assert times[3] == pytest.approx(100_000_000, abs=1_000_000)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"width": 640, "height": 480}, "width 64, asked for 640; height 48, asked for 480"),
        ({"rate_hz": 60.0}, "rate_hz 30, asked for 60"),
        ({"fourcc": "MJPG"}, "asked for MJPG"),
    ],
    ids=["size", "rate", "fourcc"],
)
def test_a_file_that_is_not_as_asked_is_refused(tmp_path: Path, changes: dict[str, Any], complaint: str) -> None:
    write_video(tmp_path / "a.mkv", [0, 33, 66])
    with pytest.raises(CameraError, match=complaint):
        open_opencv(settings(tmp_path / "a.mkv", **changes))


def test_a_file_that_is_as_asked_is_accepted(tmp_path: Path) -> None:
    write_mjpeg(tmp_path / "a.avi", 3)
    open_opencv(settings(tmp_path / "a.avi", width=64, height=48, rate_hz=29.97, fourcc="MJPG")).close()


def test_a_file_cut_short_gives_what_is_left_and_warns_with_both_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_mjpeg(tmp_path / "a.avi", 30)
    whole = (tmp_path / "a.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
    camera = open_opencv(settings(tmp_path / "cut.avi"))

    with caplog.at_level(logging.WARNING):
        frames = list(iter(lambda: camera.read(1.0), None))

    camera.close()
    assert 5 < len(frames) < 25
    assert f"frames={len(frames)} promised=30" in caplog.text


@pytest.mark.parametrize("times_ms", [[0, 33, 67, 100], [0, 33, 66, 200, 233]], ids=["constant rate", "variable rate"])
def test_a_whole_file_ends_without_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture, times_ms: list[int]) -> None:
    write_video(tmp_path / "a.mkv", times_ms)
    camera = open_opencv(settings(tmp_path / "a.mkv"))

    with caplog.at_level(logging.WARNING):
        frames = list(iter(lambda: camera.read(1.0), None))

    camera.close()
    assert len(frames) == len(times_ms)
    assert caplog.text == ""


def make_unindexed(path: Path) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (64, 48))
    for level in range(30):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


OPEN_EACH = """
import json, sys
from tracker.cameras.open_camera import open_opencv
from tracker.config import OpenCVCamera
from tracker.errors import CameraError
keys = {"width": None, "height": None, "rate_hz": None, "fourcc": None, "file_speed": "flat_out", "loop_file": False}
complaints = []
for path in sys.argv[1:]:
    try:
        open_opencv(OpenCVCamera(device=path, **keys)).close()
        complaints.append("")
    except CameraError as problem:
        complaints.append(str(problem))
print(json.dumps(complaints))
"""


@pytest.mark.parametrize(
    ("name", "make", "complaint"),
    [
        ("empty.mp4", lambda path: path.write_bytes(b""), "is empty"),
        ("text.mp4", lambda path: path.write_text("frame,x,y\n" * 50), "is not a video"),
        ("unindexed.mp4", make_unindexed, "is not a video that OpenCV can read, or it was cut"),
        ("zero.avi", lambda path: write_mjpeg(path, 0), "video has no frames"),
        ("folder.mp4", lambda path: path.mkdir(), "is a folder"),
        ("absent.mp4", lambda path: None, "no such file"),
    ],
)
def test_a_file_without_frames_is_refused_in_one_sentence(
    tmp_path: Path, name: str, make: Callable[[Path], object], complaint: str
) -> None:
    """In a process of its own: OpenCV settles once, at its first video, how much FFmpeg says."""
    make(tmp_path / name)
    command = [sys.executable, "-c", OPEN_EACH, str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True, cwd=HERE.parents[1])
    (found,) = json.loads(done.stdout)
    assert complaint in found
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    write_mjpeg(tmp_path / "a.avi", 1)
    (tmp_path / "a.avi").chmod(0)
    with powerless(), pytest.raises(CameraError, match="cannot be read: Permission denied"):
        open_opencv(settings(tmp_path / "a.avi"))


@pytest.mark.skipif(not OPENFIELD.exists(), reason=f"{OPENFIELD.name} of dlc_openfield is not here")
def test_a_real_recording_gives_its_frames_at_30_per_second() -> None:
    camera = open_opencv(settings(OPENFIELD, width=640, height=480, rate_hz=30.0))
    frames = [frame for _ in range(10) if (frame := camera.read(1.0))]
    camera.close()
    assert [frame.image.shape for frame in frames] == [(480, 640, 3)] * 10
    assert frames[9].exposed_ns == pytest.approx(300_000_000, abs=100_000)


class Sender(ThreadingHTTPServer):
    """An MJPEG sender on loopback that falls silent, or hangs up, after some frames."""

    daemon_threads = True

    def __init__(self, frames: int, *, hang_up: bool) -> None:
        self.frames, self.hang_up, self.release = frames, hang_up, threading.Event()
        super().__init__(("127.0.0.1", 0), Multipart)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/video"

    def stop(self) -> None:
        self.release.set()
        self.shutdown()
        self.server_close()


class Multipart(BaseHTTPRequestHandler):
    server: Sender

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        self.end_headers()
        picture = cv2.imencode(".jpg", np.full((48, 64, 3), (10, 50, 200), np.uint8))[1].tobytes()
        self._send(picture)
        if not self.server.hang_up:
            silent = not any(self.server.release.wait(1) for _ in range(SILENT_TICKS))
            if silent:  # a reader with OpenCV's own patience is still there
                self._send(picture)

    def _send(self, picture: bytes) -> None:
        head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
        for _ in range(self.server.frames):
            self.wfile.write(head + picture + b"\r\n")

    def log_message(self, *_: Any) -> None:
        """Keep the test's output clean."""


@contextmanager
def sender(frames: int, *, hang_up: bool = True) -> Iterator[Sender]:
    server = Sender(frames, hang_up=hang_up)
    try:
        yield server
    finally:
        server.stop()


def test_a_stream_over_http_gives_rgb_frames_without_a_camera_clock() -> None:
    """Red is first."""
    with sender(20, hang_up=False) as server:
        camera = open_opencv(settings(server.address, width=64, height=48))
        frames = [frame for _ in range(10) if (frame := camera.read(1.0))]
        camera.close()
    assert [frame.number for frame in frames] == list(range(10))
    assert {frame.exposed_ns for frame in frames} == {None}
    red, green, blue = frames[0].image[20, 20].tolist()
    assert red > 180 > 80 > green > blue


def read_until_it_fails(camera: Camera) -> tuple[str, int]:
    """Give the sentence, and how many frames came before."""
    frames = 0
    while True:
        try:
            camera.read(1.0)
        except CameraError as problem:
            return str(problem), frames
        frames += 1


@pytest.mark.parametrize("hang_up", [True, False], ids=["hangs up", "falls silent"])
def test_a_stream_that_stops_is_given_up_before_it_goes_on(hang_up: bool) -> None:
    with sender(20, hang_up=hang_up) as server:
        camera = open_opencv(settings(server.address))
        sentence, frames = read_until_it_fails(camera)
        camera.close()
        camera.close()
    assert f"the stream ended or sent nothing for {SILENCE_MS / 1000:g} s" in sentence
    assert frames <= 20


def test_a_stream_of_another_size_is_refused() -> None:
    with sender(20, hang_up=False) as server, pytest.raises(CameraError, match="width 64, asked for 1280"):
        open_opencv(settings(server.address, width=1280))


def test_an_address_that_nobody_serves_is_refused() -> None:
    with sender(1) as server:
        address = server.address
    with pytest.raises(CameraError, match=f"{address}: no stream could be opened"):
        open_opencv(settings(address))


def test_a_closed_stream_is_no_longer_read() -> None:
    with sender(20, hang_up=False) as server:
        camera = open_opencv(settings(server.address))
        camera.close()
        with pytest.raises(CameraError):
            camera.read(1.0)


def test_the_password_in_an_address_is_never_shown() -> None:
    assert without_password("rtsp://mouse:secret@10.0.0.7:554/live?x=1") == "rtsp://10.0.0.7:554/live?x=1"
