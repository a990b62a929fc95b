"""What a bundle says of itself: the parts of bundle.json, with the bounds of every value."""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Side = Annotated[int, Meta(ge=1, le=1_000_000)]
Corner = Annotated[int, Meta(ge=0, le=1_000_000)]
Shape = tuple[Side, ...]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Share = Annotated[float, Meta(ge=0, le=1)]
Pixels = Annotated[float, Meta(ge=0, le=1_000_000)]
Tolerance = Annotated[float, Meta(ge=0, le=1_000_000)]
Seconds = Annotated[float, Meta(le=1_000_000)]


class BundlePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of bundle.json: every field without a default required, unknown fields refused."""


class View(BundlePart, frozen=True, kw_only=True):
    """How a camera image becomes the network's input.

    It counts for nothing where the input is poses, and only its colour does where the input follows a key point.
    `crop` takes (x, y, width, height) in source pixels, null being the whole image; what is left is fitted to the
    input by `letterbox` (aspect kept, black bars), `stretch`, `centre` (the middle of the largest part of its aspect, 7/8 as wide
    and high), or `exact` (sizes must agree).
    """

    crop: tuple[Corner, Corner, Side, Side] | None
    fit: Literal["letterbox", "stretch", "centre", "exact"]
    colour: Literal["grey", "rgb"]


class TensorShape(BundlePart, frozen=True, kw_only=True):
    """One input, output or state tensor of model.onnx."""

    name: str
    shape: Shape
    dtype: Literal["uint8", "float32"]


class Division(BundlePart, frozen=True, kw_only=True):
    """Which labelled frames were learnt from and which held out: ranges [first, end) of frames, counted from 0 as they were read."""

    train: tuple[tuple[Count, Count], ...]
    held_out: tuple[tuple[Count, Count], ...]


class Augmentation(BundlePart, frozen=True, kw_only=True):
    """How far the training images were mirrored and turned."""

    flip: Share  # chance of a mirrored image
    rotation_deg: Annotated[float, Meta(ge=0, le=360)]  # either way, at most
    pairs: tuple[tuple[str, str], ...]  # points that change places in a mirrored image; one with itself was said to have no side
    two_views: bool  # an image shows the animal twice, once in a mirror say


class TrainingData(BundlePart, frozen=True, kw_only=True):
    """What the network has seen, and what was held back."""

    sha256: Sha256  # over image bytes and labels
    source: str
    frames: Count
    held_out_frames: Count
    split: str  # in words: "block 3 of 5 held out", "video ..."
    division: Division | None = None  # the same as data; null in bundles from before it was noted
    augmentation: Augmentation | None = None  # null in bundles from before it was noted
    image_sizes: tuple[tuple[Side, Side], ...] = ()  # (width, height) of the labelled images, where these had several


class Accuracy(BundlePart, frozen=True, kw_only=True):
    """Error on the held-out frames: Euclidean distance per key point and frame, in source pixels. Null where none were held out."""

    mean_px: Pixels | None
    median_px: Pixels | None
    p95_px: Pixels | None
    frames: Count


class Lighting(BundlePart, frozen=True, kw_only=True):
    """What the graph does to a frame before the network sees it; nothing that a host has to do."""

    background: str | None  # taken off: where the picture is from, in words
    background_sha256: Sha256 | None  # of its uint8 pixels, planes of the input's size
    contrast: Literal["local"] | None  # made the same everywhere
    cell_px: Side | None  # side of the cells whose mean and deviation contrast is measured by


class SelfTest(BundlePart, frozen=True, kw_only=True):
    """The expected answer to self_test.png, which is of exactly the input's size, or to the last frame of self_test.npy or .npz."""

    image_sha256: Sha256  # of the one of the three files that is there
    expected: list[Annotated[float, Meta(ge=-1e9, le=1e9)]]  # the output, flattened
    tolerance_fp32: Tolerance  # largest difference of any number
    tolerance_reduced: Tolerance  # the same for bf16, fp16 and int8


Level = Annotated[float, Meta(ge=0, le=255)]


class LearntImages(BundlePart, frozen=True, kw_only=True):
    """What the images that were learnt from looked like, with the changes made to them, so that other ones can be told."""

    brightness: tuple[Level, Level]  # mean grey level of an image, least and most
    contrast: tuple[Level, Level]  # standard deviation of its grey levels
    confidence: Share | None  # mean over its key points: what 95 % of the held-out images exceed; null where none was held out


class LearntPoses(BundlePart, frozen=True, kw_only=True):
    """What the poses that were learnt from were like, over animals and frames, so that other ones can be told."""

    least_confidence: Share  # a point below was not there
    length_px: tuple[Pixels, Pixels] | None  # of an animal, 1st to 99th percentile; null where two of its points were never seen
    seen: Share  # of an animal's points: what 99 % of the frames reach
    speed_px_s: Annotated[float, Meta(ge=0, le=1e9)] | None  # what 99 % of the frames keep below; null where it was never known


class BehaviourAccuracy(BundlePart, frozen=True, kw_only=True):
    """Scores on held-out videos, of the decisions that the thresholds make, or of the likeliest class where classes exclude each other.

    Null where none were held out, or where nothing could be counted.
    """

    macro_f1: Share | None
    f1: tuple[Share | None, ...]  # of each class, by frame
    bout_f1: tuple[Share | None, ...]  # the same by bout, cleaned by no rule
    calibration_error: Share | None
    frames: Count


