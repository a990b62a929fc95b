"""Videos to divide, and finished runs on disk, for tests of experiments."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.trainer.learnable import labelled
from trainer.experiments.run import RUNS, Predictions, Run, RunEpoch, RunScore, write_run
from trainer.labels.labelled_frames import LabelledFrames
from trainer.training.fit_settings import FitSettings

QUICK = FitSettings(epochs=1, batch=4, batches=1, workers=0, accelerator="cpu", precision="32")


def videos(folder: Path) -> LabelledFrames:
    """Twelve frames of four videos of three animals."""
    frames = labelled(folder, 12)
    return replace(frames, group=("m1-day1",) * 3 + ("m1-day2",) * 3 + ("m2-day1",) * 4 + ("m3-day1",) * 2)


def stored_run(out: Path, name: str, error_px: float, **place: str | int) -> Run:
    """A finished run of two held-out frames and one key point, each off by `error_px`."""
    frames = [0, 1] if place.get("fold", "block1") == "block1" else [2, 3]
    score = RunScore(
        mean_px=error_px, median_px=error_px, p95_px=error_px, rms_px=error_px, frames=2, points=2, per_point={"nose": error_px}
    )
    epochs = tuple(RunEpoch(epoch=i, loss=2.0 - i, held_out_px=error_px, learning_rate=1e-3, seconds=1.0 + i) for i in range(2))
    run = Run(
        schema=1,
        identity=name,
        name=name,
        created="2026-01-01T00:00:00+00:00",
        place=dict(place),
        data="mice",
        labels_sha256="0" * 64,
        settings={"head": "xy", "batch": 4, "learning_rate": 1e-3, "optimiser": "adamw"},
        seed=int(place.get("repeat", 0)),
        split="half held out",
        point_names=("nose",),
        learnt_from=int(place.get("size", 2)),
        train=score,
        held_out=score,
        test=None,
        epochs=epochs,
        seconds=2.0,
        seconds_per_epoch=1.0,
        stopped="epochs",
        parameters=10,
        machine={"system": "a test"},
        predictions="predictions.npz",
    )
    error = np.full((2, 1, 1), error_px)
    found = Predictions(index=np.array(frames), predicted=np.zeros((2, 1, 1, 3), np.float32), error_px=error)
    write_run(out / RUNS / name, run, {"train": found, "held_out": found})
    return run


def replace_mean(score: RunScore, mean_px: float) -> RunScore:
    return RunScore(**{**{f: getattr(score, f) for f in score.__struct_fields__}, "mean_px": mean_px})


def wait_for(condition: Callable[[], bool], *, deadline_s: float = 600.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.02)
