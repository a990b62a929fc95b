"""The scripts of `bench/` about behaviour, forecasts and light run to their end at their smallest size, on data made up here."""

import json
import os
import re
import runpy
from dataclasses import replace
from pathlib import Path

import cv2
import h5py  # type: ignore[import-untyped]
import numpy as np
import pytest

from tests.bench.run_script import BENCH, script
from tests.trainer.chromium import find_chromium
from trainer.behaviour.boosted_trees import missing_library
from trainer.behaviour.video_table import PoseVideo
from trainer.behaviour_scores.behaviour_score import Cleaning, clean
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.ethogram.bouts import ethogram
from trainer.image_behaviour.image_videos import ImageVideo

FRAMES = 160
RATS = ("1", "8", "12", "19", "24", "35", "46", "54")  # the videos of the benchmark
SOCIAL = ("aggression", "social", "nonsocial")
SPEED = r"p50 +(\d+\.\d+)"


def _tracks(path: Path, points: tuple[str, ...], animals: int, *, moving: np.ndarray[tuple[int], np.dtype[np.bool_]], seed: int) -> None:
    """DeepLabCut's predictions: points in a row along each animal, which walks where it moves."""
    rng = np.random.default_rng(seed)
    frames, columns = len(moving), animals * len(points)
    at = np.cumsum(np.where(moving[:, None, None], rng.normal(0, 8, (frames, animals, 2)), 0), axis=0) + 300
    x = at[:, :, None, 0] + 20.0 * np.arange(len(points))
    y = np.broadcast_to(at[:, :, None, 1], x.shape)
    cells = np.stack([x, y, np.full(x.shape, 0.99)], axis=-1).reshape(frames, -1) + rng.normal(0, 0.01, (frames, 3 * columns))
    cells[:, 2::3] = 0.99
    individuals = [f"individual{number + 1}" for number in range(animals) for _ in points for _ in "xyl"]
    rows = [["scorer", *["net"] * len(individuals)]]
    if animals > 1:
        rows.append(["individuals", *individuals])
    rows.append(["bodyparts", *[point for _ in range(animals) for point in points for _ in "xyl"]])
    rows.append(["coords", *["x", "y", "likelihood"] * columns])
    rows += [[str(number), *(f"{cell:.3f}" for cell in row)] for number, row in enumerate(cells.tolist())]
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")


