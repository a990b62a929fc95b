"""Every frame of a video once, with the pixels and times that the live camera source gives."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tracker.recorded import number_in, picture
from tests.tracker.videos import damaged, numbered, promising, turned, write_video
from tracker.cameras.video_file import VideoFile
from tracker.config_cameras import OpenCVCamera
from tracker.errors import CameraError
from tracker.frame import Frame, Image
from tracker.recording.colourless import Colourless, converter_by
from tracker.recording.frame_converter import in_colour
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
    if kind == "MPEG-4 in AVI, its last frame without a time":  # the sum of rounded 1/35 s is 1 ns off
        return write_video(path.with_suffix(".avi"), FRAMES, codec="mpeg4", rate=35, bf="1")
    if kind == "turned by a quarter":
        return turned(write_video(path.with_suffix(".mp4"), FRAMES))
    if kind == "grey":
        return write_video(path.with_suffix(".avi"), FRAMES, codec="ffv1", pixels="gray")
    if kind == "chroma at full size, odd sides":
        return write_video(path.with_suffix(".mkv"), FRAMES, pixels="yuv444p", image=lambda number: numbered(number)[:-1, :-1].copy())
    if kind == "no colour":
        return write_video(path.with_suffix(".mkv"), FRAMES, codec="ffv1", image=levels)
    if kind == "no colour, turned by a quarter":
        return turned(write_video(path.with_suffix(".mp4"), FRAMES, image=levels))
    if kind == "no colour, chroma at full size, odd sides":
        return write_video(path.with_suffix(".mkv"), FRAMES, codec="ffv1", pixels="yuv444p", image=lambda number: levels(number)[1:, 1:])
    if kind == "no colour, full range":
        return write_video(path.with_suffix(".avi"), FRAMES, codec="mjpeg", pixels="yuvj420p", image=levels)
    if kind == "a width of no whole sixteens":
        return write_video(path.with_suffix(".mkv"), FRAMES, image=lambda number: picture(number, height=64, width=168, colour=True))
    if kind == "no colour, a width of no whole sixteens":
        return write_video(path.with_suffix(".mkv"), FRAMES, codec="ffv1", image=lambda number: levels(number, width=162))
    return write_video(path.with_suffix(".mkv"), FRAMES, codec="ffv1", pixels="yuv420p10le")


def levels(number: int, *, width: int = 96) -> Image:
    """A picture without colour that says its number; every level is in it."""
    image = picture(number, height=96, width=width)
    image[32:, :64] = np.arange(256, dtype=np.uint8).repeat(16).reshape(64, 64)
    image[:, 96:] = np.arange(96, dtype=np.uint8)[:, None] * 2
    return np.dstack([image] * 3)


def coloured(number: int) -> Image:
    return np.dstack([levels(number)[..., 0], *np.moveaxis(levels(number + 1)[..., 1:], 2, 0)])


KINDS = (
    "B-frames",
    "a variable rate",
    "B-frames in AVI",
    "MPEG-4 in AVI, its last frame without a time",
    "turned by a quarter",
    "grey",
    "chroma at full size, odd sides",
    "ten bits",
    "no colour",
    "no colour, turned by a quarter",
    "no colour, chroma at full size, odd sides",
    "no colour, full range",
    "no colour, a width of no whole sixteens",
    "a width of no whole sixteens",
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_has_the_pixels_and_time_of_the_live_source(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path / "video", kind)
    expected = live(path)

    video = OriginalVideo(path)
    convert = video.converter()
    found = [(decoded.time_ns, convert.image(decoded)) for decoded in video.frames()]
    assert video.decoder == ("opencv" if kind in ("B-frames in AVI", "ten bits") else "pyav")

    assert [time_ns for time_ns, _ in found] == [frame.exposed_ns for frame in expected]
    assert len(found) == FRAMES == len({time_ns for time_ns, _ in found})
    for (_, image), frame in zip(found, expected, strict=True):
        np.testing.assert_array_equal(image, frame.image)
    if "turned" not in kind:
        assert [number_in(image) for _, image in found] == list(range(FRAMES))
    assert video.fault() is None


def test_frames_that_the_live_source_skips_have_their_times_and_count(tmp_path: Path) -> None:
    path = made(tmp_path / "video", "a variable rate")
    expected = live(path)
    camera = VideoFile(OpenCVCamera(device=str(path), file_speed="flat_out"))

    skipped = [camera.skip(), camera.skip()]
    between = camera.read(60)
    assert between is not None
    later = [camera.skip() for _ in range(FRAMES - 3)]

    assert [*skipped, between.exposed_ns, *later] == [frame.exposed_ns for frame in expected]
    assert between.number == 2
    np.testing.assert_array_equal(between.image, expected[2].image)
    assert camera.skip() is None
    camera.close()
    assert camera.skip() is None


def test_pictures_without_colour_are_given_as_their_levels_those_with_it_are_not(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mkv", FRAMES, codec="ffv1", image=lambda number: (levels if number < 20 else coloured)(number))
    video = OriginalVideo(path)
    convert = video.converter()

    found = [convert.levels(decoded) for decoded in video.frames()]

    assert [image is None for image in found] == [False] * 20 + [True] * 20
    whole = [in_colour(image, video.shape) for image in found if image is not None]
    np.testing.assert_array_equal(whole, [frame.image for frame in live(path)[:20]])


@pytest.mark.parametrize("unwritten", [0, 1])
def test_a_conversion_that_treats_columns_unlike_one_another_is_not_shortened(unwritten: int) -> None:
    def convert(frame: av.VideoFrame) -> Image:
        rgb = frame.to_ndarray(format="rgb24")
        rgb[:, rgb.shape[1] - unwritten :] = 0
        return np.asarray(rgb, np.uint8)

    grey = av.VideoFrame.from_ndarray(levels(3), format="rgb24").reformat(format="yuv420p")

    found = Colourless(convert).levels(grey)

    assert (found is None) == bool(unwritten)
    if found is not None:
        np.testing.assert_array_equal(found, convert(grey)[..., 1])


STUDIO = np.clip(np.rint((np.arange(256.0) - 16) * 255 / 219), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("width", [32, 97])
@pytest.mark.parametrize("changed", [None, 0, 100, 255])
@pytest.mark.parametrize("table", [np.arange(256, dtype=np.uint8), STUDIO, STUDIO[::-1]], ids=["full range", "studio range", "any"])
def test_every_level_is_converted_as_its_table_says(table: NDArray[np.uint8], changed: int | None, width: int) -> None:
    expected = table.copy()
    if changed is not None:
        expected[changed] ^= 1
    luma = np.arange(256 * 97, dtype=np.uint32).astype(np.uint8).reshape(256, 97)[:, :width]

    found = converter_by(expected, width=width)(luma)

    np.testing.assert_array_equal(found, expected[luma])
    assert not np.shares_memory(found, luma)


def test_levels_of_both_ranges_are_not_looked_up_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "LUT", None)
    luma = np.arange(256, dtype=np.uint8)[None]
    for table in (np.arange(256, dtype=np.uint8), STUDIO):
        np.testing.assert_array_equal(converter_by(table, width=64)(luma)[0], table)


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
