"""How many frames a classifier answers at a time where nothing is learnt from them: only memory and speed depend on it."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.trainer.blinking_images import arrays, blinking, plan
from tests.trainer.limited_memory import memory_left, needs_account
from tests.trainer.pose_videos import BODY, QUICK, divided, network
from tests.trainer.twitching import RULE, SHARES, recording_of, twitching
from trainer.__main__ import PROGRAM, main
from trainer.behaviour.clips import Clips
from trainer.behaviour.network import PoseNetwork
from trainer.behaviour.train import prepare, train
from trainer.behaviour.whole_videos import whole_logits as logits_of_poses
from trainer.commands.behaviour_options import refuse_misfits_of_images
from trainer.commands.behaviour_request import behaviour_request
from trainer.commands.forecast_options import forecast_request
from trainer.commands.image_options import image_request
from trainer.errors import TooLargeError
from trainer.forecast.answers import answers_of
from trainer.forecast.build import build
from trainer.forecast.parts import Parts, divide
from trainer.forecast.settings import ForecastSettings
from trainer.image_behaviour.image_videos import ImageVideo
from trainer.image_behaviour.networks import ImageBehaviour
from trainer.image_behaviour.train_images import frames_together
from trainer.image_behaviour.train_images import whole_logits as logits_of_images

PIXELS = ForecastSettings(kind="convlstm-small", slice_frames=4, dropout=0.0)


def frames_through(layer: nn.Module, of: Callable[[Tensor], int]) -> list[int]:
    """Filled with how many frames go through a layer at a time."""
    seen: list[int] = []
    layer.register_forward_pre_hook(lambda _, given: seen.append(of(given[0])))
    return seen


def clips(frames: int, count: int) -> Clips:
    torch.manual_seed(0)
    return Clips(variants=((torch.randn(frames, count),),), targets=(torch.zeros(frames, 3),))


@pytest.mark.parametrize("kind", ["gru", "tcn"])
def test_a_video_of_poses_is_answered_alike_in_parts_of_any_length(kind: PoseNetwork) -> None:
    made = network(kind=kind)
    video = clips(150, made.features.count)
    whole = logits_of_poses(made, video)
    seen = frames_through(made.answer, lambda given: given.shape[1])
    for together in (1, 7, 149, 1000):
        torch.testing.assert_close(logits_of_poses(made, video, together=together), whole, atol=1e-5, rtol=1e-5)
    assert float(whole.std(dim=0).min()) > 1e-2
    assert (max(seen[:150]), seen[150:172], seen[172:174], seen[174:]) == (1, [7] * 21 + [3], [149, 1], [150])


def test_a_video_of_images_is_answered_alike_however_many_at_a_time() -> None:
    torch.manual_seed(0)
    made = ImageBehaviour(plan(lags=(1, 3), memory=4)).eval()
    images, _ = blinking(40, seed=0)
    video = ImageVideo(name="one", images=images, marks=np.zeros((40, 2), np.int8), fps=50.0, part="validation", times_s=np.arange(40) / 50)
    whole = logits_of_images(made, [video])
    seen = frames_through(made.body, len)
    torch.testing.assert_close(logits_of_images(made, [video], together=3), whole, atol=1e-5, rtol=1e-5)
    assert float(whole.std(dim=0).min()) > 1e-4
    assert seen == [3] * 13 + [1]


@pytest.mark.parametrize("settings", [PIXELS, ForecastSettings(kind="lstm")], ids=["pixels", "motion"])
def test_a_recording_is_forecast_alike_however_many_steps_at_a_time(settings: ForecastSettings, tmp_path: Path) -> None:
    parts = parts_of(tmp_path)
    made, stretch = build(settings, parts, size=(12, 16)), parts.of("train")[0]
    usual = answers_of(made, stretch, settings)
    assert np.nanstd(usual) > 1e-4
    for together in (1, 5):
        np.testing.assert_allclose(answers_of(made, stretch, replace(settings, held_out_batch=together)), usual, atol=1e-5)


def parts_of(folder: Path, *, blow_up: int = 1) -> Parts:
    size = (12 * blow_up, 16 * blow_up)
    images = np.kron(twitching(360), np.ones((1, blow_up, blow_up), np.uint8))
    return divide([recording_of(images, folder, size=size)], RULE, SHARES)


def test_a_training_ends_with_the_same_network_whatever_is_validated_at_a_time(tmp_path: Path) -> None:
    videos = divided(tmp_path)
    settings = replace(QUICK, epochs=2)
    prepared = prepare(videos, BODY, settings)

    def trained(asked: int | None, run: str, epochs: int = 2) -> tuple[list[float], Tensor]:
        of = replace(settings, held_out_batch=asked, epochs=epochs)
        found = train(videos, BODY, of, tmp_path / run, say=lambda _: None, prepared=prepared)
        return [epoch.validation for epoch in found.history], found.network.answer.weight

    (losses, weights), (in_parts, same) = trained(None, "whole"), trained(20, "parts")
    assert in_parts == pytest.approx(losses, rel=1e-5)
    assert torch.equal(weights, same)
    assert trained(33, "whole")[0] == losses  # the training that is there goes on, and is done


def test_frames_that_go_through_a_network_at_once_are_fewer_the_larger_they_are() -> None:
    assert frames_together(plan()) == 64
    assert frames_together(plan(height=720, width=1280)) == 2
    assert frames_together(plan(height=4000, width=4000)) == 1
    assert frames_together(plan(inside=(720, 1280))) == 2


def test_every_task_takes_the_option() -> None:
    poses, images, forecast = (
        PROGRAM.parser().parse_args(f"fit --data x --out y --held-out-batch 3 --task {words}".split())
        for words in ("behaviour", "behaviour --region frame", "forecast")
    )
    refuse_misfits_of_images(images)
    assert [asked.settings.held_out_batch for asked in (behaviour_request(poses), image_request(images), forecast_request(forecast))] == [
        3
    ] * 3


@pytest.mark.parametrize("words", ["behaviour", "forecast --fps 30 --horizon 6 --past 12 --least-range 0.02"])
def test_answering_none_at_a_time_is_refused(words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "recording.npy"
    np.save(data, twitching(360))
    given = [str(data)] if words.startswith("forecast") else [str(arrays(tmp_path)), "--region", "frame"]
    assert main(["fit", "--out", str(tmp_path / "m"), "--held-out-batch", "0", "--task", *words.split(), "--data", *given]) == 1
    assert "held_out_batch is 0; expected more than 0" in capsys.readouterr().err.splitlines()[-1]


def _poses(_: Path) -> None:
    made = network(kind="tcn")
    wide = type(made)(replace(made.plan, hidden=64))
    video = clips(400_000, wide.features.count)
    with memory_left(40):
        logits_of_poses(wide, video)


def _images(folder: Path) -> None:
    made = ImageBehaviour(plan(height=180, width=240)).eval()
    images = np.zeros((48, 180, 240, 3), np.uint8)
    video = ImageVideo(name="one", images=images, marks=np.zeros((48, 2), np.int8), fps=50.0, part=None, times_s=np.arange(48) / 50)
    with memory_left(120):
        logits_of_images(made, [video], together=48)


def _forecast(folder: Path) -> None:
    parts, settings = parts_of(folder, blow_up=4), replace(PIXELS, held_out_batch=64)
    made = build(settings, parts, size=(48, 64))
    with memory_left(60):
        answers_of(made, parts.of("train")[0], settings)


@needs_account
@pytest.mark.own_process
@pytest.mark.parametrize("answer", [_poses, _images, _forecast])
def test_more_frames_at_a_time_than_the_memory_holds_are_a_sentence_with_how_many_it_holds(
    answer: Callable[[Path], None], tmp_path: Path
) -> None:
    with pytest.raises(TooLargeError) as refused:
        answer(tmp_path)
    said = re.fullmatch(
        r"the memory does not hold a batch of (\d+) held-out frames; (\d+) fit: give --held-out-batch \2", str(refused.value)
    )
    assert said, refused.value
    assert 0 < int(said[2]) < int(said[1])
