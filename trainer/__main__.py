"""The `trainer` command: labels in, engine bundle out. Results on stdout, talk on stderr; exit 0 done, 1 failed, 2 wrong usage."""

import argparse
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from tracker.bundle import read_bundle
from tracker.command import carry_out
from trainer.compile import compile_engine
from trainer.evaluate import EngineChoice, Evaluation, evaluate
from trainer.labels.read_labels import read_labels
from trainer.render import Look, render, write_strip
from trainer.split import SplitChoice
from trainer.synth import write_synthetic_set

logger = logging.getLogger("trainer")
talk = Console(stderr=True)

HEADS = ("heatmap", "xy", "trackrat", "resnet18")


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand and return the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s: %(message)s")
    return carry_out(options, program="trainer", interrupted="stopped by hand; the same command goes on where it was")


def _fit(options: argparse.Namespace) -> int:
    from trainer.fit import FitSettings  # only training needs torch; the other commands start without it
    from trainer.make_bundle import make_bundle

    given = {"epochs": options.epochs, "patience": options.patience, "learning_rate": options.learning_rate, "batch": options.batch}
    settings = FitSettings(
        head=options.head,
        seed=options.seed,
        minutes=options.minutes,
        accelerator=options.device,
        precision=options.precision,
        **{name: value for name, value in given.items() if value is not None},
    )
    made = make_bundle(options.data, options.out, settings, split=_split(options), console=talk)
    if options.json:
        print(json.dumps(made.as_json()))
    else:
        print(made.sentence)
    return 0


def _split(options: argparse.Namespace) -> SplitChoice:
    return SplitChoice(
        fold=options.fold,
        folds=options.folds,
        groups=tuple(options.hold_out or ()),
        random_fraction=options.random_split,
        seed=options.seed,
        everything=options.no_held_out,
    )


def _evaluate(options: argparse.Namespace) -> int:
    evaluation = evaluate(read_bundle(options.bundle), read_labels(options.data), engine=_engine(options), console=talk)
    if options.json:
        print(json.dumps(evaluation.as_json()))
        return 0
    _print_evaluation(evaluation)
    return 0


def _print_evaluation(evaluation: Evaluation) -> None:
    values = evaluation.as_json()
    for name in ("mean_px", "median_px", "p95_px", "rms_distance_px", "r2", "frames", "runtime", "precision"):
        print(f"{name:<18} {values[name]}")
    for limit, share in values["within_px"].items():
        print(f"within {limit:>2} px       {share:.1%}")
    for point, spread in values["per_point"].items():
        print(f"{point:<18} mean {spread['mean_px']:.2f}  median {spread['median_px']:.2f}  p95 {spread['p95_px']:.2f} px")
    for name, value in values["baseline"].items():
        print(f"baseline {name:<18} {value}")


def _render(options: argparse.Namespace) -> int:
    bundle, engine = read_bundle(options.bundle), _engine(options)
    look = Look(confidence=options.confidence, legend=True)
    if options.strip:
        write_strip(options.video, bundle, options.strip, out=options.out, engine=engine, look=look)
    else:
        truth = read_labels(options.truth) if options.truth else None
        frames = render(options.video, bundle, truth=truth, out=options.out, engine=engine, look=look, console=talk)
        talk.print(f"{frames} frames")
    print(options.out)
    return 0


def _compile(options: argparse.Namespace) -> int:
    compiled = compile_engine(read_bundle(options.bundle), precision=options.precision, gpu=options.gpu, say=talk.print)
    print(f"{compiled.runtime} on {compiled.device}, {compiled.precision}: {compiled.folder}")
    return 0


def _synth(options: argparse.Namespace) -> int:
    write_synthetic_set(
        options.out,
        scene=options.scene,
        count=options.count,
        seed=options.seed,
        width=options.width,
        height=options.height,
        rectangles=options.domain,
    )
    print(options.out)
    return 0


