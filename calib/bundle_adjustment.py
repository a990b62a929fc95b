"""The only place that calls caliscope: corner tables of several cameras to the cameras' poses."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calib.board import Board
from calib.board_views import BoardView
from calib.lens import Lens
from tracker.errors import CalibrationError

Array = NDArray[np.float64]
_MM = 1000.0  # caliscope counts in metres
_BOARD = 0  # its number as an object
_MOST_ROUNDS = 100  # good sets take about 6; one that contradicts itself never ends


def camera_poses(lenses: Sequence[Lens], views: Sequence[Sequence[BoardView]], board: Board, *, print_mm: float) -> list[Array]:
    """Poses of all cameras from the corners that several saw at one moment, lenses kept as they are.

    Args:
        lenses: one a camera.
        views: one sequence a camera; those of one moment have the same name.
        board: whose lengths give the scale.
        print_mm: one standard deviation of the lengths on the board.

    Returns:
        (3, 4) each, frame of reference to camera, mm; the frame is one of the cameras'.

    Raises:
        CalibrationError: caliscope is not installed, cameras cannot be joined, or their places do not settle.
    """
    try:
        from caliscope.cameras.camera_array import CameraArray, CameraData  # type: ignore[import-untyped]
        from caliscope.core.capture_volume import CaptureVolume  # type: ignore[import-untyped]
        from caliscope.core.point_data import ImagePoints  # type: ignore[import-untyped]
        from caliscope.exceptions import CalibrationError as Refused  # type: ignore[import-untyped]
    except ModuleNotFoundError as problem:
        raise CalibrationError(
            f"a rig of several cameras needs {(problem.name or '').partition('.')[0]}: pip install '.[calib]'"
        ) from problem
    logging.getLogger("caliscope").setLevel(logging.ERROR)  # its progress says nothing to a person who calibrates
    cameras = CameraArray(
        {
            number: CameraData(
                cam_id=number, size=lens.size, matrix=lens.matrix, distortions=lens.coefficients, fisheye=lens.model == "fisheye", error=0.0
            )
            for number, lens in enumerate(lenses)
        }
    )
    try:
        volume = CaptureVolume.bootstrap(ImagePoints(_table(views)), cameras, _lengths(board, print_mm))
        solved = volume.optimize(max_nfev=_MOST_ROUNDS, strict=False)
    except (Refused, ValueError, np.linalg.LinAlgError) as problem:
        raise CalibrationError(
            f"the cameras cannot be joined: {' '.join(str(problem).split())}; show the board to two cameras at a time"
        ) from problem
    if solved.optimization_status is None or not solved.optimization_status.converged:
        raise CalibrationError(
            f"the places of the cameras did not settle after {_MOST_ROUNDS} rounds of the bundle adjustment; take the images of all "
            "cameras at the same moments, with the board large and tilted in turn"
        )
    posed = solved.camera_array.posed_cameras
    if left := [number for number in range(len(lenses)) if number not in posed]:
        raise CalibrationError(
            f"camera number {left[0] + 1} never saw the board together with another that is placed; show it where their views overlap"
        )
    return [np.column_stack((posed[number].rotation, np.ravel(posed[number].translation) * _MM)) for number in range(len(lenses))]


def _table(views: Sequence[Sequence[BoardView]]) -> "object":
    import pandas as pd  # type: ignore[import-untyped]

    moments = {name: number for number, name in enumerate(dict.fromkeys(view.name for each in views for view in each))}
    parts = [
        pd.DataFrame(
            {
                "sync_index": moments[view.name],
                "cam_id": camera,
                "object_id": _BOARD,
                "keypoint_id": view.ids,
                "img_loc_x": view.pixels[:, 0],
                "img_loc_y": view.pixels[:, 1],
                "obj_loc_x": view.mm[:, 0] / _MM,
                "obj_loc_y": view.mm[:, 1] / _MM,
                "obj_loc_z": view.mm[:, 2] / _MM,
            }
        )
        for camera, each in enumerate(views)
        for view in each
    ]
    return pd.concat(parts, ignore_index=True)


def _lengths(board: Board, print_mm: float) -> "object":
    """Sides and diagonals of every square and of the whole board, which together hold it stiff and give the scale."""
    from caliscope.core.constraints import ConstraintSet, DistanceConstraint  # type: ignore[import-untyped]

    columns, rows = board.inner
    number = np.arange(columns * rows).reshape(rows, columns)
    pairs = [
        *zip(number[:, :-1].flat, number[:, 1:].flat, strict=True),
        *zip(number[:-1].flat, number[1:].flat, strict=True),
        *zip(number[:-1, :-1].flat, number[1:, 1:].flat, strict=True),
        *zip(number[:-1, 1:].flat, number[1:, :-1].flat, strict=True),
        (number[0, 0], number[-1, -1]),
        (number[0, -1], number[-1, 0]),
        *((row[0], row[-1]) for row in number),
        *((column[0], column[-1]) for column in number.T),
    ]
    return ConstraintSet(
        distances=tuple(
            DistanceConstraint(
                object_id_a=_BOARD,
                keypoint_id_a=int(a),
                object_id_b=_BOARD,
                keypoint_id_b=int(b),
                distance=float(np.linalg.norm(board.corners_mm[a] - board.corners_mm[b]) / _MM),
                sigma=print_mm / _MM,
            )
            for a, b in pairs
        ),
        static_object_ids=frozenset(),
    )
