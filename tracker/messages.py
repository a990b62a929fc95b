"""Contract 3: what the tracker says to the world. The one table of topics; standard library only, so that a subscriber needs no more.

Rule for the version: adding a field keeps `VERSION`; renaming, removing or changing the meaning of one raises it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from tracker.errors import StreamError
from tracker.parsing.typed_json import parse, reader

VERSION = 2
_LONGEST_INTERVAL_MS = 600_000

EndReason = Literal[
    "rule", "missing", "camera_lost", "stopping", "reload", "swap", "engine", "error", "silent", "restarted", "unheard"
]  # the last three are the client's own; docs/stream.md says what each means


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What every message carries. Times are host CLOCK_MONOTONIC in ns; `frame` is the camera's own number."""

    v: int
    camera: str
    session: str  # new at every start of the daemon
    frame: int
    received_ns: int
    published_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnimalMessage:
    """One animal: key points in source pixels with confidence 0..1, and on the plane in mm where a calibration is in use."""

    id: int
    points: dict[str, tuple[float | None, float | None, float | None]]  # x, y, confidence; None where the animal or point is absent
    mm: dict[str, tuple[float | None, float | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseMessage(Stamp):
    """Published for every frame."""

    exposed_ns: int | None
    taken_ns: int  # when the loop took the frame up, host CLOCK_MONOTONIC
    inferred_ns: int  # when the engine had answered; the rest up to published_ns is behaviour
    lost: int  # so far: numbers that the camera counted and that never arrived
    skipped: int  # so far: frames that arrived and were skipped for a newer one, by `pace: newest_frame`
    corrupt: int  # so far: frames that arrived damaged
    setup: int  # number of the setup in use, see SetupMessage; the rules began anew at the first frame of each
    ended: list[tuple[str, int, str]]  # (event, animal, reason) of every event that ended since the pose before, not by a frame
    animals: list[AnimalMessage]
    scores: dict[str, float]  # probability of each class of behaviour: the classifier's name, a dot, the class's
    motion: float | None  # mean absolute difference of this frame and the one before, as configured, 0..1; None on the first
    warming: list[str] = field(default_factory=list)  # classifiers whose scores do not count yet, and are left out
    no_region: list[str] = field(default_factory=list)  # classifiers without scores: the key point that they follow is not to be found
    brightness: dict[str, float] = field(default_factory=dict)  # by "left,top,width,height" in px: mean there, 0..1
    motion_full: float | None = None  # the same of all pixels, whatever is configured
    without_network: list[str] = field(default_factory=list)  # classifiers whose scores are not their network's: only_when left it out


@dataclass(frozen=True, slots=True, kw_only=True)
class Animal3DMessage:
    """One animal in the space of a rig, in the frame of reference that its rig.yaml names. Every key point stands in each field."""

    id: int
    points: dict[str, tuple[float | None, float | None, float | None, float | None]]  # X, Y, Z in mm, confidence 0..1; None: no place
    error_px: dict[str, float | None]  # rms over the cameras used of how far the place appears from where it was seen
    cameras: dict[str, list[str]]  # names of the cameras that the place was found from


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose3DMessage(Stamp):
    """Published for every moment by `tracker triangulate`: what its cameras saw at once.

    `camera` is the name of the rig, `frame` counts moments from 0, one by one, and `received_ns` is when the first of the moment's frames
    was in memory. Times of cameras of another host are given on the clock of the rig's own.
    """

    time_ns: int  # of the moment: the mean of the time stamps by which its frames were joined
    joined_by: Literal["number", "exposed", "received"]
    spread_ns: int  # between the earliest and the latest of these time stamps
    frames: dict[str, int | None]  # by camera, number of its frame; None where none came in time
    late: dict[str, int]  # by camera, poses so far that came when their moment was over
    setup: int  # as in a pose
    ended: list[tuple[str, int, str]]  # as in a pose
    animals: list[Animal3DMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMessage(Stamp):
    """Published when a behaviour begins or ends. Whatever happens, every "on" gets its "off": `reason` says why."""

    event: str
    state: Literal["on", "off"]
    animal: int
    onset_frame: int
    value: float
    threshold: float
    added_delay_ms: float  # what the rule itself waits before it decides, and the classifier before it, if it answers late
    latency_ms: float  # receipt of the frame to publication
    reason: EndReason  # "rule" for every "on" and for an end that the rule itself decided
    horizon_ms: float | None = None  # of a forecast: how far ahead it means


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEvent:
    """An event that is on."""

    event: str
    animal: int
    onset_frame: int
    since_ns: int | None = None  # when that frame came, host CLOCK_MONOTONIC; None: not said


@dataclass(frozen=True, slots=True, kw_only=True)
class AliveMessage(Stamp):
    """The heartbeat: published by the loop itself every `interval_ms`, also while no frame comes."""

    interval_ms: float
    open: list[OpenEvent]  # every event that is on: what a late or slow subscriber needs to know


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierMessage:
    """A network that finds behaviour."""

    name: str
    bundle: str
    bundle_sha256: str
    class_names: list[str]
    only_when: dict[str, Any] | None = None  # as configured; None: its network takes every frame
    delay_ms: float = 0.0  # its scores at a frame are of the frame taken so much earlier


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupMessage(Stamp):
    """What turns frames into poses and events; published when it changes, and at once to a new subscriber.

    `frame` is the last one before it, -1 for none.
    """

    setup: int  # counts from 1 in a session; every pose carries it
    cause: Literal["start", "reload", "swap"]
    bundle: str  # that finds key points; "" where there is none, and classifiers alone run
    bundle_sha256: str
    point_names: list[str]
    calibrated: bool  # poses carry mm
    zones: list[dict[str, Any]]  # as configured
    behaviour: list[dict[str, Any]]  # events as configured
    classifiers: list[ClassifierMessage] = field(default_factory=list)
    skeleton: list[tuple[str, str]] = field(default_factory=list)  # key points joined by a line; none in what earlier releases recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that is wrong at the moment."""

    cause: Literal["camera", "reload", "recording", "classifier"]
    sentence: str
    since_ns: int  # host CLOCK_MONOTONIC


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingMessage:
    """The session that is being recorded."""

    folder: str
    frames: int  # in the video so far
    dropped: int  # so far: frames that the camera delivered and the recorder could not take
    waiting: int  # frames that the encoder has not come to yet
    segment: int  # video file, counted from 1; 0 before the first frame
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RigCameraMessage:
    """What a rig knows of one of its cameras."""

    session: str  # of its tracker, "" before it was heard
    alive: bool
    offset: int | None  # its frame numbers less those of the rig's counting; None where frames are joined by time, or it is not known yet
    rate_hz: float  # 0 before it is known
    joined: int  # poses so far that became part of a moment
    late: int  # poses so far that came when their moment was over
    refused: int  # poses so far that were not joined for another reason: see `problems`
    clock_offset_ms: float | None  # shortest time lately from its stamps to here, on another host; None on this one


@dataclass(frozen=True, slots=True, kw_only=True)
class RigMessage:
    """What is joined, and how."""

    frame_of_reference: str  # as rig.yaml says it
    joined_by: Literal["number", "exposed", "received"]
    deadline_ms: float  # how long a moment waits after its first pose was published; 0 before it is known
    cameras: dict[str, RigCameraMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmedMessage:
    """A session that an event may begin."""

    events: list[str]  # any of which does
    frames: int  # of the last seconds, kept for it
    bytes: int  # of their images


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusMessage(Stamp):
    """Published every second and on change, and at once to a new subscriber."""

    state: Literal["starting", "tracking", "camera_lost", "stopping"]
    point_names: list[str]
    skeleton: list[tuple[str, str]]
    class_names: list[str]  # names of the scores
    zones: list[dict[str, Any]]  # as configured, for drawing
    image_size: tuple[int, int] | None  # (width, height)
    bundle: str
    bundle_sha256: str
    runtime: str
    device: str
    precision: str
    fps: dict[str, float]  # by stage
    latency_ms: dict[str, dict[str, float]]  # stage -> p50, p99, p99.9, max
    counters: dict[str, int]
    unix_offset_ns: int  # add to a monotonic time to get unix time
    setup: int  # number of the setup in use, 0 before the first
    field_of_view: str  # one sentence: which part of the camera's image the network sees
    problems: list[Problem]  # at most one of each cause; gone when it is over
    recording: RecordingMessage | None = None  # None while nothing is recorded
    armed: ArmedMessage | None = None  # None while a session is recorded, and where no event begins one
    open: list[OpenEvent] = field(default_factory=list)  # every event that is on
    # source pixels by key point: confidence is the chance of an error of at most this; empty where the bundle does not say
    correct_within_px: dict[str, float] = field(default_factory=dict)
    boot_id: str = ""  # of the host: where it is the same, the monotonic clock is; "" where the kernel tells none
    overlay: dict[str, Any] = field(default_factory=dict)  # how label and scores are drawn, as configured
    rig: RigMessage | None = None  # of `tracker triangulate`, which has no camera, bundle or picture of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMessage(Stamp):
    """Goes with one JPEG, only while somebody is subscribed; newest frame only."""

    width: int  # of the source image
    height: int
    jpeg: bytes = b""  # third part of the message, not in the JSON


Message = PoseMessage | Pose3DMessage | EventMessage | AliveMessage | SetupMessage | StatusMessage | ImageMessage

TOPICS: dict[str, type[Message]] = {
    "pose": PoseMessage,
    "pose3d": Pose3DMessage,
    "event": EventMessage,
    "alive": AliveMessage,
    "setup": SetupMessage,
    "status": StatusMessage,
    "image": ImageMessage,
}


def topic(kind: str, camera: str) -> bytes:
    """The topic of one kind from one camera: b"pose.top"."""
    return f"{kind}.{camera}".encode()


def encoder() -> Callable[[Message], bytes]:
    """What writes a message's JSON as `decode` reads it; a picture goes beside it. Needs msgspec, as a subscriber does not."""
    import msgspec

    return msgspec.json.Encoder().encode


def decode(parts: list[bytes]) -> Message:
    """Read one multipart message [topic, JSON] or [topic, JSON, JPEG].

    Fields this version does not know are ignored, so that a newer tracker can add some.

    Raises:
        StreamError: not a message of this version, whatever it is.
    """
    kind, _, camera = (parts[0] if parts else b"").decode("utf-8", "replace").partition(".")
    if kind not in TOPICS or len(parts) != (3 if kind == "image" else 2):
        raise StreamError(
            f"a message of {len(parts)} parts with topic {_shown(parts)} is not of rigtrack's stream; expected one of {', '.join(TOPICS)}"
        )
    try:
        values = parse(parts[1])
        version = values.get("v") if isinstance(values, dict) else None
        if version == VERSION:
            if kind == "image":
                values["jpeg"] = parts[2]
            return _checked(_READERS[kind](values), camera)
    except ValueError as problem:
        raise StreamError(f"topic {_shown(parts)} carries an unreadable payload ({problem}); is the sender a rigtrack tracker?") from None
    if not isinstance(version, int):
        raise StreamError(f"topic {_shown(parts)} carries an unreadable payload (no version 'v'); is the sender a rigtrack tracker?")
    shown = f"{version:.12g}" if abs(version) < 10**300 else "of many digits"
    raise StreamError(f"topic {_shown(parts)} has schema version {shown}; expected {VERSION}: use the client of the tracker's release")


def _checked(message: Message, camera: str) -> Message:
    """What the types alone do not say."""
    if message.camera != camera:
        raise ValueError(f"camera is {message.camera!r:.60}, another one than in the topic")
    if isinstance(message, AliveMessage) and not 0 < message.interval_ms <= _LONGEST_INTERVAL_MS:
        raise ValueError(f"interval_ms is {message.interval_ms:g}; expected more than 0 and at most {_LONGEST_INTERVAL_MS}")
    return message


def _shown(parts: list[bytes]) -> str:
    return repr(parts[0][:60].decode("utf-8", "replace")) if parts else "''"


_READERS: dict[str, Callable[[Any], Message]] = {kind: reader(message) for kind, message in TOPICS.items()}
