"""What the class weights of the loss add to the answers, and when it is taken out again."""

import numpy as np
import pytest
import torch

from tests.trainer.pose_videos import network
from trainer.behaviour.class_prior import without_class_weights
from trainer.behaviour.train import Trained


def weighted(shares: tuple[float, ...], sure: float, weights: tuple[float, ...]) -> tuple[Trained, torch.Tensor]:
    """A network that knows the probability of every frame, but for the weights that it has learnt with; and its true logits."""
    rng = np.random.default_rng(0)
    evidence = torch.from_numpy(rng.normal(0, sure, (6000, 3)).astype(np.float32))
    true = evidence + torch.tensor(shares).log()
    drawn = torch.multinomial(torch.softmax(true, dim=1), 1, generator=torch.Generator().manual_seed(0))[:, 0]
    targets = torch.nn.functional.one_hot(drawn, 3).float()
    found = Trained(
        network=network(),
        logits=true + torch.tensor(weights).log(),
        targets=targets,
        weights=torch.tensor(weights),
        history=(),
        stopped="epochs",
    )
    return found, true


def test_class_weights_leave_the_answers_and_the_last_layer_alike() -> None:
    trained, true = weighted((0.6, 0.3, 0.1), 1.5, (0.3, 3.0, 1.0))
    before = trained.network.answer.bias.detach().clone()
    found, part = without_class_weights(trained)
    assert part == 1.0
    torch.testing.assert_close(found.logits, true)
    torch.testing.assert_close(before - found.network.answer.bias, torch.tensor((0.3, 3.0, 1.0)).log())
    assert without_class_weights(found)[1] == 0.0  # they are out


def test_class_weights_stay_where_a_rare_class_would_not_be_said_without_them() -> None:
    trained, _ = weighted((0.05, 0.94, 0.01), 0.7, (6.0, 0.9, 9.0))
    before = trained.logits.clone()
    found, part = without_class_weights(trained)
    assert part == pytest.approx(0.0)
    torch.testing.assert_close(found.logits, before)
