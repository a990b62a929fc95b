"""What is measured of videos: which names one gives to which places, and how many of its points are lost."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.scored import noise_frames, scored_with
from trainer.scoring.correct_radius import Radii
from trainer.scoring.label_faults import other_names
from trainer.scoring.measure import Circumstances, measure

ANIMAL = np.array([[30.0, 4.0], [26.0, 10.0], [34.0, 10.0], [30.0, 44.0]])  # snout, both ears, base of the tail


def test_a_name_is_given_to_the_nearest_label_and_not_to_all_that_lie_near(tmp_path: Path) -> None:
    """From the tail, where these labels say the snout is, both ears are as good as where it is found."""
    frames = noise_frames(tmp_path, 6, names=("snout", "left ear", "right ear", "tail"))
    found = scored_with(replace(frames, points=np.tile(ANIMAL, (6, 1, 1, 1))), np.zeros((6, 4)))
    labels = found.frames.points[:, :, [3, 1, 2, 0]]
    judged = replace(found, frames=replace(frames, points=labels), errors=replace(found.errors, true_px=labels))
    assert [one.pairs for one in other_names(judged, least_px=2.0)] == [(("snout", "tail"), ("tail", "snout"))]


def test_of_a_few_frames_of_those_learnt_from_nothing_is_concluded(tmp_path: Path) -> None:
    frames = noise_frames(tmp_path, 3)
    learnt, judged = scored_with(frames, np.full((3, 2), 1.0)), scored_with(noise_frames(tmp_path, 20, seed=1), np.full((20, 2), 0.8))
    about = Circumstances(labels=frames, learnt=80, radii=Radii(px=(2.0, 2.0), source="as given"))
    found = measure(learnt, judged, about)
    assert (found.learnt, found.looked_at, found.in_part) == (80, 3, True)
    assert np.isnan([found.train_median_px, found.train_mean_px, found.gap, *(point.train_median_px for point in found.points)]).all()
    assert measure(learnt, judged, replace(about, learnt=3)).train_median_px == 1.0
    some = measure(judged, learnt, replace(about, labels=judged.frames))
    assert (some.looked_at, some.in_part) == (20, True)
    assert some.gap == pytest.approx(1.25)


def test_points_far_from_their_labels_are_counted_for_each_video(tmp_path: Path) -> None:
    frames = noise_frames(tmp_path, 8)
    learnt = scored_with(frames, np.full((8, 2), 1.0))
    error = np.full((8, 2), 1.0)
    error[:2, 0] = 7.0
    judged = scored_with(replace(frames, group=("b",) * 4 + ("a",) * 4), error)
    found = measure(learnt, judged, Circumstances(labels=frames, radii=Radii(px=(2.0, 4.0), source="as given")))
    assert [(one.name, one.learnt, one.lost) for one in found.groups] == [("b", 0, 0.25), ("a", 8, 0.0)]
    assert found.train_lost == 0
    other = measure(judged, learnt, Circumstances(labels=frames, radii=Radii(px=(2.0, 4.0), source="as given")))
    assert other.train_lost == 0.125


def test_the_error_of_a_median_is_as_far_as_it_scatters(tmp_path: Path) -> None:
    rng, frames = np.random.default_rng(0), noise_frames(tmp_path, 100)
    about = Circumstances(labels=frames, radii=Radii(px=(2.0, 2.0), source="as given"))
    learnt = scored_with(frames, np.ones((100, 2)))
    errors = rng.normal(3.0, 0.4, (100, 2))
    errors[:5] = 50.0  # a few blunders change neither
    of_point = measure(learnt, scored_with(frames, errors), about).points[0]
    medians = [np.median(rng.normal(3.0, 0.4, 100)) for _ in range(1000)]
    assert of_point.median_error_px == pytest.approx(np.std(medians), rel=0.25)
    assert np.isnan(measure(learnt, None, about).points[0].median_error_px)
