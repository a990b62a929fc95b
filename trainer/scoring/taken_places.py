"""Which names beside a bundle are taken, so that a command which a verdict prints finds nothing in its way."""

from pathlib import Path

import msgspec

from trainer.bundle_places import RUN_ENDING

EXPERIMENT_FILE = "experiment.json"
EXPERIMENTS = ("curve", "crossval")  # which put another one of their kind away with --force


class _ExperimentKind(msgspec.Struct, frozen=True):
    kind: str


def taken_beside(bundle: Path) -> frozenset[str]:
    """Names of files and folders beside a bundle that begin with its own; of trainings without the ending of their runs.

    Of places for an experiment only those are taken that hold something else than one of the same kind.

    Args:
        bundle: its folder.
    """
    own = f"{bundle.name}-"
    try:
        there = [path for path in bundle.parent.iterdir() if path.name.startswith(own)]
    except OSError:  # nothing is there that could be in the way
        return frozenset()
    taken = [path for path in there if not _may_be_put_away(path, ending=path.name.removeprefix(own))]
    return frozenset(path.name.removesuffix(RUN_ENDING) for path in taken)


def _may_be_put_away(path: Path, *, ending: str) -> bool:
    """Whether it is an experiment of the kind that its name says."""
    kind = ending.rstrip("-0123456789")
    if kind not in EXPERIMENTS:
        return False
    try:
        return msgspec.json.decode((path / EXPERIMENT_FILE).read_bytes(), type=_ExperimentKind).kind == kind
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return False
