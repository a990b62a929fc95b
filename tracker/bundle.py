"""Contract 1: the engine bundle, a folder that says everything about one network. Written by the trainer, read by the tracker."""

import hashlib
import io
import math
import os
import shutil
import tempfile
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from tracker.bundle_contradictions import contradiction, printable
from tracker.bundle_description import BehaviourNetwork, Description, Following
from tracker.errors import BundleError
from tracker.exchange_folders import exchange
from tracker.frame import Image
from tracker.gentle_reading import sha256_of
from tracker.parsing.one_line import one_line
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
    final = printable(msgspec.structs.replace(description, onnx_sha256=_sha256(model), self_test=self_test))
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
    said = contradiction(description)
    if said is not None:
        raise BundleError(f"{folder / DESCRIPTION_FILE}: {said}: write the bundle again with `trainer fit`")
    for tensor in (description.input, description.output, *description.states):
        if math.prod(tensor.shape) > _LARGEST_TENSOR:
            raise BundleError(f"{folder / DESCRIPTION_FILE}: tensor '{tensor.name}' has more than {_LARGEST_TENSOR} numbers")
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
            f"{path}: {one_line(str(problem))}; expected a description of schema {SCHEMA}: write the bundle again with `trainer fit`"
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
