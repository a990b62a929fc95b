"""Behaviour of two rats from poses: two videos left out at a time, three seeds, beside boosted trees, by frame and by bout.

Every fold and seed is kept in --out, and a run that was cut off goes on. Networks and trees are trained by the code of `trainer fit`. The
rule that makes bouts of aggression is chosen on the videos that validate, and scored through the rules that run live. Beside them stand the
commonest class and a rule by hand (`--only-rows`: these alone, in a minute; `--only-trees`: these and the trees).
"""

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from behaviour_bouts import CLASS, FPS, Hysteresis, choose, live, probabilities
from behaviour_rule import SocialRule, answers_of_rule, choose_rule
from numpy.typing import NDArray

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
from trainer.behaviour_scores.scored_answers import TRIVIAL
from trainer.behaviour_scores.scored_video import Decide, ScoredVideo
from trainer.ethogram.read_options import ReadOptions

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "rat_social"
FOLDS = (("1", "8"), ("12", "19"), ("24", "35"), ("46", "54"))
RULE_ROW = "the rule by hand"
Values = NDArray[np.float32]


def table_of(data: Path, out: Path) -> Path:
    """The table of the eight videos."""
    rows, data = ["video,poses,labels,fps"], data.absolute()  # the table stands in another folder, by which its paths would go
    for name in itertools.chain(*FOLDS):
        [poses] = (data / "tracks").glob(f"{name}DLC*.csv")
        rows.append(f"{name},{poses},{data / 'annotations' / f'{name}_annot.txt'},{FPS:g}")
    out.mkdir(parents=True, exist_ok=True)
    (out / "videos.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return out / "videos.csv"


def fold(
    whole: PoseVideos, left_out: tuple[str, str], out: Path, asked: BehaviourSettings, *, seeds: Sequence[int], with_trees: bool
) -> None:
    """Train what is missing of one fold: all seeds and the trees; probabilities of the two videos and of those that validate are kept."""
    missing = [replace(asked, seed=seed) for seed in seeds if not (out / f"seed-{seed}.npz").exists()]
    trees = out / "trees.npz"
    if not missing and (trees.exists() or not with_trees):
        return
    others = [video.name for video in whole.videos if video.name not in left_out]
    videos = divide(whole, DivisionAsked(test=left_out, validation=[others[-1]]))
    body = find_body_axis(divided_nowhere(whole), front=None, back=None, confidence=0.2).plan
    prepared, test = features(videos, body, asked, out.parent / "features.npz")
    for one in missing:
        tell(f"{out.name}: seed {one.seed}")
        keep_seed(out, videos, one, body, prepared, test)
    if with_trees and not trees.exists():
        reference = train_reference(
            videos, body, rule="f1", seed=0, say=tell, prepared=prepared, from_all=asked.members > 1, delay_ms=asked.delay_ms
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
        rules.append({**plain(rule), "validation_f1": on_validation.f1})
        ruled += [live(video, place, rule) for video in scored(whole, {name: arrays[name] for name in left_out})]
    return {"videos": scored(whole, found), "bouts": score_bouts(ruled, place), "rules": rules}


def of_rule(whole: PoseVideos) -> dict[str, Any]:
    """All folds of the rule by hand: its numbers, and those that make bouts of it, are chosen on the six videos that are not left out."""
    found: dict[str, Values] = {}
    ruled: list[ScoredVideo] = []
    rules = []
    place = whole.class_names.index(CLASS)
    for left_out in FOLDS:
        by_hand = choose_rule([video for video in whole.videos if video.name not in left_out], whole.class_names)
        answers = {video.name: answers_of_rule(by_hand, video, whole.class_names) for video in whole.videos}
        said = scored(whole, answers)
        rule, on_learnt = choose([video for video in said if video.name not in left_out], place)
        rules.append({**plain(by_hand), **plain(rule), "learnt_bout_f1": on_learnt.f1})
        ruled += [live(video, place, rule) for video in said if video.name in left_out]
        found |= {name: answers[name] for name in left_out}
    videos = [video.saying(video.said) for video in scored(whole, found)]
    return {"videos": videos, "bouts": score_bouts(ruled, place), "rules": rules}


def plain(rule: Hysteresis | SocialRule) -> dict[str, float]:
    """Its numbers."""
    return {name: getattr(rule, name) for name in rule.__slots__}


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
    parser.add_argument("--only-trees", action="store_true", help="train no network")
    parser.add_argument("--only-rows", action="store_true", help="train nothing")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    whole = read_videos(table_of(options.data, options.out), asked=ReadOptions(channel="S1"), left_out=["base"])
    seeds = [] if options.only_trees or options.only_rows else options.seeds
    if not options.only_rows:
        of_folds(whole, options, seeds)
        if len(options.folds) < len(FOLDS) or options.no_trees:
            return
    answers = {f"seed {seed}": of_seed(whole, options.out, seed, options.members) for seed in seeds}
    by_hand = of_rule(whole)
    boosted = None if options.only_rows else of_trees(whole, options.out)
    found = table(answers, by_hand, boosted)
    if options.json:
        print(json.dumps(found))
        return
    for title in ("frames", "aggression bouts"):
        print(title)
        for name, cells in found[title].items():
            print(f"  {name:<22} " + "  ".join(f"{key} {value:.3f}" for key, value in cells.items() if value is not None))
    print("\n".join(found["against"]))


def of_folds(whole: PoseVideos, options: argparse.Namespace, seeds: Sequence[int]) -> None:
    """Train what is missing."""
    asked = BehaviourSettings(epochs=options.epochs, members=options.members, delay_ms=options.delay)
    for number in options.folds:
        folder = options.out / f"fold-{number}"
        folder.mkdir(exist_ok=True)
        fold(whole, FOLDS[number], folder, asked, seeds=seeds, with_trees=not options.no_trees)


def of_trees(whole: PoseVideos, out: Path) -> list[ScoredVideo]:
    """All folds of the trees."""
    trees: dict[str, Values] = {}
    for number in range(len(FOLDS)):
        with np.load(out / f"fold-{number}" / "trees.npz") as kept:
            trees |= {name: kept[name] for name in kept.files}
    return scored(whole, trees)


def table(answers: dict[str, dict[str, Any]], by_hand: dict[str, Any], boosted: list[ScoredVideo] | None) -> dict[str, Any]:
    """All figures, and whether one answer is better than another: those that learnt against the rule, networks against the trees."""
    rows = {name: row(score_behaviour(name, each["videos"])) for name, each in answers.items()}
    bout_rows = {name: bout_row(each["bouts"]) for name, each in answers.items()}
    for of in (rows, bout_rows) if answers else ():
        of["mean"] = {key: float(np.mean([of[name][key] for name in answers])) for key in next(iter(of.values()))}
    videos = {name: each["videos"] for name, each in answers.items()}
    if boosted is not None:
        rows[NAME] = row(score_behaviour(NAME, boosted))
        videos = {NAME: boosted, **videos}
    rows[RULE_ROW] = row(score_behaviour(RULE_ROW, by_hand["videos"]))
    bout_rows[RULE_ROW] = bout_row(by_hand["bouts"])
    trivial = always_the_commonest(by_hand["videos"])
    rows[TRIVIAL] = row(score_behaviour(TRIVIAL, trivial))
    pairs = [((TRIVIAL, RULE_ROW), trivial, by_hand["videos"])]
    pairs += [((RULE_ROW, name), by_hand["videos"], each) for name, each in videos.items()]
    pairs += [((NAME, name), boosted, each) for name, each in videos.items() if boosted is not None and name != NAME]
    return {
        "frames": rows,
        "aggression bouts": bout_rows,
        "rules": {name: each["rules"] for name, each in answers.items()} | {RULE_ROW: by_hand["rules"]},
        "against": [said for names, first, second in pairs for said in compare_f1(names, *same_frames(first, second)).sentences],
    }


def same_frames(first: list[ScoredVideo], second: list[ScoredVideo]) -> tuple[list[ScoredVideo], list[ScoredVideo]]:
    """Without what either is not scored on, as where a network's answer would come after the video's end."""
    left_out = [~(one.judged & other.judged).all(axis=1) for one, other in zip(first, second, strict=True)]
    return without_frames(first, left_out), without_frames(second, left_out)


if __name__ == "__main__":
    main()
