"""What a forecast bundle says of itself."""

import datetime
import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tracker.bundle import (
    Accuracy,
    BehaviourAccuracy,
    BehaviourNetwork,
    Description,
    Forecast,
    SelfTest,
    TensorShape,
    TrainingData,
    View,
    Viewed,
)
from tracker.engines.openvino.step_engine import IMAGE, PROBABILITIES, SECONDS
from trainer.forecast.export import ExportedForecaster
from trainer.forecast.forecast_run import ForecastRun
from trainer.forecast.forecaster import Forecaster
from trainer.forecast.parts import Parts

BURST = "burst"
LONGEST_GAP_S = 0.2
_TOLERANCE_FP32 = 1e-4
_TOLERANCE_REDUCED = 0.02
_NO_HASH = "0" * 64  # filled in by write_bundle


def describe(
    name: str, parts: Parts, run: ForecastRun, network: Forecaster, exported: ExportedForecaster, shape: Sequence[int]
) -> Description:
    """All of it; the answer to the self-test is put in by `with_answer`.

    Args:
        name: of the bundle.
        parts: that it was learnt from.
        run: its scores.
        network: that was exported.
        exported: the graph.
        shape: (height, width, channels) of the pictures.
    """
    rule, held_out = parts.rule, run.judged == "test"
    parameters = sum(parameter.numel() for parameter in network.parameters())
    seen = sorted({stretch.recording.sha256 for part in ("train", "validation") for stretch in parts.of(part)})
    return Description(
        schema=1,
        name=name,
        task="forecast",
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        point_names=(),
        skeleton=(),
        class_names=(BURST,),
        network=f"{run.main}, {parameters} parameters",
        view=View(crop=None, fit="exact", colour="rgb" if shape[2] == 3 else "grey"),
        input=TensorShape(name=IMAGE, shape=(1, *(int(side) for side in shape)), dtype="uint8"),
        output=TensorShape(name=PROBABILITIES, shape=(1, 1), dtype="float32"),
        states=tuple(TensorShape(name=state, shape=each, dtype="float32") for state, each in exported.state_shapes.items()),
        precision="fp32",
        onnx_sha256=_NO_HASH,
        training=TrainingData(
            sha256=hashlib.sha256("".join(seen).encode()).hexdigest(),
            source=", ".join(dict.fromkeys(stretch.recording.name for stretch in parts.stretches)),
            frames=parts.shares("train")[0],
            held_out_frames=parts.shares("test")[0],
            split="in time: " + "; ".join(f"{s.part} {s.recording.name} frames {s.first} to {s.end - 1}" for s in parts.stretches),
        ),
        accuracy=Accuracy(mean_px=None, median_px=None, p95_px=None, frames=0),
        self_test=SelfTest(image_sha256=_NO_HASH, expected=[0.0], tolerance_fp32=_TOLERANCE_FP32, tolerance_reduced=_TOLERANCE_REDUCED),
        behaviour=BehaviourNetwork(
            seconds=TensorShape(name=SECONDS, shape=(1, 1), dtype="float32"),
            exclusive=False,
            thresholds=(min(1.0, max(0.0, run.of_main.threshold)),),
            threshold_rule=run.threshold_rule,
            warming_frames=rule.past - 1,
            frame_interval_s=(1 / parts.fps, 1 / parts.fps),
            longest_gap_s=LONGEST_GAP_S,
            seen=tuple(seen),
            accuracy=BehaviourAccuracy(
                macro_f1=run.of_main.f1 if held_out else None,
                f1=(run.of_main.f1 if held_out else None,),
                bout_f1=(None,),
                calibration_error=None,
                frames=parts.shares("test")[0],
            ),
            region=Viewed(),
        ),
        forecast=Forecast(
            horizon_ms=float(max(1, round(1000 * rule.horizon / parts.fps))),  # whole: a person writes it again
            horizon_frames=rule.horizon,
            share=rule.share,
            least_range=rule.least_range,
            motion_size=parts.motion_size,
            phases=exported.phases,
            phase_states=exported.phase_states,
        ),
    )


def with_answer(description: Description, answer: NDArray[np.float32]) -> Description:
    """The same with what the self-test is to give."""
    self_test = msgspec.structs.replace(description.self_test, expected=[float(value) for value in answer])
    return msgspec.structs.replace(description, self_test=self_test)
