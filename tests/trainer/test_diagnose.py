"""A network that cannot memorise a few frames is found out, and so is the learning rate at which learning breaks."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.trainer.learnable import labelled
from trainer.__main__ import main
from trainer.errors import TrainingError
from trainer.training.fit_settings import FitSettings
from trainer.training.learning_rate_range import draw_range, find_rate_range, read_range, smoothed
from trainer.training.memorise import Memorised, memorise, with_labels_permuted

CPU = FitSettings(accelerator="cpu", precision="32", workers=0, batch=8)


def test_a_network_learns_a_few_frames_by_heart(tmp_path: Path) -> None:
    known = memorise(labelled(tmp_path, 4), CPU, steps=80)
    assert known.frames == 4
    assert known.passed, known.sentence


def test_labels_that_contradict_each_other_cannot_be_learnt_by_heart(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 1)
    twice = frames.subset(np.array([0, 0]))
    points = twice.points.copy()
    points[1, :, :, 0] += 30  # one image, two answers
    known = memorise(replace(twice, points=points), CPU, steps=60)
    assert not known.passed
    assert "expected at most 1.5 px; look at the labels" in known.sentence


def test_a_network_memorises_labels_dealt_out_at_random_and_that_is_said(tmp_path: Path) -> None:
    known = memorise(labelled(tmp_path, 4), CPU, steps=80, permuted=True)
    assert known.passed, known.sentence
    assert "memorises labels that its images do not show, so a small error on so few training frames proves nothing" in known.sentence


def test_labels_dealt_out_that_are_not_memorised_speak_for_what_is_learnt_of_the_own() -> None:
    sentence = Memorised(frames=8, steps=400, px=30.0, permuted=True).sentence
    assert sentence.endswith("30.00 px; not memorised, so what it learns of the frames' own labels in as many steps it finds in the images")


def test_every_frame_is_dealt_the_labels_of_another(tmp_path: Path) -> None:
    frames = labelled(tmp_path, 8)
    dealt = with_labels_permuted(frames, seed=0)
    assert dealt.images == frames.images
    assert (dealt.points != frames.points).any(axis=(1, 2, 3)).all()
    assert np.array_equal(np.unique(dealt.points, axis=0), np.unique(frames.points, axis=0))
    with pytest.raises(TrainingError, match="two frames or more"):
        with_labels_permuted(frames.subset(np.array([0])), seed=0)


def test_the_command_tries_labels_dealt_out_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["synth", "--out", str(tmp_path / "set"), "--count", "12", "--width", "96", "--height", "96"])
    capsys.readouterr()
    main(["diagnose", "--data", str(tmp_path / "set"), "--device", "cpu", "--steps", "10", "--permuted", "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert answer["permuted_memorised"] is False
    assert answer["permuted_px"] > 1.5


def test_the_steepest_fall_is_found_and_the_break() -> None:
    rates = np.geomspace(1e-5, 10, 60)
    place = np.log10(rates)
    losses = 5 - 4 / (1 + np.exp(-6 * (place + 3))) + np.where(place > 0, 10 ** (2 * place), 0)
    found = read_range(rates, losses)
    assert 5e-4 < found.fastest < 1e-2
    assert found.broken is not None
    assert found.broken > 1


def test_a_loss_that_is_no_number_is_the_break() -> None:
    found = read_range(np.array([0.1, 0.2, 0.3, 0.4]), np.array([3.0, 2.0, np.nan, np.nan]))
    assert found.broken == 0.3
    assert found.rates.tolist() == [0.1, 0.2]


def test_the_running_mean_begins_at_the_first_loss() -> None:
    assert smoothed([4.0, 4.0]).tolist() == pytest.approx([4.0, 4.0])


def test_the_range_test_runs_on_a_real_network_and_is_drawn(tmp_path: Path) -> None:
    found = find_rate_range(labelled(tmp_path, 6), replace(CPU, batch=4), steps=30)
    assert 1e-6 <= found.fastest <= 1
    draw_range(found, tmp_path / "range.png")
    assert np.std(np.asarray(cv2.imread(str(tmp_path / "range.png")))) > 5


def test_the_command_names_faults_of_labels_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["synth", "--out", str(tmp_path / "set"), "--count", "12", "--width", "96", "--height", "96"])
    capsys.readouterr()
    assert main(["diagnose", "--data", str(tmp_path / "set"), "--labels-only", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["frames"] == 12
    assert answer["findings"][0]["kind"] == "too few"
    assert answer["augmentation"][0].startswith("augmentation: ")


def test_several_sets_are_looked_at_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = [str(tmp_path / name) for name in ("first", "second")]
    for number, one in enumerate(sets):
        main(["synth", "--out", one, "--count", "30", "--width", "96", "--height", "96", "--seed", str(number)])
    capsys.readouterr()
    assert main(["diagnose", "--data", *sets, "--labels-only", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["frames"] == 60
    assert "too few" not in [one["kind"] for one in answer["findings"]]
