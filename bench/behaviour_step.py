"""Time of one step of behaviour networks and forecasters, by turns in one run: bare OpenVINO, the step that is carried, the loop's part.

    python bench/behaviour_step.py [--steps 2000] [--processor]

Each network is measured three times in turn: `bare` is OpenVINO's inference of the same graph with nothing moved in or out; `step` is what
training, scoring and rig share, with poses or image and states moved; `frame` is what the tracker's loop does with a frame: the region
taken, the step, scores put into the pose, and an event's rule. What the loop adds beside the network is `frame` less `bare`; less `step`
is what of it comes after the network, for `bare` reads the same states each time, and finds them in the processor's cache. Weights are
random, which costs what learnt ones cost. One thread, two for the convolutional LSTM. The load of the machine is printed before and after.
"""

import argparse
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from forecast import pixel_step
from numpy.typing import NDArray

from tracker.behaviour.behaviour import Behaviour
from tracker.bundle import Bundle
from tracker.bundle_description import (
    Accuracy,
    BehaviourAccuracy,
    BehaviourNetwork,
    Description,
    SelfTest,
    TensorShape,
    TrainingData,
    View,
    Viewed,
)
from tracker.classifiers.classifier import Classifier
from tracker.classifiers.scores import Scores
from tracker.config_rules import ClassSource, EventConfig, Rule
from tracker.engines.openvino.options import DEVICE, hints
from tracker.engines.openvino.runtime import core
from tracker.engines.openvino.step_engine import IMAGE, POSES, StepEngine
from tracker.pose import Pose
from trainer.behaviour.export import to_onnx
from trainer.behaviour.features import BodyPlan
from trainer.behaviour.network import BehaviourPlan, PoseBehaviour, PoseNetwork
from trainer.forecast.export import to_onnx as forecast_to_onnx
from trainer.image_behaviour.networks import ImageBehaviour, ImagePlan

_BLOCK = 50  # steps of one kind before the next has its turn
_WARM_UP = 10  # steps of each kind that are not counted; of few, none
CAMERA = (720, 1280, 3)
_NO_HASH = "0" * 64
_INTERVAL_NS = 10_000_000
_POINTS = ("nose", "left_ear", "right_ear", "middle", "tail")
Taken = NDArray[np.float32] | NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A graph and what it takes of a frame; `camera` is the (height, width, channels) of a frame of which that is the middle."""

    model: bytes
    states: Mapping[str, tuple[int, ...]]
    taken: Taken
    threads: int = 1
    phases: int = 1
    phase_states: Sequence[str] = ()
    camera: tuple[int, int, int] | None = None

    @property
    def engine(self) -> StepEngine:
        """As a rig opens it."""
        return StepEngine(self.model, self.states, threads=self.threads, phases=self.phases, phase_states=self.phase_states)


def poses(kind: PoseNetwork = "gru") -> Measured:
    """Two animals of five points, a recurrent unit of 64 or convolutions of 64."""
    body = BodyPlan(animals=2, points=5, front=0, back=4, scale_px=40.0, confidence=0.2, roles=False)
    network = PoseBehaviour(BehaviourPlan(body=body, classes=4, exclusive=True, hidden=64, network=kind)).eval()
    taken = np.random.default_rng(0).uniform(0, 100, (2, 5, 3)).astype(np.float32)
    return Measured(model=to_onnx(network, POSES, taken[None]), states=network.state_shapes, taken=taken)


def images(
    name: str,
    side: int,
    *,
    channels: int = 1,
    lags: tuple[int, ...] = (),
    memory: int = 0,
    classes: int = 4,
    camera: tuple[int, int, int] | None = None,
) -> Measured:
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
        classes=classes,
        exclusive=True,
    )
    network = ImageBehaviour(plan).eval()
    taken = np.random.default_rng(0).integers(0, 255, (side, side, channels)).astype(np.uint8)
    return Measured(model=to_onnx(network, IMAGE, taken[None]), states=network.state_shapes, taken=taken, camera=camera)


def pixels(height: int, width: int) -> Measured:
    """The small convolutional LSTM, of slices of four frames, with an answer at every frame."""
    step = pixel_step((height, width), (height, width, 1))
    taken = np.random.default_rng(0).integers(0, 255, step.shape).astype(np.uint8)
    states = dict.fromkeys(step.states, ())
    return Measured(
        model=forecast_to_onnx(step), states=states, taken=taken, threads=2, phases=step.phases, phase_states=tuple(step.phase_states)
    )


def bare(of: Measured) -> Callable[[], None]:
    """OpenVINO's inference alone."""
    compiled = core().compile_model(core().read_model(of.model, b""), DEVICE, hints(precision="fp32", threads=of.threads))
    request = compiled.create_infer_request()
    return lambda: _nothing(request.infer(share_outputs=True))


