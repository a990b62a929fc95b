"""`trainer compile`: a bundle's GPU engine, built ahead of time."""

import argparse
from pathlib import Path

from rich.console import Console

from trainer.commands.choices import Commands, add_command


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "compile",
        call=compile_bundle,
        text="Build a bundle's GPU engine ahead of time.",
        example="trainer compile models/mine --precision fp16",
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--precision", choices=("fp32", "fp16", "int8"), default="fp16")
    parser.add_argument("--gpu", type=int, default=0, help="device number (%(default)s)")


def compile_bundle(options: argparse.Namespace) -> int:
    """Build the engine and say where it lies."""
    from tracker.bundle import read_bundle
    from trainer.compile import compile_engine

    talk = Console(stderr=True)
    compiled = compile_engine(read_bundle(options.bundle), precision=options.precision, gpu=options.gpu, say=talk.print)
    print(f"{compiled.runtime} on {compiled.device}, {compiled.precision}: {compiled.folder}")
    return 0
