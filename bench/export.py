"""What exporting a long session costs: time and memory of each format, over a session of so many frames that is made up.

    python bench/export.py --frames 500000 --points 13

Every format is written by a process of its own. Memory is the largest resident set of that process, and how much of it came after the
libraries were loaded. The video is a few frames long: no format reads its images.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tracker.config import RecordingConfig, load_config
from tracker.frame import Frame
from tracker.messages import VERSION, SetupMessage, encoder
from tracker.recording.describe import describe
from tracker.recording.session import CLOSED_FILE, EVENTS_FILE, FRAMES_FILE, SESSION_FILE, SETUPS_FILE, Closed, video_name, write_part
from tracker.recording.tables import EVENTS, FRAMES
from tracker.recording.video_segment import VideoSegment

FORMATS = ("parquet", "csv", "dlc", "sleap", "nwb")
BATCH = 50  # rows: what is written at 100 frames per second, every half second
ROOT = Path(__file__).resolve().parents[1]
WRITE = """
import json, sys, time
from pathlib import Path
from tracker.export.export_session import Wanted, export_session
from tracker.recording.read_session import RecordedSession
import tracker.export.deeplabcut, tracker.export.nwb, tracker.export.sleap, tracker.export.table
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024)
loaded, begin = peak(), time.monotonic()
form, folder = sys.argv[1], Path(sys.argv[2])
written = export_session(RecordedSession(folder), Wanted(form=form))
size = sum(path.stat().st_size for path in written.files) / 1e6
seconds = round(time.monotonic() - begin, 1)
print(json.dumps({"s": seconds, "peak_mb": peak(), "loaded_mb": loaded, "file_mb": round(size, 1)}))
"""


def make_session(folder: Path, *, frames: int, points: int, animals: int = 1, absent: float = 0.0) -> None:
    """Animals that jump about, 100 frames per second, with millimetres; a share of the key points is absent."""
    config = load_config(ROOT / "examples" / "synthetic.yaml")
    image = np.zeros((64, 96), np.uint8)
    first = Frame(image=image, number=0, exposed_ns=None, received_ns=0)
    folder.mkdir()
    description = describe(config, RecordingConfig(), [first], camera_description="made up", stream_session="a", meta={})
    write_part(folder, SESSION_FILE, description)
    with VideoSegment(folder / video_name(1), description.video) as video:
        for _ in range(10):
            video.write(image)
    setup = SetupMessage(
        v=VERSION, camera=config.name, session="a", frame=-1, received_ns=0, published_ns=0, setup=1, cause="start", bundle="made-up",
        bundle_sha256="0" * 64, point_names=[f"point{place}" for place in range(points)], calibrated=True, zones=[], behaviour=[],
    )  # fmt: skip
    (folder / SETUPS_FILE).write_bytes(encoder()(setup) + b"\n")
    with pa.OSFile(str(folder / FRAMES_FILE), "wb") as file, pa.ipc.new_stream(file, FRAMES) as stream:
        for begin in range(0, frames, BATCH):
            stream.write_batch(_rows(begin, min(BATCH, frames - begin), points * animals, absent))
    with pa.OSFile(str(folder / EVENTS_FILE), "wb") as file, pa.ipc.new_stream(file, EVENTS):
        pass
    write_part(folder, CLOSED_FILE, Closed(reason="stopped", frames=frames, dropped=0, segments=[frames]))


def _rows(begin: int, count: int, points: int, absent: float) -> pa.RecordBatch:
    numbers = np.arange(begin, begin + count)
    rng = np.random.default_rng(begin)
    zeros = np.zeros(count, np.int64)
    empty = pa.array([[]] * count, FRAMES.field("ended").type)
    score = pa.array([[("rearing", 0.5)]] * count, FRAMES.field("scores").type)
    offsets = np.arange(count + 1, dtype=np.int32)
    places = rng.random((count, points, 3), np.float32)
    places[rng.random((count, points)) < absent] = np.nan
    columns: dict[str, Any] = {
        "ordinal": numbers,
        "segment": zeros + 1,
        "frame": numbers,
        "exposed_ns": numbers * 10_000_000,
        "received_ns": numbers * 10_000_000 + rng.integers(0, 100_000, count),
        "points": pa.ListArray.from_arrays(offsets * points * 3, pa.array(places.ravel())),
        "mm": pa.ListArray.from_arrays(offsets * points * 2, pa.array(rng.random(count * points * 2))),
        "ended": empty,
        "scores": score,
        "brightness": pa.array([[]] * count, FRAMES.field("brightness").type),
        "without_network": pa.array([[]] * count, FRAMES.field("without_network").type),
        "motion": rng.random(count),
        "setup": zeros + 1,
    }
    return pa.RecordBatch.from_arrays(
        [
            pa.array(columns.get(field.name, zeros), field.type) if field.name not in ("points", "mm") else columns[field.name]
            for field in FRAMES
        ],
        schema=FRAMES,
    )


def main() -> None:
    """Make a session, write it in every format, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=500_000, help="of the session (%(default)s)")
    parser.add_argument("--points", type=int, default=13, help="key points (%(default)s)")
    parser.add_argument("--to", nargs="+", choices=FORMATS, default=list(FORMATS), help="formats (all)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result: dict[str, Any] = {"frames": options.frames, "points": options.points}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "session"
        begin = time.monotonic()
        make_session(folder, frames=options.frames, points=options.points)
        result["rows_mb"] = round((folder / FRAMES_FILE).stat().st_size / 1e6, 1)
        print(f"session made in {time.monotonic() - begin:.0f} s", file=sys.stderr)
        for form in options.to:
            answer = subprocess.run([sys.executable, "-c", WRITE, form, str(folder)], capture_output=True, text=True, check=False)
            if answer.returncode:
                raise SystemExit(f"export: {form} failed:\n{answer.stderr}")
            result[form] = json.loads(answer.stdout)
    if options.json:
        print(json.dumps(result))
        return
    for name, figures in result.items():
        print(f"{name}: {figures}")


if __name__ == "__main__":
    main()
