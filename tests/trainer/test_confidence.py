"""Confidence as the chance of being right: measured, made so, and written into the graph."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.trainer.scored import noise_frames
from trainer.labels.labelled_frames import LabelledFrames
from trainer.networks.confidence_layer import CalibratedNetwork
from trainer.pipeline.export import compare, to_onnx
from trainer.scoring.confidence_map import FEWEST, ConfidenceMap, fit_confidence, logit
from trainer.scoring.reliability import CLIP, blocks_in_time, judge, reliability

FAR, NEAR = 50.0, 1.0
WITHIN = np.array([5.0, 5.0])


def answers(labels: LabelledFrames, right: NDArray[np.bool_], raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Predictions (n, 1, K, 3) that are right where `right` (n, K) says so, with raw confidence (n, K)."""
    located = labels.points.copy()
    located[..., 0] += np.where(right, NEAR, FAR)[:, None]
    return np.concatenate([located, raw[:, None, :, None]], axis=3)


def drawn(folder: Path, frames: int, *, scale: float, offset: float, seed: int = 0) -> tuple[LabelledFrames, NDArray[np.float64]]:
    """Raw confidences whose chance of being right is sigmoid(scale · logit + offset)."""
    rng = np.random.default_rng(seed)
    labels = noise_frames(folder, frames, seed=seed)
    raw = rng.uniform(0.3, 0.95, (frames, 2))
    right = rng.random((frames, 2)) < 1 / (1 + np.exp(-(scale * logit(raw) + offset)))
    return labels, answers(labels, right, raw)


@pytest.fixture(scope="module")
def shy(tmp_path_factory: pytest.TempPathFactory) -> ConfidenceMap:
    """A network that is right far more often than it says, seen on 200 frames."""
    return fit_confidence(*reversed(drawn(tmp_path_factory.mktemp("shy"), 200, scale=1.5, offset=1.5)), within_px=WITHIN)  # type: ignore[arg-type]


def test_the_calibration_error_is_that_of_a_hand_count() -> None:
    """Four points of confidence 0.95, three of them right; two of 0.25, one of them right: (4 · 0.20 + 2 · 0.25) / 6."""
    found = reliability(np.array([0.95] * 4 + [0.25] * 2), np.array([True, True, True, False, True, False]), within_px=WITHIN)
    assert found.error == pytest.approx((4 * 0.20 + 2 * 0.25) / 6)
    assert found.count.tolist() == [0, 0, 2, 0, 0, 0, 0, 0, 0, 4]
    assert found.right[[2, 9]].tolist() == [0.5, 0.75]


def test_a_hidden_point_is_never_right_and_an_unlabelled_one_says_nothing(tmp_path: Path) -> None:
    labels = noise_frames(tmp_path, 3)
    predicted = answers(labels, np.ones((3, 2), bool), np.full((3, 2), 0.9))
    labels.points[0, 0, 0] = np.nan
    labels.hidden[0, 0, 0] = True
    labels.points[1, 0, 1] = np.nan
    found = judge(predicted, labels, within_px=WITHIN)
    assert len(found.right) == 5
    assert found.right[(found.frame == 0) & (found.point == 0)].tolist() == [False]
    assert found.right.sum() == 4


def test_a_shy_network_becomes_calibrated_on_frames_that_the_map_was_not_fitted_on(shy: ConfidenceMap) -> None:
    assert shy.before.error > 0.15
    assert shy.after.error < 0.05
    assert shy.after.log_loss < shy.before.log_loss
    assert (shy.scale > 0).all()  # the order of confidences is kept


def test_an_empty_frame_stays_improbable_though_no_labelled_frame_was_empty(shy: ConfidenceMap) -> None:
    assert (shy.scale * logit(np.array([0.001])) + shy.offset < logit(np.array([0.1]))).all()


def test_however_many_points_are_found_an_empty_frame_keeps_its_share_in_the_map(tmp_path: Path) -> None:
    """All of 800 points are right at low confidences; one absent point beside them would leave the empty frame 36 %."""
    labels = noise_frames(tmp_path, 400)
    raw = np.random.default_rng(0).uniform(0.05, 0.4, (400, 2))
    found = fit_confidence(answers(labels, np.ones((400, 2), bool), raw), labels, within_px=WITHIN)
    assert (found.scale * logit(np.array([0.001])) + found.offset < logit(np.array([0.25]))).all()


