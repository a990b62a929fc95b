"""Twenty colours that can be told apart, by people without red or green cones too."""

import itertools

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tracker.viewer.palette import PALETTE

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
SIGHT = {
    "plain": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
}


def seen(sight: str) -> NDArray[np.float64]:
    """The palette in CIELAB as it looks to such eyes: float64 (20, 3)."""
    rgb = np.asarray(PALETTE, np.float64) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ SIGHT[sight].T
    linear = np.clip(linear, 0, 1)
    back = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(cv2.cvtColor(back.astype(np.float32)[None], cv2.COLOR_RGB2Lab)[0], np.float64)


@pytest.mark.parametrize(("sight", "least"), [("plain", 20.0), ("protanopia", 12.0), ("deuteranopia", 12.0)])
def test_no_two_of_the_twenty_colours_look_alike(sight: str, least: float) -> None:
    assert len(PALETTE) == 20
    nearest = min(np.linalg.norm(one - other) for one, other in itertools.combinations(seen(sight), 2))
    assert nearest >= least
