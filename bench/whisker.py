"""A network of images on the rendered whisker and pole: are touches counted, and onsets found within a frame?

    python bench/whisker.py --out results/whisker [--seeds 1 2 3] [--trials 96] [--epochs 10]

For each seed: renders trials (`trainer synth --scene whisker`), trains as `trainer fit --task behaviour --region SIDE --follow pole` does
on the first half of them, chooses on the next eighth how found touches are cleaned, and scores the rest, which nothing has seen: touches,
onsets, and every error against how fast the whisker came; and frames that are decided wrongly against distance, curvature, speed and angle
of the whisker, which geometry knows exactly. Beside the network stand never a touch, a rule by hand and boosted trees, which are chosen on
the same trials; intervals are over held-out trials, drawn in pairs. Sets and trainings that are there are used again. `--only-rows` trains
no network: all that needs none, in seconds.
"""

import argparse
import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Console
from whisker_pictures import Frames, frames_of, plot, plot_frames
from whisker_rule import answers_of_rule, choose_rule
from whisker_touches import ONSETS, WRONG, Interval, Touches, differences, intervals, together, touches_by_trial, warming_of

from tracker.bundle import read_bundle
from trainer.behaviour.answers import decisions_of
from trainer.behaviour.boosted_trees import NAME, missing_library
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour_scores.behaviour_score import Cleaning, always_the_commonest, clean, score_behaviour
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.ethogram.read_options import ReadOptions
from trainer.formats.write_whisker_set import POLE, TABLE_FILE, write_whisker_set
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.image_reference import answers_to_images, train_image_reference
from trainer.image_behaviour.image_request import ImageRequest
from trainer.image_behaviour.image_videos import ImageVideos, divide
from trainer.image_behaviour.make_image_bundle import make_image_bundle
from trainer.image_behaviour.read_images import read_image_videos
from trainer.image_behaviour.region import RegionAsked
from trainer.image_behaviour.settings import ImageSettings

