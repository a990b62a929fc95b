import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.errors import TrainingError
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import Split, explained, split_block, split_groups, split_random


def frames_of(groups: list[str], order: list[int] | None = None) -> LabelledFrames:
    count = len(groups)
    return LabelledFrames(
        images=tuple(ImageRef(path=Path(f"img{i}.png"), frame=None) for i in range(count)),
        points=np.zeros((count, 1, 1, 2)),
        hidden=np.zeros((count, 1, 1), bool),
        tags=(frozenset(),) * count,
        point_names=("snout",),
        skeleton=(),
        group=tuple(groups),
        order=np.array(range(count) if order is None else order, np.int64),
        size=(10, 10),
    )


def check_whole(split: Split, count: int) -> None:
    both = np.concatenate([split.train, split.held_out])
    assert sorted(both.tolist()) == list(range(count))
    assert split.train.dtype == split.held_out.dtype == np.int64
    assert len(split.train) > 0
    assert (len(split.held_out) > 0) == (count > 1)


groups = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=40)


@given(groups=groups, folds=st.integers(2, 8), data=st.data())
def test_a_block_split_is_disjoint_complete_and_contiguous(groups: list[str], folds: int, data: st.DataObject) -> None:
    order = data.draw(st.lists(st.integers(0, 10_000), min_size=len(groups), max_size=len(groups), unique=True))
    frames = frames_of(groups, order)
    held_out = set()
    for fold in range(folds):
        split = split_block(frames, fold, folds=folds)
        check_whole(split, len(groups))
        held_out |= set(split.held_out.tolist())
        for name in set(groups):
            members = [i for i in np.argsort(order).tolist() if groups[i] == name]
            if len(members) >= folds:
                inside = [i in set(split.held_out.tolist()) for i in members]
                assert sum(one != other for one, other in zip([False, *inside], [*inside, False], strict=True)) == 2
    assert len(groups) == 1 or held_out == set(range(len(groups)))


@given(groups=groups, fraction=st.floats(0.001, 0.999), seed=st.integers(0, 2**32))
def test_a_random_split_is_disjoint_complete_and_repeatable(groups: list[str], fraction: float, seed: int) -> None:
    frames = frames_of(groups)
    split = split_random(frames, fraction, seed=seed)
    check_whole(split, len(groups))
    np.testing.assert_array_equal(split.held_out, split_random(frames, fraction, seed=seed).held_out)


def test_the_middle_fifth_is_the_middle_of_every_video() -> None:
    frames = frames_of(["a"] * 10 + ["b"] * 5)
    split = split_block(frames, 2, folds=5)
    assert split.held_out.tolist() == [4, 5, 12]
    assert split.description == "block 3 of 5 in time held out"
    assert explained(split.description).endswith("cut into so many blocks in a row (--folds), of which one judges (--fold, from 0)")
    assert explained("monday held out") == "monday held out"


def test_blocks_follow_time_not_the_order_of_rows() -> None:
    split = split_block(frames_of(["a"] * 4, [30, 10, 40, 20]), 0, folds=2)
    assert split.held_out.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("count", "fold", "held_out", "description"),
    [
        (1, 2, [], "nothing held out: a single frame cannot be divided"),
        (2, 2, [0], "block 1 of 2 in time held out (5 asked for, 2 frames)"),
        (2, 4, [1], "block 2 of 2 in time held out (5 asked for, 2 frames)"),
        (5, 2, [2], "block 3 of 5 in time held out"),
    ],
    ids=["one", "two-early", "two-late", "five"],
)
def test_very_few_frames_are_split_as_stated(count: int, fold: int, held_out: list[int], description: str) -> None:
    split = split_block(frames_of(["a"] * count), fold, folds=5)
    assert split.held_out.tolist() == held_out
    assert split.description == description


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_random_split_of_very_few_frames_keeps_some_to_train(count: int) -> None:
    split = split_random(frames_of(["a"] * count), 0.9, seed=1)
    assert len(split.train) == 1
    check_whole(split, count)


def test_many_single_frame_videos_share_the_blocks_evenly() -> None:
    frames = frames_of([f"v{i}" for i in range(10)])
    assert [len(split_block(frames, fold, folds=5).held_out) for fold in range(5)] == [2] * 5


