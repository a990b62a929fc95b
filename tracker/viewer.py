"""`tracker view`: a window on any machine that can subscribe. Draws the newest picture with the pose of that same frame."""

import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from tracker.client import Client
from tracker.errors import RigtrackError
from tracker.frame import Image
from tracker.messages import EventMessage, ImageMessage, Message, PoseMessage, StatusMessage
from tracker.overlay import OverlaySettings, draw, panel

HELP = (
    "q or Esc: quit",
    "space: pause, and go on",
    "s: save this picture with its overlay",
    "t: trail on and off",
    "z: zones on and off",
    "n: names of the key points on and off",
    "h: this help on and off",
)
_NOTE_NS = 3_000_000_000  # how long "saved ..." stays
_EVENT_OFF_S = 2.0  # how long an event that ended stays
_POSES_KEPT_S = 5.0  # a picture arrives later than its pose, by a JPEG and a network
_KEY_WAIT_MS = 10  # between two looks at the stream; the window itself is served meanwhile
_REDRAWN_NS = 250_000_000  # without a new picture: for the age of the last one
_BURST = 500  # messages taken before the keyboard is looked at again
_SMALLEST_PX, _LARGEST_PX = 960, 1280  # width of the drawn picture
_LARGEST_ZOOM = 4.0
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
    check_display()
    # Qt's own warnings (fonts, themes) say nothing that a user of this window could act on
    os.environ.setdefault("QT_LOGGING_RULES", "*.debug=false;*.info=false;*.warning=false")
    with Client(addresses, kinds=("image", "pose", "event", "status"), camera=camera, keys=keys, pictures=pictures) as client:
        look = settings or OverlaySettings()
        window = _Window(Scene(camera, trail_s=trail_s), client, settings=look, folder=snapshot_folder, clock=clock)
        try:
            window.show()
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
            f"no window can be opened on display {display}: {_reason(probe.stderr)}; see to DISPLAY, or log in with `ssh -X`"
        )


class Scene:
    """What was heard of one camera, and the picture it makes."""

    def __init__(self, camera: str | None, *, trail_s: float) -> None:
        self.camera = camera
        self.status: StatusMessage | None = None
        self.heard_ns: int | None = None  # when a pose or picture last came, on this machine's clock
        self.frame: int | None = None  # of the picture as last drawn
        self.others: set[str] = set()  # cameras heard beside it
        self._trail_ns = int(trail_s * 1e9)
        self._session = ""
        self._image: Image | None = None
        self._image_stamp: ImageMessage | None = None
        self._arrived: ImageMessage | None = None  # not decoded yet, and only decoded if it is to be drawn
        self._poses: dict[int, PoseMessage] = {}  # by frame, oldest first
        self._events: dict[tuple[str, int], tuple[EventMessage, int]] = {}  # with when it came

    def take(self, message: Message, now_ns: int) -> None:
        """Note one message; those of other cameras are left aside."""
        self.camera = self.camera or message.camera
        if message.camera != self.camera:
            self.others.add(message.camera)
            return
        if message.session != self._session:
            self._session, self._image, self._image_stamp, self._arrived = message.session, None, None, None
            self._poses.clear()
            self._events.clear()
        if isinstance(message, StatusMessage):
            self.status = message
        elif isinstance(message, EventMessage):
            self._events[message.event, message.animal] = (message, now_ns)
        else:
            self.heard_ns = now_ns
            if isinstance(message, PoseMessage):
                self._take_pose(message)
            elif isinstance(message, ImageMessage):
                self._arrived = message

    def picture(self, settings: OverlaySettings, now_ns: int) -> Image | None:
        """Draw the newest picture (uint8 RGB), or None before the first."""
        self._decode()
        image, stamp = self._image, self._image_stamp
        if image is None or stamp is None:
            return None
        self.frame = stamp.frame
        return draw(
            image,
            pose=self._poses.get(stamp.frame),
            status=self.status,
            events=self._shown_events(now_ns),
            trail=[
                pose
                for pose in self._poses.values()
                if pose.frame <= stamp.frame and 0 <= stamp.received_ns - pose.received_ns <= self._trail_ns
            ],
            age_s=self.age_s(now_ns),
            settings=replace(settings, zoom=zoom_for(stamp.width)),
        )

    def waiting(self, settings: OverlaySettings, addresses: Sequence[str]) -> Image:
        """What stands there before the first picture: uint8 RGB."""
        width, height = (self.status.image_size if self.status is not None else None) or (640, 480)
        ground = np.full((height, width, 3), 46, np.uint8)
        picture = draw(ground, status=self.status, settings=replace(settings, zoom=zoom_for(width)))
        panel(picture, [f"waiting for pictures from {', '.join(addresses)}", "h: help   q: quit"], place="centre")
        return picture

    def changed(self, now_ns: int) -> tuple[int | None, int]:
        """Differs whenever the picture has to be drawn again."""
        newest = self._arrived or self._image_stamp
        return (None if newest is None else newest.published_ns), now_ns // _REDRAWN_NS

    def file_name(self) -> str:
        """A name for the picture as last drawn; what came over the network cannot lead it to another folder."""
        safe = (re.sub(r"[^A-Za-z0-9_-]", "_", text) for text in (self.camera or "", self._session))
        return f"{'-'.join(safe)}-{self.frame}.png"

    def age_s(self, now_ns: int) -> float:
        """Seconds since a pose or picture came; 0 before the first."""
        return 0.0 if self.heard_ns is None else (now_ns - self.heard_ns) / 1e9

    def _take_pose(self, message: PoseMessage) -> None:
        self._poses.pop(message.frame, None)
        self._poses[message.frame] = message
        kept_ns = max(self._trail_ns, int(_POSES_KEPT_S * 1e9))
        while message.received_ns - next(iter(self._poses.values())).received_ns > kept_ns:
            del self._poses[next(iter(self._poses))]

    def _decode(self) -> None:
        """Open the picture that arrived last; a damaged one leaves the one before in place."""
        stamp, self._arrived = self._arrived, None
        image = None if stamp is None else decode_jpeg(stamp.jpeg)
        if stamp is not None and image is not None:
            if image.shape[:2] != (stamp.height, stamp.width):  # key points are in source pixels
                image = np.asarray(cv2.resize(image, (stamp.width, stamp.height)), np.uint8)
            self._image, self._image_stamp = image, stamp

    def _shown_events(self, now_ns: int) -> list[EventMessage]:
        return [event for event, came_ns in self._events.values() if event.state == "on" or now_ns - came_ns < _EVENT_OFF_S * 1e9]


