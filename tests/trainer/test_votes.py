"""Regression by votes: what they come to, and that distances alone teach them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.learnable import GREY, labelled
from trainer.networks.blocks import CropPlan, FrameShape, to_planes
from trainer.networks.votes import CELL, REACH_CELLS, Votes, strongest
from trainer.training.augment import AugmentSettings
from trainer.training.datasets import FrameStore
from trainer.training.fit import fit
from trainer.training.fit_settings import FitSettings
from trainer.training.losses import Batch, LossSettings, votes_loss
from trainer.training.predict import predict_animals

FRAME = FrameShape(height=96, width=256, channels=1)
CROP = CropPlan(height=64, width=64, shrink=1, pool=4)


@pytest.fixture
def network() -> Votes:
    """Every place votes alike: for itself, for both points."""
    torch.manual_seed(0)
    made = Votes(2, frame=FRAME, plan=CROP).eval()
    for parameter in made.vote.parameters():
        torch.nn.init.zeros_(parameter)
    return made


def frames(count: int = 1) -> torch.Tensor:
    return torch.randint(0, 256, (count, FRAME.height, FRAME.width, 1), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@torch.no_grad()
def test_places_that_count_alike_answer_their_mean_and_a_place_that_counts_answers_alone(network: Votes) -> None:
    """Votes of all places for 12 px to their right come to 12 px to the right of the crop's middle."""
    zero = torch.zeros(1, dtype=torch.int64)
    network.vote.get_parameter("bias")[2:4] = float(np.arctanh(12.0 / (REACH_CELLS * CELL)))  # x of both points
    ballot = network.coarse_and_ballot(frames(), zero, zero)[1]
    assert (64 * ballot.mean[0]).tolist() == [[pytest.approx(12.0), pytest.approx(0.0, abs=1e-5)]] * 2

    one = ballot._replace(weights=ballot.weights.index_fill(2, torch.tensor([3]), 100.0))  # the fourth of the first row
    assert (64 * one.mean[0]).tolist() == [[pytest.approx(3.5 * CELL - 32 + 12), pytest.approx(0.5 * CELL - 32)]] * 2


@torch.no_grad()
def test_of_two_places_far_apart_the_one_that_counts_more_answers_alone(network: Votes) -> None:
    zero = torch.zeros(1, dtype=torch.int64)
    ballot = network.coarse_and_ballot(frames(), zero, zero)[1]
    weights = ballot.weights.index_fill(2, torch.tensor([9]), 20.0).index_fill(2, torch.tensor([54]), 20.5)  # rows 1 and 6, columns 1 and 6
    found = 64 * strongest(ballot._replace(weights=weights), rows=8)[0]
    assert found.tolist() == [[pytest.approx(6.5 * CELL - 32, abs=0.01)] * 2] * 2


def test_a_missing_label_teaches_no_vote(network: Votes) -> None:
    missing = torch.tensor([[[[20.0, 20.0], [float("nan"), float("nan")]]]])
    zero = torch.zeros(1, dtype=torch.int64)
    votes_loss(network, Batch(frames(), missing, zero, zero), LossSettings(coarse=0.0)).backward()
    gradient = network.vote.get_parameter("bias").grad
    assert gradient is not None
    assert gradient.reshape(3, 2)[1:, 0].all()
    assert not gradient.reshape(3, 2)[:, 1].any()


def test_votes_are_learnt_by_distances_alone(tmp_path: Path) -> None:
    seen = labelled(tmp_path, 8)
    settings = FitSettings(
        head="votes", epochs=3, batch=8, batches=25, learning_rate=3e-3, workers=0, accelerator="cpu", precision="32", averaging=0.9
    )
    result = fit(seen, seen, replace(settings, augment=AugmentSettings(rotation_deg=30, occlusion=0, light=0.3)), tmp_path / "run")
    poses = predict_animals(result.network, FrameStore(seen, GREY), np.arange(8))
    assert np.linalg.norm(poses[..., :2] - seen.points, axis=-1).mean() < 2.0


@torch.no_grad()
def test_the_network_itself_answers_by_the_strongest_place_not_by_the_mean(network: Votes) -> None:
    """Votes of two far places lie on both sides of their mean, where neither of them is."""
    rng = torch.Generator().manual_seed(2)
    torch.nn.init.normal_(network.vote.get_parameter("weight"), std=3.0, generator=rng)
    image = frames()
    planes_left, planes_top = network.finder.corners(network.finder(to_planes(image)))
    ballot = network.coarse_and_ballot(image, planes_left, planes_top)[1]
    answer = (network(image)[0, 0, :, :2] - torch.stack([planes_left, planes_top], 1).float() + 0.5) / 64 - 0.5
    assert (ballot.mean[0] - strongest(ballot, rows=8)[0]).abs().max() > 1 / 64  # by a pixel: the two can be told apart here
    assert torch.allclose(answer, strongest(ballot, rows=8)[0], atol=1e-4)
