"""Trained networks with memories, of images and of a forecast, in an analysis that is killed: the same bytes as without."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.tracker.daemon import write_config
from tests.tracker.test_analyse import analyse_now
from tests.tracker.test_analyse_carried import FRAMES, asked, killed, results
from tests.tracker.videos import write_video
from tests.trainer.blinking_images import FAST, blinking, made
from tests.trainer.test_forecast_bundle import request
from tests.trainer.twitching import twitching
from tracker.analysis import one_video
from tracker.bundle import read_bundle
from tracker.recording.read_session import RecordedSession
from trainer.forecast.make_forecast_bundle import make_forecast_bundle


def in_a_corner(bundle: Path) -> Path:
    """A network of 16x12 pixels that is to see these of a larger image."""
    path = bundle / "bundle.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps(said | {"view": {"crop": [2, 3, 16, 12], "fit": "exact", "colour": "grey"}}))
    return bundle


def test_trained_networks_with_memories_go_on_after_kills_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gated recurrent unit behind images and earlier ones, and a convolutional LSTM over slices of four frames."""
    monkeypatch.setattr(one_video, "_TOLD_S", 0.0)
    np.save(tmp_path / "images.npy", twitching(300))
    forecast = make_forecast_bundle(request(tmp_path / "images.npy", tmp_path / "ahead", "convlstm-small"), Console(quiet=True)).bundle
    assert forecast is not None
    look = made(tmp_path, settings=replace(FAST, epochs=1, batch=40, window=20, memory=8, lags=(2,)))
    images, _ = blinking(FRAMES, seed=9)
    video = write_video(tmp_path / "monday.mkv", FRAMES, image=lambda number: images[number], codec="ffv1", pixels="bgr0")
    classifiers = [{"name": "look", "bundle": str(look)}, {"name": "ahead", "bundle": str(in_a_corner(forecast))}]
    recording = {"folder": str(tmp_path / "recordings"), "minimum_free_gb": 0}
    camera = {"source": "opencv", "device": str(video)}
    config = write_config(tmp_path, Path("none"), camera, recording=recording, engine={"bundle": None}, classifiers=classifiers)
    whole, asked_for = asked(config, video, "whole")
    analyse_now(whole, asked_for)

    assert [killed(config, video, frames) for frames in (9, 31)] == [9, 31]
    job, _ = asked(config, video, "out")
    told: list[int] = []
    analyse_now(job, asked_for, told=told.append)

    assert told[0] == 32
    assert results(job.folder) == results(whole.folder)
    states = {state.name for bundle in (look, forecast) for state in read_bundle(bundle).description.states}
    assert states > {"hidden1", "cell1"}
    assert [name for name, _ in RecordedSession(job.folder).rows["scores"].to_pylist()[-1]][-1] == "ahead.burst"
