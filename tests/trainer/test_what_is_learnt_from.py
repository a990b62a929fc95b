"""What trainings of behaviour and forecasts are shown, what their loss counts, and what their calibration takes out again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.trainer.pose_videos import BODY, QUICK, video
from tests.trainer.test_class_prior import weighted
from tests.trainer.test_forecast_scores import stretch_of
from tests.trainer.twitching import parts_of
from tests.trainer.walkers import CLASSES
from tracker.bundle_description import View, Viewed
from trainer.behaviour.clips import Clips
from trainer.behaviour.table_rows import Part
from trainer.behaviour.temperature_and_thresholds import calibrate
from trainer.behaviour.train import WARM_UP, prepare, train
from trainer.behaviour.video_table import PoseVideos
from trainer.behaviour.weighted_loss import class_weights, loss_of
from trainer.forecast.build import build
from trainer.forecast.labels import BurstRule
from trainer.forecast.paired_auc import auc_interval
from trainer.forecast.scores import score_forecast
from trainer.forecast.sequences import FLIPS
from trainer.forecast.settings import ForecastSettings
from trainer.forecast.train import _Run
from trainer.image_behaviour.image_videos import ImageVideo, ImageVideos
from trainer.image_behaviour.region import RegionPlan
from trainer.image_behaviour.samples import Samples, augmented
from trainer.image_behaviour.settings import ImageSettings
from trainer.image_behaviour.train_images import all_targets, train_images, whole_logits

STILL = ImageSettings(epochs=1, network="dense", learning_rate=1e-12, dropout=0.0, mirror=False, shift=0.0, brightness=0.0, batch=64)


@pytest.mark.parametrize(("flips", "expected"), [(True, set(FLIPS)), (False, {FLIPS[0]})], ids=["flips", "none"])
def test_a_forecaster_learns_from_flipped_clips_as_its_settings_say(tmp_path: Path, flips: bool, expected: set[tuple[bool, bool]]) -> None:
    parts = parts_of(tmp_path)
    settings = ForecastSettings(kind="convlstm-small", flips=flips)
    run = _Run(build(settings, parts, size=(12, 16)), parts, settings, tmp_path, about={})
    assert {each.flip for each in run._sequences} == expected


def image_video(images: NDArray[np.uint8], on: list[int], part: Part = "train") -> ImageVideo:
    marks = np.array(on, np.int8)[:, None]
    return ImageVideo(name=part, images=images, marks=marks, fps=10.0, part=part, times_s=np.arange(len(on)) / 10)


def test_an_epoch_shows_images_as_they_are_and_mirrored() -> None:
    images = np.zeros((40, 4, 4, 1), np.uint8)
    images[:, :, 0] = 255
    samples = Samples([image_video(images, [1] * 40)], replace(STILL, mirror=True), exclusive=True, reach=0)
    (batch,) = samples.batches(np.random.default_rng(0))
    assert {tuple(image[0, 0, 0].tolist()) for image in batch.images} == {(1, 0, 0, 0), (0, 0, 0, 1)}


def test_images_are_turned_by_every_right_angle_where_turns_are_asked_for() -> None:
    clip = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    rng = np.random.default_rng(0)
    shown = {tuple(augmented(clip, replace(STILL, turns=True), rng).flatten().tolist()) for _ in range(60)}
    assert shown == {(1, 2, 3, 4), (2, 4, 1, 3), (4, 3, 2, 1), (3, 1, 4, 2)}


def test_an_epoch_shows_poses_as_they_are_and_mirrored() -> None:
    clips = Clips(variants=((torch.zeros(60, 1), torch.ones(60, 1)),), targets=(torch.ones(60, 3),))
    settings, rng = replace(QUICK, window=60), np.random.default_rng(0)
    assert {float(features.mean()) for _ in range(20) for features, _ in clips.batches(settings, rng)} == {0, 1}


def test_calibration_takes_class_weights_out_of_the_network_and_says_so() -> None:
    trained, _ = weighted((0.6, 0.3, 0.1), 1.5, (0.3, 3.0, 1.0))
    before = trained.network.answer.bias.detach().clone()
    found = calibrate(trained, [video(0, frames=3)], rule="f1")
    assert found.weights_out == 1.0
    assert found.temperature == pytest.approx(1.0, abs=0.05)  # of logits that are true but for the weights
    torch.testing.assert_close(before - trained.network.answer.bias.detach(), torch.tensor((0.3, 3.0, 1.0)).log())


def test_the_loss_of_poses_counts_rare_behaviour_more(tmp_path: Path) -> None:
    learnt = replace(video(1, frames=QUICK.window, name="learnt"), part="train")
    videos = PoseVideos(
        class_names=tuple(CLASSES),
        point_names=("nose", "middle", "tail"),
        exclusive=True,
        videos=(learnt, replace(video(2, frames=200, name="judged"), part="validation")),
        notes=(),
    )
    settings = replace(QUICK, epochs=1, learning_rate=1e-12, dropout=0.0, noise=0.0, mirror=False)
    trained = train(videos, BODY, settings, tmp_path / "run", say=lambda _: None)
    clips = prepare(videos, BODY, settings).training.normalise(trained.network)
    weights = class_weights(list(clips.targets))
    with torch.no_grad():
        shown = trained.network.logits(clips.variants[0][0][None])[0, WARM_UP:]
    of_one, plain = (float(loss_of(shown, clips.targets[0][WARM_UP:], each, exclusive=True)) for each in (weights, None))
    (epoch,) = trained.history
    assert epoch.train == pytest.approx(of_one, rel=1e-4)
    assert abs(of_one - plain) > 1e-3
    assert epoch.validation == pytest.approx(float(loss_of(trained.logits, trained.targets, weights, exclusive=True)), rel=1e-4)


def test_the_loss_of_images_counts_rare_behaviour_more(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (40, 16, 16, 1)).astype(np.uint8)
    on = [1] * 14 + [0] * 26
    videos = ImageVideos(
        class_names=("lick",),
        exclusive=True,
        videos=(image_video(images, on), image_video(images, on, "validation")),
        plan=RegionPlan(region=Viewed(), view=View(crop=None, fit="stretch", colour="grey"), height=16, width=16),
        notes=(),
    )
    trained = train_images(videos, STILL, tmp_path / "run", say=lambda _: None)
    weights = class_weights([all_targets(videos.of("train"), exclusive=True)])
    logits, targets = whole_logits(trained.network, videos.of("train")), all_targets(videos.of("train"), exclusive=True)
    of_all, plain = (float(loss_of(logits, targets, each, exclusive=True)) for each in (weights, None))
    (epoch,) = trained.history
    assert (epoch.train, epoch.validation) == pytest.approx((of_all, of_all), rel=1e-4)
    assert abs(of_all - plain) > 1e-4


def test_forecasts_are_compared_by_blocks_as_long_as_a_label_and_its_forecast_see() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(rng.integers(0, 2, 60), 10)  # neighbours are alike: short blocks would make the interval too narrow
    stretch, quiet = stretch_of(labels.tolist()), rng.normal(size=600) + labels
    forecast, rule = rng.normal(size=600) + 2 * labels, BurstRule(horizon=20, past=30)
    found = score_forecast("f", [stretch], [forecast], threshold=0.5, rule=rule, against=[quiet])
    assert (found.low, found.high, found.blocks) == auc_interval([stretch], [quiet], [forecast], block=50)
    assert found.blocks == 12
