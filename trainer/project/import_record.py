"""What imports have brought into a project: imports.json.

Without the file pictures are recognised by their content, and frames that were emptied by the reason why they are there.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from trainer.errors import ProjectError
from trainer.project.files import locked, replace_file

RECORD_FILE = "imports.json"


class ImportRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of imports.json.

    Attributes:
        names: the file names that imported pictures had, by the image of the frame; numbers may change, as ranks do when a folder grows.
        given: images whose labels an annotator has got by an import, by annotator: one without labels has been emptied since.
    """

    schema: Annotated[int, Meta(ge=1, le=1)] = 1
    names: dict[str, str] = {}
    given: dict[str, tuple[str, ...]] = {}


def read_import_record(folder: Path) -> ImportRecord:
    """Read imports.json of a project; an empty record where it is not there.

    Raises:
        ProjectError: it is damaged or cannot be read.
    """
    path = folder / RECORD_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=ImportRecord)
    except FileNotFoundError:
        return ImportRecord()
    except OSError as problem:
        raise ProjectError(f"cannot be read: {problem.strerror}", file=path) from problem
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ProjectError(
            f"{problem}; expected what was imported: restore a copy, or delete the file, and pictures are recognised by their content",
            file=path,
        ) from None


def remember_import(folder: Path, *, names: Mapping[str, str], given: Mapping[str, Iterable[str]]) -> None:
    """Add to what is known of imports.

    Args:
        folder: the project's.
        names: file names of pictures by image; they replace earlier ones.
        given: images by annotator, beside earlier ones.

    Raises:
        ProjectError: a disk that is full, or a damaged file.
    """
    with locked(folder):
        known = read_import_record(folder)
        together = {name: tuple(sorted({*known.given.get(name, ()), *given.get(name, ())})) for name in sorted({*known.given, *given})}
        fresh = ImportRecord(names=dict(sorted((known.names | dict(names)).items())), given=together)
        if fresh != known:
            replace_file(folder / RECORD_FILE, msgspec.json.format(msgspec.json.encode(fresh), indent=1) + b"\n")
