"""What `trainer select` refuses, in one sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainer.selecting import (
    Select,
    noisy,
    numbers,
    refused_selection,
    scene,
    selection,
    wandering,
    write_h264,
    write_video,
)
from trainer.__main__ import main
from trainer.project.store import open_project


@pytest.fixture
def select(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Select:
    return selection(tmp_path, capsys)


@pytest.fixture
def refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    return refused_selection(tmp_path, capsys)


def test_two_videos_of_one_name_are_refused(refusal: Callable[..., str], tmp_path: Path) -> None:
    one, two = write_video(tmp_path / "a" / "top.mkv", wandering(5)), write_video(tmp_path / "b" / "top.mkv", wandering(5))
    assert "a/top.mkv and " in (said := refusal(one, two))
    assert "have one name, by which a project tells videos apart; rename one of them" in said


@pytest.mark.parametrize("frames", [40, 4], ids=["as-long", "shorter"])
def test_another_video_of_a_name_that_the_project_knows_is_refused(
    select: Select, refusal: Callable[..., str], tmp_path: Path, frames: int
) -> None:
    select(write_video(tmp_path / "a" / "top.mkv", wandering(40)), count=3, by="uniform")
    other = write_video(tmp_path / "b" / "top.mkv", [scene(9)] * frames)
    assert "is it another video of the same name? rename one of the two" in refusal(other)
    assert len(open_project(tmp_path / "project").frames) == 3


def test_a_video_that_changes_its_size_is_refused(refusal: Callable[..., str], tmp_path: Path) -> None:
    one = write_h264(tmp_path / "one.h264", wandering(20))
    two = write_h264(tmp_path / "two.h264", [image[:64, :96].copy() for image in wandering(20)])
    (tmp_path / "both.h264").write_bytes(one.read_bytes() + two.read_bytes())
    assert "both.h264: is 128×96 pixels up to frame 19 and 96×64 pixels from 20 on; choose from the first part with --end 0.7" in refusal(
        tmp_path / "both.h264"
    )


def test_a_cut_off_video_is_refused_and_its_whole_part_can_be_chosen_from(
    select: Select, refusal: Callable[..., str], tmp_path: Path
) -> None:
    video = write_video(tmp_path / "film.mkv", noisy(wandering(100)))
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    said = refusal(video)
    assert "frames read" in said
    assert said.endswith("; or choose from what could be read, with --end 1.8")
    assert len(numbers(select(video, count=3, options=["--end", "1.8"]))) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be opened as a video: Invalid data"),
        (b"no video at all" * 50, "cannot be opened as a video: Invalid data"),
        (None, "no such file"),
    ],
    ids=["empty", "text", "absent"],
)
def test_what_is_no_video_is_refused_before_a_project_is_made(
    refusal: Callable[..., str], tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "film.mkv").write_bytes(content)
    assert message in refusal(tmp_path / "film.mkv")
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "there is no labelling project; name the key points with --points to make one"),
        (["--points", "spot", "spot"], "'spot' stands there twice"),
        (["--points", "spot", "--start", "9"], "no frame from 9 s on, it was read up to 0.36 s"),
        (["--points", "spot", "--region", "100", "0", "29", "96"], "region 100 0 29 96 (x, y, width, height) does not lie in its 128×96"),
    ],
    ids=["no-project", "points-twice", "late", "region"],
)
def test_what_cannot_be_done_is_said_in_one_sentence(refusal: Callable[..., str], tmp_path: Path, options: list[str], message: str) -> None:
    assert message in refusal(write_video(tmp_path / "film.mkv", wandering(10)), options=options)


def test_points_of_another_project_are_refused(select: Select, refusal: Callable[..., str], tmp_path: Path) -> None:
    video = write_video(tmp_path / "one.mkv", wandering(10))
    select(video, count=1)
    assert "labels spot; --points names others" in refusal(video, options=["--points", "snout"])


@pytest.mark.parametrize(
    "options",
    [
        ["--by", "uncertainty"],
        ["--bundle", "somewhere"],
        ["--count", "0"],
        ["--start", "2", "--end", "1"],
        ["--start", "nan"],
        ["--seed", "-1"],
        ["--by", "taste"],
    ],
    ids=["uncertainty-without-engine", "engine-without-uncertainty", "none", "backwards", "nan", "seed", "method"],
)
def test_wrong_usage_ends_with_status_two(tmp_path: Path, options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["select", "film.mkv", "--project", str(tmp_path / "project"), "--count", "3", *options])
    assert ended.value.code == 2
