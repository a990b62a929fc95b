"""What the descriptions of all networks have in common that carry states from frame to frame."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from tracker.bundle_description import (
    Accuracy,
    BehaviourAccuracy,
    BehaviourNetwork,
    Description,
    Forecast,
    LearntPoses,
    SelfTest,
    TensorShape,
    TrainingData,
    View,
)
from tracker.engines.openvino.step_engine import PROBABILITIES, SECONDS

SECONDS_SHAPE = TensorShape(name=SECONDS, shape=(1, 1), dtype="float32")
_TOLERANCE_FP32 = 1e-4
_TOLERANCE_REDUCED = 0.02
_NO_HASH = "0" * 64  # filled in by write_bundle


def carried_description(
    *,
    name: str,
    task: Literal["behaviour", "forecast"],
    network: str,
    point_names: tuple[str, ...],
    class_names: tuple[str, ...],
    view: View,
    taken: TensorShape,
    state_shapes: Mapping[str, tuple[int, ...]],
    training: TrainingData,
    behaviour: BehaviourNetwork,
    forecast: Forecast | None = None,
    learnt_poses: LearntPoses | None = None,
) -> Description:
    """All but what the self-test is to give, see `with_answer`, and the digests, which writing the bundle fills in.

    Args:
        name: of the bundle.
        task: what it is for.
        network: in words.
        point_names: that it needs.
        class_names: whose probabilities it gives.
        view: of the camera's image.
        taken: of each frame.
        state_shapes: name and shape of every state, with the first axis of 1.
        training: what it has learnt from.
        behaviour: how it is carried and judged.
        forecast: what its probability says, where it looks ahead.
        learnt_poses: what the poses were like that it has learnt from, where it takes poses.
    """
    return Description(
        schema=1,
        name=name,
        task=task,
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        point_names=point_names,
        skeleton=(),
        class_names=class_names,
        network=network,
        view=view,
        input=taken,
        output=TensorShape(name=PROBABILITIES, shape=(1, len(class_names)), dtype="float32"),
        states=tuple(TensorShape(name=state, shape=shape, dtype="float32") for state, shape in state_shapes.items()),
        precision="fp32",
        onnx_sha256=_NO_HASH,
        training=training,
        accuracy=Accuracy(mean_px=None, median_px=None, p95_px=None, frames=0),
        self_test=SelfTest(
            image_sha256=_NO_HASH,
            expected=[0.0] * len(class_names),
            tolerance_fp32=_TOLERANCE_FP32,
            tolerance_reduced=_TOLERANCE_REDUCED,
        ),
        behaviour=behaviour,
        forecast=forecast,
        learnt_poses=learnt_poses,
    )


def with_answer(description: Description, answer: NDArray[np.float32]) -> Description:
    """The same with what the self-test is to give: (classes,)."""
    self_test = msgspec.structs.replace(description.self_test, expected=[float(value) for value in answer])
    return msgspec.structs.replace(description, self_test=self_test)


def with_accuracy(description: Description, accuracy: BehaviourAccuracy) -> Description:
    """The same with what was measured with the bundle; as it is where it describes no behaviour."""
    if description.behaviour is None:
        return description
    return msgspec.structs.replace(description, behaviour=msgspec.structs.replace(description.behaviour, accuracy=accuracy))


def not_measured(classes: int) -> BehaviourAccuracy:
    """Before a bundle of so many classes is scored."""
    return BehaviourAccuracy(macro_f1=None, f1=(None,) * classes, bout_f1=(None,) * classes, calibration_error=None, frames=0)


def usual_intervals(seconds: Sequence[NDArray[np.float32]]) -> tuple[float, float]:
    """Shortest and longest time between frames, the 1st and 99th percentile.

    Args:
        seconds: of every video, (frames,) since the frame before; the first of each says nothing.
    """
    shortest, longest = (float(value) for value in np.percentile(np.concatenate([each[1:] for each in seconds]), [1, 99]))
    return shortest, longest


def parts_in_words(held_out: Sequence[str], validation: Sequence[str]) -> str:
    """Names of the videos that were not learnt from."""
    parts = {"held out": held_out, "validation": validation}
    return "; ".join(f"{words}: {', '.join(names)}" for words, names in parts.items() if names)
