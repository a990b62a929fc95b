"""`tracker triangulate` over real sockets: processes that publish what synthetic cameras see, and how soon, how truly it is joined.

Every camera is a process of its own that publishes poses with the tracker's own publisher, at the pulses of one trigger, and leaves
some out at random; the truth of every pulse is known. Prints how long after the last pose of a moment its place was published (beside
how long a pose takes to a subscriber that does nothing else), how many pairings were wrong, and how far the places are from the
truth. Corners of a real board are triangulated too, where the data are.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import yaml
from publish_pose import publish_pose

from calib.assessment import solve_and_assess
from calib.board import read_board
from calib.images import find_views, named_by_moment
from calib.rig import RigCameraViews, seen_at, solve_rig
from tracker.client import Client, Pose3DMessage, PoseMessage, StatusMessage
from tracker.config import PublisherConfig
from tracker.frame import Frame
from tracker.messages import VERSION
from tracker.pose import Pose
from tracker.stream.publisher import Publisher
from tracker.triangulation.cameras import unix_offset_ns
from tracker.triangulation.places import RigTriangulation
from tracker.triangulation.synthetic import IMAGE_SIZE, POINT_NAMES, places_mm, seen_by, synthetic_rig

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ENGINE_NS = 3_000_000  # from exposure to the published pose
LEAD_S = 1.0  # from the first pulse to the first that counts: the rig learns period and offsets


def play(options: argparse.Namespace) -> None:
    """One camera: publish its poses from a given time on."""
    rig, chance = synthetic_rig(options.play), random.Random(options.play)
    noise, period_ns = np.random.default_rng(7), round(1e9 / options.rate)
    with Publisher(PublisherConfig(bind=(options.address,)), camera=options.play) as publisher:
        publisher.status(status(publisher, options.play))
        print("bound", flush=True)
        begin_ns = int(sys.stdin.readline())
        image = np.zeros((2, 2), np.uint8)
        for pulse in range(options.pulses):
            exposed_ns = begin_ns + pulse * period_ns
            while (left_ns := exposed_ns + ENGINE_NS - time.monotonic_ns()) > 0:
                publisher.serve()
                time.sleep(min(left_ns / 1e9, 0.005))
            if chance.random() < options.drop:
                continue
            pixels = seen_by(rig, places_mm(pulse))[0] + noise.normal(0, options.noise, (2, 2))
            points = np.column_stack((pixels, np.full(2, 0.9)))[None].astype(np.float32)
            now_ns = time.monotonic_ns()
            publish_pose(
                publisher,
                Frame(image=image, number=pulse + options.first, exposed_ns=exposed_ns, received_ns=exposed_ns + ENGINE_NS // 2),
                Pose(points=points, mm=None),
                names=POINT_NAMES,
                now_ns=now_ns,
            )
            if pulse % 10 == 0:
                publisher.alive(frame=pulse, received_ns=exposed_ns, interval_ms=100.0, open_events=[])


def status(publisher: Publisher, camera: str, names: tuple[str, ...] = POINT_NAMES) -> StatusMessage:
    """What a tracker says of itself, as far as a rig reads it."""
    return StatusMessage(
        v=VERSION,
        camera=camera,
        session=publisher.session,
        frame=-1,
        received_ns=0,
        published_ns=time.monotonic_ns(),
        state="tracking",
        point_names=list(names),
        skeleton=[],
        class_names=[],
        zones=[],
        image_size=IMAGE_SIZE,
        bundle="",
        bundle_sha256="",
        runtime="",
        device="",
        precision="",
        fps={},
        latency_ms={},
        counters={},
        unix_offset_ns=unix_offset_ns(),
        setup=1,
        field_of_view="",
        problems=[],
    )


def joined(options: argparse.Namespace) -> dict[str, Any]:
    """Run the cameras and the rig, and judge every moment by the truth."""
    names = tuple(synthetic_rig().cameras[index].name for index in range(options.cameras))
    pulses = round((LEAD_S + options.seconds) * options.rate)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rigtrack-bench-")))
        (folder / "rig.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(synthetic_rig(*names))))
        settings = {"rig": "rig.yaml", "name": "space", "join": options.join, "publisher": {"bind": [f"ipc://{folder}/space"]}}
        settings["control"] = {"bind": f"ipc://{folder}/control"}
        settings |= {"streams": [f"ipc://{folder}/{name}" for name in names]}
        settings |= {"deadline_ms": options.deadline_ms} if options.deadline_ms else {}
        (folder / "triangulate.yaml").write_text(yaml.safe_dump(settings))
        cameras = [stack.enter_context(camera(options, folder, name, index, pulses)) for index, name in enumerate(names)]
        for process in cameras:
            process.stdout.readline()  # type: ignore[union-attr]
        command = [sys.executable, "-m", "tracker", "triangulate", "--config", str(folder / "triangulate.yaml")]
        rig = stack.enter_context(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        stack.callback(rig.kill)
        streams = [f"ipc://{folder}/{name}" for name in (*names, "space")]
        with Client(streams, kinds=("pose", "pose3d", "status"), high_water_mark=100_000) as client:
            while not (isinstance(message := client.receive(60.0), StatusMessage) and message.rig):
                pass  # until the rig is there
            begin_ns = time.monotonic_ns() + 500_000_000
            for process in cameras:
                print(begin_ns, file=process.stdin, flush=True)
            used_s = cpu_s(rig.pid)
            heard = listen(client, until_ns=begin_ns + round(pulses * 1e9 / options.rate) + 1_000_000_000)
            used_s = cpu_s(rig.pid) - used_s
        rig.send_signal(signal.SIGTERM)
        if rig.wait(30) != 0:
            raise SystemExit("tracker triangulate did not end well")
    return judged(options, heard, names) | {"cpu_ms_per_moment": round(1e3 * used_s / max(1, len(heard.moments)), 3)}


def cpu_s(process: int) -> float:
    """Processor time that a process has used so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def camera(options: argparse.Namespace, folder: Path, name: str, index: int, pulses: int) -> "subprocess.Popen[str]":
    """Start the process of one camera."""
    command = [sys.executable, __file__, "--play", name, "--address", f"ipc://{folder}/{name}", "--first", str(1000 * index)]
    command += ["--pulses", str(pulses), "--rate", str(options.rate), "--drop", str(options.drop), "--noise", str(options.noise)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ)