class _Window:
    """The window, its keys, and the loop that keeps it alive."""

    def __init__(self, scene: Scene, client: Client, *, settings: OverlaySettings, folder: Path, clock: Callable[[], int]) -> None:
        self._scene = scene
        self._client = client
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._title = f"rigtrack - {scene.camera or ', '.join(client.addresses)}"
        self._drawn = scene.waiting(settings, client.addresses)  # without the panels below
        self._state: tuple[object, ...] = ()
        self._paused = False
        self._help = False
        self._note = ""
        self._note_until_ns = 0

    def show(self) -> None:
        """Open the window and keep it up to date until it is closed."""
        cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        size: tuple[int, ...] = ()
        while True:
            self._hear()
            picture = self._compose()
            if picture is not None:
                if picture.shape != size:
                    size = picture.shape
                    cv2.resizeWindow(self._title, size[1], size[0])
                cv2.imshow(self._title, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            if not self._obey(cv2.waitKey(_KEY_WAIT_MS)) or not self._open():
                return

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
        state = (None if self._paused else self._scene.changed(now), self._settings, self._help, self._paused, note)
        if state == self._state:
            return None
        self._state = state
        if not self._paused:
            picture = self._scene.picture(self._settings, now)
            self._drawn = self._scene.waiting(self._settings, self._client.addresses) if picture is None else picture
        whole = self._drawn.copy()
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
        elif key == "z":
            self._settings = replace(settings, zones=not settings.zones)
        elif key == "n":
            self._settings = replace(settings, names=not settings.names)
        return True

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


def decode_jpeg(jpeg: bytes) -> Image | None:
    """Decode to uint8 (h, w, 3) RGB, or None where it is damaged."""
    try:
        bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # empty, or of an absurd size
        return None
    return None if bgr is None else np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def zoom_for(width: int) -> float:
    """How much larger a picture is drawn: small ones, so that text and points are sharp; large ones less, so that drawing keeps up."""
    if width < _SMALLEST_PX:
        return min(_LARGEST_ZOOM, _SMALLEST_PX / width)
    return min(1.0, _LARGEST_PX / width)


def _reason(complaint: str) -> str:
    """The line of a toolkit's complaint that says most."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    telling = [line for line in lines if "could not" in line.lower() or "error" in line.lower()]
    return (telling or lines[-1:] or ["the toolkit gave no reason"])[0].rstrip(".")
