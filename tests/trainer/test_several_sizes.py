"""Images of several sizes in one set: each is seen as a camera of its size would be, and its errors are in its own pixels."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainer.learnable import GREY, draw
from tests.trainer.test_evaluate_command import as_csv
from tests.trainer.test_export_labels import KINDS, assert_same, write
from tests.trainer.test_label_checks import animals
from tests.trainer.test_network_input import Keeping, bundle_of, scene
from tracker.bundle import read_bundle
from tracker.bundle_description import View
from tracker.engines.inference import Inference
from tracker.frame import Image
from trainer.__main__ import main
from trainer.formats.import_labels import ImportChoice, import_labels
from trainer.formats.project import read_project
from trainer.formats.read_labels import read_labels
from trainer.labels.checks import check_labels
from trainer.labels.images import ImageRef, frame_of
from trainer.labels.join import join_labels
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import fields_of_view, images_in_words, sizes_sentence
from trainer.networks.blocks import CropPlan
from trainer.project.store import create_project
from trainer.scoring.baseline import score_baselines, score_baselines_of_sizes
from trainer.scoring.classical import score_classical
from trainer.scoring.engine_choice import EngineChoice
from trainer.scoring.evaluate import evaluate
from trainer.scoring.inference_by_shape import InferenceByShape
from trainer.training.augment import UNCHANGED
from trainer.training.datasets import Draw, FrameStore, HeldOutFrames, TrainingFrames, ValidationFrames
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings

SIZES = ((240, 320), (241, 313), (120, 400), (480, 640))  # height, width
QUICK = ["--epochs", "3", "--batch", "8", "--batches", "30", "--device", "cpu", "--workers", "0", "--precision", "32"]
ONE_STEP = ["--epochs", "1", "--batch", "4", "--batches", "1"]
CPU = EngineChoice(runtime="openvino", precision="fp32", threads=1, gpu=0)


def set_of(folder: Path, images: list[Image], points: NDArray[np.float64], names: tuple[str, ...]) -> LabelledFrames:
    """Images as files of one video; points (n, K, 2)."""
    references = []
    for number, image in enumerate(images):
        references.append(ImageRef(path=folder / f"{number:03}.png", frame=None))
        cv2.imwrite(str(references[-1].path), image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    own = tuple((image.shape[0], image.shape[1]) for image in images)
    return LabelledFrames(
        images=tuple(references),
        points=points[:, None],
        hidden=np.zeros((len(images), 1, len(names)), bool),
        tags=(frozenset(),) * len(images),
        point_names=names,
        skeleton=(),
        group=("run",) * len(images),
        order=np.arange(len(images)),
        size=frame_of(own),
        sizes=own,
    )


def bars(folder: Path, count: int) -> LabelledFrames:
    """The bars of `learnable`; every third image is twice as large, as of another camera."""
    drawn = [draw(number) for number in range(count)]
    images = [image if number % 3 else np.asarray(cv2.resize(image, None, fx=2, fy=2), np.uint8) for number, (image, _) in enumerate(drawn)]
    points = np.array([points if number % 3 else 2 * points + 0.5 for number, (_, points) in enumerate(drawn)])
    return set_of(folder, images, points, ("head", "tail"))


@pytest.mark.parametrize("colour", ["grey", "rgb"])
def test_every_size_goes_the_cameras_way_bit_for_bit(colour: str, tmp_path: Path, make_bundle: Callable[..., Path]) -> None:
    images = [scene(number, height=size[0], width=size[1], grey=number % 2 == 0) for number, size in enumerate(SIZES)]
    frames = set_of(tmp_path, images, np.full((len(SIZES), 1, 2), 31.5), ("spot",))
    view = View(crop=None, fit="letterbox", colour=colour)  # type: ignore[arg-type]
    bundle, rig, scoring = bundle_of(read_bundle(make_bundle(tmp_path / "b", height=32, width=32)), view, frames.size), Keeping(), Keeping()
    for image in images:
        Inference(bundle, rig, source_shape=image.shape).points(image)
    finders = InferenceByShape(bundle, scoring)
    for index in range(len(frames)):
        finders.of(frames.read(index)).points(frames.read(index))
    store = FrameStore(frames, view)
    training = TrainingFrames(store, crop=CropPlan(height=32, width=32, shrink=1, pool=1), settings=UNCHANGED, seed=0)
    held_out = HeldOutFrames(store)
    for index, expected in enumerate(rig.given):
        assert np.array_equal(training[Draw(index, 0, index)].frames.numpy(), expected)
        assert np.array_equal(held_out[index][0].numpy(), expected)
        assert np.array_equal(scoring.given[index], expected)


def test_labels_stay_on_what_they_mark_and_answers_come_back(tmp_path: Path) -> None:
    images, points = [], []
    for height, width in SIZES:
        image = np.zeros((height, width), np.uint8)
        x, y = width // 3, height // 2
        cv2.circle(image, (x, y), 12, 255, -1)
        images.append(image)
        points.append([[x, y]])
    frames = set_of(tmp_path, images, np.array(points, np.float64), ("disc",))
    store = FrameStore(frames, GREY)
    for index in range(len(frames)):
        rows, columns = np.nonzero(store.read(index) > 127)
        assert store.points(index)[0, 0].tolist() == pytest.approx([columns.mean(), rows.mean()], abs=0.2)
    inside = store.all_points()
    answers = np.concatenate([inside, np.full((*inside.shape[:3], 1), 0.5)], axis=3).astype(np.float32)
    np.testing.assert_allclose(store.to_source(answers, range(len(frames)))[..., :2], frames.points, atol=1e-3)


def test_a_pixel_of_the_input_counts_as_so_many_of_the_image(tmp_path: Path) -> None:
    frames = bars(tmp_path, 6)
    assert frames.size == (192, 256)
    found = [ValidationFrames(FrameStore(frames, GREY))[index][2].tolist() for index in range(2)]
    assert found == [pytest.approx([1.0, 1.0]), pytest.approx([0.5, 0.5])]


def test_the_error_of_every_epoch_is_in_the_images_own_pixels(tmp_path: Path) -> None:
    """The same network, validated after its last step and measured again in source pixels."""
    frames = bars(tmp_path, 9)
    settings = FitSettings(epochs=1, batches=2, batch=4, workers=0, accelerator="cpu", precision="32", averaging=0.5)
    result = fit(frames, frames, settings, tmp_path / "run")
    assert result.history.epochs[-1].held_out_px == pytest.approx(result.held_out_px, rel=1e-3)


@pytest.mark.parametrize(
    ("sizes", "frame"),
    [
        ([(480, 640)] * 9, (480, 640)),
        ([(480, 640)] * 60 + [(200, 300)] * 60, (480, 640)),
        ([(480, 640)] * 20 + [(200, 300)] * 100, (480, 640)),
        ([(3000, 4000)] + [(480, 640)] * 99, (480, 640)),
        ([(3000, 4000), (480, 640)], (3000, 4000)),
    ],
    ids=["one size", "cropped and whole", "mostly cropped", "one odd image", "two images"],
)
def test_the_frame_is_the_largest_size_that_more_than_a_few_images_have(sizes: list[tuple[int, int]], frame: tuple[int, int]) -> None:
    assert frame_of(sizes) == frame


def test_a_part_of_a_set_keeps_the_frame_and_its_own_sizes(tmp_path: Path) -> None:
    few = bars(tmp_path, 6).subset(np.array([1, 2, 4]))
    assert (few.size, few.sizes) == ((192, 256), ((96, 128),) * 3)
    assert few.read(0).shape == (96, 128)


def test_joined_sets_of_two_sizes_are_fitted_to_the_larger(tmp_path: Path) -> None:
    frames = bars(tmp_path, 6)
    large, small = frames.subset(np.array([0, 3])), frames.subset(np.array([1, 2, 4, 5]))
    joined = join_labels([small.fitted_to((96, 128)), large.fitted_to((192, 256))], sources=("a", "b"))
    assert joined.size == (192, 256)
    assert joined.sizes == ((96, 128),) * 4 + ((192, 256),) * 2
    assert [joined.read(index).shape for index in (0, 5)] == [(96, 128), (192, 256)]


def test_knowing_nothing_costs_a_share_of_each_images_own_size() -> None:
    points = np.random.default_rng(0).uniform(10, 80, (8, 1, 3, 2))
    plain = score_baselines(points, train=points, size=(96, 128))
    same = score_baselines_of_sizes(points, sizes=[(96, 128)] * 8, train=points, train_sizes=[(96, 128)] * 8)
    double = score_baselines_of_sizes(2 * points + 0.5, sizes=[(192, 256)] * 8, train=points, train_sizes=[(96, 128)] * 8)
    for found, factor in ((same, 1), (double, 2)):
        assert found.mean_position_px == pytest.approx(factor * plain.mean_position_px)
        assert found.image_centre_px == pytest.approx(factor * plain.image_centre_px)


def test_points_far_apart_are_judged_among_images_of_their_size() -> None:
    """An animal filmed at twice the scale is not one with misplaced points."""
    frames = animals()
    points = frames.points.copy()
    points[:12] *= 3
    own = tuple((1200, 1200) if index < 12 else (400, 400) for index in range(len(frames)))
    assert check_labels(replace(frames, points=points, size=(1200, 1200), sizes=own)) == []


def test_what_is_done_with_the_sizes_is_said(tmp_path: Path, make_bundle: Callable[..., Path]) -> None:
    frames = bars(tmp_path, 6)
    assert sizes_sentence(frames.subset(np.array([0])).fitted_to((192, 256))) is None
    assert str(sizes_sentence(frames)).startswith(
        "sizes: the images have several (4 of 128x96, 2 of 256x192); each is fitted to the network's 256x192, its sides in proportion"
    )
    small, large = (frames.subset(np.flatnonzero([own == size for own in frames.sizes])) for size in ((96, 128), (192, 256)))
    assert str(sizes_sentence(small)).startswith("sizes: the images are 128x96; each is fitted to the network's 256x192, its sides")
    assert images_in_words(small).startswith("128x96, each fitted to 256x192")
    assert (sizes_sentence(large), images_in_words(large)) == (None, "256x192")
    description = read_bundle(make_bundle(tmp_path / "spot", height=192, width=256, fit="letterbox")).description
    assert fields_of_view(description, frames) == (
        "4 images: The network sees all of the camera's 128x96 image, resized to 256x192, in grey. "
        "2 images: The network sees all of the camera's 256x192 image, at its own size, in grey. Errors are in each image's own pixels."
    )


def test_errors_are_in_each_images_own_pixels(tmp_path: Path, make_bundle: Callable[..., Path]) -> None:
    """A network that finds the brightest pixel, three own pixels beside its labels in images of any size."""
    images, points = [], []
    for height, width in ((96, 128), (192, 256)):
        image = np.zeros((height, width), np.uint8)
        image[height // 2 - 4 : height // 2 + 5, width // 2 - 4 : width // 2 + 5] = 80
        image[height // 2, width // 2] = 255
        images.append(image)
        points.append([[width // 2 + 3.0, height // 2]])
    frames = set_of(tmp_path, images, np.array(points), ("spot",))
    bundle = read_bundle(make_bundle(tmp_path / "spot", height=192, width=256, fit="letterbox"))
    found = evaluate(bundle, frames, engine=CPU)
    assert found.errors.distance_px.ravel().tolist() == pytest.approx([3.0, 3.0], abs=0.6)


def test_the_tracker_without_learning_has_a_background_for_every_size(tmp_path: Path) -> None:
    frames = bars(tmp_path, 12)
    found = score_classical(replace(frames, point_names=("nose", "tail")))
    assert found is not None
    assert found.unseen == 0


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_keeps_images_of_several_sizes(kind: str, tmp_path: Path) -> None:
    frames = read_labels(as_csv(tmp_path, bars(tmp_path, 6)))
    again = read_labels(write(frames, kind, tmp_path / "written"))
    assert_same(again, frames)
    assert again.sizes == frames.sizes


def test_a_labelling_project_takes_them_too(tmp_path: Path) -> None:
    data = as_csv(tmp_path, bars(tmp_path, 6))
    create_project(tmp_path / "p", point_names=("head", "tail"))
    import_labels(tmp_path / "p", data, ImportChoice(annotator="ann"))
    assert set(read_project(tmp_path / "p").sizes) == {(96, 128), (192, 256)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Labels and the bundle that `trainer fit` made of them."""
    folder = tmp_path_factory.mktemp("sizes")
    data = as_csv(folder, bars(folder, 30))
    assert main(["fit", "--data", str(data), "--out", str(folder / "mine"), *QUICK]) == 0
    return data, folder / "mine"


