"""Pollen on bees from images alone: five blocks of frames, each held out once, no weights from elsewhere; and with red and blue swapped.

    python bench/pollen_bees.py [--data ../shared/data/pollen_bees] [--epochs 40] [--seeds 0 1 2] [--only 1 2]

Prints a line for each block, one for each seed, and the mean; beside it the commonest class, a rule by hand (enough yellow), and boosted
trees on plain features of the images (`--only-rows`: these alone, in seconds), and whether one is better than another: images in a row are
drawn together, in pairs. The block after the one that is held out validates: its accuracy is what
settings are chosen by. Trainings that --out holds are used again. Data: github.com/piperod/PollenDataset, in folders by class where a name
begins with P or NP.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pollen_rule import choose_rule, yellow
from rich.console import Console

from tracker.bundle import read_bundle
from tracker.classifiers.open_classifier import open_classifier
from trainer.behaviour.blocks import BLOCKS
from trainer.behaviour.boosted_trees import NAME, missing_library
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour.table_rows import Part
from trainer.behaviour_scores.behaviour_score import always_the_commonest
from trainer.behaviour_scores.intervals import compare_f1
from trainer.behaviour_scores.scored_answers import TRIVIAL
from trainer.behaviour_scores.scored_video import Said, ScoredVideo
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
RULE_ROW = "the rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What is said of the images of a block, and how many are right with red and blue swapped; and the share of the validating block."""

    answer: ScoredVideo
    swapped: int
    validation: float
    ece: float

    @property
    def images(self) -> int:
        """How many."""
        return len(self.answer.truth)

    @property
    def right(self) -> int:
        """Of these, whose class is found."""
        return right([self.answer])


