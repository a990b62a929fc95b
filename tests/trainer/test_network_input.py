"""One frame through the camera's path and through each of the trainer's: the engine must be given the same bytes."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import av
import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from tracker.bundle import Bundle, read_bundle
from tracker.bundle_description import TensorShape, View
from tracker.cameras.camera import Camera
from tracker.cameras.image_folder import FolderCamera
from tracker.cameras.synthetic import SyntheticRig
from tracker.cameras.video_file import VideoFile
from tracker.config_cameras import ImageFolder, OpenCVCamera, SyntheticCamera
from tracker.engines.carried import States
from tracker.engines.inference import Inference
from tracker.errors import BundleError, CameraError
from tracker.frame import Image
from trainer.bundles.parity import points_of
from trainer.bundles.variant import calibration_images
from trainer.errors import LabelError
from trainer.labels.images import ImageRef, read_image
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import NetworkInput, colour_of, whole_view
from trainer.networks.blocks import CropPlan
from trainer.scoring.inference_by_shape import InferenceByShape
from trainer.selection.engine_answers import AnswerCollector
from trainer.training.augment import UNCHANGED
from trainer.training.datasets import Draw, FrameStore, HeldOutFrames, TrainingFrames

COUNT = 3
Source = tuple[Callable[[], Camera], tuple[ImageRef, ...]]  # how a rig reads the frames, and how the trainer does


class Keeping:
    """An engine that keeps what it was given last."""

    runtime, device, precision = "none", "none", "fp32"

    def __init__(self) -> None:
        self.given: list[Image] = []

    def infer(self, image: Image) -> NDArray[np.float32]:
        assert image.flags.c_contiguous
        self.given.append(image.copy())
        return np.zeros((1, 1, 3), np.float32)

    def reset(self) -> None: ...

    def carried(self) -> dict[str, bytes]:
        return {}

    def go_on(self, carried: States) -> None: ...

    def close(self) -> None: ...


def scene(number: int, *, height: int, width: int, grey: bool) -> Image:
    """Smooth and coloured, so that every codec keeps it and every wrong channel shows."""
    coarse = np.random.default_rng(number).integers(0, 256, (height // 9, width // 9, 3), dtype=np.uint8)
    image = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    return np.ascontiguousarray(image[:, :, 0]) if grey else image


def files(folder: Path, suffix: str, *, height: int, width: int, grey: bool) -> Source:
    paths = []
    for number in range(COUNT):
        image = scene(number, height=height, width=width, grey=grey)
        paths.append(folder / f"{number:03d}.{suffix}")
        cv2.imwrite(str(paths[-1]), image if grey else cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    settings = ImageFolder(folder=str(folder), rate_hz=None, loop_folder=False)
    return lambda: FolderCamera(settings), tuple(ImageRef(path=path, frame=None) for path in paths)


def video(path: Path, codec: str, pixels: str, *, height: int, width: int) -> Source:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, stream.pix_fmt = height, width, pixels
        for number in range(COUNT):
            image = scene(number, height=height, width=width, grey=False)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels)))
        container.mux(stream.encode(None))
    settings = OpenCVCamera(device=str(path), width=None, height=None, rate_hz=None, fourcc=None, file_speed="flat_out", loop_file=False)
    return lambda: VideoFile(settings), tuple(ImageRef(path=path, frame=number) for number in range(COUNT))


def live(folder: Path) -> Source:
    """A camera's own frames, labelled later as the images that were saved of them."""
    settings = SyntheticCamera(
        scene="rodent", seed=1, width=320, height=240, rate_hz=100.0, frames=COUNT, rectangles=1, faults=()
    )  # every opening shows the same scene
    references = []
    for number, image in enumerate(images_of(lambda: SyntheticRig(settings))):
        path = folder / f"{number:03d}.png"
        cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image)
        references.append(ImageRef(path=path, frame=None))
    return lambda: SyntheticRig(settings), tuple(references)


