"""A recorded session, or several that go on with one another, frame by frame with everything that belongs to it. No window, no clock."""

import tempfile
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from tracker.calibration import PlaneMapper, read_calibration
from tracker.config_rules import Zone
from tracker.errors import CalibrationError, ConfigError, RecordingError
from tracker.frame import Image
from tracker.messages import VERSION, PoseMessage, SetupMessage, StatusMessage
from tracker.point_colours import Colour
from tracker.recording.read_session import RecordedSession, as_recorded
from tracker.recording.session import is_claimed
from tracker.recording.session_chain import Part, SessionChain
from tracker.recording.session_messages import session_events, session_pose, session_setups
from tracker.recording.tables import numbers_of
from tracker.recording.video_by_number import VideoByNumber
from tracker.setup import with_outline
from tracker.viewer.banner import Banner
from tracker.viewer.composition import compose
from tracker.viewer.overlay import Line, OverlaySettings
from tracker.viewer.palette import AMBER, RED
from tracker.viewer.recorded_events import ChainedEvents, RecordedEvents

_POSES_KEPT = 2000  # of a trail, from one picture to the next
_TRAIL_POSES = 100  # more could not be told apart
_NO_PICTURE_LEVEL = 46


class RecordedScene:
    """One session, or a chain of them. Frames are counted by their place in it, from 0; the camera's own numbers may have gaps.

    Attributes:
        frames: how many there are.
        seconds: float64 (frames), when each came, from the first on.
        events: by frame.
        segments: the first frame of each video file but the first.
        notice: what is wrong with a session as a whole, "" for nothing.
        lacking: frames that were drawn without a picture, and why there was none.
    """

    def __init__(self, session: RecordedSession | SessionChain, *, trail_s: float = 1.0) -> None:
        """Read everything but the video.

        Raises:
            RecordingError: there are no frames, setups are damaged, or a session begins before the end of the one before it.
        """
        self._chain = session if isinstance(session, SessionChain) else SessionChain([session])
        self.notice = next(filter(None, (_notice(part.session) for part in self._chain.parts)), "")
        read = [(part, part.rows) for part in self._chain.parts]
        self._parts = [(part, rows) for part, rows in read if rows.num_rows]
        if not self._parts:
            raise RecordingError(f"{session.folder}: holds no frames{'; ' if self.notice else ''}{self.notice}")
        self._rows = pa.concat_tables([rows for _, rows in self._parts]).combine_chunks()
        self.frames: int = self._rows.num_rows
        self._begins = np.cumsum([0, *(rows.num_rows for _, rows in self._parts)])  # of each part, and the end
        self._received_ns = numbers_of(self._rows["received_ns"], np.int64)
        self._gaps_s = [float(self._received_ns[begin] - self._received_ns[begin - 1]) / 1e9 for begin in self._begins[1:-1]]
        _refuse_set_back(self._parts, self._gaps_s)
        self.seconds: NDArray[np.float64] = (self._received_ns - self._received_ns[0]) / 1e9
        self._segment = numbers_of(self._rows["segment"], np.int32)
        numbers, first, count = np.unique(self._segment, return_index=True, return_counts=True)
        self._first_of: dict[int, int] = dict(zip(numbers.tolist(), first.tolist(), strict=True))
        self._rows_of: dict[int, int] = dict(zip(numbers.tolist(), count.tolist(), strict=True))
        self.segments = [first for first in self._first_of.values() if first]
        self._setups = session_setups(self._chain)
        named = numbers_of(self._rows["setup"], np.int32, missing=-1).astype(np.int64)
        self._setup_of = np.concatenate([_setup_of_each(named[self._of_part(index)], part) for index, (part, _) in enumerate(self._parts)])
        self.events = ChainedEvents(
            [RecordedEvents(session_events(part), self._received_ns[self._of_part(index)]) for index, (part, _) in enumerate(self._parts)]
        )
        self._trail_ns = int(trail_s * 1e9)
        self.lacking: dict[int, str] = {}
        self._video: tuple[int, VideoByNumber] | None = None
        self._pose = lru_cache(maxsize=_POSES_KEPT)(self._read_pose)
        self._status = lru_cache(maxsize=None)(self._make_status)

    @property
    def title(self) -> str:
        """What the window says it shows."""
        first, *others = [part.session.folder.resolve().name for part in self._chain.parts]
        return f"{first} to {others[-1]}" if others else first

    def close(self) -> None:
        """Close the video."""
        if self._video is not None:
            self._video[1].close()
            self._video = None

    def source_size(self) -> tuple[int, int]:
        """Width and height of the pictures."""
        return self._chain.description.video.width, self._chain.description.video.height

    def nearest(self, seconds: float) -> int:
        """The last frame that had come by then, the first where none had."""
        return max(0, int(np.searchsorted(self.seconds, seconds, "right")) - 1)

    def image(self, place: int) -> Image:
        """The picture alone, uint8 (h, w) or (h, w, 3) RGB.

        Raises:
            RecordingError: its video file is missing or damaged.
        """
        video, number = self._video_at(place)
        return as_recorded(video.picture(number), self._part_at(place).session.description.video)

    def check_any_video(self, places: range) -> None:
        """Find a video in which some of these frames lie; a picture that is damaged within one is not noticed.

        Args:
            places: which frames, one at least, with a step of 1.

        Raises:
            RecordingError: every one of the video files is missing, damaged as a whole or another one; says what is wrong with the first.
        """
        problems = []
        for segment in dict.fromkeys(self._segment[places.start : places.stop].tolist()):
            try:
                self._video_at(max(places.start, self._first_of[segment]))
            except RecordingError as problem:
                problems.append(problem)
            else:
                return
        raise problems[0]

    def pose(self, place: int) -> PoseMessage | None:
        """The pose as it was published, None where there was none."""
        return self._pose(place)

    def picture(self, place: int, settings: OverlaySettings, size: tuple[int, int] | None = None, *, more: tuple[Line, ...] = ()) -> Image:
        """Draw a frame with its panel: uint8 (h, w, 3) RGB.

        Args:
            place: which frame.
            settings: what is drawn, where and how large.
            size: (width, height) of the whole; None: as large as the frame and its panel.
            more: further status lines.
        """
        banner = None
        try:
            image = self.image(place)
        except RecordingError as problem:
            self.lacking[place] = str(problem)
            width, height = self.source_size()
            image = np.full((height, width), _NO_PICTURE_LEVEL, np.uint8)
            banner = Banner(headline="NO PICTURE", sentence=str(problem), colour=RED)
        return compose(
            image,
            pose=self.pose(place),
            status=self._status(int(self._setup_of[place])),
            events=self.events.at(place),
            trail=self._trail(place),
            lines=[*self._lines(place, settings), *more],
            banner=banner,
            settings=settings,
            size=size,
        )

    def point_names(self, place: int) -> list[str]:
        """Key points of the setup in use, empty where none was."""
        return self._status(int(self._setup_of[place])).point_names

    def file_name(self, place: int) -> str:
        """A name for the picture of a frame, with the camera's number of it."""
        return f"{self._part_at(place).session.folder.resolve().name}-{self._rows['frame'][place].as_py()}.png"

    def _video_at(self, place: int) -> tuple[VideoByNumber, int]:
        """The video in which a frame lies, and its number there."""
        segment = int(self._segment[place])
        if self._video is None or self._video[0] != segment:
            self.close()
            self._video = segment, VideoByNumber(self._chain.video_paths()[segment])
        video, number, rows = self._video[1], place - self._first_of[segment], self._rows_of[segment]
        if number >= len(video) or (self._part_at(place).session.closed is not None and len(video) != rows):
            raise RecordingError(f"{video.path}: has {len(video)} frames, but {rows} rows name it: it is another video, or damaged")
        return video, number

    def _lines(self, place: int, settings: OverlaySettings) -> list[Line]:
        row = self._row(place)
        colour = settings.text_colour
        description = self._chain.description
        taken = datetime.fromtimestamp((row["received_ns"] + description.unix_offset_ns) / 1e9)
        is_known = description.source is None or bool(description.source.session)  # another video does not say
        when = f"   {taken.isoformat(sep=' ', timespec='milliseconds')}" if is_known else ""
        passed = f"{clock_text(self.seconds[place])} of {clock_text(self.seconds[-1])}"
        lines = [
            (f"{description.camera}   frame {row['frame']}   {place + 1} of {self.frames}", colour),
            (f"{passed}{when}", colour),
            *self._session_line(place, colour),
        ]
        counts = {name: row[name] for name in ("lost", "skipped", "corrupt") if row[name] is not None}
        counts["not recorded"] = row["record_dropped"]
        bad = any(counts.get(name) for name in ("lost", "corrupt", "not recorded"))
        said = "   ".join(f"{name} {count}" for name, count in counts.items())
        lacking = "no pose   " if row["points"] is None else "no network   " if self._has_no_network(place) else ""
        lines.append((lacking + said, AMBER if bad else colour))
        return lines

    def _session_line(self, place: int, colour: Colour) -> list[Line]:
        """Which session of several, and how long no frame was recorded before it."""
        if len(self._parts) == 1:
            return []
        index = self._index_at(place)
        gap = f"   began {self._gaps_s[index - 1]:.3f} s after the one before" if index else ""
        return [(f"{self._part_at(place).session.folder.resolve().name}   {index + 1} of {len(self._parts)}{gap}", colour)]

    def _has_no_network(self, place: int) -> bool:
        setup = self._setups.get(int(self._setup_of[place]))
        return setup is not None and not setup.point_names and not setup.classifiers

    def _index_at(self, place: int) -> int:
        return int(np.searchsorted(self._begins, place, "right")) - 1

    def _part_at(self, place: int) -> Part:
        return self._parts[self._index_at(place)][0]

    def _of_part(self, index: int) -> slice:
        return slice(int(self._begins[index]), int(self._begins[index + 1]))

    def _row(self, place: int) -> dict[str, Any]:
        found: dict[str, Any] = self._rows.slice(place, 1).to_pylist()[0]
        return found

    def _read_pose(self, place: int) -> PoseMessage | None:
        row = self._row(place)
        return session_pose(row, self._setups, self._chain) if row["points"] is not None and row["setup"] in self._setups else None

    def _trail(self, place: int) -> list[PoseMessage]:
        """Poses of the same setup up to this frame: another network may mean other points by the same name."""
        first = int(np.searchsorted(self._received_ns[: place + 1], self._received_ns[place] - self._trail_ns))
        places = np.arange(first, place + 1)
        places = places[self._setup_of[places] == self._setup_of[place]]
        chosen = places[:: -max(1, len(places) // _TRAIL_POSES)][::-1].tolist()
        return [pose for each in chosen if (pose := self._pose(each)) is not None]

    def _make_status(self, number: int) -> StatusMessage:
        """What an overlay needs to know of a setup."""
        said, setup = self._chain.description, self._setups.get(number)
        session = [part for part, _ in self._parts if part.setups_before < number or part is self._parts[0][0]][-1].session
        return StatusMessage(
            v=VERSION, camera=said.camera, session=said.stream_session, frame=0, received_ns=0, published_ns=0,
            state="tracking", point_names=[] if setup is None else list(setup.point_names),
            skeleton=[] if setup is None else list(setup.skeleton), class_names=[],
            zones=[] if setup is None else _outlined(setup, _locate(session)), image_size=self.source_size(),
            bundle="" if setup is None else setup.bundle, bundle_sha256="", runtime="", device="", precision="", fps={}, latency_ms={},
            counters={}, unix_offset_ns=said.unix_offset_ns, setup=number, field_of_view="", problems=[],
            overlay=session.description.config.get("overlay", {}),
        )  # fmt: skip


def _setup_of_each(named: NDArray[np.int64], part: Part) -> NDArray[np.int64]:
    """The setup of every frame, -1 for none known; a frame without a pose has that of the last one with a pose."""
    last = np.maximum.accumulate(np.where(named >= 0, np.arange(len(named)), -1))
    first = min((part.setups_before + number for number in session_setups(part.session)), default=-1)
    return np.where(last >= 0, named[np.maximum(last, 0)], first)


def _refuse_set_back(parts: Sequence[tuple[Part, pa.Table]], gaps_s: Sequence[float]) -> None:
    for (part, _), gap_s in zip(parts[1:], gaps_s, strict=True):
        if gap_s <= 0:
            raise RecordingError(
                f"{part.session.folder}: begins {-gap_s:.3f} s before the session before it ends, by the time of day: the clock was set "
                "back in between, and nothing tells the true time; view them apart, without --whole"
            )


def clock_text(seconds: float) -> str:
    """A time in a recording: 0:05.25, 1:02:03.50."""
    whole, hundredths = divmod(round(100 * seconds), 100)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}.{hundredths:02d}" if hours else f"{minute}:{second:02d}.{hundredths:02d}"


def _notice(session: RecordedSession) -> str:
    if session.closed is not None:
        return ""
    if is_claimed(session.folder):
        return "is being recorded at the moment: what was on the disk when this began is shown"
    return f"was cut off: `tracker recover {session.folder}` mends it"


def _locate(session: RecordedSession) -> PlaneMapper | None:
    """From mm to pixels, None without a calibration that can be used."""
    if session.description.calibration is None:
        return None
    with tempfile.TemporaryDirectory(prefix="rigtrack-") as folder:
        path = Path(folder) / "calibration.yaml"
        path.write_text(session.description.calibration, encoding="utf-8")
        try:
            return PlaneMapper(read_calibration(path))
        except CalibrationError:
            return None


def _outlined(setup: SetupMessage, locate: PlaneMapper | None) -> list[dict[str, Any]]:
    """The zones that have a place in the image."""
    found = []
    for configured in setup.zones:
        try:
            found.append(with_outline(msgspec.convert(configured, Zone), locate))
        except (msgspec.ValidationError, ConfigError):
            continue
    return found
