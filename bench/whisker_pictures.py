"""What geometry says of wrong frames of the rendered whisker, and its pictures; `whisker.py` draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from whisker_touches import Touches

from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.formats.whisker_scene import whisker_geometry

BINS = 10
QUANTITIES = {  # of `WhiskerGeometry`
    "distance": "distance of the edges, px (below 0: touch)",
    "curvature": "curvature of the whisker, per px",
    "speed": "speed of the whisker at the pole, px per ms",
    "angle": "angle at the base, radians",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Frames of all trials after the warming up.

    Attributes:
        touch: bool (frames,), whether they touch.
        wrong: bool (frames,), whether the answer is the other.
        values: of each of `QUANTITIES`, float64 (frames,).
    """

    touch: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    values: dict[str, NDArray[np.float64]]

    def as_json(self) -> dict[str, Any]:
        """Medians of touches and of the others, rightly and wrongly decided; None where there is no such frame."""
        kinds = {"touch": self.touch, "none": ~self.touch}
        chosen = {f"{kind}_{how}": of & (self.wrong == (how == "wrong")) for kind, of in kinds.items() for how in ("right", "wrong")}
        return {
            "frames": {name: int(which.sum()) for name, which in chosen.items()},
            "medians": {
                quantity: {name: float(np.median(values[which])) if which.any() else None for name, which in chosen.items()}
                for quantity, values in self.values.items()
            },
        }


def frames_of(videos: Sequence[ScoredVideo], warming: int, *, seed: int) -> Frames:
    """What geometry says of every frame, and whether the answer is right.

    Raises:
        SystemExit: the set was rendered with another seed.
    """
    parts: dict[str, list[NDArray[np.float64]]] = {name: [] for name in QUANTITIES}
    touch, wrong = [], []
    for video in videos:
        geometry = whisker_geometry(seed=seed, number=int(video.name.removeprefix("trial")), frames=len(video.truth))
        if not np.array_equal(geometry.distance[warming:] < 0, video.true[warming:, 0]):
            raise SystemExit(f"the set in --out was not rendered with seed {seed}; give its own seed, or another folder")
        touch.append(video.true[warming:, 0])
        wrong.append((video.said != video.true)[warming:, 0])
        for name in QUANTITIES:
            parts[name].append(getattr(geometry, name)[warming:])
    return Frames(
        touch=np.concatenate(touch), wrong=np.concatenate(wrong), values={name: np.concatenate(each) for name, each in parts.items()}
    )


def plot_frames(found: Frames, path: Path) -> None:
    """The share of frames that are decided wrongly, against each quantity, in tenths of the frames."""
    figure = Figure(figsize=(7.4, 5.2), dpi=110, layout="constrained")
    for axes, (name, title) in zip(figure.subplots(2, 2, sharey=True).flat, QUANTITIES.items(), strict=True):
        for which, colour, marker, words in (
            (found.touch, "#0072B2", "o", "touches missed"),
            (~found.touch, "#D55E00", "s", "false touches"),
        ):
            values, wrong = found.values[name][which], found.wrong[which]
            if not len(values):
                continue
            edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)))
            of = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(0, len(edges) - 2))
            middles = [float(np.median(values[of == one])) for one in np.unique(of)]
            shares = [100 * float(wrong[of == one].mean()) for one in np.unique(of)]
            axes.plot(middles, shares, color=colour, marker=marker, markersize=4, linewidth=1.2, label=words)
        axes.set_xlabel(title)
    figure.supylabel("frames decided wrongly (%)", fontsize="medium")
    figure.axes[0].legend(frameon=False)
    figure.savefig(path)


def plot(found: Touches, path: Path) -> None:
    """Onset error of every touch against the whisker's speed; missed ones along the top."""
    figure = Figure(figsize=(7.2, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    spread = np.random.default_rng(0).uniform(-0.2, 0.2, len(found.onset_frames))
    axes.axhspan(-1.5, 1.5, color="#e8eef4", linewidth=0)
    axes.scatter(found.speed, found.onset_frames + spread, s=14, color="#0072B2", label="found")
    top = max(4.0, float(np.abs(found.onset_frames).max(initial=0)) + 2)
    axes.scatter(found.missed_speed, np.full(len(found.missed_speed), top), s=20, marker="x", color="#D55E00", label="missed")
    axes.set(xlabel="speed of the whisker at the touch, px per ms", ylabel="onset, found less true (frames)")
    figure.legend(frameon=False, loc="outside right upper")
    figure.savefig(path)
