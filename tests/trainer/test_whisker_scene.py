"""A rendered whisker against a pole: exact contacts, the same bytes again, files that a network of images is trained from."""

from pathlib import Path

import numpy as np
import pytest

from trainer.__main__ import main
from trainer.ethogram.bouts import YES
from trainer.ethogram.read_options import ReadOptions
from trainer.formats.whisker_scene import SIDE_PX, WhiskerTrial, contacts, whisker_geometry, whisker_trial
from trainer.formats.write_whisker_set import POLE, TABLE_FILE, write_whisker_set
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.read_images import read_image_videos
from trainer.image_behaviour.region import RegionAsked


@pytest.fixture(scope="module")
def trials() -> list[WhiskerTrial]:
    return [whisker_trial(seed=3, number=number, frames=120) for number in range(3)]


def test_a_trial_is_the_same_again_and_others_differ(trials: list[WhiskerTrial]) -> None:
    again = whisker_trial(seed=3, number=1, frames=120)
    assert np.array_equal(again.images, trials[1].images)
    assert np.array_equal(again.contact, trials[1].contact)
    assert not np.array_equal(trials[0].images, trials[1].images)
    assert not np.array_equal(whisker_trial(seed=4, number=1, frames=120).images, trials[1].images)


def test_a_longer_trial_moves_in_the_same_way(trials: list[WhiskerTrial]) -> None:
    longer = whisker_trial(seed=3, number=1, frames=150)
    assert np.array_equal(longer.contact[:120], trials[1].contact)
    np.testing.assert_allclose(longer.speed[:120], trials[1].speed)


def test_images_show_light_between_whisker_and_pole_only_without_contact() -> None:
    """While they touch there is something dark in the ring around the pole."""
    number = next(n for n in range(20) if 0.2 < contacts(seed=5, number=n, frames=150).mean() < 0.6)
    trial = whisker_trial(seed=5, number=number, frames=150)
    assert np.array_equal(trial.contact, contacts(seed=5, number=number, frames=150))
    rows, columns = np.mgrid[0:SIDE_PX, 0:SIDE_PX]
    distance = np.hypot(columns - trial.pole[0], rows - trial.pole[1])
    ring = (distance > 5.5) & (distance < 7.5)
    apart = ~trial.contact & (np.convolve(trial.contact, np.ones(31), "same") == 0)  # well before and after
    darkest = trial.images[:, ring].min(axis=1).astype(float)
    assert darkest[trial.contact].mean() < darkest[apart].mean() - 20


def test_geometry_says_of_every_frame_how_near_how_bent_and_how_fast_the_whisker_is(trials: list[WhiskerTrial]) -> None:
    for number, trial in enumerate(trials):
        found = whisker_geometry(seed=3, number=number, frames=120)
        assert np.array_equal(found.distance < 0, trial.contact)
        assert np.array_equal(found.speed, trial.speed)
        free = np.unique(found.curvature[~trial.contact])
        assert len(free) <= 1
        assert (found.curvature[trial.contact] < free.max(initial=np.inf)).all()  # bent by the pole
        deeper = np.argsort(found.distance[trial.contact])
        assert (np.diff(found.curvature[trial.contact][deeper]) > -1e-6).all()  # the farther it would reach in, the more it bends


def test_a_pole_out_of_reach_is_never_touched_and_others_are() -> None:
    shares = [contacts(seed=6, number=number, frames=150).mean() for number in range(12)]
    assert min(shares) == 0
    assert sum(share > 0 for share in shares) >= 6


def test_the_set_is_read_as_images_with_labels_of_contact(tmp_path: Path) -> None:
    write_whisker_set(tmp_path / "set", count=220, seed=1, trial_frames=200)
    found = read_image_videos(tmp_path / "set" / TABLE_FILE, RegionAsked(), asked=ReadOptions(), classes=ClassesAsked())
    assert [(video.name, len(video.marks), video.fps) for video in found.videos] == [("trial0000", 200, 1000), ("trial0001", 20, 1000)]
    assert found.class_names == ("contact",)
    whole = whisker_trial(seed=1, number=0, frames=200)
    assert np.array_equal(found.videos[0].marks[:, 0] == YES, whole.contact)
    assert np.array_equal(np.load(tmp_path / "set" / "trial0000-images.npy"), whole.images)
    assert np.array_equal(np.load(tmp_path / "set" / "trial0000-speed.npy"), whole.speed)


def test_a_square_that_follows_the_pole_has_it_in_its_middle(tmp_path: Path) -> None:
    write_whisker_set(tmp_path / "set", count=4, seed=3, trial_frames=2)
    region = RegionAsked(side=21, follow=POLE)
    found = read_image_videos(tmp_path / "set" / TABLE_FILE, region, asked=ReadOptions(), classes=ClassesAsked(class_names=("contact",)))
    for number, video in enumerate(found.videos):
        trial = whisker_trial(seed=3, number=number, frames=2)
        x, y = trial.pole.round().astype(int).tolist()
        padded = np.pad(trial.images, ((0, 0), (10, 10), (10, 10)), "edge")
        assert np.array_equal(video.images[..., 0], padded[:, y : y + 21, x : x + 21])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--width", "100"], "--width is for scenes of key points; leave it out with --scene whisker"),
        (["--count", "0"], "0 frames with seed 1 were asked for; expected at least 1 frame"),
    ],
)
def test_what_a_whisker_cannot_have_is_refused(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["synth", "--scene", "whisker", "--out", str(tmp_path / "set"), *arguments]) == 1
    assert sentence in capsys.readouterr().err


def test_the_command_writes_a_set_in_trials_of_half_a_second(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synth", "--scene", "whisker", "--out", str(tmp_path / "set"), "--count", "30"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'set'}\n"
    assert sorted(path.name for path in (tmp_path / "set").iterdir())[-1] == TABLE_FILE
    assert np.load(tmp_path / "set" / "trial0000-images.npy").shape == (30, SIDE_PX, SIDE_PX)


def test_nothing_of_somebody_else_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(["synth", "--scene", "whisker", "--out", str(tmp_path)]) == 1
    assert "holds thesis.txt, which no set has" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "mine"
