"""Are points near the frame's border pulled inwards? Trains on bars whose ends lie 0 to 8 px from every border, and measures the bias.

The frames are 100x92 pixels, no multiple of what the network halves. The bias is the mean error towards the middle of the frame,
over the points that lie within 4 px of a border, beside the same of the points in the middle.

    python bench/border.py --epochs 12 --json
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import whole_view
from trainer.training.datasets import FrameStore
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings
from trainer.training.predict import predict_animals

WIDTH, HEIGHT = 100, 92
NEAR_PX, AT_PX = 8.0, 4.0  # from the border: where heads are put, and where the bias is measured
LENGTH_PX = 44.0
SHIFT = 6  # OpenCV's fractional bits
MARGIN = 64  # drawn beyond the frame, px: a bar that ends at its border reaches no further


def draw(number: int) -> tuple[Image, NDArray[np.float64]]:
    """One frame and the ends of its bar, (2, 2): every other head lies within 8 px of a border, at any sub-pixel place."""
    rng = np.random.default_rng([5, number])
    size = np.array([WIDTH, HEIGHT], np.float64)
    head = rng.uniform(size * 0.3, size * 0.7)
    if number % 2:
        axis, far = rng.integers(0, 2), rng.random() < 0.5
        head = rng.uniform(12, size - 13)
        off = rng.uniform(0, NEAR_PX)
        head[axis] = size[axis] - 1 - off if far else off
    towards = (size - 1) / 2 + rng.normal(0, 12, 2) - head
    tail = head + LENGTH_PX * towards / np.linalg.norm(towards)
    # OpenCV draws what reaches beyond the left or upper edge otherwise than what lies inside: so it all lies inside, and is cut out
    whole = np.full((HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN), rng.integers(80, 110), np.uint8)
    cv2.line(whole, _fixed(head + MARGIN), _fixed(tail + MARGIN), 200, 7, cv2.LINE_AA, SHIFT)
    cv2.circle(whole, _fixed(head + MARGIN), 5 << SHIFT, 20, -1, cv2.LINE_AA, SHIFT)
    image = whole[MARGIN:-MARGIN, MARGIN:-MARGIN]
    noisy = image + rng.normal(0, 4, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), np.stack([head, tail])


def frames(folder: Path, first: int, count: int) -> LabelledFrames:
    """Frames `first` and following, as image files in a folder."""
    drawn = [draw(number) for number in range(first, first + count)]
    images = []
    for number, (image, _) in enumerate(drawn, first):
        path = folder / f"{number:04d}.png"
        cv2.imwrite(str(path), image)
        images.append(ImageRef(path=path, frame=None))
    points = np.stack([truth for _, truth in drawn])[:, None]
    inside = ((points >= -0.5) & (points < np.array([WIDTH, HEIGHT]) - 0.5)).all(-1, keepdims=True)
    return LabelledFrames(
        images=tuple(images),
        points=np.where(inside, points, np.nan),
        hidden=np.zeros((count, 1, 2), bool),
        tags=(frozenset(),) * count,
        point_names=("head", "tail"),
        skeleton=(("head", "tail"),),
        group=("border",) * count,
        order=np.arange(first, first + count),
        size=(HEIGHT, WIDTH),
    )


def inward(found: NDArray[np.float64], truth: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each of m points and four borders: distance of the truth from it, and error away from it; (m, 4) each."""
    size = np.array([WIDTH, HEIGHT]) - 1.0
    off = found - truth
    return np.concatenate([truth, size - truth], 1), np.concatenate([off, -off], 1)


def measure(found: NDArray[np.float64], truth: NDArray[np.float64]) -> dict[str, Any]:
    """Bias near each border against the middle's in the same direction, px; positive is inwards."""
    distance, away = inward(found, truth)
    middle = away[(distance > 25).all(1)].mean(0)
    near = (distance >= 0) & (distance <= AT_PX)
    names = ("left", "top", "right", "bottom")
    borders = {name: float(away[near[:, i], i].mean() - middle[i]) for i, name in enumerate(names)}
    uncertain = {name: float(away[near[:, i], i].std() / np.sqrt(near[:, i].sum())) for i, name in enumerate(names)}
    against = away - middle
    rings = {f"{low} to {low + 2} px": float(against[(distance >= low) & (distance < low + 2)].mean()) for low in range(0, 8, 2)}
    return {
        "bias_px": float(np.mean(list(borders.values()))),
        "standard_error_px": float(against[near].std() / np.sqrt(near.sum())),
        "borders": borders,
        "standard_errors": uncertain,
        "rings": rings,
        "mean_px": float(np.linalg.norm(found - truth, axis=1).mean()),
        "points": int(near.sum()),
    }


def main() -> None:
    """Train, answer for frames that were not trained on, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=int, default=200, help="frames (%(default)s)")
    parser.add_argument(
        "--test", type=int, default=3000, help="frames, one in sixteen of which has a point within 4 px of a given border (%(default)s)"
    )
    parser.add_argument("--epochs", type=int, default=12, help="(%(default)s)")
    parser.add_argument(
        "--batches", type=int, default=64, help="steps an epoch at least (%(default)s); all frames as often as it takes, so 75"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the training (%(default)s)")
    parser.add_argument("--head", default="heatmap")
    parser.add_argument("--network", default="compact")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    settings = FitSettings(
        network=options.network, head=options.head, seed=options.seed, epochs=options.epochs, batches=options.batches, workers=0
    )
    with tempfile.TemporaryDirectory() as folder:
        labels = frames(Path(folder), 0, options.train)
        test = frames(Path(folder), options.train, options.test)
        result = fit(labels, labels.subset(np.zeros(0, np.int64)), settings, Path(folder) / "run", progress=True)
        poses = predict_animals(result.network, FrameStore(test, whole_view(test)), np.arange(len(test)))
    truth = test.points[:, 0, 0]
    kept = ~np.isnan(truth).any(1)
    found = measure(poses[kept, 0, 0, :2].astype(np.float64), truth[kept])
    print(json.dumps(found) if options.json else json.dumps(found, indent=1))


def _fixed(point: NDArray[np.float64]) -> tuple[int, int]:
    x, y = np.rint(point * (1 << SHIFT)).astype(int).tolist()
    return x, y


if __name__ == "__main__":
    main()
