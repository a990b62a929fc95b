"""The whole path with no camera and no GPU: labelled frames → engine → daemon → stream → figures against the known truth.

Leaves in the folder given by --out: the data and bundle it made (used again the next time), `overlay.mp4`, `report.html` and
`result.json`. Training is a fixed number of steps and the camera runs at a rate that this machine holds, so that a busy
machine takes longer and finds the same. Ends with status 0 only if no frame was lost silently, the median error is at most
2 px and every scripted event was seen; otherwise it says what failed, and leaves the report.
"""

import argparse
import json
import math
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from demo_behaviour import CLASSES, CLASSIFIER, Moves, held_out_f1, learn_moves, moves_in
from demo_report import write_overlay, write_report
from demo_tracking import Frames, Heard, Run, count_frames, fastest_run, talk, track, with_classifier
from demo_verdict import Onset, cut_short, late, match_onsets, print_end, scripted, verdict
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from tracker.errors import RigtrackError

TRAINING_FRAMES = 400
TRAINING_SEED = 7  # the same rig as the camera shows, at other times: synthetic sets and cameras never share a frame number
WALKING = {
    "event": "walking",
    "source": {"kind": "class", "classifier": CLASSIFIER, "class_name": "walk"},
    "rule": {"on": 0.6, "off": 0.4, "minimum_ms": 100, "maximum_gap_ms": 100},
}
EPOCHS = 4  # 640 steps, however long they take: 0.5 px after 3


