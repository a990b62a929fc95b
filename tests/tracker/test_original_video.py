"""Every frame of a video once, with the pixels and times that the live camera source gives."""

from pathlib import Path

import numpy as np
import pytest

from tests.tracker.recorded import number_in
from tests.tracker.videos import damaged, numbered, promising, turned, write_video
from tracker.cameras.video_file import VideoFile
from tracker.config_cameras import OpenCVCamera
from tracker.errors import CameraError
from tracker.frame import Frame
from tracker.recording.original_video import OriginalVideo

FRAMES = 40
UNEVEN_MS = [10 * number + (number * number * 7) % 9 for number in range(FRAMES)]


def live(path: Path) -> list[Frame]:
    camera = VideoFile(OpenCVCamera(device=str(path), file_speed="flat_out"))
    found = []
    while (frame := camera.read(60)) is not None:
        found.append(frame)
    camera.close()
    return found


def made(path: Path, kind: str) -> Path:
    if kind == "B-frames":
        return write_video(path.with_suffix(".mp4"), FRAMES, bf="3", g="12")
    if kind == "a variable rate":
        return write_video(path.with_suffix(".mkv"), FRAMES, times_ms=UNEVEN_MS, bf="2")
    if kind == "B-frames in AVI":  # which has no place for their times
        return write_video(path.with_suffix(".avi"), FRAMES, bf="2")
    if kind == "turned by a quarter":
        return turned(write_video(path.with_suffix(".mp4"), FRAMES))
    if kind == "grey":
        return write_video(path.with_suffix(".avi"), FRAMES, codec="ffv1", pixels="gray")
    if kind == "chroma at full size, odd sides":
        return write_video(path.with_suffix(".mkv"), FRAMES, pixels="yuv444p", image=lambda number: numbered(number)[:-1, :-1].copy())
    return write_video(path.with_suffix(".mkv"), FRAMES, codec="ffv1", pixels="yuv420p10le")


KINDS = ("B-frames", "a variable rate", "B-frames in AVI", "turned by a quarter", "grey", "chroma at full size, odd sides", "ten bits")


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_has_the_pixels_and_time_of_the_live_source(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path / "video", kind)
    expected = live(path)

    video = OriginalVideo(path)
    convert = video.converter()
    found = [(decoded.time_ns, convert.image(decoded)) for decoded in video.frames()]

    assert [time_ns for time_ns, _ in found] == [frame.exposed_ns for frame in expected]
    assert len(found) == FRAMES == len({time_ns for time_ns, _ in found})
    for (_, image), frame in zip(found, expected, strict=True):
        np.testing.assert_array_equal(image, frame.image)
    if kind != "turned by a quarter":
        assert [number_in(image) for _, image in found] == list(range(FRAMES))
    assert video.fault() is None


def test_a_header_that_promises_less_ends_no_video(tmp_path: Path) -> None:
    path = promising(write_video(tmp_path / "video.avi", FRAMES, codec="mjpeg", pixels="yuvj420p"), 10)

    assert [number_in(image) for image in OriginalVideo(path).images()] == list(range(FRAMES))


def test_a_header_that_promises_more_is_told(tmp_path: Path) -> None:
    path = promising(write_video(tmp_path / "video.avi", FRAMES, codec="mjpeg", pixels="yuvj420p"), 60)

    video = OriginalVideo(path)

    assert len(list(video.images())) == FRAMES
    assert video.fault() == f"{path}: 40 of 60 frames decoded, the file seems to be cut; copy it again"


def test_frames_after_damage_are_decoded_and_the_damage_is_told(tmp_path: Path) -> None:
    path = damaged(write_video(tmp_path / "video.mp4", FRAMES, codec="mjpeg", pixels="yuvj420p"))

    video = OriginalVideo(path)
    numbers = [number_in(image) for image in video.images()]

    assert numbers[-1] == FRAMES - 1
    assert len(numbers) < FRAMES
    assert "packets are damaged" in str(video.fault())


def test_a_cut_matroska_which_counts_no_frames_is_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mkv", 100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    video = OriginalVideo(path)
    assert 0 < len(list(video.images())) < 100
    assert "of 4.00 s, the file seems to be cut" in str(video.fault())


def test_what_is_no_video_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("not a video")

    with pytest.raises(CameraError, match="is not a video"):
        OriginalVideo(path)
