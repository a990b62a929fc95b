"""Networks of behaviour from images: a step is the whole, mirrors, what the loss is of, and what becomes of them in a bundle."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.blinking_images import FAST, arrays, blinking, made, plan
from tracker.bundle import read_bundle
from tracker.classifiers.open_classifier import open_classifier
from tracker.engines.openvino.step_engine import IMAGE, StepEngine
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour.export import export_step
from trainer.behaviour.weighted_loss import loss_of
from trainer.errors import TrainingError
from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.image_videos import ImageVideo, divide
from trainer.image_behaviour.networks import ImageBehaviour
from trainer.image_behaviour.read_images import read_image_videos
from trainer.image_behaviour.region import RegionAsked
from trainer.image_behaviour.samples import Batch
from trainer.image_behaviour.settings import ImageSettings
from trainer.image_behaviour.train_images import _loss, plan_for, train_images, whole_logits


@pytest.mark.parametrize("memory", [0, 6], ids=["lags alone", "with a memory"])
def test_a_step_a_frame_gives_what_the_whole_video_gives(memory: int) -> None:
    torch.manual_seed(1)
    network = ImageBehaviour(plan(lags=(1, 3), memory=memory, contrast=True, inside=(16, 18))).eval()
    images, _ = blinking(12, seed=2)
    video = ImageVideo(name="one", images=images, marks=np.zeros((12, 2), np.int8), fps=10.0, part="train", times_s=np.arange(12) / 10)
    states = network.zero_states()
    stepped = []
    with torch.no_grad():
        for image in images:
            answer, *states = network(torch.from_numpy(image[None]), torch.zeros(1, 1), *states)
            stepped.append(answer[0])

    whole = network.probabilities(whole_logits(network, [video]))

    assert torch.allclose(torch.stack(stepped), whole, atol=1e-6)


def test_averaged_mirrors_answer_the_same_to_an_image_and_its_mirror() -> None:
    settings = ImageSettings(upside_down=True, average_mirrors=True)
    assert settings.mirrors == ((), (-1,), (-2,), (-2, -1))
    assert replace(settings, mirror=False).mirrors == ((), (-2,))
    torch.manual_seed(0)
    network = ImageBehaviour(plan(mirrors=settings.mirrors, lags=(1,))).eval()
    images, _ = blinking(6, seed=4)
    seconds = np.full(6, 0.03, np.float32)

    exported = export_step(network, IMAGE, images, seconds)

    answers = [
        StepEngine(exported.model, exported.state_shapes).run(seen, seconds) for seen in (images, images[:, ::-1], images[:, :, ::-1])
    ]
    assert np.allclose(answers[0], answers[1], atol=1e-5)
    assert np.allclose(answers[0], answers[2], atol=1e-5)
    plain = ImageBehaviour(plan(lags=(1,))).eval()
    plain.load_state_dict(network.state_dict())
    stacked = torch.rand(1, 6, 20, 24)
    assert not torch.allclose(plain.features(stacked), plain.features(stacked.flip(-1)))
    assert torch.equal(network.train().features(stacked), plain.features(stacked)), "what is learnt from is one view"


def test_mirrors_that_are_not_learnt_from_cannot_be_averaged() -> None:
    with pytest.raises(TrainingError, match="--average-mirrors has nothing to average with --no-mirror"):
        ImageSettings(mirror=False, average_mirrors=True).check(height=20, width=24, in_time=True)


@pytest.mark.parametrize("network", ["small", "shallow", "deep", "dense"])
def test_what_is_learnt_from_has_been_through_no_softmax(network: str) -> None:
    torch.manual_seed(0)
    built = ImageBehaviour(plan(network=network, height=30, width=30)).eval()
    features = built.features(torch.rand(4, 3, 30, 30) - 0.5)
    logits = built.logits(features[:, None])[:, 0]
    assert not torch.allclose(logits.sum(dim=1), torch.ones(4), atol=1e-2)
    sure = torch.tensor([[30.0, -30.0, -30.0]])
    assert float(loss_of(sure, torch.tensor([[1.0, 0.0, 0.0]]), None, exclusive=True)) < 1e-6  # after a soft-max it could not be


def test_the_loss_of_a_training_is_that_of_the_answers_before_any_softmax() -> None:
    built = ImageBehaviour(plan(exclusive=True)).eval()
    sure = torch.full((built.answers,), -30.0)
    sure[0] = 30.0
    with torch.no_grad():
        built.answer.weight.zero_()
        built.answer.bias.copy_(sure)
    targets = torch.zeros(1, 3, built.answers)
    targets[..., 0] = 1
    batch = Batch(images=torch.rand(1, 3, 3, 20, 24), seen=torch.ones(1, 3), targets=targets)
    loss = _loss(built, batch, (torch.ones(built.answers), torch.ones(built.answers)), "cross_entropy")
    assert loss.item() < 1e-6


def test_an_image_too_small_for_a_network_is_refused_in_a_sentence() -> None:
    with pytest.raises(TrainingError, match="images of 8x8 are too small for the network 'deep'; take --network small"):
        ImageBehaviour(plan(network="deep", height=8, width=8))


def test_a_network_with_memory_and_lags_becomes_a_bundle_that_warms_up(tmp_path: Path) -> None:
    settings = replace(FAST, epochs=2, lags=(1, 2), memory=8, window=8)

    folder = made(tmp_path, settings=settings)

    bundle = read_bundle(folder)
    about = bundle.description.behaviour
    assert about is not None
    assert about.warming_frames >= 2
    assert {state.name: state.shape for state in bundle.description.states} == {"before": (1, 6, 20, 24), "memory": (1, 8)}
    classifier = open_classifier(bundle)
    images, _ = blinking(about.warming_frames + 1, seed=9)
    answers = [classifier.step(image, 0.02) for image in images]
    assert [answer is None for answer in answers] == [True] * about.warming_frames + [False]


@pytest.mark.parametrize("lags", [(1,), (2,), (1, 2)], ids=str)
@pytest.mark.parametrize("memory", [0, 4])
def test_a_graph_whose_whole_state_is_one_slice_keeps_its_declared_names(lags: tuple[int, ...], memory: int) -> None:
    torch.manual_seed(0)
    network = ImageBehaviour(plan(lags=lags, memory=memory)).eval()
    images, _ = blinking(30, seed=4)

    exported = export_step(network, IMAGE, images, np.full(30, 0.03, np.float32))

    engine = StepEngine(exported.model, exported.state_shapes)
    assert set(engine.inputs) == {IMAGE, "seconds", *exported.state_shapes}
    assert set(engine.outputs) == {"probabilities", *(f"{name}_next" for name in exported.state_shapes)}


def test_only_the_last_layer_of_a_librarys_network_learns_and_the_rest_stays_bit_for_bit(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    read = read_image_videos(arrays(tmp_path, frames=24), RegionAsked(size=(32, 32)), asked=ReadOptions(), classes=ClassesAsked())
    videos = divide(read, DivisionAsked())
    settings = replace(FAST, epochs=1, network="mobilenet_v3_small", head_only=True)
    torch.manual_seed(settings.seed)
    before = ImageBehaviour(plan_for(videos, settings)).state_dict()

    after = train_images(videos, settings, tmp_path / "run", say=lambda _: None).network.state_dict()

    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {"answer.weight", "answer.bias"}
