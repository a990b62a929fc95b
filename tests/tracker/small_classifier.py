"""Bundles that find "behaviour" in poses or images, with answers that can be told beforehand, and a state that shows when it was zeroed."""

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
from msgspec.structs import replace
from numpy.typing import NDArray

from tracker.bundle import write_bundle
from tracker.bundle_description import (
    Accuracy,
    BehaviourAccuracy,
    BehaviourNetwork,
    Description,
    Following,
    Forecast,
    SelfTest,
    TensorShape,
    TrainingData,
    View,
    Viewed,
)
from tracker.engines.openvino.step_engine import StepEngine
from tracker.self_test_clip import Clip

CLASSES = ("right", "late")
IMAGE_CLASSES = ("red", "moved")
SPAN = 100.0


def write_classifier(
    folder: Path,
    *,
    points: tuple[str, ...] = ("spot",),
    animals: int = 1,
    warming_frames: int = 0,
    longest_gap_s: float = 1.0,
    classes: tuple[str, str] = CLASSES,
    faulty: bool = False,
    delay_ms: float = 0.0,
) -> Path:
    """Two classes: `right` is x of the first point / 100, `late` the seconds since the state was zeroed; NaN counts as 0.

    With `faulty`, `right` is the root of 1 - x / 100, which is NaN beyond 100.
    """
    model = _model(animals, len(points), faulty=faulty)
    states = (TensorShape(name="clock", shape=(1, 1), dtype="float32"),)
    rows = np.zeros((4, animals * len(points) * 3 + 1), np.float32)
    rows[:, 0], rows[1:, -1] = 20, 0.1
    engine = StepEngine(model, ["clock"])
    expected = engine.run(rows[:, :-1].reshape(4, animals, len(points), 3), rows[:, -1])[-1]
    description = _description(
        folder,
        View(crop=None, fit="exact", colour="grey"),
        TensorShape(name="poses", shape=(1, animals, len(points), 3), dtype="float32"),
        states,
        points=points,
        classes=classes,
        expected=expected,
        warming_frames=warming_frames,
        longest_gap_s=longest_gap_s,
        region=None,
    )
    assert description.behaviour is not None
    description = replace(description, behaviour=replace(description.behaviour, delay_ms=delay_ms))
    write_bundle(folder, model=model, self_test_image=np.zeros((0, 0), np.uint8), description=description, self_test_poses=rows)
    return folder


def write_image_classifier(
    folder: Path,
    *,
    height: int,
    width: int,
    region: Viewed | Following | None = None,
    view: View | None = None,
    warming_frames: int = 0,
    longest_gap_s: float = 1.0,
    classes: tuple[str, str] = IMAGE_CLASSES,
    resized: tuple[int, int] | None = None,
    fade: float = 0.0,
    phases: int = 0,
) -> Path:
    """Two classes: `red` is the mean of the first channel, white being 1, `moved` how far the image differs from the frame before.

    With `fade`, from what is left of all frames before: each leaves that share of those before it. With `phases`, a forecast that has a
    memory for each of so many.
    """
    view = view or View(crop=None, fit="exact", colour="grey")
    channels = 3 if view.colour == "rgb" else 1
    model = _image_model(height, width, channels, fade=fade)
    states = (TensorShape(name="before", shape=(1, height, width, channels), dtype="float32"),)
    images = np.random.default_rng(0).integers(0, 255, (3, height, width, channels), np.uint8)
    clip = Clip(images, np.array([0, 0.1, 0.1], np.float32))
    description = _description(
        folder,
        view,
        TensorShape(name="image", shape=(1, height, width, channels), dtype="uint8"),
        states,
        points=(region.point,) if isinstance(region, Following) else (),
        classes=classes,
        expected=StepEngine(model, ["before"]).run(*clip)[-1],
        warming_frames=warming_frames,
        longest_gap_s=longest_gap_s,
        region=region or Viewed(),
        resized=resized,
    )
    if phases:
        about = Forecast(
            horizon_ms=100, horizon_frames=5, share=0.5, least_range=0.1, motion_size=None, phases=phases, phase_states=("before",)
        )
        test = replace(description.self_test, expected=_expected(model, clip, phases=phases))
        description = replace(description, task="forecast", forecast=about, self_test=test)
    write_bundle(folder, model=model, self_test_image=np.zeros((0, 0), np.uint8), description=description, self_test_clip=clip)
    return folder


