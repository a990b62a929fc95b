"""`tracker view`: a window on any machine that can subscribe. Draws the newest picture with the pose of that same frame."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2

from tracker.client import Client
from tracker.errors import RigtrackError
from tracker.frame import Image
from tracker.viewer.banner import draw_banner
from tracker.viewer.composition import first_size
from tracker.viewer.overlay import OverlaySettings, panel
from tracker.viewer.scene import ViewerScene
from tracker.viewer.x11 import Display

HELP = (
    "q or Esc: quit",
    "space: pause, and go on",
    "s: save this picture with its overlay",
    "t: trails on and off",
    "p: trail of every key point, of the first, the second, ...",
    "z: zones on and off",
    "n: names of the key points on and off",
    "h: this help on and off",
)
_NOTE_NS = 3_000_000_000  # how long "saved ..." stays
_KEY_WAIT_MS = 10  # between two looks at the stream; the window itself is served meanwhile
_BURST = 500  # messages taken before the keyboard is looked at again
_ROOM_PX = (1280, 800)  # of the window at first, with its frame, or the screen if that is smaller
_FRAME_PX = (20, 50)  # of a window manager, and a bar
_SMALLEST_PX, _LARGEST_PX = (240, 160), (2560, 1600)  # drawn for; a window beyond is stretched, so that drawing keeps up
_ANNOUNCED_NS = 3_000_000_000  # how long after the start the window is told that it is there
_PROBE_S = 20.0
_PROBE = "import cv2; cv2.namedWindow('rigtrack', cv2.WINDOW_NORMAL)"
_ESCAPE, _NO_KEY = "\x1b", -1

logger = logging.getLogger(__name__)


def view(
    addresses: str | Sequence[str],
    *,
    camera: str | None = None,
    snapshot_folder: Path = Path(),
    trail_s: float = 1.0,
    settings: OverlaySettings | None = None,
    keys: Path | None = None,
    pictures: Sequence[str] | None = None,
    clock: Callable[[], int] = time.monotonic_ns,
) -> None:
    """Show a tracker's pictures in a window until q, Esc, Ctrl-C or the window's own button.

    Args:
        addresses: where trackers publish.
        camera: which one to show; None shows the first that is heard.
        snapshot_folder: where the key s writes PNG files.
        trail_s: length of the trail in seconds.
        settings: what is drawn, where and how large.
        keys: folder with this client's CURVE keys.
        pictures: where the pictures are; None: beside each of `addresses`.
        clock: monotonic time in ns.

    Raises:
        RigtrackError: there is no display, or no window can be opened on it.
        StreamError: a malformed address, keys that cannot be read, or a sender that is not a tracker of this version.
    """
    with Display() as display:  # held from before the first look: a server without clients begins anew, and nothing can connect meanwhile
        check_display()
        # Qt's own warnings (fonts, themes) say nothing that a user of this window could act on
        os.environ.setdefault("QT_LOGGING_RULES", "*.debug=false;*.info=false;*.warning=false")
        with Client(addresses, kinds=("image", "pose", "event", "status", "alive"), camera=camera, keys=keys, pictures=pictures) as client:
            scene = ViewerScene(camera, trail_s=trail_s, began_ns=clock())
            window = _Window(scene, client, settings=settings or OverlaySettings(), folder=snapshot_folder, clock=clock)
            try:
                window.show(display)
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
            "there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set); run `tracker view` at a desktop or log in with `ssh -X`"
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
    """The window, its keys, and the loop that keeps it alive."""

    def __init__(self, scene: ViewerScene, client: Client, *, settings: OverlaySettings, folder: Path, clock: Callable[[], int]) -> None:
        self._scene = scene
        self._client = client
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._title = f"rigtrack - {scene.camera or ', '.join(client.addresses)}"
        self._room = (_ROOM_PX[0] - _FRAME_PX[0], _ROOM_PX[1] - _FRAME_PX[1])
        self._size = first_size(scene.source_size(), self._room)
        self._fitted = False  # whether the window took on the shape of the camera's picture
        self._drawn = scene.waiting(settings, client.addresses, clock(), self._size)  # without the panels below
        self._state: tuple[object, ...] = ()
        self._paused = False
        self._help = False
        self._note = ""
        self._note_until_ns = 0

    def show(self, display: Display) -> None:
        """Open the window and keep it up to date until it is closed."""
        screen = display.screen_px() or _ROOM_PX
        self._room = (min(screen[0], _ROOM_PX[0]) - _FRAME_PX[0], min(screen[1], _ROOM_PX[1]) - _FRAME_PX[1])
        self._size = first_size(self._scene.source_size(), self._room)
        # not WINDOW_KEEPRATIO: the picture keeps its own, being drawn for whatever size the window has
        cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(self._title, *self._size)
        opened_ns = told_ns = self._clock()
        while True:
            self._hear()
            self._fit()
            picture = self._compose()
            if picture is not None:
                cv2.imshow(self._title, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            if not self._obey(cv2.waitKey(_KEY_WAIT_MS)) or not self._open():
                return
            now = self._clock()
            if now - opened_ns < _ANNOUNCED_NS and now - told_ns > _ANNOUNCED_NS // 20:
                display.announce_mapped(self._title)
                told_ns = now

    def _fit(self) -> None:
        """Draw for the size that the user gave the window; give it the picture's shape once that is known."""
        if not self._fitted and self._scene.size_is_known():
            self._fitted = True
            self._size = first_size(self._scene.source_size(), self._room)
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

    def _hear(self) -> None:
        chosen = self._scene.camera
        others = len(self._scene.others)
        for _ in range(_BURST):
            message = self._client.receive(0)
            if message is None:
                break
            self._scene.take(message, self._clock())  # while paused too, or an event that ends meanwhile would stay on
        if chosen is not None and len(self._scene.others) > others:
            self._say(f"showing {chosen}; also heard: {', '.join(sorted(self._scene.others))}: choose with --camera")

    def _compose(self) -> Image | None:
        """The whole of what is to be seen, or None while nothing changed."""
        now = self._clock()
        note = self._note if now < self._note_until_ns else ""
        banner = self._scene.banner(now) if self._paused else None  # otherwise the scene draws its own
        changed = None if self._paused else self._scene.changed(now)
        state = (changed, banner, self._settings, self._help, self._paused, note, self._size)
        if state == self._state:
            return None
        self._state = state
        if not self._paused:
            picture = self._scene.picture(self._settings, now, self._size)
            if picture is None:
                picture = self._scene.waiting(self._settings, self._client.addresses, now, self._size)
            self._drawn = picture
        whole = self._drawn.copy()
        if banner is not None:
            draw_banner(whole, banner)
        panel(whole, [*([note] if note else []), *(["paused: press space to go on"] if self._paused else [])], place="bottom_right")
        panel(whole, HELP if self._help else (), place="centre")
        return whole

    def _obey(self, code: int) -> bool:
        """Carry out a key. Returns False to quit."""
        key = "" if code == _NO_KEY else chr(code & 0xFF)
        settings = self._settings
        if key in ("q", _ESCAPE):
            return False
        if key == " ":
            self._paused = not self._paused
        elif key == "s":
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

    def _next_trail(self) -> tuple[str, ...]:
        """All key points, then each alone, then all again."""
        names = self._scene.point_names()
        shown = self._settings.trail_points
        place = names.index(shown[0]) + 1 if shown and shown[0] in names else 0
        chosen = tuple(names[place : place + 1])
        self._say(f"trail of {chosen[0]}" if chosen else "trail of every key point")
        return chosen

    def _snapshot(self) -> None:
        """Save what is shown, without the panels of this window; camera, session and frame stand in its name."""
        if self._scene.frame is None:
            self._say("nothing to save yet: no picture has come")
            return
        path = self._folder / self._scene.file_name()
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
