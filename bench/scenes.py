"""Key points in several groups: two synthetic scenes with exact truth, beside the same network on each group alone.

`mirror` shows one animal from the side and from below; `reach` a hand, a tongue and a joystick that are mostly absent. Each scene
is trained as `trainer fit` would, and then the points of each group as a set of their own: a compact animal, seen at the same
resolution by the same network for as many steps. Absent points are told from present ones by confidence (area under the ROC
curve). Every run is kept, and the table is made from what is stored.

With --confidence the network of all points gets its map of confidences from the set's validation part, as in `trainer fit`, and is
judged on that many other images of the scene, absent points among them.

--size makes the scene's pictures of another size, and --labels learns from that many of its images, as a lab with few labels would;
either has a folder of its own below --out.

    python bench/scenes.py --epochs 12 --json
    python bench/scenes.py --epochs 5 --runs together --confidence 300
    python bench/scenes.py --only mirror --size 396 406 --labels 32 --epochs 7
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from tracker.frame import Image
from tracker.synthetic.open_scene import SceneName
from trainer.formats.read_labels import read_labels
from trainer.formats.synthetic_set import own_parts
from trainer.formats.write_synthetic_set import write_synthetic_set
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import whole_view
from trainer.networks.blocks import FrameShape, to_planes
from trainer.networks.grouped import Grouped
from trainer.networks.groups import find_groups
from trainer.scoring.confidence_map import fit_confidence
from trainer.scoring.correct_radius import usual_radii
from trainer.scoring.reliability import judge, reliability
from trainer.training.augment import AugmentSettings
from trainer.training.checkpoint import CHECKPOINTS, LAST, load_network
from trainer.training.datasets import FrameStore
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings
from trainer.training.predict import predict_animals
from trainer.training.seen_points import point_groups

# two views are neither mirrored nor turned far: they would change places
AUGMENT = {"mirror": AugmentSettings(flip=0.0, rotation_deg=10.0), "reach": AugmentSettings()}
COLOURS = ((80, 220, 80), (60, 160, 255), (255, 160, 60))  # BGR, one a group
GREY = (120, 120, 120)
SURE = 0.5
ROW_PX = 320
SIZES: dict[SceneName, tuple[int, int]] = {"mirror": (256, 256), "reach": (448, 400)}  # width, height


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSet:
    """The images of a scene.

    Attributes:
        scene: its name.
        count: images, a fifth of which are scored.
        labels: so many of the others are learnt from, evenly over the scene; None for all.
        size: width, height in px.
        seed: of the scene.
        out: folder of the set and its runs.
    """

    scene: SceneName
    count: int
    labels: int | None
    size: tuple[int, int]
    seed: int
    out: Path

    def written(self, folder: Path, *, count: int, seed: int) -> LabelledFrames:
        """Images of this scene, made unless they are there."""
        if not folder.exists():
            width, height = self.size
            write_synthetic_set(folder, scene=self.scene, count=count, seed=seed, width=width, height=height, rectangles=1)
        return read_labels(folder)

    @property
    def folder(self) -> Path:
        """Where the images to learn from and to score lie."""
        return self.out / f"{self.scene}.set"


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
    present = np.asarray(~np.isnan(truth).any(-1))
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
    }


def confidence(images: SceneSet, *, count: int) -> dict[str, Any]:
    """Is a confidence the chance of being right? On images of another seed of the scene, before and after the map."""
    frames = images.written(images.folder, count=images.count, seed=images.seed)
    new = images.written(images.out / f"{images.scene}-others-{count}.set", count=count, seed=images.seed + 1)
    parts = own_parts(images.folder, frames)
    if parts is None:
        raise FileNotFoundError(images.folder)
    held_out, within = frames.subset(parts.validation), usual_radii(frames, None, point_groups(frames.subset(parts.train)))
    network, _ = load_network(images.out / f"{images.scene}-together" / CHECKPOINTS / LAST)
    answered = [predict_animals(network, FrameStore(one, whole_view(one)), np.arange(len(one))) for one in (held_out, new)]
    found = fit_confidence(answered[0], held_out, within_px=within.array)
    points = judge(answered[1], new, within_px=within.array)
    after = found.of(points)
    gone = new.hidden[points.frame, 0, points.point]
    return {
        "within_px": within.px,
        "within": within.words,
        "detail": found.detail,
        "points": len(points.right),
        "absent": int(gone.sum()),
        "before": reliability(points.confidence, points.right, within_px=within.array).error,
        "after": reliability(after, points.right, within_px=within.array).error,
        "absent_above_half": int((after[gone] > SURE).sum()),
    }


def measure(images: SceneSet, settings: FitSettings, *, runs: list[str] | None) -> dict[str, Any]:
    """A scene together and group by group; a run that was finished before is not repeated, one that was stopped goes on."""
    frames = images.written(images.folder, count=images.count, seed=images.seed)
    parts = own_parts(images.folder, frames)
    if parts is None:
        raise FileNotFoundError(images.folder)
    train_part = parts.train
    if images.labels is not None:
        train_part = train_part[np.linspace(0, len(train_part) - 1, min(images.labels, len(train_part))).round().astype(np.int64)]
    learnt, scored = frames.subset(train_part), frames.subset(np.concatenate([parts.validation, parts.test]))
    width, height = images.size
    groups = find_groups(learnt.points[:, 0], FrameShape(height=height, width=width, channels=1))
    wanted = {"together": tuple(range(len(frames.point_names)))} | {str(number): group for number, group in enumerate(groups)}
    found: dict[str, Any] = {}
    for name, points in wanted.items():
        folder = images.out / f"{images.scene}-{name}"
        figures = folder / "figures.json"
        if not figures.exists() and (runs is None or name in runs):
            made = train(
                points_alone(learnt, points), points_alone(scored, points), replace(settings, augment=AUGMENT[images.scene]), folder
            )
            figures.write_text(json.dumps(made))
        if figures.exists():
            found[name] = json.loads(figures.read_text())
    return found


@torch.no_grad()
def picture(out: Path, scenes: Sequence[str], *, shown: int = 3) -> Image:
    """A few scored frames of each scene with the crops that were taken and the points that were found with a confidence above 0.5."""
    rows = []
    for scene in scenes:
        network, _ = load_network(out / f"{scene}-together" / CHECKPOINTS / LAST)
        if not isinstance(network, Grouped):
            raise TypeError(f"expected a Grouped, got a {type(network).__name__}")
        frames, tiles = read_labels(out / f"{scene}.set"), []
        for index in range(len(frames) - shown, len(frames)):
            image = frames.read(index)
            planes = to_planes(torch.from_numpy(image).reshape(1, *image.shape[:2], -1)[..., :1])
            left, top = network.corners(network.search(planes))
            poses = network(planes.permute(0, 2, 3, 1).to(torch.uint8))[0, 0].numpy()
            tile = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image[:, :, ::-1].copy()
            sure = [bool((poses[list(group.points), 2] > SURE).any()) for group in network.groups]
            for number in sorted(range(len(sure)), key=lambda number: sure[number]):
                group, colour = network.groups[number], COLOURS[number % len(COLOURS)]
                x, y = int(left[0, number]), int(top[0, number])
                cv2.rectangle(tile, (x, y), (x + group.crop.width, y + group.crop.height), colour if sure[number] else GREY, 1)
                for point in group.points:
                    if poses[point, 2] > SURE:
                        cv2.circle(tile, (round(float(poses[point, 0])), round(float(poses[point, 1]))), 4, colour, 1, cv2.LINE_AA)
            tiles.append(cv2.resize(tile, None, fx=(scale := ROW_PX / tile.shape[0]), fy=scale, interpolation=cv2.INTER_AREA))
        rows.append(np.hstack(tiles))
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 6), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    return np.asarray(np.vstack(padded), np.uint8)


def ratios(found: dict[str, Any]) -> dict[str, float]:
    """Error of each group's points together with the others over their error alone."""
    if "together" not in found:
        return {}
    whole = found["together"]["per_point"]
    return {
        ", ".join(one["per_point"]): float(np.mean([whole[point] for point in one["per_point"]]))
        / float(np.mean(list(one["per_point"].values())))
        for name, one in found.items()
        if name != "together"
    }


