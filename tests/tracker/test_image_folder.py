"""A folder of images as a camera."""

import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from tracker.cameras.image_folder import FolderCamera, numbered_images, read_image
from tracker.cameras.open_camera import camera_factory
from tracker.config_cameras import ImageFolder
from tracker.errors import CameraError, CorruptFrameError
from tracker.frame import Frame


def settings(folder: Path, *, rate_hz: float | None = None, loop: bool = False) -> ImageFolder:
    return ImageFolder(folder=str(folder), rate_hz=rate_hz, loop_folder=loop)


def fill(folder: Path, names: list[str], *, height: int = 12, width: int = 16) -> Path:
    for level, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((height, width), 10 * level, np.uint8))
    return folder


def read_some(camera: FolderCamera, count: int) -> list[Frame]:
    frames = []
    for _ in range(count):
        frame = camera.read(1.0)
        assert frame is not None
        frames.append(frame)
    return frames


def test_frame_10_comes_after_frame_2(tmp_path: Path) -> None:
    """Numeric order with unpadded names, not the order of the directory listing."""
    names = ["Frame1.png", "Frame2.png", "Frame9.png", "Frame10.png", "Frame100.png"]
    fill(tmp_path, names)
    assert [path.name for path in numbered_images(tmp_path)] == names
    frames = read_some(FolderCamera(settings(tmp_path)), 5)
    assert [frame.image[0, 0] for frame in frames] == [0, 10, 20, 30, 40]
    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4]


def test_several_numbers_in_a_name_count_from_left_to_right(tmp_path: Path) -> None:
    names = ["day2_cam1_9.png", "day2_cam1_10.png", "day2_cam3_1.png", "day10_cam1_1.png"]
    fill(tmp_path, names)
    assert [path.name for path in numbered_images(tmp_path)] == names


def test_other_files_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path, ["1.png", "2.png"])
    (tmp_path / "labels.csv").write_text("x,y\n")
    (tmp_path / ".3.png").write_bytes(b"half written")
    assert len(numbered_images(tmp_path)) == 2


def test_the_end_of_a_folder_is_told_by_none(tmp_path: Path) -> None:
    camera = FolderCamera(settings(fill(tmp_path, ["1.png"])))
    assert camera.read(1.0) is not None
    assert camera.read(1.0) is None


def test_a_looped_folder_counts_on(tmp_path: Path) -> None:
    frames = read_some(FolderCamera(settings(fill(tmp_path, ["1.png", "2.png"]), loop=True)), 5)
    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4]
    assert [int(frame.image[0, 0]) for frame in frames] == [0, 10, 0, 10, 0]


def test_images_are_paced_by_the_rate(tmp_path: Path) -> None:
    begun_ns = time.monotonic_ns()
    frames = read_some(FolderCamera(settings(fill(tmp_path, ["1.png"]), rate_hz=50.0, loop=True)), 6)
    assert frames[-1].received_ns - begun_ns >= 5 * 20_000_000  # never early; how late depends on the machine


def test_a_late_reader_delays_the_rest_and_loses_nothing(tmp_path: Path) -> None:
    now_ns = [0]
    camera = FolderCamera(settings(fill(tmp_path, ["1.png", "2.png", "3.png"]), rate_hz=10.0), lambda: now_ns[0])
    read_some(camera, 1)
    now_ns[0] = 5_000_000_000
    frames = read_some(camera, 1)
    with pytest.raises(CameraError, match="no frame"):  # no burst to catch up: the next is due a whole period later
        camera.read(0.01)
    now_ns[0] += 100_000_000
    frames += read_some(camera, 1)
    assert [frame.number for frame in frames] == [1, 2]


