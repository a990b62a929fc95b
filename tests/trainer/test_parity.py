"""Every labelled frame through an engine and through the reference: judged, kept in the bundle, refused beyond the limits."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.spot_network import spot_bundle, spot_labels, spot_model
from tracker.bundle import read_bundle, write_bundle
from trainer.__main__ import main
from trainer.bundles.parity import ReferenceEngine, compare, keep_parity, points_of, read_parity
from trainer.errors import TrainingError
from trainer.pipeline.export import with_a_changed_weight


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty frames with a bright disc each."""
    return spot_labels(tmp_path_factory.mktemp("spots"))


def test_an_engine_is_compared_on_every_labelled_frame_and_the_result_kept(labels: Path, tmp_path: Path) -> None:
    spot_bundle(tmp_path / "spot", labels, spot_model())
    command = ["compile", str(tmp_path / "spot"), "--precision", "fp32", "--runtime", "openvino", "--threads", "1", "--data", str(labels)]

    assert main(command) == 0
    assert main(command) == 0

    (record,) = json.loads((tmp_path / "spot" / "parity.json").read_text())
    assert (record["frames"], record["points"], record["passed"]) == (20, 20, True)
    assert record["largest_px"] < 0.01
    assert record["reference"].startswith("onnxruntime")


def test_a_changed_weight_fails_the_comparison() -> None:
    frames = [np.random.default_rng(seed).integers(0, 60, (64, 64), dtype=np.uint8) for seed in range(4)]
    for place, frame in enumerate(frames):
        frame[20:24, 10 * place + 8 : 10 * place + 12] = 255
    right, wrong = ReferenceEngine(spot_model()), ReferenceEngine(with_a_changed_weight(spot_model()))

    expected, found = (np.stack([engine.infer(frame[:, :, None]) for frame in frames]) for engine in (right, wrong))

    assert compare(right, expected, expected, reference="itself").passed is True
    assert compare(wrong, found, expected, reference="right").passed is False


@pytest.mark.parametrize(
    ("precision", "off_px", "passed"),
    [("fp32", 0.01, True), ("fp32", 0.03, False), ("fp16", 0.04, True), ("fp16", 0.06, False), ("bf16", 0.04, True), ("int8", 3.0, None)],
)
def test_each_precision_has_its_own_limits(precision: str, off_px: float, passed: bool | None) -> None:
    engine = ReferenceEngine(spot_model())
    engine.precision = precision
    expected = np.full((5, 1, 2, 3), 0.9, np.float32)
    found = expected.copy()
    found[..., 0] += off_px

    assert compare(engine, found, expected, reference="torch").passed is passed


@pytest.mark.parametrize(("precision", "largest_px"), [("fp32", 0.2), ("fp16", 0.6)])
def test_a_single_point_far_off_is_enough_to_fail(precision: str, largest_px: float) -> None:
    engine = ReferenceEngine(spot_model())
    engine.precision = precision
    expected = np.full((50, 1, 4, 3), 0.9, np.float32)
    found = expected.copy()
    found[7, 0, 2, 1] += largest_px

    assert compare(engine, found, expected, reference="torch").passed is False


def test_a_point_that_is_not_a_number_fails() -> None:
    engine = ReferenceEngine(spot_model())
    expected = np.full((2, 1, 1, 3), 0.9, np.float32)
    expected[0, 0, 0, 2] = 0.1  # not even of a point that the reference is unsure of
    found = expected.copy()
    found[0, 0, 0, 0] = np.nan

    assert compare(engine, found, expected, reference="torch").passed is False


def test_a_reference_that_is_sure_of_nothing_proves_nothing() -> None:
    unsure = np.full((3, 1, 1, 3), 0.2, np.float32)

    with pytest.raises(TrainingError, match="torch is sure of no point in these 3 frames; give frames that show the animal"):
        compare(ReferenceEngine(spot_model()), unsure, unsure, reference="torch")


def test_records_of_an_earlier_model_are_forgotten(labels: Path, tmp_path: Path) -> None:
    bundle = spot_bundle(tmp_path / "spot", labels, spot_model())
    engine = ReferenceEngine(spot_model())
    images = [np.full((64, 64), 7, np.uint8)]
    images[0][20:26, 30:36] = 255
    found = points_of(bundle, engine, images)
    keep_parity(bundle, compare(engine, found, found, reference="itself"))
    assert len(read_parity(bundle)) == 1

    changed = with_a_changed_weight(spot_model())
    (tmp_path / "spot" / "model.onnx").write_bytes(changed)
    record = (tmp_path / "spot" / "parity.json").read_bytes()
    write_bundle(tmp_path / "spot", model=changed, self_test_image=bundle.self_test_image, description=bundle.description)
    (tmp_path / "spot" / "parity.json").write_bytes(record)

    assert read_parity(read_bundle(tmp_path / "spot")) == []
