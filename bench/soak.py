"""Hours at full rate with a recording, a viewer and two subscribers: is anything that must stay flat growing?

    python bench/soak.py --bundle demo/model --hours 2 --folder /data/soak --out soak

Synthetic camera, 640x480 at 100 frames per second. Attached: this process and one more subscriber, and a viewer that takes and decodes
every picture. The recording is one session, for the whole time; `--keep` leaves it, else it is deleted at the end. Looks at the tracker
every `--every-s`: memory (RSS, and what of it is the process's own, for libraries are shared with other programs), descriptors, threads,
bytes of the session, frames that the recorder dropped, that no subscriber got, that the camera lost; and takes the loop's time, from a
frame's receipt to its publication, in windows of `--window-s`.
Writes `soak.json` (again after every window, so that a run that is killed leaves what it had) and `soak.png`, and prints a verdict.
"""

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from daemon import daemon
from loop_latency import SUBSCRIBER, VIEWER
from rich.progress import Progress
from soak_verdict import BY_HAND, Sample, draw, slopes, verdict, window

from tracker.client import Client
from tracker.errors import RigtrackError
from tracker.messages import PoseMessage, StatusMessage
from tracker.stream.control import ask
from tracker.whole_files import write_whole

START_S = 60.0
ANSWER_S = 60.0
SHORT_ANSWER_S = 5.0


@dataclass(slots=True)
class Told:
    """What the stream said last."""

    record_dropped: int = 0
    lost: int = 0
    skipped: int = 0
    frames: int = 0


def look(pid: int, session: Path, told: Told, *, hours: float, gaps: int) -> Sample:
    """Look at the process and its session."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    number = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith(("VmRSS:", "RssAnon:", "Threads:"))}
    return Sample(
        hours=round(hours, 5),
        rss_mb=round(number["VmRSS"] / 1024, 2),
        anonymous_mb=round(number["RssAnon"] / 1024, 2),
        descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        threads=number["Threads"],
        disk_mb=round(sum(path.stat().st_size for path in session.iterdir()) / 1e6, 3),
        record_dropped=told.record_dropped,
        gaps=gaps,
        lost=told.lost,
        skipped=told.skipped,
    )


class Soak:
    """One run. Attributes are what was found so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.samples: list[Sample] = []
        self.windows: list[dict[str, float]] = []
        self.recorded: dict[str, Any] = {}
        self.stopped: str | None = None

    def run(self, folder: Path) -> None:
        """Run to the end of the time, or until Ctrl-C, or until the tracker is gone."""
        options = self.options
        sections: dict[str, Any] = {
            "camera": {"rate_hz": options.rate_hz},
            "engine": {"precision": options.precision, "threads": options.threads},
        }
        recording = {"folder": str(folder), "minimum_free_gb": 0.1}
        with (
            daemon(options.bundle, recording=recording, **sections) as (process, address),
            Client(address, kinds=("pose", "event", "status"), high_water_mark=100_000) as client,
        ):
            end = time.monotonic() + START_S
            while not isinstance(client.receive(1.0), PoseMessage):
                if time.monotonic() > end or process.poll() is not None:
                    raise SystemExit(
                        "soak: the tracker publishes no pose; run it by hand with examples/synthetic.yaml and this bundle to see why"
                    )
            others = [subprocess.Popen([sys.executable, "-c", code.format(address=address)]) for code in (SUBSCRIBER, VIEWER)]
            control = address.replace("/stream", "/control")
            try:
                session = Path(ask(control, {"command": "record_start"}, timeout_s=ANSWER_S)["folder"])
                self._watch(client, process, session)
                with suppress(RigtrackError):  # Ctrl-C ends the tracker too, which then closes the session itself
                    self.recorded = ask(control, {"command": "record_stop"}, timeout_s=ANSWER_S if self.stopped is None else SHORT_ANSWER_S)
            finally:
                for other in others:
                    other.kill()
                    other.wait()

    def write(self) -> dict[str, Any]:
        """The report as it stands, written whole."""
        found = slopes(self.samples)
        report = {
            "minutes": round(self.samples[-1].hours * 60, 3),
            "rate_hz": self.options.rate_hz,
            "frames": int(sum(each["frames"] for each in self.windows)),
            "verdict": verdict(self.samples, self.windows, found, stopped=self.stopped),
            "stopped": self.stopped,
            "slopes": found,
            "windows": self.windows,
            "recorded": self.recorded,
            "machine": platform.processor() or platform.machine(),
            "python": platform.python_version(),
            "samples": [asdict(sample) for sample in self.samples],
        }
        write_whole(self.options.out / "soak.json", json.dumps(report, indent=1).encode())
        return report

    def _watch(self, client: Client, process: "subprocess.Popen[bytes]", session: Path) -> None:
        options, told, times = self.options, Told(), list[float]()
        begun = window_begun = time.monotonic()
        first: Told | None = None
        gaps = sum(client.gaps.values())
        next_look = begun + options.every_s
        with Progress(disable=not sys.stderr.isatty()) as progress:
            task = progress.add_task("soaking", total=options.hours * 3600)
            try:
                while (now := time.monotonic()) < begun + options.hours * 3600:
                    message = client.receive(1.0)
                    if isinstance(message, PoseMessage):
                        times.append((message.published_ns - message.received_ns) / 1e6)
                        first = first or Told(lost=message.lost, skipped=message.skipped)
                        told.lost, told.skipped = message.lost - first.lost, message.skipped - first.skipped
                    elif isinstance(message, StatusMessage) and message.recording is not None:
                        told.record_dropped = message.recording.dropped
                    if process.poll() is not None:
                        self.stopped = f"the tracker ended with status {process.returncode}"
                        break
                    if now >= next_look:
                        next_look += options.every_s
                        missed = sum(client.gaps.values()) - gaps
                        with suppress(OSError):  # it ends at this moment, or a file of the session is renamed: the next look tells
                            self.samples.append(look(process.pid, session, told, hours=(now - begun) / 3600, gaps=missed))
                        progress.update(task, completed=now - begun)
                    if now >= window_begun + options.window_s:
                        self.windows.append(window((window_begun - begun) / 3600, (now - begun) / 3600, times))
                        window_begun, times = now, []
                        if len(self.samples) > 1:
                            self.write()
            except KeyboardInterrupt:
                self.stopped = BY_HAND
        if times:
            self.windows.append(window((window_begun - begun) / 3600, (time.monotonic() - begun) / 3600, times))


