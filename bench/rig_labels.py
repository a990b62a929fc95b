"""The labels of a real rig of two cameras, triangulated live: published as two trackers publish, joined, and compared with the labels.

    python bench/rig_labels.py --rate 30
    python bench/rig_labels.py --rate 10 --picture docs/images/several_cameras_labels.png

The rig is solved from its own ChArUco images. Each camera is a process that publishes, at one trigger, what was labelled in its video;
`tracker triangulate` joins them. Prints how far a joined place appears from where people's proof-read labels have it (in px, by key
point), how many moments were paired wrongly, and how far what was published is from the same labels triangulated at once.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import msgspec
import numpy as np
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from publish_pose import publish_pose
from triangulate import DATA, Heard, listen, real_cameras, status

from calib.board import read_board
from calib.rig import solve_rig
from tracker.client import Client, StatusMessage
from tracker.config import PublisherConfig
from tracker.frame import Frame
from tracker.pose import Pose
from tracker.stream.publisher import Publisher
from tracker.triangulation.places import RigTriangulation
from tracker.triangulation.synthetic import seen_by

CAMERAS = ("back", "mid")
LARGEST_ERROR_PX = 50.0  # generous: labels that differ are to be counted, not left out
SHOWN = 45  # the label's number in the picture
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#777777"
LEAD = 60  # moments before the labels' first, all points away: the rig learns period and offsets


def labels(folder: Path, camera: str) -> tuple[tuple[str, ...], np.ndarray[Any, np.dtype[np.float64]]]:
    """Names and what was labelled, (frames, K, 2) px; NaN where a point was not."""
    with h5py.File(folder / camera / f"minimal_{camera}_proofread.analysis.h5") as file:
        names = tuple(name.decode() for name in file["node_names"][:])
        (tracks,) = file["tracks"][:]
    return names, np.asarray(tracks.transpose(2, 1, 0), np.float64)


def play(options: argparse.Namespace) -> None:
    """One camera: publish its labels from a given time on."""
    names, seen = labels(options.data / "rig_charuco", options.play)
    padded = np.concatenate([np.full((LEAD, *seen.shape[1:]), np.nan), seen])
    period_ns = round(1e9 / options.rate)
    with Publisher(PublisherConfig(bind=(options.address,)), camera=options.play) as publisher:
        publisher.status(status(publisher, options.play, names))
        print("bound", flush=True)
        begin_ns = int(sys.stdin.readline())
        for number, pixels in enumerate(padded):
            exposed_ns = begin_ns + number * period_ns
            while (left_ns := exposed_ns + period_ns // 4 - time.monotonic_ns()) > 0:
                publisher.serve()
                time.sleep(min(left_ns / 1e9, 0.005))
            confidence = np.where(np.isfinite(pixels[:, 0]), 0.9, 0.0)
            now_ns = time.monotonic_ns()
            publish_pose(
                publisher,
                Frame(image=np.zeros((2, 2), np.uint8), number=number, exposed_ns=exposed_ns, received_ns=now_ns),
                Pose(points=np.column_stack((pixels, confidence))[None].astype(np.float32), mm=None),
                names=names,
                now_ns=now_ns,
            )
            if number % 10 == 0:
                publisher.alive(frame=number, received_ns=now_ns, interval_ms=1000.0, open_events=[])


def joined(options: argparse.Namespace, rig: Any, frames: int) -> Heard:
    """Both cameras and the rig, as processes; what came of it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rigtrack-bench-")))
        (folder / "rig.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(rig)))
        streams = {name: f"ipc://{folder}/{name}" for name in CAMERAS}
        settings = {"rig": "rig.yaml", "name": "space", "join": "number", "publisher": {"bind": [f"ipc://{folder}/space"]}}
        settings |= {"control": {"bind": f"ipc://{folder}/control"}, "streams": list(streams.values())}
        settings |= {"largest_error_px": LARGEST_ERROR_PX, "deadline_ms": 1000}
        (folder / "triangulate.yaml").write_text(yaml.safe_dump(settings))
        common = ["--data", str(options.data), "--rate", str(options.rate)]
        cameras = []
        for name, address in streams.items():
            command = [sys.executable, __file__, "--play", name, "--address", address, *common]
            process = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            cameras.append(process)
        for process in cameras:
            process.stdout.readline()  # type: ignore[union-attr]
        command = [sys.executable, "-m", "tracker", "triangulate", "--config", str(folder / "triangulate.yaml")]
        space = stack.enter_context(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        stack.callback(space.kill)
        with Client([*streams.values(), f"ipc://{folder}/space"], kinds=("pose", "pose3d", "status"), high_water_mark=100_000) as client:
            while not (isinstance(message := client.receive(60.0), StatusMessage) and message.rig):
                pass  # until the rig is there
            begin_ns = time.monotonic_ns() + 500_000_000
            for process in cameras:
                print(begin_ns, file=process.stdin, flush=True)
            heard = listen(client, until_ns=begin_ns + round((LEAD + frames) * 1e9 / options.rate) + 2_000_000_000)
        space.send_signal(signal.SIGTERM)
        if space.wait(30) != 0:
            raise SystemExit("rig_labels: tracker triangulate did not end well")
    return heard


def judged(heard: Heard, rig: Any, names: tuple[str, ...], seen: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    """Compare with the labels, (cameras, frames, K, 2)."""
    triangulate = RigTriangulation(rig, confidence=0.3, largest_error_px=LARGEST_ERROR_PX)
    errors: dict[str, list[float]] = {name: [] for name in names}
    both = np.isfinite(seen).all(axis=(0, 3))
    wrong = moments = placed = 0
    apart_mm = 0.0
    for moment in heard.moments:
        numbers = set(moment.frames.values())
        wrong += len(numbers - {None}) != 1
        number = min(each for each in numbers if each is not None) - LEAD
        if number < 0 or None in numbers:
            continue
        moments += 1
        pixels = seen[:, number].astype(np.float32).astype(np.float64)
        confidence = np.where(np.isfinite(pixels[..., :1]), 0.9, 0.0)
        at_once = triangulate(np.concatenate((pixels, confidence), axis=2))
        for place, name in enumerate(names):
            x, y, z, _ = moment.animals[0].points[name]
            error_px = moment.animals[0].error_px[name]
            if x is not None and y is not None and z is not None and error_px is not None:
                placed += 1
                errors[name].append(error_px)
                apart_mm = max(apart_mm, float(np.abs(np.array([x, y, z]) - at_once.mm[place]).max()))
    every = [error for found in errors.values() for error in found]
    return {
        "moments": moments,
        "wrong_pairings": wrong,
        "seen_by_both": int(both.sum()),
        "placed": placed,
        "error_px": {f"p{share}": round(float(np.percentile(every, share)), 3) for share in (50, 90, 99)},
        "error_px_p50_by_point": {name: round(float(np.median(found)), 2) for name, found in errors.items() if found},
        "apart_from_at_once_mm": round(apart_mm, 6),
    }


def edges(folder: Path) -> list[tuple[str, str]]:
    """Which key points are joined by a line."""
    with h5py.File(folder / CAMERAS[0] / f"minimal_{CAMERAS[0]}_proofread.analysis.h5") as file:
        return [(one.decode(), other.decode()) for one, other in file["edge_names"][:]]


def draw(path: Path, heard: Heard, rig: Any, names: tuple[str, ...], seen: np.ndarray[Any, Any], lines: list[tuple[str, str]]) -> None:
    """One moment as both cameras' labels have it and as it was published, in px and in space, and how far the two are apart."""
    number_of = {LEAD + number: number for number in range(seen.shape[1])}
    places = np.full((seen.shape[1], len(names), 4), np.nan)
    for moment in heard.moments:
        known = [number_of[frame] for frame in moment.frames.values() if frame in number_of]
        for index, name in enumerate(names):
            if known and moment.animals and moment.animals[0].error_px[name] is not None:
                places[known[0], index] = [*moment.animals[0].points[name][:3], moment.animals[0].error_px[name]]
    joined_by = [(names.index(one), names.index(other)) for one, other in lines]
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    grid = figure.add_gridspec(2, 3, width_ratios=(1.1, 1.0, 0.9))
    for row, camera in enumerate(CAMERAS):
        _draw_view(figure.add_subplot(grid[row, 0]), camera, seen[row, SHOWN], seen_by(rig, places[SHOWN, :, :3])[row], joined_by)
    _draw_space(figure.add_subplot(grid[:, 1], projection="3d"), places[SHOWN, :, :3], joined_by)
    order = sorted(
        np.flatnonzero(np.isfinite(places[..., 3]).any(axis=0)).tolist(), key=lambda index: -float(np.nanmedian(places[:, index, 3]))
    )
    errors = figure.add_subplot(grid[:, 2])
    errors.boxplot(
        [places[np.isfinite(places[:, index, 3]), index, 3] for index in order],
        orientation="horizontal",
        tick_labels=[names[index] for index in order],
        whis=(5, 95),
        showfliers=False,
        medianprops={"color": ORANGE},
    )
    errors.set_xlabel("px from the labels\n(box: half of all, whiskers: 90 %)")
    errors.set_title(f"all {seen.shape[1]} moments, by key point", fontsize=10)
    errors.set_xlim(0, None)
    figure.savefig(path, dpi=90)


def _draw_view(axes: Axes, camera: str, labelled: Any, projected: Any, joined_by: list[tuple[int, int]]) -> None:
    for one, other in joined_by:
        axes.plot(*projected[[one, other]].T, color=BLUE, linewidth=1, alpha=0.6)
    axes.plot(*projected.T, ".", color=BLUE, markersize=6, label="published place, projected")
    axes.plot(*labelled.T, "o", markerfacecolor="none", color=ORANGE, markersize=8, label="label")
    axes.set_aspect("equal", adjustable="datalim")
    axes.invert_yaxis()
    axes.set_title(f"camera {camera}, px", fontsize=10)
    if camera == CAMERAS[0]:
        axes.legend(fontsize=8)


def _draw_space(axes: Any, mm: Any, joined_by: list[tuple[int, int]]) -> None:
    """Places (K, 3) in the first camera's frame, Z away from it; drawn with that camera's down as down."""
    for one, other in joined_by:
        axes.plot(mm[[one, other], 0], mm[[one, other], 2], -mm[[one, other], 1], color=BLUE, linewidth=1.2)
    axes.scatter(mm[:, 0], mm[:, 2], -mm[:, 1], color=BLUE, s=14)
    axes.set(xlabel="X, mm", ylabel="Z, mm", zlabel="-Y, mm")
    axes.set_aspect("equal")
    axes.set_title("the same moment in space", fontsize=10)
    axes.locator_params(nbins=4)
    axes.tick_params(labelsize=7, pad=0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=30.0, help="moments a second (%(default)s, as the videos)")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with rig_charuco (%(default)s)")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw one moment, and the errors of all")
    parser.add_argument("--play", help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = options.data / "rig_charuco"
    if options.play:
        play(options)
        return
    if not folder.is_dir():
        print(json.dumps({"rig_charuco": f"skipped: not in {options.data}"}))
        return
    rig = solve_rig(real_cameras(folder), read_board(folder / "board.toml"))
    (names, back), (others, mid) = (labels(folder, camera) for camera in CAMERAS)
    seen = np.stack((back, mid[:, [others.index(name) for name in names]]))
    heard = joined(options, rig, seen.shape[1])
    print(json.dumps(judged(heard, rig, names, seen), indent=2))
    if options.picture is not None:
        draw(options.picture, heard, rig, names, seen, edges(folder))


if __name__ == "__main__":
    main()
