"""What a bundle of images says of itself: region, shapes, training data, thresholds."""

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
)
from tracker.engines.openvino.step_engine import IMAGE, PROBABILITIES, SECONDS
from trainer.behaviour.bundle_description import LONGEST_GAP_S, NO_HASH, TOLERANCE_FP32, TOLERANCE_REDUCED
from trainer.behaviour.export import ExportedBehaviour
from trainer.behaviour.temperature_and_thresholds import BehaviourCalibration
from trainer.image_behaviour.image_request import ImageRequest
from trainer.image_behaviour.image_videos import ImageVideos
from trainer.image_behaviour.networks import ImageBehaviour

_ANY_INTERVAL_S = (0.0, LONGEST_GAP_S)  # of a network that remembers nothing


def describe_images(
    request: ImageRequest,
    videos: ImageVideos,
    network: ImageBehaviour,
    calibrated: BehaviourCalibration,
    exported: ExportedBehaviour,
) -> Description:
    """All but the accuracy, which is measured with a bundle, and the digests, which writing one fills in."""
    plan, classes = videos.plan, len(videos.class_names)
    nothing = BehaviourAccuracy(macro_f1=None, f1=(None,) * classes, bout_f1=(None,) * classes, calibration_error=None, frames=0)
    lengths = {part: sum(len(video.images) for video in videos.of(part)) for part in ("train", "validation", "test")}
    held_out = {"held out": videos.of("test"), "validation": videos.of("validation")}
    return Description(
        schema=1,
        name=request.out.name,
        task="behaviour",
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        point_names=(plan.point,) if plan.point is not None else (),
        skeleton=(),
        class_names=videos.class_names,
        network=_words(network),
        view=plan.view,
        input=TensorShape(name=IMAGE, shape=(1, plan.height, plan.width, plan.channels), dtype="uint8"),
        output=TensorShape(name=PROBABILITIES, shape=(1, classes), dtype="float32"),
        states=tuple(TensorShape(name=name, shape=shape, dtype="float32") for name, shape in exported.state_shapes.items()),
        precision="fp32",
        onnx_sha256=NO_HASH,
        training=TrainingData(
            sha256=videos.sha256,
            source=request.data.name,
            frames=lengths["train"],
            held_out_frames=lengths["test"],
            split="; ".join(f"{words}: {', '.join(video.name for video in of)}" for words, of in held_out.items() if of),
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
            frame_interval_s=_intervals(videos),
            longest_gap_s=LONGEST_GAP_S,
            seen=tuple(video.taken_sha256 for video in (*videos.of("train"), *videos.of("validation"))),
            accuracy=nothing,
            region=plan.region,
            resized=request.settings.inside,
        ),
    )


def _intervals(videos: ImageVideos) -> tuple[float, float]:
    if not videos.in_time:
        return _ANY_INTERVAL_S
    intervals = np.concatenate([video.seconds[1:] for video in videos.of("train")])
    shortest, longest = (float(value) for value in np.percentile(intervals, [1, 99]))
    return shortest, longest


def _words(network: ImageBehaviour) -> str:
    plan = network.plan
    lags = f", with the frames {', '.join(map(str, plan.lags))} back" if plan.lags else ""
    memory = f", gated recurrent unit of {plan.memory}" if plan.memory else ""
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return f"{plan.network} on {plan.size[1]}x{plan.size[0]}x{plan.channels}{lags}{memory}, {parameters} parameters"
