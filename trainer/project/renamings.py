"""renamings.json of a labelling project: which points of each video were renamed, time after time.

So a command that is run again knows it, and labels that come in later can be given the names that those before them have.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from trainer.errors import ProjectError
from trainer.project.files import locked, replace_file

RENAMINGS_FILE = "renamings.json"

Names: TypeAlias = Mapping[str, str]  # of points: what is called so, and how it is called then
Renamings: TypeAlias = tuple[Names | None, ...]  # of one video, in turn; None: one of which it is not known what it renamed


class _RenamingsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: Annotated[int, Meta(ge=1, le=2)]
    renamings: dict[str, Annotated[int, Meta(ge=1, le=10**6)] | tuple[dict[str, str] | None, ...]]  # of schema 1 the number of them alone


def read_renamings(folder: Path) -> dict[str, Renamings]:
    """The renamings of points, by the name of a video's group; a video of which none were renamed is not there.

    Args:
        folder: the labelling project's.

    Raises:
        ProjectError: the file cannot be read or is damaged.
    """
    path = folder / RENAMINGS_FILE
    try:
        known = msgspec.json.decode(path.read_bytes(), type=_RenamingsFile).renamings
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise ProjectError(f"cannot be read: {problem.strerror}; restore a copy of the file", file=path) from problem
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ProjectError(
            f"{problem}; expected which points of each video were renamed: restore a copy, or delete it", file=path
        ) from None
    return {group: (None,) * done if isinstance(done, int) else done for group, done in known.items()}


def add_renamings(folder: Path, renamings: Mapping[str, Renamings]) -> None:
    """Replace those of some videos; those of others stay.

    Raises:
        ProjectError: the file is damaged, or cannot be written; the earlier one stays.
    """
    with locked(folder):
        known = read_renamings(folder)
        fresh = known | dict(renamings)
        if fresh != known:
            replace_file(folder / RENAMINGS_FILE, encoded_renamings(fresh))


def encoded_renamings(renamings: Mapping[str, Renamings]) -> bytes:
    """The text of the file."""
    names = {group: [None if each is None else dict(each) for each in done] for group, done in renamings.items()}
    return msgspec.json.format(msgspec.json.encode({"schema": 2, "renamings": names}), indent=2) + b"\n"


def net_names(renamings: Renamings) -> dict[str, str] | None:
    """What all renamings of a video together have made of the names that it had first; None where that is not known."""
    names: dict[str, str] = {}
    for each in renamings:
        if each is None:
            return None
        names = {first: each.get(names.get(first, first), names.get(first, first)) for first in [*names, *each]}
    return {first: name for first, name in names.items() if name != first}


def names_in_words(names: Names) -> str:
    """`a → b, b → a`."""
    return ", ".join(f"{one} → {other}" for one, other in names.items())
