"""How fast recorded videos are analysed, beside what decoding alone and the engine alone allow, and beside others, in one run.

    python bench/analyse.py --bundle demo/model --video ../shared/data/dlc_openfield/videos/m3v1mp4.mp4
    taskset -c 1 python bench/analyse.py --bundle runs/peers/reach-5epochs/ours --sleap-nn runs/peers/reach-5epochs

Contenders take turns on the same video and the same cores; a figure is the median over turns. `decode` is FFmpeg's decoding alone,
`images` decoding and conversion to images as the network takes them, `engine` the network alone on such images in memory, an engine
of one thread on each core, `analyse` everything from the file to a finished session, without opening the engine. `unet` is a
SLEAP-like U-Net, which decodes too, `sleap_nn` its own command for videos with the graph that it exported in a training of
peers/train.py, once it is warm; both see fewer frames. CPU times are of all threads. Frames per second depend on what else the
machine does; so do ratios, less.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from tracker.analysis.inferring import Engines
from tracker.analysis.job import analysed_with, analysis_config, job_for
from tracker.analysis.one_video import AnalysisRequest, analyse
from tracker.bundle import Bundle, read_bundle
from tracker.engines.inference import Inference
from tracker.frame import Image
from tracker.recording.original_video import OriginalVideo

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "dlc_openfield" / "videos" / "m3v1mp4.mp4"
MODEL = Path(__file__).resolve().parents[1] / "demo" / "model"
IN_MEMORY = 100  # images for the engine alone
UNET_FRAMES, SLEAP_NN_FRAMES = 40, 200
FEWEST_S = 1.0  # of the engine alone


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Turns, then medians."""
    cores = len(os.sched_getaffinity(0))
    bundle = read_bundle(options.bundle)
    config = analysis_config(None, bundle)
    engines = Engines(bundle, config.engine, count=cores, say=lambda said: print(said, file=sys.stderr))
    request = AnalysisRequest(config=config, made_with=analysed_with(config, bundle), force=False, threads=cores)
    shape = OriginalVideo(options.video).shape
    kept = list(itertools.islice(images_of(OriginalVideo(options.video), bundle), IN_MEMORY))

    def decode() -> int:
        return sum(1 for _ in OriginalVideo(options.video, decoder="pyav", threads=cores).frames())

    def images() -> int:
        return sum(1 for _ in images_of(OriginalVideo(options.video, decoder="pyav", threads=cores), bundle))

    def engine() -> int:
        chains = [Inference(bundle, each, source_shape=kept[0].shape) for each in engines.engines]
        end = time.perf_counter() + FEWEST_S

        def run(chain: Inference) -> int:
            done = 0
            while time.perf_counter() < end or done == 0:
                for image in kept:
                    chain.points(image)
                done += len(kept)
            return done

        with ThreadPoolExecutor(len(chains)) as pool:
            return sum(pool.map(run, chains))

    def whole() -> int:
        with tempfile.TemporaryDirectory() as folder:
            job = job_for(options.video, Path(folder), taken={})
            return analyse(job, request, lambda: engines, told=lambda *_: None, stop=threading.Event()).frames

    contenders = {each.__name__: partial(timed, each) for each in (decode, images, engine, whole)}
    contenders["analyse"] = contenders.pop("whole")
    with tempfile.TemporaryDirectory() as folder:
        if not options.without_unet:
            contenders["unet"] = partial(timed, unet(Path(folder), options.video, shape, threads=cores))
        if options.sleap_nn is not None:
            contenders["sleap_nn"] = partial(sleap_nn, options.sleap_nn, options.video, Path(folder) / "sleap-nn.json")
        load = os.getloadavg()[0]
        turns = [name for _ in range(options.turns) for name in contenders]
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
        for name in track(turns, "measuring", console=Console(stderr=True)):
            found[name].append(contenders[name]())
    engines.close()
    return summary(found) | {"frames": decode(), "size": f"{shape[1]}x{shape[0]}", "cores": cores, "load": round(load, 2)}


