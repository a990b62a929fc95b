"""Key points in several groups: two synthetic scenes with exact truth, beside the same network on each group alone.

`mirror` shows one animal from the side and from below; `reach` a hand, a tongue and a joystick that are mostly absent. Each scene
is trained as `trainer fit` would, and then the points of each group as a set of their own: a compact animal, seen at the same
resolution by the same network for as many steps. Absent points are told from present ones by confidence (area under the ROC curve).

    python bench/scenes.py --epochs 12 --json
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tracker.synthetic.open_scene import SceneName
from trainer.formats.read_labels import read_labels
from trainer.formats.synthetic_set import own_parts
from trainer.formats.write_synthetic_set import write_synthetic_set
from trainer.labels.labelled_frames import LabelledFrames
from trainer.training.data import FrameStore
from trainer.training.fit import fit, predict_animals
from trainer.training.fit_settings import FitSettings

SIZES: dict[SceneName, tuple[int, int]] = {"mirror": (256, 256), "reach": (448, 400)}  # width, height


def points_alone(frames: LabelledFrames, points: tuple[int, ...]) -> LabelledFrames:
    """The same frames with some of the key points."""
    return replace(
        frames,
        points=frames.points[:, :, list(points)],
        hidden=frames.hidden[:, :, list(points)],
        point_names=tuple(frames.point_names[point] for point in points),
        skeleton=(),
    )


def auc(confidence: NDArray[np.float64], present: NDArray[np.bool_]) -> float | None:
    """Chance that a present point has a higher confidence than an absent one (Mann-Whitney); None without both."""
    here, gone = int(present.sum()), int((~present).sum())
    if not here or not gone:
        return None
    return float((rankdata(confidence)[present].sum() - here * (here + 1) / 2) / (here * gone))


def train(train_on: LabelledFrames, score_on: LabelledFrames, settings: FitSettings, folder: Path) -> dict[str, Any]:
    """Train and score: error in px of the points in sight, and how well confidence tells absent from present."""
    nothing = train_on.subset(np.zeros(0, np.int64))
    result = fit(train_on, nothing, settings, folder, progress=True)
    poses = predict_animals(result.network, FrameStore(score_on, result.view), np.arange(len(score_on)))[:, 0].astype(np.float64)
    truth = score_on.points[:, 0]
    present = ~np.isnan(truth).any(-1)
    distance = np.linalg.norm(poses[..., :2] - truth, axis=-1)
    return {
        "groups": [[train_on.point_names[point] for point in group.points] for group in result.plan.groups] or [list(train_on.point_names)],
        "mean_px": float(np.nanmean(distance)),
        "median_px": float(np.nanmedian(distance)),
        "p95_px": float(np.nanquantile(distance, 0.95)),
        "per_point": {name: float(np.nanmean(distance[:, k])) for k, name in enumerate(train_on.point_names)},
        "auc": auc(poses[..., 2].ravel(), present.ravel()),
        "auc_per_point": {name: auc(poses[:, k, 2], present[:, k]) for k, name in enumerate(train_on.point_names)},
        "seconds": result.seconds,
        "plan": [group.points for group in result.plan.groups],
    }


def measure(scene: SceneName, settings: FitSettings, *, count: int, seed: int, alone: bool, folder: Path) -> dict[str, Any]:
    """A scene together and group by group."""
    width, height = SIZES[scene]
    data = folder / scene
    write_synthetic_set(data, scene=scene, count=count, seed=seed, width=width, height=height, rectangles=1)
    frames = read_labels(data)
    parts = own_parts(data, frames)
    if parts is None:
        raise FileNotFoundError(data)
    learnt, scored = frames.subset(parts.train), frames.subset(np.concatenate([parts.validation, parts.test]))
    together = train(learnt, scored, settings, folder / f"{scene}-together")
    found: dict[str, Any] = {"together": together, "alone": []}
    for number, group in enumerate(together["plan"] if alone else ()):
        compact = train(points_alone(learnt, group), points_alone(scored, group), settings, folder / f"{scene}-{number}")
        ours = float(np.mean([together["per_point"][frames.point_names[point]] for point in group]))
        found["alone"].append(compact | {"ratio": ours / compact["mean_px"]})
        print(json.dumps({scene: {"group": compact["groups"], "together_px": ours, "alone_px": compact["mean_px"]}}), flush=True)
    return found


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(SIZES), nargs="+", default=tuple(SIZES))
    parser.add_argument("--count", type=int, default=300, help="frames, a fifth of which are scored (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the scene (%(default)s)")
    parser.add_argument("--epochs", type=int, default=12, help="(%(default)s)")
    parser.add_argument("--batches", type=int, default=64, help="steps an epoch (%(default)s)")
    parser.add_argument("--together", action="store_true", help="leave out the groups alone")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    settings = FitSettings(epochs=options.epochs, batches=options.batches, workers=0)
    with tempfile.TemporaryDirectory() as folder:
        table = {
            scene: measure(scene, settings, count=options.count, seed=options.seed, alone=not options.together, folder=Path(folder))
            for scene in options.only
        }
    if options.json:
        print(json.dumps(table))
        return
    for scene, row in table.items():
        whole = row["together"]
        told = "" if whole["auc"] is None else f", absent against present {whole['auc']:.3f}"
        print(f"{scene}: {len(whole['groups'])} groups, mean {whole['mean_px']:.2f} px, p95 {whole['p95_px']:.2f}{told}")
        for one in row["alone"]:
            print(f"  {', '.join(one['groups'][0])}: alone {one['mean_px']:.2f} px, ratio {one['ratio']:.2f}")


if __name__ == "__main__":
    main()
