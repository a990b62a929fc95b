"""What behaviour networks learn by heart, whether they stand still while they train, and what their calibration is fitted on."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from tests.trainer.blinking_images import arrays
from tests.trainer.walkers import write_table
from trainer.__main__ import main
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour.memorise import frames_to_learn, judged
from trainer.behaviour.standstill import PATIENCE, Standstill
from trainer.behaviour.temperature_and_thresholds import calibrate_answers
from trainer.behaviour.weighted_loss import class_weights
from trainer.errors import TrainingError
from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.image_request import ImageRequest
from trainer.image_behaviour.image_videos import divide
from trainer.image_behaviour.make_image_bundle import make_image_bundle
from trainer.image_behaviour.networks import ImageBehaviour
from trainer.image_behaviour.read_images import read_image_videos
from trainer.image_behaviour.region import RegionAsked
from trainer.image_behaviour.settings import ImageSettings
from trainer.image_behaviour.train_images import all_targets, plan_for, whole_logits


def test_a_network_of_poses_learns_a_few_frames_by_heart_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_table(tmp_path, videos=3, frames=120)
    words = ["fit", "--task", "behaviour", "--data", str(table), "--out", str(tmp_path / "m"), "--memorise", "30"]
    assert main([*words, "--json", "--hidden", "24", "--learning-rate", "0.02"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["network"], found["frames"], found["passed"]) == ("gru", 30, True)
    assert found["right"] >= 0.99 > found["majority"]
    assert not (tmp_path / "m").exists()


def test_frames_that_are_not_learnt_by_heart_are_said_to_be_a_fault_to_look_for() -> None:
    targets = torch.eye(3)[torch.tensor([0, 0, 1, 2])]
    found = judged("gru", torch.eye(3)[torch.tensor([0, 0, 1, 1])], targets, exclusive=True, permuted=False)
    assert not found.passed
    assert found.sentence.startswith(
        "gru does not learn 4 frames by heart (0.750 right; always the commonest answer: 0.500); look at labels"
    )


def test_a_network_of_images_learns_labels_that_mean_nothing_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = arrays(tmp_path, 3, 60)
    words = ["fit", "--task", "behaviour", "--data", str(table), "--out", str(tmp_path / "m"), "--region", "frame", "--network", "dense"]
    assert main([*words, "--memorise", "20", "--permuted", "--learning-rate", "1e-3", "--average-mirrors"]) == 0
    assert "dense learns 20 frames with permuted labels by heart" in capsys.readouterr().out
    assert main([*words, "--permuted"]) == 1
    assert "--permuted goes with --memorise" in capsys.readouterr().err


@pytest.mark.parametrize("made", [["fit", "--memorise", "20"], ["sweep"]], ids=["by heart", "search"])
@pytest.mark.parametrize("option", ["--only-when", "--rules", "--hard-negatives-from"])
def test_what_concerns_a_bundle_alone_is_refused_elsewhere(made: list[str], option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*made, "--task", "behaviour", "--data", "table.csv", "--out", "m", option, "somewhere"]) == 1
    assert f"{option} is for the making of a bundle; leave it out" in capsys.readouterr().err


def test_frames_to_learn_by_heart_show_two_answers() -> None:
    targets = torch.zeros(60, 2)
    targets[:50, 0], targets[50:, 1] = 1, 1
    assert frames_to_learn([targets[:40], targets], 20) == (1, 32)
    with pytest.raises(TrainingError, match="nowhere in the training videos are 30 judged frames in a row"):
        frames_to_learn([targets[:50]], 30)


def test_a_network_that_answers_the_same_for_three_epochs_is_named_once() -> None:
    said: list[str] = []
    watch = Standstill(said.append)
    moving, still = torch.rand(50, 2, generator=torch.Generator().manual_seed(0)), torch.full((50, 2), 0.4)
    for answers in (still, still, moving, *[still] * (PATIENCE + 2)):
        watch.look(answers)
    assert len(said) == 1
    assert said[0].startswith("for 3 epochs the network has answered nearly the same to every validation frame")


def test_the_temperature_is_fitted_on_validation_videos_alone(tmp_path: Path) -> None:
    """Half of the validation labels are wrong: what makes their loss smallest is far from what the training frames ask for."""
    table = arrays(tmp_path, 3, 60)
    labels = np.load(tmp_path / "labels1.npy")
    labels[::2] = np.where(labels[::2] == "red", "blue", "red")
    np.save(tmp_path / "labels1.npy", labels)
    settings = ImageSettings(epochs=2, network="dense", learning_rate=1e-3, batch=8)
    request = ImageRequest(
        data=table, out=tmp_path / "m", region=RegionAsked(), settings=settings, asked=ReadOptions(), proved_frames=20, reference=False
    )
    made = make_image_bundle(request, Console(quiet=True))

    read = read_image_videos(table, request.region, asked=request.asked, classes=request.classes)
    videos = divide(read, DivisionAsked())
    network = ImageBehaviour(plan_for(videos, settings))
    network.load_state_dict(torch.load(tmp_path / "m.run" / "best.ckpt", weights_only=True)["network"])
    network.eval()
    added = class_weights([all_targets(videos.of("train"), exclusive=True)])[0].log()  # an epoch shows every frame
    with torch.no_grad():
        network.answer.bias.sub_(made.calibrated.weights_out * added)
    fitted = {}
    for part in ("train", "validation"):
        of_part = videos.of(part)
        answers = whole_logits(network, of_part), all_targets(of_part, exclusive=True)
        fitted[part] = calibrate_answers(network, *answers, rule="f1", warming_frames=0).temperature
    assert made.calibrated.temperature == pytest.approx(fitted["validation"], rel=1e-3)
    assert fitted["validation"] > 2 * fitted["train"]
