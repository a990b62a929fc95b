"""`tracker view SESSION`: a recorded session in a window, with a seek bar."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tracker.frame import Image
from tracker.recording.read_session import RecordedSession
from tracker.recording.session_chain import read_chain
from tracker.viewer.composition import first_size
from tracker.viewer.overlay import OverlaySettings
from tracker.viewer.palette import PANEL
from tracker.viewer.playback import Playback
from tracker.viewer.recorded_scene import RecordedScene, clock_text
from tracker.viewer.timeline import Timeline
from tracker.viewer.window import display_held, show

HELP = (
    "space: play, and rest",
    "left, right  or , .  : one frame back, on",
    "up, down: ten frames on, back",
    "PageUp, PageDown: a second back, on",
    "Home, End: first, last frame",
    "e: next event   b: the event before",
    "+ -: faster, slower",
    "mouse on the bar: go there",
)
_LEFT, _UP, _RIGHT, _DOWN, _PAGE_UP, _PAGE_DOWN, _END, _HOME = 0xFF51, 0xFF52, 0xFF53, 0xFF54, 0xFF55, 0xFF56, 0xFF57, 0xFF50
_KEYPAD = {0xFF96: _LEFT, 0xFF97: _UP, 0xFF98: _RIGHT, 0xFF99: _DOWN, 0xFF9A: _PAGE_UP, 0xFF9B: _PAGE_DOWN, 0xFF9C: _END, 0xFF95: _HOME}
_STEPS = {_LEFT: -1, _RIGHT: 1, ord(","): -1, ord("."): 1, _UP: 10, _DOWN: -10}
_SECONDS = {_PAGE_UP: -1.0, _PAGE_DOWN: 1.0}
_SPEEDS = {ord("+"): 1, ord("="): 1, ord("-"): -1}


def view_session(
    folder: Path,
    *,
    from_s: float = 0.0,
    snapshot_folder: Path = Path(),
    trail_s: float = 1.0,
    settings: OverlaySettings | None = None,
    whole: bool = False,
    clock: Callable[[], int] = time.monotonic_ns,
) -> None:
    """Show a recorded session in a window until q, Esc, Ctrl-C or the window's own button.

    Args:
        folder: of the session.
        from_s: where to begin, in seconds from its first frame.
        snapshot_folder: where the key s writes PNG files.
        trail_s: length of the trail in seconds.
        settings: what is drawn, where and how large.
        whole: with the sessions that it goes on from, and those that go on from it.
        clock: monotonic time in ns.

    Raises:
        RecordingError: the folder is not a session, is damaged or has no frames.
        RigtrackError: there is no display, or no window can be opened on it.
    """
    scene = RecordedScene(read_chain(folder) if whole else RecordedSession(folder), trail_s=trail_s)
    try:
        with display_held() as display:
            content = SessionContent(scene, clock)
            content.go_to_s(from_s)
            show(content, display, settings=settings or OverlaySettings(), folder=snapshot_folder, clock=clock)
    finally:
        scene.close()


class SessionContent:
    """A recorded session as the content of a window."""

    help = HELP

    def __init__(self, scene: RecordedScene, clock: Callable[[], int]) -> None:
        self._scene = scene
        self._clock = clock
        self._playback = Playback(scene.seconds)
        self._timeline = timeline_of(scene)
        self._shown = 0
        self.title = scene.title

    def go_to_s(self, seconds: float) -> None:
        """Go to a time from the first frame on."""
        self._playback.go(self._scene.nearest(seconds), self._clock())

    def take_in(self) -> str:
        """Nothing comes."""
        return ""

    def first_size(self, room: tuple[int, int]) -> tuple[int, int]:
        """As large as the room holds, with the bar below."""
        below = self._timeline.height(room[0])
        width, height = first_size(self._scene.source_size(), (room[0], room[1] - below))
        return width, height + self._timeline.height(width)

    def size_is_known(self) -> bool:
        """From the beginning."""
        return True

    def state(self) -> object:
        """The frame to show."""
        return self._playback.place(self._clock()), self._playback.playing, self._playback.speed

    def picture(self, settings: OverlaySettings, size: tuple[int, int]) -> Image:
        """The frame of this moment with its panel and the bar."""
        self._shown = self._playback.place(self._clock())
        return with_timeline(self._scene, self._timeline, self._shown, settings, size)

    def finish(self, whole: Image) -> Sequence[str]:
        """What is wrong with the session, and how it plays."""
        speed = self._playback.speed
        fast = f"{speed:g}x" if speed >= 1 else f"1/{round(1 / speed)}x"
        playing = f"playing {fast}" if self._playback.playing else f"space: play{'' if speed == 1 else f' {fast}'}   h: help"
        return [*([self._scene.notice] if self._scene.notice else []), playing]

    def room_in(self, whole: Image) -> Image:
        """What is above the bar."""
        return whole[: max(1, whole.shape[0] - self._timeline.height(whole.shape[1]))]

    def obey(self, key: int) -> str | None:
        """Keys that move through the session."""
        now, playback = self._clock(), self._playback
        code = _KEYPAD.get(key & 0xFFFF, key & 0xFFFF)
        if code == ord(" "):
            playback.toggle(now)
        elif code in _STEPS:
            playback.step(_STEPS[code], now)
        elif code in _SECONDS:
            playback.go_by_s(_SECONDS[code], now)
        elif code in (_HOME, _END):
            playback.go(0 if code == _HOME else playback.last, now)
        elif code in _SPEEDS:
            playback.change_speed(_SPEEDS[code], now)
        elif code in (ord("e"), ord("b")):
            return self._go_to_event(later=code == ord("e"))
        else:
            return None
        return ""

    def press(self, place: tuple[int, int], size: tuple[int, int]) -> None:
        """On the bar: go there."""
        width, height = size
        if place[1] >= height - self._timeline.height(width):
            self._playback.go(self._timeline.place_at(place[0], width), self._clock())

    def point_names(self) -> list[str]:
        """Key points of the frame's setup."""
        return self._scene.point_names(self._shown)

    def file_name(self) -> str | None:
        """Session and frame."""
        return self._scene.file_name(self._shown)

    def _go_to_event(self, *, later: bool) -> str:
        now = self._clock()
        here = self._playback.place(now)
        there = self._scene.events.next_begin(here) if later else self._scene.events.previous_begin(here)
        if there is None:
            return f"no event {'after' if later else 'before'} this frame"
        self._playback.go(there, now)
        return ""


def timeline_of(scene: RecordedScene) -> Timeline:
    """The bar below a session."""
    return Timeline(
        frames=scene.frames, spans=scene.events.spans, segments=scene.segments, ends=("0:00", clock_text(float(scene.seconds[-1])))
    )


def with_timeline(
    scene: RecordedScene, timeline: Timeline, place: int, settings: OverlaySettings, size: tuple[int, int] | None = None
) -> Image:
    """A frame with its panel and the bar below: uint8 (h, w, 3) RGB.

    Args:
        scene: the session.
        timeline: its bar.
        place: which frame.
        settings: what is drawn, where and how large.
        size: (width, height) of the whole; None: as large as the picture in the zoom of the settings makes it.
    """
    if size is None:
        above = scene.picture(place, settings)
        width = above.shape[1]
        below = timeline.draw(width, place)
    else:
        width, height = size
        below = timeline.draw(width, place)
        above = scene.picture(place, settings, (width, max(1, height - below.shape[0])))
    whole = np.full((above.shape[0] + below.shape[0], max(width, above.shape[1]), 3), PANEL, np.uint8)
    whole[: above.shape[0], : above.shape[1]] = above
    whole[above.shape[0] :, :width] = below
    return whole
