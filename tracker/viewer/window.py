"""The viewer's window: its size, its keys, its pictures on disk. What it shows is given: a running tracker, or a recorded session."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import cv2

from tracker.errors import RigtrackError
from tracker.frame import Image
from tracker.viewer.overlay import OverlaySettings, panel
from tracker.viewer.x11 import Display

HELP = (
    "s: save this picture with its overlay",
    "t: trails on and off",
    "p: trail of every key point, of the first, the second, ...",
    "z: zones on and off",
    "n: names of the key points on and off",
    "h: this help on and off",
    "q or Esc: quit",
)
_NOTE_NS = 3_000_000_000  # how long "saved ..." stays
_KEY_WAIT_MS = 10  # between two looks at the stream; the window itself is served meanwhile
_ROOM_PX = (1280, 800)  # of the window at first, with its frame, or the screen if that is smaller
_FRAME_PX = (20, 50)  # of a window manager, and a bar
_SMALLEST_PX, _LARGEST_PX = (240, 160), (2560, 1600)  # drawn for; a window beyond is stretched, so that drawing keeps up
_ANNOUNCED_NS = 3_000_000_000  # how long after the start the window is told that it is there
_PROBE_S = 20.0
_PROBE = "import cv2; cv2.namedWindow('rigtrack', cv2.WINDOW_NORMAL)"
_ESCAPE, _NO_KEY = 27, -1

logger = logging.getLogger(__name__)


class Content(Protocol):
    """What a window shows."""

    @property
    def title(self) -> str:
        """Of the window."""

    @property
    def help(self) -> Sequence[str]:
        """Keys of its own, a line each."""

    def take_in(self) -> str:
        """Take in what is new; something to say, or ""."""

    def first_size(self, room: tuple[int, int]) -> tuple[int, int]:
        """Width and height of the whole in `room` (w, h), without empty bars."""

    def size_is_known(self) -> bool:
        """Whether `first_size` will not change any more."""

    def state(self) -> object:
        """Differs whenever the picture has to be drawn again."""

    def picture(self, settings: OverlaySettings, size: tuple[int, int]) -> Image:
        """Draw for `size` (w, h): uint8 (h, w, 3) RGB. This is what is saved."""

    def finish(self, whole: Image) -> Sequence[str]:
        """Draw onto a picture (uint8 (h, w, 3) RGB) itself what is seen and not saved; lines to stand in a corner of `room_in`."""

    def room_in(self, whole: Image) -> Image:
        """The part of a picture on which the window may write: a view of it."""

    def obey(self, key: int) -> str | None:
        """Do what a key (a character's or X11's number) asks for; something to say, "" for nothing, None for a key of no meaning."""

    def press(self, place: tuple[int, int], size: tuple[int, int]) -> None:
        """The left button is held at `place` (x, y) of a picture drawn for `size` (w, h)."""

    def point_names(self) -> list[str]:
        """Key points in the bundle's order."""

    def file_name(self) -> str | None:
        """For the picture as last drawn, None where there is none yet."""


@contextmanager
def display_held() -> Iterator[Display]:
    """A display on which a window can be opened.

    Raises:
        RigtrackError: there is none.
    """
    with Display() as display:  # held from before the first look: a server without clients begins anew, and nothing can connect meanwhile
        check_display()
        # Qt's own warnings (fonts, themes) say nothing that a user of this window could act on
        os.environ.setdefault("QT_LOGGING_RULES", "*.debug=false;*.info=false;*.warning=false")
        yield display


def show(
    content: Content, display: Display, *, settings: OverlaySettings, folder: Path, clock: Callable[[], int] = time.monotonic_ns
) -> None:
    """Show it until q, Esc, Ctrl-C or the window's own button.

    Args:
        content: what is shown.
        display: as `display_held` gives it.
        settings: what is drawn, where and how large.
        folder: where the key s writes PNG files.
        clock: monotonic time in ns.

    Raises:
        RigtrackError: the window failed.
    """
    try:
        _Window(content, settings=settings, folder=folder, clock=clock).show(display)
    except KeyboardInterrupt:
        return
    except cv2.error as problem:
        raise RigtrackError(f"the window failed: {' '.join(str(problem).split())}; is the display still there?") from None
    finally:
        cv2.destroyAllWindows()


def check_display() -> None:
    """See whether a window can be opened, in a process of its own: without a display, Qt ends the process that asks.

    Raises:
        RigtrackError: it cannot.
    """
    if not sys.platform.startswith("linux"):
        return
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not display:
        raise RigtrackError(
            "there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set); run this at a desktop or log in with `ssh -X`"
        )
    try:
        probe = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_S, check=False)
    except subprocess.TimeoutExpired:
        raise RigtrackError(
            f"display {display} did not answer within {_PROBE_S:g} s; is its screen or SSH connection still there?"
        ) from None
    if probe.returncode:
        raise RigtrackError(
            f"no window can be opened on display {display}: {_reason(probe.stderr)}; check DISPLAY, or log in with `ssh -X`"
        )


