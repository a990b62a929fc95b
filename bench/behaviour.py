"""Behaviour of two rats from poses: two videos left out at a time, three seeds, beside boosted trees, by frame and by bout.

Every fold and seed is kept in --out, and a run that was cut off goes on. Networks and trees are trained by the code of `trainer fit`. The
rule that makes bouts of aggression is chosen on the videos that validate, and scored through the rules that run live.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tracker.behaviour.behaviour import Behaviour
from tracker.behaviour.score import bouts_of_events, labels_of
from tracker.config_rules import ClassSource, EventConfig, Rule
from tracker.pose import Pose
from trainer.behaviour.body_axis import find_body_axis
from trainer.behaviour.boosted_trees import NAME
from trainer.behaviour.class_prior import without_class_weights
from trainer.behaviour.clips import UNJUDGED, Clips, clips_of, delayed_targets, targets_of
from trainer.behaviour.delay import on_own_frames
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour.features import BodyPlan
from trainer.behaviour.mirroring import mirroring_of
from trainer.behaviour.network import BehaviourPlan, PoseBehaviour
from trainer.behaviour.reference import answers_of, train_reference
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.temperature_and_thresholds import calibrate_answers
from trainer.behaviour.train import Prepared, train
from trainer.behaviour.video_table import PoseVideo, PoseVideos, divide, read_videos
from trainer.behaviour_scores.behaviour_score import BehaviourScore, always_the_commonest, score_behaviour
from trainer.behaviour_scores.bout_score import BoutScore, errors_ms, score_bouts
from trainer.behaviour_scores.intervals import compare_f1
from trainer.behaviour_scores.same_frames import silent_frames, without_frames
from trainer.behaviour_scores.scored_video import Decide, ScoredVideo
from trainer.ethogram.read_options import ReadOptions

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "rat_social"
FOLDS = (("1", "8"), ("12", "19"), ("24", "35"), ("46", "54"))
CLASS = "aggression"
MOST_FALSE = 0.5  # per true bout, on the videos that validate; the bar is 0.6 on those left out
ON, OFF = (0.4, 0.5, 0.6, 0.7, 0.8), (0.2, 0.3, 0.4)
MINIMUM_S, GAP_S = (0.2, 0.5, 1.0, 2.0), (0.25, 0.5, 1.0, 2.0)
FPS = 30.0
Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hysteresis:
    """A rule for bouts, in seconds."""

    on: float
    off: float
    minimum_s: float
    gap_s: float


def table_of(data: Path, out: Path) -> Path:
    """The table of the eight videos."""
    rows, data = ["video,poses,labels,fps"], data.absolute()  # the table stands in another folder, by which its paths would go
    for name in itertools.chain(*FOLDS):
        [poses] = (data / "tracks").glob(f"{name}DLC*.csv")
        rows.append(f"{name},{poses},{data / 'annotations' / f'{name}_annot.txt'},{FPS:g}")
    out.mkdir(parents=True, exist_ok=True)
    (out / "videos.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return out / "videos.csv"


def fold(whole: PoseVideos, left_out: tuple[str, str], out: Path, settings: Sequence[BehaviourSettings], *, with_trees: bool) -> None:
    """Train what is missing of one fold: all seeds and the trees; probabilities of the two videos and of those that validate are kept."""
    missing = [one for one in settings if not (out / f"seed-{one.seed}.npz").exists()]
    trees = out / "trees.npz"
    if not missing and (trees.exists() or not with_trees):
        return
    others = [video.name for video in whole.videos if video.name not in left_out]
    videos = divide(whole, DivisionAsked(test=left_out, validation=[others[-1]]))
    body = find_body_axis(divided_nowhere(whole), front=None, back=None, confidence=0.2).plan
    prepared, test = features(videos, body, settings[0], out.parent / "features.npz")
    for one in missing:
        tell(f"{out.name}: seed {one.seed}")
        keep_seed(out, videos, one, body, prepared, test)
    if with_trees and not trees.exists():
        reference = train_reference(
            videos, body, rule="f1", seed=0, say=tell, prepared=prepared, from_all=settings[0].members > 1, delay_ms=settings[0].delay_ms
        )
        keep(trees, {video.name: probabilities(video) for video in answers_of(reference, videos.of("test"))})


def features(videos: PoseVideos, body: BodyPlan, settings: BehaviourSettings, path: Path) -> tuple[Prepared, Clips]:
    """Of all videos, found once for all folds: what is learnt from, and the two left out."""
    mirroring = mirroring_of(videos.point_names, videos.class_names, settings)
    if not path.exists():
        tell("computing features")
        network = PoseBehaviour(BehaviourPlan(body=body, classes=1, exclusive=False, hidden=1))
        arrays: dict[str, Values] = {}
        of = clips_of(network, videos.videos, mirroring)
        for video, (seen, mirrored) in zip(videos.videos, of.variants, strict=True):
            arrays |= {f"{video.name} seen": seen.numpy(), f"{video.name} mirrored": mirrored.numpy()}
        keep(path, arrays)
    with np.load(path) as kept:
        parts = {}
        for part in ("train", "validation", "test"):
            of_part = videos.of(part)
            parts[part] = Clips(
                variants=tuple(tuple(torch.from_numpy(kept[f"{video.name} {how}"]) for how in ("seen", "mirrored")) for video in of_part),
                targets=tuple(torch.from_numpy(delayed_targets(video, exclusive=True, delay_ms=settings.delay_ms)) for video in of_part),
                exchanged=mirroring.exchanged(exclusive=True),
            )
    return Prepared(training=parts["train"], validation=parts["validation"]), parts["test"]


def divided_nowhere(whole: PoseVideos) -> PoseVideos:
    """All videos, to measure the body's axis on: which two points, and one length, which all folds share."""
    return replace(whole, videos=tuple(replace(video, part="train") for video in whole.videos))


