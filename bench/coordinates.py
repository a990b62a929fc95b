"""Coordinates by regression on a disturbed rodent: the heads `votes` and `xy`, heat maps, and the first rat tracker's network as it was.

1000 images of 720x480 (`trainer synth --scene disturbed`): 800 of twenty sessions to learn from, 200 of five later sessions, with
other litter, light, focus and noise, to judge by. The figure is the distance of the snout in px, root mean square and mean, on
frames held out and on (as many) frames learnt from. Training is by steps; every run is kept, and the table is made from what is
stored. With --worst the frames that make up most of a root mean square are named and drawn, and it is said where the crop that the
network looks at did not hold the snout.

    python bench/coordinates.py --epochs 12 --picture disturbed.webp
    python bench/coordinates.py --runs trackrat --trackrat-epochs 100     # its original length: half a day on one core
    python bench/coordinates.py --runs votes xy --epochs 12 --worst 12 --picture worst.png

`trackrat` is trained as the original was: the snout alone, Adam with a learning rate of 1e-5 and an L2 penalty of 1e-8, 32 images
a step, mean squared error, no change to the images. `trackrat-ours` is the same network with rigtrack's settings.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scenes import points_alone
from torch import nn

from tracker.frame import Image
from trainer.formats.read_labels import read_labels
from trainer.formats.synthetic_set import own_parts
from trainer.formats.write_synthetic_set import write_synthetic_set
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import whole_view
from trainer.networks.blocks import to_planes
from trainer.scoring.metrics import point_errors
from trainer.training.augment import UNCHANGED
from trainer.training.checkpoint import CHECKPOINTS, LAST, load_network
from trainer.training.datasets import FrameStore
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings
from trainer.training.losses import LossSettings
from trainer.training.predict import predict_animals

WIDTH, HEIGHT, COUNT, SEED = 720, 480, 1000, 1
SNOUT = (0,)
RUNS = {
    "votes": FitSettings(head="votes", workers=0),
    "xy": FitSettings(head="xy", workers=0),
    "heatmap": FitSettings(workers=0),
    "votes-wide": FitSettings(head="votes", coarse_width=2.0, workers=0),
    "heatmap-wide": FitSettings(coarse_width=2.0, workers=0),
    "trackrat": FitSettings(
        network="trackrat", head="xy", batch=32, batches=1, learning_rate=1e-5, weight_decay=1e-8, optimiser="adam",
        averaging=0.0, workers=0, augment=UNCHANGED, loss=LossSettings(coordinates="mse"),
    ),
    "trackrat-ours": FitSettings(network="trackrat", head="xy", workers=0),
}  # fmt: skip


def learnt_and_held_out(out: Path, count: int) -> tuple[LabelledFrames, LabelledFrames]:
    """The two parts of the set, which is rendered unless it is there."""
    data = out / f"disturbed-{count}"
    if not (data / "set.json").exists():
        write_synthetic_set(data, scene="disturbed", count=count, seed=SEED, width=WIDTH, height=HEIGHT, rectangles=1)
    frames = read_labels(data)
    parts = own_parts(data, frames)
    if parts is None:
        raise FileNotFoundError(data)
    return frames.subset(parts.train), frames.subset(np.concatenate([parts.validation, parts.test]))


def score(network: nn.Module, frames: LabelledFrames) -> dict[str, float]:
    """Distance of the snout in px."""
    poses: NDArray[np.float32] = predict_animals(network, FrameStore(frames, whole_view(frames)), np.arange(len(frames)))
    errors = point_errors(poses, frames.points).of_point(0)
    return {
        "rms_px": errors.rms_distance_px,
        "mean_px": errors.spread.mean_px,
        "median_px": errors.spread.median_px,
        "p95_px": errors.spread.p95_px,
    }


def measure(
    name: str, learnt: LabelledFrames, held_out: LabelledFrames, settings: FitSettings, *, out: Path, so_far: bool
) -> dict[str, Any]:
    """Train one, unless it was finished before; one that was stopped goes on, or is scored as far as it has come."""
    folder = out / f"{name}-{settings.epochs}"
    figures = folder / "figures.json"
    if not figures.exists():
        if name.startswith("trackrat"):
            learnt, held_out = points_alone(learnt, SNOUT), points_alone(held_out, SNOUT)
        seen = learnt.subset(np.linspace(0, len(learnt) - 1, len(held_out)).astype(np.int64))
        if so_far:
            return unfinished(folder, seen, held_out, settings.epochs)
        result = fit(learnt, learnt.subset(np.zeros(0, np.int64)), settings, folder, progress=True)
        found = {
            "network": result.plan.title,
            "steps": len(result.history.batch_loss),
            "epochs": settings.epochs,
            "train": score(result.network, seen),
            "held_out": score(result.network, held_out),
            "seconds": result.seconds,
        }
        figures.write_text(json.dumps(found, indent=1))
    made: dict[str, Any] = json.loads(figures.read_text())
    return made


def unfinished(folder: Path, seen: LabelledFrames, held_out: LabelledFrames, epochs: int) -> dict[str, Any]:
    """Figures of a run as far as it has come, after its last whole epoch."""
    path = folder / CHECKPOINTS / LAST
    network, _ = load_network(path)
    kept = torch.load(path, weights_only=True, map_location="cpu")
    return {
        "network": "",
        "steps": int(kept["global_step"]),
        "epochs": f"{min(int(kept['epoch']) + 1, epochs)} of {epochs}",
        "train": score(network, seen),
        "held_out": score(network, held_out),
        "seconds": float("nan"),
    }


def worst(frames: LabelledFrames, run: Path, count: int) -> list[dict[str, Any]]:
    """The frames farthest off: which, how far in px, their share of the sum of squares, and whether the crop holds the snout."""
    network, _ = load_network(run / CHECKPOINTS / LAST)
    store, snout = FrameStore(frames, whole_view(frames)), frames.points[:, 0, 0]
    poses: NDArray[np.float32] = predict_animals(network, store, np.arange(len(frames)))
    off = np.nan_to_num(point_errors(poses, frames.points).distance_px[:, 0, 0])
    found = []
    for index in np.argsort(-off)[:count].tolist():
        left, top = network.finder.corners(network.finder(to_planes(torch.from_numpy(np.atleast_3d(store.read(index))[None]))))
        x, y = snout[index] - (float(left[0]), float(top[0]))
        plan = network.finder.plan
        inside = bool(0 <= x < plan.width and 0 <= y < plan.height)
        share = float(off[index] ** 2 / (off**2).sum())
        found.append({"frame": index, "px": float(off[index]), "share": share, "in_crop": inside})
    return found


def picture(frames: LabelledFrames, run: Path, chosen: NDArray[np.int64]) -> Image:
    """Frames by threes, half as large: a white ring about the labelled snout, a red one about what a network answers."""
    network, _ = load_network(run / CHECKPOINTS / LAST)
    frames = frames.subset(chosen)
    poses = predict_animals(network, FrameStore(frames, whole_view(frames)), np.arange(len(frames)))[:, 0]
    tiles = []
    for index in range(len(frames)):
        tile = cv2.cvtColor(frames.read(index), cv2.COLOR_GRAY2BGR)
        for point, radius, colour in ((frames.points[index, 0, 0], 16, (255, 255, 255)), (poses[index, 0, :2], 10, (60, 60, 255))):
            if np.isfinite(point).all():
                cv2.circle(tile, (round(float(point[0])), round(float(point[1]))), radius, colour, 2, cv2.LINE_AA)
        tiles.append(cv2.resize(tile, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return np.asarray(np.vstack([np.hstack(tiles[place : place + 3]) for place in range(0, len(tiles) // 3 * 3, 3)]), np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "coordinates")
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--epochs", type=int, default=12, help="of 128 steps or more (%(default)s)")
    parser.add_argument("--trackrat-epochs", type=int, default=100, help="of 25 steps of 32 images (%(default)s)")
    parser.add_argument("--batches", type=int, help="steps an epoch, at least, instead of each run's own")
    parser.add_argument("--count", type=int, default=COUNT, help="images, a fifth of which are scored (%(default)s)")
    parser.add_argument("--picture", type=Path, help="draw what the first of the runs answers into this file")
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="name the N held-out frames of each run that are farthest off")
    parser.add_argument("--so-far", action="store_true", help="train nothing: score unfinished runs after their last whole epoch")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    learnt, held_out = learnt_and_held_out(options.out, options.count)
    lengths = {name: options.trackrat_epochs if name == "trackrat" else options.epochs for name in options.runs}
    table = {
        name: measure(
            name,
            learnt,
            held_out,
            replace(RUNS[name], epochs=length, batches=options.batches or RUNS[name].batches),
            out=options.out,
            so_far=options.so_far,
        )
        for name, length in lengths.items()
    }
    if options.worst:
        for name in (name for name in table if not name.startswith("trackrat")):  # which has no crop
            table[name] = table[name] | {"worst": worst(held_out, options.out / f"{name}-{lengths[name]}", options.worst)}
    if options.picture:
        first = options.runs[0]
        spread = np.linspace(0, len(held_out) - 1, 6).astype(np.int64)
        chosen = np.array([one["frame"] for one in table[first].get("worst", [])]) if options.worst else spread
        drawn = picture(held_out, options.out / f"{first}-{lengths[first]}", chosen)
        cv2.imwrite(str(options.picture), drawn, [cv2.IMWRITE_WEBP_QUALITY, 80] if options.picture.suffix == ".webp" else [])
    if options.json:
        print(json.dumps(table))
        return
    print("| | epochs | held out: RMS, mean, median, p95 px | trained on: RMS, mean px | gap of RMS | minutes |\n|---|---|---|---|---|---|")
    for name, one in table.items():
        held, train = one["held_out"], one["train"]
        print(
            f"| {name} | {one['epochs']} | {held['rms_px']:.2f}, {held['mean_px']:.2f}, {held['median_px']:.2f}, {held['p95_px']:.1f} | "
            f"{train['rms_px']:.2f}, {train['mean_px']:.2f} | {held['rms_px'] / train['rms_px'] - 1:+.0%} | {one['seconds'] / 60:.1f} |"
        )
    for name, one in table.items():
        for far in one.get("worst", []):
            where = "" if far["in_crop"] else ", the snout outside the crop"
            print(f"{name}: held-out frame {far['frame']}: {far['px']:.1f} px, {far['share']:.0%} of the sum of squares{where}")


if __name__ == "__main__":
    main()