def main() -> int:
    """Run the demo and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo"))
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    try:
        return demo(out)
    except RigtrackError as problem:
        talk.print(f"demo: {problem}", style="red", markup=False, soft_wrap=True)
        return 1


def demo(out: Path) -> int:
    """Make what is missing, run the tracker, and judge what was heard."""
    make_bundle(out)
    run = fastest_run(out)
    moves_bundle = learn_moves(out, rate_hz=run.rate_hz, trainer=trainer)
    run = with_classifier(run, CLASSIFIER, moves_bundle, WALKING)
    heard = track(run)
    if not heard.poses:
        raise RigtrackError("the daemon published no pose; its own messages stand above")
    errors = np.array(heard.errors_px)
    script = scripted(run)
    onsets = [onset for event in script for onset in match_onsets(event, heard, script, run)]
    moves = moves_in(heard.poses, run.scene)
    frames = count_frames(heard, run)
    result = summary(heard, run, frames=frames, errors=errors, onsets=onsets, held_out_px=held_out_px(out))
    result["learned_behaviour"] = learned(moves, held_out=held_out_f1(moves_bundle))
    talk.print("drawing the overlay and the report …")
    write_overlay(
        out / "overlay.mp4",
        scene=run.scene,
        heard_poses=heard.poses,
        statuses=heard.statuses,
        events=heard.events,
        rate_hz=run.rate_hz,
        frames=run.frames,
    )
    problems = verdict(
        frames,
        onsets,
        heard,
        live_px=result["error_px"]["median"],
        held_out_px=result["error_px"]["held_out_median"],
        moves_f1=result["learned_behaviour"]["macro_f1"],
    )
    write_report(
        out / "report.html",
        result=result,
        problems=problems,
        scene=run.scene,
        poses=heard.poses,
        errors=errors,
        total_ms=heard.total_ms,
        onsets=onsets,
        moves=moves,
    )
    (out / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    print_result(result, onsets)
    print_end(out, problems, late=late(result["latency_ms"]["total"]["p99"], run.rate_hz))
    return 1 if problems else 0


def make_bundle(out: Path) -> None:
    """Render a labelled set and train on it, unless an earlier demo did."""
    data, model = out / "data", out / "model"
    if not (data / "set.json").exists():
        size = ["--width", "640", "--height", "480"]
        trainer("synth", "--out", str(data), "--scene", "rodent", "--count", str(TRAINING_FRAMES), "--seed", str(TRAINING_SEED), *size)
    if not (model / "bundle.json").exists():
        trainer("fit", "--data", str(data), "--out", str(model), "--epochs", str(EPOCHS), "--seed", "1")


def learned(moves: Moves, *, held_out: float) -> dict[str, float]:
    """Scores of the learned behaviour against the script, by frame."""
    each = {f"f1_{name}": round(moves.f1(place), 4) for place, name in enumerate(CLASSES)}
    return {
        "frames": len(moves.numbers),
        **each,
        "macro_f1": round(float(np.mean([moves.f1(place) for place in range(len(CLASSES))])), 4),
        "held_out_macro_f1": round(held_out, 4),
    }


def held_out_px(out: Path) -> float:
    """What training itself measured on the frames it did not learn from: the median error."""
    return float(json.loads((out / "model" / "metrics.json").read_text(encoding="utf-8"))["held_out"]["median_px"])


def trainer(*arguments: str) -> None:
    """Run one trainer command as a user would."""
    talk.print(f"$ trainer {' '.join(arguments)}", style="bold", markup=False, soft_wrap=True)
    waiting = {
        "OMP_WAIT_POLICY": "PASSIVE",
        **os.environ,
    }  # threads that spin for one another take half of a busy machine's time for nothing
    if subprocess.run([sys.executable, "-m", "trainer", *arguments], env=waiting, check=False).returncode:
        raise RigtrackError(f"trainer {arguments[0]} failed; its own sentence stands above")


def summary(
    heard: Heard, run: Run, *, frames: Frames, errors: NDArray[np.float64], onsets: list[Onset], held_out_px: float
) -> dict[str, Any]:
    """Everything in result.json."""
    seen = [onset.error_ms for onset in onsets if onset.error_ms is not None]
    return {
        "rate_hz": run.rate_hz,
        "frames": asdict(frames),
        "error_px": {
            "median": round(float(np.nanmedian(errors)), 4),
            "p95": round(float(np.nanpercentile(errors, 95)), 4),
            "held_out_median": round(held_out_px, 4),
        },
        "latency_ms": latency_ms(heard),
        "events": {
            "expected": len(onsets),
            "seen": len(seen),
            "onset_error_ms": {"median": float(np.median(np.abs(seen))), "largest": float(np.max(np.abs(seen)))} if seen else None,
            "cut_short": len(cut_short(heard)),
        },
    }


def latency_ms(heard: Heard) -> dict[str, dict[str, float]]:
    """Median and 99th percentile of each stage, in ms, all of the same frames: those that were heard.

    `total` is until the message was here, `daemon` until it was published; wait, engine and behaviour are the parts of `daemon`.
    """
    poses = list(heard.poses.values())
    stages = {
        "total": heard.total_ms,
        "daemon": [(pose.published_ns - pose.received_ns) / 1e6 for pose in poses],
        "wait": [(pose.taken_ns - pose.received_ns) / 1e6 for pose in poses],
        "engine": [(pose.inferred_ns - pose.taken_ns) / 1e6 for pose in poses],
        "behaviour": [(pose.published_ns - pose.inferred_ns) / 1e6 for pose in poses],
    }
    return {
        stage: {f"p{share}": round(float(np.percentile(values or [math.nan], share)), 4) for share in (50, 99)}
        for stage, values in stages.items()
    }


def print_result(result: dict[str, object], onsets: list[Onset]) -> None:
    """The final tables, on stdout."""
    out = Console()
    table = Table(title="result", show_header=False, title_justify="left")
    for section, values in result.items():
        table.add_row(section, json.dumps(values))
    out.print(table)
    events = Table(title="events", title_justify="left")
    for column in ("event", "scripted onset (frame)", "onset error by frame number (ms)"):
        events.add_column(column)
    for onset in onsets:
        events.add_row(onset.event, str(onset.frame), "not seen" if onset.error_ms is None else f"{onset.error_ms:+.0f}")
    out.print(events)


if __name__ == "__main__":
    sys.exit(main())
