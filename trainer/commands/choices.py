"""What several commands ask for in the same words: a parser with its example, the split, the engine."""

import argparse
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from trainer.split import SplitChoice

if TYPE_CHECKING:
    from trainer.evaluate import EngineChoice

HEADS = ("heatmap", "xy", "trackrat", "resnet18")

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  # argparse has no public name for it


def add_command(
    commands: Commands, name: str, *, call: Callable[[argparse.Namespace], int], text: str, example: str
) -> argparse.ArgumentParser:
    """A subcommand whose help ends in an example; `call` carries it out and returns the exit status."""
    made: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text, epilog=f"example: {example}")
    made.set_defaults(call=call)
    return made


def add_split(parser: argparse.ArgumentParser) -> None:
    """Options that say what is held out."""
    split = parser.add_argument_group("what is held out (a synthetic set has its own split)")
    split.add_argument("--folds", type=int, default=5, help="each video is cut into so many blocks of time (%(default)s)")
    split.add_argument("--fold", type=int, help="which block is held out, from 0 (the middle one)")
    split.add_argument("--hold-out", nargs="+", metavar="VIDEO", help="hold out whole videos or animals instead")
    split.add_argument("--random-split", type=float, metavar="SHARE", help="hold out random frames instead; neighbouring frames leak")
    split.add_argument("--no-held-out", action="store_true", help="learn from every frame; nothing then says how good it is")


def split_choice(options: argparse.Namespace) -> SplitChoice:
    """The split that was asked for with the options of `add_split`."""
    return SplitChoice(
        fold=options.fold,
        folds=options.folds,
        groups=tuple(options.hold_out or ()),
        random_fraction=options.random_split,
        seed=options.seed,
        everything=options.no_held_out,
    )


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Options that say what a bundle is run on."""
    parser.add_argument("--runtime", choices=("openvino", "tensorrt"), default="openvino")
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16", "int8"), default="fp32")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="CPU cores (%(default)s)")
    parser.add_argument("--gpu", type=int, default=0, help="device number (%(default)s)")


def engine_choice(options: argparse.Namespace) -> "EngineChoice":
    """What was asked for with the options of `add_engine`."""
    from trainer.evaluate import EngineChoice

    return EngineChoice(runtime=options.runtime, precision=options.precision, threads=options.threads, gpu=options.gpu)
