"""A behaviour bundle over whole videos: the rig's own step, frame by frame, and its decisions."""

from collections.abc import Callable, Sequence

import numpy as np

from tracker.bundle import Bundle
from trainer.behaviour.export import StepEngine
from trainer.behaviour.video_table import PoseVideo
from trainer.behaviour_scores.scored_video import Decide, Probabilities, ScoredVideo
from trainer.errors import TrainingError


def engine_of(bundle: Bundle, *, threads: int = 1) -> StepEngine:
    """The bundle's network, to be carried from frame to frame."""
    states = [state.name for state in bundle.description.states]
    return StepEngine(bundle.model.read_bytes(), states, threads=threads)


def check_self_test(bundle: Bundle, engine: StepEngine) -> None:
    """Carry the bundle's own poses through the engine and compare the last answer with what the trainer found.

    Raises:
        TrainingError: it differs by more than the bundle allows.
    """
    if bundle.self_test_poses is None:
        raise TrainingError(f"{bundle.folder}: takes images; expected a bundle that finds behaviour in poses")
    shape = bundle.description.input.shape[1:]
    rows = bundle.self_test_poses
    found = engine.run(rows[:, :-1].reshape(len(rows), *shape), rows[:, -1])[-1]
    engine.reset()
    test = bundle.description.self_test
    difference = float(np.abs(found - np.array(test.expected, np.float32)).max())
    if not difference <= test.tolerance_fp32:
        raise TrainingError(
            f"{bundle.folder}: the self-test fails: a probability is off by {difference:.2g}, expected at most {test.tolerance_fp32:g}; "
            "write the bundle again with `trainer fit`"
        )


def probabilities_of(engine: StepEngine, video: PoseVideo, *, warming: int, longest_gap_s: float) -> Probabilities:
    """Class probabilities of every frame, float32 (frames, classes); NaN while the network warms up.

    States are zeroed at the start and at a gap that is too long, as on the rig.
    """
    engine.reset()
    answers, left = [], warming
    for poses, seconds in zip(video.poses, video.seconds, strict=True):
        if seconds > longest_gap_s:
            engine.reset()
            left, seconds = warming, np.float32(0)
        answer = engine.step(poses, float(seconds))
        answers.append(answer if left <= 0 else np.full_like(answer, np.nan))
        left -= 1
    return np.stack(answers)


def decisions_of(bundle: Bundle, videos: Sequence[PoseVideo], *, say: Callable[[str], None]) -> list[ScoredVideo]:
    """Every video with the bundle's probabilities and decisions.

    Raises:
        TrainingError: the bundle is for another task, or its self-test fails.
    """
    about = bundle.description.behaviour
    if about is None:
        raise TrainingError(f"{bundle.folder}: takes images; expected a bundle that finds behaviour in poses")
    engine = engine_of(bundle)
    check_self_test(bundle, engine)
    decide = Decide(exclusive=about.exclusive, thresholds=about.thresholds)
    found = []
    for video in videos:
        probabilities = probabilities_of(engine, video, warming=about.warming_frames, longest_gap_s=about.longest_gap_s)
        found.append(
            ScoredVideo(
                name=video.name,
                class_names=bundle.description.class_names,
                truth=video.marks,
                said=decide.of(probabilities),
                probabilities=probabilities,
                fps=video.fps,
            )
        )
        say(f"{video.name}: {len(probabilities)} frames")
    return found
