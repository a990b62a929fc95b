"""`tracker view`: a running tracker in a window, on any machine that can subscribe. The newest picture with the pose of that same frame."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tracker.client import Client
from tracker.frame import Image
from tracker.viewer.banner import Banner, draw_banner
from tracker.viewer.composition import first_size
from tracker.viewer.overlay import OverlaySettings
from tracker.viewer.scene import ViewerScene
from tracker.viewer.window import display_held, show

_BURST = 500  # messages taken before the keyboard is looked at again


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
    with (
        display_held() as display,
        Client(addresses, kinds=("image", "pose", "event", "status", "alive"), camera=camera, keys=keys, pictures=pictures) as client,
    ):
        scene = ViewerScene(camera, trail_s=trail_s, began_ns=clock())
        show(_Live(scene, client, clock), display, settings=settings or OverlaySettings(), folder=snapshot_folder, clock=clock)


class _Live:
    """A running tracker as the content of a window."""

    help = ("space: pause, and go on",)

    def __init__(self, scene: ViewerScene, client: Client, clock: Callable[[], int]) -> None:
        self._scene = scene
        self._client = client
        self._clock = clock
        self._paused = False
        self._drawn: Image | None = None
        self.title = scene.camera or ", ".join(client.addresses)

    def take_in(self) -> str:
        """Hear the stream; while paused too, or an event that ends meanwhile would stay on."""
        chosen = self._scene.camera
        others = len(self._scene.others)
        for _ in range(_BURST):
            message = self._client.receive(0)
            if message is None:
                break
            self._scene.take(message, self._clock())
        if chosen is not None and len(self._scene.others) > others:
            return f"showing {chosen}; also heard: {', '.join(sorted(self._scene.others))}: choose with --camera"
        return ""

    def first_size(self, room: tuple[int, int]) -> tuple[int, int]:
        """As large as the room holds."""
        return first_size(self._scene.source_size(), room)

    def size_is_known(self) -> bool:
        """Whether the size of the camera's picture is known."""
        return self._scene.size_is_known()

    def state(self) -> object:
        """Of the picture, or of what stands over one that is paused."""
        return (None if self._paused else self._scene.changed(self._clock()), self._banner())

    def picture(self, settings: OverlaySettings, size: tuple[int, int]) -> Image:
        """The newest picture; the last one while paused."""
        if self._paused and self._drawn is not None:
            return self._drawn
        now = self._clock()
        picture = self._scene.picture(settings, now, size)
        self._drawn = self._scene.waiting(settings, self._client.addresses, now, size) if picture is None else picture
        return self._drawn

    def finish(self, whole: Image) -> Sequence[str]:
        """Say over a paused picture that it is not live."""
        banner = self._banner()
        if banner is not None:
            draw_banner(whole, banner)
        return ["paused: press space to go on"] if self._paused else []

    def room_in(self, whole: Image) -> Image:
        """All of it."""
        return whole

    def obey(self, key: int) -> str | None:
        """Space pauses."""
        if key & 0xFFFF != ord(" "):
            return None
        self._paused = not self._paused
        return ""

    def press(self, place: tuple[int, int], size: tuple[int, int]) -> None:
        """Nothing here is for the mouse."""

    def point_names(self) -> list[str]:
        """Key points in the bundle's order."""
        return self._scene.point_names()

    def file_name(self) -> str | None:
        """Camera, session and frame."""
        return None if self._scene.frame is None else self._scene.file_name()

    def _banner(self) -> Banner | None:
        """What stands over a paused picture; otherwise the scene draws its own."""
        return self._scene.banner(self._clock()) if self._paused else None
