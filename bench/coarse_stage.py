"""The coarse stage alone on the disturbed rodent: how often its crop misses a key point, by its width and by the chance of its start.

It has weights of its own, so it learns from the pictures of a training as it would beside the fine stage, in a fraction of the time.
The pictures are those of `bench/coordinates.py` (800 images, twelve epochs), made once and shown in an order of its own to each
seed. A crop misses if a visible key point lies outside it: on frames learnt from, on held-out ones, and on frames of later sessions.

    python bench/coarse_stage.py --widths 1 2 --seeds 0 1 2
    python bench/coarse_stage.py --widths 2 --seeds 0 --within votes-12     # the snout, with this coarse stage in a network that is kept
"""

import argparse
import copy
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from coordinates import COUNT, HEIGHT, SEED, WIDTH, learnt_and_held_out
from numpy.typing import NDArray

from tracker.synthetic.open_scene import open_scene
from trainer.formats.write_synthetic_set import FIRST_NUMBER, NUMBER_STEP
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import whole_view
from trainer.networks.blocks import CropPlan, FrameShape, Layers, plan_crop, to_planes
from trainer.networks.coarse import Finder, means_of_squares
from trainer.training.augmentation_choice import augmentation_in_force
from trainer.training.checkpoint import CHECKPOINTS, LAST, load_network
from trainer.training.datasets import EpochOrder, FrameStore, TrainingFrames
from trainer.training.fit_settings import FitSettings
from trainer.training.learner import CLIP, Schedule, learning_rate
from trainer.training.losses import coarse_map_loss
from trainer.training.targets import centre

SETTINGS = FitSettings()


class Pictures(NamedTuple):
    """What the coarse stage sees."""

    small: NDArray[np.float16]  # (n, 1, rows, columns), 0..255
    points: NDArray[np.float32]  # (n, K, 2), frame pixels


def reduced(image: NDArray[np.uint8], pool: int) -> NDArray[np.float16]:
    """An image (h, w) as the coarse stage sees it, (1, 1, rows, columns)."""
    return means_of_squares(to_planes(torch.from_numpy(image[None, ..., None])), pool).numpy().astype(np.float16)


