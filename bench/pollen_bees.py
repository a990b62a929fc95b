"""Pollen on bees from images alone: five blocks of frames, each held out once, no weights from elsewhere; and with red and blue swapped.

    python bench/pollen_bees.py [--data ../shared/data/pollen_bees] [--epochs 25] [--only 1 2]

Prints a line for each block and one for all. Data: github.com/piperod/PollenDataset, in folders by class where a name begins with P or NP.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console

from tracker.bundle import read_bundle
from tracker.classifiers.open_classifier import open_classifier
from trainer.ethogram.bouts import YES
from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.image_request import ImageRequest
from trainer.image_behaviour.image_videos import BLOCKS
from trainer.image_behaviour.make_image_bundle import make_image_bundle
from trainer.image_behaviour.read_images import read_image_videos
from trainer.image_behaviour.region import RegionAsked
from trainer.image_behaviour.settings import ImageSettings

SIZE = (54, 90)
CLASSES = {"NP": "without", "P": "pollen"}


def main() -> None:
    """Train five times and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/pollen_bees"))
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--only", type=int, nargs="+", default=list(range(1, BLOCKS + 1)), help="blocks (all)")
    parser.add_argument("--proof", type=int, default=1000, help="images carried beside torch, at most (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = by_class(options.data / "images", Path(place) / "bees")
        right, swapped, all_frames, errors = 0.0, 0.0, 0, []
        for block in options.only:
            out = Path(place) / f"block-{block}"
            settings = ImageSettings(epochs=options.epochs, patience=options.epochs, upside_down=True)
            made = make_image_bundle(
                ImageRequest(
                    data=folder,
                    out=out,
                    region=RegionAsked(size=SIZE),
                    settings=settings,
                    asked=ReadOptions(),
                    test=(f"block {block}",),
                    validation=(f"block {block % BLOCKS + 1}",),
                    proved_frames=options.proof,
                ),
                Console(quiet=True),
            )
            frames, found, other = accuracies(out, folder, block)
            score = made.run.scores[0]
            ece = score.calibration.ece if score.calibration is not None else float("nan")
            errors.append(ece)
            right, swapped, all_frames = right + found * frames, swapped + other * frames, all_frames + frames
            print(
                f"block {block}: {frames} images, accuracy {found:.3f}, macro-F1 {score.macro_f1:.3f}, calibration error {ece:.3f}; "
                f"red and blue swapped {other:.3f}",
                flush=True,
            )
        print(
            f"all: {all_frames} images, accuracy {right / all_frames:.4f}, mean calibration error {np.mean(errors):.3f}; "
            f"red and blue swapped {swapped / all_frames:.4f}"
        )


def by_class(images: Path, folder: Path) -> Path:
    """A folder of folders with links to the images."""
    for prefix, name in CLASSES.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for path in images.glob(f"{prefix}[0-9]*.jpg"):
            (folder / name / path.name).symlink_to(path.resolve())
    return folder


def accuracies(bundle: Path, folder: Path, block: int) -> tuple[int, float, float]:
    """Images of the block, and the share whose likelier class is right: as they are, and with red and blue swapped."""
    opened = open_classifier(read_bundle(bundle))
    videos = read_image_videos(folder, RegionAsked(size=SIZE), asked=ReadOptions(), classes=ClassesAsked())
    video = videos.videos[block - 1]
    truth = (video.marks == YES).argmax(axis=1)
    shares = []
    for images in (video.images, video.images[..., ::-1]):
        answers = np.stack([opened.engine.step(image, 0.0) for image in images])
        shares.append(float((answers.argmax(axis=1) == truth).mean()))
    return len(truth), shares[0], shares[1]


if __name__ == "__main__":
    main()
