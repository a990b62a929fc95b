"""Background and contrast, evened once for training and in the graph at the rig: the same numbers in both."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
from onnx import TensorProto

from tests.trainer.learnable import GREY, SIZE, draw, labelled
from tests.trainer.test_refresh import LONGER, QUICK, project
from tracker.bundle import read_bundle
from tracker.engines.openvino.runtime import core
from tracker.frame import Image
from trainer.__main__ import main
from trainer.bundles.graph_body import WEIGHTS
from trainer.bundles.quantise import to_fp16
from trainer.errors import TrainingError
from trainer.labels.network_input import whole_view
from trainer.networks.blocks import CropPlan, FrameShape
from trainer.networks.coarse_to_fine import CoarseToFine
from trainer.networks.lighting import EvenLighting, LitNetwork
from trainer.pipeline.export import to_onnx
from trainer.pipeline.refresh import lit_as
from trainer.training.fit_settings import FitSettings
from trainer.training.lighting_choice import lighting_of

RNG = np.random.default_rng(3)


def lit_from_one_side(image: Image) -> Image:
    """The same scene with a third of the light on the left and all of it on the right."""
    slope = np.linspace(0.33, 1.0, image.shape[1])
    return np.asarray((image * slope).round(), np.uint8)


def floor(shape: tuple[int, ...]) -> Image:
    return np.asarray(RNG.integers(60, 120, shape), np.uint8)


@pytest.mark.parametrize("shape", [(96, 128), (97, 131), (64, 90, 3)], ids=["grey", "odd sides", "colour"])
@pytest.mark.parametrize(
    ("with_background", "contrast"), [(True, False), (False, True), (True, True)], ids=["background", "contrast", "both"]
)
def test_every_runtime_evens_a_frame_as_training_does(shape: tuple[int, ...], with_background: bool, contrast: bool) -> None:
    frame = FrameShape(height=shape[0], width=shape[1], channels=shape[2] if len(shape) == 3 else 1)
    lighting = EvenLighting(frame, background=floor(shape) if with_background else None, contrast=contrast)
    image = lit_from_one_side(floor(shape)) if len(shape) == 2 else floor(shape)
    expected = lighting.image(image).reshape(-1).astype(int)
    batch = image.reshape(1, *shape[:2], -1)
    model = to_onnx(lighting, batch)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    compiled = core().compile_model(core().read_model(model, b""), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for found in (session.run(None, {"frames": batch})[0], compiled([batch])[0]):
        off = np.abs(np.asarray(found).reshape(-1) - expected)
        assert off.max() <= 1  # what lies between two whole numbers may be rounded either way
        assert (off > 0).mean() < 0.001


def test_uneven_light_changes_an_evened_frame_by_little() -> None:
    scene = np.clip(draw(5)[0] + RNG.normal(0, 3, SIZE), 0, 255).astype(np.uint8)
    lighting = EvenLighting(FrameShape(height=SIZE[0], width=SIZE[1], channels=1), background=None, contrast=True)
    inside = (slice(12, -12), slice(12, -12))
    before = np.abs(scene.astype(float) - lit_from_one_side(scene))[inside].mean()
    after = np.abs(lighting.image(scene).astype(float) - lighting.image(lit_from_one_side(scene)))[inside].mean()
    assert after < before / 2


def test_lighting_stays_in_float_where_the_network_computes_in_half() -> None:
    """A squared difference of 256 and more has no room in fp16."""
    frame = FrameShape(height=96, width=128, channels=1)
    network = CoarseToFine(3, frame=frame, plan=CropPlan(height=96, width=96, shrink=1, pool=2))
    lit = LitNetwork(EvenLighting(frame, background=floor(SIZE), contrast=True), network).eval()
    model = onnx.load(io.BytesIO(to_fp16(to_onnx(lit, np.zeros((1, 96, 128, 1), np.uint8)))))
    first = next(place for place, node in enumerate(model.graph.node) if node.op_type in WEIGHTS)
    halves = {tensor.name for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT16}
    before = [node for node in model.graph.node[:first] if "/lighting/" in node.name]
    assert len(before) > 10
    assert not [node.name for node in before if halves & set(node.input)]


def test_nothing_is_evened_unless_it_is_asked_for(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 3)
    assert lighting_of(frames, FitSettings(), whole_view(frames)) is None


def test_a_median_background_is_the_scene_without_the_animal(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 30)
    lighting = lighting_of(frames, FitSettings(background="median"), GREY)
    assert lighting is not None
    assert lighting.background is not None
    assert np.abs(lighting.background.numpy().astype(int) - 90).max() <= 1
    empty = np.full(SIZE, 90, np.uint8)
    assert set(np.unique(lighting.image(empty)).tolist()) <= {127, 128, 129}


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (None, "cannot be read: No such file"),
        (b"text", "is not an image"),
        (cv2.imencode(".png", np.zeros((10, 20), np.uint8))[1].tobytes(), "is of 20x10 pixels, the labelled images of 128x96"),
    ],
    ids=["absent", "no picture", "another size"],
)
def test_a_background_that_cannot_be_is_refused_in_a_sentence(picture: bytes | None, sentence: str, tmp_path: Path) -> None:
    frames, path = labelled(tmp_path, 3), tmp_path / "arena.png"
    if picture is not None:
        path.write_bytes(picture)
    with pytest.raises(TrainingError, match=sentence):
        lighting_of(frames, FitSettings(background=str(path)), GREY)


def test_a_contrast_of_whole_images_is_not_for_key_points(tmp_path: Path) -> None:
    whole: Any = "whole"
    with pytest.raises(TrainingError, match="contrast is 'whole', which is for behaviour from images; expected none or local"):
        lighting_of(labelled(tmp_path, 3), FitSettings(contrast=whole), GREY)


def test_a_median_of_few_frames_or_of_several_sizes_is_refused(tmp_path: Path) -> None:
    few = labelled(tmp_path, 3)
    with pytest.raises(TrainingError, match="3 frames to learn from; expected 10 or more"):
        lighting_of(few, FitSettings(background="median"), GREY)
    with pytest.raises(TrainingError, match="several sizes"):
        lighting_of(replace(few, sizes=(SIZE, SIZE, (96, 96))), FitSettings(background="median"), GREY)


def test_a_bundle_has_background_and_contrast_and_so_has_its_refresh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A picture taken off in training is in the graph, in bundle.json by its hash, and in the next training of that bundle."""
    data = project(tmp_path / "bars", range(20))
    picture = tmp_path / "arena.png"
    cv2.imwrite(str(picture), np.full(SIZE, 90, np.uint8))
    asked = ["--background", str(picture), "--contrast", "local"]
    assert main(["fit", "--data", str(data), "--out", str(tmp_path / "mine"), *QUICK, *LONGER, *asked, "--json"]) == 0
    capsys.readouterr()
    picture.unlink()
    bundle, run = read_bundle(tmp_path / "mine"), tmp_path / "mine.run"
    found = bundle.description.lighting
    assert found is not None
    assert (found.background, found.contrast) == ("arena.png", "local")
    torch_px = json.loads((run / "history.json").read_text())["epochs"][-1]["held_out_px"]
    assert bundle.description.accuracy.mean_px == pytest.approx(torch_px, abs=0.05)  # the engine had the frames as they are
    settings = lit_as(bundle, FitSettings(), run)
    again = lighting_of(labelled(tmp_path, 3), settings, GREY)
    assert again is not None
    assert again.described("arena.png") == found
    assert lit_as(bundle, FitSettings(contrast="local"), run).background == "none"  # what is asked for stands before what was
