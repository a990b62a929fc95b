"""Calibration: real boards and a real rig where the data are at hand, and what is predicted and recovered where the truth is known."""

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from calib.assessment import solve_and_assess
from calib.board import Board, make_board, read_board
from calib.board_views import BoardView, all_pixels, view_of
from calib.calibration_file import calibration_without_lens
from calib.corners import BoardFinder
from calib.images import find_views, named_by_moment
from calib.intrinsics import solve
from calib.lens import Lens, project
from calib.lensless_plane import plane_without_lens
from calib.rig import RigCameraViews, baselines_mm, seen_at, solve_rig
from calib.synthetic import Placing, board_poses, corner_views, picture
from calib.uncertainty import predicted, spread
from tracker.calibration import PlaneMapper
from tracker.camera_rig import Triangulate
from tracker.cameras.image_folder import numbered_images, read_image

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
NOISE_PX = 0.2
SIZE, FLOOR = (640, 480), np.array([0.3, -0.2, 0.1, -150.0, -100.0, 420.0])  # pose of the floor's corner
WIDE = {
    "five_parameter": [420.0, 421.0, 325.0, 236.0, -0.3, 0.09, 1e-3, -5e-4, -0.01],
    "fisheye": [220.0, 221.0, 325.0, 236.0, 0.05, -0.01, 0.003, -0.001],
}
BOARD = {"kind": "charuco", "squares": (8, 11), "square_mm": 24, "marker_mm": 18, "marker_bits": 4}


def judged(views: list[BoardView], size: tuple[int, int]) -> tuple[dict[str, Any], Lens, tuple[str, ...]]:
    """One real camera."""
    begun = time.process_time()
    found = solve_and_assess(views, size=size, model="five_parameter")
    quality = found.quality
    told = {
        "f": [round(float(value), 2) for value in found.solution.lens.parameters[:2]],
        "rms_px": quality.rms_px,
        "held_out_rms_px": quality.held_out_rms_px,
        "coverage": quality.coverage,
        "tilts": quality.tilt_directions,
        "uncertainty_p50_px": round(found.predicted.percentile(50), 3),
        "uncertainty_p95_px": quality.uncertainty_p95_px,
        "halves_p95_px": quality.halves_p95_px,
        "verdict": quality.verdict,
        "reasons": len(found.reasons),
        "cpu_s": round(time.process_time() - begun, 2),
    }
    return told, found.solution.lens, found.reasons


def charuco_rig(folder: Path) -> dict[str, Any]:
    """Two cameras of a rodent rig."""
    board, cameras, told = read_board(folder / "board.toml"), [], {}
    for name in ("back", "mid"):
        found = find_views(folder / name / "calibration_images", board, every=1, progress=lambda done, of: None)
        told[name], lens, reasons = judged(list(found.views), found.size)
        cameras.append(RigCameraViews(name=name, lens=lens, reasons=reasons, views=named_by_moment(found.views, name)))
    begun = time.process_time()
    rig = solve_rig(cameras, board)
    told["rig"] = {
        **baselines_mm(rig),
        "rms_px": rig.quality.rms_px,
        "held_out_length_rms_mm": rig.quality.held_out_length_rms_mm,
        "held_out_length_bias": rig.quality.held_out_length_bias,
        "verdict": rig.quality.verdict,
        "cpu_s": round(time.process_time() - begun, 2),
    }
    triangulate, seen = Triangulate(rig), seen_at(cameras, board, "3")[:, :15]
    told["triangulate_15_points_ms"] = median_ms(lambda: triangulate(seen), 200)
    told["find_ms"] = {
        dictionary: median_ms(partial(finder, folder, board, dictionary), 10) for dictionary in ("DICT_4X4_50", "DICT_4X4_1000")
    }
    return told


def finder(folder: Path, board: Board, dictionary: str) -> None:
    """Find the board in one image with the markers of a dictionary."""
    image = read_image(numbered_images(folder / "back" / "calibration_images")[0])
    found = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, dictionary))
    charuco = cv2.aruco.CharucoBoard(board.squares, board.square_mm, board.marker_mm or 0.0, found)
    cv2.aruco.CharucoDetector(charuco).detectBoard(image)


def chessboards(folder: Path) -> dict[str, Any]:
    """OpenCV's stereo samples."""
    board = make_board({"kind": "chessboard", "squares": (10, 7), "square_mm": 25}, where="bench")
    told = {}
    for name in ("left", "right"):
        search, views = BoardFinder(board), []
        for path in sorted(folder.glob(f"{name}*.jpg")):
            corners = search.find(read_image(path))
            if corners is not None:
                views.append(view_of(board, corners, name=path.name))
        told[name] = judged(views, (640, 480))[0] | {"found": len(views)}
    return told


