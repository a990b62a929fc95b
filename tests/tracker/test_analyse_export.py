"""`tracker analyse --to`: every session for other programs at once, and what fails there costs nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped]
import pytest

from tests.conftest import BundleMaker
from tests.tracker.daemon import DEADLINE_S, ROOT
from tests.tracker.videos import numbered, write_video
from tracker.bundle import read_bundle

HEIGHT, WIDTH = numbered(0).shape[:2]
COUNT = 12


@pytest.fixture(scope="module")
def bundle(make_bundle: BundleMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles") / "spot", height=HEIGHT, width=WIDTH)


def analysed(*arguments: str | Path, path: Path | None = None) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tracker", "analyse", *map(str, arguments)]
    places = os.pathsep.join(str(place) for place in (path, ROOT) if place is not None)
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=DEADLINE_S, env={**os.environ, "PYTHONPATH": places}
    )


def exported(answer: "subprocess.CompletedProcess[str]") -> dict[str, list[str]]:
    results: list[dict[str, Any]] = [json.loads(line) for line in answer.stdout.splitlines()]
    return {Path(each["video"]).stem: [Path(file).name for file in each["exported"]] for each in results}


def sentences(answer: "subprocess.CompletedProcess[str]") -> list[str]:
    return [line for line in answer.stderr.splitlines() if line.startswith("tracker analyse: ")]


def test_sessions_are_exported_once_done_and_a_failing_export_costs_no_other(tmp_path: Path, bundle: Path) -> None:
    videos = [write_video(tmp_path / f"{name}.mp4", COUNT) for name in ("first", "second")]
    out = tmp_path / "out"
    scorer = f"DLC_rigtrack_{read_bundle(bundle).description.name}.h5"

    answer = analysed(*videos, "--bundle", bundle, "--out", out, "--json", "--to", "csv", "dlc")
    assert (answer.returncode, sentences(answer)) == (0, [])
    assert exported(answer) == {name: [f"{name}.csv", f"{name}.events.csv", f"{name}{scorer}"] for name in ("first", "second")}
    assert pd.read_csv(out / "first" / "first.csv")["frame"].to_list() == list(range(COUNT))
    assert len(pd.read_hdf(out / "first" / f"first{scorer}")) == COUNT
    assert not list(tmp_path.glob("*.h5")), "beside the video nothing is written"

    (out / "first" / f"first{scorer}").unlink()
    (out / "second" / "second.csv").unlink()
    (out / "second" / "second.csv").mkdir()
    kept = (out / "first" / "first.csv").stat().st_mtime_ns
    answer = analysed(*reversed(videos), "--bundle", bundle, "--out", out, "--json", "--to", "csv", "dlc")
    assert answer.returncode == 1
    assert exported(answer) == {"first": [f"first{scorer}"], "second": []}
    assert (out / "first" / "first.csv").stat().st_mtime_ns == kept
    (sentence,) = sentences(answer)
    assert sentence.startswith(f"tracker analyse: {videos[1]}: was analysed, but not exported as csv: {out}/second/second.csv: ")


def test_a_missing_library_of_a_format_is_said_before_anything_is_analysed(tmp_path: Path, bundle: Path) -> None:
    video = write_video(tmp_path / "first.mp4", COUNT)
    (tmp_path / "pynwb.py").write_text("raise ModuleNotFoundError('not here', name='pynwb')")

    answer = analysed(video, "--bundle", bundle, "--out", tmp_path / "out", "--to", "csv", "nwb", path=tmp_path)

    sentence = "--to nwb needs pynwb, which is not installed; run `pip install '.[export]'` in the folder of rigtrack's sources"
    assert (answer.returncode, answer.stdout, answer.stderr) == (1, "", f"tracker analyse: {sentence}\n")
    assert not (tmp_path / "out").exists()
