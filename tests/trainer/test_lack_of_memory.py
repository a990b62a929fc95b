"""Behaviour and forecasts whose batches or data the memory does not hold: a sentence with what to make smaller."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.blinking_images import FAST, arrays
from tests.trainer.limited_memory import memory_left, needs_account
from tests.trainer.pose_videos import BODY, divided
from tests.trainer.twitching import RULE, SHARES, recording_of, twitching
from tests.trainer.walkers import write_table
from trainer.__main__ import main
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.train import prepare, train
from trainer.errors import TooLargeError
from trainer.ethogram.read_options import ReadOptions
from trainer.forecast.build import build
from trainer.forecast.parts import divide as divide_recordings
from trainer.forecast.settings import ForecastSettings
from trainer.forecast.train import train as train_forecast
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.image_videos import divide as divide_images
from trainer.image_behaviour.read_images import read_image_videos
from trainer.image_behaviour.region import RegionAsked
from trainer.image_behaviour.train_images import train_images

BURSTS = ["--horizon", "6", "--past", "12", "--least-range", "0.02"]
pytestmark = [needs_account, pytest.mark.own_process]


def silent(_: str) -> None:
    """Say nothing."""


def says_which_fit(refusal: BaseException, batch: int, what: str) -> bool:
    start, _, remedy = str(refusal).partition("; ")
    fits = int(remedy.split()[0])
    return (
        start == f"the memory does not hold a batch of {batch} {what}" and remedy == f"{fits} fit: give --batch {fits}" and 0 < fits < batch
    )


def test_a_batch_of_images_that_is_too_large_is_a_sentence_with_one_that_fits(tmp_path: Path) -> None:
    asked = RegionAsked(size=(240, 180), fit="stretch")
    read = read_image_videos(arrays(tmp_path, 3, 48), asked, asked=ReadOptions(), classes=ClassesAsked())
    settings = replace(FAST, epochs=1, batch=48)
    with pytest.raises(TooLargeError) as refused, memory_left(250):
        train_images(divide_images(read, DivisionAsked()), settings, tmp_path / "run", say=silent)
    assert says_which_fit(refused.value, 48, "images"), refused.value


def test_a_batch_of_clips_that_is_too_large_is_a_sentence_with_one_that_fits(tmp_path: Path) -> None:
    videos, settings = divided(tmp_path), BehaviourSettings(epochs=1, batch=512, window=200, hidden=64)
    prepared = prepare(videos, BODY, settings)
    many = replace(prepared, training=replace(prepared.training, again=((0, 100),) * 512))
    with pytest.raises(TooLargeError) as refused, memory_left(120):
        train(videos, BODY, settings, tmp_path / "run", say=silent, prepared=many)
    assert says_which_fit(refused.value, 512, "clips"), refused.value


def test_a_batch_of_sequences_that_is_too_large_is_a_sentence_with_one_that_fits(tmp_path: Path) -> None:
    images = np.kron(twitching(300), np.ones((1, 8, 8), np.uint8))
    parts = divide_recordings([recording_of(images, tmp_path, size=(96, 128))], RULE, SHARES)
    settings = ForecastSettings(kind="convlstm-large", epochs=1, batch=64)
    network = build(settings, parts, size=(96, 128))
    with pytest.raises(TooLargeError) as refused, memory_left(200):
        train_forecast(network, parts, settings, tmp_path / "run", about={}, say=silent, anew=False)
    assert says_which_fit(refused.value, 64, "sequences"), refused.value


@pytest.mark.parametrize(
    ("task", "words", "sentence"),
    [
        ("images", ["behaviour", "--region", "frame", "--size", "2000x2000"], "these images .*; give a smaller --size or --region"),
        ("poses", ["behaviour", "--hidden", "300000"], "the features of these videos .*; give a smaller --hidden"),
        ("motion", ["forecast", "--hidden", "300000", "--fps", "30", *BURSTS], "these recordings .*; give a smaller --frame-size"),
    ],
)
def test_data_that_the_memory_does_not_hold_are_said_with_what_to_make_smaller(
    task: str, words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if task == "motion":
        data = tmp_path / "recording.npy"
        np.save(data, twitching(600))
    else:
        data = arrays(tmp_path) if task == "images" else write_table(tmp_path, frames=120)
    with memory_left(200):
        assert main(["fit", "--data", str(data), "--out", str(tmp_path / "m"), "--task", *words]) == 1
    assert re.fullmatch(f"trainer fit: the memory does not hold {sentence}.*", capsys.readouterr().err.splitlines()[-1])
