"""Contract 1: the engine bundle, a folder that says everything about one network. Written by the trainer, read by the tracker."""

import hashlib
import io
import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import cv2
import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from tracker.errors import BundleError
from tracker.exchange_folders import exchange
from tracker.frame import Image
from tracker.gentle_reading import sha256_of
from tracker.self_test_clip import Clip, read_clip, written_clip
from tracker.whole_files import remedy, write_synced

SCHEMA = 1
MODEL_FILE = "model.onnx"
DESCRIPTION_FILE = "bundle.json"
SELF_TEST_FILE = "self_test.png"
USUAL_PLACE = "models/mine"  # where `trainer fit` writes and `tracker init` looks when nobody says
SELF_TEST_POSES = "self_test.npy"  # in its place, of a network that takes poses
SELF_TEST_CLIP = "self_test.npz"  # and of one that takes an image a frame, carried
_LONGEST_DESCRIPTION = 16 << 20  # bytes; a real one has some thousand
_LONGEST_SHOWN = 300  # characters of a path in a sentence
_LARGEST_TENSOR = 1 << 28  # numbers in one input, output or state
_READINGS = 5  # of a bundle that is replaced while it is read

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Side = Annotated[int, Meta(ge=1)]
Shape = tuple[Annotated[int, Meta(ge=1, le=1_000_000)], ...]


class BundlePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of bundle.json: every field without a default required, unknown fields refused."""


class View(BundlePart, frozen=True, kw_only=True):
    """How a camera image becomes the network's input.

    It counts for nothing where the input is poses, and only its colour does where the input follows a key point.
    `crop` takes (x, y, width, height) in source pixels, null being the whole image; what is left is fitted to the
    input by `letterbox` (aspect kept, black bars), `stretch`, `centre` (the middle of the largest part of its aspect, 7/8 as wide
    and high), or `exact` (sizes must agree).
    """

    crop: tuple[int, int, int, int] | None
    fit: Literal["letterbox", "stretch", "centre", "exact"]
    colour: Literal["grey", "rgb"]


class TensorShape(BundlePart, frozen=True, kw_only=True):
    """One input, output or state tensor of model.onnx."""

    name: str
    shape: Shape
    dtype: Literal["uint8", "float32"]


class Division(BundlePart, frozen=True, kw_only=True):
    """Which labelled frames were learnt from and which held out: ranges [first, end) of frames, counted from 0 as they were read."""

    train: tuple[tuple[int, int], ...]
    held_out: tuple[tuple[int, int], ...]


class Augmentation(BundlePart, frozen=True, kw_only=True):
    """How far the training images were mirrored and turned."""

    flip: float  # chance of a mirrored image
    rotation_deg: float  # either way, at most
    pairs: tuple[tuple[str, str], ...]  # points that change places in a mirrored image; one with itself was said to have no side
    two_views: bool  # an image shows the animal twice, once in a mirror say


class TrainingData(BundlePart, frozen=True, kw_only=True):
    """What the network has seen, and what was held back."""

    sha256: Sha256  # over image bytes and labels
    source: str
    frames: int
    held_out_frames: int
    split: str  # in words: "block 3 of 5 held out", "video ..."
    division: Division | None = None  # the same as data; null in bundles from before it was noted
    augmentation: Augmentation | None = None  # null in bundles from before it was noted
    image_sizes: tuple[tuple[Side, Side], ...] = ()  # (width, height) of the labelled images, where these had several


class Accuracy(BundlePart, frozen=True, kw_only=True):
    """Error on the held-out frames: Euclidean distance per key point and frame, in source pixels. Null where none were held out."""

    mean_px: float | None
    median_px: float | None
    p95_px: float | None
    frames: int


class Lighting(BundlePart, frozen=True, kw_only=True):
    """What the graph does to a frame before the network sees it; nothing that a host has to do."""

    background: str | None  # taken off: where the picture is from, in words
    background_sha256: Sha256 | None  # of its uint8 pixels, planes of the input's size
    contrast: Literal["local"] | None  # made the same everywhere
    cell_px: Side | None  # side of the cells whose mean and deviation contrast is measured by


class SelfTest(BundlePart, frozen=True, kw_only=True):
    """The expected answer to self_test.png, which is of exactly the input's size, or to the last frame of self_test.npy or .npz."""

    image_sha256: Sha256  # of the one of the three files that is there
    expected: list[float]  # the output, flattened
    tolerance_fp32: float  # largest difference of any number
    tolerance_reduced: float  # the same for bf16, fp16 and int8


