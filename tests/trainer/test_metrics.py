"""The figures by which a network is judged."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trainer.errors import TrainingError
from trainer.scoring.baseline import mean_position, score_baselines
from trainer.scoring.metrics import point_errors

Points = NDArray[np.float64]


def wandering(seed: int, frames: int = 40, names: int = 3) -> tuple[Points, Points]:
    """A truth that walks about and predictions off by a few pixels: (n, K, 3) and (n, K, 2)."""
    generator = np.random.default_rng(seed)
    truth = generator.uniform(20, 620, (frames, names, 2))
    predicted = np.concatenate([truth + generator.normal(0, 3, truth.shape), np.ones((frames, names, 1))], axis=2)
    return predicted, truth


def test_the_error_is_the_euclidean_distance_and_differs_from_both_roots_of_the_mse() -> None:
    """3-4-5 triangle in one frame, 30-40-50 in the other; the roots weigh the second by its square."""
    truth = np.zeros((2, 1, 2))
    predicted = np.array([[[3.0, 4.0, 1.0]], [[30.0, 40.0, 1.0]]])
    errors = point_errors(predicted, truth)
    mse = (9 + 16 + 900 + 1600) / 4
    assert errors.distance_px[:, 0].tolist() == [5.0, 50.0]
    assert errors.spread.mean_px == 27.5
    assert errors.rmse_px == pytest.approx(math.sqrt(mse))
    assert errors.rms_distance_px == pytest.approx(math.sqrt(2 * mse))
    assert len({round(figure, 6) for figure in (errors.spread.mean_px, errors.rmse_px, errors.rms_distance_px)}) == 3


def test_mean_median_and_p95_are_those_of_the_distances() -> None:
    distance = np.arange(1.0, 102.0)
    predicted = np.zeros((101, 1, 3))
    predicted[:, 0, 0] = distance
    spread = point_errors(predicted, np.zeros((101, 1, 2))).spread
    assert (spread.mean_px, spread.median_px, spread.p95_px) == (51.0, 51.0, 96.0)


def test_one_reduction_serves_a_short_last_batch_too() -> None:
    """The whole set is reduced once; a mean of batch means would weigh the last frame as much as the first four."""
    predicted = np.zeros((5, 1, 3))
    predicted[4, 0, 0] = 10.0
    truth = np.zeros((5, 1, 2))
    of_batches = [point_errors(predicted[part], truth[part]).spread.mean_px for part in (slice(0, 4), slice(4, 5))]
    assert point_errors(predicted, truth).spread.mean_px == 2.0
    assert np.mean(of_batches) == 5.0


@given(seed=st.integers(0, 1000), copies=st.integers(2, 5))
def test_no_figure_depends_on_how_many_frames_a_set_has(seed: int, copies: int) -> None:
    """A summed loss grows with the set, so train and test could not be compared."""
    predicted, truth = wandering(seed)
    once = point_errors(predicted, truth)
    repeated = point_errors(np.tile(predicted, (copies, 1, 1)), np.tile(truth, (copies, 1, 1)))
    assert repeated.spread.mean_px == pytest.approx(once.spread.mean_px)
    assert repeated.rmse_px == pytest.approx(once.rmse_px)
    assert repeated.log_mse == pytest.approx(once.log_mse)
    assert repeated.r2 == pytest.approx(once.r2)


def test_nothing_is_rounded() -> None:
    """Rounding the predictions would change the figure, so it would be seen here."""
    predicted, truth = wandering(7)
    predicted[..., :2] = truth + 0.3
    exact = point_errors(predicted, truth).spread.mean_px
    rounded = point_errors(np.round(predicted), truth).spread.mean_px
    assert exact == pytest.approx(0.3 * math.sqrt(2), abs=1e-9)
    assert abs(rounded - exact) > 0.05


def test_a_missing_point_counts_in_no_figure() -> None:
    predicted, truth = wandering(1)
    without = point_errors(predicted[1:], truth[1:])
    predicted[0], truth[0, :, 0] = 1e6, np.nan  # half a label is not a label
    errors = point_errors(predicted, truth)
    assert errors.missing == 3
    assert errors.spread == without.spread
    assert errors.rmse_px == without.rmse_px
    assert errors.r2 == pytest.approx(without.r2)
    assert errors.within(5) == without.within(5)


def test_a_point_that_is_never_labelled_has_no_figure() -> None:
    predicted, truth = wandering(2)
    truth[:, 1] = np.nan
    errors = point_errors(predicted, truth)
    assert math.isnan(errors.per_point[1].mean_px)
    assert np.isnan(errors.r2_per_coordinate[1]).all()
    assert math.isfinite(errors.r2)


def test_shares_count_the_limit_itself() -> None:
    predicted = np.zeros((4, 1, 3))
    predicted[:, 0, 0] = [1.0, 2.0, 5.0, 10.5]
    errors = point_errors(predicted, np.zeros((4, 1, 2)))
    assert [errors.within(limit) for limit in (2, 5, 10)] == [0.5, 0.75, 0.75]


def test_r_squared_is_one_for_the_truth_and_zero_for_its_mean() -> None:
    _, truth = wandering(3)
    assert point_errors(truth, truth).r2 == 1.0
    assert point_errors(np.broadcast_to(truth.mean(axis=0), truth.shape), truth).r2 == pytest.approx(0.0, abs=1e-12)


def test_log_mse_is_the_natural_logarithm_and_minus_infinity_for_the_truth_itself() -> None:
    """202 px² is the 5.31 of the older figures."""
    truth = np.zeros((3, 1, 2))
    assert point_errors(truth + math.sqrt(202), truth).log_mse == pytest.approx(5.3083, abs=1e-4)
    assert point_errors(truth, truth).log_mse == -math.inf


def test_r_squared_and_the_mse_of_a_heat_map_do_not_judge_localisation() -> None:
    """The same 3 px error has an R² near 1 for an animal that walks and far below for one that sits; a black map costs no more."""
    generator = np.random.default_rng(4)
    offset = generator.normal(0, 3, (200, 1, 2))
    walks, sits = generator.uniform(0, 600, (200, 1, 2)), generator.normal(300, 3, (200, 1, 2))
    walking, sitting = point_errors(walks + offset, walks), point_errors(sits + offset, sits)
    assert walking.spread.mean_px == pytest.approx(sitting.spread.mean_px)
    assert walking.r2 > 0.99
    assert sitting.r2 < 0.3
    rows, columns = np.mgrid[:120, :160]
    right, wrong = (np.exp(-((rows - 60) ** 2 + (columns - at) ** 2) / 8) for at in (20, 140))
    assert np.mean(right**2) < np.mean((right - wrong) ** 2) < 0.005  # black is even "better" than a map that found something


@pytest.mark.parametrize(
    ("predicted", "message"),
    [
        (np.full((2, 1, 3), np.nan), "not a number"),
        (np.zeros((3, 1, 3)), "do not belong together"),
        (np.zeros((2, 3)), "do not belong together"),
    ],
    ids=["diverged", "other length", "flat"],
)
def test_what_cannot_be_compared_is_refused(predicted: Points, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        point_errors(predicted, np.zeros((2, 1, 2)))


def test_the_mean_position_is_fitted_on_training_labels_only() -> None:
    train = np.array([[[10.0, 10.0]], [[20.0, 10.0]], [[np.nan, np.nan]]])
    held_out = np.array([[[15.0, 13.0]], [[15.0, 14.0]]])
    baseline = score_baselines(held_out, train=train, size=(101, 101))
    assert baseline.mean_position_px == 3.5
    assert baseline.image_centre_px == pytest.approx((math.hypot(35, 37) + math.hypot(35, 36)) / 2)


def test_a_point_without_training_labels_is_guessed_at_the_image_centre() -> None:
    train = np.array([[[10.0, 10.0], [np.nan, np.nan]]])
    assert mean_position(train, (480, 640)).tolist() == [[10.0, 10.0], [319.5, 239.5]]
