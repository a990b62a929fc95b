"""Checkpoints written whole or not at all, beside where they belong.

Lightning writes them into the system's temporary folder first and moves them: a temporary folder that is full then ends
a training whose own disk has room, and what was half written stays there.
"""

import io
import os
from pathlib import Path
from typing import Any

import torch

from tracker.bundle import write_synced
from trainer.training.lightning_library import pl


class WholeCheckpoints(pl.plugins.TorchCheckpointIO):
    """Writes to a neighbouring file, synced, then renamed."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any | None = None) -> None:
        """See `CheckpointIO.save_checkpoint`.

        Raises:
            OSError: it cannot be written; an earlier checkpoint of that name is whole, and nothing else is left.
        """
        final = Path(path)
        final.parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()  # torch says of a full disk only that its writer failed
        torch.save(checkpoint, content)
        part = final.with_name(f".{final.name}.{os.getpid()}.part")
        try:
            write_synced(part, content.getvalue())
            part.replace(final)
        finally:
            part.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Delete what a process that was killed while writing has left."""
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)
