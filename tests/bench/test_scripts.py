"""Every script of `bench/` starts in the environment that `make` builds, and ends well at its smallest size."""

import importlib
import json
import re
import shutil
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import sleap_io  # type: ignore[import-untyped]

from tests.bench.run_script import BENCH, script
from tests.conftest import BundleMaker
from trainer.__main__ import main
from trainer.formats.read_labels import read_labels
from trainer.video_files.writer import VideoWriter

HEIGHT, WIDTH, FRAMES = 480, 640, 10  # what bench/engine.py and bench/gpu/prepare.py are made for
POINTS = ("snout", "left_ear", "right_ear", "tail_base")
IN_ITS_OWN_ENVIRONMENT = {"peers/sleap_nn_worker.py", "peers/read_exports.py"}


def mouse(number: int) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], np.ndarray[Any, np.dtype[np.float64]]]:
    """A grey image with a bright bar, and the bar's four points (4, 2)."""
    rng = np.random.default_rng(number)
    image = np.full((HEIGHT, WIDTH), 90, np.uint8)
    middle, reach = rng.uniform([150, 150], [490, 330]), 60 * np.array([np.cos(number), np.sin(number)])
    side = 0.3 * np.array([-reach[1], reach[0]])
    points = np.round([middle + reach, middle + reach / 2 + side, middle + reach / 2 - side, middle - reach])
    cv2.line(image, points[0].astype(int).tolist(), points[3].astype(int).tolist(), 220, 24)
    cv2.circle(image, points[0].astype(int).tolist(), 20, 10, -1)
    return image, points


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DeepLabCut project of ten frames, and a film of them."""
    folder = tmp_path_factory.mktemp("bench") / "project"
    images = folder / "labeled-data" / "run"
    images.mkdir(parents=True)
    names = [name for name in POINTS for _ in "xy"]
    lines = ["scorer,,," + ",".join(["me"] * len(names)), "bodyparts,,," + ",".join(names), "coords,,," + ",".join(["x,y"] * len(POINTS))]
    with VideoWriter(folder.parent / "film.mp4", rate=Fraction(25), size=(HEIGHT, WIDTH)) as film:
        for number in range(FRAMES):
            image, points = mouse(number)
            cv2.imwrite(str(images / f"img{number:03d}.png"), image)
            film.write(image)
            lines.append(f"labeled-data,run,img{number:03d}.png," + ",".join(f"{value:g}" for value in points.ravel()))
    (images / "CollectedData_me.csv").write_text("\n".join(lines) + "\n")
    (folder / "config.yaml").write_text(json.dumps({"scorer": "me", "bodyparts": list(POINTS)}))
    return folder


@pytest.fixture(scope="module")
def openfield(project: Path) -> tuple[Path, dict[str, Any]]:
    """The bundle of one of bench/openfield.py's runs, and what that printed."""
    out = project.parent / "openfield"
    printed = script("openfield.py", "--data", project, "--out", out, "--only", "block-2", "--epochs", 1, "--batches", 100, "--json")
    return out / "block-2", json.loads(printed)