def images_of(video: OriginalVideo, bundle: Bundle) -> Iterator[Image]:
    """As the network takes them."""
    convert, grey = video.converter(), bundle.description.view.colour == "grey"
    for decoded in video.frames():
        levels = convert.levels(decoded) if grey else None
        yield convert.image(decoded) if levels is None else levels


def sleap_nn(row: Path, video: Path, answer: Path) -> tuple[float, float]:
    """sleap-nn's own way through the first frames, measured in its own process."""
    worker = Path(__file__).parent / "peers" / "sleap_nn_worker.py"
    command = [str(row.parent / "sleap-nn" / "bin" / "python"), str(worker), "video", "--labels", str(video)]
    command += ["--models", str(row / "theirs.onnx"), "--frames", str(SLEAP_NN_FRAMES), "--out", str(answer)]
    subprocess.run(command, check=True, stdout=sys.stderr)
    took = json.loads(answer.read_text())
    return took["frames"] / took["wall_s"], 1000 * took["cpu_s"] / took["frames"]


def unet(folder: Path, video: Path, shape: tuple[int, ...], *, threads: int) -> Callable[[], int]:
    """A U-Net as SLEAP trains it, at stride 2, over the first frames of the video."""
    from peers.unet import UNetPeer, export_unet

    height, width = (side // 16 * 16 for side in shape[:2])
    export_unet(folder / "unet.onnx", points=4, height=height, width=width, stride=2)
    peer = UNetPeer(folder / "unet.onnx", threads=threads, stride=2)

    def run() -> int:
        done = 0
        for image in itertools.islice(OriginalVideo(video).images(), UNET_FRAMES):
            grey = image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
            peer.locate(grey[:height, :width])
            done += 1
        return done

    return run


def timed(call: Callable[[], int]) -> tuple[float, float]:
    """Frames per second, and CPU time in ms per frame."""
    began, cpu = time.perf_counter(), time.process_time()
    frames = call()
    return frames / (time.perf_counter() - began), 1000 * (time.process_time() - cpu) / frames


def summary(found: dict[str, list[tuple[float, float]]]) -> dict[str, Any]:
    """Medians, and how they stand to one another."""
    rate = {name: statistics.median(each for each, _ in turns) for name, turns in found.items()}
    cpu = {name: statistics.median(each for _, each in turns) for name, turns in found.items()}
    ratios = {"of_the_slower_of_decode_and_engine": rate["analyse"] / min(rate["decode"], rate["engine"])}
    ratios["of_images_and_engine_sharing_the_cores"] = (cpu["images"] + cpu["engine"]) / cpu["analyse"]
    ratios["of_the_engine_by_cpu_time"] = cpu["engine"] / cpu["analyse"]
    for name in ("unet", "sleap_nn"):
        if name in rate:
            ratios[f"times_{name}"] = rate["analyse"] / rate[name]
            ratios[f"times_{name}_by_cpu_time"] = cpu[name] / cpu["analyse"]
    return {
        "frames_per_s": {name: round(value, 1) for name, value in rate.items()},
        "cpu_ms": {name: round(value, 3) for name, value in cpu.items()},
        "ratios": {name: round(value, 3) for name, value in ratios.items()},
    }


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=MODEL)
    parser.add_argument("--video", type=Path, default=DATA)
    parser.add_argument("--turns", type=int, default=3, help="of each (%(default)s)")
    parser.add_argument("--without-unet", action="store_true", help="which needs torch and onnxruntime")
    parser.add_argument(
        "--sleap-nn", type=Path, metavar="FOLDER", help="of a row of peers/train.py, beside whose folder is its environment"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    found = measure(options)
    if options.json:
        print(json.dumps(found))
        return
    for name, rate in found["frames_per_s"].items():
        print(f"{name:8} {rate:8.1f} frames/s {found['cpu_ms'][name]:8.3f} ms of CPU time a frame")
    for name, ratio in found["ratios"].items():
        print(f"{name.replace('_', ' ')}: {ratio:.2f}")
    print(f"{found['frames']} frames of {found['size']}, {found['cores']} cores, load {found['load']} at the start")


if __name__ == "__main__":
    main()
