"""Two folders change places in one step, so that at no moment one of the names is missing."""

import ctypes
import errno
import os
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_ABSENT = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)  # the kernel or the file system cannot exchange


def exchange(fresh: Path, folder: Path) -> None:
    """Let `fresh` and `folder` change places.

    Where the file system cannot exchange (some network file systems), it is two renames, and a reader in between finds nothing.

    Raises:
        OSError: one of them is not there, or renaming is not permitted.
    """
    try:
        library = ctypes.CDLL(None, use_errno=True)
        rename = library.renameat2
    except (OSError, AttributeError):
        _rename_twice(fresh, folder)
        return
    rename.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    if rename(_AT_FDCWD, os.fsencode(fresh), _AT_FDCWD, os.fsencode(folder), _RENAME_EXCHANGE) == 0:
        return
    code = ctypes.get_errno()
    if code not in _ABSENT:
        raise OSError(code, os.strerror(code), str(folder))
    _rename_twice(fresh, folder)


def _rename_twice(fresh: Path, folder: Path) -> None:
    aside = fresh.with_name(f"{fresh.name}.old")
    folder.rename(aside)
    fresh.rename(folder)
    aside.rename(fresh)