class Heard:
    """What was heard: moments, the rig's last status, and how long a pose took to a subscriber that does nothing else, ms."""

    def __init__(self) -> None:
        self.moments: list[Pose3DMessage] = []
        self.state: StatusMessage | None = None
        self.subscriber_ms: list[float] = []
        self.published_ns: dict[tuple[str, int], int] = {}  # of every pose, by camera and frame


def listen(client: Client, *, until_ns: int) -> Heard:
    """Listen until then."""
    heard = Heard()
    while time.monotonic_ns() < until_ns:
        message = client.receive(0.2)
        if isinstance(message, Pose3DMessage):
            heard.moments.append(message)
        elif isinstance(message, PoseMessage):
            heard.published_ns[message.camera, message.frame] = message.published_ns
            heard.subscriber_ms.append((time.monotonic_ns() - message.published_ns) / 1e6)
        elif isinstance(message, StatusMessage) and message.rig:
            heard.state = message
    return heard


def judged(options: argparse.Namespace, heard: Heard, names: tuple[str, ...]) -> dict[str, Any]:
    """Compare with the truth, from `LEAD_S` on."""
    moments, state = heard.moments, heard.state
    first = {name: 1000 * index for index, name in enumerate(names)}
    wrong = whole = partial = 0
    errors, reprojection, after_ms = [], [], []
    for moment in moments:
        pulses = {number - first[name] for name, number in moment.frames.items() if number is not None}
        wrong += len(pulses) != 1
        if min(pulses) < LEAD_S * options.rate:
            continue
        whole += len([number for number in moment.frames.values() if number is not None]) == len(names)
        partial += any(number is None for number in moment.frames.values())
        if None not in moment.frames.values():
            last_ns = max(heard.published_ns[name, number] for name, number in moment.frames.items() if number is not None)
            after_ms.append((moment.published_ns - last_ns) / 1e6)
        truth = places_mm(min(pulses))
        for name, place in zip(POINT_NAMES, truth, strict=True):
            x, y, z, _ = moment.animals[0].points[name]
            if x is not None and y is not None and z is not None:
                errors.append(float(np.linalg.norm(np.array([x, y, z]) - place)))
                reprojection.append(moment.animals[0].error_px[name])
    latency = state.latency_ms if state is not None else {}
    return {
        "cameras": len(names),
        "join": options.join,
        "moments": len(moments),
        "wrong_pairings": wrong,
        "whole": whole,
        "partial": partial,
        "counters": None if state is None else state.counters,
        "error_mm": percentiles(errors),
        "reprojection_px": percentiles([each for each in reprojection if each is not None]),
        "subscriber_ms": {f"p{share}": round(float(np.percentile(heard.subscriber_ms, share)), 3) for share in (50, 90, 99)},
        "after_last_pose_ms": {f"p{share}": round(float(np.percentile(after_ms, share)), 3) for share in (50, 90, 99)},
        "own_ms": latency.get("own"),
        "triangulate_ms": latency.get("triangulate"),
        "period_ms": round(1e3 / options.rate, 3),
    }


