"""Pollen on bees from images alone: five blocks of frames, each held out once, no weights from elsewhere; and with red and blue swapped.

    python bench/pollen_bees.py [--data ../shared/data/pollen_bees] [--epochs 40] [--seeds 0 1 2] [--only 1 2]

Prints a line for each block, one for each seed, and the mean; beside it boosted trees on plain features of the images
(`--only-trees`: these alone, in seconds). The block after the one that is held out validates: its accuracy is what
settings are chosen by. Trainings that --out holds are used again. Data: github.com/piperod/PollenDataset, in folders by class where a name
begins with P or NP.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from tracker.bundle import read_bundle
from tracker.classifiers.open_classifier import open_classifier
from trainer.behaviour.blocks import BLOCKS
from trainer.behaviour.boosted_trees import NAME, missing_library
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour.table_rows import Part
from trainer.ethogram.bouts import YES
from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.image_reference import answers_to_images, train_image_reference
from trainer.image_behaviour.image_request import ImageRequest
from trainer.image_behaviour.image_videos import ImageVideo, ImageVideos
from trainer.image_behaviour.make_image_bundle import make_image_bundle
from trainer.image_behaviour.read_images import read_image_videos
from trainer.image_behaviour.region import RegionAsked
from trainer.image_behaviour.settings import ImageSettings

SIZE = (54, 90)
CLASSES = {"NP": "without", "P": "pollen"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """How many images of a block are right: as they are, and with red and blue swapped; and the share of the validating block."""

    images: int
    right: int
    swapped: int
    validation: float
    ece: float


def main() -> None:
    """Train five times for each seed and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/pollen_bees"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "pollen_bees")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", type=int, nargs="+", default=list(range(1, BLOCKS + 1)), help="blocks (all)")
    parser.add_argument("--average-mirrors", action="store_true", help="answer with the mean over an image and its mirrored ones")
    parser.add_argument("--contrast", action="store_true", help="bring every image to one mean and deviation")
    parser.add_argument("--brightness", type=float, default=0.1, help="of the augmentation (%(default)s)")
    parser.add_argument("--only-trees", action="store_true", help="train no network")
    parser.add_argument("--proof", type=int, default=1000, help="images carried beside torch, at most (%(default)s)")
    options = parser.parse_args()
    folder = options.out / "bees"
    if not folder.exists():
        by_class(options.data / "images", folder)
    whole = read_image_videos(folder, RegionAsked(size=SIZE), asked=ReadOptions(), classes=ClassesAsked())
    blocks = whole.videos
    accuracies = []
    for seed in [] if options.only_trees else options.seeds:
        settings = ImageSettings(
            epochs=options.epochs,
            patience=options.epochs,
            upside_down=True,
            average_mirrors=options.average_mirrors,
            contrast=options.contrast,
            brightness=options.brightness,
            seed=seed,
        )
        of_seed = []
        for block in options.only:
            one = held_out(folder, options.out, blocks, block, settings, proof=options.proof)
            of_seed.append(one)
            print(
                f"seed {seed} block {block}: {one.images} images, accuracy {one.right / one.images:.3f}, calibration error {one.ece:.3f}; "
                f"red and blue swapped {one.swapped / one.images:.3f}; validating block {one.validation:.3f}",
                flush=True,
            )
        images = sum(one.images for one in of_seed)
        accuracies.append(sum(one.right for one in of_seed) / images)
        ece, validation = np.mean([(one.ece, one.validation) for one in of_seed], axis=0)
        print(
            f"seed {seed}: {images} images, accuracy {accuracies[-1]:.4f}, mean calibration error {ece:.3f}; "
            f"red and blue swapped {sum(one.swapped for one in of_seed) / images:.4f}; validating blocks {validation:.4f}",
            flush=True,
        )
    if accuracies:
        print(f"all: accuracy {np.mean(accuracies):.4f}, mean of {len(accuracies)}")
    print(missing_library() or trees_sentence(whole, options.only), flush=True)


def trees_sentence(whole: ImageVideos, only: Sequence[int]) -> str:
    """How many images of the blocks trees find right that learnt from three others, the number of rounds coming from the one after it."""
    right, images = [], []
    for block in only:
        parts: dict[int, Part] = {block: "test", block % BLOCKS + 1: "validation"}
        videos = tuple(replace(video, part=parts.get(place, "train")) for place, video in enumerate(whole.videos, 1))
        trees = train_image_reference(replace(whole, videos=videos), ImageSettings(), say=lambda _: None)
        [answer] = answers_to_images(trees, [videos[block - 1]])
        right.append(int((answer.said == answer.true).all(axis=1).sum()))
        images.append(len(answer.truth))
    each = ", ".join(f"{one / of:.3f}" for one, of in zip(right, images, strict=True))
    return f"{NAME}: {sum(images)} images, accuracy {sum(right) / sum(images):.4f} (blocks {each})"


def held_out(folder: Path, out: Path, blocks: tuple[ImageVideo, ...], block: int, settings: ImageSettings, *, proof: int) -> Block:
    """Train without a block, unless that was done, and judge by it."""
    validating = block % BLOCKS + 1
    words = [f"{settings.epochs}-epochs", f"seed-{settings.seed}", f"light-{settings.brightness:g}"]
    words += ["mirrors"] * settings.average_mirrors + ["contrast"] * settings.contrast
    bundle = out / f"{'-'.join(words)}-block-{block}"
    if not (bundle / "bundle.json").exists():
        asked = ImageRequest(
            data=folder,
            out=bundle,
            region=RegionAsked(size=SIZE),
            settings=settings,
            asked=ReadOptions(),
            division=DivisionAsked(test=(f"block {block}",), validation=(f"block {validating}",)),
            proved_frames=proof,
            reference=False,
        )
        make_image_bundle(asked, Console(quiet=True))
    video = blocks[block - 1]
    swapped = video.images[..., ::-1]
    accuracy = read_bundle(bundle).description.behaviour.accuracy  # type: ignore[union-attr]  # a behaviour's bundle has it
    return Block(
        images=len(video.images),
        right=right(bundle, video, video.images),
        swapped=right(bundle, video, swapped),
        validation=right(bundle, blocks[validating - 1], blocks[validating - 1].images) / len(blocks[validating - 1].images),
        ece=accuracy.calibration_error if accuracy.calibration_error is not None else float("nan"),
    )


def by_class(images: Path, folder: Path) -> None:
    """A folder of folders with links to the images."""
    for prefix, name in CLASSES.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for path in images.glob(f"{prefix}[0-9]*.jpg"):
            (folder / name / path.name).symlink_to(path.resolve())


def right(bundle: Path, video: ImageVideo, images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> int:
    """Images of a block whose likelier class is theirs."""
    engine = open_classifier(read_bundle(bundle)).engine
    answers = np.stack([engine.step(image, 0.0) for image in images])
    return int((answers.argmax(axis=1) == (video.marks == YES).argmax(axis=1)).sum())


if __name__ == "__main__":
    main()
