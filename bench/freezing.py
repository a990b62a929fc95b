"""Freezing of one mouse: a network from poses and boosted trees beside the hand-written rule, on the half that none has seen.

The first half is learnt from, but for its last quarter, which validates. The rule's threshold was chosen on the first half too. Beside
them stand the two answers that look at nothing: the commonest one in every frame, and yes in every frame.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import numpy as np
import torch

from tracker.behaviour.behaviour import Behaviour
from tracker.behaviour.score import bouts_of_events, labels_of
from tracker.config_rules import EventConfig, Rule, SpeedSource
from tracker.pose import Pose
from trainer.behaviour.body_axis import find_body_axis
from trainer.behaviour.boosted_trees import NAME
from trainer.behaviour.clips import clips_of
from trainer.behaviour.reference import answers_of, train_reference
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.temperature_and_thresholds import calibrate_answers
from trainer.behaviour.tracks import read_tracks
from trainer.behaviour.train import prepare, train
from trainer.behaviour.video_table import PoseVideo, PoseVideos
from trainer.behaviour_scores.behaviour_score import Cleaning, always_the_commonest, clean, score_behaviour
from trainer.behaviour_scores.intervals import compare_f1
from trainer.behaviour_scores.scored_video import Decide, ScoredVideo
from trainer.ethogram.bouts import ethogram

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "behaviour_freezing" / "demo1"
FPS = 50.0
ENDS = {"train": (0, 3), "validation": (3, 4), "test": (4, 8)}  # eighths of the frames
RULE = Rule(when="below", on=60.0, off=60.0, minimum_ms=900.0, confidence=0.1, missing="hold")
BLOCKS = 10  # of the intervals, in what is held out
CLEANED = Cleaning(minimum_ms=900.0, gap_ms=200.0)  # as the rule's own minimum
RULE_ROW = "the rule"
COMPARED = (
    ("always yes", RULE_ROW),
    ("always yes", "network, cleaned"),
    ("always yes", f"{NAME}, cleaned"),
    (RULE_ROW, "network, cleaned"),
    (RULE_ROW, f"{NAME}, cleaned"),
    (f"{NAME}, cleaned", "network, cleaned"),
)


def session(data: Path, frames: int) -> PoseVideos:
    """The session in three parts."""
    tracks = read_tracks(data / "demo1_tracking.csv")
    with h5py.File(data / "hB_demo1_manual_annotations.mat.mat") as file:
        marks = (np.asarray(file["hBehavior/Freezing/Vector"]).ravel() > 0).astype(np.int8)[:, None]
    videos = []
    for part, eighths in ENDS.items():
        begin, end = (frames * eighth // 8 for eighth in eighths)
        labels = ethogram(("freezing",), [], where="", frames=end - begin, fps=FPS)
        one = PoseVideo(name=part, poses=tracks.poses[begin:end], marks=marks[begin:end], fps=FPS, labels=labels, part=None)
        videos.append(replace(one, part=part))  # type: ignore[arg-type]
    return PoseVideos(class_names=("freezing",), point_names=tracks.point_names, exclusive=False, videos=tuple(videos), notes=())


def rule(videos: PoseVideos) -> ScoredVideo:
    """The hand-written rule over the part that is held out, live."""
    [video] = videos.of("test")
    item = EventConfig(event="freezing", source=SpeedSource(point="Right Ear", unit="px", window_ms=100), rule=RULE)
    subject = Behaviour((item,), (), point_names=videos.point_names, animals=1, has_mm=False)
    times_ns = np.arange(len(video.poses), dtype=np.int64) * 20_000_000
    events = []
    for frame, points in enumerate(video.poses):
        pose = Pose(points=np.nan_to_num(points), mm=None)
        events += subject.update(frame_number=frame, time_ns=int(times_ns[frame]), pose=pose, motion=None)
    bouts = bouts_of_events(events, dict(enumerate(times_ns.tolist())), name="freezing", animal=0, marks="bout")
    said = labels_of(bouts, times_ns)[:, None]
    return ScoredVideo(name="test", class_names=("freezing",), truth=video.marks, said=said, probabilities=None, fps=FPS)


def network(videos: PoseVideos, seed: int, epochs: int, folder: Path) -> tuple[ScoredVideo, ScoredVideo]:
    """A network and the trees, trained on the first half."""
    body = find_body_axis(videos, front=None, back=None, confidence=0.2)
    if seed == 0:
        print("\n".join(body.sentences), file=sys.stderr)
    settings = BehaviourSettings(epochs=epochs, seed=seed, batch=2, window=300)
    prepared = prepare(videos, body.plan, settings)
    trained = train(videos, body.plan, settings, folder / str(seed), say=lambda _: None, prepared=prepared)
    found = calibrate_answers(trained.network, trained.logits, trained.targets, rule="f1", warming_frames=0)
    clips = clips_of(trained.network, videos.of("test")).normalise(trained.network)
    with torch.no_grad():
        answer = trained.network.probabilities(trained.network.logits(clips.variants[0][0][None]))[0].numpy()
    [video] = videos.of("test")
    said = Decide(exclusive=False, thresholds=found.thresholds).of(answer)
    trees = train_reference(videos, body.plan, rule="f1", seed=seed, say=lambda _: None, prepared=prepared)
    one = ScoredVideo(name="test", class_names=("freezing",), truth=video.marks, said=said, probabilities=answer, fps=FPS)
    return one, answers_of(trees, [video])[0]


def all_rows(videos: PoseVideos, seeds: Sequence[int], epochs: int) -> dict[str, list[ScoredVideo]]:
    """What each answers to the part that is held out, once or for each seed."""
    by_hand = rule(videos)
    rows = {"always the commonest": always_the_commonest([by_hand]), "always yes": [by_hand.saying(np.ones_like(by_hand.said))]}
    rows[RULE_ROW] = [by_hand]
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            for name, answer in zip(("network", NAME), network(videos, seed, epochs, Path(folder)), strict=True):
                rows.setdefault(name, []).append(answer)
                rows.setdefault(f"{name}, cleaned", []).extend(clean([answer], CLEANED))
    return rows


def row(answers: Sequence[ScoredVideo]) -> dict[str, list[float]]:
    """The figures of one answer, one for each seed."""
    scores = [score_behaviour("", [answer]).classes[0] for answer in answers]
    return {
        "f1": [each.frames.f1 for each in scores],
        "bout_f1": [each.bouts.f1 for each in scores],
        "accuracy": [each.frames.agreement for each in scores],
    }


def verdicts(rows: dict[str, list[ScoredVideo]], first: str, second: str, seeds: Sequence[int]) -> list[str]:
    """The second against the first, by frame and by bout, for each seed that they have."""
    many = max(len(rows[first]), len(rows[second]))
    said = []
    for seed, place in zip(seeds, range(many), strict=False):
        one, other = (rows[name][place if len(rows[name]) > 1 else 0] for name in (first, second))
        names = first, second if many == 1 else f"{second}, seed {seed}"
        said += compare_f1(names, [one], [other], block_s=len(one.truth) / FPS / BLOCKS).sentences
    return said


def main() -> None:
    """Print frame and bout F1 on the second half."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--frames", type=int, default=6000, help="of the session (%(default)s)")
    parser.add_argument("--epochs", type=int, default=20, help="(%(default)s)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = all_rows(session(options.data, options.frames), options.seeds, options.epochs)
    found = {
        "rows": {name: row(answers) for name, answers in rows.items()},
        "verdicts": [sentence for pair in COMPARED for sentence in verdicts(rows, *pair, options.seeds)],
    }
    if options.json:
        print(json.dumps(found))
        return
    print("\n".join(f"{name:<22} {figures}" for name, figures in found["rows"].items()))
    print("\n".join(found["verdicts"]))


if __name__ == "__main__":
    main()
