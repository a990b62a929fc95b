"""A network of images on the rendered whisker and pole: are touches counted, and onsets found within a frame?

    python bench/whisker.py --out results/whisker [--trials 96] [--epochs 10]

Renders trials (`trainer synth --scene whisker`), trains as `trainer fit --task behaviour --region SIDE --follow pole` does on the first
half of them, chooses on the next eighth how found touches are cleaned, and scores the rest, which nothing has seen: touches, onsets, and
every error against how fast the whisker came; and frames that are decided wrongly against distance, curvature, speed and angle of the
whisker, which geometry knows exactly. A set and a training that are there are used again.
"""

import argparse
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console

from tracker.behaviour.score import bouts_of_labels, pair_bouts
from tracker.bundle import read_bundle
from trainer.behaviour.answers import decisions_of
from trainer.behaviour.boosted_trees import missing_library
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour_scores.behaviour_score import Cleaning, clean, score_behaviour
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.ethogram.read_options import ReadOptions
from trainer.formats.whisker_scene import whisker_geometry
from trainer.formats.write_whisker_set import POLE, TABLE_FILE, write_whisker_set
from trainer.image_behaviour.image_reference import answers_to_images, read_image_reference
from trainer.image_behaviour.image_request import ImageRequest
from trainer.image_behaviour.image_videos import ImageVideo
from trainer.image_behaviour.make_image_bundle import make_image_bundle
from trainer.image_behaviour.read_images import ClassesAsked, read_image_videos
from trainer.image_behaviour.region import RegionAsked
from trainer.image_behaviour.settings import ImageSettings

