"""Several files of a labelling project that are written all or not at all, even where the program is killed in between.

What the files were and are to be is written down first. Whoever finds that and not all of the files as they were to be puts those back
that were written: a command that was stopped has then changed nothing, and can be given again.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from trainer.errors import ProjectError
from trainer.project.files import inside, locked, replace_file, sync_folder

UNFINISHED_FILE = ".unfinished.json"


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    before: bytes | None  # None: it was not there
    after: bytes


class _Unfinished(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: Annotated[int, Meta(ge=1, le=1)]
    files: dict[str, _File]


def write_all_or_none(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace several files of a project in their order, or none of them.

    Args:
        folder: the project's.
        files: their new contents, by path below the project; not all of them as they are there.

    Raises:
        ProjectError: one cannot be read or written, as on a full disk; all are then as before, at the latest when one is read again.
        KeyboardInterrupt: stopped by hand; the same, unless all were written: the text says so.
    """
    with locked(folder):
        _settle(folder)
        noted = {name: _File(before=_content(inside(folder, name)), after=content) for name, content in files.items()}
        try:
            replace_file(folder / UNFINISHED_FILE, msgspec.json.encode(_Unfinished(schema=1, files=noted)))
            for name, content in files.items():
                replace_file(inside(folder, name), content)
        finally:
            _settle(folder)


def settle_unfinished(folder: Path) -> None:
    """Put files back that a killed program has written of several; nothing where there are none. Waits for one that is at work.

    Raises:
        ProjectError: files were changed since by another program, or cannot be written.
    """
    if (folder / UNFINISHED_FILE).exists():
        with locked(folder):
            _settle(folder)


def _settle(folder: Path) -> None:
    path = folder / UNFINISHED_FILE
    text = _content(path)
    if text is None:
        return
    try:
        files = msgspec.json.decode(text, type=_Unfinished).files
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ProjectError(f"{problem}; expected what a stopped command was writing: delete it and look at the labels", file=path) from None
    there = {name: _content(inside(folder, name)) for name in files}
    if any(there[name] != file.after for name, file in files.items()):
        _put_back(folder, files, there)
    path.unlink(missing_ok=True)
    sync_folder(folder)


def _put_back(folder: Path, files: Mapping[str, _File], there: Mapping[str, bytes | None]) -> None:
    for name, file in files.items():
        if there[name] not in (file.before, file.after):
            raise ProjectError(
                f"{folder / name}: was changed after a command that was writing it had been stopped; look at the labels of this project, "
                f"and delete {folder / UNFINISHED_FILE} to keep all as it is"
            )
    for name, file in files.items():
        if there[name] == file.before:
            continue
        if file.before is None:
            inside(folder, name).unlink()
        else:
            replace_file(inside(folder, name), file.before)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise ProjectError(f"cannot be read: {problem.strerror}", file=path) from problem
