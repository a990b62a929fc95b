"""`trainer compile`: a bundle's engine built ahead of time, or the bundle written again with fewer bits in its graph."""

import argparse
import os
from pathlib import Path

from rich.console import Console

from trainer.commands.choices import Commands, add_command, add_empty
from trainer.errors import TrainingError


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "compile",
        call=compile_bundle,
        text="Build a bundle's engine on the machine that will run it; with --in-graph, write the bundle again in fp16 or int8.",
        example="trainer compile models/mine --precision fp16",
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16", "int8"), default="fp16")
    parser.add_argument("--gpu", type=int, default=0, help="device number (%(default)s)")
    parser.add_argument("--runtime", choices=("tensorrt", "openvino"), default="tensorrt")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="CPU cores (%(default)s)")
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        help="labels: every frame is compared with the reference, and the result kept in the bundle; "
        "with --in-graph all labels it was trained on, in the order of its `trainer fit`",
    )
    add_empty(parser)
    parser.add_argument(
        "--in-graph",
        action="store_true",
        help="write a bundle whose graph is in that precision, if its error on held-out frames grows by 0.1 px at most; "
        "always so for int8 from an fp32 bundle",
    )
    parser.add_argument("--out", type=Path, help="folder of that bundle (BUNDLE-int8, BUNDLE-fp16)")


def compile_bundle(options: argparse.Namespace) -> int:
    """Build the engine, or write the variant, and say where it lies."""
    from tracker.bundle import read_bundle

    bundle = read_bundle(options.bundle)
    if options.in_graph or (options.precision == "int8" and bundle.description.precision != "int8"):
        return _write_variant(options)
    from trainer.bundles.compile import compile_engine
    from trainer.formats.read_labels import read_and_join
    from trainer.scoring.engine_choice import EngineChoice
    from trainer.scoring.training_record import empty_as_trained

    talk = Console(stderr=True)
    compiled = compile_engine(
        bundle,
        EngineChoice(runtime=options.runtime, precision=options.precision, threads=options.threads, gpu=options.gpu),
        say=lambda sentence: talk.print(sentence, soft_wrap=True),
        frames=read_and_join(options.data, options.empty or empty_as_trained(options.bundle)) if options.data else None,
    )
    print(f"{compiled.runtime} on {compiled.device}, {compiled.precision}: {compiled.folder}")
    return 0


def _write_variant(options: argparse.Namespace) -> int:
    from tracker.bundle import read_bundle
    from trainer.bundles.variant import write_variant
    from trainer.formats.read_labels import read_and_join
    from trainer.scoring.bundle_split import split_as_trained
    from trainer.scoring.training_record import empty_as_trained
    from trainer.whole_files import refuse_unwritable

    if options.precision not in ("fp16", "int8"):
        raise TrainingError(f"--in-graph takes --precision fp16 or int8; given {options.precision}")
    if options.data is None:
        raise TrainingError(f"{options.precision} in the graph is judged on held-out frames; give --data with the labels it was trained on")
    out = options.out or options.bundle.with_name(f"{options.bundle.name}-{options.precision}")
    refuse_unwritable(out.parent, option="--out")
    bundle = read_bundle(options.bundle)
    frames = read_and_join(options.data, options.empty or empty_as_trained(options.bundle))
    split = split_as_trained(bundle, frames, source=", ".join(str(one) for one in options.data))
    talk = Console(stderr=True)
    variant = write_variant(bundle, out, frames, split=split, precision=options.precision, threads=options.threads, console=talk)
    talk.print(variant.sentence, soft_wrap=True)
    print(variant.folder)
    return 0