def learnt_pictures(frames: LabelledFrames, crop: CropPlan, *, epochs: int, batches: int) -> Pictures:
    """The pictures of a training, in its order."""
    store = FrameStore(frames, whole_view(frames))
    pictures = TrainingFrames(store, crop=crop, settings=augmentation_in_force(SETTINGS.augment, frames).settings, seed=0)
    order = EpochOrder(len(frames), pictures=batches * SETTINGS.batch, seed=0)
    count, side = epochs * len(order), (frames.size[0] // crop.pool, frames.size[1] // crop.pool)
    # written into arrays that stand: so many small ones, each made between large ones, would hold gigabytes of freed memory
    learnt = Pictures(np.zeros((count, 1, *side), np.float16), np.zeros((count, *frames.points.shape[2:]), np.float32))
    place = 0
    for epoch in range(epochs):
        order.set_epoch(epoch)
        for draw in order:
            one = pictures[draw]
            learnt.small[place], learnt.points[place] = reduced(one.frames.numpy()[..., 0], crop.pool)[0], one.points.numpy()[0]
            place += 1
    return learnt


def later_frames(count: int, after: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Images of the sessions that follow a set of so many, and their key points, NaN where covered."""
    scene = open_scene("disturbed", seed=SEED, width=WIDTH, height=HEIGHT, rectangles=1)
    numbers = [FIRST_NUMBER + (after + index) * NUMBER_STEP for index in range(count)]
    truths = [scene.truth(number) for number in numbers]
    points = np.stack([np.where(truth.visible[:, None], truth.points, np.nan) for truth in truths])
    return np.stack([scene.render(number) for number in numbers]), points


def train(learnt: Pictures, frame: FrameShape, crop: CropPlan, *, width: float, seed: int) -> Finder:
    """A coarse stage after one pass over the pictures, its averaged weights."""
    torch.manual_seed(seed)
    # of pictures that are reduced already, so that one of its pixels is one of theirs; the weights are the same
    network = Finder(FrameShape(height=learnt.small.shape[2], width=learnt.small.shape[3], channels=1), CropPlan(height=96, width=96,
                     shrink=1, pool=1), layers=Layers(coarse_width=width))  # fmt: skip
    averaged = copy.deepcopy(network).requires_grad_(False)
    steps, count = len(learnt.small) // SETTINGS.batch, len(learnt.small)
    shown = np.random.default_rng(seed).permutation(count) if seed else np.arange(count)
    schedule = Schedule(steps=steps, seconds=None, learning_rate=SETTINGS.learning_rate, weight_decay=SETTINGS.weight_decay,
                        optimiser="adamw", averaging=SETTINGS.averaging)  # fmt: skip
    parts = [[value for value in network.parameters() if (value.ndim > 1) == decays] for decays in (True, False)]
    groups = [{"params": part, "weight_decay": decay} for part, decay in zip(parts, (schedule.weight_decay, 0.0), strict=True)]
    optimiser = torch.optim.AdamW(groups, lr=schedule.learning_rate, betas=(0.9, 0.99))
    for step in range(steps):
        chosen = np.sort(shown[step * SETTINGS.batch : (step + 1) * SETTINGS.batch])
        middles = centre(torch.from_numpy(learnt.points[chosen]), width=frame.width, height=frame.height)
        logits = network(torch.from_numpy(learnt.small[chosen]).float())
        loss = coarse_map_loss(network, logits, (middles + 0.5) / crop.pool - 0.5)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(schedule, step / steps)
        optimiser.zero_grad()
        (SETTINGS.loss.coarse * loss).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimiser.step()
        keep = min(schedule.averaging, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, value in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
                mean.copy_(torch.lerp(mean, value, 1 - keep) if mean.dtype.is_floating_point else value)
    found = Finder(frame, crop, layers=Layers(coarse_width=width))
    found.load_state_dict(averaged.state_dict())
    return found.eval()


@torch.no_grad()
def missed(finder: Finder, images: NDArray[np.uint8], points: NDArray[np.float64]) -> dict[str, float]:
    """In how many frames the crop misses a visible key point, and how far its middle is from theirs, px."""
    corners = [finder.corners(finder(to_planes(torch.from_numpy(image[None, ..., None])))) for image in images]
    corner = np.array([(int(left), int(top)) for left, top in corners])
    size = np.array([finder.plan.width, finder.plan.height])
    inside = ((points >= corner[:, None] - 0.5) & (points < corner[:, None] + size - 0.5)).all(2) | np.isnan(points).any(2)
    off = np.linalg.norm(corner + size / 2 - 0.5 - (np.nanmin(points, 1) + np.nanmax(points, 1)) / 2, axis=1)
    return {"frames": len(images), "missed": int((~inside).any(1).sum()), "off_p95_px": float(np.percentile(off, 95))}


@torch.no_grad()
def snout(run: Path, finder: Finder | None, images: NDArray[np.uint8], points: NDArray[np.float64]) -> dict[str, float]:
    """Distance of the snout in px, of a network that is kept, with its own coarse stage or another in its place."""
    network: Any = load_network(run / CHECKPOINTS / LAST)[0]
    network.finder = finder or network.finder
    found = np.stack([network(torch.from_numpy(image[None, ..., None]))[0, 0, 0, :2].numpy() for image in images])
    off = np.linalg.norm(found - points[:, 0], axis=1)
    return {"rms_px": float(np.sqrt(np.nanmean(off**2))), "mean_px": float(np.nanmean(off)), "median_px": float(np.nanmedian(off))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "coordinates")
    parser.add_argument("--widths", nargs="+", type=float, default=[1.0, 2.0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batches", type=int, default=SETTINGS.batches, help="steps an epoch, at least (%(default)s)")
    parser.add_argument("--count", type=int, default=COUNT, help="images of the set, a fifth of which are held out (%(default)s)")
    parser.add_argument("--later", type=int, default=400, help="frames of later sessions (%(default)s)")
    parser.add_argument(
        "--within", nargs="*", default=[], metavar="RUN", help="folders of bench/coordinates.py whose networks take it over"
    )
    options = parser.parse_args()
    learnt, held_out = learnt_and_held_out(options.out, options.count)
    frame = FrameShape(height=HEIGHT, width=WIDTH, channels=1)
    crop = plan_crop(learnt.points[:, 0], frame)
    pictures = learnt_pictures(learnt, crop, epochs=options.epochs, batches=options.batches)
    sets = {name: (np.stack([part.read(index) for index in range(len(part))]), part.points[:, 0]) for name, part in
            (("train", learnt), ("held_out", held_out))}  # fmt: skip
    sets["later"] = later_frames(options.later, options.count)
    for run in options.within:
        print(
            json.dumps(
                {"run": run, "coarse": "its own", **{name: snout(options.out / run, None, *sets[name]) for name in ("held_out", "later")}}
            )
        )
    for width in options.widths:
        for seed in options.seeds:
            finder = train(pictures, frame, crop, width=width, seed=seed)
            found = {name: missed(finder, *one) for name, one in sets.items()}
            print(json.dumps({"width": width, "seed": seed, **found}), flush=True)
            for run in options.within:
                scored = {name: snout(options.out / run, finder, *sets[name]) for name in ("held_out", "later")}
                print(json.dumps({"run": run, "coarse": [width, seed], **scored}), flush=True)


if __name__ == "__main__":
    main()