def _expected(model: bytes, clip: Clip, *, phases: int) -> list[float]:
    found = StepEngine(model, ["before"], phases=phases, phase_states=["before"]).run(*clip)[-1]
    return [float(number) for number in found]


def _description(
    folder: Path,
    view: View,
    taken: TensorShape,
    states: tuple[TensorShape, ...],
    *,
    points: tuple[str, ...],
    classes: tuple[str, str],
    expected: NDArray[np.float32],
    warming_frames: int,
    longest_gap_s: float,
    region: Viewed | Following | None,
    resized: tuple[int, int] | None = None,
) -> Description:
    no_hash = "0" * 64
    return Description(
        schema=1,
        name=folder.name,
        task="behaviour",
        created="2026-01-01T00:00:00Z",
        point_names=points,
        skeleton=(),
        class_names=classes,
        network="told_beforehand",
        view=view,
        input=taken,
        output=TensorShape(name="probabilities", shape=(1, 2), dtype="float32"),
        states=states,
        precision="fp32",
        onnx_sha256=no_hash,
        training=TrainingData(sha256=no_hash, source="none", frames=0, held_out_frames=0, split="none"),
        accuracy=Accuracy(mean_px=None, median_px=None, p95_px=None, frames=0),
        self_test=SelfTest(
            image_sha256=no_hash, expected=[float(number) for number in expected], tolerance_fp32=1e-5, tolerance_reduced=1.0
        ),
        behaviour=BehaviourNetwork(
            seconds=TensorShape(name="seconds", shape=(1, 1), dtype="float32"),
            exclusive=False,
            thresholds=(0.5, 0.5),
            threshold_rule="half",
            warming_frames=warming_frames,
            frame_interval_s=(0.001, 0.1),
            longest_gap_s=longest_gap_s,
            seen=(),
            accuracy=BehaviourAccuracy(macro_f1=None, f1=(None, None), bout_f1=(None, None), calibration_error=None, frames=0),
            region=region,
            resized=resized,
        ),
    )


def _model(animals: int, points: int, *, faulty: bool) -> bytes:
    last = "left = Sub (all, both)\n            probabilities = Sqrt (left)" if faulty else "probabilities = Clip (both, none, all)"
    text = f"""
        <ir_version: 8, opset_import: ["" : 17]>
        place_and_clock (float[1, {animals}, {points}, 3] poses, float[1, 1] seconds, float[1, 1] clock)
            => (float[1, 2] probabilities, float[1, 1] clock_next)
        <int64[1] flat = {{-1}}, int64[1] zero = {{0}}, int64[1] one = {{1}}, float[1] span = {{{SPAN}}},
         float none = {{0.0}}, float all = {{1.0}}, int64[2] row = {{1, 1}}>
        {{
            numbers = Reshape (poses, flat)
            x = Slice (numbers, zero, one)
            gone = IsNaN (x)
            known = Where (gone, none, x)
            share = Div (known, span)
            there = Reshape (share, row)
            clock_next = Add (clock, seconds)
            both = Concat <axis = 1> (there, clock_next)
            {last}
        }}
    """
    model = onnx.parser.parse_model(text)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _image_model(height: int, width: int, channels: int, *, fade: float) -> bytes:
    size = f"{height}, {width}, {channels}"
    text = f"""
        <ir_version: 8, opset_import: ["" : 17]>
        red_and_moved (uint8[1, {size}] image, float[1, 1] seconds, float[1, {size}] before)
            => (float[1, 2] probabilities, float[1, {size}] before_next)
        <int64[1] zero = {{0}}, int64[1] one = {{1}}, int64[1] last = {{3}}, float white = {{255.0}}, float none = {{0.0}},
         int64[2] row = {{1, 1}}, float left = {{{fade}}}, float share = {{{1 - fade}}}>
        {{
            pixels = Cast <to = 1> (image)
            seen = Div (pixels, white)
            old = Mul (before, left)
            fresh = Mul (seen, share)
            before_next = Add (old, fresh)
            first = Slice (seen, zero, one, last)
            red = ReduceMean <keepdims = 0> (first)
            difference = Sub (seen, before)
            size = Abs (difference)
            moved = ReduceMean <keepdims = 0> (size)
            red_row = Reshape (red, row)
            moved_row = Reshape (moved, row)
            both = Concat <axis = 1> (red_row, moved_row)
            nothing = Mul (seconds, none)
            probabilities = Add (both, nothing)
        }}
    """
    model = onnx.parser.parse_model(text)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
