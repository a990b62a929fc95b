"""What could be done to a network's answers afterwards, tried on the videos that validate: smoothing, a forward filter, weights taken out.

    python bench/behaviour_answers.py [--seed 0] [--held-out]

Reads what `bench/behaviour.py` keeps and trains nothing. Every video is judged by a network that has not learnt from it. `--held-out`
scores the videos that were left out too, as they are, and with the class weights taken out and another temperature chosen as training
chooses it: to be looked at once, when all is decided.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from behaviour import DATA, FOLDS, table_of
from behaviour_bouts import FPS
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.signal import lfilter

from trainer.behaviour.clips import UNJUDGED, targets_of
from trainer.behaviour.video_table import PoseVideos, read_videos
from trainer.behaviour_scores.reliability_bins import calibration
from trainer.ethogram.read_options import ReadOptions

Values = NDArray[np.float64]
Videos = list[tuple[Values, NDArray[np.int64]]]
SMOOTHED_S = (0.05, 0.2, 0.8)
STAY_S = (2.0, 5.0)
SEEN = 1e-3  # share of the frames; a class with less is in none of them
_LEAST = 1e-6


def fold(out: Path, number: int, seed: int) -> tuple[Videos, Values]:
    """Logits and true classes of the videos that validated in a fold, and the share of each class; "none" is the last of both.

    What training took out of the class weights is in the logits again.
    """
    with np.load(out / f"fold-{number}" / f"seed-{seed}.npz") as kept:
        answers, targets, frames = (kept[name] for name in ("validation", "targets", "validation_frames"))
        taken_out = float(kept["weights_out"][0])
    ends = np.cumsum(frames.astype(int))[:-1]
    truths = [true_of(target) for target in np.split(targets, ends)]
    truth = np.concatenate(truths)
    share = np.bincount(truth[truth >= 0], minlength=targets.shape[1]) / (truth >= 0).sum()
    share = np.clip(share, 1e-4, 1 - 1e-4)  # as training bounds it
    logits = [weights_out(logits_of(answer), share, -taken_out) for answer in np.split(answers, ends)]
    return list(zip(logits, truths, strict=True)), share


def left_out(whole: PoseVideos, out: Path, number: int, seed: int, share: Values) -> Videos:
    """The same of the two videos that the fold leaves out, given the share of each class in those that validated."""
    with np.load(out / f"fold-{number}" / f"seed-{seed}.npz") as kept:
        answers = {name: weights_out(logits_of(kept[name]), share, -float(kept["weights_out"][0])) for name in FOLDS[number]}
    marks = {video.name: video.marks for video in whole.videos}
    return [(answer, true_of(targets_of(marks[name], exclusive=True))) for name, answer in answers.items()]


def logits_of(probabilities: NDArray[np.float32]) -> Values:
    """Of the classes and of "none"."""
    given = np.maximum(probabilities.astype(np.float64), _LEAST)
    return np.log(np.column_stack([given, np.maximum(1 - given.sum(axis=1), _LEAST)]))


def true_of(targets: NDArray[np.float32]) -> NDArray[np.int64]:
    """The class of each frame, -1 where nobody judged."""
    return np.where((targets == UNJUDGED).any(axis=1), -1, targets.argmax(axis=1))


def judged(videos: Videos) -> tuple[Values, NDArray[np.int64]]:
    """Of all videos, frames that people judged."""
    logits, truth = (np.concatenate(parts) for parts in zip(*videos, strict=True))
    return logits[truth >= 0], truth[truth >= 0]


def smoothed(logits: Values, span_s: float) -> Values:
    """Exponential mean of the past."""
    share = 1 - np.exp(-1 / FPS / span_s)
    return np.asarray(lfilter([share], [1, share - 1], logits, axis=0))


def filtered(logits: Values, share: Values, stay_s: float) -> Values:
    """Forward filter of a chain that stays for so long on average: a tenth of what each frame says, since frames repeat one another."""
    stay = np.exp(-1 / FPS / stay_s)
    says = np.exp(0.1 * (logits - np.log(share))) * (share > SEEN)
    states, found = share / share.sum(), np.empty_like(logits)
    for frame, said in enumerate(says):
        states = (stay * states + (1 - stay) * share) * said
        states /= states.sum()
        found[frame] = states
    return np.log(found + _LEAST)


def weights_out(logits: Values, share: Values, part: float) -> Values:
    """Without what the class weights of the loss, the root of how rare a class is, have added to the logits."""
    return logits + part * 0.5 * np.log(share)


def temperature(videos: Videos, share: Values) -> float:
    """That with the smallest log loss on the videos that validate, once the weights are out."""
    logits, truth = judged([(weights_out(logits, share, 1.0), truth) for logits, truth in videos])
    return float(minimize_scalar(lambda by: log_loss(logits / by, truth), bounds=(0.5, 2.0), method="bounded", options={"xatol": 0.01}).x)


def softmax(logits: Values) -> Values:
    """Along the last axis."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def macro_f1(logits: Values, truth: NDArray[np.int64]) -> float:
    """By frame, over the classes that are there; the likeliest but "none" is said."""
    said = logits[:, :-1].argmax(axis=1)
    each = [2 * ((truth == k) & (said == k)).sum() / ((truth == k).sum() + (said == k).sum()) for k in np.unique(truth)]
    return float(np.mean(each))


def log_loss(logits: Values, truth: NDArray[np.int64]) -> float:
    """Mean over frames, each counting as one."""
    return float(-np.log(softmax(logits)[np.arange(len(truth)), truth]).mean())


def main() -> None:
    """Print macro-F1 by frame for each change, a column for each fold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "behaviour", help="of bench/behaviour.py")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--held-out", action="store_true")
    options = parser.parse_args()
    whole = read_videos(table_of(options.data, options.out), asked=ReadOptions(channel="S1"), left_out=["base"])
    folds = [fold(options.out, number, options.seed) for number in range(len(FOLDS))]
    changes: dict[str, Callable[[Values, Values], Values]] = {"as they are": lambda logits, _: logits}
    changes |= {f"mean over {span:g} s": lambda logits, _, span=span: smoothed(logits, span) for span in SMOOTHED_S}
    changes |= {f"filter, {span:g} s to stay": lambda logits, share, span=span: filtered(logits, share, span) for span in STAY_S}
    changes |= {f"{part:g} of the weights out": lambda logits, share, part=part: weights_out(logits, share, part) for part in (0.5, 1.0)}
    for name, change in changes.items():
        pooled = [judged([(change(logits, share), truth) for logits, truth in videos]) for videos, share in folds]
        found, loss = [macro_f1(*one) for one in pooled], np.mean([log_loss(*one) for one in pooled])
        print(f"{name:<22} " + " ".join(f"{one:.3f}" for one in found) + f"  mean {np.mean(found):.4f}, log loss {loss:.4f}")
    if options.held_out:
        for name, part in (("as they are", 0.0), ("weights out", 1.0)):
            pairs = [
                (weights_out(logits, share, part) / (temperature(videos, share) if part else 1.0), truth)
                for number, (videos, share) in enumerate(folds)
                for logits, truth in left_out(whole, options.out, number, options.seed, share)
            ]
            logits, truth = judged(pairs)
            likeliest = logits[:, :-1].argmax(axis=1)
            ece = calibration(softmax(logits)[np.arange(len(truth)), likeliest], likeliest == truth).ece
            print(f"held out, {name}: macro-F1 {macro_f1(logits, truth):.4f}, accuracy {(likeliest == truth).mean():.4f}, ece {ece:.4f}")


if __name__ == "__main__":
    main()
