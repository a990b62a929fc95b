"""What several commands ask for in the same words: a parser with its example, the split, the engine."""

import argparse
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from trainer.errors import TrainingError
from trainer.labels.split import USUAL_FOLDS, SplitChoice
from trainer.networks.names import BACKBONES, HEADS, MAP_HEADS, NETWORKS, OF_IMAGES, OF_POSES, TIMM, VIEWS
from trainer.networks.usual_training import (
    FORECAST,
    FORECAST_HELD_OUT,
    HELD_OUT_BATCH,
    IMAGES,
    IMAGES_HELD_OUT,
    KEY_POINTS,
    LSTM_RATE,
    POSES,
    PRETRAINED_RATE,
)
from trainer.sentences import sentences_to

if TYPE_CHECKING:
    from rich.console import Console

    from trainer.scoring.engine_choice import EngineChoice
    from trainer.training.augment import AugmentSettings
    from trainer.training.fit_settings import FitSettings

LOSSES = ("cross_entropy", "distance", "mse")

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  # argparse has no public name for it


ANEW = "stopped by hand; the same command begins anew"
NOTHING_KEPT = "stopped by hand; nothing was kept"
GOES_ON = "stopped by hand; the same command goes on where it was"
EPOCHS_KEPT = "stopped by hand; the epochs that were over are kept, and the same command goes on with them"


def add_command(
    commands: Commands, name: str, *, call: Callable[[argparse.Namespace], int], text: str, example: str, interrupted: str = ANEW
) -> argparse.ArgumentParser:
    """A subcommand whose help ends in an example.

    Args:
        commands: of the program.
        name: of the subcommand.
        call: carries it out and returns the exit status.
        text: what it does, one sentence.
        example: one command line.
        interrupted: what to say on Ctrl-C, where the interrupted work says nothing itself.
    """
    made: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text, epilog=f"example: {example}")
    made.set_defaults(call=call, interrupted=interrupted)
    return made


def add_training(parser: argparse.ArgumentParser) -> None:
    """Options that say how to train; one that is not given is left to FitSettings."""
    training = parser.add_argument_group("training")
    training.add_argument("--minutes", type=float, help="longest training time; without it and --epochs, a fixed number of epochs")
    training.add_argument("--epochs", type=int, help=f"longest number of epochs {_usual('epochs')}")
    training.add_argument("--seed", type=int, default=0, help="random seed for weights, order and augmentation (%(default)s)")
    training.add_argument("--learning-rate", type=float, help=f"peak learning rate {_usual('learning_rate', f', {LSTM_RATE:g} with lstm')}")
    training.add_argument(
        "--pretrained-rate",
        type=_share_to_one,
        metavar="SHARE",
        help=f"of the learning rate, for weights that --weights or --refresh brings ({PRETRAINED_RATE:g})",
    )
    training.add_argument("--weight-decay", type=float, help="weight decay; an L2 penalty with --optimiser adam")
    training.add_argument("--optimiser", choices=("adamw", "adam"), help="optimiser (adamw)")
    training.add_argument("--averaging", type=_share, metavar="SHARE", help="of the averaged weights, what each step keeps (0.998)")
    training.add_argument("--batch", type=int, help=f"batch size {_usual('batch')}")
    training.add_argument("--batches", type=int, help="optimiser steps per epoch, at least (128)")
    training.add_argument(
        "--held-out-batch",
        type=int,
        metavar="N",
        help="frames that are answered at a time where nothing is learnt from them, as in validation; only memory and speed depend on it "
        f"({HELD_OUT_BATCH}; of behaviour from poses a whole video, from images {IMAGES_HELD_OUT}, of large ones fewer; of a forecast "
        f"{FORECAST_HELD_OUT}, from pixels as many slices)",
    )
    training.add_argument(
        "--oversample",
        choices=("nothing", "points", "videos", "tags"),
        help="show frames with a rare point, of a rare video or with a rare tag up to 5 times as often (nothing)",
    )
    training.add_argument(
        "--patience", type=int, help="stop after this many epochs without an improvement of 0.02 px (of behaviour, of 0.001 of the loss)"
    )
    training.add_argument("--precision", choices=("auto", "32", "bf16"), help="numeric precision of training (auto)")
    training.add_argument(
        "--device",
        dest="accelerator",
        choices=("auto", "cpu", "gpu"),
        help="device to train on (auto: for key points a GPU where there is one; for behaviour and forecasts the CPU)",
    )
    training.add_argument("--workers", type=int, help="processes that augment images during training; 0: none, augment between steps")
    add_augmentation(parser)
    network = parser.add_argument_group("network")
    add_network(network)
    network.add_argument("--weights", metavar="FROM", help="scratch, imagenet, or a file: a rigtrack checkpoint, or safetensors (scratch)")
    network.add_argument(
        "--background",
        metavar="median|FILE",
        help="taken off every frame, at the rig too: median of the training frames, or a picture (none)",
    )
    network.add_argument(
        "--contrast",
        choices=("none", "local", "whole"),
        help="at the rig too: local (key points): made the same everywhere in a frame; whole (behaviour from images): every image brought "
        "to one mean and deviation (none)",
    )
    network.add_argument("--train", dest="trained", choices=("all", "head"), help="layers to train (all)")
    network.add_argument(
        "--loss", dest="loss_name", choices=LOSSES, help="cross_entropy or mse for heat maps and behaviour, distance or mse for xy"
    )
    network.add_argument("--target", choices=("gaussian", "disk"), help="target density of a heat map (gaussian)")