def keep_seed(out: Path, videos: PoseVideos, settings: BehaviourSettings, body: BodyPlan, prepared: Prepared, left_out: Clips) -> None:
    """Train one seed and keep what it says."""
    trained = train(videos, body, settings, out / f"run-{settings.seed}", say=tell, prepared=prepared)
    trained, part = without_class_weights(trained)
    found = calibrate_answers(trained.network, trained.logits, trained.targets, rule="f1", warming_frames=0)
    clips = left_out.normalise(trained.network)
    arrays: dict[str, Values] = {}
    with torch.no_grad():
        for video, (seen, _) in zip(videos.of("test"), clips.variants, strict=True):
            answers = trained.network.probabilities(trained.network.logits(seen[None]))[0].numpy()
            arrays[video.name] = on_own_frames(answers, [video], settings.delay_ms)
        given = trained.network.probabilities(trained.logits).numpy()
    of = validating(videos, settings.members)
    arrays["validation"] = on_own_frames(given, of, settings.delay_ms)
    targets = np.concatenate([targets_of(video.marks, exclusive=True) for video in of])
    targets[np.isnan(arrays["validation"]).any(axis=1)] = UNJUDGED
    arrays |= {
        "targets": targets,
        "temperature": np.array([found.temperature], np.float32),
        "weights_out": np.array([part], np.float32),
    }
    arrays["validation_frames"] = np.array([len(video.poses) for video in of], np.float32)
    keep(out / f"seed-{settings.seed}.npz", arrays)


def validating(videos: PoseVideos, members: int) -> list[PoseVideo]:
    """The videos that validate, in the order of the kept logits."""
    if members == 1:
        return list(videos.of("validation"))
    pool = [*videos.of("train"), *videos.of("validation")]
    return [pool[place] for number in range(members) for place in range(number, len(pool), members)]


def keep(path: Path, arrays: dict[str, Values]) -> None:
    """All or nothing."""
    part = path.with_suffix(".part.npz")
    np.savez_compressed(part, **arrays)  # type: ignore[arg-type]
    part.replace(path)


def probabilities(video: ScoredVideo) -> Values:
    """Of a video that has some."""
    if video.probabilities is None:
        raise ValueError(f"{video.name} has no probabilities")
    return video.probabilities


