"""`trainer diagnose`: is there anything wrong with labels, network or settings, before hours go into training?"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from trainer.commands.absent_gpu import refuse_absent_gpu
from trainer.commands.choices import Commands, add_augmentation, add_command, add_empty, augment_settings
from trainer.networks.names import HEADS

if TYPE_CHECKING:
    from trainer.labels.finding_lines import OddLabels
    from trainer.labels.labelled_frames import LabelledFrames
    from trainer.training.augment import AugmentSettings


FINDINGS_FILE = "labels.txt"


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "diagnose",
        call=diagnose,
        text="Look for faults in labels, check that the network can memorise a few frames, and find a learning rate.",
        example="trainer diagnose --data project --out diagnosis",
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="labels, as for `trainer fit`; several are joined")
    add_empty(parser)
    parser.add_argument(
        "--out", type=Path, help="folder for every finding about the labels, and the picture of the learning-rate range test"
    )
    parser.add_argument(
        "--labels-only",
        action="store_true",
        help="check the labels, say which augmentation they would be trained with, and train nothing",
    )
    parser.add_argument(
        "--permuted", action="store_true", help="also try to memorise the few frames with each other's labels, dealt out at random"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="of each short training (400 to memorise, 100 to raise the learning rate)")
    parser.add_argument("--network", default="compact", help="(%(default)s)")
    parser.add_argument("--head", choices=HEADS, default="heatmap", help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (%(default)s)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "gpu"))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_augmentation(parser)


def diagnose(options: argparse.Namespace) -> int:
    """Print one sentence for each finding; exit status 1 if the network cannot memorise a few frames."""
    from trainer.formats.read_labels import read_and_join
    from trainer.labels.checks import check_labels
    from trainer.labels.finding_lines import odd_labels
    from trainer.labels.network_input import sizes_sentence
    from trainer.training.augmentation_choice import augmentation_in_force
    from trainer.whole_files import refuse_unwritable

    if not options.labels_only:
        refuse_absent_gpu(options.device)
    if options.out is not None:
        refuse_unwritable(options.out, option="--out")
    frames = read_and_join(options.data, options.empty)
    asked = augment_settings(options)
    found = check_labels(frames, pairs=asked.pairs)
    augmentation = augmentation_in_force(asked, frames).sentences
    sizes = sizes_sentence(frames)
    answer: dict[str, object] = {
        "frames": len(frames),
        "findings": [{"kind": one.kind, "sentence": one.sentence} for one in found],
        "augmentation": augmentation,
        "sizes": sizes,
    }
    sentences = _of_labels(odd_labels(found), options.out) or [f"{len(frames)} labelled frames: nothing odd about the labels"]
    sentences += [*augmentation, *([sizes] if sizes else [])]
    passed = True
    if not options.labels_only:
        trained, figures = _by_training(options, frames, asked)
        passed = bool(figures["passed"])
        sentences += trained
        answer |= figures
    print(json.dumps(answer) if options.json else "\n".join(sentences))
    return 0 if passed else 1


def _of_labels(odd: "OddLabels", out: Path | None) -> list[str]:
    """Lines about the labels; where they stand for several findings each, those go into the folder, if one is given."""
    from trainer.whole_files import replace_files

    if odd.gathered is None:
        return list(odd.lines)
    if out is None:
        return [*odd.lines, f"{odd.gathered}; --json or --out FOLDER gives every one"]
    replace_files(out, {FINDINGS_FILE: "\n".join([*odd.each, ""]).encode()}, what="what is odd about the labels")
    return [*odd.lines, f"{odd.gathered}; every one is in {out / FINDINGS_FILE}"]


def _by_training(
    options: argparse.Namespace, frames: "LabelledFrames", asked: "AugmentSettings"
) -> tuple[list[str], dict[str, float | bool | None]]:
    """What short trainings tell, as sentences and as figures."""
    from trainer.training.fit_settings import FitSettings
    from trainer.training.learning_rate_range import STEPS as RATES
    from trainer.training.learning_rate_range import draw_range, find_rate_range
    from trainer.training.memorise import STEPS, memorise

    settings = FitSettings(network=options.network, head=options.head, seed=options.seed, accelerator=options.device, augment=asked)
    talk, steps = Console(stderr=True), options.steps or STEPS
    with talk.status("memorising a few frames"):
        known = memorise(frames, settings, steps=steps)
    sentences, figures = [known.sentence], {"by_heart_px": known.px, "passed": known.passed}
    if options.permuted:
        with talk.status("memorising them with each other's labels"):
            dealt_out = memorise(frames, settings, steps=steps, permuted=True)
        sentences.append(dealt_out.sentence)
        figures |= {"permuted_px": dealt_out.px, "permuted_memorised": dealt_out.passed}
    with talk.status("raising the learning rate"):
        rates = find_rate_range(frames, settings, steps=options.steps or RATES)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        draw_range(rates, options.out / "learning_rate.png")
    return [*sentences, rates.sentence], {**figures, "learning_rate": rates.fastest, "breaks_at": rates.broken}
