"""Whether evened light pays: trained under even light, scored under even and under uneven light, with and without `--contrast local`.

    python bench/lighting.py --epochs 4

The scene is the synthetic rodent. Uneven light: the left of the picture has a third of the light that its right has. Prints the mean
error of each network in px, and the time of a frame in its graph on one core.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.engines.openvino.runtime import core
from tracker.frame import Image
from trainer.formats.read_labels import read_labels
from trainer.formats.synthetic_set import own_parts
from trainer.formats.write_synthetic_set import write_synthetic_set
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.networks.lighting import LitNetwork
from trainer.pipeline.export import to_onnx
from trainer.training.datasets import FrameStore
from trainer.training.fit import FitResult, fit
from trainer.training.fit_settings import FitSettings
from trainer.training.predict import mean_error_px

LEAST_LIGHT = 1 / 3


def unevenly_lit(frames: LabelledFrames, folder: Path) -> LabelledFrames:
    """The same frames with less light on the left, written as images."""
    folder.mkdir(exist_ok=True)
    references = []
    for index in range(len(frames)):
        image = frames.read(index)
        slope = np.linspace(LEAST_LIGHT, 1.0, image.shape[1]).reshape(-1, *(1,) * (image.ndim - 2))
        path = folder / f"{index:05d}.png"
        cv2.imwrite(str(path), (image * slope).round().astype(np.uint8))
        references.append(ImageRef(path=path, frame=None))
    return replace(frames, images=tuple(references))


def frame_ms(results: dict[str, FitResult], image: Image, *, timed: int) -> dict[str, float]:
    """Median time of a frame in each graph, fp32 on one core, by turns."""
    batch: NDArray[np.uint8] = image.reshape(1, *image.shape[:2], -1)
    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "1", "NUM_STREAMS": "1"}
    compiled = {}
    for name, result in results.items():
        network = result.network if result.lighting is None else LitNetwork(result.lighting, result.network).eval()
        compiled[name] = core().compile_model(core().read_model(to_onnx(network, batch), b""), "CPU", hints)
    times: dict[str, list[int]] = {name: [] for name in results}
    for _ in range(timed):
        for name, model in compiled.items():
            began = time.perf_counter_ns()
            model([batch])
            times[name].append(time.perf_counter_ns() - began)
    return {name: float(np.median(values)) / 1e6 for name, values in times.items()}


def measure(out: Path, settings: FitSettings, *, count: int, timed: int) -> dict[str, Any]:
    """Train both, score both."""
    data = out / "rodent.set"
    if not data.exists():
        write_synthetic_set(data, scene="rodent", count=count, seed=1, width=320, height=240, rectangles=1)
    frames = read_labels(data)
    parts = own_parts(data, frames)
    if parts is None:
        raise FileNotFoundError(data)
    learnt, even = frames.subset(parts.train), frames.subset(np.concatenate([parts.validation, parts.test]))
    uneven = unevenly_lit(even, out / "uneven")
    results, found = {}, {}
    for contrast in ("none", "local"):
        asked = replace(settings, contrast=contrast)
        result = results[contrast] = fit(learnt, learnt.subset(np.zeros(0, np.int64)), asked, out / contrast, progress=True)
        found[contrast] = {
            name: mean_error_px(result.network, FrameStore(one, result.view, lighting=result.lighting))
            for name, one in (("even", even), ("uneven", uneven))
        }
    times = frame_ms(results, even.read(0), timed=timed)
    return {name: {**errors, "frame_ms": times[name]} for name, errors in found.items()} | {"scored": len(even)}


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "lighting")
    parser.add_argument("--count", type=int, default=200, help="frames, a fifth of which are scored (%(default)s)")
    parser.add_argument("--epochs", type=int, default=4, help="(%(default)s)")
    parser.add_argument("--batches", type=int, default=64, help="steps an epoch, at least (%(default)s)")
    parser.add_argument("--timed", type=int, default=100, help="frames for the time of a frame (%(default)s)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    settings = FitSettings(epochs=options.epochs, batches=options.batches, workers=0)
    print(json.dumps(measure(options.out, settings, count=options.count, timed=options.timed), indent=2))


if __name__ == "__main__":
    main()
