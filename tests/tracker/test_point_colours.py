"""Colours that can be told apart, by people without red or green cones too."""

import itertools

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tracker.point_colours import POINT_COLOURS, hex_colour

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
SIGHT = {
    "plain": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
}


def seen(sight: str, count: int) -> NDArray[np.float64]:
    """The first colours in CIELAB as they look to such eyes: float64 (count, 3)."""
    rgb = np.asarray(POINT_COLOURS[:count], np.float64) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ SIGHT[sight].T
    linear = np.clip(linear, 0, 1)
    back = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(cv2.cvtColor(back.astype(np.float32)[None], cv2.COLOR_RGB2Lab)[0], np.float64)


@pytest.mark.parametrize(
    ("sight", "count", "least"),
    [("plain", 20, 20.0), ("protanopia", 20, 12.0), ("deuteranopia", 20, 12.0), ("plain", 60, 14.0), ("deuteranopia", 60, 7.0)],
)
def test_no_two_colours_of_key_points_look_alike(sight: str, count: int, least: float) -> None:
    assert len(POINT_COLOURS) == 60
    nearest = min(np.linalg.norm(one - other) for one, other in itertools.combinations(seen(sight, count), 2))
    assert nearest >= least


def test_a_colour_is_written_for_pages_as_it_is_drawn() -> None:
    assert [hex_colour(place) for place in (0, 4, 60)] == ["#e69f00", "#009e73", "#e69f00"]
