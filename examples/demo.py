"""The whole path with no camera and no GPU: labelled frames → engine → daemon → stream → figures against the known truth.

Leaves in the folder given by --out: the data and bundle it made (used again the next time), `overlay.mp4`, `report.html` and
`result.json`. Ends with status 0 only if no frame was lost silently, the median error is at most 2 px and every scripted
event was seen.
"""

import argparse
import json
import math
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import yaml
from demo_report import write_overlay, write_report
from numpy.typing import NDArray
from rich.console import Console
from rich.live import Live
from rich.table import Table

from tracker.behaviour.behaviour import Behaviour
from tracker.client import Client
from tracker.config import Config, SyntheticCamera, load_config
from tracker.errors import RigtrackError
from tracker.messages import EventMessage, PoseMessage, StatusMessage
from tracker.pose import Pose
from tracker.synthetic.open_scene import open_scene
from tracker.synthetic.scene import Scene

EXAMPLE = Path(__file__).with_name("synthetic.yaml")
TRAINING_FRAMES = 400
TRAINING_SEED = 7  # the same rig as the camera shows, at other times: synthetic sets and cameras never share a frame number
FIT_MINUTES = 1.0
TRACKED_FRAMES = 3000  # 30 s at 100 frames a second
LARGEST_MEDIAN_PX = 2.0
ONSET_TOLERANCE_MS = 250.0  # an event seen further from its script than this is another event
SILENCE_S = 60.0

talk = Console(stderr=True)


