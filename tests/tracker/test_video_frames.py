"""A video's frames as numbered images: exact, in order, and readable as a camera."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tracker.__main__ import main
from tracker.cameras.image_folder import FolderCamera, read_image
from tracker.config_cameras import ImageFolder
from tracker.frame import Image


def picture(number: int) -> Image:
    return np.full((32, 48), 5 * number, np.uint8)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), 25.0, (48, 32), isColor=True)
    for number in range(24):
        writer.write(cv2.cvtColor(picture(number), cv2.COLOR_GRAY2BGR))
    writer.release()
    return path


def values(folder: Path) -> dict[str, int]:
    return {path.name: int(read_image(path).ravel()[0]) for path in sorted(folder.iterdir())}


def test_every_frame_is_written_losslessly_under_its_number(video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frames", str(video), str(tmp_path / "out")]) == 0
    assert values(tmp_path / "out") == {f"frame-{number:06d}.png": 5 * number for number in range(24)}
    assert capsys.readouterr().out == f"{tmp_path}/out: 24 frames\n"


def test_a_range_and_a_step_are_kept_to(video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frames", str(video), str(tmp_path / "out"), "--first", "3", "--last", "15", "--every", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"video": str(video), "folder": f"{tmp_path}/out", "frames": 3}
    assert values(tmp_path / "out") == {"frame-000003.png": 15, "frame-000008.png": 40, "frame-000013.png": 65}


def test_an_image_folder_camera_reads_them_back(video: Path, tmp_path: Path) -> None:
    main(["frames", str(video), str(tmp_path / "out")])
    camera = FolderCamera(ImageFolder(folder=str(tmp_path / "out")))
    frames = [camera.read(1.0) for _ in range(24)]
    assert [frame.image.ravel()[0] for frame in frames if frame is not None] == [5 * number for number in range(24)]
    camera.close()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--first", "24"], "ends before frame 24, which was to be the first"),
        (["--first", "5", "--last", "2"], "--last 2 is before --first 5; give a --last of at least 5"),
        (["--every", "0"], "'0' is not a step"),
        (["--first", "-1"], "'-1' is not a frame's position"),
    ],
)
def test_frames_that_are_not_there_are_refused(
    video: Path, tmp_path: Path, options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(["frames", str(video), str(tmp_path / "out"), *options])
    except SystemExit as end:  # wrong usage
        status = int(str(end.code))
    assert status in (1, 2)
    assert sentence in capsys.readouterr().err


def test_a_folder_with_files_and_a_file_that_is_no_video_are_refused(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    assert main(["frames", str(video), str(tmp_path / "out")]) == 1
    assert "holds files already" in capsys.readouterr().err
    assert main(["frames", str(tmp_path / "out" / "mine.txt"), str(tmp_path / "new")]) == 1
    assert "mine.txt" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("name", "found"), [("nope.mp4", "no such file"), ("", "is a folder")])
def test_what_is_no_video_is_said_without_words_of_a_camera(
    name: str, found: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["frames", str(tmp_path / name), str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert f"{found}; give the path of a video" in said
    assert "camera." not in said
