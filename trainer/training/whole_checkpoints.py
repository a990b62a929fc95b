"""Checkpoints written whole or not at all, beside where they belong.

Lightning writes them into the system's temporary folder first and moves them: a temporary folder that is full then ends
a training whose own disk has room, and what was half written stays there.
"""

import io
import os
from pathlib import Path
from typing import Any

import torch

from tracker.whole_files import write_whole
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
        write_whole(final, content.getvalue())