def scored(whole: PoseVideos, found: dict[str, Values]) -> list[ScoredVideo]:
    """Every video with the likeliest class as the decision; frames without an answer are not scored."""
    decide = Decide(exclusive=True, thresholds=(0.5,) * len(whole.class_names))
    videos = [
        ScoredVideo(
            name=video.name,
            class_names=whole.class_names,
            truth=video.marks,
            said=decide.of(found[video.name]),
            probabilities=found[video.name],
            fps=FPS,
        )
        for video in whole.videos
        if video.name in found
    ]
    return without_frames(videos, silent_frames(videos))


def bouts(values: Values, rule: Hysteresis) -> NDArray[np.bool_]:
    """What the live rule finds, all frames at once."""
    above = values > rule.off
    edges = np.flatnonzero(np.diff(np.concatenate(([False], above, [False])).astype(np.int8))).reshape(-1, 2)
    said = np.zeros(len(values), np.bool_)
    merged: list[list[int]] = []
    for first, end in edges.tolist():
        if merged and (first - merged[-1][1]) / FPS <= rule.gap_s:
            merged[-1][1] = end
        else:
            merged.append([first, end])
    for first, end in merged:
        over = np.flatnonzero(values[first:end] > rule.on)
        if len(over) and (end - 1 - first - over[0]) / FPS >= rule.minimum_s:
            said[first + over[0] : end] = True
    return said


def choose(validation: list[ScoredVideo], place: int) -> tuple[Hysteresis, BoutScore]:
    """The rule with the best bouts on the videos that validate, of those with few false ones."""
    found = []
    for on, off, minimum_s, gap_s in itertools.product(ON, OFF, MINIMUM_S, GAP_S):
        rule = Hysteresis(on=on, off=off, minimum_s=minimum_s, gap_s=gap_s)
        if off < on:
            found.append((rule, bout_score(validation, place, rule)))
    few = [each for each in found if each[1].false_per_true <= MOST_FALSE]
    return max(few, key=lambda each: each[1].f1) if few else min(found, key=lambda each: each[1].false_per_true)


def bout_score(videos: Sequence[ScoredVideo], place: int, rule: Hysteresis) -> BoutScore:
    """Of one class by a rule."""
    return score_bouts([with_bouts(video, place, bouts(probabilities(video)[:, place], rule)) for video in videos], place)


def with_bouts(video: ScoredVideo, place: int, said: NDArray[np.bool_]) -> ScoredVideo:
    """The video with other decisions for one class."""
    whole = video.said.copy()
    whole[:, place] = said
    return video.saying(whole)


def live(video: ScoredVideo, place: int, rule: Hysteresis) -> ScoredVideo:
    """The same through the rules that run live."""
    item = EventConfig(
        event=CLASS,
        source=ClassSource(classifier="social", class_name=CLASS),
        rule=Rule(on=rule.on, off=rule.off, minimum_ms=rule.minimum_s * 1000, maximum_gap_ms=rule.gap_s * 1000, missing="end"),
    )
    subject = Behaviour((item,), (), point_names=(), animals=0, has_mm=False)
    times_ns = np.round(np.arange(len(video.truth)) * 1e9 / FPS).astype(np.int64)
    events = []
    for frame, value in enumerate(probabilities(video)[:, place].tolist()):
        pose = Pose(points=np.empty((0, 0, 3), np.float32), mm=None, scores={f"social.{CLASS}": value})
        events += subject.update(frame_number=frame, time_ns=int(times_ns[frame]), pose=pose, motion=None)
    marks = bouts_of_events(events, dict(enumerate(times_ns.tolist())), name=CLASS, animal=0, marks="bout")
    return with_bouts(video, place, labels_of(marks, times_ns))


