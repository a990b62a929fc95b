"""Files that a label file names by the path they had on its author's machine, found on this one."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath


def find_moved(written: str, *, near: Sequence[Path], least: int = 1) -> Path | None:
    """Find a file as it is written, else in one of the folders by as much of the end of its path as is there.

    Args:
        written: a path of any system, absolute or not; below the working directory it is not looked for.
        near: folders, the likeliest first; a longer end of the path counts for more than an earlier folder.
        least: parts that the end must have: 1 for the name alone, 2 for its folder too, where the path has one.

    Returns:
        An existing file, None where there is none.
    """
    parts = path_parts(written)
    if Path(written).is_absolute() and Path(written).is_file():
        return Path(written)
    ends = [Path(*parts[start:]) for start in range(max(1, len(parts) - least + 1))] if parts else []
    return next((folder / end for end in ends for folder in near if (folder / end).is_file()), None)


def path_parts(written: str) -> tuple[str, ...]:
    """Folders and name of a path of any system, without drive, root and dots."""
    parts = PureWindowsPath(written).parts if "\\" in written or written[1:2] == ":" else PurePosixPath(written).parts
    anchors = {"", ".", "..", "/", PureWindowsPath(written).anchor}
    return tuple(part for part in parts if part not in anchors)


def file_name(written: str) -> str:
    """The last part of a path of any system."""
    return (path_parts(written) or (written,))[-1]
