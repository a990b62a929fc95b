"""What the class weights of the loss add to the answers, and when it is taken out again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.pose_videos import network
from trainer.behaviour.class_prior import without_class_weights
from trainer.behaviour.table_rows import PARTS
from trainer.behaviour.train import Trained
from trainer.experiments.behaviour_trials import ImageTrials, macro_f1
from trainer.image_behaviour.image_videos import ImageVideo, ImageVideos
from trainer.image_behaviour.make_image_bundle import calibrate_images
from trainer.image_behaviour.networks import ImageBehaviour
from trainer.image_behaviour.region import RegionAsked
from trainer.image_behaviour.samples import Samples
from trainer.image_behaviour.settings import ImageSettings
from trainer.image_behaviour.train_images import TrainedImages, all_targets, plan_for, train_images, whole_logits


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


def image_video(frames: int, *, shape: tuple[int, ...] = (8, 8, 1)) -> ImageVideo:
    images = np.random.default_rng(0).integers(0, 255, (frames, *shape)).astype(np.uint8)
    return ImageVideo(name="one", images=images, marks=np.zeros((frames, 2), np.int8), fps=30.0, part="validation", times_s=None)


def test_what_learning_from_images_added_leaves_their_network_by_the_same_rule() -> None:
    torch.manual_seed(0)
    video = image_video(3000)
    videos = ImageVideos(
        class_names=("a", "b"), exclusive=True, videos=(video,), plan=RegionAsked(colour="grey").plan(video.images[0]), notes=()
    )
    network = ImageBehaviour(plan_for(videos, ImageSettings(network="dense"))).eval()
    with torch.no_grad():
        network.answer.weight.mul_(1.5 / whole_logits(network, [video]).std(dim=0)[:, None])  # evidence of some strength
        network.answer.bias.copy_(torch.tensor((0.6, 0.3, 0.1)).log() + network.answer.bias - whole_logits(network, [video]).mean(dim=0))
    true = whole_logits(network, [video])
    drawn = torch.multinomial(torch.softmax(true, dim=1), 1, generator=torch.Generator().manual_seed(0))[:, 0]
    marks = torch.nn.functional.one_hot(drawn, 3)[:, :2].numpy().astype(np.int8)
    added = torch.tensor((0.3, 3.0, 1.0)).log()
    with torch.no_grad():
        network.answer.bias.add_(added)

    found = calibrate_images(
        TrainedImages(network=network, added=added, shown="", history=(), stopped="epochs"),
        replace(videos, videos=(replace(video, marks=marks),)),
        rule="f1",
    )

    assert found.weights_out == 1.0
    assert found.temperature == pytest.approx(1.0, abs=0.05)  # of logits that are true but for what was added
    torch.testing.assert_close(whole_logits(network, [video]), true, atol=1e-4, rtol=1e-4)


def test_a_search_judges_settings_by_what_a_bundle_would_answer(tmp_path: Path) -> None:
    on = np.random.default_rng(1).random(400) < 0.6
    marks = np.column_stack([on, ~on])  # "none" is in no frame, and would be said in some
    learnt, judged = (replace(image_video(400), marks=marks.astype(np.int8), name=part, part=part) for part in PARTS[:2])
    videos = ImageVideos(
        class_names=("a", "b"), exclusive=True, videos=(learnt, judged), plan=RegionAsked(colour="grey").plan(learnt.images[0]), notes=()
    )
    settings = ImageSettings(network="dense", epochs=1, learning_rate=1e-9)
    score = ImageTrials(videos=videos, settings=settings).score(settings, tmp_path)
    trained = train_images(videos, settings, tmp_path, say=lambda _: None)
    logits, targets = whole_logits(trained.network, [judged]), all_targets([judged], exclusive=True)
    assert trained.added is not None
    found = [macro_f1(logits - part * trained.added, targets, exclusive=True) for part in (0, 0.5, 1)]
    assert score == pytest.approx(max(found))
    assert max(found) > found[0]


def test_frames_that_an_epoch_leaves_out_count_as_what_learning_added() -> None:
    marks = np.zeros((240, 2), np.int8)
    marks[100:110, 0] = 1
    video = replace(image_video(240), marks=marks, times_s=np.arange(240) / 30)
    assert Samples([video], ImageSettings(batch=8), exclusive=True, reach=0).shares.tolist() == pytest.approx([1, 1, 20 / 230])
    assert Samples([video], ImageSettings(memory=4), exclusive=True, reach=0).shares.tolist() == [1, 1, 1]
