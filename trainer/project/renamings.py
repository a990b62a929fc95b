"""renamings.json of a labelling project: how often points of each video were renamed, so that a command that is run again knows it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from trainer.errors import ProjectError
from trainer.project.files import replace_file

RENAMINGS_FILE = "renamings.json"


class _RenamingsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: Annotated[int, Meta(ge=1, le=1)]
    renamings: dict[str, Annotated[int, Meta(ge=1)]]


def read_renamings(folder: Path) -> dict[str, int]:
    """How often points were renamed, by the name of a video's group; a video of which none were is not there.

    Args:
        folder: the labelling project's.

    Raises:
        ProjectError: the file cannot be read or is damaged.
    """
    path = folder / RENAMINGS_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=_RenamingsFile).renamings
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise ProjectError(f"cannot be read: {problem.strerror}; restore a copy of the file", file=path) from problem
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ProjectError(
            f"{problem}; expected how often points of each video were renamed: restore a copy, or delete it", file=path
        ) from None


def write_renamings(folder: Path, renamings: Mapping[str, int]) -> None:
    """Replace the file, whole or not at all.

    Raises:
        ProjectError: a disk that is full or a folder that cannot be written; the earlier one stays.
    """
    text = msgspec.json.encode(_RenamingsFile(schema=1, renamings=dict(renamings)))
    replace_file(folder / RENAMINGS_FILE, msgspec.json.format(text, indent=2) + b"\n")