SOURCES: dict[str, Callable[[Path], Source]] = {
    "colour PNG": lambda folder: files(folder, "png", height=240, width=320, grey=False),
    "grey PNG": lambda folder: files(folder, "png", height=240, width=320, grey=True),
    "colour PNG of odd size": lambda folder: files(folder, "png", height=241, width=313, grey=False),
    "grey PNG of odd size": lambda folder: files(folder, "png", height=241, width=313, grey=True),
    "colour JPEG": lambda folder: files(folder, "jpg", height=239, width=317, grey=False),
    "grey JPEG": lambda folder: files(folder, "jpg", height=239, width=317, grey=True),
    "colour BMP": lambda folder: files(folder, "bmp", height=240, width=320, grey=False),
    "grey TIFF": lambda folder: files(folder, "tif", height=241, width=313, grey=True),
    "motion JPEG": lambda folder: video(folder / "run.avi", "mjpeg", "yuvj420p", height=240, width=320),
    "MPEG-4": lambda folder: video(folder / "run.mp4", "mpeg4", "yuv420p", height=242, width=314),
    "lossless colour video": lambda folder: video(folder / "run.avi", "ffv1", "bgr0", height=241, width=313),
    "lossless grey video": lambda folder: video(folder / "run.avi", "ffv1", "gray", height=241, width=313),
    "camera saved as PNG": live,
}

VIEWS: dict[str, tuple[tuple[int, int, int, int] | None, str, tuple[int, int] | None]] = {
    "whole": (None, "letterbox", None),  # as `trainer fit` writes it; None: of the image's own size
    "exact": (None, "exact", None),
    "cropped": ((21, 33, 160, 101), "exact", (101, 160)),
    "letterboxed": (None, "letterbox", (128, 128)),
    "cropped and letterboxed": ((7, 5, 200, 150), "letterbox", (96, 99)),
    "halved": (None, "stretch", (120, 160)),
    "stretched": (None, "stretch", (97, 211)),
    "enlarged": (None, "letterbox", (400, 480)),
}


def images_of(open_it: Callable[[], Camera]) -> list[Image]:
    """All frames that a camera gives."""
    with closing(open_it()) as camera:
        found = []
        while (frame := camera.read(5.0)) is not None:
            found.append(frame.image.copy())
    return found


def labelled(references: tuple[ImageRef, ...], size: tuple[int, int]) -> LabelledFrames:
    """One point in each frame."""
    count = len(references)
    return LabelledFrames(
        images=references,
        points=np.full((count, 1, 1, 2), 61.25),
        hidden=np.zeros((count, 1, 1), bool),
        tags=(frozenset(),) * count,
        point_names=("spot",),
        skeleton=(),
        group=("run",) * count,
        order=np.arange(count),
        size=size,
    )


def bundle_of(made: Bundle, view: View, size: tuple[int, int]) -> Bundle:
    shape = (1, *size, 3 if view.colour == "rgb" else 1)
    description = msgspec.structs.replace(made.description, view=view, input=TensorShape(name="image", shape=shape, dtype="uint8"))
    return msgspec.structs.replace(made, description=description)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, make_bundle: Callable[..., Path]) -> Bundle:
    return read_bundle(make_bundle(tmp_path_factory.mktemp("bundle") / "spot", height=32, width=32))


@pytest.fixture(scope="module", params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Image], LabelledFrames]:
    """The same frames as the camera gives them and as the trainer finds them."""
    open_it, references = SOURCES[request.param](tmp_path_factory.mktemp("source"))
    images = images_of(open_it)
    assert len(images) == COUNT
    return images, labelled(references, (images[0].shape[0], images[0].shape[1]))


@pytest.mark.parametrize("colour", ["grey", "rgb"])
@pytest.mark.parametrize("name", VIEWS)
def test_camera_and_trainer_give_the_engine_the_same_bytes(
    name: str, colour: str, source: tuple[list[Image], LabelledFrames], made: Bundle
) -> None:
    images, frames = source
    crop, fit, asked = VIEWS[name]
    size = asked or frames.size
    view = View(crop=crop, fit=fit, colour=colour)  # type: ignore[arg-type]
    bundle, rig, scoring, looking, comparing = bundle_of(made, view, size), Keeping(), Keeping(), Keeping(), Keeping()

    inference = Inference(bundle, rig, source_shape=images[0].shape)
    for image in images:
        inference.points(image)
    finders, collector = InferenceByShape(bundle, scoring), AnswerCollector(bundle, looking)
    for index in range(COUNT):
        finders.of(frames.read(index)).points(frames.read(index))
    collector.examine(0, frames.read(0), None)
    points_of(bundle, comparing, [frames.read(index) for index in range(COUNT)])
    store = FrameStore(frames, view, size=size)
    training = TrainingFrames(store, crop=CropPlan(height=32, width=32, shrink=1, pool=1), settings=UNCHANGED, seed=0)

    expected = np.stack(rig.given)
    assert expected.std() > 5
    trainers = {
        "training": [training[Draw(index, 0, index)].frames.numpy() for index in range(COUNT)],
        "held out": [HeldOutFrames(store)[index][0].numpy() for index in range(COUNT)],
        "evaluation and labelling": scoring.given,
        "comparison of engines": comparing.given,
        "calibration of int8": calibration_images(bundle, frames),
    }
    assert [what for what, given in trainers.items() if not np.array_equal(np.stack(given), expected)] == []
    assert np.array_equal(looking.given[0], expected[0]), "selection"


