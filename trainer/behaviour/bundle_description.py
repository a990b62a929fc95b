"""What a behaviour bundle says of itself: names, shapes, training data, thresholds, accuracy."""

import datetime

import numpy as np

from tracker.bundle import (
    Accuracy,
    BehaviourAccuracy,
    BehaviourNetwork,
    Description,
    SelfTest,
    TensorShape,
    TrainingData,
    View,
)
from tracker.engines.openvino.step_engine import POSES, PROBABILITIES, SECONDS
from trainer.behaviour.bundle_request import BehaviourRequest
from trainer.behaviour.export import ExportedBehaviour
from trainer.behaviour.temperature_and_thresholds import BehaviourCalibration
from trainer.behaviour.train import Trained
from trainer.behaviour.video_table import PoseVideos
from trainer.behaviour_scores.behaviour_score import BehaviourScore
from trainer.behaviour_scores.bout_score import number

LONGEST_GAP_S = 1.0  # the features' shorter memories have faded by then, and an animal has gone elsewhere
TOLERANCE_FP32 = 1e-4
TOLERANCE_REDUCED = 0.02
NO_HASH = "0" * 64  # filled in by write_bundle


def describe(
    request: BehaviourRequest, videos: PoseVideos, trained: Trained, calibrated: BehaviourCalibration, exported: ExportedBehaviour
) -> Description:
    """All but the accuracy, which is measured with a bundle, and the digests, which writing one fills in."""
    body = trained.network.plan.body
    intervals = np.concatenate([video.seconds[1:] for video in videos.of("train")])
    shortest, longest = (float(value) for value in np.percentile(intervals, [1, 99]))
    classes = len(videos.class_names)
    nothing = BehaviourAccuracy(macro_f1=None, f1=(None,) * classes, bout_f1=(None,) * classes, calibration_error=None, frames=0)
    parameters = sum(parameter.numel() for parameter in trained.network.parameters())
    lengths = {part: sum(len(video.poses) for video in videos.of(part)) for part in ("train", "validation", "test")}
    return Description(
        schema=1,
        name=request.out.name,
        task="behaviour",
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        point_names=videos.point_names,
        skeleton=(),
        class_names=videos.class_names,
        network=f"gated recurrent unit of {request.settings.hidden} on {trained.network.features.count} features, {parameters} parameters",
        view=View(crop=None, fit="exact", colour="grey"),
        input=TensorShape(name=POSES, shape=(1, body.animals, body.points, 3), dtype="float32"),
        output=TensorShape(name=PROBABILITIES, shape=(1, classes), dtype="float32"),
        states=tuple(TensorShape(name=name, shape=shape, dtype="float32") for name, shape in exported.state_shapes.items()),
        precision="fp32",
        onnx_sha256=NO_HASH,
        training=TrainingData(
            sha256=videos.sha256,
            source=request.table.name,
            frames=lengths["train"],
            held_out_frames=lengths["test"],
            split=_split(videos),
        ),
        accuracy=Accuracy(mean_px=None, median_px=None, p95_px=None, frames=0),
        self_test=SelfTest(
            image_sha256=NO_HASH, expected=[0.0] * classes, tolerance_fp32=TOLERANCE_FP32, tolerance_reduced=TOLERANCE_REDUCED
        ),
        behaviour=BehaviourNetwork(
            seconds=TensorShape(name=SECONDS, shape=(1, 1), dtype="float32"),
            exclusive=videos.exclusive,
            thresholds=calibrated.thresholds,
            threshold_rule=calibrated.rule,
            warming_frames=calibrated.warming_frames,
            frame_interval_s=(shortest, longest),
            longest_gap_s=LONGEST_GAP_S,
            seen=tuple(video.taken_sha256 for video in (*videos.of("train"), *videos.of("validation"))),
            accuracy=nothing,
        ),
    )


def _split(videos: PoseVideos) -> str:
    parts = {"held out": videos.of("test"), "validation": videos.of("validation")}
    return "by video; " + "; ".join(f"{words}: {', '.join(video.name for video in of)}" for words, of in parts.items() if of)


def accuracy(score: BehaviourScore, *, frames: int) -> BehaviourAccuracy:
    """What a score is in the bundle's description, of so many frames."""
    return BehaviourAccuracy(
        macro_f1=number(score.macro_f1),
        f1=tuple(number(each.frames.f1) for each in score.classes),
        bout_f1=tuple(number(each.bouts.f1) for each in score.classes),
        calibration_error=number(score.calibration.ece) if score.calibration is not None else None,
        frames=frames,
    )
