"""The demo's tracker: its configuration at a rate that this machine holds, the daemon, and what a subscriber hears of it."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import yaml
from numpy.typing import NDArray
from rich.console import Console
from rich.live import Live
from rich.table import Table

from tracker.client import Client
from tracker.config import Config, load_config
from tracker.config_cameras import SyntheticCamera
from tracker.errors import RigtrackError
from tracker.messages import EventMessage, PoseMessage, StatusMessage
from tracker.synthetic.open_scene import open_scene
from tracker.synthetic.scene import Scene

EXAMPLE = Path(__file__).with_name("synthetic.yaml")
FULL_RATE_HZ = 100.0  # of the synthetic animal's own time
SLOWER = (1, 2, 4, 8, 16)  # times, until the machine holds the rate
TRIAL_S = 4.0
LATEST_FRAMES = 3  # behind the camera, p99: what a driver keeps for a reader that is late
SETTLED = 0.25  # of a trial: what opening the engine holds up is not judged
TRACKED_S = 30.0
FEWEST_FRAMES = 1500  # a slower run lasts longer rather than that hardly an event happens in it
SILENCE_S = 120.0
END_S = 60.0  # for the daemon to end by itself, on the slowest machine

talk = Console(stderr=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One configuration of the tracker: how fast, and how many frames."""

    rate_hz: float
    frames: int
    path: Path
    config: Config
    scene: Scene


@dataclass(slots=True)
class Heard:
    """What the subscriber received."""

    poses: dict[int, PoseMessage] = field(default_factory=dict)
    total_ms: list[float] = field(default_factory=list)  # receipt of the frame → receipt of the message here
    events: list[EventMessage] = field(default_factory=list)
    statuses: list[StatusMessage] = field(default_factory=list)
    gaps: int = 0  # frames that were published and missed here
    errors_px: list[NDArray[np.float64]] = field(default_factory=list)

    @property
    def status(self) -> StatusMessage | None:
        """The last one."""
        return self.statuses[-1] if self.statuses else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """What became of the camera's frames between the first pose that was heard and the last.

    Attributes:
        shown: by the camera, in all.
        before: the first pose that was heard.
        received: poses.
        lost: by the camera.
        skipped: skipped for a newer one.
        corrupt: arrived damaged.
        missed: published, and not received by this subscriber.
        after: the last pose that was heard.
        unaccounted: numbers that none of these explains.
    """

    shown: int
    before: int
    received: int
    lost: int
    skipped: int
    corrupt: int
    missed: int
    after: int
    unaccounted: int

    @property
    def not_tracked(self) -> int:
        """Frames without a pose here, of those in between."""
        return self.lost + self.skipped + self.corrupt + self.missed + self.unaccounted


def open_run(out: Path, *, slower: int, frames: int, name: str) -> Run:
    """Write the example's configuration for a run that ends by itself, at the full rate or so many times slower.

    The animal's own time runs slower with the camera: rules that speak of time or speed are stretched alike, so that
    the same events happen at the same frames. Every frame is tracked, so that each is compared with the truth.
    """
    rate_hz = FULL_RATE_HZ / slower
    values = msgspec.to_builtins(load_config(EXAMPLE))
    values["camera"] |= {"source": "synthetic", "rate_hz": rate_hz, "frames": frames}
    values["capture"]["pace"] = "every_frame"
    values["engine"]["bundle"] = str((out / "model").resolve())
    for event in values["behaviour"]:
        _slow_down(event, slower)
    path = out / name
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    config = load_config(path)
    camera = config.camera
    if not isinstance(camera, SyntheticCamera):
        raise RigtrackError(f"{EXAMPLE}: the demo needs the synthetic camera")
    scene = open_scene(camera.scene, seed=camera.seed, width=camera.width, height=camera.height, rectangles=camera.rectangles)
    return Run(rate_hz=rate_hz, frames=frames, path=path, config=config, scene=scene)


def with_classifier(run: Run, name: str, bundle: Path, event: dict[str, Any]) -> Run:
    """The same run with a classifier, and an event of one of its classes."""
    values = yaml.safe_load(run.path.read_text(encoding="utf-8"))
    values["classifiers"] = [{"name": name, "bundle": str(bundle.resolve())}]
    values["behaviour"].append(event)
    run.path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return replace(run, config=load_config(run.path))


def _slow_down(event: dict[str, Any], slower: int) -> None:
    source, rule = event["source"], event["rule"]
    for section in (source, rule):
        section |= {key: value * slower for key, value in section.items() if key.endswith("_ms") and value is not None}
    if source["kind"] == "speed":
        rule |= {key: rule[key] / slower for key in ("on", "off")}