def test_frames_of_videos_with_fewer_than_blocks_are_said_to_be_given_out_in_turn() -> None:
    """Nothing of them is cut in time: of a video with a single frame all is held out, or nothing."""
    single = split_block(frames_of([f"v{i:02d}" for i in range(60)]), 2, folds=5)
    assert single.held_out.tolist() == list(range(2, 60, 5))
    assert single.description == "block 3 of 5 held out, one frame in 5 as no video has 5 labelled ones"
    assert explained(single.description) == (
        f"{single.description}: the frames go to so many blocks (--folds) in turn, from one video to the next, "
        "of which one judges (--fold, from 0)"
    )
    both = split_block(frames_of(["a"] * 10 + ["b"] * 4 + ["c"]), 2, folds=5)
    assert both.held_out.tolist() == [4, 5, 12]
    assert both.description == "block 3 of 5 in time held out, and one frame in 5 of 2 videos with fewer than 5 labelled ones"
    assert explained(both.description).endswith(
        "of which one judges (--fold, from 0); frames of videos with fewer go to the blocks in turn"
    )
    few = split_block(frames_of(["a", "a", "b"]), 2, folds=5)
    assert few.description == "block 2 of 3 held out, one frame in 3 as no video has 3 labelled ones (5 asked for, 3 frames)"


def test_time_is_said_of_the_videos_that_are_cut() -> None:
    """Whatever the pictures are called whose frames are given out in turn."""
    frames = frames_of(["a"] * 10 + ["b"] * 2)
    words = tuple(ImageRef(path=Path(f"{name}.png"), frame=None) for name in ("hen", "owl"))
    split = split_block(replace(frames, images=(*frames.images[:10], *words)), 2, folds=5)
    assert split.description == "block 3 of 5 in time held out, and one frame in 5 of 1 video with fewer than 5 labelled ones"


def test_whole_videos_are_held_out_by_name() -> None:
    split = split_groups(frames_of(["a", "b", "a", "c"]), ["c", "a"])
    assert split.train.tolist() == [1]
    assert split.held_out.tolist() == [0, 2, 3]
    assert split.description == "a, c held out"


def test_a_random_split_warns_that_neighbours_leak(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        split = split_random(frames_of(["a"] * 100), 0.05, seed=3)
    assert len(split.held_out) == 5
    assert "neighbouring frames" in caplog.text


@pytest.mark.parametrize(
    ("held_out", "message"),
    [
        (["z"], "no frame is of 'z'; expected some of a, b"),
        (["A"], r"expected some of a, b; did you mean 'a'\?"),
        (["a", "b"], "all groups"),
        ([], "no group was named"),
    ],
    ids=["unknown", "in capitals", "everything", "none"],
)
def test_groups_that_cannot_be_held_out_are_refused(held_out: list[str], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        split_groups(frames_of(["a", "b"]), held_out)


@pytest.mark.parametrize(("fold", "folds"), [(5, 5), (-1, 5), (0, 1)])
def test_a_block_out_of_bounds_is_refused(fold: int, folds: int) -> None:
    with pytest.raises(TrainingError, match=f"block {fold} of {folds} was asked for"):
        split_block(frames_of(["a"] * 9), fold, folds=folds)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_a_fraction_out_of_bounds_is_refused(fraction: float) -> None:
    with pytest.raises(TrainingError, match="expected more than 0 and less than 1"):
        split_random(frames_of(["a"] * 9), fraction, seed=0)


def test_no_frames_cannot_be_divided() -> None:
    with pytest.raises(TrainingError, match="no labelled frames"):
        split_block(frames_of([]), 0, folds=5)


def test_time_is_named_only_where_it_is_known() -> None:
    """Pictures named by words stand in the order of their names, which is no time."""
    numbered = frames_of(["a"] * 10)
    words = [ImageRef(path=Path(f"{name}.png"), frame=None) for name in "abcdefghij"]
    assert split_block(numbered, 2, folds=5).description == "block 3 of 5 in time held out"
    assert split_block(replace(numbered, images=tuple(words)), 2, folds=5).description == (
        "block 3 of 5 in the order of their names held out"
    )
    same = tuple(ImageRef(path=Path(f"{name}-1.png"), frame=None) for name in "abcdefghij")
    assert "in time" not in split_block(replace(numbered, images=same), 2, folds=5).description