class _Window:
    """The window, the keys that every content has, and the loop that keeps it alive."""

    def __init__(self, content: Content, *, settings: OverlaySettings, folder: Path, clock: Callable[[], int]) -> None:
        self._content = content
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._title = f"rigtrack - {content.title}"
        self._room = (_ROOM_PX[0] - _FRAME_PX[0], _ROOM_PX[1] - _FRAME_PX[1])
        self._size = content.first_size(self._room)
        self._fitted = False  # whether the window took on the shape of the camera's picture
        self._drawn: Image | None = None  # without the panels below
        self._drawn_of: tuple[object, ...] = ()
        self._state: tuple[object, ...] = ()
        self._help = False
        self._note = ""
        self._note_until_ns = 0

    def show(self, display: Display) -> None:
        """Open the window and keep it up to date until it is closed."""
        screen = display.screen_px() or _ROOM_PX
        self._room = (min(screen[0], _ROOM_PX[0]) - _FRAME_PX[0], min(screen[1], _ROOM_PX[1]) - _FRAME_PX[1])
        self._size = self._content.first_size(self._room)
        # not WINDOW_KEEPRATIO: the picture keeps its own, being drawn for whatever size the window has
        cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(self._title, *self._size)
        cv2.setMouseCallback(self._title, self._mouse)
        opened_ns = told_ns = self._clock()
        while True:
            note = self._content.take_in()
            if note:
                self._say(note)
            self._fit()
            picture = self._compose()
            if picture is not None:
                cv2.imshow(self._title, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            if not self._obey(cv2.waitKeyEx(_KEY_WAIT_MS)) or not self._open():
                return
            now = self._clock()
            if now - opened_ns < _ANNOUNCED_NS and now - told_ns > _ANNOUNCED_NS // 20:
                display.announce_mapped(self._title)
                told_ns = now

    def _fit(self) -> None:
        """Draw for the size that the user gave the window; give it the picture's shape once that is known."""
        if not self._fitted and self._content.size_is_known():
            self._fitted = True
            self._size = self._content.first_size(self._room)
            cv2.resizeWindow(self._title, *self._size)
            return
        try:
            _, _, width, height = cv2.getWindowImageRect(self._title)
        except cv2.error:  # closed meanwhile
            return
        if width > 0 and height > 0 and (width, height) != self._size:
            self._size = _within(width, height)

    def _open(self) -> bool:
        """Whether the window is still there."""
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # Qt's answer once its last window was closed by its own button
            return False

    def _compose(self) -> Image | None:
        """The whole of what is to be seen, or None while nothing changed."""
        note = self._note if self._clock() < self._note_until_ns else ""
        drawn_of = (self._content.state(), self._settings, self._size)
        if (*drawn_of, self._help, note) == self._state:
            return None
        self._state = (*drawn_of, self._help, note)
        if self._drawn is None or drawn_of != self._drawn_of:
            self._drawn, self._drawn_of = self._content.picture(self._settings, self._size), drawn_of
        whole = self._drawn.copy()
        lines = self._content.finish(whole)
        room = self._content.room_in(whole)
        panel(room, [*([note] if note else []), *lines], place="bottom_right")
        panel(room, (*self._content.help, *HELP) if self._help else (), place="centre")
        return whole

    def _obey(self, code: int) -> bool:
        """Do what a key asks for. Returns False to quit."""
        settings = self._settings
        said = None if code == _NO_KEY else self._content.obey(code)
        if said:
            self._say(said)
        if code == _NO_KEY or said is not None:
            return True
        key = "" if code & 0xFF00 == 0xFF00 else chr(code & 0xFF)  # arrows and the like, which are no characters
        if key == "q" or code == _ESCAPE:
            return False
        if key == "s":
            self._snapshot()
        elif key == "h":
            self._help = not self._help
        elif key == "t":
            self._settings = replace(settings, trail=not settings.trail)
        elif key == "p":
            self._settings = replace(settings, trail=True, trail_points=self._next_trail())
        elif key == "z":
            self._settings = replace(settings, zones=not settings.zones)
        elif key == "n":
            self._settings = replace(settings, names=not settings.names)
        return True

    def _mouse(self, event: int, x: int, y: int, flags: int, _: object) -> None:
        """Called by OpenCV while it waits for a key."""
        if event == cv2.EVENT_LBUTTONDOWN or (event == cv2.EVENT_MOUSEMOVE and flags & cv2.EVENT_FLAG_LBUTTON):
            self._content.press((x, y), self._size)

    def _next_trail(self) -> tuple[str, ...]:
        """All key points, then each alone, then all again."""
        names = self._content.point_names()
        shown = self._settings.trail_points
        place = names.index(shown[0]) + 1 if shown and shown[0] in names else 0
        chosen = tuple(names[place : place + 1])
        self._say(f"trail of {chosen[0]}" if chosen else "trail of every key point")
        return chosen

    def _snapshot(self) -> None:
        """Save what is shown, without the panels of this window; its name says what it is of."""
        name = self._content.file_name()
        if name is None or self._drawn is None:
            self._say("nothing to save yet: no picture has come")
            return
        path = self._folder / name
        _, png = cv2.imencode(".png", cv2.cvtColor(self._drawn, cv2.COLOR_RGB2BGR))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png.tobytes())
            self._say(f"saved {path}")
        except OSError as problem:
            self._say(f"{path} could not be written: {problem.strerror}")

    def _say(self, text: str) -> None:
        logger.info("%s", text)
        self._note, self._note_until_ns = text, self._clock() + _NOTE_NS


def _within(width: int, height: int) -> tuple[int, int]:
    """The size to draw for in a window of this size: its own, or the nearest of its shape."""
    scale = min(1.0, _LARGEST_PX[0] / width, _LARGEST_PX[1] / height)
    return max(_SMALLEST_PX[0], round(scale * width)), max(_SMALLEST_PX[1], round(scale * height))


def _reason(text: str) -> str:
    """The line of a toolkit's error text that says most."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "could not" in line.lower() or "error" in line.lower()]
    return (telling or lines[-1:] or ["the toolkit gave no reason"])[0].rstrip(".")
