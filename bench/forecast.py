"""How long a step of a forecaster takes at the rig, at two sizes in turn: `python bench/forecast.py [--frames 300] [--threads 2]`."""

import argparse
import time

import numpy as np

from tracker.engines.openvino.step_engine import StepEngine
from trainer.forecast.export import to_onnx
from trainer.forecast.from_motion import MotionLSTM
from trainer.forecast.from_pixels import FILTERS, PixelForecaster, PixelPlan
from trainer.forecast.step_graph import StepGraph, step_of

CAMERA = (480, 640, 1)
WARM_UP = 10  # frames that are not counted; of few frames, half


def pixel_step(size: tuple[int, int], shape: tuple[int, int, int]) -> StepGraph:
    """The small convolutional LSTM that sees `size` of pictures of `shape`."""
    plan = PixelPlan(
        filters=FILTERS["convlstm-small"], dense=(), slice_frames=4, size=size, pooling="max", motion_beside=False, dropout=0.0
    )
    return step_of(PixelForecaster(plan).eval(), shape)


def main() -> None:
    """Measure every step in turn, so that whatever else runs on the machine slows all of them alike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if options.frames < 1:
        parser.error(f"--frames is {options.frames}; expected at least 1")
    steps = {
        "120x160, picture of that size": pixel_step((120, 160), (120, 160, 1)),
        "60x80, picture of that size": pixel_step((60, 80), (60, 80, 1)),
        "120x160 of 480x640": pixel_step((120, 160), CAMERA),
        "60x80 of 480x640": pixel_step((60, 80), CAMERA),
        "lstm on motion of 480x640": step_of(MotionLSTM(32, 0.0).eval(), CAMERA),
    }
    engines = {
        name: StepEngine(to_onnx(step), step.states, threads=options.threads, phases=step.phases, phase_states=step.phase_states)
        for name, step in steps.items()
    }
    rng = np.random.default_rng(0)
    pictures = {name: rng.integers(0, 255, (2, *step.shape), np.uint8) for name, step in steps.items()}
    took: dict[str, list[float]] = {name: [] for name in steps}
    for frame in range(options.frames):
        for name, engine in engines.items():
            begun = time.perf_counter()
            engine.step(pictures[name][frame % 2], 0.03)
            took[name].append(1000 * (time.perf_counter() - begun))
    for name, times in took.items():
        quick, half, slow = np.percentile(times[min(WARM_UP, len(times) // 2) :], [5, 50, 99])
        print(f"{name:<30}  p5 {quick:.2f}  p50 {half:.2f}  p99 {slow:.2f} ms")


if __name__ == "__main__":
    main()
