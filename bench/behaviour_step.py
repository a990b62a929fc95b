"""Time of one step of behaviour networks, poses and images by turns in one run: one thread of OpenVINO, as a rig runs them.

    python bench/behaviour_step.py [--steps 2000]

Weights are random, which costs what learnt ones cost. Prints median and 99th percentile of each, and the median as a ratio to that of the
network from poses.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from tracker.engines.openvino.step_engine import IMAGE, POSES, StepEngine
from trainer.behaviour.export import to_onnx
from trainer.behaviour.features import BodyPlan
from trainer.behaviour.network import BehaviourPlan, PoseBehaviour, PoseNetwork
from trainer.image_behaviour.networks import ImageBehaviour, ImagePlan

_BLOCK = 50  # steps of one network before the next has its turn


def poses(kind: PoseNetwork = "gru") -> Callable[[], None]:
    """Two animals of five points, a recurrent unit of 64 or convolutions of 64."""
    body = BodyPlan(animals=2, points=5, front=0, back=4, scale_px=40.0, confidence=0.2, roles=False)
    network = PoseBehaviour(BehaviourPlan(body=body, classes=4, exclusive=True, hidden=64, network=kind)).eval()
    taken = np.random.default_rng(0).uniform(0, 100, (2, 5, 3)).astype(np.float32)
    engine = StepEngine(to_onnx(network, POSES, taken[None]), network.state_shapes)
    return lambda: _do(engine, taken)


def images(name: str, side: int, *, channels: int = 1, lags: tuple[int, ...] = (), memory: int = 0) -> Callable[[], None]:
    """A network of a square region."""
    plan = ImagePlan(
        height=side,
        width=side,
        channels=channels,
        inside=None,
        contrast=True,
        lags=lags,
        network=name,
        memory=memory,
        dropout=0.0,
        classes=2,
        exclusive=True,
    )
    network = ImageBehaviour(plan).eval()
    taken = np.random.default_rng(0).integers(0, 255, (side, side, channels)).astype(np.uint8)
    engine = StepEngine(to_onnx(network, IMAGE, taken[None]), network.state_shapes)
    return lambda: _do(engine, taken)


def _do(engine: StepEngine, taken: np.ndarray) -> None:
    engine.step(taken, 0.01)


def main() -> None:
    """Measure by turns and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    options = parser.parse_args()
    torch.manual_seed(0)
    steps = {
        "poses, 2 animals of 5 points": poses(),
        "the same, causal convolutions": poses("tcn"),
        "small, 81x81 grey": images("small", 81),
        "small, 81x81 grey, frames 1 and 2 back": images("small", 81, lags=(1, 2)),
        "the same, recurrent unit of 32": images("small", 81, lags=(1, 2), memory=32),
        "small, 61x61 grey": images("small", 61),
        "small, 128x128 grey": images("small", 128),
        "shallow, 81x81 grey": images("shallow", 81),
        "deep, 81x81 grey": images("deep", 81),
        "dense, 81x81 grey": images("dense", 81),
    }
    spent: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(max(1, options.steps // _BLOCK)):
        for name, step in steps.items():
            for _ in range(_BLOCK):
                begun = time.perf_counter()
                step()
                spent[name].append(1000 * (time.perf_counter() - begun))
    of_poses = float(np.median(spent[next(iter(steps))]))
    for name, each in spent.items():
        middle = float(np.median(each))
        print(f"{name:<42} p50 {middle:6.3f} ms  p99 {np.percentile(each, 99):6.3f} ms  {middle / of_poses:5.1f} x poses")


if __name__ == "__main__":
    main()
