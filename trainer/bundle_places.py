"""Where a bundle is written, and where its training keeps its files."""

from collections.abc import Sequence
from pathlib import Path

from trainer.errors import TrainingError
from trainer.whole_files import refuse_unwritable

RUN_ENDING = ".run"


def run_folder(bundle: Path) -> Path:
    """Where a bundle's training keeps its checkpoints, history and record of the split."""
    return bundle.with_name(f"{bundle.name}{RUN_ENDING}")


def refuse_other_content(out: Path, *, marks: Sequence[str] = ("bundle.json",)) -> None:
    """Refuse a path that holds something other than an earlier bundle.

    Args:
        out: given with --out; it need not exist.
        marks: files of which an earlier bundle has at least one.

    Raises:
        TrainingError: it is a file, or a folder with none of them in it.
    """
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or any((out / mark).exists() for mark in marks))):
        raise TrainingError(f"{out}: exists but is not a bundle; choose another --out, so that nothing of yours is replaced")


def refuse_unwritable_places(out: Path) -> None:
    """Refuse a bundle whose folder, or whose run's folder, cannot be written.

    Raises:
        TrainingError: the reason in one sentence.
    """
    for folder in (out.parent, run_folder(out)):
        refuse_unwritable(folder, option="--out")