def prediction(model: str, placing: Placing, resolves: int) -> dict[str, Any]:
    """Predicted against measured spread of noisy solutions."""
    board = make_board(BOARD, where="bench")
    truth = Lens(model=model, size=(640, 480), parameters=np.array(WIDE[model]))  # type: ignore[arg-type]
    poses = board_poses(board, truth, placing, seed=1)
    views = corner_views(board, truth, poses, noise_px=NOISE_PX, seed=1)
    one = solve(views, size=truth.size, model=truth.model)
    again = [
        solve(corner_views(board, truth, poses, noise_px=NOISE_PX, seed=100 + number), size=truth.size, model=truth.model, start=truth).lens
        for number in range(resolves)
    ]
    field, measured = predicted(one), spread(again, truth, all_pixels(views))
    known = np.isfinite(field.px) & np.isfinite(measured.px)
    ratio = field.px[known] / measured.px[known]
    return {
        "predicted_p50_p95_px": [round(field.percentile(share), 3) for share in (50, 95)],
        "measured_p50_p95_px": [round(measured.percentile(share), 3) for share in (50, 95)],
        "ratio_p5_p50_p95": [round(float(value), 3) for value in np.percentile(ratio, [5, 50, 95])],
        "within_20_percent": round(float((np.abs(ratio - 1) <= 0.2).mean()), 3),
    }


def recovered(model: str, pictures: int) -> dict[str, Any]:
    """A lens from pictures of boards, through the finder."""
    board = make_board(BOARD, where="bench")
    truth = Lens(model=model, size=(640, 480), parameters=np.array(WIDE[model]))  # type: ignore[arg-type]
    search, views = BoardFinder(board), []
    for number, pose in enumerate(board_poses(board, truth, Placing(views=pictures, spread=0.85), seed=1)):
        corners = search.find(picture(board, truth, pose, seed=number))
        if corners is not None:
            views.append(view_of(board, corners, name=str(number)))
    found = solve_and_assess(views, size=truth.size, model=truth.model)
    return {
        "pictures": pictures,
        "found": len(views),
        "f_error_percent": [round(100 * float(value), 4) for value in found.solution.lens.parameters[:2] / truth.parameters[:2] - 1],
        "centre_error_px": [round(float(value), 3) for value in found.solution.lens.parameters[2:4] - truth.parameters[2:4]],
        "rms_px": found.quality.rms_px,
        "verdict": found.quality.verdict,
    }


def without_lens() -> dict[str, Any]:
    """What a plane without a lens is off by on a floor of 300x200 mm that fills the image, and what its own figures say, mm."""
    rows, (x, y) = {}, np.meshgrid(np.linspace(0, 300, 31), np.linspace(0, 200, 21))
    floor, corners = np.column_stack((x.ravel(), y.ravel())), np.array([[0.0, 0.0], [300.0, 0.0], [300.0, 200.0], [0.0, 200.0]])
    grid = np.array([[x, y] for y in (0.0, 100.0, 200.0) for x in (0.0, 150.0, 300.0)])
    marked = {
        "4 corners": corners,
        "and the middle": np.vstack((corners, [[150.0, 100.0]])),
        "and midway along an edge": np.vstack((corners, [[150.0, 0.0]])),
        "a grid of 9": grid,
    }
    for k1 in (0.0, -0.1, -0.3):
        lens = Lens(model="five_parameter", size=SIZE, parameters=np.array([420.0, 421, 325, 236, k1, k1 * k1, 0, 0, 0]))
        for name, places in marked.items():
            seen, known = (project(lens, np.column_stack((mm, np.zeros(len(mm)))), FLOOR[:3], FLOOR[3:]).pixels for mm in (floor, places))
            plane = plane_without_lens(known, places, size=SIZE)
            points = np.column_stack((seen, np.ones(len(seen))))[None].astype(np.float32)
            off = np.linalg.norm(PlaneMapper(calibration_without_lens(plane, SIZE)).to_mm(points)[0] - floor, axis=1)
            rows[f"k1 {k1:g}, {name}"] = {
                "rms_mm": round(float(np.sqrt(np.mean(off**2))), 3),
                "worst_mm": round(float(off.max()), 3),
                "said_rms_mm": plane.rms_mm,
                "said_held_out_rms_mm": plane.held_out_rms_mm,
            }
    return rows


def median_ms(call: Any, times: int) -> float:
    """Median duration of a call."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - begun))
    return round(float(np.median(taken)), 3)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with rig_charuco and stereo_chessboard (%(default)s)")
    parser.add_argument("--resolves", type=int, default=100, help="noisy solutions for each prediction (%(default)s)")
    parser.add_argument("--pictures", type=int, default=30, help="for each lens that is recovered (%(default)s)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    report: dict[str, Any] = {}
    for name, measure in (("rig_charuco", charuco_rig), ("stereo_chessboard", chessboards)):
        folder = options.data / name
        report[name] = measure(folder) if folder.is_dir() else f"skipped: {folder} is not there"
    report["prediction"] = {
        "five_parameter, all over": prediction("five_parameter", Placing(), options.resolves),
        "five_parameter, in the middle": prediction("five_parameter", Placing(spread=0.35), options.resolves),
        "fisheye, all over": prediction("fisheye", Placing(), options.resolves),
    }
    report["recovered"] = {model: recovered(model, options.pictures) for model in WIDE}
    report["without_lens"] = without_lens()
    print(json.dumps(report, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