def step(of: Measured) -> Callable[[], None]:
    """The carried step."""
    engine = of.engine
    return lambda: _nothing(engine.step(of.taken, 0.01))


def frame(of: Measured) -> Callable[[], None]:
    """What the loop does with a frame beside finding key points."""
    engine = of.engine
    classes = engine.outputs["probabilities"][0][1]
    bundle = Bundle(folder=Path(), description=described(of, classes), self_test_image=np.zeros((0, 0), np.uint8))
    about = bundle.description.behaviour
    if about is None:
        raise ValueError("a network of behaviour describes itself as one")
    from_image = about.region is not None
    taken = of.taken if of.taken.shape[-1] == 3 else of.taken[..., 0]
    camera = np.asarray(taken if from_image else np.zeros((8, 8)), np.uint8)
    if of.camera is not None:
        camera = np.random.default_rng(0).integers(0, 255, of.camera).astype(np.uint8)
    points = np.zeros((0, 0, 3), np.float32) if from_image else of.taken.astype(np.float32)
    names = () if from_image else _POINTS
    scores = Scores({"bench": Classifier(bundle, about, engine)}, point_names=names, animals=len(points), source_shape=camera.shape)
    rule = Rule(on=0.7, off=0.5, minimum_ms=100, maximum_gap_ms=200)
    event = EventConfig(event="event", source=ClassSource(classifier="bench", class_name="class0"), rule=rule)
    behaviour = Behaviour((event,), (), point_names=names, animals=len(points), has_mm=False)
    number = 0

    def one_frame() -> None:
        nonlocal number
        number += 1
        pose = scores.of(Pose(points=points, mm=None), camera, number * _INTERVAL_NS)
        behaviour.update(frame_number=number, time_ns=number * _INTERVAL_NS, pose=pose, motion=None)

    return one_frame


def described(of: Measured, classes: int) -> Description:
    """As much of a bundle as the loop looks at."""
    from_image = of.taken.dtype == np.uint8
    nothing = BehaviourAccuracy(macro_f1=None, f1=(None,) * classes, bout_f1=(None,) * classes, calibration_error=None, frames=0)
    return Description(
        schema=1,
        name="bench",
        task="behaviour",
        created="",
        point_names=() if from_image else _POINTS,
        skeleton=(),
        class_names=tuple(f"class{number}" for number in range(classes)),
        network="",
        view=View(
            crop=None, fit="exact" if of.camera is None else "centre", colour="rgb" if of.taken.shape[-1] == 3 and from_image else "grey"
        ),
        input=TensorShape(name=IMAGE if from_image else POSES, shape=(1, *of.taken.shape), dtype="uint8" if from_image else "float32"),
        output=TensorShape(name="probabilities", shape=(1, classes), dtype="float32"),
        states=(),
        precision="fp32",
        onnx_sha256=_NO_HASH,
        training=TrainingData(sha256=_NO_HASH, source="", frames=0, held_out_frames=0, split=""),
        accuracy=Accuracy(mean_px=None, median_px=None, p95_px=None, frames=0),
        self_test=SelfTest(image_sha256=_NO_HASH, expected=[], tolerance_fp32=1e-4, tolerance_reduced=1.0),
        behaviour=BehaviourNetwork(
            seconds=TensorShape(name="seconds", shape=(1, 1), dtype="float32"),
            exclusive=True,
            thresholds=(0.5,) * classes,
            threshold_rule="",
            warming_frames=0,
            frame_interval_s=(0.001, 0.1),
            longest_gap_s=1.0,
            seen=(),
            accuracy=nothing,
            region=Viewed() if from_image else None,
            resized=None,
        ),
    )


