"""Pictures of the demo: the overlay video and one HTML page that stands alone."""

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from demo_behaviour import CLASSES, Moves
from demo_verdict import late
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.messages import EventMessage, PoseMessage, StatusMessage
from tracker.point_colours import colour_of, hex_colour
from tracker.synthetic.scene import Scene
from tracker.viewer.composition import compose
from tracker.viewer.overlay import OverlaySettings
from trainer.video_files.writer import VideoWriter

VIDEO_HZ = 25.0
VIDEO_S = 12.0  # the first
TRAIL_FRAMES = 100
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#666666"
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;background:Canvas;color:CanvasText;
color-scheme:light dark}table{border-collapse:collapse}td,th{padding:.3rem .8rem;text-align:left;border-bottom:1px solid #8884}
td.n{text-align:right;font-variant-numeric:tabular-nums}img{max-width:100%;background:#fff;border-radius:4px}"""


class Onset(Protocol):
    """One scripted event and when it was seen."""

    @property
    def event(self) -> str: ...  # noqa: D102 - a protocol's field
    @property
    def frame(self) -> int: ...  # noqa: D102
    @property
    def error_ms(self) -> float | None: ...  # noqa: D102


def write_overlay(
    path: Path,
    *,
    scene: Scene,
    heard_poses: Mapping[int, PoseMessage],
    statuses: Sequence[StatusMessage],
    events: Sequence[EventMessage],
    rate_hz: float,
    frames: int,
) -> None:
    """Write the first seconds with everything a viewer shows, at real speed."""
    height, width = overlaid(scene, heard_poses, 0, statuses=statuses, events=events).shape[:2]
    every = max(1, round(rate_hz / VIDEO_HZ))
    with VideoWriter(path, rate=Fraction(rate_hz) / every, size=(height, width), drawn=True) as video:
        for number in range(0, min(frames, round(VIDEO_S * rate_hz)), every):
            video.write(overlaid(scene, heard_poses, number, statuses=statuses, events=events))


def overlaid(
    scene: Scene, poses: Mapping[int, PoseMessage], number: int, *, statuses: Sequence[StatusMessage], events: Sequence[EventMessage]
) -> Image:
    """One frame as a viewer shows it at that time."""
    latest: dict[str, EventMessage] = {event.event: event for event in events if event.frame <= number}
    trail = [poses[i] for i in range(number - TRAIL_FRAMES, number + 1) if i in poses]
    shown = [event for event in latest.values() if event.state == "on"]
    settings = OverlaySettings(confidence=0.3)
    status = status_at(number, statuses, poses)
    return compose(scene.render(number), pose=poses.get(number), status=status, events=shown, trail=trail, settings=settings)


def status_at(number: int, statuses: Sequence[StatusMessage], poses: Mapping[int, PoseMessage]) -> StatusMessage | None:
    """What was known when a frame was shown: the last status until then, with the frame's own counts of missing frames.

    Before the first status that was heard, that one stands in for names and zones.
    """
    tracking = [status for status in statuses if status.state == "tracking"]
    known = next((status for status in reversed(tracking) if status.frame <= number), tracking[0] if tracking else None)
    pose = next((poses[i] for i in range(number, -1, -1) if i in poses), None)
    if known is None:
        return None
    counts = {name: getattr(pose, name) if pose else 0 for name in ("lost", "skipped", "corrupt")}
    return replace(known, counters=known.counters | counts)


def write_report(
    path: Path,
    *,
    result: dict[str, Any],
    problems: Sequence[str],
    scene: Scene,
    poses: Mapping[int, PoseMessage],
    errors: NDArray[np.float64],
    total_ms: Sequence[float],
    onsets: Sequence[Onset],
    moves: Moves,
) -> None:
    """Write the page."""
    numbers = sorted(poses)
    pictures = {
        "Truth (white rings) and published key points (coloured)": _png(_worst_and_typical(scene, poses, errors)),
        "Error against the known truth": _figure(lambda axes: _error_curve(axes, errors, scene.point_names), (9, 3.6)),
        "Where the snout went": _figure(lambda axes: _path(axes, poses, scene), (6, 4.5)),
        "Frame received → message received in another process": _figure(lambda axes: _latency(axes, total_ms), (9, 3.2)),
        "Scripted events and when they were seen, by frame number": _figure(lambda axes: _timeline(axes, onsets, numbers), (9, 2.4)),
        "Learned behaviour: what the animal did by its script, and what was found live": _figure(
            lambda axes: _ethogram(axes, moves), (9, 1.8)
        ),
    }
    rows = "".join(f"<tr><th>{html.escape(key)}</th><td>{_cell(value)}</td></tr>" for key, value in result.items())
    body = "".join(
        f"<h2>{html.escape(title)}</h2><img alt='{html.escape(title)}' src='data:image/png;base64,{png}'>"
        for title, png in pictures.items()
    )
    failed = "".join(f"<p><b>Failed: {html.escape(problem)}</b></p>" for problem in problems)
    path.write_text(
        f"<!doctype html><meta charset=utf-8><title>rigtrack demo</title><style>{STYLE}</style><h1>rigtrack on the synthetic rig</h1>"
        f"<p>{_sentence(result)}</p>{failed}<table>{rows}</table>{body}"
        f"<h2>result.json</h2><pre>{html.escape(json.dumps(result, indent=2))}</pre>",
        encoding="utf-8",
    )


def _ethogram(axes: Axes, moves: Moves) -> None:
    """Two rows of coloured frames; frames in which the classifier warmed up, or that have no pose, stay white."""
    last = int(moves.numbers[-1]) + 1 if len(moves.numbers) else 1
    rows = np.full((2, last), np.nan)
    rows[:, moves.numbers] = [moves.true, moves.found]
    colours = ListedColormap(["#e4e4e4", "#0072b2", "#e69f00"])
    axes.imshow(rows, aspect="auto", interpolation="nearest", cmap=colours, vmin=-1.5, vmax=len(CLASSES) - 0.5)
    axes.set(xlabel="frame", yticks=[0, 1], yticklabels=["script", "found"])
    axes.legend(
        handles=[Patch(color=colours(place + 1), label=name) for place, name in enumerate(CLASSES)], loc="upper left", fontsize=8, ncols=2
    )


def _sentence(result: dict[str, Any]) -> str:
    frames, error, latency, events = (result[key] for key in ("frames", "error_px", "latency_ms", "events"))
    return (
        f"{frames['received']} of {frames['shown']} frames at {result['rate_hz']:g} a second arrived in another process as poses; "
        f"{frames['lost']} were lost by the camera and {frames['skipped']} skipped; the key points "
        f"are {error['median']:.2f} px (median; p95 {error['p95']:.2f} px) from the truth; a message arrives "
        f"{latency['total']['p50']:.2f} ms (median; p99 {latency['total']['p99']:.2f} ms) after its frame; "
        f"{events['seen']} of {events['expected']} scripted events were seen. {late(latency['total']['p99'], result['rate_hz'])}"
    )


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return " · ".join(f"{html.escape(str(key))} <b>{_cell(item)}</b>" for key, item in value.items())
    return html.escape(f"{value:g}" if isinstance(value, float) else str(value))


def _worst_and_typical(scene: Scene, poses: Mapping[int, PoseMessage], errors: NDArray[np.float64]) -> Image:
    """Six frames spread over the run and the two worst, truth as a white ring, the published point as one in its colour."""
    numbers = np.array(sorted(poses))
    worst = numbers[np.argsort(-np.nan_to_num(errors).max(axis=1))[:2]]
    spread = numbers[np.linspace(0, len(numbers) - 1, 6).astype(int)]
    tiles = [
        _ringed(scene, poses[int(number)], f"worst: frame {number}" if index >= 6 else "") for index, number in enumerate([*spread, *worst])
    ]
    return np.asarray(np.vstack([np.hstack(tiles[:4]), np.hstack(tiles[4:])]), np.uint8)


def _ringed(scene: Scene, pose: PoseMessage, note: str) -> Image:
    picture = np.asarray(cv2.cvtColor(scene.render(pose.frame), cv2.COLOR_GRAY2RGB), np.uint8)
    for x, y in scene.truth(pose.frame).points:
        cv2.circle(picture, (round(x * 16), round(y * 16)), 6 * 16, (255, 255, 255), 1, cv2.LINE_AA, 4)
    points = pose.animals[0].points if pose.animals else {}
    for index, name in enumerate(scene.point_names):
        x, y, _ = points.get(name, (None, None, None))
        if x is None or y is None:
            continue
        cv2.circle(picture, (round(x * 16), round(y * 16)), 3 * 16, colour_of(index), 2, cv2.LINE_AA, 4)
    return _around(picture, scene.truth(pose.frame).points.mean(axis=0), note or f"frame {pose.frame}")


def _around(picture: Image, centre: NDArray[np.float64], note: str) -> Image:
    """200x150 px about the animal, enlarged twice, with a line of text."""
    left, top = (int(value) for value in np.clip(centre - (100, 75), 0, (picture.shape[1] - 200, picture.shape[0] - 150)))
    tile = cv2.resize(picture[top : top + 150, left : left + 200], (400, 300), interpolation=cv2.INTER_CUBIC)
    cv2.putText(tile, note, (8, 290), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255, 255, 255), 1, cv2.LINE_AA)
    return np.asarray(tile, np.uint8)


def _error_curve(axes: Axes, errors: NDArray[np.float64], names: Sequence[str]) -> None:
    for index, name in enumerate(names):
        values = np.sort(errors[:, index][np.isfinite(errors[:, index])])
        axes.plot(values, np.linspace(0, 100, len(values)), label=name, color=hex_colour(index))
    axes.axvline(2, color=GREY, linestyle=":", label="2 px")
    axes.set(xlabel="error (px)", ylabel="% of frames", xlim=(0, max(4.0, float(np.nanpercentile(errors, 99)))), ylim=(0, 101))
    axes.legend(frameon=False)


def _path(axes: Axes, poses: Mapping[int, PoseMessage], scene: Scene) -> None:
    first = scene.point_names[0]
    found = np.array([poses[number].animals[0].points[first][:2] for number in sorted(poses) if poses[number].animals], np.float64)
    axes.imshow(scene.render(0), cmap="gray", vmin=0, vmax=255, alpha=0.5)
    axes.plot(found[:, 0], found[:, 1], color=hex_colour(0), linewidth=0.7)
    axes.set(xlabel="x (px)", ylabel="y (px)")


def _latency(axes: Axes, total_ms: Sequence[float]) -> None:
    values = np.asarray(total_ms)
    longest = float(np.percentile(values, 99.9)) * 1.15
    axes.hist(np.minimum(values, longest), bins=np.linspace(0, longest, 140).tolist(), color=BLUE)
    for share, style in ((50, "-"), (99, "--")):
        at = float(np.percentile(values, share))
        axes.axvline(at, color=ORANGE, linestyle=style, label=f"p{share} {at:.2f} ms")
    axes.set(xlabel="ms (the last bar holds everything longer)", ylabel="frames", xlim=(0, longest))
    axes.legend(frameon=False)


def _timeline(axes: Axes, onsets: Sequence[Onset], numbers: Sequence[int]) -> None:
    names = sorted({onset.event for onset in onsets})
    for onset in onsets:
        row = names.index(onset.event)
        axes.plot([onset.frame], [row], marker="|", markersize=22, color=GREY if onset.error_ms is not None else ORANGE, markeredgewidth=2)
        if onset.error_ms:
            axes.annotate(
                f"{onset.error_ms:+.0f} ms", (onset.frame, row), xytext=(0, 13), textcoords="offset points", fontsize=7, ha="center"
            )
    axes.set(yticks=range(len(names)), yticklabels=names, ylim=(-0.6, len(names) - 0.2), xlabel="frame", xlim=(0, max(numbers) + 1))


def _figure(plot: Any, size: tuple[float, float]) -> str:
    figure = Figure(figsize=size, layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    plot(axes)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return base64.b64encode(buffer.getvalue()).decode()


def _png(image: Image) -> str:
    return base64.b64encode(cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()).decode()