def test_a_bundle_is_made_and_says_what_was_done(trained: tuple[Path, Path]) -> None:
    _, bundle = trained
    description = read_bundle(bundle).description
    assert description.input.shape == (1, 192, 256, 1)
    assert description.trained_on is None
    assert description.training.image_sizes == ((128, 96), (256, 192))
    report = (bundle / "report.html").read_text()
    assert "sizes: the images have several (20 of 128x96, 10 of 256x192); each is fitted to the network&#x27;s 256x192" in report
    assert "Errors are in each image&#x27;s own pixels." in report


@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "{bundle}", "--data", "{data}", "--report", "{out}", "--threads", "1"],
        ["compare", "{bundle}", "{bundle}", "--data", "{data}", "--learnt-too", "--report", "{out}", "--threads", "1"],
        ["diagnose", "--data", "{data}", "--labels-only"],
        ["crossval", "--data", "{data}", "--out", "{out}", "--folds", "2", *ONE_STEP],
        ["curve", "--data", "{data}", "--out", "{out}", "--sizes", "4", "8", "--repeats", "1", *ONE_STEP],
        ["sweep", "--data", "{data}", "--out", "{out}", "--study", "{out}.db", "--trials", "1", "--confirm", "0", *ONE_STEP],
        ["compile", "{bundle}", "--precision", "fp16", "--in-graph", "--data", "{data}", "--threads", "1", "--out", "{out}"],
    ],
    ids=["evaluate", "compare", "diagnose", "crossval", "curve", "sweep", "compile"],
)
def test_every_command_that_reads_labels_takes_them_and_its_report_says_so(
    command: list[str], trained: tuple[Path, Path], tmp_path: Path
) -> None:
    data, bundle = trained
    assert main([part.format(data=data, bundle=bundle, out=tmp_path / "out") for part in command]) == 0
    report = tmp_path / "out" / "report.html"
    if command[0] in ("compare", "crossval", "curve", "sweep"):
        assert "20 of 128x96, 10 of 256x192" in report.read_text()
    if command[0] not in ("compile", "diagnose"):
        assert "Errors are in each image&#x27;s own pixels." in report.read_text()


def test_evaluating_says_what_is_seen_of_each_size(trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    data, bundle = trained
    assert main(["evaluate", str(bundle), "--data", str(data), "--json", "--threads", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    held_out = next(one for one in found["sets"] if one["part"] == "held-out")
    assert held_out["mean_px"] == pytest.approx(json.loads((bundle / "metrics.json").read_text())["held_out"]["mean_px"])
    assert "128x96 image, resized to 256x192" in held_out["field_of_view"]


def test_a_view_that_fits_one_size_only_is_refused_in_a_sentence(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, bundle = trained
    made = read_bundle(bundle)
    exact = msgspec.structs.replace(made.description, view=View(crop=None, fit="exact", colour="grey"))
    folder = tmp_path / "exact"
    folder.mkdir()
    for name in ("model.onnx", "self_test.png"):
        (folder / name).write_bytes((bundle / name).read_bytes())
    (folder / "bundle.json").write_bytes(msgspec.json.encode(exact))
    assert main(["evaluate", str(folder), "--data", str(data), "--threads", "1"]) == 1
    said = capsys.readouterr().err
    assert "the bundle's view is 'exact' and its input 256x192, the camera gives 128x96" in said
    assert "Traceback" not in said
