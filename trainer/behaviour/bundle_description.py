"""What a behaviour bundle says of itself: names, shapes, training data, thresholds, accuracy."""

from tracker.bundle_description import BehaviourAccuracy, BehaviourNetwork, Description, TensorShape, TrainingData, View
from tracker.engines.openvino.step_engine import POSES
from trainer.behaviour.bundle_request import BehaviourRequest
from trainer.behaviour.carried_description import SECONDS_SHAPE, carried_description, not_measured, parts_in_words, usual_intervals
from trainer.behaviour.export import ExportedBehaviour
from trainer.behaviour.learnt_poses import learnt_poses
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.temperature_and_thresholds import BehaviourCalibration
from trainer.behaviour.train import Trained
from trainer.behaviour.video_table import PoseVideos
from trainer.behaviour_scores.behaviour_score import BehaviourScore
from trainer.behaviour_scores.bout_score import number

LONGEST_GAP_S = 1.0  # the features' shorter memories have faded by then, and an animal has gone elsewhere


def describe(
    request: BehaviourRequest, videos: PoseVideos, trained: Trained, calibrated: BehaviourCalibration, exported: ExportedBehaviour
) -> Description:
    """All but the accuracy, which is measured with a bundle, and the digests, which writing one fills in."""
    body = trained.network.plan.body
    held_out, validation = videos.of("test"), videos.of("validation")
    parameters = sum(parameter.numel() for parameter in trained.network.parameters())
    return carried_description(
        name=request.out.name,
        task="behaviour",
        network=f"{_units(request.settings)} on {trained.network.features.count} features, {parameters} parameters",
        point_names=videos.point_names,
        class_names=videos.class_names,
        view=View(crop=None, fit="exact", colour="grey"),
        taken=TensorShape(name=POSES, shape=(1, body.animals, body.points, 3), dtype="float32"),
        state_shapes=exported.state_shapes,
        training=TrainingData(
            sha256=videos.sha256,
            source=request.table.name,
            frames=sum(len(video.poses) for video in videos.of("train")),
            held_out_frames=sum(len(video.poses) for video in held_out),
            split=f"by {videos.divided_by}; {parts_in_words([video.name for video in held_out], [video.name for video in validation])}",
        ),
        behaviour=BehaviourNetwork(
            seconds=SECONDS_SHAPE,
            exclusive=videos.exclusive,
            thresholds=calibrated.thresholds,
            threshold_rule=calibrated.rule,
            warming_frames=calibrated.warming_frames,
            frame_interval_s=usual_intervals([video.seconds for video in videos.of("train")]),
            longest_gap_s=LONGEST_GAP_S,
            seen=tuple(video.taken_sha256 for video in (*videos.of("train"), *validation)),
            accuracy=not_measured(len(videos.class_names)),
            delay_ms=request.settings.delay_ms,
        ),
        learnt_poses=learnt_poses(videos.of("train"), least_confidence=body.confidence),
    )


def _units(settings: BehaviourSettings) -> str:
    if settings.members == 1:
        return f"gated recurrent unit of {settings.hidden}"
    return f"{settings.members} gated recurrent units of {settings.hidden}"


def accuracy(score: BehaviourScore, *, frames: int) -> BehaviourAccuracy:
    """What a score is in the bundle's description, of so many frames."""
    return BehaviourAccuracy(
        macro_f1=number(score.macro_f1),
        f1=tuple(number(each.frames.f1) for each in score.classes),
        bout_f1=tuple(number(each.bouts.f1) if score.in_time else None for each in score.classes),
        calibration_error=number(score.calibration.ece) if score.calibration is not None else None,
        frames=frames,
    )
