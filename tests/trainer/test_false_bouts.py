"""Hard negatives: which bouts of an earlier bundle are false, what an epoch shows of them, and of other frames without a class."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tracker.small_classifier import write_classifier
from tests.trainer.blinking_images import NO_CHANGE, video_of
from tests.trainer.pose_videos import QUICK
from tests.trainer.pose_videos import video as walking
from tracker.bundle import read_bundle
from trainer.behaviour.clips import Clips
from trainer.behaviour.false_bouts import earlier_bundle, false_bouts
from trainer.behaviour.training_run import TrainingRun, Validated
from trainer.behaviour.video_table import PoseVideo
from trainer.errors import TrainingError
from trainer.ethogram.bouts import NO, UNCURATABLE, YES
from trainer.image_behaviour.samples import NEAR_FRAMES, Samples


def beside_a_wall(*stays: tuple[int, int], frames: int = 100, true: tuple[int, int], unjudged: tuple[int, int]) -> PoseVideo:
    """One point, right of 50 px in the frames of each stay: there the bundle says `right`."""
    poses = np.ones((frames, 1, 1, 3), np.float32)
    for first, end in stays:
        poses[first:end, 0, 0, 0] = 80
    marks = np.full((frames, 1), NO, np.int8)
    marks[slice(*true)], marks[slice(*unjudged)] = YES, UNCURATABLE
    return replace(walking(0, frames=frames), poses=poses, marks=marks)


def test_a_false_bout_shares_no_frame_with_a_true_one_and_somebody_has_judged_it(tmp_path: Path) -> None:
    bundle = read_bundle(write_classifier(tmp_path / "place", longest_gap_s=60.0, classes=("right", "other")))
    video = beside_a_wall((10, 20), (40, 60), (80, 90), true=(55, 70), unjudged=(78, 95))
    told: list[str] = []

    (found,) = false_bouts(bundle, [video], ("right",), say=told.append)

    assert found.tolist() == [[10, 20]]
    assert told[0].endswith("finds 1 false bouts of 10 frames in 1 training videos or runs")


def test_an_earlier_bundle_of_another_kind_is_refused(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "place", points=("spot", "tail"))
    with pytest.raises(TrainingError, match="finds right, late; expected some of groom, which are learnt"):
        earlier_bundle(folder, ("groom",))
    video = beside_a_wall(true=(0, 5), unjudged=(90, 95))
    with pytest.raises(TrainingError, match="takes 1x2x3, the videos give 1x1x3; expected an earlier bundle of the same region"):
        false_bouts(read_bundle(folder), [video], ("right",), say=lambda _: None)


def shown_of(false: list[Any] | None, **changes: Any) -> tuple[Samples, list[int]]:
    """A video of 240 frames with a bout from 100 to 109: what an epoch shows of it."""
    marks = [0] * 240
    marks[100:110] = [1] * 10
    runs = None if false is None else [np.array(false, np.int64).reshape(-1, 2)]
    samples = Samples([video_of(marks)], replace(NO_CHANGE, batch=8, **changes), exclusive=True, reach=0, false=runs)
    batches = samples.batches(np.random.default_rng(0))
    return samples, [int(frame) for batch in batches for frame in (batch.images[:, 0, 0, 0, 0] * 255).round()]


def test_frames_of_false_bouts_are_shown_first_and_are_at_most_half_of_the_negatives() -> None:
    samples, shown = shown_of([(10, 14), (200, 202)])
    assert {10, 11, 12, 13, 200, 201} <= set(shown)
    assert (len(shown), samples.shown.false, samples.shown.near, samples.shown.far) == (30, 6, 7, 7)
    assert samples.sentence == (
        "every epoch shows the 10 frames with a class on, and of those without 6 of 6 in false bouts of the earlier bundle, "
        "7 of 40 within 20 frames of a bout and 7 of 184 others"
    )
    many, _ = shown_of([(0, 80)])
    assert (many.shown.false, many.shown.near, many.shown.far, many.there.false) == (10, 5, 5, 80)


@pytest.mark.parametrize(("negatives", "near"), [("near", 20), ("mixed", 10), ("random", 3)])
def test_negatives_near_bouts_or_anywhere_are_a_choice(negatives: Any, near: int) -> None:
    samples, shown = shown_of(None, negatives=negatives)
    off = [frame for frame in shown if not 100 <= frame < 110]
    close = [frame for frame in off if 100 - NEAR_FRAMES <= frame < 110 + NEAR_FRAMES]
    assert (len(off), len(close), samples.shown.near) == (20, near, near)


def test_choosing_negatives_where_every_frame_is_shown_is_refused() -> None:
    with pytest.raises(TrainingError, match="--negatives near is for networks without --memory"):
        replace(NO_CHANGE, negatives="near", memory=4).check(height=20, width=20, in_time=True)


def test_clips_of_images_show_false_bouts_once_more() -> None:
    settings = replace(NO_CHANGE, memory=4, window=16, batch=16)
    runs = [np.array([(40, 60)], np.int64)]
    plain, more = (Samples([video_of([0] * 96)], settings, exclusive=True, reach=0, false=false) for false in (None, runs))
    rng = np.random.default_rng

    starts = [sorted(start for _, start in samples._clips(rng(1))) for samples in (plain, more)]

    assert sorted([*starts[0], 42]) == starts[1]
    assert "a clip around each of 1 false bouts" in more.sentence


def test_clips_of_poses_show_false_bouts_once_more_whatever_videos_are_taken() -> None:
    features = tuple((torch.arange(300.0)[:, None] + 1000 * place,) for place in range(3))
    clips = Clips(variants=features, targets=tuple(torch.zeros(300, 1) for _ in range(3)), again=((1, 200), (2, 10)))
    settings = replace(QUICK, window=50, batch=64)

    def first_frames(of: Clips) -> list[float]:
        return [float(clip[0, 0]) for batch, _ in of.batches(settings, np.random.default_rng(0)) for clip in batch]

    plain, more = first_frames(replace(clips, again=())), first_frames(clips)
    assert sorted([*plain, 1175.0, 2000.0]) == sorted(more)
    assert clips.of([2, 0]).again == ((0, 10),)
    assert clips.of([0]).followed_by(clips).again == ((2, 200), (3, 10))


def test_a_training_that_began_with_hard_negatives_does_not_go_on_without(tmp_path: Path) -> None:
    begun = TrainingRun(torch.nn.Linear(1, 1), QUICK, tmp_path, about={"sha256": "a", "hard_negatives": [[0, 1]]})
    begun.learn(lambda number: [0.5], lambda: Validated(loss=0.5), say=lambda _: None)
    other = TrainingRun(torch.nn.Linear(1, 1), QUICK, tmp_path, about={"sha256": "a"})
    with pytest.raises(TrainingError, match="holds a training in which hard negatives differ"):
        other.resume(anew=False, say=lambda _: None)