def _engine(options: argparse.Namespace) -> EngineChoice:
    return EngineChoice(runtime=options.runtime, precision=options.precision, threads=options.threads, gpu=options.gpu)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trainer", description="Turn labelled frames into an engine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, call: Any, text: str, example: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, epilog=f"example: {example}")
        made.set_defaults(call=call)
        return made

    _add_fit(
        command("fit", _fit, "Train on labelled frames and write a bundle with its report.", "trainer fit --data project --out models/mine")
    )
    evaluation = command("evaluate", _evaluate, "Score a bundle on labelled frames.", "trainer evaluate models/mine --data project --json")
    evaluation.add_argument("bundle", type=Path)
    evaluation.add_argument(
        "--data", type=Path, required=True, help="DeepLabCut project or CSV, SLEAP .slp, COCO .json, or a synthetic set"
    )
    evaluation.add_argument("--json", action="store_true", help="print one JSON object")
    _add_engine(evaluation)
    rendering = command(
        "render", _render, "Draw a bundle's key points on a video.", "trainer render run.mp4 --bundle models/mine --out overlay.mp4"
    )
    rendering.add_argument("video", type=Path)
    rendering.add_argument("--bundle", type=Path, required=True)
    rendering.add_argument("--out", type=Path, required=True)
    rendering.add_argument("--truth", type=Path, help="labels of this video, drawn in red")
    rendering.add_argument("--confidence", type=float, default=0.3, help="points below are not drawn (%(default)s)")
    rendering.add_argument("--strip", type=int, nargs="+", metavar="FRAME", help="write these frames side by side as one PNG instead")
    _add_engine(rendering)
    compilation = command("compile", _compile, "Build a bundle's GPU engine ahead of time.", "trainer compile models/mine --precision fp16")
    compilation.add_argument("bundle", type=Path)
    compilation.add_argument("--precision", choices=("fp32", "fp16", "int8"), default="fp16")
    compilation.add_argument("--gpu", type=int, default=0, help="device number (%(default)s)")
    _add_synth(
        command("synth", _synth, "Write a labelled synthetic set.", "trainer synth --out data --scene rectangles --domain 3 --count 10000")
    )
    return parser


def _add_fit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="DeepLabCut project or CSV, SLEAP .slp, COCO .json, or a synthetic set")
    parser.add_argument("--out", type=Path, required=True, help="folder for the bundle; the run is kept beside it in OUT.run")
    parser.add_argument("--minutes", type=float, help="longest training time; without it and --epochs, a fixed number of epochs")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and augmentation (%(default)s)")
    parser.add_argument("--head", choices=HEADS, default="heatmap", help="how coordinates are found (%(default)s)")
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--patience", type=int, help="stop after so many epochs without an improvement of 1 %%")
    parser.add_argument("--precision", choices=("auto", "32", "bf16"), default="auto", help="of the training's arithmetic (%(default)s)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "gpu"))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    split = parser.add_argument_group("what is held out (a synthetic set has its own split)")
    split.add_argument("--folds", type=int, default=5, help="each video is cut into so many blocks of time (%(default)s)")
    split.add_argument("--fold", type=int, help="which block is held out, from 0 (the middle one)")
    split.add_argument("--hold-out", nargs="+", metavar="VIDEO", help="hold out whole videos or animals instead")
    split.add_argument("--random-split", type=float, metavar="SHARE", help="hold out random frames instead; neighbouring frames leak")
    split.add_argument("--no-held-out", action="store_true", help="learn from every frame; nothing then says how good it is")


def _add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runtime", choices=("openvino", "tensorrt"), default="openvino")
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16", "int8"), default="fp32")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="CPU cores (%(default)s)")
    parser.add_argument("--gpu", type=int, default=0, help="device number (%(default)s)")


def _add_synth(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scene", choices=("rodent", "rectangles"), default="rodent")
    parser.add_argument("--count", type=int, default=400, help="images (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    parser.add_argument("--width", type=int, default=224, help="(%(default)s)")
    parser.add_argument("--height", type=int, default=224, help="(%(default)s)")
    parser.add_argument("--domain", type=int, default=3, help="rectangles an image, for that scene (%(default)s)")


if __name__ == "__main__":
    sys.exit(main())
