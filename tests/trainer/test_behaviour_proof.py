"""What a behaviour bundle rests on: its graph is the network, and its probabilities are calibrated."""

import numpy as np
import pytest
import torch

from tests.trainer.pose_videos import network, steps, video
from tracker.engines.openvino.step_engine import IMAGE, POSES, StepEngine
from trainer.behaviour.export import carried_frames, export, export_step, to_onnx
from trainer.behaviour.temperature_and_thresholds import calibrate_answers
from trainer.errors import TrainingError
from trainer.image_behaviour.networks import ImageBehaviour, ImagePlan


def test_a_graph_of_another_network_of_poses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    one = video(0, frames=40)
    foreign = to_onnx(network(seed=1), POSES, one.poses[:1])
    monkeypatch.setattr("trainer.behaviour.export.to_onnx", lambda *_: foreign)
    with pytest.raises(TrainingError, match="the graph is not the network"):
        export(network(), [one], frames=40)


def test_a_graph_of_another_network_of_images_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 255, (12, 20, 24, 3), np.uint8)
    foreign = to_onnx(of_images(1), IMAGE, images[:1])
    monkeypatch.setattr("trainer.behaviour.export.to_onnx", lambda *_: foreign)
    with pytest.raises(TrainingError, match="the graph is not the network"):
        export_step(of_images(0), IMAGE, images, np.full(12, 0.02, np.float32))


def of_images(seed: int) -> ImageBehaviour:
    torch.manual_seed(seed)
    plan = ImagePlan(
        height=20, width=24, channels=3, inside=None, contrast=False, lags=(), network="small", memory=0, dropout=0.0, classes=2,
        exclusive=True,
    )  # fmt: skip
    return ImageBehaviour(plan).eval()


def test_an_oversure_network_is_less_sure_once_calibrated_in_torch_and_graph() -> None:
    made, one = network(), video(0, frames=60)
    with torch.no_grad():
        made.answer.weight.mul_(20)
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(0, 20, (300, 3)).astype(np.float32))
    likeliest = logits.argmax(dim=1)
    right = torch.from_numpy(rng.random(300) < 0.7)
    targets = torch.nn.functional.one_hot(torch.where(right, likeliest, (likeliest + 1) % 3), 3).float()
    before, sure = made.probabilities(logits), steps(made, one.poses)

    found = calibrate_answers(made, logits, targets, rule="f1", warming_frames=0)

    def loss() -> float:
        with_none = torch.softmax(logits / made.temperature, dim=1)
        return float(-(with_none.clamp(min=1e-30).log() * targets).sum(dim=1).mean())

    assert found.temperature > 2
    assert loss() == pytest.approx(found.loss_after, rel=1e-4)
    assert found.loss_after < 0.5 * found.loss_before
    assert float(made.probabilities(logits).amax(dim=1).mean()) < float(before.amax(dim=1).mean()) - 0.1
    exported = export(made, [one], frames=60)
    ran = StepEngine(exported.model, exported.state_shapes).run(*carried_frames([one], 60))
    assert np.abs(ran - 0.5).mean() < np.abs(sure - 0.5).mean() - 0.02


def amplified() -> ImageBehaviour:
    """A network whose probabilities hang on the last digits of its logits."""
    made = of_images(0)
    made.temperature.fill_(1e-2)
    with torch.no_grad():
        made.answer.weight[1:] = made.answer.weight[0] * torch.tensor([[1.001], [0.999]])
        made.answer.bias.fill_(0.0)
    return made


def test_rounding_that_a_network_amplifies_costs_no_bundle_and_a_wrong_weight_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any difference counts as too large here, so that what float32 itself leaves open decides."""
    monkeypatch.setattr("trainer.behaviour.export.PARITY_FP32", 0.0)
    images = np.random.default_rng(0).integers(0, 255, (12, 20, 24, 3), np.uint8)
    seconds = np.full(12, 0.02, np.float32)
    assert export_step(amplified(), IMAGE, images, seconds).largest > 0

    wrong = amplified()
    with torch.no_grad():
        wrong.answer.weight[1].mul_(1.001)
    graph = to_onnx(wrong, IMAGE, images[:1])
    monkeypatch.setattr("trainer.behaviour.export.to_onnx", lambda *_: graph)
    with pytest.raises(TrainingError, match="the graph is not the network"):
        export_step(amplified(), IMAGE, images, seconds)


def test_even_images_have_no_contrast_to_bring_out() -> None:
    torch.manual_seed(0)
    plan = ImagePlan(
        height=40, width=40, channels=1, inside=None, contrast=True, lags=(), network="small", memory=0, dropout=0.0, classes=2,
        exclusive=True,
    )  # fmt: skip
    even = np.tile(np.arange(0, 250, 10, dtype=np.uint8)[:, None, None, None], (1, 40, 40, 1))
    textured = np.random.default_rng(0).integers(0, 255, (4, 40, 40, 1), np.uint8)
    images = np.concatenate([even, textured])
    assert export_step(ImageBehaviour(plan).eval(), IMAGE, images, np.full(len(images), 0.02, np.float32)).largest <= 1e-5