@dataclass(slots=True)
class Heard:
    """What the subscriber received."""

    poses: dict[int, PoseMessage] = field(default_factory=dict)
    total_ms: list[float] = field(default_factory=list)  # receipt of the frame → receipt of the message here
    events: list[EventMessage] = field(default_factory=list)
    status: StatusMessage | None = None  # the last
    tracking: StatusMessage | None = None  # the last before the good-bye
    gaps: int = 0
    errors_px: list[NDArray[np.float64]] = field(default_factory=list)


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
    config_path = demo_config(out)
    config = load_config(config_path)
    camera = config.camera
    if not isinstance(camera, SyntheticCamera):
        raise RigtrackError(f"{EXAMPLE}: the demo needs the synthetic camera")
    scene = open_scene(camera.scene, seed=camera.seed, width=camera.width, height=camera.height, rectangles=camera.rectangles)
    heard = track(config_path, config, scene)
    if not heard.poses:
        raise RigtrackError("the daemon published no pose; its own words stand above")
    errors = np.array(heard.errors_px)
    onsets = [onset for event in config.behaviour for onset in match_onsets(event.event, heard, scripted(config, scene), camera.rate_hz)]
    result = summary(heard, errors, onsets)
    talk.print("drawing the overlay and the report …")
    write_overlay(
        out / "overlay.mp4", scene=scene, heard_poses=heard.poses, status=heard.tracking, events=heard.events, rate_hz=camera.rate_hz
    )
    write_report(out / "report.html", result=result, scene=scene, poses=heard.poses, errors=errors, total_ms=heard.total_ms, onsets=onsets)
    (out / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    print_result(result, onsets)
    return verdict(result)


def make_bundle(out: Path) -> None:
    """Render a labelled set and train on it, unless an earlier demo did."""
    data, model = out / "data", out / "model"
    if not (data / "set.json").exists():
        size = ["--width", "640", "--height", "480"]
        trainer("synth", "--out", str(data), "--scene", "rodent", "--count", str(TRAINING_FRAMES), "--seed", str(TRAINING_SEED), *size)
    if not (model / "bundle.json").exists():
        trainer("fit", "--data", str(data), "--out", str(model), "--minutes", str(FIT_MINUTES), "--seed", "1")


def trainer(*arguments: str) -> None:
    """Run one trainer command as a user would."""
    talk.print(f"$ trainer {' '.join(arguments)}", style="bold", markup=False, soft_wrap=True)
    if subprocess.run([sys.executable, "-m", "trainer", *arguments], check=False).returncode:
        raise RigtrackError(f"trainer {arguments[0]} failed; its own sentence stands above")


def demo_config(out: Path) -> Path:
    """Write the example's configuration for a run that ends by itself."""
    values = yaml.safe_load(yaml.safe_dump(msgspec.to_builtins(load_config(EXAMPLE))))
    values["camera"] = {"source": "synthetic", **values["camera"], "frames": TRACKED_FRAMES}
    values["engine"]["bundle"] = str((out / "model").resolve())
    path = out / "tracker.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


def track(config_path: Path, config: Config, scene: Scene) -> Heard:
    """Start the daemon, and listen from this process until its camera ends."""
    heard = Heard()
    address = config.publisher.bind[0]
    with Client(address) as client:
        daemon = subprocess.Popen([sys.executable, "-m", "tracker", "run", "--config", str(config_path)])
        try:
            with Live(console=talk, refresh_per_second=4) as live:
                listen(client, daemon, heard, live, scene)
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(timeout=10)
        heard.gaps = client.gaps.get(config.name, 0)
    return heard


def listen(client: Client, daemon: "subprocess.Popen[bytes]", heard: Heard, live: Live, scene: Scene) -> None:
    """Take in messages until the daemon has said good-bye."""
    last = time.monotonic()
    while time.monotonic() - last < SILENCE_S:
        message = client.receive(0.2)
        now_ns = time.monotonic_ns()
        if message is None:
            if daemon.poll() is not None:
                return
            continue
        last = time.monotonic()
        if isinstance(message, PoseMessage):
            heard.poses[message.frame] = message
            heard.total_ms.append((now_ns - message.received_ns) / 1e6)
            heard.errors_px.append(pixel_errors(message, scene))
        elif isinstance(message, EventMessage):
            heard.events.append(message)
        elif isinstance(message, StatusMessage):
            heard.status = message
            heard.tracking = message if message.state == "tracking" else heard.tracking
            live.update(live_table(heard))
    raise RigtrackError(f"the daemon has said nothing for {SILENCE_S:g} s; its own words stand above")


def pixel_errors(pose: PoseMessage, scene: Scene) -> NDArray[np.float64]:
    """Euclidean distance of every key point from the truth, (K,) in px; NaN where the animal itself hides it."""
    truth = scene.truth(pose.frame)
    points = pose.animals[0].points
    found = np.array([points[name][:2] for name in scene.point_names])
    distance: NDArray[np.float64] = np.where(truth.visible, np.hypot(*(found - truth.points).T), np.nan)
    return distance


def scripted(config: Config, scene: Scene) -> dict[str, list[int]]:
    """Onset frames of every event, from the same rules run over the exact truth."""
    behaviour = Behaviour(config.behaviour, config.zones, point_names=scene.point_names, animals=1, has_mm=False)
    onsets: dict[str, list[int]] = {event.event: [] for event in config.behaviour}
    rate_hz = config.camera.rate_hz if isinstance(config.camera, SyntheticCamera) else 1.0
    for number in range(TRACKED_FRAMES):
        truth = np.column_stack((scene.truth(number).points, np.ones(len(scene.point_names))))
        pose = Pose(points=truth[None].astype(np.float32), mm=None)
        for event in behaviour.update(frame_number=number, time_ns=round(number * 1e9 / rate_hz), pose=pose, motion=None):
            if event.state == "on":
                onsets[event.name].append(event.onset_frame)
    return onsets


def match_onsets(name: str, heard: Heard, script: dict[str, list[int]], rate_hz: float) -> list[Onset]:
    """Pair each scripted onset with the nearest one heard that is within the tolerance; each is used once."""
    seen = [event.onset_frame for event in heard.events if event.event == name and event.state == "on"]
    matched = []
    for frame in script[name]:
        nearest = min(seen, key=lambda candidate: abs(candidate - frame), default=None)
        error_ms = (nearest - frame) * 1000 / rate_hz if nearest is not None else math.inf
        if nearest is not None and abs(error_ms) <= ONSET_TOLERANCE_MS:
            seen.remove(nearest)
            matched.append(Onset(event=name, frame=frame, error_ms=error_ms))
        else:
            matched.append(Onset(event=name, frame=frame, error_ms=None))
    return matched


def summary(heard: Heard, errors: NDArray[np.float64], onsets: list[Onset]) -> dict[str, object]:
    """Everything in result.json."""
    counters = heard.status.counters if heard.status else {}
    stages = {stage: {p: values[p] for p in ("p50", "p99")} for stage, values in (heard.status.latency_ms if heard.status else {}).items()}
    stages["daemon"] = stages.pop("total", {"p50": math.nan, "p99": math.nan})
    total = np.percentile(heard.total_ms or [math.nan], [50, 99])
    seen = [onset.error_ms for onset in onsets if onset.error_ms is not None]
    return {
        "frames": {
            "captured": counters.get("captured", 0),
            "inferred": counters.get("inferred", 0),
            "published": counters.get("published", 0),
            "received": len(heard.poses),
            "lost": counters.get("lost", 0) + counters.get("skipped", 0) + heard.gaps + min(heard.poses),  # those before the first heard
        },
        "error_px": {"median": round(float(np.nanmedian(errors)), 4), "p95": round(float(np.nanpercentile(errors, 95)), 4)},
        "latency_ms": {"total": {"p50": round(float(total[0]), 4), "p99": round(float(total[1]), 4)}, **stages},
        "events": {
            "expected": len(onsets),
            "seen": len(seen),
            "onset_error_ms": {"median": float(np.median(np.abs(seen))), "largest": float(np.max(np.abs(seen)))} if seen else None,
        },
    }


def verdict(result: dict[str, object]) -> int:
    """0 if every frame is accounted for, the error is small and no event was missed; else 1 and one sentence for each."""
    frames, error, events = (msgspec.to_builtins(result[key]) for key in ("frames", "error_px", "events"))
    complaints = []
    unaccounted = TRACKED_FRAMES - frames["received"] - frames["lost"]
    if unaccounted:
        complaints.append(f"{unaccounted} of {TRACKED_FRAMES} frames were neither received nor counted as lost")
    if not error["median"] <= LARGEST_MEDIAN_PX:
        complaints.append(f"the median error is {error['median']} px; expected at most {LARGEST_MEDIAN_PX} px")
    if events["seen"] < events["expected"]:
        complaints.append(f"{events['expected'] - events['seen']} of {events['expected']} scripted events were not seen")
    for complaint in complaints:
        talk.print(f"demo: {complaint}", style="red", markup=False, soft_wrap=True)
    return 1 if complaints else 0


def live_table(heard: Heard) -> Table:
    """The figures so far."""
    status = heard.status
    table = Table(title="rigtrack on the synthetic rig", title_justify="left")
    for column in ("frames", "", "stage", "p50 ms", "p99 ms"):
        table.add_column(column, justify="right" if column != "stage" else "left")
    if status is None:
        return table
    counts = {name: status.counters[name] for name in ("captured", "inferred", "published")}
    counts |= {"received": len(heard.poses), "lost": status.counters["lost"] + status.counters["skipped"]}
    stages = list(status.latency_ms.items())
    for i, (name, count) in enumerate(counts.items()):
        stage, values = stages[i] if i < len(stages) else ("", {"p50": 0.0, "p99": 0.0})
        table.add_row(name, str(count), stage, f"{values['p50']:.3f}", f"{values['p99']:.3f}")
    onsets = sum(event.state == "on" for event in heard.events)
    median, p95 = np.nanpercentile(heard.errors_px, [50, 95]) if heard.errors_px else (math.nan, math.nan)
    table.caption = f"error against the truth: median {median:.2f} px, p95 {p95:.2f} px · events begun: {onsets}"
    return table


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
