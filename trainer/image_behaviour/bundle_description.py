"""What a bundle of images says of itself: region, shapes, training data, thresholds."""

from tracker.bundle_description import BehaviourNetwork, Description, TensorShape, TrainingData
from tracker.engines.openvino.step_engine import IMAGE
from trainer.behaviour.bundle_description import LONGEST_GAP_S
from trainer.behaviour.carried_description import SECONDS_SHAPE, carried_description, not_measured, parts_in_words, usual_intervals
from trainer.behaviour.export import ExportedBehaviour
from trainer.behaviour.temperature_and_thresholds import BehaviourCalibration
from trainer.image_behaviour.image_request import ImageRequest
from trainer.image_behaviour.image_videos import ImageVideos
from trainer.image_behaviour.networks import ImageBehaviour

_ANY_INTERVAL_S = (0.0, LONGEST_GAP_S)  # of a network that remembers nothing


def describe(
    request: ImageRequest,
    videos: ImageVideos,
    network: ImageBehaviour,
    calibrated: BehaviourCalibration,
    exported: ExportedBehaviour,
) -> Description:
    """All but the accuracy, which is measured with a bundle, and the digests, which writing one fills in."""
    plan, held_out, validation = videos.plan, videos.of("test"), videos.of("validation")
    return carried_description(
        name=request.out.name,
        task="behaviour",
        network=_words(network),
        point_names=(plan.point,) if plan.point is not None else (),
        class_names=videos.class_names,
        view=plan.view,
        taken=TensorShape(name=IMAGE, shape=(1, plan.height, plan.width, plan.channels), dtype="uint8"),
        state_shapes=exported.state_shapes,
        training=TrainingData(
            sha256=videos.sha256,
            source=request.data.name,
            frames=sum(len(video.images) for video in videos.of("train")),
            held_out_frames=sum(len(video.images) for video in held_out),
            split=("" if videos.divided_by == "video" else f"by {videos.divided_by}; ")
            + parts_in_words([video.name for video in held_out], [video.name for video in validation]),
        ),
        behaviour=BehaviourNetwork(
            seconds=SECONDS_SHAPE,
            exclusive=videos.exclusive,
            thresholds=calibrated.thresholds,
            threshold_rule=calibrated.rule,
            warming_frames=calibrated.warming_frames,
            frame_interval_s=usual_intervals([video.seconds for video in videos.of("train")]) if videos.in_time else _ANY_INTERVAL_S,
            longest_gap_s=LONGEST_GAP_S,
            seen=tuple(video.taken_sha256 for video in (*videos.of("train"), *validation)),
            accuracy=not_measured(len(videos.class_names)),
            region=plan.region,
            resized=request.settings.inside,
        ),
    )


def _words(network: ImageBehaviour) -> str:
    plan = network.plan
    lags = f", with the frames {', '.join(map(str, plan.lags))} back" if plan.lags else ""
    memory = f", gated recurrent unit of {plan.memory}" if plan.memory else ""
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return f"{plan.network} on {plan.size[1]}x{plan.size[0]}x{plan.channels}{lags}{memory}, {parameters} parameters"