Share = Annotated[float, Meta(ge=0, le=1)]


Level = Annotated[float, Meta(ge=0, le=255)]


class LearntImages(BundlePart, frozen=True, kw_only=True):
    """What the images that were learnt from looked like, with the changes made to them, so that other ones can be told."""

    brightness: tuple[Level, Level]  # mean grey level of an image, least and most
    contrast: tuple[Level, Level]  # standard deviation of its grey levels
    confidence: Share | None  # mean over its key points: what 95 % of the held-out images exceed; null where none was held out


class BehaviourAccuracy(BundlePart, frozen=True, kw_only=True):
    """Scores on held-out videos, of the decisions that the thresholds make, or of the likeliest class where classes exclude each other.

    Null where none were held out, or where nothing could be counted.
    """

    macro_f1: Share | None
    f1: tuple[Share | None, ...]  # of each class, by frame
    bout_f1: tuple[Share | None, ...]  # the same by bout, cleaned by no rule
    calibration_error: Share | None
    frames: int


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
    at the start and whenever the run is broken: by a swap, a reconnection, or a gap longer than `longest_gap_s`.
    """

    seconds: TensorShape  # second input, float32 (1, 1): time since the frame before; 0 for the first
    exclusive: bool  # at most one class is on; what the probabilities leave to 1 is "none of them"
    thresholds: tuple[Share, ...]  # one for each class: on above it
    threshold_rule: str  # in words, and on which videos
    warming_frames: Annotated[int, Meta(ge=0)]  # after zeroed states, until scores are those of a network that ran all along
    frame_interval_s: tuple[float, float]  # shortest and longest (1st and 99th percentile) that it has learnt from
    longest_gap_s: Annotated[float, Meta(gt=0)]
    seen: tuple[Sha256, ...]  # of the poses or images of every video that weights, temperature or thresholds are from
    accuracy: BehaviourAccuracy
    region: Viewed | Following | None = None  # which part of the frame it takes; null where it takes poses
    resized: tuple[Side, Side] | None = None  # (width, height) that the graph resizes it to; null where it sees it as it is


class Forecast(BundlePart, frozen=True, kw_only=True):
    """What a probability says that looks ahead, and how a network is carried whose steps are slices of several frames.

    The label of a frame is 1 where the motion of the pairs up to `horizon_frames` ahead has a range of at least `least_range`, and that of
    the frame's own pair is at most `share` of the range above the lowest.
    """

    horizon_ms: Annotated[float, Meta(gt=0, le=3_600_000)]  # how far ahead is meant
    horizon_frames: Annotated[int, Meta(ge=1)]
    share: Share
    least_range: Share
    motion_size: tuple[Annotated[int, Meta(ge=1)], Annotated[int, Meta(ge=1)]] | None  # blocks (w, h) that motion is of; null: every pixel
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
    correct_within_px: tuple[Annotated[float, Meta(gt=0)], ...] | None = None
    learnt: LearntImages | None = None  # null in bundles from before it was noted
    behaviour: BehaviourNetwork | None = None  # of a network that is carried from frame to frame and gives class probabilities
    lighting: Lighting | None = None  # null where frames are seen as they are
    forecast: Forecast | None = None  # of such a network whose classes are still to come; null where they are now


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle that was read and found whole."""

    folder: Path
    description: Description
    self_test_image: Image  # uint8, the input's (h, w) or (h, w, 3); empty where the network is carried from frame to frame
    self_test_poses: NDArray[np.float32] | None = None  # (frames, animals * key points * 3 + 1), the last column seconds
    self_test_clip: Clip | None = None  # in their place, of a carried network that takes images

    @property
    def model(self) -> Path:
        """Path of model.onnx."""
        return self.folder / MODEL_FILE