def test_colour_comes_as_rgb_and_grey_stays_grey(tmp_path: Path) -> None:
    """Blue, green, red as OpenCV reads it must not reach the network."""
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 2] = 255
    cv2.imwrite(str(tmp_path / "1.png"), red)
    assert read_some(FolderCamera(settings(tmp_path)), 1)[0].image[0, 0].tolist() == [255, 0, 0]
    grey = tmp_path / "grey"
    grey.mkdir()
    assert read_some(FolderCamera(settings(fill(grey, ["1.png"]))), 1)[0].image.shape == (12, 16)


def truncated(folder: Path) -> None:
    content = (folder / "1.png").read_bytes()
    (folder / "7.png").write_bytes(content[:20])


def empty_file(folder: Path) -> None:
    (folder / "7.png").touch()


def larger(folder: Path) -> None:
    cv2.imwrite(str(folder / "7.png"), np.zeros((24, 32), np.uint8))


def coloured(folder: Path) -> None:
    cv2.imwrite(str(folder / "7.png"), np.zeros((12, 16, 3), np.uint8))


def deep(folder: Path) -> None:
    cv2.imwrite(str(folder / "7.png"), np.zeros((12, 16), np.uint16))


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (truncated, r"7\.png: is not an image that OpenCV can read"),
        (empty_file, r"7\.png: is not an image that OpenCV can read"),
        (larger, r"7\.png: is 32x24 grey; expected 16x12 grey"),
        (coloured, r"7\.png: is 16x12 colour; expected 16x12 grey"),
        (deep, r"7\.png: has 16-bit pixels; expected 8-bit"),
    ],
    ids=["truncated", "empty", "larger", "coloured", "16-bit"],
)
def test_a_folder_with_a_bad_image_is_refused_at_opening(tmp_path: Path, spoil: object, complaint: str) -> None:
    fill(tmp_path, ["1.png", "2.png"])
    assert callable(spoil)
    spoil(tmp_path)
    with pytest.raises(CameraError, match=complaint):
        FolderCamera(settings(tmp_path))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="holds no image; expected files ending in"):
        FolderCamera(settings(tmp_path))


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="cannot be listed: No such file or directory"):
        camera_factory(settings(tmp_path / "absent"))()


def test_an_image_that_goes_bad_after_opening_is_one_corrupt_frame(tmp_path: Path) -> None:
    camera = FolderCamera(settings(fill(tmp_path, ["1.png", "2.png", "3.png"])))
    (tmp_path / "2.png").unlink()
    assert read_some(camera, 1)[0].number == 0
    with pytest.raises(CorruptFrameError, match=r"2\.png: cannot be read"):
        camera.read(1.0)
    assert read_some(camera, 1)[0].number == 2


def test_a_rate_slower_than_the_reader_waits_is_a_camera_error(tmp_path: Path) -> None:
    camera = FolderCamera(settings(fill(tmp_path, ["1.png", "2.png"]), rate_hz=0.1))
    read_some(camera, 1)
    with pytest.raises(CameraError, match=r"no frame for 0\.05 s"):
        camera.read(0.05)


def test_closing_ends_a_wait_for_the_next_image(tmp_path: Path) -> None:
    reading = threading.Event()

    def clock() -> int:
        reading.set()
        return time.monotonic_ns()

    camera = FolderCamera(settings(fill(tmp_path, ["1.png", "2.png"]), rate_hz=1e-6), clock)  # an image in eleven days
    read_some(camera, 1)
    reading.clear()

    def close() -> None:
        reading.wait()
        camera.close()

    closer = threading.Thread(target=close)
    closer.start()
    camera.read(1e7)
    closer.join()
    with pytest.raises(CameraError, match="is closed"):
        camera.read(1.0)


def test_an_image_that_claims_an_impossible_size_is_refused(tmp_path: Path) -> None:
    whole = bytearray(cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes())
    start = whole.index(b"\xff\xc0") + 5
    whole[start : start + 4] = (65500).to_bytes(2, "big") * 2
    (tmp_path / "huge.jpg").write_bytes(bytes(whole))
    with pytest.raises(CameraError, match=r"huge.jpg: is not an image that OpenCV can read"):
        read_image(tmp_path / "huge.jpg")
