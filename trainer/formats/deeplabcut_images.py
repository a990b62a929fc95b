"""Where the pictures of DeepLabCut's label tables are on this machine; where they are not, the frames of the video they were taken from."""

import logging
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

from trainer.labels.images import ImageRef
from trainer.labels.missing_images import REMEDY, MissingImageError
from trainer.labels.moved_files import find_moved
from trainer.labels.numeric_order import frame_number
from trainer.video_files.endings import find_video

logger = logging.getLogger(__name__)

_ABOVE = 4  # a project's tables lie at most so many folders deep: training-datasets/iteration-0/UnaugmentedDataSet_.../


def folders_above(path: Path) -> list[Path]:
    """The folders in which the project of a table can lie, the nearest first."""
    return list(path.absolute().parents[:_ABOVE])


def image_path(written: str) -> PurePosixPath:
    """A path of the author's machine (with `/`) from labeled-data on, whole where it has no such folder."""
    parts = PurePosixPath(written).parts
    if "labeled-data" in parts:
        parts = parts[len(parts) - 1 - parts[::-1].index("labeled-data") :]
    return PurePosixPath(*parts)


class TableImages:
    """Finds the pictures of one table. `from_videos` counts those that are frames of a video."""

    def __init__(self, table: Path, media: Sequence[Path], *, folders: Collection[str]) -> None:
        """Look for nothing yet.

        Args:
            table: the label file.
            media: folders that are looked in first.
            folders: that the table's pictures are in; of several, none can have been renamed without mixing up their pictures.
        """
        self._table = table
        self._least = 2 if len(folders) > 1 else 1
        self._near = [*media, *folders_above(table)]
        self._videos: dict[str, Path | None] = {}
        self.from_videos = 0

    def find(self, relative: PurePosixPath, *, where: str) -> ImageRef:
        """The picture, or the frame of the video that has the name of its folder.

        Raises:
            MissingImageError: neither is there.
        """
        path = find_moved(str(relative), near=self._near, least=self._least)
        if path is not None:
            return ImageRef(path=path, frame=None)
        video, number = self._video(relative.parent.name), frame_number(relative.name)
        if video is not None and number is not None:
            self.from_videos += 1
            return ImageRef(path=video, frame=number)
        film = relative.parent.name
        raise MissingImageError(
            f"{where}: image {relative} is not there; looked for it, and for a video '{film}' that it is from, beside the table and from "
            f"each folder above up to {self._near[-1]}: put one of them there or delete the row; "
            f"{REMEDY}"
        )

    def tell(self) -> None:
        """Say which videos stand in for pictures."""
        if self.from_videos:
            names = ", ".join(sorted(str(path) for path in self._videos.values() if path is not None))
            logger.warning(
                "%s: pictures that are not there are taken from videos: count=%d videos=%s", self._table, self.from_videos, names
            )

    def _video(self, stem: str) -> Path | None:
        if stem not in self._videos:
            self._videos[stem] = find_video(stem, near=self._near) if stem not in ("", "labeled-data") else None
        return self._videos[stem]
