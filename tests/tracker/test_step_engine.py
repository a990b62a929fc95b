"""A network that is carried from frame to frame gives bit for bit what it gives where every state is copied by hand."""

import numpy as np
import onnx.parser
import pytest
from numpy.typing import NDArray

from tracker.engines.openvino.options import DEVICE, hints
from tracker.engines.openvino.runtime import core
from tracker.engines.openvino.step_engine import StepEngine

MODEL = """
    <ir_version: 8, opset_import: ["" : 17]>
    carried (float[1, 1, 2, 3] poses, float[1, 1] seconds, float[1, 6] before, float[1, 1] clock)
        => (float[1, 2] probabilities, float[1, 6] before_next, float[1, 1] clock_next)
    <int64[2] row = {1, 6}, float tenth = {0.1}>
    {
        now = Reshape (poses, row)
        faded = Mul (before, tenth)
        before_next = Add (now, faded)
        clock_next = Add (clock, seconds)
        difference = Sub (now, before)
        sum = ReduceMean <axes = [1], keepdims = 1> (difference)
        probabilities = Concat <axis = 1> (sum, clock_next)
    }
"""
Poses = NDArray[np.float32]


def by_hand(model: bytes, poses: Poses, *, phases: int) -> Poses:
    """Each frame's answer, (frames, 2), with a set of `before` for each phase and one `clock`."""
    compiled = core().compile_model(core().read_model(model, b""), DEVICE, hints(precision="fp32", threads=1))
    before, clock, answers = [np.zeros((1, 6), np.float32) for _ in range(phases)], np.zeros((1, 1), np.float32), []
    for number, pose in enumerate(poses):
        taken = {"poses": pose[None], "seconds": np.full((1, 1), 0.01, np.float32), "before": before[number % phases], "clock": clock}
        found = {name: np.array(value) for value, name in ((value, port.any_name) for port, value in compiled(taken).items())}
        before[number % phases], clock = found["before_next"], found["clock_next"]
        answers.append(found["probabilities"][0])
    return np.stack(answers)


@pytest.mark.parametrize("phases", [1, 2, 4])
def test_carried_states_give_the_same_bits_as_states_copied_by_hand(phases: int) -> None:
    model = bytes(onnx.parser.parse_model(MODEL).SerializeToString())
    poses = np.random.default_rng(0).normal(0, 1, (23, 1, 2, 3)).astype(np.float32)
    engine = StepEngine(model, ["before", "clock"], phases=phases, phase_states=["before"] if phases > 1 else [])
    seconds = np.full(len(poses), 0.01, np.float32)
    expected = by_hand(model, poses, phases=phases)
    np.testing.assert_array_equal(engine.run(poses, seconds), expected)
    engine.run(poses[:7], seconds[:7])  # ends in the midst of a round
    np.testing.assert_array_equal(engine.run(poses, seconds), expected)


@pytest.mark.parametrize("phases", [1, 2, 4])
@pytest.mark.parametrize("taken", [3, 4, 9])
def test_another_engine_goes_on_from_what_is_carried_to_the_same_bits(phases: int, taken: int) -> None:
    model = bytes(onnx.parser.parse_model(MODEL).SerializeToString())
    poses = np.random.default_rng(1).normal(0, 1, (23, 1, 2, 3)).astype(np.float32)
    first, second = (StepEngine(model, ["before", "clock"], phases=phases, phase_states=["before"] if phases > 1 else []) for _ in "12")
    for pose in poses[:taken]:
        first.step(pose, 0.01)
    second.step(poses[0], 0.5)  # it stands elsewhere in its round

    second.go_on(first.carried())

    for pose in poses[taken:]:
        np.testing.assert_array_equal(second.step(pose, 0.01), first.step(pose, 0.01))


def test_an_answer_stays_as_it_was_when_the_next_frames_are_taken() -> None:
    model = bytes(onnx.parser.parse_model(MODEL).SerializeToString())
    engine = StepEngine(model, ["before", "clock"])
    first = engine.step(np.ones((1, 2, 3), np.float32), 0.0)
    kept = first.copy()
    for _ in range(3):
        engine.step(np.zeros((1, 2, 3), np.float32), 0.5)
    np.testing.assert_array_equal(first, kept)
