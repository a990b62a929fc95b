"""A pose as the tracker's own publisher sends it, of a camera that lost nothing and with no rule on it."""

from tracker.frame import Frame, FrameCounts
from tracker.pose import Pose
from tracker.stream.publisher import Publisher


def publish_pose(publisher: Publisher, frame: Frame, pose: Pose, *, names: tuple[str, ...], now_ns: int) -> None:
    """Publish it as taken up and inferred at one moment."""
    publisher.pose(
        frame,
        pose,
        names=names,
        taken_ns=now_ns,
        inferred_ns=now_ns,
        counts=FrameCounts(lost=0, skipped=0, corrupt=0),
        setup=1,
        ended=[],
        motion=None,
        brightness={},
    )