def check_task(bundle: Bundle) -> None:
    """Refuse a network of behaviour where key points are to be found.

    Raises:
        BundleError: it is one.
    """
    behaviour = bundle.description.behaviour
    if behaviour is not None:
        raise BundleError(
            f"{bundle.folder}: finds behaviour in {'poses' if behaviour.region is None else 'images'}; expected a network that finds key "
            "points, as `trainer fit` writes; it belongs into the section classifiers, where `tracker swap --classifier NAME` replaces one"
        )


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle and check every hash.

    A bundle that is replaced meanwhile is read again: what is returned is whole, the old one or the new one.

    Raises:
        BundleError: absent, unreadable, truncated, foreign or tampered with, in one sentence.
    """
    try:
        return _read_whole(folder)
    except (OSError, ValueError) as problem:  # ValueError: a null character, or what no file system can encode
        remedy = "; copy it to a folder that the user running the tracker may read" if isinstance(problem, PermissionError) else ""
        raise BundleError(f"{_shown(folder)}: cannot be read: {_reason(problem)}; expected an engine bundle{remedy}") from None


def write_bundle(
    folder: Path,
    *,
    model: bytes,
    self_test_image: Image,
    description: Description,
    self_test_poses: NDArray[np.float32] | None = None,
    self_test_clip: Clip | None = None,
) -> None:
    """Write a bundle whole or not at all: into a neighbouring folder, synced, then renamed into place.

    An earlier bundle of that name is replaced. `onnx_sha256` and `self_test.image_sha256` are filled in here. Where there are
    `self_test_poses` or a `self_test_clip`, they are written and the image is not.

    Raises:
        BundleError: the disk is full or the folder cannot be written; what was there before is untouched.
    """
    if self_test_clip is not None:
        test_file, test = SELF_TEST_CLIP, written_clip(self_test_clip)
    elif self_test_poses is None:
        bgr = cv2.cvtColor(self_test_image, cv2.COLOR_RGB2BGR) if self_test_image.ndim == 3 else self_test_image
        test_file, test = SELF_TEST_FILE, cv2.imencode(".png", bgr)[1].tobytes()
    else:
        test_file, test = SELF_TEST_POSES, _npy(self_test_poses)
    self_test = msgspec.structs.replace(description.self_test, image_sha256=_sha256(test))
    final = msgspec.structs.replace(description, onnx_sha256=_sha256(model), self_test=self_test)
    text = msgspec.json.format(msgspec.json.encode(final), indent=2)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            for name, content in ((MODEL_FILE, model), (test_file, test), (DESCRIPTION_FILE, text)):
                write_synced(fresh / name, content)
            fresh.chmod(0o755)
            _put_in_place(fresh, folder)
        finally:
            _remove(fresh)
    except OSError as problem:
        raise BundleError(f"{_shown(folder)}: the bundle could not be written: {_reason(problem)}; {remedy(problem)}") from problem


def distance_words(px: Sequence[float]) -> str:
    """Distances of several key points for a sentence: "2.4 px", or "1.8 to 3.1 px (by key point)"."""
    low, high = min(px, default=0.0), max(px, default=0.0)
    return f"{low:.3g} px" if math.isclose(low, high) else f"{low:.3g} to {high:.3g} px (by key point)"


def expected_answer(description: Description) -> NDArray[np.float32]:
    """The self-test's expected output, float32 in the output's shape without its batch axis."""
    return np.asarray(description.self_test.expected, np.float32).reshape(description.output.shape[1:])


def _read_whole(folder: Path) -> Bundle:
    for _ in range(_READINGS):
        before = folder.stat()
        try:
            bundle = _read_once(folder)
        except (BundleError, OSError):
            if _same(before, folder):
                raise
            continue
        if _same(before, folder):
            return bundle
    raise BundleError(f"{folder}: is replaced again and again while it is read; try again when that is over")


def _same(before: os.stat_result, folder: Path) -> bool:
    try:
        now = folder.stat()
    except OSError:
        return False
    # the time too: the number of a folder that was removed is soon given to another
    return (before.st_dev, before.st_ino, before.st_ctime_ns) == (now.st_dev, now.st_ino, now.st_ctime_ns)


def _read_once(folder: Path) -> Bundle:
    if not (folder / DESCRIPTION_FILE).is_file():
        raise BundleError(f"{folder}: no {DESCRIPTION_FILE} there; expected an engine bundle as `trainer fit --out` writes it")
    description = _describe(folder / DESCRIPTION_FILE)
    for tensor in (description.input, description.output, *description.states):
        if math.prod(tensor.shape) > _LARGEST_TENSOR:
            raise BundleError(f"{folder / DESCRIPTION_FILE}: tensor '{tensor.name}' has more than {_LARGEST_TENSOR} numbers")
    if description.correct_within_px is not None and len(description.correct_within_px) != len(description.point_names):
        raise BundleError(
            f"{folder / DESCRIPTION_FILE}: correct_within_px has {len(description.correct_within_px)} numbers; expected one for each of "
            f"{len(description.point_names)} key points: write the bundle again with `trainer fit`"
        )
    contradiction = _contradiction(description)
    if contradiction is not None:
        raise BundleError(f"{folder / DESCRIPTION_FILE}: {contradiction}: write the bundle again with `trainer fit`")
    _compare(folder / MODEL_FILE, description.onnx_sha256)
    if description.behaviour is not None and description.behaviour.region is not None:
        return Bundle(
            folder=folder,
            description=description,
            self_test_image=np.zeros((0, 0), np.uint8),
            self_test_clip=_self_test_clip(folder, description, description.behaviour),
        )
    if description.behaviour is not None:
        return Bundle(
            folder=folder,
            description=description,
            self_test_image=np.zeros((0, 0), np.uint8),
            self_test_poses=_self_test_poses(folder, description, description.behaviour),
        )
    _compare(folder / SELF_TEST_FILE, description.self_test.image_sha256)
    try:
        image = cv2.imread(str(folder / SELF_TEST_FILE), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None:
        raise BundleError(f"{folder / SELF_TEST_FILE}: is not a PNG image; write the bundle again with `trainer fit`")
    rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if image.ndim == 3 else image
    return Bundle(folder=folder, description=description, self_test_image=np.asarray(rgb, np.uint8))


def _contradiction(description: Description) -> str | None:
    """What no network can have, and what was expected; None where there is nothing of the kind."""
    names, learnt, behaviour = description.class_names, description.learnt, description.behaviour
    if any(not name.strip() for name in names):
        return "class_names has an empty name; expected a name for every class"
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        return f"class_names has '{twice}' twice; expected different names"
    intervals = {"learnt.brightness": learnt.brightness, "learnt.contrast": learnt.contrast} if learnt is not None else {}
    if behaviour is not None:
        intervals["behaviour.frame_interval_s"] = behaviour.frame_interval_s
        numbers, expected = len(description.self_test.expected), math.prod(description.output.shape[1:])
        if numbers != expected:
            return f"self_test.expected has {numbers} numbers, the output {expected}; expected as many"
        if (description.task == "forecast") != (description.forecast is not None):
            part = "no part" if description.forecast is None else "a part"
            return f"task is '{description.task}' and there is {part} forecast; expected that part for the task 'forecast' alone"
    for name, (low, high) in intervals.items():
        if low < 0 or (low > high and not math.isclose(low, high)):  # of equal intervals, percentiles may differ by rounding
            return f"{name} is {low:g} to {high:g}; expected the smaller number first, from 0"
    return None


def _self_test_poses(folder: Path, description: Description, behaviour: BehaviourNetwork) -> NDArray[np.float32]:
    _, animals, points, _ = shape = description.input.shape if len(description.input.shape) == 4 else (0, 0, 0, 0)
    classes = len(description.class_names)
    agrees = (
        description.task == "behaviour"
        and (description.input.dtype, shape) == ("float32", (1, animals, len(description.point_names), 3))
        and (behaviour.seconds.dtype, behaviour.seconds.shape) == ("float32", (1, 1))
        and description.output.shape == (1, classes)
        and len(behaviour.thresholds) == classes > 0
    )
    if not agrees:
        raise BundleError(
            f"{folder / DESCRIPTION_FILE}: its parts contradict each other; expected poses (1, animals, {len(description.point_names)} "
            f"points, 3) and seconds (1, 1) in, {classes} class probabilities out: write the bundle again with `trainer fit`"
        )
    path = folder / SELF_TEST_POSES
    _compare(path, description.self_test.image_sha256)
    try:
        poses = np.load(path, allow_pickle=False)
    except (ValueError, EOFError):
        poses = None
    if not isinstance(poses, np.ndarray) or poses.dtype != np.float32 or poses.ndim != 2 or poses.shape[1] != animals * points * 3 + 1:
        raise BundleError(f"{path}: holds no poses of {animals} animals and {points} points; write the bundle again with `trainer fit`")
    return np.asarray(poses, np.float32)


def _self_test_clip(folder: Path, description: Description, behaviour: BehaviourNetwork) -> Clip:
    shape, classes, region, forecast = description.input.shape, len(description.class_names), behaviour.region, description.forecast
    square = not isinstance(region, Following) or (shape[1:2] == shape[2:3] and description.point_names == (region.point,))
    agrees = (
        description.task in ("behaviour", "forecast")
        and description.input.dtype == "uint8"
        and (len(shape), shape[:1], shape[3:]) == (4, (1,), (1 if description.view.colour == "grey" else 3,))
        and square
        and (behaviour.seconds.dtype, behaviour.seconds.shape) == ("float32", (1, 1))
        and description.output.shape == (1, classes)
        and len(behaviour.thresholds) == classes > 0
        and (forecast is None or set(forecast.phase_states) <= {state.name for state in description.states})
    )
    if not agrees:
        raise BundleError(
            f"{folder / DESCRIPTION_FILE}: its parts contradict each other; expected an image (1, height, width, channels of a "
            f"'{description.view.colour}' view), square where it follows a key point, and seconds (1, 1) in, {classes} class probabilities "
            "out: write the bundle again with `trainer fit`"
        )
    path = folder / SELF_TEST_CLIP
    _compare(path, description.self_test.image_sha256)
    clip = read_clip(path, shape[1:])
    if clip is None:
        raise BundleError(
            f"{path}: holds no images of shape {list(shape[1:])} with their seconds; write the bundle again with `trainer fit`"
        )
    return clip


def _npy(array: NDArray[np.float32]) -> bytes:
    content = io.BytesIO()
    np.save(content, array.astype(np.float32), allow_pickle=False)
    return content.getvalue()


def _describe(path: Path) -> Description:
    with path.open("rb") as file:
        content = file.read(_LONGEST_DESCRIPTION + 1)
    if len(content) > _LONGEST_DESCRIPTION:
        raise BundleError(f"{path}: is longer than {_LONGEST_DESCRIPTION} bytes; expected a description of schema {SCHEMA}")
    try:
        return msgspec.json.decode(content, type=Description)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise BundleError(
            f"{path}: {problem}; expected a description of schema {SCHEMA}: write the bundle again with `trainer fit`"
        ) from None


def _compare(path: Path, expected: str) -> None:
    try:
        found = _file_sha256(path)
    except OSError as problem:
        raise BundleError(f"{path}: cannot be read: {_reason(problem)}; the bundle is not whole: copy it again") from None
    if found != expected:
        raise BundleError(
            f"{path}: its SHA-256 begins {found[:12]}, {DESCRIPTION_FILE} says {expected[:12]}; it is damaged or was "
            "changed: copy the bundle again"
        )


def _file_sha256(path: Path) -> str:
    if not path.is_file():
        raise BundleError(f"{path}: is not there, or not a file; the bundle is not whole: copy it again")
    return sha256_of(path)


def _put_in_place(fresh: Path, folder: Path) -> None:
    """Rename into place; a bundle that is there already changes places with the new one, and is then removed by the caller."""
    if folder.is_dir():
        exchange(fresh, folder)
    else:
        fresh.rename(folder)
    directory = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _reason(problem: Exception) -> str:
    return (problem.strerror if isinstance(problem, OSError) else None) or str(problem) or type(problem).__name__


def _shown(folder: Path) -> str:
    """The path as it can be printed, and no longer than a sentence bears."""
    text = str(folder).encode(errors="backslashreplace").decode()
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
