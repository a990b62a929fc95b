"""What a viewer has heard of one camera, and the picture it makes. No window and no clock: the time is given."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from tracker.frame import Image
from tracker.messages import (
    AliveMessage,
    EventMessage,
    ImageMessage,
    Message,
    OpenEvent,
    Pose3DMessage,
    PoseMessage,
    SetupMessage,
    StatusMessage,
)
from tracker.viewer.banner import Ages, Banner, banner_for
from tracker.viewer.composition import compose
from tracker.viewer.overlay import OverlaySettings, panel

_EVENT_OFF_S = 2.0  # how long an event that ended stays
_POSES_KEPT_S = 5.0  # a picture arrives later than its pose, by a JPEG and a network
_REDRAWN_NS = 250_000_000  # without a new picture: for what ages
_EMPTY = (640, 480)  # width and height of the ground before the first picture


class ViewerScene:
    """What was heard of one camera, and the picture it makes."""

    def __init__(self, camera: str | None, *, trail_s: float, began_ns: int = 0) -> None:
        self.camera = camera
        self.status: StatusMessage | None = None
        self.frame: int | None = None  # of the picture as last drawn
        self.others: set[str] = set()  # cameras heard beside it
        self._trail_ns = int(trail_s * 1e9)
        self._session = ""
        self._began_ns = began_ns
        self._heard_ns: dict[str, int] = {}  # when each kind last came, on this machine's clock
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
            self.status = None
            self._heard_ns.clear()
            self._poses.clear()
            self._events.clear()
        self._heard_ns["any"] = now_ns
        if isinstance(message, StatusMessage):
            self.status = message
            self._heard_ns["status"] = now_ns
        elif isinstance(message, EventMessage):
            self._events[message.event, message.animal] = (message, now_ns)
        elif isinstance(message, AliveMessage):
            self._heard_ns["alive"] = now_ns
            self._take_open(message, now_ns)
        elif not isinstance(message, SetupMessage | Pose3DMessage):  # a rig has no picture
            self._heard_ns["frame"] = now_ns
            if isinstance(message, PoseMessage):
                self._take_pose(message)
            else:
                self._arrived = message

    def picture(self, settings: OverlaySettings, now_ns: int, size: tuple[int, int]) -> Image | None:
        """Draw the newest picture with its panel (uint8 RGB) for `size` (w, h), or None before the first."""
        self._decode()
        image, stamp = self._image, self._image_stamp
        if image is None or stamp is None:
            return None
        self.frame = stamp.frame
        return compose(
            image,
            pose=self._poses.get(stamp.frame),
            status=self.status,
            events=self._shown_events(now_ns),
            trail=[
                pose
                for pose in self._poses.values()
                if pose.frame <= stamp.frame and 0 <= stamp.received_ns - pose.received_ns <= self._trail_ns
            ],
            banner=self.banner(now_ns),
            settings=settings,
            size=size,
        )

    def waiting(self, settings: OverlaySettings, addresses: Sequence[str], now_ns: int, size: tuple[int, int]) -> Image:
        """What stands there before the first picture: uint8 RGB for `size` (w, h)."""
        width, height = self.source_size()
        ground = np.full((height, width, 3), 46, np.uint8)
        picture = compose(ground, status=self.status, banner=self.banner(now_ns), settings=settings, size=size)
        panel(picture, [f"waiting for pictures from {', '.join(addresses)}", "h: help   q: quit"], place="bottom_left")
        return picture

    def source_size(self) -> tuple[int, int]:
        """Width and height of the camera's picture, as far as it is known."""
        if self._image_stamp is not None:
            return self._image_stamp.width, self._image_stamp.height
        return (self.status.image_size if self.status is not None else None) or _EMPTY

    def size_is_known(self) -> bool:
        """Whether the size of the camera's picture is known."""
        return self._image_stamp is not None or (self.status is not None and self.status.image_size is not None)

    def banner(self, now_ns: int) -> Banner | None:
        """What stands across the picture, None while it is live."""
        ages = Ages(
            message_s=self._age_s("any", now_ns),
            heartbeat_s=self._age_s("alive", now_ns),
            frame_s=self._age_s("frame", now_ns),
            status_s=self._age_s("status", now_ns),
            waiting_s=(now_ns - self._began_ns) / 1e9,
        )
        return banner_for(self.status, ages)

    def changed(self, now_ns: int) -> tuple[int | None, int]:
        """Differs whenever the picture has to be drawn again."""
        newest = self._arrived or self._image_stamp
        return (None if newest is None else newest.published_ns), now_ns // _REDRAWN_NS

    def file_name(self) -> str:
        """A name for the picture as last drawn; what came over the network cannot lead it to another folder."""
        safe = (re.sub(r"[^A-Za-z0-9_-]", "_", text) for text in (self.camera or "", self._session))
        return f"{'-'.join(safe)}-{self.frame}.png"

    def point_names(self) -> list[str]:
        """Key points in the bundle's order, empty before the first status."""
        return list(self.status.point_names) if self.status is not None else []

    def _age_s(self, kind: str, now_ns: int) -> float | None:
        heard_ns = self._heard_ns.get(kind)
        return None if heard_ns is None else (now_ns - heard_ns) / 1e9

    def _take_open(self, heartbeat: AliveMessage, now_ns: int) -> None:
        """Make on what the heartbeat lists, whose onset may have been before this viewer's time, and off what it does not."""
        listed = {(each.event, each.animal): each for each in heartbeat.open}
        for key, (event, _) in list(self._events.items()):
            if event.state == "on" and key not in listed:
                self._events[key] = (replace(event, state="off", reason="unheard"), now_ns)
        for key, each in listed.items():
            shown = self._events.get(key)
            if shown is None or shown[0].state == "off":
                self._events[key] = (_onset(each, heartbeat), now_ns)

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


def _onset(listed: OpenEvent, heartbeat: AliveMessage) -> EventMessage:
    """The onset of an event that a heartbeat lists; what was measured at it is not known."""
    return EventMessage(
        v=heartbeat.v,
        camera=heartbeat.camera,
        session=heartbeat.session,
        frame=listed.onset_frame,
        received_ns=heartbeat.received_ns,
        published_ns=heartbeat.published_ns,
        event=listed.event,
        state="on",
        animal=listed.animal,
        onset_frame=listed.onset_frame,
        value=math.nan,
        threshold=math.nan,
        added_delay_ms=math.nan,
        latency_ms=math.nan,
        reason="rule",
    )


def decode_jpeg(jpeg: bytes) -> Image | None:
    """Decode to uint8 (h, w, 3) RGB, or None where it is damaged."""
    try:
        bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # empty, or of an absurd size
        return None
    return None if bgr is None else np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
