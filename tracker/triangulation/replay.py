"""A rig again from what its cameras recorded: the same moments, places and events, at the times at which poses were published."""

import heapq
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tracker.camera_rig import CameraRig
from tracker.errors import CalibrationError, RecordingError
from tracker.event import Event
from tracker.messages import VERSION, EventMessage, Message, Pose3DMessage, PoseMessage, SetupMessage, StatusMessage, decode, encoder, topic
from tracker.recording.read_session import RecordedSession
from tracker.recording.session_chain import clock_shift_ns
from tracker.recording.session_messages import session_messages, session_setups
from tracker.stream.publisher import Received, event_message
from tracker.triangulation.cameras import RigCameras
from tracker.triangulation.settings import RigConfig
from tracker.triangulation.tracking import RigTracking

logger = logging.getLogger(__name__)

SILENT_NS = 500_000_000  # without a pose of two cameras, events end; live it is the heartbeat's time
_SESSION = "replay"


def replay_rig(
    config: RigConfig, rig: CameraRig, folders: Sequence[Path], *, progress: Callable[[int, int], None] = lambda done, total: None
) -> Iterator[SetupMessage | Pose3DMessage | EventMessage]:
    """Join what was recorded, in the order in which it was published.

    Every pose is taken as if it had arrived at the moment of its publication, so that nothing depends on what else a computer did: the same
    sessions give the same messages, to the last bit. Live, a pose that arrived after its moment's deadline was left out; here it is not.

    Args:
        config: of the rig.
        rig: its cameras.
        folders: of their sessions; a camera may have several, one after the other.
        progress: told how many frames of all sessions were gone through, of how many.

    Raises:
        CalibrationError: the rig has one camera.
        RecordingError: a folder is not a session or is damaged, is of no camera of the rig, or fewer than two cameras have one with key
            points; or, at the end, no moment of two cameras was found.
    """
    known = tuple(camera.name for camera in rig.cameras)
    if len(known) < 2:
        raise CalibrationError("a rig of one camera gives no places in space; add another camera with `calib rig`")
    sessions = [RecordedSession(folder) for folder in folders]
    for session in sessions:
        if session.description.camera not in known:
            raise RecordingError(f"{session.folder}: is of camera {session.description.camera}, the rig has {', '.join(known)}")
    if len({session.description.camera for session in sessions}) < 2:
        raise RecordingError("one camera alone sees no place; give a recorded session of at least two cameras of the rig")
    absent = [name for name in known if name not in {session.description.camera for session in sessions}]
    if absent:
        logger.warning("no session of camera %s is given; the other cameras are joined without", " and ".join(absent))
    _refuse_without_points(sessions)
    here = sessions[0].description
    cameras = RigCameras(config, rig, unix_offset_ns=lambda: here.unix_offset_ns, boot_id=lambda: here.boot_id)
    kept = _Kept(config.name)
    tracking = RigTracking(config, rig, kept, clock=lambda: kept.now_ns)
    heard_ns: dict[str, int] = {}
    total, done = sum(session.frame_count for session in sessions), 0

    def advance(frames: int) -> None:
        nonlocal done
        done += frames
        progress(done, total)

    streams = [_stream(session, advance, shift_ns=clock_shift_ns(session.description, here)) for session in sessions]
    for now_ns, _, message in heapq.merge(*streams, key=lambda each: each[:2]):
        kept.now_ns = now_ns
        if sum(now_ns - at_ns <= SILENT_NS for at_ns in heard_ns.values()) < 2:
            tracking.end("camera_lost")
        tracking.wait(now_ns)
        moments = [*cameras.due(now_ns - 1), *cameras.take(message, now_ns=now_ns)]
        for moment in moments:
            tracking.use(cameras.names)
            tracking.follow(moment, joined_by=cameras.joined_by, late=cameras.late())
        tracking.use(cameras.names)
        if isinstance(message, PoseMessage):
            heard_ns[message.camera] = now_ns
        yield from kept.taken()
    for moment in cameras.due(kept.now_ns + 2 * SILENT_NS):
        tracking.follow(moment, joined_by=cameras.joined_by, late=cameras.late())
    tracking.end("stopping")
    yield from kept.taken()
    if not tracking.placed:
        why = (
            " · ".join(cameras.problems(cameras.cameras)) or "no frames of two cameras are of the same time; give sessions of one recording"
        )
        raise RecordingError(f"nothing was joined: {why}")


def _refuse_without_points(sessions: Sequence[RecordedSession]) -> None:
    """Refuse where fewer than two cameras have key points in any of their sessions; a third one without any is left out, and said."""
    with_points = {each.description.camera for each in sessions if any(setup.point_names for setup in session_setups(each).values())}
    without = [str(each.folder) for each in sessions if each.description.camera not in with_points]
    if not without:
        return
    hold = "hold no key points, since no network found any" if len(without) > 1 else "holds no key points, since no network found any"
    found = f"{', '.join(without)}: {hold}"
    if len(with_points) < 2:
        raise RecordingError(f"{found}, and places need those of two cameras; find them in the videos with `tracker analyse`")
    logger.warning("%s; the other cameras are joined without", found)


def _stream(session: RecordedSession, advance: Callable[[int], None], *, shift_ns: int) -> Iterator[tuple[int, str, Message]]:
    """When each message was published, by the first session's clock, whose it is, and the message: a status first, then poses."""
    begun = False
    for message in session_messages(session, advance=advance):
        if isinstance(message, PoseMessage):
            at_ns = message.published_ns + shift_ns
            if not begun:
                yield at_ns, message.camera, _status(session, message)
                begun = True
            yield at_ns, message.camera, message


def _status(session: RecordedSession, first: PoseMessage) -> StatusMessage:
    """What a rig has to know of a camera, as its tracker said it."""
    said = session.description
    return StatusMessage(
        v=VERSION,
        camera=said.camera,
        session=said.stream_session,
        frame=first.frame - 1,
        received_ns=first.received_ns,
        published_ns=first.published_ns,
        state="tracking",
        point_names=[],
        skeleton=[],
        class_names=[],
        zones=[],
        image_size=(said.video.width, said.video.height),
        bundle="",
        bundle_sha256="",
        runtime="",
        device="",
        precision="",
        fps={},
        latency_ms={},
        counters={},
        unix_offset_ns=said.unix_offset_ns,
        setup=first.setup,
        field_of_view="",
        problems=[],
        boot_id=said.boot_id,
    )


class _Kept:
    """Takes what would be published. A `RigOutput`."""

    session = _SESSION

    def __init__(self, camera: str) -> None:
        self.camera = camera
        self.now_ns = 0
        self._encode, self._topic = encoder(), topic("pose3d", camera)
        self._messages: list[SetupMessage | Pose3DMessage | EventMessage] = []

    def pose3d(self, message: Pose3DMessage) -> None:
        heard = decode([self._topic, self._encode(message)])  # as a subscriber gets it: no place is None there, and not a number here
        if isinstance(heard, Pose3DMessage):
            self._messages.append(heard)

    def setup(self, message: SetupMessage) -> None:
        self._messages.append(message)

    def event(self, frame: Received, event: Event) -> EventMessage:
        message = event_message(event, camera=self.camera, session=self.session, received_ns=frame.received_ns, published_ns=self.now_ns)
        self._messages.append(message)
        return message

    def taken(self) -> list[SetupMessage | Pose3DMessage | EventMessage]:
        """What came since the last call."""
        taken, self._messages = self._messages, []
        return taken
