"""Choosing frames to label: real videos of known content, through the command, into a real project."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

import tracker.engines.openvino.engine  # noqa: F401  (its import starts a thread of the library's own; here, before a test counts threads)
from tests.trainer.selecting import (
    SIZE,
    Select,
    left_out,
    noisy,
    numbers,
    picture,
    scene,
    selection,
    spot,
    wandering,
    write_h264,
    write_video,
)
from trainer.__main__ import main
from trainer.project.store import open_project
from trainer.selection.candidates import Candidates
from trainer.selection.methods import by_k_means
from trainer.video_files.reader import VideoReader


@pytest.fixture
def select(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Select:
    return selection(tmp_path, capsys)


SCENES = (0,) * 60 + (1,) * 60 + (2,) * 60 + (3,) * 60 + (4,) * 6  # the last is over in a quarter of a second


def test_k_means_takes_one_of_each_scene_where_uniform_misses_the_short_one(select: Select, tmp_path: Path) -> None:
    video = write_video(tmp_path / "film.mkv", noisy([scene(kind) for kind in SCENES]))
    by_k_means = numbers(select(video, count=5, by="k-means", options=["--similar"]))
    by_time = numbers(select(video, count=5, by="uniform", options=["--similar", "--project", str(tmp_path / "other")]))
    assert sorted(SCENES[number] for number in by_k_means) == [0, 1, 2, 3, 4]
    assert 4 not in {SCENES[number] for number in by_time}


def test_a_frame_that_is_like_no_other_stands_for_one_frame() -> None:
    thumbnails = np.repeat(np.array([[0.0], [100.0], [100.0], [200.0]], np.float32), 16, axis=1)
    flat = np.zeros(4, np.float32)
    candidates = Candidates(
        numbers=np.arange(4),
        seconds=np.arange(4.0),
        thumbnails=thumbnails,
        motion=flat,
        change=flat,
        noise=flat,
        stamps=np.arange(4),
        step=1,
        whole=True,
    )
    preference = by_k_means(candidates, np.arange(4), count=3, seed=0)
    assert [preference.reason(index).detail for index in range(4)] == [
        "stands for 1 frame",
        "stands for 2 frames",
        "stands for 2 frames",
        "stands for 1 frame",
    ]


def test_uniform_takes_frames_at_equal_distances_in_time(select: Select, tmp_path: Path) -> None:
    video = write_video(tmp_path / "film.mkv", wandering(101))
    assert numbers(select(video, count=5, by="uniform")) == [10, 30, 50, 70, 90]


@pytest.mark.parametrize("by", ["random", "k-means"])
def test_the_seed_decides_what_chance_chooses(select: Select, tmp_path: Path, by: str) -> None:
    video = write_video(tmp_path / "film.mkv", wandering(100))
    found = [
        numbers(select(video, count=6, by=by, options=["--seed", seed, "--project", str(tmp_path / f"{place}")]))
        for place, seed in enumerate(["1", "1", "2"])
    ]
    assert found[0] == found[1] != found[2]


def test_motion_takes_moving_frames_and_not_all_of_one_bout(select: Select, tmp_path: Path) -> None:
    """The second bout is slower; without a spread all four frames would be of the first."""
    places = [20] * 30 + list(range(20, 120, 4)) + [120] * 60 + list(range(120, 70, -2)) + [70] * 30
    chosen = numbers(select(write_video(tmp_path / "film.mkv", [spot(x) for x in places]), count=4, by="motion"))
    fast, slow = (len([number for number in chosen if number in bout]) for bout in (range(30, 56), range(115, 141)))
    assert (fast, slow) == (2, 2)


def test_motion_looks_at_the_region_alone(select: Select, tmp_path: Path) -> None:
    images = []
    for number in range(60):
        image = spot(20 + (number if 40 <= number < 45 else 0), 70)
        image[: 40 if number == 20 else 10] = 255
        images.append(image)
    chosen = numbers(select(write_video(tmp_path / "film.mkv", images), count=1, by="motion", options=["--region", "0", "48", "128", "48"]))
    assert chosen[0] in range(40, 46)


def test_uncertainty_finds_low_confidence_jumps_and_disagreement_and_says_which(
    select: Select, tmp_path: Path, make_bundle: Callable[..., Path]
) -> None:
    """The engine takes the brightest pixel. Frame 30 is dim; in 60 the spot is elsewhere; in 90 the brightest is at the very edge."""
    images = [spot(40 + number % 7, 40 + number % 5) for number in range(120)]
    images[30] = spot(42, 40, brightness=40)
    images[60] = spot(110, 90)
    cv2.circle(images[90], (124, 40), 3, (250,), -1)
    bundle = make_bundle(tmp_path / "bundle", height=SIZE[0], width=SIZE[1])
    report = select(write_video(tmp_path / "film.mkv", images), count=3, by="uncertainty", options=["--bundle", str(bundle)])
    project = open_project(tmp_path / "project")
    assert {frame.frame: frame.why for frame in project.frames} == {
        30: "uncertainty: low confidence",
        60: "uncertainty: jump",
        90: "uncertainty: jump, disagreement",
    }
    chosen = report["chosen"]
    assert isinstance(chosen, list)
    assert chosen[0]["detail"] == "spot 0.16 sure"


@pytest.mark.parametrize(("least", "unlike"), [(0.5, False), (0.95, True)], ids=["as sure as in training", "less sure"])
def test_a_video_unlike_the_training_is_told_while_its_frames_are_chosen(
    select: Select, tmp_path: Path, make_bundle: Callable[..., Path], *, least: float, unlike: bool
) -> None:
    bundle = make_bundle(tmp_path / "bundle", height=SIZE[0], width=SIZE[1])
    about = bundle / "bundle.json"
    learnt = {"brightness": [0, 255], "contrast": [0, 127], "confidence": least}
    about.write_text(json.dumps(json.loads(about.read_text()) | {"learnt": learnt}))
    video = write_video(tmp_path / "film.mkv", [spot(20 + number, 40) for number in range(40)])  # which the engine is 0.8 sure of
    told = select(video, count=2, by="uncertainty", options=["--bundle", str(bundle)])["unlike_training"]
    assert (told is not None) == unlike
    assert told is None or "the mean confidence is at most 0.80" in str(told)


def test_uncertainty_does_not_take_all_of_a_bad_stretch(select: Select, tmp_path: Path, make_bundle: Callable[..., Path]) -> None:
    brightness = {**dict.fromkeys(range(40, 60), 40), **dict.fromkeys((90, 110, 130), 42)}
    images = [spot(40 + abs(number % 60 - 30), 20 + number // 3, brightness=brightness.get(number, 204)) for number in range(150)]
    bundle = make_bundle(tmp_path / "bundle", height=SIZE[0], width=SIZE[1])
    video = write_video(tmp_path / "film.mkv", images)
    assert numbers(select(video, count=4, by="uncertainty", options=["--bundle", str(bundle), "--similar"])) == [40, 59, 90, 110]


def test_frames_in_the_project_are_the_very_frames_of_the_video(select: Select, tmp_path: Path) -> None:
    """Numbers are those of decoding, and the copies are lossless."""
    images = noisy(wandering(60))
    select(write_video(tmp_path / "film.mkv", images), count=12, by="random")
    project = open_project(tmp_path / "project")
    assert [frame.frame for frame in project.frames] == sorted(frame.frame for frame in project.frames)
    for place, frame in enumerate(project.frames):
        np.testing.assert_array_equal(picture(project, place), images[frame.frame])
        assert frame.image == f"images/film/{frame.frame:06d}.png"


def test_frames_of_a_stream_without_time_stamps_are_exact_too(select: Select, tmp_path: Path) -> None:
    images = noisy(wandering(60))
    video = write_h264(tmp_path / "film.h264", images)
    with VideoReader(video) as reader:
        decoded = list(reader.frames())
    select(video, count=12, by="random")
    project = open_project(tmp_path / "project")
    assert len(project.frames) == 12
    for place, frame in enumerate(project.frames):
        np.testing.assert_array_equal(picture(project, place), decoded[frame.frame])


def test_only_the_asked_span_is_chosen_from(select: Select, tmp_path: Path) -> None:
    report = select(write_video(tmp_path / "film.mkv", wandering(100)), count=50, options=["--start", "1", "--end", "2", "--step", "2"])
    assert set(numbers(report)) <= set(range(25, 51, 2))
    assert (report["candidates"], report["frames_read"], report["step"]) == (13, 51, 2)


def test_every_frame_can_be_taken(select: Select, tmp_path: Path) -> None:
    """All frames of a video as individual images; more than there are may be asked for."""
    images = noisy([scene(0)] * 10)
    assert numbers(select(write_video(tmp_path / "film.mkv", images), count=50, by="uniform", options=["--similar"])) == list(range(10))


def test_a_still_picture_is_taken_once_and_the_rest_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = write_video(tmp_path / "film.mkv", noisy([scene(0)] * 50))
    assert main(["select", str(video), "--project", str(tmp_path / "p"), "--points", "spot", "--count", "5", "--by", "uniform"]) == 0
    said = capsys.readouterr().out
    assert "film.mkv: 1 of 50 frames added by uniform; left out: " in said
    assert " near-duplicates, " in said or " near-duplicates;" in said
    assert "; 5 were asked for, there are no more to choose" in said


def test_a_second_selection_takes_other_frames(select: Select, tmp_path: Path) -> None:
    video = write_video(tmp_path / "film.mkv", wandering(100))
    first, second = select(video, count=8, by="uniform"), select(video, count=8, by="uniform")
    assert not set(numbers(first)) & set(numbers(second))
    assert (left_out(first, "in_project"), left_out(second, "in_project")) == (0, 8)
    assert len(open_project(tmp_path / "project").frames) == 16


def test_what_another_video_has_shown_is_not_taken_again(select: Select, tmp_path: Path) -> None:
    one = write_video(tmp_path / "one.mkv", noisy([scene(kind) for kind in (0, 1) for _ in range(40)]))
    two = write_video(tmp_path / "two.mkv", noisy([scene(kind) for kind in (1, 2) for _ in range(40)], seed=1))
    select(one, count=2)
    report = select(two, count=2)
    assert [number >= 40 for number in numbers(report)] == [True]
    assert left_out(report, "near_duplicate") >= 40


def test_long_videos_are_thinned_out_while_they_are_read(tmp_path: Path) -> None:
    """The header of a bare stream promises no length, so the pass finds out on the way."""
    from trainer.selection.candidates import Span, gather

    images = wandering(90)
    found = gather(write_h264(tmp_path / "film.h264", images), Span(limit=20))
    assert found.step == 8
    assert found.numbers.tolist() == list(range(0, 90, 8))
    known = gather(write_video(tmp_path / "film.mkv", images), Span(limit=20))
    assert known.numbers.tolist() == list(range(0, 90, 5))


def test_videos_of_one_stem_stay_apart(select: Select, tmp_path: Path) -> None:
    select(write_video(tmp_path / "top.mkv", wandering(40)), count=3)
    report = select(write_video(tmp_path / "top.avi", noisy([scene(kind) for kind in range(4) for _ in range(10)])), count=3)
    project = open_project(tmp_path / "project")
    assert {(frame.video, frame.group) for frame in project.frames} == {("top.mkv", "top"), ("top.avi", "top.avi")}
    assert str(report["contact_sheet"]).endswith("contact-top.avi-k-means.png")


def test_videos_of_other_sizes_are_chosen_from_into_one_project(select: Select, tmp_path: Path) -> None:
    large, small = wandering(10), [image[:64, :96].copy() for image in wandering(10)]
    select(write_video(tmp_path / "one.mkv", large), write_video(tmp_path / "two.mkv", small), count=2)
    select(write_video(tmp_path / "three.mkv", large), count=1, options=["--region", "100", "0", "28", "96"])
    project = open_project(tmp_path / "project")
    sizes = [project.image_size(frame.image) for frame in project.frames]
    assert sorted(sizes) == [(64, 96)] * 2 + [(96, 128)] * 3


def test_the_contact_sheet_shows_the_chosen_frames_in_order(select: Select, tmp_path: Path) -> None:
    images = [np.full(SIZE, 20 + 4 * number, np.uint8) for number in range(50)]
    for number, image in enumerate(images):
        cv2.circle(image, (10 + 2 * number, 48), 8, (255,), -1)
    report = select(write_video(tmp_path / "film.mkv", images), count=4, by="uniform")
    with PIL.Image.open(str(report["contact_sheet"])) as sheet:
        shades = [sheet.convert("L").getpixel((8 + 248 * column + 120, 33 + 10)) for column in range(3)]
    assert shades == [20 + 4 * number for number in numbers(report)[:3]]
