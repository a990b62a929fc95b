"""The demo's learned behaviour: what the synthetic animal does by its script, learnt from poses of other animals."""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from demo_tracking import talk
from numpy.typing import NDArray

from tracker.errors import RigtrackError
from tracker.messages import PoseMessage
from tracker.synthetic.rodent import RodentScene
from tracker.synthetic.scene import Scene

CLASSIFIER = "moves"
CLASSES = ("walk", "turn")  # of the script's kinds of move
SEEDS = {"train": (21, 22, 23, 24, 25, 26), "validate": (31, 32), "held_out": (33, 34)}  # of animals that the camera never shows
FRAMES = 2000  # of each: 20 s of the animal's own time
ERROR_PX = 0.4  # of each coordinate
EPOCHS = 20
LEAST_F1 = 0.6  # over the frames of the run, without those in which the classifier warms up; 0.9 is usual


def learn_moves(out: Path, *, rate_hz: float, trainer: Callable[..., None]) -> Path:
    """Make videos' poses and labels, and train on them, unless an earlier demo did at this rate.

    Args:
        out: the demo's folder.
        rate_hz: of the camera; the animal's own time runs with it.
        trainer: runs one trainer command.

    Returns:
        The bundle.
    """
    data, bundle = out / "moves", out / f"model-moves-{rate_hz:g}"
    if (bundle / "bundle.json").exists():
        return bundle
    if not (data / "poses-34.csv").exists():
        data.mkdir(exist_ok=True)
        talk.print(f"writing what {sum(map(len, SEEDS.values()))} other animals do, to learn walking and turning from …")
        for seed in (seed for seeds in SEEDS.values() for seed in seeds):
            _write_video(data, seed)
    table = data / f"videos-{rate_hz:g}.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["video", "poses", "labels", "fps"])
        for seed in (seed for seeds in SEEDS.values() for seed in seeds):
            rows.writerow([f"animal{seed}", f"poses-{seed}.csv", f"labels-{seed}.csv", f"{rate_hz:g}"])
    videos = {part: [f"animal{seed}" for seed in seeds] for part, seeds in SEEDS.items()}
    chosen = ["--validate", *videos["validate"], "--hold-out", *videos["held_out"]]
    options = ["--classes", *CLASSES, "--front", "snout", "--back", "tail_base", "--epochs", str(EPOCHS), "--batch", "8"]
    options += ["--seed", "1", "--no-reference"]  # no trees: the demo compares with the script
    trainer("fit", "--task", "behaviour", "--data", str(table), "--out", str(bundle), *chosen, *options)
    return bundle


def held_out_f1(bundle: Path) -> float:
    """Macro-F1 by frame on the animal that was held out."""
    found = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))["behaviour"]["accuracy"]["macro_f1"]
    return float(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What the animal did by its script, and what was found live, frame by frame. Frames in which the classifier warmed up are left out.

    Attributes:
        numbers: int (frames,), the frames' own.
        true: of each, the index of its class in `CLASSES`, -1 for none of them.
        found: likewise, the likeliest.
    """

    numbers: NDArray[np.int64]
    true: NDArray[np.int64]
    found: NDArray[np.int64]

    def f1(self, place: int) -> float:
        """By frame, of one class; NaN where it neither is nor was found."""
        true, found = self.true == place, self.found == place
        total = int(true.sum() + found.sum())
        return 2 * int((true & found).sum()) / total if total else float("nan")


def moves_in(poses: Mapping[int, PoseMessage], scene: Scene) -> Moves:
    """Compare the scores that were published with the script; the likeliest is found, or none where that is likelier than any.

    Raises:
        RigtrackError: the scene has no script.
    """
    if not isinstance(scene, RodentScene):
        raise RigtrackError("the demo needs the scene 'rodent', whose script says what the animal does")
    numbers = [number for number in sorted(poses) if poses[number].scores]
    scores = np.array([[poses[number].scores[f"{CLASSIFIER}.{name}"] for name in CLASSES] for number in numbers]).reshape(-1, len(CLASSES))
    found = np.where(scores.max(axis=1) > 1 - scores.sum(axis=1), scores.argmax(axis=1), -1)
    doing = [scene.doing(number) for number in numbers]
    true = np.array([CLASSES.index(name) if name in CLASSES else -1 for name in doing], np.int64)
    return Moves(numbers=np.array(numbers, np.int64), true=true, found=found.astype(np.int64))


def _write_video(folder: Path, seed: int) -> None:
    """Poses as a good network would find them, in DeepLabCut's table of predictions, and a table of what the script says."""
    scene, rng = RodentScene(seed, width=640, height=480), np.random.default_rng(seed)
    truths = [scene.truth(number) for number in range(FRAMES)]
    points = np.stack([truth.points for truth in truths]) + rng.normal(0.0, ERROR_PX, (FRAMES, len(scene.point_names), 2))
    confidence = np.stack([np.where(truth.visible, 0.95, 0.05) for truth in truths])
    with (folder / f"labels-{seed}.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["frame", *CLASSES])
        rows.writerows([number, *(int(scene.doing(number) == name) for name in CLASSES)] for number in range(FRAMES))
    with (folder / f"poses-{seed}.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["scorer"] + ["script"] * 3 * len(scene.point_names))
        rows.writerow(["bodyparts", *(name for name in scene.point_names for _ in range(3))])
        rows.writerow(["coords"] + ["x", "y", "likelihood"] * len(scene.point_names))
        poses = np.concatenate([points, confidence[..., None]], axis=2).reshape(FRAMES, -1)
        rows.writerows([number, *(f"{value:.3f}" for value in pose)] for number, pose in enumerate(poses))