def main() -> None:
    """Run, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path(__file__).resolve().parents[1] / "demo" / "model")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--every-s", type=float, default=10.0, help="between two looks (%(default)s)")
    parser.add_argument("--window-s", type=float, default=600.0, help="over which the loop's time is summed up (%(default)s)")
    parser.add_argument("--rate-hz", type=float, default=100.0)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    parser.add_argument("--threads", type=int, default=1, help="of the engine (%(default)s)")
    parser.add_argument("--folder", type=Path, help="record into a new folder in here (the system's temporary folder)")
    parser.add_argument("--keep", action="store_true", help="keep the recording")
    parser.add_argument("--out", type=Path, default=Path("soak"), help="folder for soak.json and soak.png (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print soak.json")
    options = parser.parse_args()
    if not (options.bundle / "bundle.json").exists():
        raise SystemExit(f"soak: {options.bundle} is not a bundle; run `make demo` first, or name one with --bundle")
    if options.hours * 3600 < 3 * options.every_s:
        raise SystemExit(f"soak: {options.hours:g} h are too few for a look every {options.every_s:g} s; give three at least")
    options.out.mkdir(parents=True, exist_ok=True)
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="rigtrack-soak-", dir=options.folder))
    soak = Soak(options)
    try:
        soak.run(folder)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    if len(soak.samples) < 2:
        raise SystemExit(f"soak: ended after {len(soak.samples)} looks ({soak.stopped}); nothing can be said of it")
    report = soak.write()
    draw(options.out / "soak.png", report)
    print(json.dumps(report) if options.json else _lines(report, options.out))
    if soak.stopped is not None and soak.stopped != BY_HAND:
        raise SystemExit(f"soak: {soak.stopped}")


def _lines(report: dict[str, Any], out: Path) -> str:
    said = [f"{report['minutes']:.1f} min, {report['frames']} frames: {report['verdict']['sentence']}"]
    said += [
        f"{name:<12} {each['per_hour']:+10.3f} per hour (standard error {each['standard_error']:.3f})"
        for name, each in report["slopes"].items()
    ]
    said += [f"p99 {each['p99_ms']:8.3f} ms, {each['fps']:7.2f} frames per second, to {each['ends_h']:.2f} h" for each in report["windows"]]
    return "\n".join([*said, str(out / "soak.json"), str(out / "soak.png")])


if __name__ == "__main__":
    main()
