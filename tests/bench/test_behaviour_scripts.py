"""The scripts of `bench/` about behaviour, forecasts and light run to their end at their smallest size, on data made up here."""

import json
import os
import re
import runpy
from pathlib import Path

import cv2
import h5py  # type: ignore[import-untyped]
import numpy as np
import pytest

from tests.bench.run_script import BENCH, script
from tests.trainer.chromium import find_chromium
from trainer.behaviour.boosted_trees import missing_library
from trainer.behaviour_scores.behaviour_score import Cleaning, clean
from trainer.behaviour_scores.scored_video import ScoredVideo

FRAMES = 160
RATS = ("1", "8", "12", "19", "24", "35", "46", "54")  # the videos of the benchmark
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
    configuration = "Caltech Behavior Annotator - Annotation File\n\nConfiguration file:\nbase\tz\naggression\ta\nsocial\ts\n\n"
    bouts = ((1, 10, "base"), (11, 50, "social"), (51, 90, "aggression"), (91, 130, "social"), (131, FRAMES, "aggression"))
    channel = "S1:\tstart\tend\ttype\n-----------------------------\n" + "".join(f"   \t{a}\t{b}\t{name}\n" for a, b, name in bouts)
    moving = np.isin(np.arange(FRAMES), [*range(50, 90), *range(130, FRAMES)])
    for seed, name in enumerate(RATS):
        _tracks(data / "tracks" / f"{name}DLC_net.csv", ("top", "body", "tail"), 2, moving=moving, seed=seed)
        (data / "annotations" / f"{name}_annot.txt").write_text(configuration + channel)

    data = Path(os.path.relpath(data))
    small = ("--epochs", 1, "--members", 1, "--seeds", 0)
    found = json.loads(script("behaviour.py", "--data", data, "--out", tmp_path / "out", *small, "--json"))

    assert {"seed 0", "mean", "always the commonest"} < set(found["frames"])
    assert all(0 <= row["macro_f1"] <= 1 for row in found["frames"].values())
    assert len(found["rules"]["seed 0"]) == len(RATS) // 2
    assert found["aggression bouts"]["seed 0"]["detected"] >= 0

    kept = ("--data", data, "--out", tmp_path / "out")  # the others read what it keeps
    answers = script("behaviour_answers.py", *kept, "--held-out").splitlines()
    assert [line.split("  ")[0] for line in (answers[0], answers[-1][:20])] == ["as they are", "held out, weights ou"]

    script("behaviour_pictures.py", tmp_path, *kept, "--members", 1)

    for name in ("behaviour-ethogram.png", "behaviour-curves.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_the_freezing_benchmark_scores_the_rule_a_network_and_trees(tmp_path: Path) -> None:
    frames = 1200
    freezing = np.arange(frames) % 200 < 100
    _tracks(tmp_path / "demo1_tracking.csv", ("Nose", "Left Ear", "Right Ear", "Tailbase"), 1, moving=~freezing, seed=0)
    with h5py.File(tmp_path / "hB_demo1_manual_annotations.mat.mat", "w") as file:
        file["hBehavior/Freezing/Vector"] = freezing.astype(float)[:, None]

    found = json.loads(script("freezing.py", "--data", tmp_path, "--frames", frames, "--epochs", 1, "--seeds", 0, "--json"))

    assert {"rule", "network", "network, cleaned"} < set(found)
    assert len(found["against the rule"]["verdicts"]) == 2
    assert found["rule"]["f1"][0] > 0.9, "the rule finds freezing that is nothing but standing still"


def test_the_pollen_benchmark_scores_blocks_of_images_by_colour_too(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(0)
    for number in range(20):
        for prefix, colour in (("P", (20, 160, 230)), ("NP", (90, 90, 90))):
            image = rng.integers(60, 90, (108, 180, 3)).astype(np.uint8)
            cv2.circle(image, (90, 54), 20, colour, -1)
            cv2.imwrite(str(tmp_path / "images" / f"{prefix}{number + 1}.jpg"), image)

    small = ("--data", tmp_path, "--out", tmp_path / "out", "--epochs", 3, "--only", 1, "--proof", 4)
    printed = script("pollen_bees.py", *small, "--average-mirrors").splitlines()

    assert re.fullmatch(
        r"seed 0 block 1: 8 images, accuracy [01]\.\d{3}, .*; red and blue swapped [01]\.\d{3}; validating block [01]\.\d{3}", printed[0]
    )
    assert printed[1].startswith("seed 0: 8 images, accuracy ")
    assert re.fullmatch(r"all: accuracy [01]\.\d{4}, mean of 1", printed[2])
    assert re.fullmatch(r"LightGBM: 8 images, accuracy [01]\.\d{4} \(blocks [01]\.\d{3}\)|there is no reference .*", printed[3])


def test_the_whisker_benchmark_counts_touches_and_their_onsets(tmp_path: Path) -> None:
    small = ("--trials", 8, "--trial-frames", 60, "--epochs", 1, "--proof", 4, "--side", 21, "--picture", tmp_path / "speed.png")
    found = json.loads(script("whisker.py", "--out", tmp_path / "out", *small, "--json"))

    assert found["trials"] == 3
    assert found["touches"] > 0
    assert {"errors_per_touch", "onsets_within_one_frame", "errors_per_touch_raw", "minimum_ms", "frame_f1"} < set(found)
    assert ("trees_errors_per_touch" in found) == (missing_library() is None)
    for picture in (tmp_path / "speed.png", tmp_path / "out" / "frames.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
    warming = 4  # the farthest of the lagged frames
    assert sum(found["frames"].values()) == 3 * (60 - warming), "what is cleaned is scored without the warming up too"
    assert set(found["medians"]) == {"distance", "curvature", "speed", "angle"}


def test_cleaning_takes_no_touch_of_the_warming_up_into_account(tmp_path: Path) -> None:
    whisker = runpy.run_path(str(BENCH / "whisker.py"))
    np.save(tmp_path / "trial0-speed.npy", np.ones(40))
    truth = np.zeros((40, 1), np.int8)
    truth[2:9], truth[20:30] = 1, 1  # the first begins while the network warms up
    probabilities = np.where(truth == 1, 0.9, 0.1).astype(np.float32)
    probabilities[:4] = np.nan
    said = probabilities > 0.5
    raw = [ScoredVideo(name="trial0", class_names=("contact",), truth=truth, said=said, probabilities=probabilities, fps=1000)]
    warming, cleaned = whisker["warming_of"](raw), clean(raw, Cleaning(minimum_ms=2, gap_ms=1))
    found = [whisker["touches"](videos, tmp_path, warming) for videos in (raw, cleaned)]
    assert [(each.true, each.found, each.matched) for each in found] == [(1, 1, 1)] * 2


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