def of_seed(whole: PoseVideos, out: Path, seed: int, members: int) -> dict[str, Any]:
    """All folds of one seed together."""
    found: dict[str, Values] = {}
    ruled: list[ScoredVideo] = []
    rules = []
    place = whole.class_names.index(CLASS)
    for number, left_out in enumerate(FOLDS):
        with np.load(out / f"fold-{number}" / f"seed-{seed}.npz") as kept:
            arrays = {name: kept[name] for name in kept.files}
        found |= {name: arrays[name] for name in left_out}
        others = [video.name for video in whole.videos if video.name not in left_out]
        videos = divide(whole, DivisionAsked(test=left_out, validation=[others[-1]]))
        ends = np.cumsum(arrays["validation_frames"].astype(int))[:-1]
        parts = np.split(arrays["validation"], ends)
        validation = scored(whole, {video.name: part for video, part in zip(validating(videos, members), parts, strict=True)})
        rule, on_validation = choose(validation, place)
        rules.append({**{name: getattr(rule, name) for name in rule.__slots__}, "validation_f1": on_validation.f1})
        ruled += [live(video, place, rule) for video in scored(whole, {name: arrays[name] for name in left_out})]
    return {"videos": scored(whole, found), "bouts": score_bouts(ruled, place), "rules": rules}


def row(score: BehaviourScore) -> dict[str, Any]:
    """The figures of one answer."""
    return {
        "macro_f1": score.macro_f1,
        "accuracy": score.accuracy,
        **{each.name: each.frames.f1 for each in score.classes},
        "ece": score.calibration.ece if score.calibration is not None else None,
    }


def bout_row(score: BoutScore) -> dict[str, Any]:
    """The figures of bouts of aggression."""
    return {"f1": score.f1, "detected": score.detected / score.true, "false_per_true": score.false_per_true} | {
        name: value for name, value in errors_ms(score.onset_ms, score.offset_ms).items() if "median" in name
    }


def tell(sentence: str) -> None:
    """Progress."""
    print(sentence, file=sys.stderr, flush=True)


def main() -> None:
    """Train what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "behaviour")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--members", type=int, default=6, help="networks that answer together (%(default)s)")
    parser.add_argument("--delay", type=float, default=0.0, help="how much later than a frame it is answered, in ms (%(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(len(FOLDS))), help="train these alone, and print no table")
    parser.add_argument("--no-trees", action="store_true", help="train no trees yet, and print no table")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    whole = read_videos(table_of(options.data, options.out), asked=ReadOptions(channel="S1"), left_out=["base"])
    settings = [
        BehaviourSettings(epochs=options.epochs, members=options.members, delay_ms=options.delay, seed=seed) for seed in options.seeds
    ]
    for number in options.folds:
        folder = options.out / f"fold-{number}"
        folder.mkdir(exist_ok=True)
        fold(whole, FOLDS[number], folder, settings, with_trees=not options.no_trees)
    if len(options.folds) < len(FOLDS) or options.no_trees:
        return
    answers = {f"seed {seed}": of_seed(whole, options.out, seed, options.members) for seed in options.seeds}
    trees: dict[str, Values] = {}
    for number in range(len(FOLDS)):
        with np.load(options.out / f"fold-{number}" / "trees.npz") as kept:
            trees |= {name: kept[name] for name in kept.files}
    boosted = scored(whole, trees)
    rows = {name: row(score_behaviour(name, each["videos"])) for name, each in answers.items()}
    rows["mean"] = {key: float(np.mean([rows[name][key] for name in answers])) for key in next(iter(rows.values()))}
    rows[NAME] = row(score_behaviour(NAME, boosted))
    rows["always the commonest"] = row(score_behaviour("always", always_the_commonest(boosted)))
    found = {
        "frames": rows,
        "aggression bouts": {name: bout_row(each["bouts"]) for name, each in answers.items()},
        "rules": {name: each["rules"] for name, each in answers.items()},
        "against": [said for name, each in answers.items() for said in compare_f1((NAME, name), boosted, each["videos"]).sentences],
    }
    bout_rows = found["aggression bouts"]
    bout_rows["mean"] = {key: float(np.mean([each[key] for each in bout_rows.values()])) for key in next(iter(bout_rows.values()))}
    if options.json:
        print(json.dumps(found))
        return
    for title in ("frames", "aggression bouts"):
        print(title)
        for name, cells in found[title].items():
            print(f"  {name:<22} " + "  ".join(f"{key} {value:.3f}" for key, value in cells.items() if value is not None))
    print("\n".join(found["against"]))


if __name__ == "__main__":
    main()
