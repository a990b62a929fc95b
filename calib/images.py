"""Views of a board from a folder of images, a video or a single image."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from calib.board import Board
from calib.board_views import BoardView, view_of
from calib.corners import BoardFinder
from tracker.cameras.image_folder import IMAGE_SUFFIXES, numbered_images, read_image
from tracker.cameras.open_camera import camera_factory
from tracker.config_cameras import OpenCVCamera
from tracker.errors import CalibrationError, CameraError, CorruptFrameError
from tracker.frame import Image

_TIMEOUT_S = 10.0
NamedImage = tuple[str, Image | str, int | None]  # name, image or what is wrong with it, and how many there are (None: not known)
Progress = Callable[[int, int | None], None]  # how many images are done, of how many (None: not known)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundViews:
    """What was found in a source of images.

    Attributes:
        views: of the board, in the sequence of the source.
        size: (width, height) of the images.
        without: names of the images in which too little of the board is seen.
        twice: names of the images that show two such boards, of which neither can be used.
        unreadable: one sentence for each that could not be read.
    """

    views: tuple[BoardView, ...]
    size: tuple[int, int]
    without: tuple[str, ...]
    twice: tuple[str, ...]
    unreadable: tuple[str, ...]


def find_views(source: Path, board: Board, *, every: int, progress: Progress) -> FoundViews:
    """Find the board in every image of a source.

    Args:
        source: a folder of images, a video file or an image file.
        board: what to find.
        every: of a video, only every so manieth frame.
        progress: told after every image.

    Raises:
        CalibrationError: nothing to read, or images of several sizes.
        CameraError: a folder or video that cannot be read.
    """
    return find_views_in(_images(source, every), board, source=source, progress=progress)


def find_views_in(images: Iterable[NamedImage], board: Board, *, source: Path, progress: Progress) -> FoundViews:
    """Find the board in images that come with their names; arguments and errors as for `find_views`."""
    finder, views, unreadable = BoardFinder(board), [], []
    without: list[str] = []
    twice: list[str] = []
    size: tuple[int, int] | None = None
    for number, (name, image, of) in enumerate(images, 1):
        if isinstance(image, str):
            unreadable.append(image)
            continue
        here = (image.shape[1], image.shape[0])
        size = size or here
        if here != size:
            raise CalibrationError(
                f"{source}: {name} is {here[0]}x{here[1]}, the first image {size[0]}x{size[1]}; keep one camera and size in a folder"
            )
        corners = finder.find(image)
        if finder.shows_two(image, corners):
            twice.append(name)
        elif corners is None:
            without.append(name)
        else:
            views.append(view_of(board, corners, name=name))
        progress(number, of)
    if size is None:
        raise CalibrationError(f"{source}: holds no image that can be read: {unreadable[0] if unreadable else 'it is empty'}")
    return FoundViews(views=tuple(views), size=size, without=tuple(without), twice=tuple(twice), unreadable=tuple(unreadable))


def read_picture(source: Path, name: str) -> Image | None:
    """The image of a view, to be shown; None for one of a video, or that is gone."""
    path = source / name if source.is_dir() else source
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        return None
    try:
        return read_image(path)
    except CameraError:
        return None


def first_image(source: Path) -> Image:
    """An image file's image, or a video's first.

    Raises:
        CalibrationError: no such file, or nothing in it can be read.
        CameraError: it cannot be read.
    """
    if source.suffix.lower() in IMAGE_SUFFIXES:
        return read_image(source)
    image = next((each for _, each, _ in _images(source, 1) if not isinstance(each, str)), None)
    if image is None:
        raise CalibrationError(f"{source}: holds no image that can be read; give an image, or a video that plays")
    return image


def named_by_moment(views: Sequence[BoardView], where: str) -> list[BoardView]:
    """The same views, named by the last number in their file's name, which is what the cameras of a rig have in common.

    Raises:
        CalibrationError: a name without a number, or two of one number.
    """
    renamed: dict[str, BoardView] = {}
    for view in views:
        digits = re.findall(r"\d+", Path(view.name).stem)
        if not digits:
            raise CalibrationError(f"{where}: {view.name} has no number; expected one that is the same in all cameras at one moment")
        moment = str(int(digits[-1]))
        if moment in renamed:
            raise CalibrationError(
                f"{where}: two images have the number {moment}; expected the number of the moment at the end of each name"
            )
        renamed[moment] = BoardView(name=moment, ids=view.ids, mm=view.mm, pixels=view.pixels)
    return list(renamed.values())


def _images(source: Path, every: int) -> Iterator[NamedImage]:
    if source.is_dir() or source.suffix.lower() in IMAGE_SUFFIXES:
        paths = numbered_images(source) if source.is_dir() else [source]
        for path in paths:
            try:
                yield path.name, read_image(path), len(paths)
            except CameraError as problem:
                yield path.name, str(problem), len(paths)
        return
    if not source.exists():
        raise CalibrationError(f"{source}: no such folder or file; give a folder of images, a video or an image")
    yield from _frames(source, every)


def _frames(source: Path, every: int) -> Iterator[NamedImage]:
    camera = camera_factory(OpenCVCamera(device=str(source), file_speed="flat_out"))()
    try:
        while True:
            try:
                frame = camera.read(_TIMEOUT_S)
            except CorruptFrameError as problem:
                yield "damaged frame", str(problem), None
                continue
            if frame is None:
                return
            if frame.number % every == 0:
                yield f"frame {frame.number}", frame.image, None
    finally:
        camera.close()
