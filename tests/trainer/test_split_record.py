"""A refreshed network is compared with its predecessor on frames that neither has learnt from."""

from pathlib import Path

import numpy as np
import pytest

from tests.trainer.learnable import labelled
from trainer.errors import TrainingError
from trainer.labels.join import join_labels
from trainer.labels.split import Split, SplitChoice
from trainer.labels.split_record import RECORD_FILE, read_record, split_for_comparison, write_record

MIDDLE = SplitChoice(fold=None, folds=5, groups=(), random_fraction=None, seed=0, everything=False)


def old_split(count: int) -> Split:
    return Split(train=np.arange(0, count - 2), held_out=np.arange(count - 2, count), description="the last two")


def test_frames_learnt_from_and_held_out_stay_on_their_side(tmp_path: Path) -> None:
    old, new = labelled(tmp_path, 10), labelled(tmp_path, 5, first=10)
    write_record(tmp_path, old, old_split(10))
    found = split_for_comparison(join_labels([old, new], sources=("old", "new")), read_record(tmp_path), MIDDLE)
    assert (found.known, found.added) == (10, 5)
    assert found.split.held_out.tolist() == [8, 9, 12]
    assert found.split.train.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 13, 14]
    assert found.split.description == "2 frames held out as before, 1 of 5 added ones beside them"


def test_a_frame_that_moved_to_another_place_is_still_known(tmp_path: Path) -> None:
    old = labelled(tmp_path, 10)
    write_record(tmp_path, old, old_split(10))
    turned = old.subset(np.arange(9, -1, -1))
    assert split_for_comparison(turned, read_record(tmp_path), MIDDLE).split.held_out.tolist() == [0, 1]


def test_labels_without_anything_to_compare_on_are_refused(tmp_path: Path) -> None:
    old = labelled(tmp_path, 10)
    write_record(tmp_path, old, old_split(10))
    with pytest.raises(TrainingError, match="of 8 frames 8 would train and 0 be held out"):
        split_for_comparison(old.subset(np.arange(8)), read_record(tmp_path), MIDDLE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "nobody knows which frames"),
        (b'{"train": [', "damaged"),
        (b'{"train": [], "held_out": [], "by": 1}', "damaged"),
        (b'{"train": ["\xff"], "held_out": []}', "damaged"),
    ],
    ids=["absent", "cut short", "foreign key", "no UTF-8"],
)
def test_a_record_that_cannot_be_trusted_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / RECORD_FILE).write_bytes(content)
    with pytest.raises(TrainingError, match=message):
        read_record(tmp_path)
