"""A behaviour learnt of one animal: there are no pairs, and the bundle runs at the rig as it ran in training."""

from pathlib import Path

import numpy as np
import torch

from tests.trainer.walkers import CLASSES, FPS, walkers, write_table
from tracker.bundle import read_bundle
from tracker.classifiers.open_classifier import open_classifier
from trainer.__main__ import main
from trainer.behaviour.features import BodyPlan
from trainer.behaviour.network import BehaviourPlan, PoseBehaviour

ALONE = BodyPlan(animals=1, points=3, front=0, back=2, scale_px=40.0, confidence=0.2)


def test_a_network_of_one_animal_has_no_state_of_pairs() -> None:
    network = PoseBehaviour(BehaviourPlan(body=ALONE, classes=2, exclusive=True, hidden=8)).eval()
    answer, *states = network(torch.rand(1, 1, 3, 3), torch.zeros(1, 1), *network.zero_states())
    assert answer.shape == (1, 2)
    assert [tuple(state.shape[1:]) for state in states] == list(network.state_shapes.values())
    assert all(min(shape) > 0 for shape in network.state_shapes.values())


def test_a_bundle_of_one_animal_is_written_and_opens_at_the_rig(tmp_path: Path) -> None:
    table = write_table(tmp_path, videos=3, frames=150, animals=1)
    options = ["--epochs", "1", "--hidden", "4", "--validate", "v1", "--hold-out", "v2", "--front", "nose", "--back", "tail"]
    assert main(["fit", "--task", "behaviour", "--data", str(table), "--out", str(tmp_path / "model"), *options]) == 0
    bundle = read_bundle(tmp_path / "model")

    classifier = open_classifier(bundle)

    assert bundle.description.input.shape == (1, 1, 3, 3)
    assert set(bundle.description.class_names) == set(CLASSES)
    poses, _ = walkers(5, frames=20)
    answers = [classifier.engine.step(frame[:1], 1 / FPS) for frame in poses]
    assert np.isfinite(answers).all()
