"""The scripts of `bench/` that start a tracker, run to their end at their smallest size."""

import json
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.bench.run_script import script
from tests.conftest import BundleMaker
from tracker.bundle import read_bundle, write_bundle

HEIGHT, WIDTH = 480, 640  # of the synthetic camera


@pytest.fixture(scope="module")
def bundle(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that finds the brightest pixel, under both names that the rules of the synthetic example speak of."""
    folder = tmp_path_factory.mktemp("bundles")
    spot = read_bundle(make_bundle(folder / "spot", height=HEIGHT, width=WIDTH))
    model = onnx.load_model_from_string(spot.model.read_bytes())
    [joined] = [node for node in model.graph.node if node.op_type == "Concat"]
    joined.input.extend(list(joined.input))
    [answer] = [constant for constant in model.graph.initializer if constant.name == "answer"]
    answer.CopyFrom(numpy_helper.from_array(np.array([1, 1, 2, 3]), "answer"))
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 2
    about = spot.description
    description = msgspec.structs.replace(
        about,
        point_names=("snout", "tail_base"),
        output=msgspec.structs.replace(about.output, shape=(1, 1, 2, 3)),
        self_test=msgspec.structs.replace(about.self_test, expected=about.self_test.expected * 2),
    )
    write_bundle(folder / "two", model=model.SerializeToString(), self_test_image=spot.self_test_image, description=description)
    return folder / "two"


def test_the_loop_benchmark_measures_frames(bundle: Path) -> None:
    few = ["--frames", 20, "--warm-up", 5, "--attached", "none", "--precision", "fp32"]
    printed = script("loop_latency.py", "--bundle", bundle, *few, "--json")

    assert json.loads(printed)["frames"] == 20


def test_the_soak_watches_everything_that_must_stay_flat(bundle: Path, tmp_path: Path) -> None:
    short = ["--hours", 0.001, "--every-s", 0.4, "--window-s", 2, "--precision", "fp32", "--folder", tmp_path / "disk"]
    report = json.loads(script("soak.py", "--bundle", bundle, *short, "--out", tmp_path / "out", "--json"))

    assert json.loads((tmp_path / "out" / "soak.json").read_text()) == report
    assert (tmp_path / "out" / "soak.png").read_bytes().startswith(b"\x89PNG")
    assert set(report["slopes"]) == {"anonymous_mb", "rss_mb", "descriptors", "threads", "disk_mb"}
    assert all(sample["anonymous_mb"] > 0 and sample["threads"] > 0 and sample["disk_mb"] > 0 for sample in report["samples"])
    assert sum(window["frames"] for window in report["windows"]) == report["frames"] > 0
    assert report["recorded"]["frames"] > 0
    assert report["verdict"]["long_enough"] is False
    assert list((tmp_path / "disk").iterdir()) == [], "the recording is deleted"


def test_the_benchmark_of_latency_finds_light_with_and_without_a_delay(bundle: Path, tmp_path: Path) -> None:
    few = ["--turns", 1, "--pulses", 4, "--picture", tmp_path / "led.png", "--loop", tmp_path / "loop.png"]
    report = json.loads(script("latency.py", "--bundle", bundle, *few, "--json"))

    (turn,) = report["turns"]
    assert all(
        turn[name][kind]["n"] + turn[name][kind]["missed"] + turn[name][kind]["unclear"] == 4
        for name in ("on", "off")
        for kind in ("with", "without")
    )
    assert (tmp_path / "led.png").stat().st_size > 0
    assert (tmp_path / "loop.png").stat().st_size > 0


def test_the_recording_benchmark_measures_with_and_without_a_recording(bundle: Path, tmp_path: Path) -> None:
    short = ["--turns", 1, "--seconds", 1, "--precision", "fp32", "--folder", tmp_path]
    report = json.loads(script("recording.py", "--bundle", bundle, *short, "--json"))

    assert report["without"]["frames"] > 0
    assert report["recording"]["frames"] > 0
    assert report["recorded"] > 0


def test_the_memory_benchmark_measures_memory(bundle: Path) -> None:
    printed = script("memory.py", "--bundle", bundle, "--minutes", 0.04, "--every-s", 0.5, "--starts", 1, "--json")

    assert json.loads(printed)["resident_mb"]["max"] > 0


def test_the_benchmark_of_subscriptions_measures_before_with_and_after_the_peer() -> None:
    measured = json.loads(script("subscriptions.py", "--count", 100, "--seconds", 0.2))

    assert set(measured) == {"before_ms", "with_peer_ms", "after_ms"}
    assert all(0 < costs["p50"] <= costs["p99"] <= costs["max"] for costs in measured.values())


def test_the_benchmark_of_swaps_measures_gaps_without_cold_and_warm() -> None:
    short = ("--warm-up", 0.5, "--without", 0.5, "--pause", 0.5)
    measured = json.loads(script("swap_gap.py", "--megabytes", 1, "--swaps", 1, *short, "--json"))

    assert set(measured) == {"none", "elsewhere", "cold", "warm"}
    assert all(found["gaps"] > 0 and len(found["largest_ms"]) == 1 for found in measured.values())


def test_the_benchmark_of_cuts_kills_recovers_and_compares(bundle: Path) -> None:
    short = ("--cuts", 1, "--kinds", "kill", "--seconds", 2, 2)
    measured = json.loads(script("power_cuts.py", "--bundle", bundle, *short, "--json"))

    assert set(measured) == {"kill"}
    assert (measured["kill"]["cuts"], measured["kill"]["rows_unlike_frames"]) == (1, 0)
    assert measured["kill"]["lost_s"]["largest"] > 0


def test_poses_over_real_sockets_are_joined_rightly_with_frames_lost_at_random(tmp_path: Path) -> None:
    for join in ("number", "time"):
        report = json.loads(script("triangulate.py", "--data", tmp_path, "--seconds", 1, "--deadline-ms", 1000, "--join", join))

        assert report["rig_charuco"].startswith("skipped")
        assert report["wrong_pairings"] == 0
        assert report["whole"] > 9 * report["partial"] / 2
        assert report["error_mm"]["max"] < 0.01


def test_labels_of_a_real_rig_that_are_not_there_are_said_to_be_left_out(tmp_path: Path) -> None:
    assert json.loads(script("rig_labels.py", "--data", tmp_path))["rig_charuco"].startswith("skipped")