def _usual(name: str, more: str = "") -> str:
    """What holds for each task where an option is not given; `more` follows on a forecast."""
    of = {usual: f"{getattr(usual, name):g}" for usual in (KEY_POINTS, POSES, IMAGES, FORECAST)}
    behaviour = of[POSES] if of[POSES] == of[IMAGES] else f"from poses {of[POSES]}, from images {of[IMAGES]}"
    return f"({of[KEY_POINTS]}; of behaviour {behaviour}; of a forecast {of[FORECAST]}{more})"


def add_empty(parser: argparse.ArgumentParser) -> None:
    """The option that says what labels of another tool leave open."""
    parser.add_argument(
        "--empty",
        choices=("hidden", "unlabelled"),
        help="what an empty cell of another tool's labels means (asked for where a point is mostly empty)",
    )


def add_augmentation(parser: argparse.ArgumentParser) -> None:
    """Options that say how training images are changed; one that is not given is left to the labels."""
    group = parser.add_argument_group("augmentation (without these, settled by the names and places of the labelled points, and said)")
    group.add_argument(
        "--flip",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="mirror half of the training images, left and right names with them",
    )
    group.add_argument("--rotation", type=_angle, metavar="DEG", help="turn them by up to so many degrees either way, 0 to 180")
    group.add_argument(
        "--pairs",
        type=_pair,
        nargs="+",
        metavar="A:B",
        help="points (of behaviour also classes) that change places in a mirrored image; A:A for one without a side",
    )
    group.add_argument(
        "--two-views",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="an image shows the animal twice, in a mirror say: never mirrored, turned by 10 degrees at most",
    )
    group.add_argument("--augment", type=Path, metavar="YAML", help="the same and more from a file, such as 'rotation_deg: 30'")


def frame_rate(text: str) -> float:
    """Frames per second from the command line."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not a frame rate; expected more than 0")
    return number


def _angle(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 180:
        raise argparse.ArgumentTypeError(f"'{text}' is not an angle; expected degrees from 0 to 180")
    return value


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no share; expected 0 or more, less than 1")
    return value


def _share_to_one(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no share; expected more than 0, at most 1")
    return value


def _pair(text: str) -> tuple[str, str]:
    one, colon, other = text.partition(":")
    if not (one and colon and other) or ":" in other:
        raise argparse.ArgumentTypeError(f"'{text}' is not a pair; expected two names with a colon between, such as pawL:pawR")
    return one, other


def add_network(parser: "argparse._ArgumentGroup | argparse.ArgumentParser") -> None:
    """Options that say which network; one that is not given is left to FitSettings."""
    parser.add_argument(
        "--network", type=network_name, metavar="NAME", help=f"of key points: {', '.join(NETWORKS)}, or {TIMM}MODEL (compact)"
    )
    parser.add_argument("--head", choices=HEADS, help="how coordinates are found (heatmap)")
    parser.add_argument("--width", type=float, metavar="FACTOR", help="filters of compact and trackrat: 2 for twice as many (1)")
    parser.add_argument("--depth", type=int, help="convolutions at each resolution of compact (2), or blocks of trackrat (4)")
    parser.add_argument(
        "--dropout",
        type=float,
        metavar="SHARE",
        help="share of the features left out in training (0; of behaviour from poses 0.15, from images 0.2)",
    )
    parser.add_argument(
        "--coarse-width",
        type=float,
        metavar="FACTOR",
        help="filters of the stage of compact that finds the animal: 2 where other things are taken for it, for 15 %% more time (1)",
    )
    parser.add_argument("--view", choices=("auto", *VIEWS), help=f"what is seen of a frame; full for {', '.join(BACKBONES[:2])} … (auto)")


def network_name(text: str) -> str:
    """A network's name; argparse turns the error into wrong usage."""
    if text in (*NETWORKS, *OF_IMAGES, *OF_POSES) or (text.startswith(TIMM) and text != TIMM):
        return text
    raise argparse.ArgumentTypeError(
        f"there is no network '{text}'; expected one of {', '.join((*NETWORKS, *OF_IMAGES, *OF_POSES))}, or {TIMM} and a model's name"
    )