def test_the_behaviour_benchmark_scores_networks_beside_trees_and_draws_them(
    tmp_path: Path,
) -> None:
    data = tmp_path / "rats"
    for folder in ("tracks", "annotations"):
        (data / folder).mkdir(parents=True)
    configuration = (
        "Caltech Behavior Annotator - Annotation File\n\nConfiguration file:\nbase\tz\naggression\ta\nsocial\ts\nnonsocial\tn\n\n"
    )
    bouts = ((1, 10, "base"), (11, 50, "social"), (51, 90, "aggression"), (91, 130, "nonsocial"), (131, FRAMES, "aggression"))
    channel = "S1:\tstart\tend\ttype\n-----------------------------\n" + "".join(f"   \t{a}\t{b}\t{name}\n" for a, b, name in bouts)
    moving = np.isin(np.arange(FRAMES), [*range(50, 90), *range(130, FRAMES)])
    for seed, name in enumerate(RATS):
        _tracks(data / "tracks" / f"{name}DLC_net.csv", ("top", "body", "tail"), 2, moving=moving, seed=seed)
        (data / "annotations" / f"{name}_annot.txt").write_text(configuration + channel)

    data = Path(os.path.relpath(data))
    small = ("--epochs", 1, "--members", 1, "--seeds", 0)
    found = json.loads(script("behaviour.py", "--data", data, "--out", tmp_path / "out", *small, "--json"))

    assert {"seed 0", "mean", "always the commonest", "the rule by hand"} < set(found["frames"])
    assert all(0 <= row["macro_f1"] <= 1 for row in found["frames"].values())
    assert len(found["rules"]["seed 0"]) == len(RATS) // 2
    assert found["aggression bouts"]["seed 0"]["detected"] >= 0
    beside = ["always the commonest", "the rule by hand"] + ["LightGBM"] * (missing_library() is None)
    assert all(sum(name in said for said in found["against"]) >= 2 for name in beside), "each is compared, by frame and by bout"

    alone = json.loads(script("behaviour.py", "--data", data, "--out", tmp_path / "nothing trained", "--only-rows", "--json"))
    assert alone["frames"]["the rule by hand"] == found["frames"]["the rule by hand"]
    assert set(alone["frames"]) == {"always the commonest", "the rule by hand"}
    assert [path.name for path in (tmp_path / "nothing trained").iterdir()] == ["videos.csv"]

    kept = ("--data", data, "--out", tmp_path / "out")  # the others read what it keeps
    answers = script("behaviour_answers.py", *kept, "--held-out").splitlines()
    assert [line.split("  ")[0] for line in (answers[0], answers[-1][:20])] == ["as they are", "held out, weights ou"]

    script("behaviour_pictures.py", tmp_path, *kept, "--members", 1)

    for name in ("behaviour-ethogram.png", "behaviour-curves.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def _rats(*, apart: np.ndarray[tuple[int], np.dtype[np.float64]], step: np.ndarray[tuple[int], np.dtype[np.float64]]) -> PoseVideo:
    """Two animals of two points, so far from each other, that both move so far in every frame; judged by what the rule looks for."""
    x = np.cumsum(step)
    points = np.stack([np.stack([x, x + apart], axis=1), np.zeros((len(x), 2))], axis=-1)
    poses = np.ones((len(x), 2, 2, 3), np.float32)
    poses[..., :2] = points[:, :, None]
    marks = np.stack([(apart < 50) & (step > 5), (apart < 50) & (step <= 5), apart >= 50], axis=1).astype(np.int8)
    labels = ethogram(SOCIAL, [], where="", frames=len(x), fps=30)
    return PoseVideo(name="rats", poses=poses, marks=marks, fps=30.0, labels=labels, part=None)


def test_the_rule_for_two_rats_finds_what_it_looks_for_in_another_video_and_looks_at_no_later_frame() -> None:
    bench = runpy.run_path(str(BENCH / "behaviour_rule.py"))
    turn = np.arange(600) // 100 % 3
    apart, step = np.where(turn == 2, 200.0, 20.0), np.where(turn == 0, 9.0, 1.0)
    rule = bench["choose_rule"]([_rats(apart=apart, step=step)], SOCIAL)
    other = _rats(apart=np.roll(apart, 150), step=np.roll(step, 150))

    said = bench["answers_of_rule"](rule, other, SOCIAL)

    assert (said.argmax(axis=1) == other.marks.argmax(axis=1)).mean() > 0.95
    cut = replace(other, poses=other.poses[:240])  # just before the next change
    for whole, first in zip(bench["distance_and_speed"](other, 1.0), bench["distance_and_speed"](cut, 1.0), strict=True):
        assert np.array_equal(whole[:240], first)


def test_the_rule_for_two_rats_keeps_the_last_distance_while_an_animal_is_not_seen() -> None:
    distance_and_speed = runpy.run_path(str(BENCH / "behaviour_rule.py"))["distance_and_speed"]
    video = _rats(apart=np.full(60, 70.0), step=np.full(60, 3.0))
    video.poses[20:40, 1] = np.nan

    distance, speed = distance_and_speed(video, 0.1)

    assert distance == pytest.approx(np.full(60, 70.0))
    assert speed[10:] == pytest.approx(np.full(50, 90.0), rel=1e-4)


def test_the_freezing_benchmark_scores_the_rule_a_network_and_trees(tmp_path: Path) -> None:
    frames = 1200
    freezing = np.arange(frames) % 200 < 100
    _tracks(tmp_path / "demo1_tracking.csv", ("Nose", "Left Ear", "Right Ear", "Tailbase"), 1, moving=~freezing, seed=0)
    with h5py.File(tmp_path / "hB_demo1_manual_annotations.mat.mat", "w") as file:
        file["hBehavior/Freezing/Vector"] = freezing.astype(float)[:, None]

    found = json.loads(script("freezing.py", "--data", tmp_path, "--frames", frames, "--epochs", 1, "--seeds", 0, "--json"))

    rows = found["rows"]
    assert {"always the commonest", "always yes", "the rule", "network", "network, cleaned"} < set(rows)
    assert rows["the rule"]["f1"][0] > 0.9, "the rule finds freezing that is nothing but standing still"
    assert rows["always yes"]["f1"] == [pytest.approx(2 / 3)], "half of the frames are yes"
    assert rows["always the commonest"]["accuracy"] == [0.5]
    assert len(found["verdicts"]) == 2 * (6 if missing_library() is None else 3), "each pair by frame and by bout"
    assert found["verdicts"][0].startswith("the rule is better than always yes")


def test_the_pollen_benchmark_scores_blocks_of_images_by_colour_too(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(0)
    for number in range(20):
        for prefix, colour in (("P", (20, 160, 230)), ("NP", (90, 90, 90))):
            image = rng.integers(60, 90, (108, 180, 3)).astype(np.uint8)
            cv2.circle(image, (90, 54), 20, colour, -1)
            cv2.imwrite(str(tmp_path / "images" / f"{prefix}{number + 1}.jpg"), image)

    small = ("--data", tmp_path, "--out", tmp_path / "out", "--epochs", 3, "--only", 1, "--proof", 4, "--drawn-together", 1)
    printed = script("pollen_bees.py", *small, "--average-mirrors").splitlines()

    assert re.fullmatch(
        r"seed 0 block 1: 8 images, accuracy [01]\.\d{3}, .*; red and blue swapped [01]\.\d{3}; validating block [01]\.\d{3}", printed[0]
    )
    assert printed[1].startswith("seed 0: 8 images, accuracy ")
    assert re.fullmatch(r"all: accuracy [01]\.\d{4}, mean of 1", printed[2])
    of_eight = r": 8 images, accuracy [01]\.\d{4} \(blocks [01]\.\d{3}\)"
    assert printed[3] == "always the commonest: 8 images, accuracy 0.5000 (blocks 0.500)"
    assert printed[4] == "the rule: 8 images, accuracy 1.0000 (blocks 1.000)", "yellow is what it looks for"
    assert re.fullmatch(f"LightGBM{of_eight}|the rule is better than always the commonest .*", printed[5])
    compared = [line for line in printed if "interval of the difference" in line]
    assert len(compared) == (4 if missing_library() is None else 2)
    assert "seed 0" in compared[-1]

    alone = script("pollen_bees.py", "--data", tmp_path, "--out", tmp_path / "rows", "--only", 1, "--only-rows", "--drawn-together", 1)
    assert alone.splitlines() == [line for line in printed[3:] if "seed 0" not in line]
    assert [path.name for path in (tmp_path / "rows").iterdir()] == ["bees"]


def test_the_whisker_benchmark_counts_touches_and_their_onsets(tmp_path: Path) -> None:
    small = ("--trials", 8, "--trial-frames", 60, "--epochs", 1, "--proof", 4, "--side", 21, "--picture", tmp_path / "speed.png")
    found = json.loads(script("whisker.py", "--out", tmp_path / "out", "--seeds", 1, 2, *small, "--json"))

    assert [found[name]["trials"] for name in ("seed 1", "seed 2", "all")] == [3, 3, 6]
    rows = found["all"]["rows"]
    assert set(rows) == {"always the commonest", "the rule", "network"} | ({"LightGBM"} if missing_library() is None else set())
    assert len({row["touches"] for row in rows.values()}) == 1
    assert rows["network"]["touches"] > 0
    assert {"errors_per_touch", "onsets_within_one_frame", "errors_per_touch_raw", "cleanings", "frame_f1"} < set(rows["network"])
    assert rows["always the commonest"]["missed"] == rows["always the commonest"]["touches"]
    assert "network less the rule" in found["all"]["differences"]
    for picture in (tmp_path / "speed.png", tmp_path / "out" / "frames.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
    warming = 4  # the farthest of the lagged frames
    assert sum(found["frames"].values()) == 3 * (60 - warming), "what is cleaned is scored without the warming up too"
    assert set(found["medians"]) == {"distance", "curvature", "speed", "angle"}

    alone = script("whisker.py", "--out", tmp_path / "out", *small, "--epochs", 2, "--only-rows")
    assert "network" not in alone, "rows beside it need none"
    assert len(list((tmp_path / "out" / "seed-1").glob("bundle*"))) == 2, "a bundle and its folder of training, of one epoch"


def _trial(*bouts: tuple[int, int], said: tuple[tuple[int, int], ...]) -> ScoredVideo:
    """A trial of 40 frames with touches, and with others that were found."""
    truth, found = np.zeros((40, 1), np.int8), np.zeros((40, 1), np.bool_)
    for first, end in bouts:
        truth[first:end] = 1
    for first, end in said:
        found[first:end] = True
    return ScoredVideo(name="trial0", class_names=("contact",), truth=truth, said=found, probabilities=None, fps=1000)


def test_cleaning_takes_no_touch_of_the_warming_up_into_account() -> None:
    whisker = runpy.run_path(str(BENCH / "whisker_touches.py"))
    answer = _trial((2, 9), (20, 30), said=())  # the first begins while the network warms up
    probabilities = np.where(answer.truth == 1, 0.9, 0.1).astype(np.float32)
    probabilities[:4] = np.nan
    raw = [replace(answer, said=probabilities > 0.5, probabilities=probabilities)]
    [warming], cleaned = whisker["warming_of"](raw), clean(raw, Cleaning(minimum_ms=2, gap_ms=1))
    found = [whisker["together"](whisker["touches_by_trial"](videos, [np.ones(40)], warming)) for videos in (raw, cleaned)]
    assert [(each.true, each.found, each.matched) for each in found] == [(1, 1, 1)] * 2


def test_an_interval_over_trials_leaves_out_zero_only_where_the_same_trials_say_so() -> None:
    whisker = runpy.run_path(str(BENCH / "whisker_touches.py"))
    right, late, none = ((10, 20),), ((14, 20),), ()

    def touches(*said: tuple[tuple[int, int], ...]) -> object:
        return whisker["touches_by_trial"]([_trial((10, 20), said=each) for each in said], [np.ones(40)] * len(said), 4)

    wrong, onsets = whisker["WRONG"], whisker["ONSETS"]
    perfect, mixed, worse = touches(*[right] * 8), touches(*[right] * 4, *[late] * 2, *[none] * 2), touches(*[none] * 8)

    assert (whisker["intervals"](mixed)[wrong].value, whisker["intervals"](mixed)[onsets].value) == (0.25, 0.5)
    shown = whisker["differences"](perfect, worse)[wrong]
    assert (shown.value, shown.low, shown.high) == (1, 1, 1)
    same = whisker["differences"](mixed, mixed)[wrong]
    assert (same.low, same.high) == (0, 0), "each drawing takes the same trials for both"
    unsure = whisker["differences"](touches(right, none, *[right] * 6), touches(none, *[right] * 7))[wrong]
    assert unsure.low < 0 < unsure.high


def test_the_rule_for_touches_is_chosen_on_trials_and_finds_a_dark_place_beside_the_pole_in_others() -> None:
    bench = runpy.run_path(str(BENCH / "whisker_rule.py"))
    rng = np.random.default_rng(0)

    def trial(light: int, touch: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> ImageVideo:
        images = np.full((len(touch), 41, 41, 1), light, np.uint8)
        for image, on in zip(images, touch, strict=True):
            cv2.circle(image, (20, 20), 4, 40, -1)
            row = 25 if on else 29  # a whisker beside the pole, and one that is apart from it
            image[row : row + 2, :] = 40
        images = np.clip(images + rng.normal(0, 3, images.shape), 0, 255).astype(np.uint8)
        marks = touch.astype(np.int8)[:, None]
        return ImageVideo(name="trial", images=images, marks=marks, fps=1000, part=None, times_s=np.arange(len(touch)) / 1000)

    touch = np.arange(40) % 10 < 5
    rule = bench["choose_rule"]([trial(200, touch), trial(170, ~touch)])
    other = trial(120, np.roll(touch, 3))

    assert np.array_equal(bench["darkness"](other.images, rule.radius_px) > rule.share, other.marks[:, 0] == 1), "in other light too"


def test_the_benchmark_of_reading_images_measures_three_ways_and_a_networks(tmp_path: Path) -> None:
    found = json.loads(script("image_reading.py", "--out", tmp_path / "out", "--frames", 100, "--side", 21, "--turns", 1, "--json"))
    assert set(found["frames_per_second"]) == {"array", "video", "files", "through"}
    assert all(rate > 0 for rate in found["frames_per_second"].values())
    assert found["trials_of_4000_frames_a_minute"] == pytest.approx(found["frames_per_second"]["through"] * 60 / 4000)


def test_the_benchmark_of_behaviour_steps_measures_networks_bare_and_in_the_loop() -> None:
    lines = script("behaviour_step.py", "--steps", 1, "--only", "poses", "61x61", "60x80", "small, 224x224").splitlines()

    assert lines[0].startswith("load ")
    assert len(lines) == 6
    for line in lines[1:-1]:
        assert [float(figure) > 0 for figure in re.findall(SPEED, line)] == [True] * 3, "bare, step and frame"
        assert re.search(r"frame less bare -?\d+\.\d+ ms, less step -?\d+\.\d+ ms; frame \d+\.\d+ x bare$", line)


@pytest.mark.parametrize("frames", [1, 12])
def test_the_benchmark_of_forecasts_measures_as_few_frames_as_are_asked_for(frames: int) -> None:
    lines = script("forecast.py", "--frames", frames, "--threads", 1).splitlines()

    assert len(lines) == 5
    assert all(re.search(SPEED, line) for line in lines)


def test_the_pictures_of_forecasts_are_drawn_from_made_up_motion(tmp_path: Path) -> None:
    printed = script("forecast_pictures.py", tmp_path, "--frames", 3000, "--epochs", 1)

    assert "lstm" in printed.lower()
    for name in ("forecast-motion.png", "forecast-curves.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_the_benchmark_of_light_scores_both_networks_under_both_lights(tmp_path: Path) -> None:
    small = ("--count", 10, "--epochs", 1, "--batches", 1, "--timed", 2)
    found = json.loads(script("lighting.py", "--out", tmp_path, *small))

    assert set(found) == {"none", "local", "scored"}
    assert all(found[name][column] > 0 for name in ("none", "local") for column in ("even", "uneven", "frame_ms"))


def test_the_timeline_benchmark_measures_every_key_in_a_browser() -> None:
    find_chromium()

    printed = script("timeline.py", "--frames", 200, "--bouts", 4, "--rounds", 1)

    for measured in ("idle", "step", "second", "bout", "edit", "zoom"):
        assert re.search(rf"^{measured}: p50 \d+ ms, p95 \d+ ms of 1$", printed, re.MULTILINE)
