"""The page of GPU figures, made from a results.json as a GPU host writes it: no GPU is needed to write or to test it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.run_script import script


def figures(p50: float) -> dict[str, Any]:
    return {
        "frames": 100_000,
        "p50": p50,
        "p99": 1.2 * p50,
        "p99_9": 1.5 * p50,
        "max": 4 * p50,
        "mean": p50,
        "histogram": {"90": 99_000, "93": 900, "110": 100},
    }


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of every kind: whole, ended, failed, with problems and without."""
    folder = tmp_path_factory.mktemp("recorded")
    parity = {"points": 464, "mean_px": 0.001, "largest_px": 0.02, "passed": True, "reference": "torch 2.11.0 fp32"}
    steps = {
        "facts": {
            "date": "2026-01-01",
            "runtime": "tensorrt",
            "python": "3.10.13",
            "kernel": "6.1",
            "processor": "a processor, 16 cores",
            "versions": {"tensorrt": "8.6.0"},
            "gpu": {"name": "A GPU", "driver_version": "580.1"},
        },
        "compile": {
            "vga fp16": {"built_s": 41.2, "from_cache_s": 0.6, "said": [], "cache_hit": True},
            "wide fp16": {"problem": "wide was not carried"},
            "spoilt": {"truncated": {"loaded": False, "said": ["x.engine: is damaged; it is built again"]}},
        },
        "parity": {
            "tensorrt fp16": parity,
            "tensorrt int8": parity | {"passed": None},
            "tensorrt fp32": parity | {"passed": False},
            "changed weight": {"refused": True},
        },
        "engine": {"vga fp16": {"graph": figures(0.21), "enqueue": figures(0.28)}, "wide fp16": {"graph": figures(0.33)}},
        "loop": {"vga": {"rate_hz": 1000.0, "missed": 0, "loop": figures(1.1), "engine": figures(0.25), "publish and hop": figures(0.2)}},
        "floor": {
            "hop": figures(0.05),
            "launch": figures(0.01),
            "down": figures(0.015),
            "up vga": figures(0.03),
            "copy in host memory vga": figures(0.01),
            "bus GB/s": 51.2,
            "network vga": {"gmac": 0.167, "weight_mb": 1.69, "between_mb": 3.0},
        },
        "idle": {"plain": {"full rate": figures(0.2), "30 Hz": figures(0.5)}},
        "rivals": {
            "versions": {"torch": "2.11.0", "cuda": "13.0", "device": "A GPU"},
            "the same network, torch eager fp32": figures(2.0),
            "the same network, ONNX Runtime CUDA": {"problem": "has no CUDAExecutionProvider"},
        },
        "faults": {
            "no device visible": {"status": 1, "said": "GPU 0: CUDA reports 'no device'"},
            "two daemons": {"alone": {"loop": figures(1.0)}},
        },
        "start": {"start 0": 1.4},
        "offline": {"render": {"frames": 2330, "seconds": 4.1, "fps": 568.3}},
    }
    whole: dict[str, Any] = {name: {"status": "done", "seconds": 1.0, "result": result} for name, result in steps.items()}
    whole["fit"] = {"status": "ended", "seconds": 40.0, "problem": "its time was over (40 s)", "result": {}}
    (folder / "results.json").write_text(json.dumps(whole))
    return folder


@pytest.fixture(scope="module")
def page(recorded: Path) -> str:
    """The page of those."""
    return write(recorded)


def write(folder: Path, *more: str) -> str:
    return Path(script("gpu/report.py", folder, *more).strip()).read_text()


@pytest.mark.parametrize(
    "line",
    [
        "A GPU, driver 580.1; a processor, 16 cores; kernel 6.1; Python 3.10.13; tensorrt 8.6.0; beside it torch 2.11.0, CUDA 13.0.",
        "| fit | ended | its time was over (40 s) |",
        "| vga fp16 | 41.2 | 0.6 | yes |",
        "| tensorrt fp32 | 464 | 0.0010 | 0.0200 | **no** |",
        "| engine, vga fp16, graph | 0.210 | 0.252 | 0.315 | 0.840 | 100000 |",
        "| engine p50, vga | 0.21 | 0.3 | yes |",
        "| loop p50, vga | 1.1 | 1.0 | **no** |",
        "p99 at 30 Hz is 2.50 × that at full rate",
        "| the same network, ONNX Runtime CUDA | has no CUDAExecutionProvider |  |  |  |  |",
        "| no device visible | 1 | GPU 0: CUDA reports 'no device' |",
        "- render: {'frames': 2330, 'seconds': 4.1, 'fps': 568.3}",
    ],
)
def test_the_page_says_what_was_measured_and_what_was_not_reached(page: str, line: str) -> None:
    assert line in page


def test_the_floor_is_taken_off_the_engines_time(page: str) -> None:
    assert "take 0.045 ms by themselves (one launch counted once): 21% of the engine's p50; 0.165 ms are left" in page
    assert "Of the loop's 1.100 ms, 0.250 are the engine, 0.050 one message, 0.800 the rest." in page


def test_the_page_goes_to_the_documentation_with_its_pictures(recorded: Path, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()

    assert "![gpu engine](images/gpu_engine.png)" in write(recorded, "--docs", str(docs))
    assert (docs / "images" / "gpu_loop.png").stat().st_size > 10_000


def test_a_run_that_was_ended_at_once_still_has_its_page(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(
        json.dumps({"facts": {"status": "failed", "seconds": 0.1, "problem": "no driver", "result": {}}})
    )

    assert "| facts | failed | no driver |" in write(tmp_path)