def percentiles(values: list[float]) -> dict[str, float] | None:
    """Rms, p95 and maximum; None without values."""
    if not values:
        return None
    found = np.asarray(values)
    p95 = float(np.percentile(found, 95))
    return {"rms": round(float(np.sqrt(np.mean(found**2))), 4), "p95": round(p95, 4), "max": round(float(found.max()), 4)}


def real_board(folder: Path) -> dict[str, Any] | str:
    """Corners of a real board in two cameras: lengths between them against the board's."""
    if not folder.is_dir():
        return f"skipped: {folder.name} is not in {folder.parent}"
    board, cameras = read_board(folder / "board.toml"), real_cameras(folder)
    triangulate = RigTriangulation(solve_rig(cameras, board), confidence=0.3, largest_error_px=10.0)
    return lengths(triangulate, [seen_at(cameras, board, view.name) for view in cameras[0].views], board.square_mm)


def real_cameras(folder: Path) -> list[RigCameraViews]:
    """Both cameras of the real rig with the boards that they saw, and their lenses solved from these."""
    board, cameras = read_board(folder / "board.toml"), []
    for name in ("back", "mid"):
        found = find_views(folder / name / "calibration_images", board, every=1, progress=lambda done, of: None)
        lens = solve_and_assess(list(found.views), size=found.size, model="five_parameter").solution.lens
        cameras.append(RigCameraViews(name=name, lens=lens, reasons=(), views=named_by_moment(found.views, name)))
    return cameras


def lengths(triangulate: RigTriangulation, seen: list[Any], square_mm: float) -> dict[str, Any]:
    """Neighbouring corners are a square apart, whatever the board's place."""
    errors, reprojection, columns = [], [], None
    for pixels in seen:
        places = triangulate(np.concatenate((pixels, np.ones((*pixels.shape[:2], 1))), axis=2))
        columns = 7
        grid = places.mm.reshape(-1, columns, 3)
        for axis in (0, 1):
            apart = np.linalg.norm(np.diff(grid, axis=axis), axis=2)
            errors += (apart[np.isfinite(apart)] - square_mm).tolist()
        reprojection += places.error_px[np.isfinite(places.error_px)].tolist()
    return {
        "lengths": len(errors),
        "square_mm": square_mm,
        "bias_mm": round(float(np.mean(errors)), 4),
        "error_mm": percentiles(errors),
    } | {"reprojection_px": percentiles(reprojection)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=100.0, help="pulses a second")
    parser.add_argument("--cameras", type=int, choices=(2, 3, 4), default=2)
    parser.add_argument("--drop", type=float, default=0.05, help="share of frames that each camera loses")
    parser.add_argument("--noise", type=float, default=0.0, help="px, standard deviation of every coordinate")
    parser.add_argument("--join", choices=("time", "number"), default="number")
    parser.add_argument("--deadline-ms", type=float, help="instead of half a period")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with rig_charuco (%(default)s)")
    parser.add_argument("--play", help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--pulses", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.play:
        play(options)
    else:
        print(json.dumps(joined(options) | {"rig_charuco": real_board(options.data / "rig_charuco")}, indent=2))


if __name__ == "__main__":
    main()