def fastest_run(out: Path, tracked: Callable[..., Heard] | None = None) -> Run:
    """Try the whole tracker for a few seconds at each rate, and return the first that it holds with every frame tracked.

    Args:
        out: the demo's folder.
        tracked: what runs a trial and returns what was heard, called as `track` is; None: `track`.
    """
    for slower in SLOWER:
        trial = open_run(out, slower=slower, frames=max(60, round(TRIAL_S * FULL_RATE_HZ / slower)), name="trial.yaml")
        log = out / "trial.log"
        heard = (tracked or track)(trial, log=log)
        if not heard.poses:
            raise RigtrackError(f"the tracker published no pose; its own messages are in {log}")
        counts = count_frames(heard, trial, since=round(SETTLED * trial.frames))
        p99_ms = float(np.percentile(heard.total_ms[round(SETTLED * len(heard.total_ms)) :], 99))
        holds = counts.received > 0 and not counts.not_tracked and p99_ms <= LATEST_FRAMES * 1000 / trial.rate_hz
        found = f"{counts.not_tracked} of {counts.received + counts.not_tracked} frames not tracked, p99 of frame to pose {p99_ms:.1f} ms"
        talk.print(
            f"{trial.rate_hz:g} frames per second: {found}: {'held' if holds else 'not held'}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        if holds:
            break
    else:
        talk.print("no rate was held; the slowest is tracked nevertheless, and the report says what became of its frames", soft_wrap=True)
    if slower > 1:
        talk.print(
            f"{FULL_RATE_HZ:g} frames per second were not held on this machine, as busy as it is, so the demo tracks at {trial.rate_hz:g}, "
            f"with the animal shown {slower} times slower; whether the demo passes does not depend on the rate",
            soft_wrap=True,
        )
    return open_run(out, slower=slower, frames=max(FEWEST_FRAMES, round(TRACKED_S * trial.rate_hz)), name="tracker.yaml")


def track(run: Run, *, log: Path | None = None) -> Heard:
    """Start the daemon, and listen from this process until its camera ends; with `log` its messages go there and no figures are shown."""
    heard = Heard()
    with ExitStack() as stack:
        client = stack.enter_context(Client(run.config.publisher.bind[0], high_water_mark=100_000))
        live = stack.enter_context(Live(console=talk, refresh_per_second=4)) if log is None else None
        errors = stack.enter_context(log.open("wb")) if log is not None else None
        daemon = subprocess.Popen([sys.executable, "-m", "tracker", "run", "--config", str(run.path)], stderr=errors)
        try:
            _listen(client, daemon, heard, live, run)
        finally:
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(timeout=END_S)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        heard.gaps = client.gaps.get(run.config.name, 0)
    return heard


def _listen(client: Client, daemon: "subprocess.Popen[bytes]", heard: Heard, live: Live | None, run: Run) -> None:
    """Take in messages until the daemon has ended."""
    last = time.monotonic()
    while time.monotonic() - last < SILENCE_S:
        message = client.receive(0.2)
        now_ns = time.monotonic_ns()
        if message is None:
            if daemon.poll() is not None:
                return
            continue
        if isinstance(message, PoseMessage):
            last = time.monotonic()
            heard.poses[message.frame] = message
            heard.total_ms.append((now_ns - message.received_ns) / 1e6)
            heard.errors_px.append(pixel_errors(message, run.scene))
        elif isinstance(message, EventMessage):
            heard.events.append(message)
        elif isinstance(message, StatusMessage):
            heard.statuses.append(message)
            if live is not None:
                live.update(live_table(heard))
    raise RigtrackError(f"the daemon has published no pose for {SILENCE_S:g} s; its own messages stand above")


def count_frames(heard: Heard, run: Run, *, since: int = 0) -> Frames:
    """Explain every frame number from `since` on: by a pose, or by the counters that every pose carries."""
    numbers = [number for number in sorted(heard.poses) if number >= since]
    if not numbers:
        return Frames(shown=run.frames, before=run.frames, received=0, lost=0, skipped=0, corrupt=0, missed=0, after=0, unaccounted=0)
    first, last = heard.poses[numbers[0]], heard.poses[numbers[-1]]
    lost, skipped, corrupt = last.lost - first.lost, last.skipped - first.skipped, last.corrupt - first.corrupt
    absent = last.frame - first.frame + 1 - len(numbers)
    return Frames(
        shown=run.frames,
        before=first.frame,
        received=len(numbers),
        lost=lost,
        skipped=skipped,
        corrupt=corrupt,
        missed=heard.gaps,
        after=run.frames - 1 - last.frame,
        unaccounted=absent - lost - skipped - corrupt - heard.gaps,
    )


def pixel_errors(pose: PoseMessage, scene: Scene) -> NDArray[np.float64]:
    """Euclidean distance of every key point from the truth, (K,) in px; NaN where the animal itself hides it or no point was found."""
    truth = scene.truth(pose.frame)
    points = pose.animals[0].points if pose.animals else {}
    found = np.array([points.get(name, (None, None, None))[:2] for name in scene.point_names], np.float64)
    distance: NDArray[np.float64] = np.where(truth.visible, np.hypot(*(found - truth.points).T), np.nan)
    return distance


def live_table(heard: Heard) -> Table:
    """The figures so far."""
    status = heard.status
    table = Table(title="rigtrack on the synthetic rig", title_justify="left")
    for column in ("frames", "", "stage", "p50 ms", "p99 ms"):
        table.add_column(column, justify="right" if column != "stage" else "left")
    if status is None:
        return table
    names = ("captured", "inferred", "published", "lost", "skipped")
    counts = {name: status.counters.get(name, 0) for name in names} | {"received": len(heard.poses)}
    stages = list(status.latency_ms.items())
    for i, (name, count) in enumerate(counts.items()):
        stage, values = stages[i] if i < len(stages) else ("", None)
        shown = ("", "") if values is None else (f"{values['p50']:.3f}", f"{values['p99']:.3f}")
        table.add_row(name, str(count), stage, *shown)
    onsets = sum(event.state == "on" for event in heard.events)
    median, p95 = np.nanpercentile(heard.errors_px, [50, 95]) if heard.errors_px else (np.nan, np.nan)
    also = "also those that are learnt or hardly pass a threshold; the result counts the scripted ones alone"
    table.caption = f"error against the truth: median {median:.2f} px, p95 {p95:.2f} px · events begun: {onsets}, {also}"
    return table
