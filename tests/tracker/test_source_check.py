"""Files and folders are looked at before tracking starts; devices and streams may come later."""

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tracker.cameras.open_camera import check_source
from tracker.config_cameras import BaslerCamera, CameraSource, ImageFolder, OpenCVCamera, SyntheticCamera
from tracker.errors import CameraError


def opencv(device: int | str | Path) -> OpenCVCamera:
    name = device if isinstance(device, int) else str(device)
    return OpenCVCamera(device=name, width=None, height=None, rate_hz=None, fourcc=None, file_speed="recorded", loop_file=False)


def folder(path: Path) -> ImageFolder:
    return ImageFolder(folder=str(path), rate_hz=None, loop_folder=False)


def write_video(path: Path) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (64, 48))
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: None, "no such file or device; correct camera.device"),
        (lambda path: path.touch(), "is empty"),
        (lambda path: path.write_text("frame,x,y\n" * 50), "is not a video that OpenCV can read"),
        (lambda path: path.mkdir(), "is a folder, expected a video file"),
        (lambda path: os.mkfifo(path), "is neither a file nor a device"),
        (lambda path: path.symlink_to("nothing"), "no such file or device"),
    ],
    ids=["absent", "empty", "text", "folder", "pipe", "dangling link"],
)
def test_a_video_that_cannot_be_read_is_refused_in_one_sentence(tmp_path: Path, make: Callable[[Path], object], complaint: str) -> None:
    make(tmp_path / "day.mp4")
    with pytest.raises(CameraError, match=f"day.mp4: {complaint}"):
        check_source(opencv(tmp_path / "day.mp4"))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: None, "images: cannot be listed: No such file or directory"),
        (lambda path: path.touch(), "images: cannot be listed: Not a directory"),
        (lambda path: path.mkdir(), "images: holds no image"),
        (lambda path: (path.mkdir(), (path / "Frame0.png").write_text("no")), "Frame0.png: is not an image"),
    ],
    ids=["absent", "file", "empty", "no image"],
)
def test_an_image_folder_that_cannot_be_read_is_refused(tmp_path: Path, make: Callable[[Path], object], complaint: str) -> None:
    make(tmp_path / "images")
    with pytest.raises(CameraError, match=complaint):
        check_source(folder(tmp_path / "images"))


def test_a_file_of_another_size_than_the_settings_ask_for_is_refused(tmp_path: Path) -> None:
    write_video(tmp_path / "a.avi")
    asked = OpenCVCamera(
        device=str(tmp_path / "a.avi"), width=640, height=480, rate_hz=None, fourcc=None, file_speed="recorded", loop_file=False
    )
    with pytest.raises(CameraError, match="width 64, asked for 640"):
        check_source(asked)


BASLER = BaslerCamera(
    serial="1",
    width=64,
    height=64,
    offset_x=0,
    offset_y=0,
    pixel_format="Mono8",
    exposure_us=10.0,
    gain=None,
    rate_hz=None,
    trigger_line=None,
)
SYNTHETIC = SyntheticCamera(scene="rodent", seed=1, width=64, height=64, rate_hz=10.0, frames=1, rectangles=1, faults=())


@pytest.mark.parametrize(
    "source",
    [opencv(97), opencv("/dev/video97"), opencv("/dev/v4l/by-id/usb-not_here"), opencv("rtsp://127.0.0.1:1/live"), BASLER, SYNTHETIC],
    ids=["index", "node", "by id", "stream", "basler", "synthetic"],
)
def test_a_device_or_stream_that_is_not_there_yet_may_come_later(source: CameraSource) -> None:
    check_source(source)


def test_files_that_can_be_read_pass(tmp_path: Path) -> None:
    write_video(tmp_path / "a.avi")
    check_source(opencv(tmp_path / "a.avi"))
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "Frame0.png"), np.zeros((8, 8), np.uint8))
    check_source(folder(tmp_path / "images"))