def main() -> None:
    """Train five times for each seed and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/pollen_bees"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "pollen_bees")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", type=int, nargs="+", default=list(range(1, BLOCKS + 1)), help="blocks (all)")
    parser.add_argument("--average-mirrors", action="store_true", help="answer with the mean over an image and its mirrored ones")
    parser.add_argument("--contrast", action="store_true", help="bring every image to one mean and deviation")
    parser.add_argument("--brightness", type=float, default=0.1, help="of the augmentation (%(default)s)")
    parser.add_argument("--only-rows", action="store_true", help="train no network")
    parser.add_argument("--proof", type=int, default=1000, help="images carried beside torch, at most (%(default)s)")
    parser.add_argument("--drawn-together", type=int, default=12, help="images, since neighbours show the same bee (%(default)s)")
    options = parser.parse_args()
    folder = options.out / "bees"
    if not folder.exists():
        by_class(options.data / "images", folder)
    whole = read_image_videos(folder, RegionAsked(size=SIZE), asked=ReadOptions(), classes=ClassesAsked())
    networks = {} if options.only_rows else {f"seed {seed}": of_seed(options, folder, whole, seed) for seed in options.seeds}
    if networks:
        accuracies = [right(answers) / images(answers) for answers in networks.values()]
        print(f"all: accuracy {np.mean(accuracies):.4f}, mean of {len(accuracies)}")
    rows = rows_beside(whole, options.only)
    for name, answers in rows.items():
        each = ", ".join(f"{right([one]) / images([one]):.3f}" for one in answers)
        print(f"{name}: {images(answers)} images, accuracy {right(answers) / images(answers):.4f} (blocks {each})")
    print(
        "\n".join(
            [*compared(rows | networks, list(networks), options.drawn_together), *([absent] if (absent := missing_library()) else [])]
        )
    )


def of_seed(options: argparse.Namespace, folder: Path, whole: ImageVideos, seed: int) -> list[ScoredVideo]:
    """Hold out each block once, print, and return what is said of them."""
    settings = ImageSettings(
        epochs=options.epochs,
        patience=options.epochs,
        upside_down=True,
        average_mirrors=options.average_mirrors,
        contrast=options.contrast,
        brightness=options.brightness,
        seed=seed,
    )
    blocks = []
    for block in options.only:
        one = held_out(folder, options.out, whole, block, settings, proof=options.proof)
        blocks.append(one)
        print(
            f"seed {seed} block {block}: {one.images} images, accuracy {one.right / one.images:.3f}, calibration error {one.ece:.3f}; "
            f"red and blue swapped {one.swapped / one.images:.3f}; validating block {one.validation:.3f}",
            flush=True,
        )
    answers = [one.answer for one in blocks]
    ece, validation = np.mean([(one.ece, one.validation) for one in blocks], axis=0)
    print(
        f"seed {seed}: {images(answers)} images, accuracy {right(answers) / images(answers):.4f}, mean calibration error {ece:.3f}; "
        f"red and blue swapped {sum(one.swapped for one in blocks) / images(answers):.4f}; validating blocks {validation:.4f}",
        flush=True,
    )
    return answers


def rows_beside(whole: ImageVideos, only: Sequence[int]) -> dict[str, list[ScoredVideo]]:
    """The commonest class, the rule chosen on the other four blocks, and trees that learn from three and stop by the one after it."""
    pollen = whole.class_names.index("pollen")
    by_rule, by_trees = [], []
    for block in only:
        video, others = whole.videos[block - 1], [one for place, one in enumerate(whole.videos, 1) if place != block]
        on = yellow(choose_rule(others, pollen), video)
        by_rule.append(answer(whole, video, np.stack([on if place == pollen else ~on for place in range(2)], axis=1)))
        if missing_library() is None:
            by_trees.append(of_trees(whole, block))
    rows = {TRIVIAL: always_the_commonest(by_rule), RULE_ROW: by_rule}
    return rows | ({NAME: by_trees} if by_trees else {})


def of_trees(whole: ImageVideos, block: int) -> ScoredVideo:
    """What trees say of a block that learnt from three others, the number of rounds coming from the one after it."""
    parts: dict[int, Part] = {block: "test", block % BLOCKS + 1: "validation"}
    videos = tuple(replace(video, part=parts.get(place, "train")) for place, video in enumerate(whole.videos, 1))
    trees = train_image_reference(replace(whole, videos=videos), ImageSettings(), say=lambda _: None)
    return answers_to_images(trees, [videos[block - 1]])[0]


def compared(answers: dict[str, list[ScoredVideo]], networks: Sequence[str], drawn_together: int) -> list[str]:
    """Each against the plainer ones, in a sentence."""
    pairs = [(TRIVIAL, RULE_ROW), (RULE_ROW, NAME), *((beside, network) for network in networks for beside in (RULE_ROW, NAME))]
    there = [pair for pair in pairs if set(pair) <= set(answers)]
    return [compare_f1(pair, answers[pair[0]], answers[pair[1]], block_s=drawn_together).sentence for pair in there]


def images(answers: Sequence[ScoredVideo]) -> int:
    """How many."""
    return sum(len(one.truth) for one in answers)


def right(answers: Sequence[ScoredVideo]) -> int:
    """Images whose class is found."""
    return sum(int((one.said == one.true).all(axis=1).sum()) for one in answers)


def answer(whole: ImageVideos, video: ImageVideo, said: Said) -> ScoredVideo:
    """These decisions about a block."""
    return ScoredVideo(
        name=video.name,
        class_names=whole.class_names,
        truth=video.marks,
        said=said,
        probabilities=None,
        fps=video.fps,
        in_time=video.in_time,
    )


def held_out(folder: Path, out: Path, whole: ImageVideos, block: int, settings: ImageSettings, *, proof: int) -> Block:
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
    video, validates = whole.videos[block - 1], whole.videos[validating - 1]
    accuracy = read_bundle(bundle).description.behaviour.accuracy  # type: ignore[union-attr]  # a behaviour's bundle has it
    return Block(
        answer=of_network(bundle, whole, video, video.images),
        swapped=right([of_network(bundle, whole, video, video.images[..., ::-1])]),
        validation=right([of_network(bundle, whole, validates, validates.images)]) / len(validates.images),
        ece=accuracy.calibration_error if accuracy.calibration_error is not None else float("nan"),
    )


def by_class(images: Path, folder: Path) -> None:
    """A folder of folders with links to the images."""
    for prefix, name in CLASSES.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for path in images.glob(f"{prefix}[0-9]*.jpg"):
            (folder / name / path.name).symlink_to(path.resolve())


def of_network(bundle: Path, whole: ImageVideos, video: ImageVideo, shown: NDArray[np.uint8]) -> ScoredVideo:
    """What a bundle says of these images of a block, the likelier class."""
    engine = open_classifier(read_bundle(bundle)).engine
    likelier = np.stack([engine.step(image, 0.0) for image in shown]).argmax(axis=1)
    return answer(whole, video, likelier[:, None] == np.arange(len(whole.class_names)))


if __name__ == "__main__":
    main()
