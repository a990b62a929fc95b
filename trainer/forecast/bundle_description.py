"""What a forecast bundle says of itself."""

import hashlib
import re
from collections.abc import Sequence

from tracker.bundle_description import BehaviourAccuracy, BehaviourNetwork, Description, Forecast, TensorShape, TrainingData, View, Viewed
from tracker.engines.openvino.step_engine import IMAGE
from trainer.behaviour.carried_description import SECONDS_SHAPE, carried_description
from trainer.forecast.export import ExportedForecaster
from trainer.forecast.forecast_run import ForecastRun
from trainer.forecast.forecaster import Forecaster
from trainer.forecast.parts import Parts

BURST = "burst"
LONGEST_GAP_S = 0.2


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
    return carried_description(
        name=name,
        task="forecast",
        network=f"{run.main}, {parameters} parameters",
        point_names=(),
        class_names=(BURST,),
        view=View(crop=None, fit="exact", colour="rgb" if shape[2] == 3 else "grey"),
        taken=TensorShape(name=IMAGE, shape=(1, *(int(side) for side in shape)), dtype="uint8"),
        state_shapes=exported.state_shapes,
        training=TrainingData(
            sha256=hashlib.sha256("".join(seen).encode()).hexdigest(),
            source=", ".join(dict.fromkeys(stretch.recording.name for stretch in parts.stretches)),
            frames=parts.shares("train")[0],
            held_out_frames=parts.shares("test")[0],
            split=_split(parts),
        ),
        behaviour=BehaviourNetwork(
            seconds=SECONDS_SHAPE,
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


def held_out_frames(split: str, names: Sequence[str]) -> tuple[int, int]:
    """First held-out frame of a recording and the first after the last one, as a bundle says; equal where none was held out.

    Args:
        split: of the bundle's description.
        names: that the recording may have there.
    """
    for name in names:
        found = re.search(rf"(?:: |; )test {re.escape(name)} frames ([0-9]+) to ([0-9]+)(?:;|$)", split)
        if found:
            return int(found[1]), int(found[2]) + 1
    return 0, 0


def _split(parts: Parts) -> str:
    return "in time: " + "; ".join(f"{s.part} {s.recording.name} frames {s.first} to {s.end - 1}" for s in parts.stretches)