def test_key_points_that_differ_get_maps_of_their_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    labels = noise_frames(tmp_path, 300)
    raw = rng.uniform(0.3, 0.95, (300, 2))
    right = rng.random((300, 2)) < 1 / (1 + np.exp(-(logit(raw) + np.array([2.0, -2.0]))))
    found = fit_confidence(answers(labels, right, raw), labels, within_px=WITHIN)
    assert found.detail == "each point"
    assert found.offset[0] > 0.7
    assert found.offset[1] < -0.7


@pytest.mark.parametrize(
    ("frames", "right_share", "detail"), [(FEWEST // 2 - 1, 1.0, "unchanged"), (40, 1.0, "offset"), (0, 1.0, "unchanged")]
)
def test_few_frames_get_few_numbers_or_none(tmp_path: Path, frames: int, right_share: float, detail: str) -> None:
    labels = noise_frames(tmp_path, frames)
    found = fit_confidence(answers(labels, np.ones((frames, 2), bool), np.full((frames, 2), 0.8)), labels, within_px=WITHIN)
    assert found.detail == detail
    assert (frames == 0) == ("No labelled frame was held out" in found.sentence)


def test_a_network_that_is_calibrated_already_is_left_alone(tmp_path: Path) -> None:
    labels, predicted = drawn(tmp_path, 150, scale=1.0, offset=0.0, seed=5)
    found = fit_confidence(predicted, labels, within_px=WITHIN)
    assert found.before.error < 0.08
    assert np.abs(found.offset).max() < 0.5


def test_blocks_are_of_neighbouring_frames(tmp_path: Path) -> None:
    assert blocks_in_time(noise_frames(tmp_path, 10), 5).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


class _Raw(nn.Module):
    """Answers fixed places, and the first two pixels over 255 as confidence."""

    def forward(self, frames: Tensor) -> Tensor:
        confidence = frames[:, 0, :2, 0].float() / 255
        place = torch.stack([confidence * 0 + 12.25, confidence * 0 + 7.5], 2)
        return torch.cat([place, confidence[..., None]], 2)[:, None]


def test_every_runtime_gives_the_calibrated_confidence_and_the_same_places() -> None:
    scale, offset = np.array([1.5, 0.7]), np.array([1.0, -0.5])
    network = CalibratedNetwork(_Raw(), scale=scale.tolist(), offset=offset.tolist(), clip=CLIP).eval()
    frames = np.zeros((3, 1, 4, 4, 1), np.uint8)
    frames[:, 0, 0, :2, 0] = [[0, 255], [128, 40], [230, 90]]
    raw = frames[:, 0, 0, :2, 0] / 255
    expected = 1 / (1 + np.exp(-(scale * logit(raw) + offset)))
    found = np.stack([network(torch.from_numpy(frame))[0].numpy() for frame in frames])
    assert found[:, 0, :, 2] == pytest.approx(expected, abs=1e-5)
    assert (found[:, 0, :, :2] == [12.25, 7.5]).all()
    parity = compare(to_onnx(network, frames[0]), frames, found.astype(np.float32))
    assert all(one.passed for one in parity if one.precision == "fp32")


def test_each_key_point_is_right_within_its_own_radius(tmp_path: Path) -> None:
    labels = noise_frames(tmp_path, 4)
    predicted = answers(labels, np.ones((4, 2), bool), np.full((4, 2), 0.9))  # 1 px off
    found = judge(predicted, labels, within_px=np.array([0.5, 2.0]))
    assert found.right.tolist() == [point == 1 for point in found.point.tolist()]


def test_a_steep_relation_far_from_even_chances_is_followed(tmp_path: Path) -> None:
    """A trained network's logits lie about 3; the prior must not hold a map down that is steep there."""
    rng = np.random.default_rng(2)
    labels = noise_frames(tmp_path, 60)
    logits = rng.normal(3.0, 0.7, (60, 2))
    right = rng.random((60, 2)) < 1 / (1 + np.exp(-(2.5 * (logits - 3.0) + 1.5)))
    found = fit_confidence(answers(labels, right, 1 / (1 + np.exp(-logits))), labels, within_px=WITHIN)
    assert found.detail == "all points"
    assert found.scale[0] > 1.6