def _scene_set(scene: SceneName, options: argparse.Namespace) -> SceneSet:
    own = [f"{options.size[0]}x{options.size[1]}"] if options.size else []
    own += [f"{options.labels}-labels"] if options.labels else []
    return SceneSet(
        scene=scene,
        count=options.count,
        labels=options.labels,
        size=tuple(options.size or SIZES[scene]),
        seed=options.seed,
        out=options.out.joinpath(*own),
    )


def main() -> None:
    """Train what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "scenes")
    parser.add_argument("--only", choices=tuple(SIZES), nargs="+", default=tuple(SIZES))
    parser.add_argument("--runs", nargs="+", help="together, or numbers of groups (all)")
    parser.add_argument("--count", type=int, default=300, help="frames, a fifth of which are scored (%(default)s)")
    parser.add_argument("--labels", type=int, metavar="N", help="learn from N of the other frames (all)")
    parser.add_argument("--size", type=int, nargs=2, metavar=("W", "H"), help="of the scene's pictures in px (each scene has its own)")
    parser.add_argument("--seed", type=int, default=1, help="of the scene (%(default)s)")
    parser.add_argument("--epochs", type=int, default=12, help="(%(default)s)")
    parser.add_argument("--batches", type=int, default=64, help="steps an epoch, at least (%(default)s)")
    parser.add_argument("--picture", type=Path, help="draw what the trained networks answer into this PNG")
    parser.add_argument("--confidence", type=int, metavar="N", help="judge the confidence of the network of all points on N other images")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    settings = FitSettings(epochs=options.epochs, batches=options.batches, workers=0)
    sets = [_scene_set(scene, options) for scene in options.only]
    table = {images.scene: measure(images, settings, runs=options.runs) for images in sets}
    if options.picture:
        cv2.imwrite(str(options.picture), picture(sets[0].out, options.only))
    if options.confidence:
        for images in sets:
            table[images.scene]["together"]["confidence"] = confidence(images, count=options.confidence)
    if options.json:
        print(json.dumps({scene: {"runs": found, "ratios": ratios(found)} for scene, found in table.items()}))
        return
    for scene, found in table.items():
        for name, one in found.items():
            apart = "" if one["auc"] is None else f", absent against present {one['auc']:.3f}"
            print(f"{scene} {name}: mean {one['mean_px']:.2f} px, median {one['median_px']:.2f}, p95 {one['p95_px']:.2f}{apart}")
            if told := one.get("confidence"):
                errors = f"within {told['within']} {told['before']:.3f} before, {told['after']:.3f} after the map ({told['detail']})"
                gone = f"{told['absent']} absent, {told['absent_above_half']} of them above {SURE}"
                print(f"{scene} {name}: calibration error {errors}, {told['points']} points, {gone}")
        for points, ratio in ratios(found).items():
            print(f"{scene}: {points}: together over alone {ratio:.2f}")


if __name__ == "__main__":
    main()
