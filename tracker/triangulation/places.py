"""From what several cameras see at one moment to places in mm, with the cameras that contradict the others left out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.camera_rig import CameraRig, Triangulate

Array = NDArray[np.float64]
_FEWEST_CAMERAS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RigPlaces:
    """Where K key points are.

    Attributes:
        mm: float64 (K, 3); NaN where there is no place.
        confidence: float64 (K,), the lowest of the cameras used; NaN where there is no place.
        error_px: float64 (K,), rms over the cameras of how far the place appears from where it was seen; where too large an error is why
            there is no place, that error; NaN where fewer than two cameras see the point.
        used: bool (cameras, K), which cameras each place was found from.
    """

    mm: Array
    confidence: Array
    error_px: Array
    used: NDArray[np.bool_]


class RigTriangulation:
    """Weighted linear triangulation with a threshold of confidence, and rejection of outliers by reprojection error.

    Every camera that sees a point in direction (x, y), its lens undone, with the pose [r1 t1; r2 t2; r3 t3] gives two linear
    equations for its place X: (r1 - x r3) X = x t3 - t1 and (r2 - y r3) X = y t3 - t2. They are solved together by least squares,
    each weighted by the focal length over the depth, so that what is minimised is pixels, and by the root of the confidence
    (R. I. Hartley, P. Sturm, "Triangulation", Computer Vision and Image Understanding 68(2), 1997: Linear-LS and its iterative
    reweighting, here in two passes). Where the error of a place exceeds the limit and more than two cameras see it, every pair of them
    is tried: kept are the cameras, the pair among them, that see the pair's place within the limit, of the pair with the most
    of these and then with the smallest error (M. A. Fischler, R. C. Bolles, "Random sample consensus", Communications of the
    ACM 24(6), 1981, with all samples instead of random ones). Two rays that do not meet cannot tell which of them is wrong:
    such a point has no place.
    """

    def __init__(self, rig: CameraRig, *, confidence: float, largest_error_px: float) -> None:
        """Prepare a rig.

        Args:
            rig: calibrated.
            confidence: a point seen with less is not used.
            largest_error_px: of a place.

        Raises:
            CalibrationError: fewer than two cameras.
        """
        self._triangulate = Triangulate(rig)
        self._confidence, self._largest_error_px = confidence, largest_error_px

    def __call__(self, points: Array) -> RigPlaces:
        """Find the places of all points at once.

        Args:
            points: float64 (cameras, K, 3): x and y in px, confidence; NaN where a camera does not see a point.
        """
        confidence = points[..., 2]
        used = np.isfinite(points[..., 0] + points[..., 1]) & (confidence >= self._confidence) & (confidence > 0)
        if np.count_nonzero(used.any(axis=1)) < _FEWEST_CAMERAS:
            nowhere = np.full(points.shape[1], np.nan)
            return RigPlaces(mm=np.full((len(nowhere), 3), np.nan), confidence=nowhere, error_px=nowhere, used=np.zeros_like(used))
        mm, error_px = self._find(points, used)
        is_off = self._is_off(error_px)
        if is_off.any():
            tried = is_off & (used.sum(axis=0) > _FEWEST_CAMERAS)
            if tried.any():
                used[:, tried] = self._agreeing(points[:, tried], used[:, tried])
                mm[tried], error_px[tried] = self._find(points[:, tried], used[:, tried])
                is_off = self._is_off(error_px)
            used &= ~is_off
            mm[is_off] = np.nan
        lowest = np.where(used, confidence, np.inf).min(axis=0)
        return RigPlaces(mm=mm, confidence=np.where(is_off, np.nan, lowest), error_px=error_px, used=used)

    def _is_off(self, error_px: Array) -> NDArray[np.bool_]:
        """NaN, as of a place behind a camera, is off too."""
        return np.asarray(~(error_px <= self._largest_error_px))

    def _find(self, points: Array, used: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Places (n, 3) and their errors (n,) from the cameras that `used` (cameras, n) names."""
        seen = np.where(used[..., None], points[..., :2], np.nan)
        found = self._triangulate(seen, np.where(used, points[..., 2], 0.0))
        return found.mm, found.error_px

    def _agreeing(self, points: Array, used: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The cameras (cameras, n) that agree on the places of n points: all pairs are tried for all points in one go."""
        cameras, count = used.shape
        first, second = np.triu_indices(cameras, 1)
        pairs = np.zeros((cameras, len(first), 1), np.bool_)
        pairs[first, np.arange(len(first))] = pairs[second, np.arange(len(first))] = True
        repeated = np.broadcast_to(points[:, None], (cameras, len(first), count, 3)).reshape(cameras, -1, 3)
        mm, _ = self._find(repeated, (pairs & used[:, None]).reshape(cameras, -1))
        apart_px = self._triangulate.deviations_px(mm, repeated[..., :2]).reshape(cameras, len(first), count)
        agree = used[:, None] & (apart_px <= self._largest_error_px)
        error = np.where(agree, apart_px, 0.0).sum(axis=0) / self._largest_error_px / cameras  # below 1: decides among equal numbers
        best = (agree.sum(axis=0) - error).argmax(axis=0)
        return np.asarray(agree[:, best, np.arange(count)])
