"""Whether other programs' own readers find in our files what we wrote: exported sessions, and the cameras of a rig.

    python bench/readers.py --python OTHER/bin/python

Writes two sessions that are made up (one animal; two animals; key points are absent here and there) for DeepLabCut, SLEAP and NWB, and a
rig for aniposelib. `bench/peers/read_exports.py` reads them with whatever DeepLabCut, sleap-io, pynwb, movement and aniposelib are
installed for that Python. What they read is compared here number by number, and what aniposelib wrote is read by us.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from export import make_session
from numpy.typing import NDArray

from calib.calibration_file import as_anipose, as_matrix, as_row, lens_in, made, read_anipose
from calib.lens import Lens, project
from tracker.calibration import CameraPose, Distortion
from tracker.camera_rig import CameraRig, RigCamera, RigQuality
from tracker.export.export_session import Format, Wanted, export_session
from tracker.export.session_poses import SessionPoses
from tracker.recording.read_session import RecordedSession

Array = NDArray[np.float64]
FRAMES, POINTS = 10, 3
LENSES = (
    Lens(model="five_parameter", size=(640, 480), parameters=np.array([520.0, 521.0, 322.0, 238.0, -0.25, 0.08, 5e-4, -5e-4, -0.01])),
    Lens(model="five_parameter", size=(1280, 1024), parameters=np.array([900.0, 905.0, 630.0, 520.0, -0.1, 0.01, 0.0, 1e-5, 0.0])),
    Lens(model="fisheye", size=(640, 480), parameters=np.array([220.0, 221.0, 325.0, 236.0, 0.05, -0.01, 0.003, -0.001])),
)
POSES = np.array([[0, 0, 0, 0, 0, 0], [0.05, 0.3, 0.02, -150.0, 5.0, 20.0], [-0.2, -0.3, 0.1, 180.0, 30.0, 40.0]], np.float64)
NAMES = ("top", 'Säule "links"', "cam 3")
READER = Path(__file__).resolve().parent / "peers" / "read_exports.py"


def write_sessions(folder: Path) -> dict[str, Array]:
    """Make and export both sessions; returns their points (frames, animals, key points, 3), NaN where absent."""
    truth = {}
    formats: dict[str, tuple[Format, ...]] = {"one": ("dlc", "sleap", "nwb"), "two": ("dlc", "sleap")}
    for name, forms in formats.items():
        make_session(folder / name, frames=FRAMES, points=POINTS, animals=len(truth) + 1, absent=0.3)
        session = RecordedSession(folder / name)
        for form in forms:
            export_session(session, Wanted(form=form))
        truth[name] = np.concatenate([stretch.points for stretch in SessionPoses(session).stretches()]).astype(np.float64)
    return truth


def write_rig(folder: Path) -> CameraRig:
    """Three cameras, one of them a fisheye, with names that a file may find hard."""
    cameras = tuple(
        RigCamera(
            name=name,
            image_size=lens.size,
            camera_matrix=as_matrix(lens.matrix),
            distortion=Distortion(model=lens.model, coefficients=tuple(map(float, lens.coefficients))),
            pose=CameraPose(rotation=as_row(pose[:3]), translation_mm=as_row(pose[3:])),
        )
        for name, lens, pose in zip(NAMES, LENSES, POSES, strict=True)
    )
    rig = CameraRig(schema=1, frame="camera top", cameras=cameras, made=made("made up", 0), quality=RigQuality())
    (folder / "rig").mkdir()
    (folder / "rig" / "calibration.toml").write_text(as_anipose(rig), encoding="utf-8")
    rng = np.random.default_rng(1)
    np.save(folder / "places.npy", np.column_stack((rng.uniform(-120, 120, (50, 2)), rng.uniform(500, 700, 50))))
    return rig


def compared(folder: Path, name: str, truth: dict[str, Array], rig: CameraRig) -> dict[str, Any]:
    """What a reader found, beside what was written: largest differences, None where numbers are absent on one side only."""
    found = np.load(folder / f"{name}.npz")
    if name != "aniposelib":
        return {key: _apart(found[key], truth[key.partition(" ")[0]], of_absent=name in _WITH_ABSENT) for key in found.files}
    places = np.load(folder / "places.npy")
    seen = [project(lens_in(camera), places, pose[:3], pose[3:]).pixels for camera, pose in zip(rig.cameras, POSES, strict=True)]
    back = read_anipose(folder / "rig" / "back.toml")
    return {
        "names": found["names"].tolist() == list(NAMES),
        "pixels": _apart(found["pixels"], np.array(seen)),
        "triangulated_mm": _apart(found["places"], places),
        "read_back_equal": back.cameras == rig.cameras,
    }


_WITH_ABSENT = ("deeplabcut", "pandas", "pynwb")  # formats that keep the confidence of a point without a place


def _apart(found: Array, truth: Array, *, of_absent: bool = True) -> float | None:
    if not of_absent:  # SLEAP's points have a confidence only where they have a place
        truth = np.where(np.isnan(truth[..., :1]), np.nan, truth)
        found = np.where(np.isnan(found[..., :1]), np.nan, found)
    if found.shape != truth.shape or not np.array_equal(np.isnan(found), np.isnan(truth)):
        return None
    return float(np.nanmax(np.abs(found - truth)))


def main() -> None:
    """Write, have it read, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="of the environment that the other programs are in (this one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rigtrack-readers-") as place:
        folder = Path(place)
        truth, rig = write_sessions(folder), write_rig(folder)
        answer = subprocess.run([options.python, str(READER), str(folder)], capture_output=True, text=True, check=False)
        if answer.returncode:
            raise SystemExit(f"readers: {answer.stderr}")
        told = json.loads(answer.stdout.splitlines()[-1])
        result = {name: {"version": said} for name, said in told.items()}
        for name in told:
            if (folder / f"{name}.npz").exists():
                result[name] |= compared(folder, name, truth, rig)
    print(json.dumps(result, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
