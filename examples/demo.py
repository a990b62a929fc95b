"""The whole path with no camera and no GPU: labelled frames → engine → daemon → stream → figures against the known truth.

Leaves in the folder given by --out: the data and bundle it made (used again the next time), `overlay.mp4`, `report.html` and
`result.json`. Training is a fixed number of steps and the camera runs at a rate that this machine holds, so that a busy
machine takes longer and finds the same. Ends with status 0 only if no frame was lost silently, the median error is at most
2 px and every scripted event was seen; otherwise it says what failed, and leaves the report.
"""

import argparse
import json
import math
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from demo_report import write_overlay, write_report
from demo_tracking import Frames, Heard, Run, count_frames, fastest_run, talk, track
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from tracker.behaviour.behaviour import Behaviour
from tracker.errors import RigtrackError
from tracker.pose import Pose

TRAINING_FRAMES = 400
TRAINING_SEED = 7  # the same rig as the camera shows, at other times: synthetic sets and cameras never share a frame number
EPOCHS = 4  # 640 steps, however long they take: 0.5 px after 3
LARGEST_MEDIAN_PX = 2.0
LARGEST_TAIL = 0.01  # of the frames: a camera that is read late at its end has no next frame to tell what was lost
ONSET_TOLERANCE_FRAMES = 25  # an event seen further from its script than this is another event


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """One scripted event and when it was seen, if it was."""

    event: str
    frame: int
    error_ms: float | None


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
    heard = track(run)
    if not heard.poses:
        raise RigtrackError("the daemon published no pose; its own messages stand above")
    errors = np.array(heard.errors_px)
    onsets = [onset for event in run.config.behaviour for onset in match_onsets(event.event, heard, scripted(run), run)]
    frames = count_frames(heard, run)
    result = summary(heard, run, frames=frames, errors=errors, onsets=onsets, held_out_px=held_out_px(out))
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
    problems = verdict(result, frames, onsets, heard)
    write_report(
        out / "report.html",
        result=result,
        problems=problems,
        scene=run.scene,
        poses=heard.poses,
        errors=errors,
        total_ms=heard.total_ms,
        onsets=onsets,
    )
    (out / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    print_result(result, onsets)
    for problem in problems:
        talk.print(f"demo: {problem}", style="red", markup=False, soft_wrap=True)
    if problems:
        talk.print(f"demo: the whole report is {out / 'report.html'}", markup=False, soft_wrap=True)
    return 1 if problems else 0


def make_bundle(out: Path) -> None:
    """Render a labelled set and train on it, unless an earlier demo did."""
    data, model = out / "data", out / "model"
    if not (data / "set.json").exists():
        size = ["--width", "640", "--height", "480"]
        trainer("synth", "--out", str(data), "--scene", "rodent", "--count", str(TRAINING_FRAMES), "--seed", str(TRAINING_SEED), *size)
    if not (model / "bundle.json").exists():
        trainer("fit", "--data", str(data), "--out", str(model), "--epochs", str(EPOCHS), "--seed", "1")


def held_out_px(out: Path) -> float:
    """What training itself measured on the frames it did not learn from: the median error."""
    return float(json.loads((out / "model" / "metrics.json").read_text(encoding="utf-8"))["held_out"]["median_px"])


def trainer(*arguments: str) -> None:
    """Run one trainer command as a user would."""
    talk.print(f"$ trainer {' '.join(arguments)}", style="bold", markup=False, soft_wrap=True)
    if subprocess.run([sys.executable, "-m", "trainer", *arguments], check=False).returncode:
        raise RigtrackError(f"trainer {arguments[0]} failed; its own sentence stands above")


def scripted(run: Run) -> dict[str, list[int]]:
    """Onset frames of every event, from the same rules run over the exact truth."""
    config, scene = run.config, run.scene
    behaviour = Behaviour(config.behaviour, config.zones, point_names=scene.point_names, animals=1, has_mm=False)
    onsets: dict[str, list[int]] = {event.event: [] for event in config.behaviour}
    for number in range(run.frames):
        truth = np.column_stack((scene.truth(number).points, np.ones(len(scene.point_names))))
        pose = Pose(points=truth[None].astype(np.float32), mm=None)
        for event in behaviour.update(frame_number=number, time_ns=round(number * 1e9 / run.rate_hz), pose=pose, motion=None):
            if event.state == "on":
                onsets[event.name].append(event.onset_frame)
    return onsets


def match_onsets(name: str, heard: Heard, script: dict[str, list[int]], run: Run) -> list[Onset]:
    """Pair each scripted onset with the nearest one heard that is within the tolerance; each is used once."""
    seen = [event.onset_frame for event in heard.events if event.event == name and event.state == "on"]
    matched = []
    for frame in script[name]:
        nearest = min(seen, key=lambda candidate: abs(candidate - frame), default=None)
        if nearest is not None and abs(nearest - frame) <= ONSET_TOLERANCE_FRAMES:
            seen.remove(nearest)
            matched.append(Onset(event=name, frame=frame, error_ms=(nearest - frame) * 1000 / run.rate_hz))
        else:
            matched.append(Onset(event=name, frame=frame, error_ms=None))
    return matched


def summary(
    heard: Heard, run: Run, *, frames: Frames, errors: NDArray[np.float64], onsets: list[Onset], held_out_px: float
) -> dict[str, Any]:
    """Everything in result.json."""
    latency = heard.status.latency_ms if heard.status else {}
    stages = {stage: {p: values[p] for p in ("p50", "p99")} for stage, values in latency.items()}
    stages["daemon"] = stages.pop("total", {"p50": math.nan, "p99": math.nan})
    total = np.percentile(heard.total_ms or [math.nan], [50, 99])
    seen = [onset.error_ms for onset in onsets if onset.error_ms is not None]
    return {
        "rate_hz": run.rate_hz,
        "frames": asdict(frames),
        "error_px": {
            "median": round(float(np.nanmedian(errors)), 4),
            "p95": round(float(np.nanpercentile(errors, 95)), 4),
            "held_out_median": round(held_out_px, 4),
        },
        "latency_ms": {"total": {"p50": round(float(total[0]), 4), "p99": round(float(total[1]), 4)}, **stages},
        "events": {
            "expected": len(onsets),
            "seen": len(seen),
            "onset_error_ms": {"median": float(np.median(np.abs(seen))), "largest": float(np.max(np.abs(seen)))} if seen else None,
            "cut_short": len(cut_short(heard)),
        },
    }


def cut_short(heard: Heard) -> list[str]:
    """Why events ended that no rule ended, the end of the run aside."""
    return [event.reason for event in heard.events if event.state == "off" and event.reason not in ("rule", "missing", "stopping")]


def verdict(result: dict[str, Any], frames: Frames, onsets: list[Onset], heard: Heard) -> list[str]:
    """One sentence for each failure, with its cause; none if every frame is explained, the error small and every event seen."""
    problems = []
    error = result["error_px"]
    if not error["median"] <= LARGEST_MEDIAN_PX:
        learnt = error["held_out_median"] <= LARGEST_MEDIAN_PX
        cause = "tracking: the network was better in training" if learnt else "training accuracy: the network did not learn enough"
        problems.append(
            f"{cause}; the median error is {error['median']} px live and {error['held_out_median']} px on held-out frames; "
            f"expected at most {LARGEST_MEDIAN_PX} px; delete the folder and run the demo again"
        )
    if frames.unaccounted or frames.after > LARGEST_TAIL * frames.shown:
        problems.append(
            f"frames: {frames.unaccounted} of {frames.shown} were neither received nor counted as lost, skipped or corrupt, and the last "
            f"{frames.after} had no pose"
        )
    missed = [onset for onset in onsets if onset.error_ms is None]
    if missed:
        blind = sum(any(number not in heard.poses for number in range(onset.frame - 5, onset.frame + 26)) for onset in missed)
        problems.append(
            f"events: {len(missed)} of {len(onsets)} scripted events were not seen, {blind} of them where frames had no pose; "
            f"{frames.not_tracked} frames were not tracked ({frames.lost} lost by the camera, {frames.skipped} skipped)"
            + (": close other programs and run the demo again" if blind else "")
        )
    return problems


def print_result(result: dict[str, object], onsets: list[Onset]) -> None:
    """The final tables, on stdout."""
    out = Console()
    table = Table(title="result", show_header=False, title_justify="left")
    for section, values in result.items():
        table.add_row(section, json.dumps(values))
    out.print(table)
    events = Table(title="events", title_justify="left")
    for column in ("event", "scripted onset (frame)", "onset error (ms)"):
        events.add_column(column)
    for onset in onsets:
        events.add_row(onset.event, str(onset.frame), "not seen" if onset.error_ms is None else f"{onset.error_ms:+.0f}")
    out.print(events)


if __name__ == "__main__":
    sys.exit(main())
