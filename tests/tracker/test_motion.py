"""Motion is computed live on the pair just completed and equals an offline computation bit for bit."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.motion import Motion


def live(frames: list[Image]) -> NDArray[np.float64]:
    motion = Motion()
    values = [motion.update(frame) for frame in frames]
    return np.array([np.nan if value is None else value for value in values], np.float64)


def motion_of(frames: list[Image]) -> NDArray[np.float64]:
    """The same values for a recording by numpy alone: at t the pair (t-1, t), NaN where there is none."""
    values = [np.nan]
    for before, image in pairwise(frames):
        # int16 holds every difference of two uint8; uint8 itself would wrap
        total = int(np.abs(image.astype(np.int16) - before.astype(np.int16)).sum(dtype=np.int64)) if before.shape == image.shape else np.nan
        values.append(total / (image.size * 255))
    return np.asarray(values, np.float64)


def noise(seed: int, *shape: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.one_of(
        st.tuples(st.integers(1, 40), st.integers(1, 40)),
        st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3)),
    ),
    count=st.integers(1, 5),
)
def test_live_equals_offline_bit_for_bit(seed: int, shape: tuple[int, ...], count: int) -> None:
    frames = [noise(seed + i, *shape) for i in range(count)]
    np.testing.assert_array_equal(live(frames), motion_of(frames))


def test_live_equals_offline_at_full_size() -> None:
    """The sum of a whole image stays exact."""
    frames = [noise(i, 480, 640) for i in range(4)]
    np.testing.assert_array_equal(live(frames), motion_of(frames))


def test_the_value_at_a_frame_belongs_to_the_pair_that_it_completes() -> None:
    """At the arrival of frame t the newest value is that of (t-1, t)."""
    grey = [np.full((4, 4), level, np.uint8) for level in (0, 51, 51, 0)]
    motion = Motion()
    assert [motion.update(frame) for frame in grey] == [None, 51 / 255, 0.0, 51 / 255]


@pytest.mark.parametrize(("before", "after", "expected"), [(0, 255, 1.0), (255, 0, 1.0), (250, 5, 245 / 255), (5, 250, 245 / 255)])
def test_a_difference_does_not_wrap(before: int, after: int, expected: float) -> None:
    frames = [np.full((3, 5), level, np.uint8) for level in (before, after)]
    assert live(frames)[1] == expected


def test_the_sum_is_divided_by_the_pixels_of_the_image_used() -> None:
    """One pixel of N that changes fully counts 1/N, whatever the size."""
    for height, width in ((240, 320), (120, 160)):
        still, changed = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
        changed[7, 9] = 255
        assert live([still, changed])[1] == 1 / (height * width)


def test_polarity_makes_no_difference() -> None:
    """Bright animals on dark ground or dark ones on bright ground."""
    frames = [noise(i, 20, 30) for i in range(5)]
    np.testing.assert_array_equal(live(frames), live([255 - frame for frame in frames]))


def test_a_grey_image_stored_in_three_channels_gives_the_value_of_the_grey_one() -> None:
    frames = [noise(i, 20, 30) for i in range(3)]
    np.testing.assert_array_equal(live([np.dstack([frame] * 3) for frame in frames]), live(frames))


def test_another_image_size_starts_afresh() -> None:
    frames = [noise(0, 8, 8), noise(1, 8, 8), noise(2, 4, 16), noise(3, 4, 16), noise(4, 4, 16, 3)]
    assert np.isnan(live(frames)).tolist() == [True, False, True, False, True]
    assert np.isnan(motion_of(frames)).tolist() == [True, False, True, False, True]


def motion_of_blocks(frames: list[Image], size: tuple[int, int]) -> NDArray[np.float64]:
    """By numpy alone, block by block, pixel by pixel."""
    values = [np.nan]
    for before, image in pairwise(frames):
        (height, width), (across, down) = image.shape[:2], size
        change = image.astype(np.int64) - before
        total = 0
        for row in range(down):
            for column in range(across):
                block = change[row * height // down : (row + 1) * height // down, column * width // across : (column + 1) * width // across]
                total += int(np.abs(block.sum(axis=(0, 1))).sum())
        values.append(total / (image.size * 255))
    return np.asarray(values, np.float64)


@given(data=st.data(), seed=st.integers(0, 2**32 - 1), colour=st.booleans())
def test_motion_of_blocks_equals_numpy_bit_for_bit(data: st.DataObject, seed: int, *, colour: bool) -> None:
    height, width = data.draw(st.integers(1, 24)), data.draw(st.integers(1, 24))
    size = data.draw(st.integers(1, width)), data.draw(st.integers(1, height))
    frames = [noise(seed + i, *(height, width), *((3,) if colour else ())) for i in range(3)]
    motion = Motion(size)
    found = np.array([np.nan if value is None else value for value in map(motion.update, frames)], np.float64)
    np.testing.assert_array_equal(found, motion_of_blocks(frames, size))


def test_blocks_of_one_pixel_give_the_value_of_the_whole_image() -> None:
    frames = [noise(i, 48, 64) for i in range(3)]
    motion = Motion((64, 48))
    assert [motion.update(frame) for frame in frames][1:] == live(frames)[1:].tolist()


def test_a_difference_within_a_block_cancels() -> None:
    one, other = np.zeros((4, 8), np.uint8), np.zeros((4, 8), np.uint8)
    one[0, 0], other[3, 3], other[3, 4] = 200, 200, 100
    motion = Motion((2, 1))
    assert motion.update(one) is None
    assert motion.update(other) == 100 / (32 * 255)


def test_sums_of_an_image_beyond_32_bits_stay_exact() -> None:
    white, black = np.full((2900, 2912), 255, np.uint8), np.zeros((2900, 2912), np.uint8)
    motion = Motion((1, 1))
    assert [motion.update(white), motion.update(black)] == [None, 1.0]


def test_reset_forgets_the_frame_before() -> None:
    motion = Motion()
    motion.update(noise(0, 4, 4))
    motion.reset()
    assert motion.update(noise(1, 4, 4)) is None


def test_published_fish_frames_give_the_published_values(shared_data: Path) -> None:
    """Ỹ_0 … ỹ_9 from eleven frames, to float32 precision, fed one at a time."""
    folder = shared_data / "fish_ytilde"
    if not folder.is_dir():
        pytest.skip("fish_ytilde is not in the shared data")
    paths = sorted((folder / "frames_train_00000-00010").glob("*.png"))
    frames = [np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8) for path in paths]
    published = np.load(folder / "train" / "Y_tilde.npy")[:10]
    assert len(frames) == 11
    np.testing.assert_allclose(live(frames)[1:], published, rtol=2e-7, atol=0)
