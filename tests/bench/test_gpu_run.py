"""`bench/gpu/run` from end to end on the CPU: the path that a GPU host takes, with OpenVINO in the place of TensorRT and tiny counts."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.bench.run_script import status_of
from tests.trainer.spot_network import SIDE, spot_bundle, spot_labels, spot_model
from tracker.bundle import Bundle, read_bundle, write_bundle
from trainer.bundles.parity import ReferenceEngine, points_of
from trainer.bundles.quantise import to_int8
from trainer.formats.read_labels import read_labels
from trainer.pipeline.export import with_a_changed_weight
from trainer.video_files.writer import VideoWriter


def copy(bundle: Bundle, folder: Path, model: bytes, *, precision: str = "fp32") -> None:
    """The bundle under another name with another graph, and the answer to its image by that graph unless it is a spoilt one."""
    description = bundle.description
    if precision == "int8":
        answer = ReferenceEngine(model).infer(bundle.self_test_image[:, :, None])
        self_test = msgspec.structs.replace(description.self_test, expected=[float(number) for number in answer.ravel()])
        description = msgspec.structs.replace(description, precision="int8", self_test=self_test)
    write_bundle(folder, model=model, self_test_image=bundle.self_test_image, description=description)


@pytest.fixture(scope="module")
def carry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What prepare.py makes, in small: one size of frame for both names."""
    carry = tmp_path_factory.mktemp("carry")
    data = spot_labels(carry / "data")
    bundle = spot_bundle(carry / "vga", data, spot_model())
    frames = read_labels(data)
    images = [frames.read(index) for index in range(len(frames))]
    grey = [image if image.ndim == 2 else np.ascontiguousarray(image[:, :, 0]) for image in images]
    copy(bundle, carry / "vga-int8", to_int8(spot_model(), grey), precision="int8")
    copy(bundle, carry / "vga-changed", with_a_changed_weight(spot_model()))
    copy(bundle, carry / "wide", spot_model())
    names = [str(image.path.relative_to(data)) for image in frames.images]
    answers = points_of(read_bundle(carry / "vga"), ReferenceEngine(spot_model()), grey)
    np.savez(carry / "answers.npz", names=names, answers=answers, reference="the reference")
    with VideoWriter(carry / "video.mp4", rate=Fraction(30), size=(SIDE, SIDE)) as writer:
        for image in grey[:5]:
            writer.write(image)
    return carry


def run(carry: Path, out: Path, *only: str) -> int:
    """The status of a run of some steps."""
    status, _ = status_of("gpu/run.py", "--dry-run", "--carry", carry, "--out", out, "--only", *only)
    return status


def results(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "results.json").read_text()))


def test_every_step_runs_on_the_cpu_and_the_report_is_written(carry: Path, tmp_path: Path) -> None:
    """No mistake of syntax or wiring is left to waste minutes on a GPU; what only a GPU can do is left out, and said."""
    quick = ["facts", "compile", "parity", "engine", "floor", "idle", "offline", "rivals", "fit"]
    status = run(carry, tmp_path, *quick)

    found = results(tmp_path)
    problems = {name: step.get("problem") for name, step in found.items() if step["status"] != "done"}
    assert (status, problems) == (0, {})
    assert all(found["compile"]["result"][key]["cache_hit"] for key in ("vga bf16", "vga fp32", "vga int8", "wide bf16") if key in found)
    assert {name: spoilt["loaded"] for name, spoilt in found["compile"]["result"]["spoilt"].items()} == {
        "truncated": False,
        "foreign": False,
        "stale": False,
    }
    assert found["parity"]["result"]["openvino fp32"]["passed"] is True
    assert found["parity"]["result"]["changed weight"]["refused"] is True
    assert found["engine"]["result"]["vga fp32"]["graph"]["frames"] > 5
    assert found["offline"]["result"]["render"]["frames"] == 5
    assert "no --torch-python" in found["fit"]["result"]["left out"]
    page = (tmp_path / "benchmarks-gpu.md").read_text()
    assert "no figure here says anything about a GPU" in page
    assert (tmp_path / "gpu_engine.png").exists()


def test_the_loop_and_the_faults_run_in_real_processes(carry: Path, tmp_path: Path) -> None:
    run(carry, tmp_path, "loop", "start", "faults")

    found = results(tmp_path)
    assert {name: (step["status"], step.get("problem")) for name, step in found.items()} == dict.fromkeys(
        ("loop", "start", "faults"), ("done", None)
    )
    assert found["loop"]["result"]["vga"]["loop"]["frames"] >= 10
    assert found["loop"]["result"]["vga"]["missed"] == 0
    assert found["start"]["result"]["start 0"] > 0
    faults = found["faults"]["result"]
    assert all(faults[name]["one sentence"] for name in ("no device visible", "tensorrt not installed", "pycuda not installed"))
    assert faults["two daemons"]["the other"]["loop"]["frames"] >= 10


def test_a_run_that_is_repeated_does_only_what_is_not_done(carry: Path, tmp_path: Path) -> None:
    run(carry, tmp_path, "facts")
    before = (tmp_path / "facts.json").stat().st_mtime_ns

    status = run(carry, tmp_path, "facts")

    assert (status, (tmp_path / "facts.json").stat().st_mtime_ns) == (0, before)


def test_a_step_that_fails_is_named_with_its_reason_and_keeps_what_it_measured(carry: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    status = run(empty, tmp_path / "out", "facts", "parity")

    found = results(tmp_path / "out")
    assert status == 1
    assert (found["facts"]["status"], found["parity"]["status"]) == ("done", "failed")
    assert "answers.npz" in found["parity"]["problem"]
    assert "parity" in (tmp_path / "out" / "benchmarks-gpu.md").read_text()
