"""What the demo expects of a run: the scripted events, how those that were heard match them, and what went wrong, with its cause."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from demo_behaviour import LEAST_F1
from demo_tracking import LATEST_FRAMES, Frames, Heard, Run, talk
from msgspec.structs import replace

from tracker.behaviour.behaviour import Behaviour
from tracker.config_rules import ClassSource, EventConfig, SpeedSource
from tracker.pose import Pose

LARGEST_MEDIAN_PX = 2.0
LARGEST_TAIL = 0.01  # of the frames: a camera that is read late at its end has no next frame to tell what was lost
CLEAR = 1.05  # times its threshold: a speed that passes it by less is not looked for
ONSET_TOLERANCE_FRAMES = 25  # an event seen further from its script than this is another event


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """One scripted event and when it was seen, if it was."""

    event: str
    frame: int
    error_ms: float | None


def scripted(run: Run) -> dict[str, list[int]]:
    """Onset frames of every event, from the same rules run over the exact truth; no speed that hardly passes its threshold."""
    ruled = tuple(event for event in run.config.behaviour if not isinstance(event.source, ClassSource))  # what is learnt is not certain
    plain, clear = _onsets(run, ruled), _onsets(run, tuple(_harder(event) for event in ruled))
    return {
        name: [frame for frame in frames if any(abs(frame - other) <= ONSET_TOLERANCE_FRAMES for other in clear[name])]
        for name, frames in plain.items()
    }


def _onsets(run: Run, ruled: tuple[EventConfig, ...]) -> dict[str, list[int]]:
    """Onset frames of every event over the exact truth."""
    config, scene = run.config, run.scene
    behaviour = Behaviour(ruled, config.zones, point_names=scene.point_names, animals=1, has_mm=False)
    onsets: dict[str, list[int]] = {event.event: [] for event in ruled}
    for number in range(run.frames):
        truth = np.column_stack((scene.truth(number).points, np.ones(len(scene.point_names))))
        pose = Pose(points=truth[None].astype(np.float32), mm=None)
        for event in behaviour.update(frame_number=number, time_ns=round(number * 1e9 / run.rate_hz), pose=pose, motion=None):
            if event.state == "on":
                onsets[event.name].append(event.onset_frame)
    return onsets


def _harder(event: EventConfig) -> EventConfig:
    """The event with a threshold of speed that a third of a pixel of error does not decide."""
    if not isinstance(event.source, SpeedSource) or event.rule.when != "above":
        return event
    return replace(event, rule=replace(event.rule, on=CLEAR * event.rule.on))


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


def cut_short(heard: Heard) -> list[str]:
    """Why events ended that no rule ended, the end of the run aside."""
    return [event.reason for event in heard.events if event.state == "off" and event.reason not in ("rule", "missing", "stopping")]


def late(total_p99_ms: float, rate_hz: float) -> str:
    """What it means that messages came later than the rate was chosen for, with the likely cause; empty where they did not.

    Args:
        total_p99_ms: 99th percentile of the time from a frame to its message.
        rate_hz: of the camera.
    """
    interval_ms = 1000 / rate_hz
    if not total_p99_ms > LATEST_FRAMES * interval_ms:
        return ""
    return (
        f"One message in a hundred came {total_p99_ms:.0f} ms or more after its frame, where the next frame comes after {interval_ms:.0f} "
        "ms. Errors and events here go by frame numbers, so they do not show it; a closed loop would have acted so late. Most likely other "
        "programs kept this machine busy: close them and run the demo again."
    )


def verdict(frames: Frames, onsets: list[Onset], heard: Heard, *, live_px: float, held_out_px: float, moves_f1: float) -> list[str]:
    """One sentence for each failure, with its cause; none if every frame is explained, the error small and every event seen."""
    problems = []
    if not live_px <= LARGEST_MEDIAN_PX:
        learnt = held_out_px <= LARGEST_MEDIAN_PX
        cause = "tracking: the network was better in training" if learnt else "training accuracy: the network did not learn enough"
        problems.append(
            f"{cause}; the median error is {live_px:.2f} px live and {held_out_px:.2f} px on held-out frames; "
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
    if not moves_f1 >= LEAST_F1:
        problems.append(
            f"learned behaviour: macro-F1 is {moves_f1:.2f} over the frames of the run; expected at least {LEAST_F1}; delete the folder "
            "and run the demo again"
        )
    return problems


def print_end(out: Path, problems: Sequence[str], *, late: str = "") -> None:
    """Say last of all whether it passed and where everything is, on stderr; before that, what `late` found."""
    if late:
        talk.print(f"demo: {late}", style="yellow", markup=False, soft_wrap=True)
    for problem in problems:
        talk.print(f"demo: {problem}", style="red", markup=False, soft_wrap=True)
    word, colour = ("failed", "red") if problems else ("passed", "green")
    talk.print(f"demo: {word}", style=colour, markup=False)
    for what, name in (("report", "report.html"), ("video", "overlay.mp4"), ("figures", "result.json"), ("bundle", "model")):
        talk.print(f"  {what:8}{out / name}", markup=False, highlight=False, soft_wrap=True)