def _nothing(_: object) -> None:
    pass


def main() -> None:
    """Measure by turns and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--only", nargs="+", metavar="WORD", help="networks in whose names one of these words is")
    parser.add_argument("--processor", action="store_true", help="measure processor time of all threads: less of it is other programs'")
    options = parser.parse_args()
    now = time.process_time if options.processor else time.perf_counter
    torch.manual_seed(0)
    networks: dict[str, Callable[[], Measured]] = {
        "poses, 2 animals of 5 points": poses,
        "the same, causal convolutions": lambda: poses("tcn"),
        "small, 61x61 grey": lambda: images("small", 61),
        "small, 81x81 grey": lambda: images("small", 81),
        "small, 81x81 grey, frames 1 and 2 back": lambda: images("small", 81, lags=(1, 2)),
        "the same, recurrent unit of 32": lambda: images("small", 81, lags=(1, 2), memory=32),
        "small, 128x128 grey": lambda: images("small", 128),
        "shallow, 81x81 grey": lambda: images("shallow", 81),
        "deep, 81x81 grey": lambda: images("deep", 81),
        "dense, 81x81 grey": lambda: images("dense", 81),
        "small, 224x224 colour of 1280x720": lambda: images("small", 224, channels=3, camera=CAMERA),
        "the same, 200 classes": lambda: images("small", 224, channels=3, classes=200, camera=CAMERA),
        "resnet18, the same": lambda: images("resnet18", 224, channels=3, classes=200, camera=CAMERA),
        "convolutional LSTM, 60x80": lambda: pixels(60, 80),
        "convolutional LSTM, 120x160": lambda: pixels(120, 160),
    }
    chosen = {name: make() for name, make in networks.items() if not options.only or any(word in name for word in options.only)}
    kinds = {(name, kind.__name__): kind(of) for name, of in chosen.items() for kind in (bare, step, frame)}
    print(f"load {os.getloadavg()[0]:.1f}")
    spent: dict[tuple[str, str], list[float]] = {key: [] for key in kinds}
    block = min(_BLOCK, options.steps)
    for _ in range(options.steps // block):
        for key, do in kinds.items():
            for _ in range(block):
                begun = now()
                do()
                spent[key].append(1000 * (now() - begun))
    low, middle, high = ({key: percentile(times, of) for key, times in spent.items()} for of in (5, 50, 99))
    for name in chosen:
        cells = "  ".join(
            f"{kind} p5 {low[name, kind]:6.3f} p50 {middle[name, kind]:6.3f} p99 {high[name, kind]:6.3f}"
            for kind in ("bare", "step", "frame")
        )
        added, after = (middle[name, "frame"] - middle[name, other] for other in ("bare", "step"))
        times = middle[name, "frame"] / middle[name, "bare"]
        print(f"{name:<40} {cells} ms; frame less bare {added:.3f} ms, less step {after:.3f} ms; frame {times:.2f} x bare")
    print(f"load {os.getloadavg()[0]:.1f}")


def percentile(times: Sequence[float], of: float) -> float:
    """Of the steps after the warming up."""
    return float(np.percentile(times[_WARM_UP if len(times) > 2 * _WARM_UP else 0 :], of))


if __name__ == "__main__":
    main()
