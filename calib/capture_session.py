"""Take images of a board from a camera: find the board in the newest frame, keep it where it adds something, report progress."""

import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from calib.board import Board
from calib.board_views import BoardView, view_of
from calib.capture_picture import draw
from calib.corners import BoardFinder
from calib.coverage import Coverage
from calib.images import FoundViews, find_views
from calib.view_choice import ViewChoice
from calib.whole_files import write_file
from tracker.cameras.capture import Capture
from tracker.errors import CalibrationError
from tracker.frame import Image

_FIRST_DIGITS = 4
_SHOWN_LONGEST_PX = 1280  # of the drawn picture; a sensor of 20 million pixels would slow the window down


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureProgress:
    """How far it has come, as the window and the page show it.

    Attributes:
        number: grows with every change.
        picture: uint8 (h, w, 3) RGB with what was found drawn on it; None before the first frame.
        kept, wanted: views.
        coverage: of the views kept; None before the first frame.
        missing: one clause each.
        said: of the last frame, in a few words.
        ended: whether the camera's file or folder is over.
    """

    number: int = 0
    picture: Image | None = None
    kept: int = 0
    wanted: int = 0
    coverage: Coverage | None = None
    missing: tuple[str, ...] = ()
    said: str = "waiting for the camera"
    ended: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return self.coverage is not None and not self.missing


class CaptureSession:
    """Images of a board in a folder, numbered on from those that are there.

    `step` belongs to one thread; `progress`, `keep_next` and `undo` may be used from others.

    Args:
        capture: a camera that was started.
        board: to find.
        folder: for the images.
        moving: whether frames follow each other in time.
        wanted: how many views.
    """

    def __init__(self, capture: Capture, board: Board, folder: Path, *, moving: bool, wanted: int) -> None:
        self._capture, self._board, self._folder = capture, board, folder
        self._moving, self._wanted = moving, wanted
        self._finder = BoardFinder(board)
        self._choice: ViewChoice | None = None
        self._files: list[Path] = []
        self._keep_next, self._undo = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._progress = CaptureProgress(wanted=wanted)
        self._before = self._earlier()

    @property
    def progress(self) -> CaptureProgress:
        """The newest."""
        with self._lock:
            return self._progress

    def keep_next(self) -> None:
        """Keep the next frame that shows the board, whether it adds something or not."""
        self._keep_next.set()

    def undo(self) -> None:
        """Delete the last image that was kept."""
        self._undo.set()

    def step(self, timeout_s: float) -> bool:
        """Process one frame, if one comes in time. Returns False once there will be no more.

        Raises:
            CalibrationError: an image cannot be written, or the folder holds images of another size.
            CameraError: the capture thread died.
        """
        if self._undo.is_set():
            self._undo.clear()
            self._remove_last()
        captured = self._capture.next(timeout_s)
        if captured is not None:
            self._process(captured.frame.image)
            return True
        if self._capture.ended:
            self._tell(said="the camera's last frame was read", ended=True)
            return False
        if self._capture.problem is not None:
            self._tell(said=self._capture.problem)
        return True

    def _process(self, image: Image) -> None:
        choice = self._choice or self._begin((image.shape[1], image.shape[0]))
        corners = self._finder.find(image)
        view = view_of(self._board, corners, name="") if corners is not None else None
        answer = choice.judge(view)
        keep, said = answer.keep, answer.why
        if view is not None and self._keep_next.is_set() and not keep:
            keep, said = True, "kept by hand"
        if (view is None or keep) and self._finder.shows_two(image, corners):
            keep, said = False, "two boards of one kind: show one at a time"
        if view is not None and keep:
            self._keep_next.clear()
            self._keep(choice, view, image)
        scale = min(1.0, _SHOWN_LONGEST_PX / max(image.shape[:2]))
        picture = draw(image, view, choice.coverage, scale=scale, kept=keep)
        self._tell(said=said, picture=picture)

    def _begin(self, size: tuple[int, int]) -> ViewChoice:
        if self._before is not None and self._before.size != size:
            (width, height), (here_width, here_height) = self._before.size, size
            raise CalibrationError(
                f"{self._folder}: holds images of {width}x{height}, the camera delivers {here_width}x{here_height}; give another --out"
            )
        self._choice = ViewChoice(size, moving=self._moving, wanted=self._wanted)
        for view in self._before.views if self._before is not None else ():
            self._choice.add(view)
            self._files.append(self._folder / view.name)
        return self._choice

    def _keep(self, choice: ViewChoice, view: BoardView, image: Image) -> None:
        numbers = [int(path.stem) for path in self._folder.glob("*.png") if path.stem.isdecimal()]
        path = self._folder / f"{max(numbers, default=0) + 1:0{_FIRST_DIGITS}d}.png"
        stored = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
        write_file(path, np.asarray(cv2.imencode(".png", stored)[1]).tobytes())
        choice.add(view)
        self._files.append(path)

    def _remove_last(self) -> None:
        if self._choice is None or not self._files:
            return
        path = self._files.pop()
        path.unlink(missing_ok=True)
        self._choice.remove_last()
        self._tell(said=f"removed {path.name}")

    def _tell(self, *, said: str, picture: Image | None = None, ended: bool = False) -> None:
        choice = self._choice
        with self._lock:
            self._progress = CaptureProgress(
                number=self._progress.number + 1,
                picture=picture if picture is not None else self._progress.picture,
                kept=choice.kept if choice else 0,
                wanted=self._wanted,
                coverage=choice.coverage if choice else None,
                missing=choice.missing if choice else (),
                said=said,
                ended=ended,
            )

    def _earlier(self) -> FoundViews | None:
        """The images that an earlier session left in the folder."""
        if not self._folder.is_dir() or not any(self._folder.glob("*.png")):
            return None
        return find_views(self._folder, self._board, every=1, progress=lambda done, of: None)
