"""Files that a label file names by the path they had on its author's machine, found on this one."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath


def find_moved(written: str, *, near: Sequence[Path], least: int = 1) -> Path | None:
    """Find a file as it is written, else in one of the folders by as much of the end of its path as is there.

    Args:
        written: a path of any system, absolute or not; below the working directory it is not looked for. A name in other capitals, which
            is the same file on the systems of most laboratories, is taken where the folder holds just one.
        near: folders, the likeliest first; a longer end of the path counts for more than an earlier folder.
        least: parts that the end must have: 1 for the name alone, 2 for its folder too, where the path has one.

    Returns:
        An existing file, None where there is none.
    """
    parts = path_parts(written)
    if Path(written).is_absolute() and Path(written).is_file():
        return Path(written)
    ends = [Path(*parts[start:]) for start in range(max(1, len(parts) - least + 1))] if parts else []
    candidates = [folder / end for end in ends for folder in near]
    exact = next((path for path in candidates if path.is_file()), None)
    return exact or next((other for path in candidates if (other := _in_other_capitals(path)) is not None), None)


def _in_other_capitals(path: Path) -> Path | None:
    if not path.parent.is_dir():
        return None
    alike = [other for other in path.parent.iterdir() if other.name.casefold() == path.name.casefold() and other.is_file()]
    return alike[0] if len(alike) == 1 else None


def path_parts(written: str) -> tuple[str, ...]:
    """Folders and name of a path of any system, without drive, root and dots."""
    parts = PureWindowsPath(written).parts if "\\" in written or written[1:2] == ":" else PurePosixPath(written).parts
    anchors = {"", ".", "..", "/", PureWindowsPath(written).anchor}
    return tuple(part for part in parts if part not in anchors)


def file_name(written: str) -> str:
    """The last part of a path of any system."""
    return (path_parts(written) or (written,))[-1]
