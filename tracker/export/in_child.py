"""Formats of HDF5, written by a process of its own: on a disk that fills up, the library may take its whole process with it."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from tracker.errors import RecordingError
from tracker.export.export_session import Exported, Format, Wanted, check_out, export_session, read_wanted
from tracker.export.new_files import remove_parts
from tracker.export.session_poses import Advance

_HDF5: tuple[Format, ...] = ("nwb", "dlc", "sleap")


@dataclass(frozen=True, slots=True)
class _Begun:
    """The session was read, and these folders will be written to."""

    frames: int
    folders: list[Path]


def export_folder(folder: Path, wanted: Wanted, *, begin: Callable[[int], None], advance: Advance) -> Exported:
    """Write a session in a format, as `export_session`, formats of HDF5 by a process of their own.

    Args:
        folder: of the session.
        wanted: what.
        begin: told how many frames the session has.
        advance: told of frames as they are read, which is twice each.

    Raises:
        RecordingError: as `export_session`; or the writing process was ended.
        ModuleNotFoundError: a library of that format is not installed.
    """
    check_out(wanted)
    if wanted.form in _HDF5:
        return _export_in_child(folder, wanted, begin=begin, advance=advance)
    session = read_wanted(folder, wanted)
    begin(session.frame_count)
    return export_session(session, wanted, advance=advance)


def _export_in_child(folder: Path, wanted: Wanted, *, begin: Callable[[int], None], advance: Advance) -> Exported:
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=_write, args=(folder, wanted, sending), daemon=True)
    child.start()
    sending.close()
    begun = _Begun(0, [])
    answer: Exported | Exception | None = None
    try:
        for told in _messages(receiving):
            if isinstance(told, int):
                advance(told)
            elif isinstance(told, _Begun):
                begun = told
                begin(told.frames)
            else:
                answer = told
    finally:
        receiving.close()
        if answer is None:  # stopped by hand, or its end of the pipe was closed by its own end
            child.terminate()
        child.join()
        remove_parts(begun.folders, process=child.pid or 0)
    if isinstance(answer, Exported):
        return answer
    if answer is not None:
        raise answer
    status = child.exitcode or 0
    how = f"signal {-status}" if status < 0 else f"status {status}"
    raise RecordingError(
        f"{folder}: the process that wrote the export ended with {how}, as HDF5 does on a full disk; free space or choose another folder"
    )


def _messages(receiving: Connection) -> Iterable[int | _Begun | Exported | Exception]:
    while True:
        try:
            yield receiving.recv()
        except (EOFError, ConnectionResetError):
            return


def _write(folder: Path, wanted: Wanted, sending: Connection) -> None:
    """In the child: export, tell, and end at once: HDF5 would go through what it could not write again."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what HDF5 says of a full disk, a line for each object; the answer says it once
    try:
        session = read_wanted(folder, wanted)
        videos = {path.parent for path in session.video_paths().values()} if session.closed else set()
        places = {session.folder.resolve(), *videos, *((wanted.out, wanted.out.parent) if wanted.out else ())}
        sending.send(_Begun(session.frame_count, [place for place in places if place.is_dir()]))
        sending.send(export_session(session, wanted, advance=sending.send))
    except Exception as problem:  # noqa: BLE001  # handed over, and raised there
        sending.send(problem)
    sending.close()
    os._exit(0)