def fit_settings(options: argparse.Namespace, **usual: Any) -> "FitSettings":
    """The settings that were asked for with the options of `add_training`; `usual` holds for those that were not."""
    from trainer.training.fit_settings import FitSettings  # only training needs torch; the other commands start without it

    given = {field.name: getattr(options, field.name, None) for field in fields(FitSettings) if field.name != "augment"}
    settings = FitSettings(**usual | {name: value for name, value in given.items() if value is not None}, augment=augment_settings(options))
    return replace(settings, loss=replace(settings.loss, **_loss_choices(settings.head, options.loss_name, options.target)))


def augment_settings(options: argparse.Namespace) -> "AugmentSettings":
    """What was asked for with the options of `add_augmentation`, which stand before the file.

    Raises:
        TrainingError: the file cannot be read, or is not a file of augmentation settings.
    """
    from trainer.training.augment import FLIP, AugmentSettings
    from trainer.training.augment_file import read_augment_file

    settings = read_augment_file(options.augment) if options.augment is not None else AugmentSettings()
    pairs = tuple(options.pairs) if options.pairs else None
    flip = None if options.flip is None else (settings.flip or FLIP) if options.flip else 0.0
    given = {"flip": flip, "rotation_deg": options.rotation, "pairs": pairs, "two_views": options.two_views}
    return replace(settings, **{name: value for name, value in given.items() if value is not None})


def _loss_choices(head: str, loss: str | None, target: str | None) -> dict[str, Any]:
    """What of LossSettings was asked for."""
    kind, fitting = ("maps", ("cross_entropy", "mse")) if head in MAP_HEADS else ("coordinates", ("distance", "mse"))
    if loss not in (None, *fitting):
        raise TrainingError(f"the head '{head}' cannot learn with --loss {loss}; expected {' or '.join(fitting)}")
    if target is not None and kind != "maps":
        raise TrainingError(f"the head '{head}' has no heat map that --target {target} could be drawn on")
    return {name: value for name, value in ((kind, loss), ("target", target)) if value is not None}


def say(console: "Console", sentences: Iterable[str]) -> None:
    """Print sentences, a line for each however long."""
    for sentence in sentences:
        sentences_to(console)(sentence)


def add_split(parser: argparse.ArgumentParser) -> None:
    """Options that say what is held out."""
    split = parser.add_argument_group("what is held out (a synthetic set has its own split)")
    split.add_argument("--folds", type=int, default=USUAL_FOLDS, help="number of blocks of time that each video is cut into (%(default)s)")
    split.add_argument("--fold", type=int, help="which block is held out, from 0 (the middle one)")
    split.add_argument("--hold-out", nargs="+", metavar="VIDEO", help="hold out whole videos or animals instead")
    split.add_argument("--random-split", type=float, metavar="SHARE", help="hold out random frames instead; neighbouring frames leak")
    split.add_argument("--no-held-out", action="store_true", help="train on every frame; the error is then unknown")


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
    parser.add_argument("--runtime", choices=("openvino", "tensorrt"), default="openvino", help="inference runtime (%(default)s)")
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16", "int8"), default="fp32")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="CPU cores (%(default)s)")
    parser.add_argument("--gpu", type=int, default=0, help="device number (%(default)s)")


def engine_choice(options: argparse.Namespace) -> "EngineChoice":
    """What was asked for with the options of `add_engine`."""
    from trainer.scoring.engine_choice import EngineChoice

    return EngineChoice(runtime=options.runtime, precision=options.precision, threads=options.threads, gpu=options.gpu)
