"""Draw a measured plane's grid of mm on an image, so that a person sees whether it lies on the floor."""

import numpy as np
from numpy.typing import NDArray

from tracker.calibration import Calibration, PlaneMapper
from tracker.errors import CalibrationError
from tracker.frame import Image

Array = NDArray[np.float64]
_LINES = 12  # across the image, about, as far apart as in its middle
_MOST = 25  # lines to each side of the middle; towards a horizon there is no end of them
_STEPS = (1, 2, 5)
_SAMPLES = 60  # of a line, which a lens bends


def plane_picture(calibration: Calibration, image: Image) -> bytes:
    """A PNG file.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    from calib.plots import plane_grid

    lines, step = grid_lines(calibration)
    origin = PlaneMapper(calibration).to_pixels(np.zeros((1, 2)))[0]
    return plane_grid(image, lines, origin=origin, label=f"grid of {step:g} mm, X and Y of each line in mm; ring: the origin")


def grid_lines(calibration: Calibration) -> tuple[list[tuple[str, Array]], float]:
    """Lines of constant X and of constant Y, each as what it is and its px (n, 2), and how many mm they are apart."""
    locate = PlaneMapper(calibration)
    width, height = calibration.image_size
    x, y = np.meshgrid(np.linspace(0, width - 1, 9), np.linspace(0, height - 1, 9))
    seen = np.stack((x, y, np.ones_like(x)), axis=-1).reshape(1, -1, 3).astype(np.float32)
    places = locate.to_mm(seen)[0]
    places = places[np.isfinite(places).all(axis=1)]
    middle = locate.to_mm(np.array([[[width / 2, height / 2, 1], [width / 2 + 1, height / 2, 1]]], np.float32))[0]
    if not np.isfinite(middle).all():
        raise CalibrationError("the plane has no place in the middle of the image; check that the points or the board lie on the floor")
    low, high = np.percentile(places, 2, axis=0), np.percentile(places, 98, axis=0)
    step = _round(float(np.linalg.norm(middle[1] - middle[0])) * width / _LINES)
    low, high = np.maximum(low, middle[0] - _MOST * step), np.minimum(high, middle[0] + _MOST * step)
    first, last = np.floor(low / step) * step, np.ceil(high / step) * step
    along_x, along_y = (np.linspace(first[axis], last[axis], _SAMPLES) for axis in (0, 1))
    of_x, of_y = (np.arange(first[axis], last[axis] + step / 2, step) for axis in (0, 1))
    lines = [(f"X {at:g}", locate.to_pixels(np.column_stack((np.full(_SAMPLES, at), along_y)))) for at in of_x]
    lines += [(f"Y {at:g}", locate.to_pixels(np.column_stack((along_x, np.full(_SAMPLES, at))))) for at in of_y]
    return lines, step


def _round(length: float) -> float:
    """The next of 1, 2, 5, 10, 20, ..."""
    power = 10.0 ** np.floor(np.log10(max(length, 1e-6)))
    return float(next((power * step for step in _STEPS if power * step >= length), 10 * power))