class Viewed(BundlePart, frozen=True, kw_only=True, tag_field="kind", tag="view"):
    """The network takes what the bundle's view makes of every frame: all of it, or a fixed rectangle, resized or not."""


class Following(BundlePart, frozen=True, kw_only=True, tag_field="kind", tag="following"):
    """The network takes a square of source pixels that goes with a key point of the one animal; the square's side is the input's.

    Where the square reaches over the image's edge, the pixels of the edge are repeated.
    """

    point: str
    confidence: Share  # a point below counts as absent
    hold_ms: Annotated[float, Meta(ge=0, le=3_600_000)]  # for so long an absent point is taken to be where it was; then there is no region


class BehaviourNetwork(BundlePart, frozen=True, kw_only=True):
    """What a loop must know that carries a behaviour network from frame to frame: one step a frame, on poses or on an image.

    Without a region the input is poses, float32 (1, animals, key points, 3): x, y and confidence in source pixels, NaN where a point is not
    there. With one it is an image, uint8 (1, height, width, channels), exactly as it was cut from the frame. All states begin as zeros,
    at the start and whenever the run is broken: by a swap, a clock that was set back, or a gap longer than `longest_gap_s`, which a camera
    that was away and came back leaves too.
    """

    seconds: TensorShape  # second input, float32 (1, 1): time since the frame before; 0 for the first
    exclusive: bool  # at most one class is on; what the probabilities leave to 1 is "none of them"
    thresholds: tuple[Share, ...]  # one for each class: on above it
    threshold_rule: str  # in words, and on which videos
    warming_frames: Annotated[int, Meta(ge=0, le=100_000)]  # after zeroed states, until scores are those of a network that ran all along
    frame_interval_s: tuple[Seconds, Seconds]  # shortest and longest (1st and 99th percentile) that it has learnt from
    longest_gap_s: Annotated[float, Meta(gt=0, le=1_000_000)]
    seen: tuple[Sha256, ...]  # of the poses or images of every video that weights, temperature or thresholds are from
    accuracy: BehaviourAccuracy
    region: Viewed | Following | None = None  # which part of the frame it takes; null where it takes poses
    resized: tuple[Side, Side] | None = None  # (width, height) that the graph resizes it to; null where it sees it as it is
    delay_ms: Annotated[float, Meta(ge=0, le=10_000)] = 0.0  # the scores given at a frame are of the frame taken so much earlier


class Forecast(BundlePart, frozen=True, kw_only=True):
    """What a probability says that looks ahead, and how a network is carried whose steps are slices of several frames.

    The label of a frame is 1 where the motion of the pairs up to `horizon_frames` ahead has a range of at least `least_range`, and that of
    the frame's own pair is at most `share` of the range above the lowest.
    """

    horizon_ms: Annotated[float, Meta(gt=0, le=3_600_000)]  # how far ahead is meant
    horizon_frames: Annotated[int, Meta(ge=1, le=1_000_000)]
    share: Share
    least_range: Share
    motion_size: tuple[Side, Side] | None  # blocks (w, h) that motion is of; null: every pixel
    phases: Annotated[int, Meta(ge=1, le=1000)]  # sets of states: frame n uses that of n modulo so many
    phase_states: tuple[str, ...]  # of which there is a set for every phase; the others are used by every frame


class Description(BundlePart, frozen=True, kw_only=True):
    """The whole of bundle.json."""

    schema: Literal[1]
    name: str
    task: Literal["keypoints", "behaviour", "forecast"]
    created: str  # UTC, ISO 8601
    point_names: tuple[str, ...]
    skeleton: tuple[tuple[str, str], ...]
    class_names: tuple[str, ...]
    network: str
    view: View
    input: TensorShape
    output: TensorShape
    states: tuple[TensorShape, ...]
    precision: Literal["fp32", "fp16", "int8"]  # expressed in the graph
    onnx_sha256: Sha256
    training: TrainingData
    accuracy: Accuracy
    self_test: SelfTest
    trained_on: tuple[Side, Side] | None = None  # (width, height) of the labelled images; null where they had several, or it was not noted
    # source pixels for each key point: confidence is the chance of an error of at most this; null where it was not noted
    correct_within_px: tuple[Annotated[float, Meta(gt=0, le=1_000_000)], ...] | None = None
    learnt: LearntImages | None = None  # null in bundles from before it was noted
    learnt_poses: LearntPoses | None = None  # of a network that takes poses; null in bundles from before it was noted
    behaviour: BehaviourNetwork | None = None  # of a network that is carried from frame to frame and gives class probabilities
    lighting: Lighting | None = None  # null where frames are seen as they are
    forecast: Forecast | None = None  # of such a network whose classes are still to come; null where they are now


def distance_words(px: Sequence[float]) -> str:
    """Distances of several key points for a sentence: "2.4 px", or "1.8 to 3.1 px (by key point)"."""
    low, high = min(px, default=0.0), max(px, default=0.0)
    return f"{low:.3g} px" if math.isclose(low, high) else f"{low:.3g} to {high:.3g} px (by key point)"


def expected_answer(description: Description) -> NDArray[np.float32]:
    """The self-test's expected output, float32 in the output's shape without its batch axis."""
    return np.asarray(description.self_test.expected, np.float32).reshape(description.output.shape[1:])
