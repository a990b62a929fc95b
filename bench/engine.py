"""How long from a camera image to coordinates in its pixels: our engine in fp32 and bf16, and two peers, in one run.

Every launch is a process of its own, because small networks run at one of two speeds for the life of a process; contenders take
turns, so that a machine that drifts drifts for all of them. A figure is the median over launches of that launch's p50, p99, p99.9
or max. Warm-up is excluded.

    python bench/engine.py models/mouse --json
    python bench/engine.py --contenders openvino-fp32,openvino-bf16     # a small hand-made network, without a trained bundle
    python bench/engine.py models/new --beside models/old --contenders openvino-fp32,beside-fp32
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

HEIGHT, WIDTH, POINTS = 480, 640, 4
CONTENDERS = ("openvino-fp32", "openvino-bf16", "unet-stride2", "unet-stride4", "resnet50")
OURS = CONTENDERS[:2]
BESIDE = ("beside-fp32", "beside-bf16")  # another bundle of ours
LONGEST_S = 10.0  # a slow contender measures fewer frames rather than longer
FEWEST = 10  # frames of a contender that is slower still
SLOW_MS = 1000.0  # opening and first frame together; fewer frames of warm-up then
IDLE = 0.5  # load average of a machine that does nothing else
FIGURES = ("p50", "p99", "p99_9", "max")

Locate = Callable[[NDArray[np.uint8]], Any]


def main() -> int:
    """Take turns, then print."""
    arguments = parse()
    if arguments.measure:
        print(json.dumps(measure(arguments)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        bundle = prepare(Path(folder), arguments)
        contenders = arguments.contenders.split(",")
        known = CONTENDERS if arguments.beside is None else (*CONTENDERS, *BESIDE)
        if unknown := set(contenders) - set(known):
            print(f"bench/engine.py: no contender {', '.join(sorted(unknown))}; expected some of {', '.join(known)}", file=sys.stderr)
            return 2
        load = os.getloadavg()[0]
        if load > IDLE:
            print(f"bench/engine.py: the machine is busy (load {load:.1f}): neither times nor ratios will hold elsewhere", file=sys.stderr)
        turns = [name for _ in range(arguments.launches) for name in contenders]
        results = [launch(name, bundle, Path(folder), arguments) for name in track(turns, "measuring", console=Console(stderr=True))]
    report = summarise(results, contenders) | facts(arguments, load)
    if arguments.json:
        print(json.dumps(report))
    else:
        show(report)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", type=Path, help="engine bundle; without one a small hand-made network is used")
    parser.add_argument("--beside", type=Path, metavar="BUNDLE", help="a second bundle, for the contenders beside-fp32 and beside-bf16")
    parser.add_argument("--contenders", default=",".join(CONTENDERS), help="which, separated by commas (default: all)")
    parser.add_argument("--launches", type=int, default=5, help="processes for each contender (default: 5)")
    parser.add_argument("--frames", type=int, default=3000, help="frames for each launch, within 10 s (default: 3000)")
    parser.add_argument("--warm-up", type=int, default=50, help="frames of each launch that are not measured (default: 50)")
    parser.add_argument("--threads", type=int, default=2, help="CPU cores for everybody (default: 2)")
    parser.add_argument(
        "--processor-time", action="store_true", help="of the process, instead of the clock's: for one thread beside others"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--measure", choices=(*CONTENDERS, *BESIDE), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def prepare(folder: Path, arguments: argparse.Namespace) -> Path:
    """Make what the contenders need and say where our bundle is."""
    from peers.unet import export_unet

    for stride in (2, 4):
        if f"unet-stride{stride}" in arguments.contenders:
            export_unet(folder / f"unet-stride{stride}.onnx", points=POINTS, height=HEIGHT, width=WIDTH, stride=stride)
    if arguments.bundle is not None:
        return Path(arguments.bundle)
    from peers.small_bundle import write_small_bundle

    return write_small_bundle(folder / "small", height=HEIGHT, width=WIDTH).folder


def launch(name: str, bundle: Path, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, str(arguments.beside if name in BESIDE else bundle), "--measure", name, "--folder", str(folder)]
    command += ["--frames", str(arguments.frames), "--threads", str(arguments.threads), "--warm-up", str(arguments.warm_up)]
    command += ["--processor-time"] if arguments.processor_time else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"bench/engine.py: {name} failed with status {done.returncode}; its words are above")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """One launch of one contender: frames of noise, so that nothing is answered from a cache."""
    started = time.perf_counter_ns()
    locate, description = contender(arguments)
    frames = np.random.default_rng(0).integers(0, 256, (8, HEIGHT, WIDTH), dtype=np.uint8)
    locate(frames[0])
    first_ms = (time.perf_counter_ns() - started) / 1e6
    for index in range(arguments.warm_up if first_ms < SLOW_MS else min(arguments.warm_up, FEWEST // 3)):
        locate(frames[index % len(frames)])
    taken: list[int] = []
    clock = time.process_time_ns if arguments.processor_time else time.perf_counter_ns
    end = time.perf_counter_ns() + int(1e9 * LONGEST_S)
    while len(taken) < arguments.frames and (len(taken) < FEWEST or time.perf_counter_ns() < end):
        before = clock()
        locate(frames[len(taken) % len(frames)])
        taken.append(clock() - before)
    ms = np.array(taken) / 1e6
    figures = dict(zip(FIGURES, [*np.quantile(ms, [0.5, 0.99, 0.999]), ms.max()], strict=True))
    return {"contender": arguments.measure, "description": description, "frames": len(ms), "first_ms": first_ms, **figures}


def contender(arguments: argparse.Namespace) -> tuple[Locate, str]:
    """Open one contender in this process."""
    name: str = arguments.measure
    if name in (*OURS, *BESIDE):
        return ours(arguments.bundle, name.rpartition("-")[2], arguments.threads)
    if name == "resnet50":
        from peers.resnet50_deconv import ResNet50Peer

        resnet = ResNet50Peer(points=POINTS, threads=arguments.threads)
        return resnet.locate, resnet.description
    from peers.unet import UNetPeer

    unet = UNetPeer(arguments.folder / f"{name}.onnx", threads=arguments.threads, stride=int(name[-1]))
    return unet.locate, unet.description


def ours(folder: Path, precision: str, threads: int) -> tuple[Locate, str]:
    from tracker.bundle import read_bundle
    from tracker.engines.inference import Inference
    from tracker.engines.open_engine import open_engine
    from trainer.scoring.engine_choice import EngineChoice

    cv2.setNumThreads(1)  # as the daemon does
    bundle = read_bundle(folder)
    settings = EngineChoice(runtime="openvino", precision=precision, threads=threads, gpu=0).settings(bundle)  # type: ignore[arg-type]
    engine = open_engine(bundle, settings, say=lambda _: None)
    description = f"{bundle.description.name} ({bundle.description.network}), {engine.runtime}, {precision}"
    return Inference(bundle, engine, source_shape=(HEIGHT, WIDTH)).points, description


def summarise(results: list[dict[str, Any]], contenders: list[str]) -> dict[str, Any]:
    """Medians over launches, their range, and how many times slower each peer is than the faster of ours."""
    table: dict[str, Any] = {}
    for name in contenders:
        launches = [result for result in results if result["contender"] == name]
        p50s = [result["p50"] for result in launches]
        figures = {figure: round(statistics.median(result[figure] for result in launches), 3) for figure in (*FIGURES, "first_ms")}
        table[name] = {
            "description": launches[0]["description"],
            **figures,
            "p50_range": [round(min(p50s), 3), round(max(p50s), 3)],
            "launches": len(launches),
            "frames": min(result["frames"] for result in launches),
        }
    own = {name: table[name]["p50"] for name in OURS if name in table}
    ratios = {
        f"{name} / {mine}": round(table[name]["p50"] / p50, 2 if name in BESIDE else 1)
        for name in contenders
        if name not in OURS
        for mine, p50 in own.items()
    }
    return {"ms": table, "ratios": ratios}


def facts(arguments: argparse.Namespace, load: float) -> dict[str, Any]:
    """What the figures hold for."""
    model = next((line.partition(":")[2].strip() for line in _cpu_lines() if line.startswith("model name")), platform.processor())
    machine = f"{model}, {os.cpu_count()} cores, load {load:.1f} before"
    clock = "processor time" if arguments.processor_time else "wall clock"
    return {"frame": [WIDTH, HEIGHT], "threads": arguments.threads, "clock": clock, "machine": machine, "python": platform.python_version()}


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def show(report: dict[str, Any]) -> None:
    table = Table("contender", "p50 ms", "p99", "p99.9", "max", "p50 range", "launches x frames", title=report["machine"])
    for name, row in report["ms"].items():
        low, high = row["p50_range"]
        table.add_row(name, *[f"{row[figure]:.2f}" for figure in FIGURES], f"{low:.2f}..{high:.2f}", f"{row['launches']} x {row['frames']}")
    console = Console()
    console.print(table)
    for name, row in report["ms"].items():
        console.print(f"{name}: {row['description']}", highlight=False)
    for pair, ratio in report["ratios"].items():
        console.print(f"{pair}: {ratio}")


if __name__ == "__main__":
    sys.exit(main())
