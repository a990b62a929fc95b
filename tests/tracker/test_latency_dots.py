"""Dots that show a number: read as they were shown, or refused; never another number."""

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.tracker.dots_seen import UNIT_PX, blended, drawn, seen
from tracker.frame import Image
from tracker.latency.dot_reader import DotReader
from tracker.latency.dots import CODE_BITS, COLUMNS, MODULUS, PANEL, ROWS, cells, number_of

PICTURES = 40


def test_every_number_is_read_from_its_own_dots() -> None:
    assert [number_of(cells(number)) for number in range(0, MODULUS, 7)] == list(range(0, MODULUS, 7))
    assert number_of(cells(MODULUS + 5)) == 5


def test_one_update_changes_one_dot_of_the_code_and_the_parity_in_both_copies() -> None:
    for number in (0, 1, 7, 12345, MODULUS - 1):
        changed = cells(number) ^ cells(number + 1)
        assert changed[:2].sum() == changed[8:].sum() == 2
        assert changed[:2].ravel()[CODE_BITS]


def test_parts_of_two_numbers_that_make_a_third_in_both_copies_are_refused() -> None:
    """As where a screen left out numbers and shows parts of two: the same even number of changed dots in either copy."""
    refused = 0
    for before in range(0, MODULUS, 997):
        old, new = cells(before), cells(before + 6)
        places = np.argwhere((old ^ new)[:2])
        for first, second in pairwise(places):
            mixed = old.copy()
            for row, column in (first, second):
                mixed[row, column] ^= True
                mixed[ROWS - 1 - row, COLUMNS - 1 - column] ^= True
            if not np.array_equal(mixed, new):
                assert number_of(mixed) is None
                refused += 1
    assert refused > 50


@given(number=st.integers(0, MODULUS - 1), row=st.sampled_from([0, 1, *range(4, ROWS)]), column=st.integers(0, COLUMNS - 1))
def test_no_single_dot_can_be_wrong_unseen(number: int, row: int, column: int) -> None:
    dots = cells(number)
    dots[row, column] ^= True
    assert number_of(dots) is None


def test_tilted_blurred_and_noisy_dots_are_read() -> None:
    reader, rng = DotReader(), np.random.default_rng(4)
    numbers = [int(number) for number in rng.integers(0, 10 * MODULUS, PICTURES)]
    found = [reader.read(seen(drawn(number), rng)) for number in numbers]

    assert all(dots.number in (None, number % MODULUS) for dots, number in zip(found, numbers, strict=True))
    assert sum(dots.number is not None for dots in found) > 0.9 * PICTURES


def test_between_two_updates_a_picture_is_refused_or_shows_one_of_the_two() -> None:
    reader, rng = DotReader(), np.random.default_rng(5)
    outcomes = Counter[str]()
    for _ in range(2 * PICTURES):
        before = int(rng.integers(0, MODULUS))
        after = before + int(rng.integers(1, 9))  # a screen may have left some out
        found = reader.read(seen(blended(drawn(before), drawn(after), rng), rng, tilt_px=30, blur_px=1.0))
        assert found.number in (None, before, after % MODULUS)
        outcomes[found.refused or "read"] += 1
    assert outcomes["torn"] > 5
    assert outcomes["between"] > 5
    assert outcomes["read"] > 5, "where the screen was almost at one of the two"


def test_a_half_turned_or_mirrored_screen_is_read() -> None:
    picture = seen(drawn(4711), np.random.default_rng(1))
    for turned in (picture[::-1, ::-1], picture[:, ::-1], picture[::-1], picture.swapaxes(0, 1)):
        assert DotReader().read(np.ascontiguousarray(turned)).number == 4711


def test_a_reader_follows_a_camera_whose_mirror_comes_and_goes() -> None:
    picture, reader = seen(drawn(4711), np.random.default_rng(1)), DotReader()
    assert [reader.read(each).number for each in (picture, picture[:, ::-1], picture)] == [4711] * 3


def test_what_cannot_be_read_is_refused_with_its_reason() -> None:
    picture = drawn(77)
    panel = (slice(PANEL[1] * UNIT_PX, (PANEL[1] + ROWS) * UNIT_PX), slice(PANEL[0] * UNIT_PX, (PANEL[0] + COLUMNS) * UNIT_PX))
    wide = np.pad(picture, 60, constant_values=128)
    covered, glaring, doubled = wide.copy(), wide.copy(), np.vstack([wide, wide])
    covered[60 : 60 + 4 * UNIT_PX, 60 : 60 + 4 * UNIT_PX] = 128
    glaring[60:-60, 60:-60][panel] = 240
    bent = wide.copy()
    corner = (slice(60 + 7 * UNIT_PX, None), slice(60 + 12 * UNIT_PX, None))
    bent[corner] = np.roll(wide[corner], 30, axis=0)

    found = {name: DotReader().read(each) for name, each in named(covered, glaring, doubled, bent, np.zeros_like(wide)).items()}
    assert {name: (dots.number, dots.refused, dots.markers) for name, dots in found.items()} == {
        "covered": (None, "markers", 3),
        "glaring": (None, "contrast", 4),
        "doubled": (None, "markers", 0),
        "bent": (None, "markers", 4),
        "black": (None, "markers", 0),
    }


def named(*pictures: Image) -> dict[str, Image]:
    return dict(zip(("covered", "glaring", "doubled", "bent", "black"), pictures, strict=True))
