"""Read the dots in a camera's picture, or say why not. A number is given only where nothing in the picture speaks against it."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.frame import Image
from tracker.latency.dots import COLUMNS, DICTIONARY, MARKER, PANEL, ROWS, marker_corners, number_of, reference_rows, references

Refusal = Literal["markers", "contrast", "between", "torn", "old"]
_SAMPLES = 12  # a dot's place is sampled so many times so often
_MIDDLE = slice(4, 8)  # of them: well within the dot
_FLAT = 0.08  # of a marker's side: how far its corners may lie from where a flat screen would have them
_LEAST_CONTRAST = 25.0  # grey levels between bright and dark
_CLEAR = 0.3  # a dot is bright above 1 - this and dark below this, of the contrast; anything between is an update under way


@dataclass(frozen=True, slots=True, kw_only=True)
class DotReading:
    """What one picture shows.

    Attributes:
        number: modulo MODULUS; None where it was refused.
        refused: why; None where it was read.
        markers: how many corner markers were found.
    """

    number: int | None = None
    refused: Refusal | None = None
    markers: int = 4


class DotReader:
    """Reads pictures of one camera: markers are searched in each, also in a mirror's image."""

    def __init__(self) -> None:
        settings = cv2.aruco.DetectorParameters()
        settings.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
        self._detector = cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(DICTIONARY), settings)
        self._expected = marker_corners()
        self._mirrored = False
        shift = np.array([[1, 0, -PANEL[0]], [0, 1, -PANEL[1]], [0, 0, 1]], np.float64)
        self._to_samples = np.diag([_SAMPLES, _SAMPLES, 1.0]) @ shift

    def read(self, image: Image) -> DotReading:
        """Read a picture: uint8 (h, w) or (h, w, 3) RGB."""
        grey: Image = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image, np.uint8)
        mirrored, found = self._mirrored, self._markers(grey, mirrored=self._mirrored)
        if not found:
            mirrored, found = not mirrored, self._markers(grey, mirrored=not mirrored)
        if len(found) < len(self._expected):
            return DotReading(refused="markers", markers=len(found))
        self._mirrored = mirrored
        corners = np.array([found[marker] for marker in range(len(self._expected))], np.float32)
        homography, _ = cv2.findHomography(self._expected.reshape(-1, 2), corners.reshape(-1, 2))
        from_units = np.asarray(homography, np.float64)
        if homography is None or not self._is_flat(from_units, corners):
            return DotReading(refused="markers")
        return _reading(self._levels(grey[:, ::-1] if mirrored else grey, from_units))

    def _markers(self, grey: Image, *, mirrored: bool) -> dict[int, NDArray[np.float32]]:
        """Corners (4, 2) of each corner marker that is there once."""
        corners, numbers, _ = self._detector.detectMarkers(np.ascontiguousarray(grey[:, ::-1]) if mirrored else grey)
        every = [] if numbers is None else [int(number) for number in np.ravel(numbers)]
        return {
            number: np.asarray(corners[place], np.float32).reshape(4, 2)
            for place, number in enumerate(every)
            if number < len(self._expected) and every.count(number) == 1
        }

    def _is_flat(self, from_units: NDArray[np.float64], corners: NDArray[np.float32]) -> bool:
        to_units = np.linalg.inv(from_units)
        places = cv2.perspectiveTransform(corners.reshape(1, -1, 2), to_units).reshape(self._expected.shape)
        return bool(np.abs(places - self._expected).max() < _FLAT * MARKER)

    def _levels(self, grey: Image, from_units: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean grey level in the middle of each dot, (ROWS, COLUMNS)."""
        size = COLUMNS * _SAMPLES, ROWS * _SAMPLES
        flat = cv2.warpPerspective(np.ascontiguousarray(grey), self._to_samples @ np.linalg.inv(from_units), size, flags=cv2.INTER_LINEAR)
        places = np.asarray(flat, np.float64).reshape(ROWS, _SAMPLES, COLUMNS, _SAMPLES)
        return np.asarray(places[:, _MIDDLE][:, :, :, _MIDDLE].mean(axis=(1, 3)))


def _reading(levels: NDArray[np.float64]) -> DotReading:
    known, lit = levels[reference_rows()], references()
    bright, dark = np.where(lit, known, 0).sum(axis=0), np.where(lit, 0, known).sum(axis=0)  # by column: light falls unevenly
    contrast = bright - dark
    if contrast.min() < _LEAST_CONTRAST:
        return DotReading(refused="contrast")
    shares = (levels - dark) / contrast
    if ((shares > _CLEAR) & (shares < 1 - _CLEAR)).any():
        return DotReading(refused="between")
    number = number_of(shares > 0.5)
    return DotReading(refused="torn") if number is None else DotReading(number=number)