MS_NS = 1_000_000
BINS = 10
QUANTITIES = {  # of `WhiskerGeometry`
    "distance": "distance of the edges, px (below 0: touch)",
    "curvature": "curvature of the whisker, per px",
    "speed": "speed of the whisker at the pole, px per ms",
    "angle": "angle at the base, radians",
}
CLEANINGS = tuple(Cleaning(minimum_ms=minimum, gap_ms=gap) for minimum, gap in itertools.product((0, 2, 3, 5), (0, 1, 2, 4, 8)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Touches:
    """Touches of the trials that were held out.

    Attributes:
        true, found: how many.
        matched: pairs.
        onset_frames: int64 (matched,), found less true.
        speed: float64 (matched,), px per ms at the true onset.
        missed_speed: float64 (missed,), of touches that were not found.
    """

    true: int
    found: int
    matched: int
    onset_frames: NDArray[np.int64]
    speed: NDArray[np.float64]
    missed_speed: NDArray[np.float64]

    @property
    def errors_per_touch(self) -> float:
        """Touches that were missed, and those that were not there, for each true one."""
        return (self.true - self.matched + self.found - self.matched) / max(1, self.true)

    @property
    def within_a_frame(self) -> float:
        """Share of true touches whose onset was found within one frame."""
        return float((np.abs(self.onset_frames) <= 1).sum()) / max(1, self.true)


def touches(videos: Sequence[ScoredVideo], folder: Path, warming: Sequence[int]) -> Touches:
    """Count over trials; touches that begin before the network sees enough have no onset and are left out, as is what is found there.

    Args:
        videos: the trials.
        folder: of the set.
        warming: of each trial, frames at the beginning for which there is no answer.
    """
    counts = np.zeros(3, int)
    onsets, speeds, missed = [], [], []
    for video, warm in zip(videos, warming, strict=True):
        times_ns = np.arange(len(video.truth), dtype=np.int64) * MS_NS
        speed = np.load(folder / f"{video.name}-speed.npy")
        true = bouts_of_labels(video.true[:, 0], times_ns)
        found = bouts_of_labels(video.said[:, 0], times_ns)
        begins = true[:, 0] < max(1, warm) * MS_NS
        found = found[~np.array([bool((one[0] < true[begins, 1]).any()) for one in found], np.bool_)] if len(found) else found
        true = true[~begins]
        pairs = pair_bouts(found, true)
        counts += (len(true), len(found), len(pairs))
        first = (true[:, 0] // MS_NS).astype(int)
        for one, other in pairs:
            onsets.append(int((found[one, 0] - true[other, 0]) // MS_NS))
            speeds.append(float(speed[first[other]]))
        unseen = sorted(set(range(len(true))) - {int(other) for _, other in pairs})
        missed += [float(speed[first[place]]) for place in unseen]
    return Touches(
        true=int(counts[0]),
        found=int(counts[1]),
        matched=int(counts[2]),
        onset_frames=np.array(onsets, np.int64),
        speed=np.array(speeds),
        missed_speed=np.array(missed),
    )


def warming_of(videos: Sequence[ScoredVideo]) -> list[int]:
    """Of each trial, frames at the beginning for which there is no answer; of raw answers, for cleaned ones have no probabilities."""
    return [0 if video.probabilities is None else int(np.isnan(video.probabilities[:, 0]).sum()) for video in videos]


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


def frames_of(videos: Sequence[ScoredVideo], warming: Sequence[int], *, seed: int) -> Frames:
    """What geometry says of every frame, and whether the answer is right.

    Raises:
        SystemExit: the set was rendered with another seed.
    """
    parts: dict[str, list[NDArray[np.float64]]] = {name: [] for name in QUANTITIES}
    touch, wrong = [], []
    for video, warm in zip(videos, warming, strict=True):
        geometry = whisker_geometry(seed=seed, number=int(video.name.removeprefix("trial")), frames=len(video.truth))
        if not np.array_equal(geometry.distance < 0, video.true[:, 0]):
            raise SystemExit(f"the set in --out was not rendered with --seed {seed}; give its own seed, or another folder")
        touch.append(video.true[warm:, 0])
        wrong.append((video.said != video.true)[warm:, 0])
        for name in QUANTITIES:
            parts[name].append(getattr(geometry, name)[warm:])
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


def parts(trials: int) -> tuple[list[str], list[str]]:
    """The trials that validate, and those that are held out; the rest is learnt from."""
    names = [f"trial{number:04d}" for number in range(trials)]
    learnt, validated = max(1, trials // 2), max(1, trials // 8)
    return names[learnt : learnt + validated], names[learnt + validated :]


def main() -> None:
    """Render, train, choose the cleaning, score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "whisker")
    parser.add_argument("--trials", type=int, default=96)
    parser.add_argument("--trial-frames", type=int, default=250, help="of each trial (%(default)s)")
    parser.add_argument("--side", type=int, default=41, help="of the square around the pole, px (%(default)s)")
    parser.add_argument("--proof", type=int, default=500, help="frames carried beside torch, at most (%(default)s)")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--memory", type=int, default=0)
    parser.add_argument("--lags", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--picture", type=Path, help="of error against speed (speed.png in --out)")
    parser.add_argument("--frames-picture", type=Path, help="of wrong frames against geometry (frames.png in --out)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    talk = Console(stderr=True, soft_wrap=True)
    data, bundle = options.out / "set", options.out / "bundle"
    table = data / TABLE_FILE
    validation, held_out = parts(options.trials)
    if not table.exists():
        write_whisker_set(data, count=options.trials * options.trial_frames, seed=options.seed, trial_frames=options.trial_frames)
    region = RegionAsked(side=options.side, follow=POLE)
    if not (bundle / "bundle.json").exists():
        settings = ImageSettings(
            epochs=options.epochs,
            patience=options.epochs,
            lags=tuple(options.lags),
            memory=options.memory,
            batch=32,
            mirror=False,
            shift=0.025,
            seed=options.seed,
        )
        asked = ImageRequest(
            data=table,
            out=bundle,
            region=region,
            settings=settings,
            asked=ReadOptions(),
            division=DivisionAsked(test=tuple(held_out), validation=tuple(validation)),
            proved_frames=options.proof,
        )
        talk.print(make_image_bundle(asked, talk).sentence)
    videos = read_image_videos(table, region, asked=ReadOptions(), classes=ClassesAsked()).videos
    cleaning = best_cleaning(answers(bundle, videos, validation), data)
    judged = answers(bundle, videos, held_out)
    warming, cleaned = warming_of(judged), clean(judged, cleaning)
    raw, found = touches(judged, data, warming), touches(cleaned, data, warming)
    plot(found, options.picture or options.out / "speed.png")
    frames = frames_of(cleaned, warming, seed=options.seed)
    plot_frames(frames, options.frames_picture or options.out / "frames.png")
    row: dict[str, Any] = {
        "trials": len(judged),
        "touches": found.true,
        "errors_per_touch": found.errors_per_touch,
        "onsets_within_one_frame": found.within_a_frame,
        "onset_median_frames": float(np.median(found.onset_frames)) if found.matched else float("nan"),
        "minimum_ms": cleaning.minimum_ms,
        "gap_ms": cleaning.gap_ms,
        "errors_per_touch_raw": raw.errors_per_touch,
        "onsets_within_one_frame_raw": raw.within_a_frame,
        "frame_f1": score_behaviour("network", without_warming(judged, warming)).classes[0].frames.f1,
    }
    row |= of_trees(bundle, videos, validation, held_out, warming, data)
    if options.json:
        print(json.dumps(row | frames.as_json()))
        return
    print("\n".join(f"{name:<28} {value:.3f}" for name, value in row.items()))
    kept = frames.as_json()
    for quantity, medians in {"frames": kept["frames"], **kept["medians"]}.items():
        print(
            f"{quantity:<28} " + "  ".join(f"{name} {value if value is None else format(value, '.4g')}" for name, value in medians.items())
        )


def of_trees(
    bundle: Path,
    videos: Sequence[ImageVideo],
    validation: Sequence[str],
    held_out: Sequence[str],
    warming: Sequence[int],
    data: Path,
) -> dict[str, float]:
    """The same of the trees beside the bundle, their cleaning chosen as the network's; nothing where there are none."""
    trees = read_image_reference(bundle)
    if trees is None or missing_library() is not None:
        return {}
    cleaning = best_cleaning(answers_to_images(trees, [video for video in videos if video.name in validation]), data)
    said = answers_to_images(trees, [video for video in videos if video.name in held_out])
    found = touches(clean(said, cleaning), data, warming)
    return {
        "trees_errors_per_touch": found.errors_per_touch,
        "trees_onsets_within_one_frame": found.within_a_frame,
        "trees_frame_f1": score_behaviour("trees", without_warming(said, warming)).classes[0].frames.f1,
    }


def without_warming(videos: Sequence[ScoredVideo], warming: Sequence[int]) -> list[ScoredVideo]:
    """The same trials, not scored while the network warms up."""
    return [video.without(np.arange(len(video.truth)) < warm) for video, warm in zip(videos, warming, strict=True)]


def answers(bundle: Path, videos: Sequence[ImageVideo], names: Sequence[str]) -> list[ScoredVideo]:
    """What the bundle says of these trials, by the step that a rig runs."""
    return decisions_of(read_bundle(bundle), [video for video in videos if video.name in names], say=lambda _: None)


def best_cleaning(validation: list[ScoredVideo], folder: Path) -> Cleaning:
    """The one with the fewest errors for each touch, then with the most onsets within a frame; of equals the mildest."""

    warming = warming_of(validation)

    def worth(cleaning: Cleaning) -> tuple[float, float]:
        found = touches(clean(validation, cleaning), folder, warming)
        return -found.errors_per_touch, found.within_a_frame

    return max(CLEANINGS, key=worth)


if __name__ == "__main__":
    main()