@pytest.fixture(scope="module")
def spot(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose answer is the same in every precision, as that of a network after a few steps is not."""
    return make_bundle(tmp_path_factory.mktemp("bundles") / "spot", height=HEIGHT, width=WIDTH)


def test_every_script_of_the_benchmarks_is_started_by_a_test() -> None:
    scripts = {str(path.relative_to(BENCH)) for path in BENCH.rglob("*.py") if "__main__" in path.read_text(encoding="utf-8")}
    tests = "".join(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("test_*.py")))
    started = set(re.findall(r'[ (=](?:script|status_of)\(\s*"([a-z_/]+\.py)"', tests))

    assert scripts == started | IN_ITS_OWN_ENVIRONMENT


def test_the_open_field_benchmark_trains_and_prints_its_table(openfield: tuple[Path, dict[str, Any]]) -> None:
    _, printed = openfield

    assert set(printed["runs"]) == {"block-2"}
    assert printed["runs"]["block-2"]["frames"] == FRAMES // 5


def test_the_comparison_of_readers_finds_equal_numbers_by_those_that_are_here() -> None:
    found = json.loads(script("readers.py"))

    assert found["pandas"].items() >= {"one": 0.0, "two": 0.0}.items()
    assert found["sleap-io"].items() >= {"one": 0.0, "two": 0.0}.items()
    assert found["pynwb"]["one"] == 0.0


def test_the_export_benchmark_measures_time_and_memory_of_a_format() -> None:
    found = json.loads(script("export.py", "--frames", 120, "--points", 2, "--to", "sleap", "--json"))
    assert (found["frames"], found["points"]) == (120, 2)
    assert found["sleap"]["peak_mb"] >= found["sleap"]["loaded_mb"] > 0


def test_the_engine_benchmark_measures_every_contender(spot: Path) -> None:
    report = json.loads(script("engine.py", spot, "--launches", 1, "--frames", 3, "--warm-up", 1, "--json"))

    assert set(report["ms"]) == {"openvino-fp32", "openvino-bf16", "unet-stride2", "unet-stride4", "resnet50"}
    assert all(row["p50"] > 0 for row in report["ms"].values())


def test_the_engine_benchmark_makes_a_bundle_and_measures_another_beside_it(spot: Path) -> None:
    both = ("--beside", spot, "--contenders", "openvino-fp32,beside-fp32", "--launches", 1, "--frames", 3, "--warm-up", 1)
    report = json.loads(script("engine.py", *both, "--json"))

    assert report["ms"]["openvino-fp32"]["frames"] == 3
    assert report["ms"]["openvino-fp32"]["description"] != report["ms"]["beside-fp32"]["description"]
    assert set(report["ratios"]) == {"beside-fp32 / openvino-fp32"}


def test_the_benchmark_of_recorded_videos_measures_every_contender(tmp_path: Path, spot: Path) -> None:
    video = tmp_path / "video.mp4"
    with VideoWriter(video, rate=Fraction(100), size=(HEIGHT, WIDTH)) as writer:
        for number in range(FRAMES):
            writer.write(mouse(number)[0])

    report = json.loads(script("analyse.py", "--bundle", spot, "--video", video, "--turns", 1, "--without-unet", "--json"))

    assert set(report["frames_per_s"]) == {"decode", "images", "engine", "analyse"}
    assert report["frames"] == FRAMES


def test_the_calibration_benchmark_measures_without_real_data(tmp_path: Path) -> None:
    report = json.loads(script("calibration.py", "--data", tmp_path, "--resolves", 3, "--pictures", 12, "--json"))

    assert report["rig_charuco"].startswith("skipped")
    assert report["recovered"]["five_parameter"]["found"] == 12
    assert report["without_lens"]["k1 0, 4 corners"]["worst_mm"] < 0.01


def test_two_flies_are_learnt_tracked_and_scored(tmp_path: Path) -> None:
    skeleton, tracks = sleap_io.Skeleton(["head", "tail"]), [sleap_io.Track(name) for name in ("one", "two")]
    film = sleap_io.Video(filename=str(tmp_path / "film.mp4"), backend=None, open_backend=False)
    labelled = []
    with VideoWriter(tmp_path / "film.mp4", rate=Fraction(25), size=(80, 112)) as writer:
        for number in range(FRAMES):
            image = np.full((80, 112), 90, np.uint8)
            ends = np.array([[[24, 10 + 4 * number], [24, 30 + 4 * number]], [[88, 16], [70, 16 + 4 * number]]], float)
            for head, tail in ends.astype(int).tolist():
                cv2.line(image, head, tail, 220, 5)
                cv2.circle(image, head, 5, 10, -1)
            writer.write(image)
            animals = [
                sleap_io.Instance.from_numpy(points, skeleton=skeleton, track=track) for points, track in zip(ends, tracks, strict=True)
            ]
            labelled.append(sleap_io.LabeledFrame(video=film, frame_idx=number, instances=animals))
    sleap_io.save_slp(sleap_io.Labels(labelled), str(tmp_path / "clip.slp"), embed=False, verbose=False)

    small = ["--frames", FRAMES, "--epochs", 1, "--batches", 100]
    printed = script("flies.py", "--data", tmp_path / "clip.slp", "--out", tmp_path / "out", *small)

    [report] = [json.loads(line) for line in printed.splitlines() if line.startswith('{"last-fifth"')]
    assert report["last-fifth"]["whole_video"]["frames"] == FRAMES


def test_a_gpu_host_is_prepared_and_the_rivals_start_without_one(openfield: tuple[Path, dict[str, Any]], project: Path) -> None:
    carry, out = project.parent / "carry", project.parent / "rivals.json"

    script("gpu/prepare.py", openfield[0], "--data", project, "--video", project.parent / "film.mp4", "--out", carry)
    script("gpu/torch_rivals.py", "--carry", carry, "--out", out, "--frames", 2, "--seconds", 0.5, "--device", "cpu")

    assert {path.name for path in carry.iterdir()} >= {"vga", "vga-fp16", "vga-int8", "wide", "answers.npz", "network.pt", "video.mp4"}
    assert "the same network, torch eager fp32" in json.loads(out.read_text())


def test_the_confidence_of_a_cross_validation_is_measured_from_what_is_stored(tmp_path: Path) -> None:
    data, out = tmp_path / "set", tmp_path / "blocks"
    assert main(["synth", "--out", str(data), "--count", "12", "--width", "96", "--height", "96"]) == 0
    quick = ["--epochs", "1", "--batch", "4", "--batches", "1", "--workers", "0", "--device", "cpu"]
    assert main(["crossval", "--data", str(data), "--out", str(out), "--folds", "2", *quick]) == 0
    found = json.loads(script("crossval_confidence.py", out, "--data", data, "--json"))
    assert [one["name"] for one in found][-1] == "all"
    assert found[-1]["points"] == sum(one["points"] for one in found[:-1]) > 0
    assert all(one["before"] == one["after"] for one in found if one["detail"] == "unchanged")


def test_the_border_benchmark_measures_every_border() -> None:
    found = json.loads(script("border.py", "--train", 12, "--test", 12, "--epochs", 1, "--batches", 2, "--json"))
    assert found["borders"].keys() == found["standard_errors"].keys() == {"left", "top", "right", "bottom"}


def test_a_network_that_was_trained_shortly_pulls_points_at_no_border_inwards() -> None:
    """Crops that leave out the outer strip of the frame give 3 px at every border after as many steps; the benchmark trains longer."""
    found = json.loads(script("border.py", "--train", 120, "--test", 400, "--epochs", 3, "--json"))
    assert abs(found["bias_px"]) < 1
    assert max(map(abs, found["borders"].values())) < 1.5


def test_the_benchmark_of_verdicts_says_what_came_first_beside_what_was_expected(tmp_path: Path) -> None:
    small = ("--learnt", 12, "--most-steps", 40, "--only", "one frame", "--json")
    found = json.loads(script("verdicts.py", "--out", tmp_path / "out", *small))["one frame"]
    assert (found["expected"], found["first"]) == ("few frames", "few frames")
    assert found["steps"] == 40


def test_the_scenes_benchmark_trains_on_a_scene_and_scores_it(tmp_path: Path) -> None:
    small = ("--count", 20, "--epochs", 1, "--batches", 2, "--only", "reach", "--runs", "together", "--confidence", 6)
    few = ("--size", 400, 360, "--labels", 12)
    found = json.loads(script("scenes.py", "--out", tmp_path / "out", *small, *few, "--json"))
    assert (tmp_path / "out" / "400x360" / "12-labels" / "reach-together" / "figures.json").exists()
    assert found["reach"]["runs"]["together"]["groups"] == [
        ["wrist", "index_finger", "little_finger"],
        ["tongue"],
        ["joystick_base", "joystick_knob"],
    ]
    assert {"before", "after", "points", "absent"} <= found["reach"]["runs"]["together"]["confidence"].keys()


def test_the_coordinates_benchmark_scores_the_snout_on_both_parts_of_the_set(tmp_path: Path) -> None:
    small = ("--count", 10, "--epochs", 1, "--batches", 1, "--runs", "xy", "--worst", 2, "--json")
    found = json.loads(script("coordinates.py", "--out", tmp_path / "out", *small))
    assert found["xy"]["worst"][0]["px"] >= found["xy"]["worst"][1]["px"]
    assert sum(one["share"] for one in found["xy"]["worst"]) == pytest.approx(1), "of two frames held out"
    assert found["xy"]["held_out"]["rms_px"] >= found["xy"]["held_out"]["mean_px"] > 0
    assert found["xy"]["train"]["rms_px"] >= found["xy"]["train"]["mean_px"] > 0
    (tmp_path / "out" / "xy-1" / "figures.json").unlink()
    again = json.loads(script("coordinates.py", "--out", tmp_path / "out", *small, "--so-far"))
    assert (again["xy"]["epochs"], again["xy"]["steps"]) == ("1 of 1", found["xy"]["steps"])
    assert again["xy"]["held_out"] == pytest.approx(found["xy"]["held_out"])

    tiny = ("--count", 10, "--epochs", 1, "--batches", 1, "--later", 2, "--widths", 2, "--seeds", 1, "--within", "xy-1")
    own, coarse, _ = (json.loads(line) for line in script("coarse_stage.py", "--out", tmp_path / "out", *tiny).splitlines())
    assert own["held_out"]["rms_px"] == pytest.approx(found["xy"]["held_out"]["rms_px"], rel=1e-3), "with the coarse stage as it was"
    assert [coarse[name]["frames"] for name in ("train", "held_out", "later")] == [8, 2, 2]


def test_a_comparison_repeats_no_part_that_is_stored_and_says_what_was_not_run(tmp_path: Path) -> None:
    folder = tmp_path / "mirror-6min"
    folder.mkdir()
    scores = {"frames": 60, "mean_px": 1.25, "median_px": 1.0, "p95_px": 3.5, "unanswered": 0, "missed": 0, "false": 2}
    (folder / "ours.json").write_text(json.dumps({"processor_s": 300.0, "epochs": 17, "scores": scores}))

    printed = script("peers/train.py", "--work", tmp_path, "--only", "mirror", "--part", "ours")

    row = "| mirror | 60 | 6min; 300 s, not run | 1.25, 1.00, 3.5 (2 false) | 17 | not run |  |  | not run | not run |  |"
    assert printed.splitlines()[-1] == row
    assert not (folder / "ours.log").exists()


def test_the_table_shows_the_longest_training_and_in_what_the_other_is_ahead(tmp_path: Path) -> None:
    scores = {"frames": 60, "mean_px": 1.25, "median_px": 1.0, "p95_px": 3.5, "unanswered": 0, "missed": 0, "false": 0}
    network = {"passes": 12.4, "first_loss": 0.012, "last_loss": 0.0009}
    for folder, seconds, their_median in (("mirror-6min", 300.0, 2.0), ("mirror-14epochs", 400.0, 0.5)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "ours.json").write_text(json.dumps({"processor_s": seconds, "epochs": 17, "scores": scores}))
        theirs = {"processor_s": seconds, "networks": [network], "scores": scores | {"mean_px": 1.5, "median_px": their_median}}
        (tmp_path / folder / "theirs.json").write_text(json.dumps(theirs))

    [row] = [line for line in script("peers/train.py", "--work", tmp_path, "--table").splitlines() if "mirror" in line]

    assert row == (
        "| mirror | 60 | 14epochs; 400 s, 400 s | **1.25**, 1.00, 3.5 | 17 | 1.50, 0.50, 3.5 | 12 | 0.012 → 0.0009 | not run | not run "
        "| sleap-nn in median; ours in the rest |"
    )


def test_a_point_that_a_peer_does_not_answer_counts_as_answered_in_the_middle(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(BENCH / "peers"), *sys.path])
    score = importlib.import_module("scores").score
    frames = read_labels(project)
    answers = np.concatenate([frames.points, np.ones((*frames.points.shape[:-1], 1))], -1)
    answers[3, 0, 2] = np.nan

    found = score(answers, frames)

    off = float(np.hypot(*(frames.points[3, 0, 2] - [WIDTH / 2, HEIGHT / 2])))
    assert found["unanswered"] == 1
    assert found["mean_px"] == pytest.approx(off / (FRAMES * len(POINTS)))


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed, so no screen can be filmed")
def test_the_benchmark_of_a_screens_clock_finds_it_with_and_without_a_delay(tmp_path: Path) -> None:
    few = ["--turns", 1, "--pictures", 4, "--picture", tmp_path / "report.png", "--dots", tmp_path / "dots.png"]
    report = json.loads(script("latency_screen.py", *few, "--json"))

    (turn,) = report["turns"]
    assert all(turn[kind]["n"] + sum(turn[kind]["refused"].values()) == 4 for kind in ("with", "without"))
    assert (tmp_path / "report.png").stat().st_size > 0
    assert (tmp_path / "dots.png").stat().st_size > 0
