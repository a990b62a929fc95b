"""Draw the label and the score bars of a classifier on a picture, as a viewer does: python examples/class_label_picture.py OUT.webp."""

import sys
from pathlib import Path

import msgspec
import PIL.Image

from tracker.config import LabelConfig, OverlayConfig, ScoreBarsConfig
from tracker.frame import Image
from tracker.messages import VERSION, AnimalMessage, PoseMessage, StatusMessage
from tracker.synthetic.open_scene import open_scene
from tracker.viewer.composition import compose

FRAME = 420
SIZE = (1000, 560)  # width and height
OVERLAY = OverlayConfig(
    label=LabelConfig(place=(250, 50), scale=2, colour=(255, 255, 100), thickness=3),
    scores=ScoreBarsConfig(place="top_right", scale=1.2),
)
SCORES = {"social.groom": 0.08, "social.rear": 0.86, "social.walk": 0.21}


def picture() -> Image:
    """A synthetic frame with its key points and made-up scores, uint8 (h, w, 3) RGB."""
    scene = open_scene("rodent", seed=0, width=640, height=480, rectangles=1)
    truth = scene.truth(FRAME)
    points = {name: (x, y, 0.9) for name, (x, y) in zip(scene.point_names, truth.points.tolist(), strict=True)}
    stamp = {"v": VERSION, "camera": "top", "session": "example", "frame": FRAME, "received_ns": 0, "published_ns": 0}
    pose = PoseMessage(
        **stamp, exposed_ns=None, taken_ns=0, inferred_ns=0, lost=0, skipped=0, corrupt=0, setup=1, ended=[],
        animals=[AnimalMessage(id=0, points=points, mm={})], scores=SCORES, motion=None,
    )  # fmt: skip
    status = StatusMessage(
        **stamp, state="tracking", point_names=list(points), skeleton=list(scene.skeleton), class_names=list(SCORES), zones=[],
        image_size=(640, 480),
        bundle="", bundle_sha256="", runtime="", device="", precision="", fps={"published": 100.0}, latency_ms={}, counters={},
        unix_offset_ns=0, setup=1, field_of_view="", problems=[], overlay=msgspec.to_builtins(OVERLAY),
    )  # fmt: skip
    return compose(scene.render(FRAME), pose=pose, status=status, size=SIZE)


if __name__ == "__main__":
    PIL.Image.fromarray(picture()).save(Path(sys.argv[1]), quality=80)