def test_labels_are_taken_to_the_input_that_the_network_is_shown(tmp_path: Path) -> None:
    image = np.zeros((240, 320), np.uint8)
    cv2.circle(image, (200, 90), 12, 255, -1)
    cv2.imwrite(str(tmp_path / "0.png"), image)
    frames = labelled((ImageRef(path=tmp_path / "0.png", frame=None),), (240, 320))
    frames.points[0, 0, 0] = 200, 90
    store = FrameStore(frames, View(crop=(100, 20, 200, 180), fit="letterbox", colour="grey"), size=(90, 128))

    shown, points = HeldOutFrames(store)[0]
    rows, columns = np.nonzero(shown[:, :, 0].numpy() > 127)

    assert points[0, 0].tolist() == pytest.approx([columns.mean(), rows.mean()], abs=0.1)
    answer = np.array([[[*points[0, 0].tolist(), 0.9]]], np.float32)
    assert store.to_source(answer, [0])[0, 0].tolist() == pytest.approx([200, 90, 0.9], abs=1e-3)


def test_a_label_at_the_images_own_size_keeps_every_digit() -> None:
    seen = NetworkInput(View(crop=None, fit="letterbox", colour="grey"), size=(241, 313), source_size=(241, 313))
    labels = np.array([[[1 / 3, 200.123456789012]], [[np.nan, np.nan]]])
    assert np.array_equal(seen.points(labels), labels, equal_nan=True)


def test_a_set_of_grey_and_colour_files_is_shown_in_one_colour(tmp_path: Path) -> None:
    picture = scene(1, height=60, width=80, grey=True)
    cv2.imwrite(str(tmp_path / "0.png"), picture)
    cv2.imwrite(str(tmp_path / "1.png"), cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR))  # an infrared camera's three equal channels
    frames = labelled(tuple(ImageRef(path=tmp_path / f"{number}.png", frame=None) for number in range(2)), (60, 80))
    store = FrameStore(frames, whole_view(frames))
    assert colour_of(frames) == "grey"
    assert np.array_equal(store.read(0), picture)
    assert np.array_equal(store.read(1), picture)


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 3)], ids=["grey", "colour"])
def test_deep_pixels_are_refused_by_the_camera_and_by_the_trainer(shape: tuple[int, ...], tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), np.full(shape, 300, np.uint16))
    with pytest.raises(CameraError, match="16-bit pixels; expected 8-bit"):
        FolderCamera(ImageFolder(folder=str(tmp_path), rate_hz=None, loop_folder=False))
    with pytest.raises(LabelError, match=r"16.* pixels; expected 8-bit grey or colour: convert it"):
        read_image(ImageRef(path=tmp_path / "0.png", frame=None), (48, 64))


def test_a_crop_outside_the_images_is_refused_before_training(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((60, 80), np.uint8))
    frames = labelled((ImageRef(path=tmp_path / "0.png", frame=None),), (60, 80))
    with pytest.raises(BundleError, match="outside the camera's 80x60 image"):
        FrameStore(frames, View(crop=(0, 0, 81, 60), fit="letterbox", colour="grey"), size=(64, 64))


def test_no_part_of_the_trainer_changes_colour_or_size_for_a_network_by_itself() -> None:
    """What draws, writes files or looks for animals without a network has its own reasons; training and scoring have none."""
    trainer = Path(__file__).resolve().parents[2] / "trainer"
    own = [
        f"{path.relative_to(trainer)}: {word}"
        for folder in ("training", "scoring", "bundles", "labelling", "networks")
        for path in sorted((trainer / folder).rglob("*.py"))
        if path.name != "classical.py"
        for word in ("cvtColor", "cv2.resize", "copyMakeBorder", "imread", "imdecode")
        if word in path.read_text()
    ]
    assert own == []
