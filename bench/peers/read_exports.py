"""What other programs read from our files, by their own readers. Run by `bench/readers.py`, in any environment that has some of them.

It imports nothing of rigtrack. What was read is written beside the files as NAME.npz; which readers there were is printed as JSON.
"""

import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, "np.ndarray[Any, Any]"]
PLACES = 3  # points are asked for as (frames, animals, key points, 3): x, y and confidence


def deeplabcut(folder: Path) -> Arrays:
    from deeplabcut.utils.auxiliaryfunctions import load_analyzed_data

    found: Arrays = {}
    for session, track_method in (("one", ""), ("two", "ellipse")):
        table, *_ = load_analyzed_data(folder / session, "video-001", "DLC_rigtrack_made-up", track_method=track_method)
        found[session] = _as_animals(table.to_numpy(), 2 if track_method else 1)
    return found


def pandas(folder: Path) -> Arrays:
    from pandas import read_hdf

    names = {"one": "video-001DLC_rigtrack_made-up.h5", "two": "video-001DLC_rigtrack_made-up_el.h5"}
    return {
        session: _as_animals(read_hdf(folder / session / name, "df_with_missing").to_numpy(), 1 + (session == "two"))
        for session, name in names.items()
    }


def sleap_io(folder: Path) -> Arrays:
    from sleap_io import load_slp

    return {session: load_slp(str(folder / session / f"{session}.slp")).numpy(return_confidence=True) for session in ("one", "two")}


def pynwb(folder: Path) -> Arrays:
    import ndx_pose  # noqa: F401
    from pynwb import NWBHDF5IO

    with NWBHDF5IO(str(folder / "one" / "one.nwb"), "r") as file:
        series = file.read().processing["behavior"]["PoseEstimation"].pose_estimation_series
        numbers = [np.column_stack((series[name].data[:], series[name].confidence[:])) for name in sorted(series, key=_number)]
    return {"one": np.stack(numbers, axis=1)[:, None]}


def movement(folder: Path) -> Arrays:
    from movement.io import load_poses

    found: Arrays = {}
    for session, ending in (("one", ""), ("two", "_el")):
        read = {
            f"{session} dlc": load_poses.from_dlc_file(folder / session / f"video-001DLC_rigtrack_made-up{ending}.h5", fps=100),
            f"{session} slp": load_poses.from_sleap_file(folder / session / f"{session}.slp", fps=100),
        }
        if session == "one":
            read["one nwb"] = load_poses.from_nwb_file(folder / "one" / "one.nwb")
        for name, dataset in read.items():
            places = dataset.position.transpose("time", "individuals", "keypoints", "space").to_numpy()
            sure = dataset.confidence.transpose("time", "individuals", "keypoints").to_numpy()
            order = np.argsort([_number(str(each)) for each in dataset.keypoints.to_numpy()])
            found[name] = np.concatenate((places, sure[..., None]), axis=-1)[:, :, order]
    return found


def aniposelib(folder: Path) -> Arrays:
    from aniposelib.cameras import CameraGroup

    group = CameraGroup.load(str(folder / "rig" / "calibration.toml"))
    group.dump(str(folder / "rig" / "back.toml"))
    places = np.load(folder / "places.npy")
    seen = group.project(places)
    return {"names": np.array(group.get_names()), "pixels": seen.reshape(len(group.cameras), -1, 2), "places": group.triangulate(seen)}


READERS: dict[str, Callable[[Path], Arrays]] = {
    "deeplabcut": deeplabcut,
    "pandas": pandas,
    "sleap-io": sleap_io,
    "pynwb": pynwb,
    "movement": movement,
    "aniposelib": aniposelib,
}


def main() -> None:
    """Try every reader that is installed here."""
    folder = Path(sys.argv[1])
    told = {}
    for name, read in READERS.items():
        try:
            found = read(folder)
        except ModuleNotFoundError as problem:
            told[name] = f"not here: {problem.name}"
            continue
        np.savez(folder / f"{name}.npz", **found)
        told[name] = version(name)
    print(json.dumps(told))


def _as_animals(table: "np.ndarray[Any, Any]", animals: int) -> "np.ndarray[Any, Any]":
    return table.reshape(len(table), animals, -1, PLACES)


def _number(name: str) -> int:
    """The number at the end of the name of a key point."""
    return int(name.removeprefix("point"))


if __name__ == "__main__":
    main()
