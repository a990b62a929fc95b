"""Rigs whose images are not of one moment: refused before anything is solved, or left out; and a bundle adjustment always ends."""

from dataclasses import replace

import numpy as np
import pytest

from calib.bundle_adjustment import camera_poses
from calib.rig import RigCameraViews, baselines_mm, solve_rig
from calib.synthetic import Placing, board_poses, corner_views
from tests.calib.test_rig import BASELINE_MM, BOARD, two_cameras
from tests.calib.views_of_truth import lens
from tracker.errors import CalibrationError


def unrelated(count: int = 8) -> list[RigCameraViews]:
    """Two cameras whose images have the same numbers and are of different moments."""
    first, second = lens("five_parameter"), lens("fisheye")
    found = []
    for seed, (name, camera) in enumerate((("top", first), ("side", second))):
        poses = board_poses(BOARD, camera, Placing(views=count, spread=0.4, fill=(0.3, 0.4)), seed=40 + seed)
        mixed = poses[np.random.default_rng(seed).permutation(len(poses))]
        views = corner_views(BOARD, camera, mixed, noise_px=0.1, seed=seed)
        found.append(RigCameraViews(name=name, lens=camera, reasons=(), views=views))
    return found


def test_images_of_one_number_but_not_of_one_moment_are_refused() -> None:
    with pytest.raises(CalibrationError) as refused:
        solve_rig(unrelated(), BOARD)

    assert str(refused.value) == (
        "images of one number are not of one moment: at 7 of 8 numbers that cameras top and side share, the board says something else of "
        "how they stand to each other than at the others; take images of both cameras at once (record both and give the sessions' folders)"
    )


def test_a_few_numbers_that_are_of_no_moment_are_left_out_and_named() -> None:
    top, side = two_cameras()
    views = [side.views[1], side.views[2], side.views[0], *side.views[3:]]
    mixed = [replace(view, name=right.name) for view, right in zip(views, side.views, strict=True)]

    rig = solve_rig([top, replace(side, views=mixed)], BOARD)

    assert baselines_mm(rig)["top to side"] == pytest.approx(BASELINE_MM, rel=2e-3)
    assert (rig.quality.verdict, rig.quality.moments) == ("rejected", len(top.views) - 3)
    assert rig.quality.reasons[-1] == (
        "3 moments are left out, since they contradict the others on how the cameras stand to each other: 000, 001, 002; "
        "expected at most 10% of them"
    )


def test_a_bundle_adjustment_that_leads_nowhere_ends_and_says_so() -> None:
    cameras = unrelated()

    with pytest.raises(CalibrationError, match=r"places of the cameras did not settle after \d+ rounds"):
        camera_poses([camera.lens for camera in cameras], [camera.views for camera in cameras], BOARD, print_mm=0.1)