NETWORK, RULE_ROW, TRIVIAL = "network", "the rule", "always the commonest"
COMPARED = ((TRIVIAL, RULE_ROW), (RULE_ROW, NAME), (RULE_ROW, NETWORK), (NAME, NETWORK))
CLEANINGS = tuple(Cleaning(minimum_ms=minimum, gap_ms=gap) for minimum, gap in itertools.product((0, 2, 3, 5), (0, 1, 2, 4, 8)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """Of the trials that validate, and of those that are held out."""

    validation: list[ScoredVideo]
    held_out: list[ScoredVideo]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One answer to the held-out trials of one seed, or of several.

    Attributes:
        videos: as they were cleaned, not scored while the network warms up.
        trials: touches of each, cleaned.
        raw: the same as they were decided.
        cleanings: one for each seed.
    """

    videos: list[ScoredVideo]
    trials: list[Touches]
    raw: list[Touches]
    cleanings: list[Cleaning]

    @property
    def intervals(self) -> dict[str, Interval]:
        """Of the touches."""
        return intervals(self.trials)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        whole, raw = together(self.trials), together(self.raw)
        counts = {"touches": whole.true, "missed": whole.missed, "false": whole.false, "onsets_in_time": whole.in_time}
        return counts | {
            "errors_per_touch": whole.errors_per_touch,
            "onsets_within_one_frame": whole.within_a_frame,
            "onset_median_frames": float(np.median(whole.onset_frames)) if whole.matched else None,
            "errors_per_touch_raw": raw.errors_per_touch,
            "onsets_within_one_frame_raw": raw.within_a_frame,
            "frame_f1": score_behaviour("", self.videos).classes[0].frames.f1,
            "intervals": {name: asdict(each) for name, each in self.intervals.items()},
            "cleanings": [asdict(each) for each in self.cleanings],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """What was found of one seed; no frames without a network."""

    rows: dict[str, Row]
    frames: Frames | None


def parts(trials: int) -> tuple[list[str], list[str]]:
    """The trials that validate, and those that are held out; the rest is learnt from."""
    names = [f"trial{number:04d}" for number in range(trials)]
    learnt, validated = max(1, trials // 2), max(1, trials // 8)
    return names[learnt : learnt + validated], names[learnt + validated :]


def settings_of(options: argparse.Namespace, seed: int) -> ImageSettings:
    """Of one training."""
    return ImageSettings(
        epochs=options.epochs,
        patience=options.epochs,
        lags=tuple(options.lags),
        memory=options.memory,
        contrast=options.contrast,
        batch=32,
        mirror=False,
        shift=0.025,
        seed=seed,
    )


def of_seed(options: argparse.Namespace, seed: int, talk: Console) -> Seed:
    """Render, train, let each answer, choose its cleaning, count."""
    folder = options.out / f"seed-{seed}"
    table, region = folder / "set" / TABLE_FILE, RegionAsked(side=options.side, follow=POLE)
    validation, held_out = parts(options.trials)
    if not table.exists():
        write_whisker_set(table.parent, count=options.trials * options.trial_frames, seed=seed, trial_frames=options.trial_frames)
    asked = ImageRequest(
        data=table,
        out=folder / "-".join(["bundle", f"{options.epochs}-epochs"] + ["contrast"] * options.contrast),
        region=region,
        settings=settings_of(options, seed),
        asked=ReadOptions(),
        division=DivisionAsked(test=tuple(held_out), validation=tuple(validation)),
        proved_frames=options.proof,
        reference=False,
    )
    whole = divide(read_image_videos(table, region, asked=ReadOptions(), classes=ClassesAsked()), asked.division)
    answers = answers_of_all(whole, asked.settings)
    if not options.only_rows:
        answers[NETWORK] = answers_of_network(whole, asked, talk)
    warming = max(options.lags, default=0) if options.only_rows else max(warming_of(answers[NETWORK].held_out))
    rows = {name: row(answer, table.parent, warming) for name, answer in answers.items()}
    return Seed(rows=rows, frames=frames_of(rows[NETWORK].videos, warming, seed=seed) if NETWORK in rows else None)


def answers_of_all(whole: ImageVideos, settings: ImageSettings) -> dict[str, Parted]:
    """What is answered without a network: the commonest, the rule by hand, and the trees where their library is."""
    blank = Parted(validation=unanswered(whole, "validation"), held_out=unanswered(whole, "test"))
    rule = choose_rule(whole.of("train"))
    found = {TRIVIAL: Parted(validation=always_the_commonest(blank.validation), held_out=always_the_commonest(blank.held_out))}
    found[RULE_ROW] = Parted(
        validation=answers_of_rule(rule, whole.of("validation"), blank.validation),
        held_out=answers_of_rule(rule, whole.of("test"), blank.held_out),
    )
    if missing_library() is None:
        trees = train_image_reference(whole, settings, say=lambda _: None)
        found[NAME] = Parted(
            validation=answers_to_images(trees, whole.of("validation")), held_out=answers_to_images(trees, whole.of("test"))
        )
    return found


def answers_of_network(whole: ImageVideos, asked: ImageRequest, talk: Console) -> Parted:
    """What the bundle says, by the step that a rig runs; it is trained first where it is not there."""
    if not (asked.out / "bundle.json").exists():
        talk.print(make_image_bundle(asked, talk).sentence)
    bundle = read_bundle(asked.out)
    return Parted(
        validation=decisions_of(bundle, whole.of("validation"), say=lambda _: None),
        held_out=decisions_of(bundle, whole.of("test"), say=lambda _: None),
    )


def unanswered(whole: ImageVideos, part: Literal["validation", "test"]) -> list[ScoredVideo]:
    """The trials of a part with nothing found."""
    return [
        ScoredVideo(
            name=video.name,
            class_names=whole.class_names,
            truth=video.marks,
            said=np.zeros(video.marks.shape, np.bool_),
            probabilities=None,
            fps=video.fps,
        )
        for video in whole.of(part)
    ]


def row(answer: Parted, folder: Path, warming: int) -> Row:
    """Choose the cleaning on the trials that validate, and count on those that are held out."""
    cleaning = best_cleaning(answer.validation, folder, warming)
    cleaned = clean(answer.held_out, cleaning)
    return Row(
        videos=[video.without(np.arange(len(video.truth)) < warming) for video in cleaned],
        trials=count(cleaned, folder, warming),
        raw=count(answer.held_out, folder, warming),
        cleanings=[cleaning],
    )


def count(videos: Sequence[ScoredVideo], folder: Path, warming: int) -> list[Touches]:
    """Touches of each trial of a set."""
    return touches_by_trial(videos, [np.load(folder / f"{video.name}-speed.npy") for video in videos], warming)


def best_cleaning(validation: Sequence[ScoredVideo], folder: Path, warming: int) -> Cleaning:
    """The one with the fewest errors for each touch, then with the most onsets within a frame; of equals the mildest."""

    def worth(cleaning: Cleaning) -> tuple[float, float]:
        found = together(count(clean(validation, cleaning), folder, warming))
        return -found.errors_per_touch, found.within_a_frame

    return max(CLEANINGS, key=worth)


def joined(rows: Sequence[Row]) -> Row:
    """The same answer to several sets."""
    return Row(
        videos=[video for each in rows for video in each.videos],
        trials=[trial for each in rows for trial in each.trials],
        raw=[trial for each in rows for trial in each.raw],
        cleanings=[cleaning for each in rows for cleaning in each.cleanings],
    )


def compared(rows: dict[str, Row]) -> dict[str, dict[str, Interval]]:
    """The second of each pair less the first, over the same trials."""
    there = [pair for pair in COMPARED if set(pair) <= set(rows)]
    return {f"{second} less {first}": differences(rows[first].trials, rows[second].trials) for first, second in there}


def main() -> None:
    """Print a table for each seed and for all together, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "whisker")
    parser.add_argument("--trials", type=int, default=96)
    parser.add_argument("--trial-frames", type=int, default=250, help="of each trial (%(default)s)")
    parser.add_argument("--side", type=int, default=41, help="of the square around the pole, px (%(default)s)")
    parser.add_argument("--proof", type=int, default=500, help="frames carried beside torch, at most (%(default)s)")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--memory", type=int, default=0)
    parser.add_argument("--lags", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--contrast", action="store_true", help="bring every image to one mean and deviation")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--only-rows", action="store_true", help="train no network")
    parser.add_argument("--picture", type=Path, help="of error against speed, all seeds (speed.png in --out)")
    parser.add_argument("--frames-picture", type=Path, help="of wrong frames against geometry, first seed (frames.png in --out)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    talk = Console(stderr=True, soft_wrap=True)
    seeds = {f"seed {seed}": of_seed(options, seed, talk) for seed in options.seeds}
    frames = seeds[f"seed {options.seeds[0]}"].frames
    tables = {name: seed.rows for name, seed in seeds.items()}
    names = tables[f"seed {options.seeds[0]}"]
    tables["all"] = {name: joined([rows[name] for rows in tables.values()]) for name in names}
    if frames is not None:
        plot(together(tables["all"][NETWORK].trials), options.picture or options.out / "speed.png")
        plot_frames(frames, options.frames_picture or options.out / "frames.png")
    if options.json:
        print(json.dumps(as_json(tables, frames)))
        return
    for title, rows in tables.items():
        print("\n".join([title, *sentences(rows)]))


def as_json(tables: dict[str, dict[str, Row]], frames: Frames | None) -> dict[str, Any]:
    """For programs."""
    found: dict[str, Any] = {
        title: {
            "trials": len(rows[TRIVIAL].trials),
            "rows": {name: each.as_json() for name, each in rows.items()},
            "differences": {pair: {name: asdict(each) for name, each in of.items()} for pair, of in compared(rows).items()},
        }
        for title, rows in tables.items()
    }
    return found | (frames.as_json() if frames is not None else {})


def sentences(rows: dict[str, Row]) -> list[str]:
    """A table for people: figures with their 95 % intervals over trials, and differences."""
    said = []
    for name, each in rows.items():
        figures, found = each.as_json(), each.intervals
        chosen = " ".join(f"{one.minimum_ms:g}/{one.gap_ms:g}" for one in each.cleanings)
        said.append(
            f"  {name:<22} of {figures['touches']} touches {figures['missed']} missed, {figures['false']} not there; {WRONG} "
            f"{found[WRONG].words}; {ONSETS} {found[ONSETS].words}; F1 by frame {figures['frame_f1']:.3f}; "
            f"raw {figures['errors_per_touch_raw']:.3f}, {figures['onsets_within_one_frame_raw']:.3f}; cleaned with {chosen} ms"
        )
    said += [f"  {pair}: " + "; ".join(f"{name} {each.words}" for name, each in of.items()) for pair, of in compared(rows).items()]
    return said


if __name__ == "__main__":
    main()
