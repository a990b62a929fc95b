"""What is said of labels of behaviour before training."""

import numpy as np
import pytest

from trainer.ethogram.bouts import Bout, Ethogram, ethogram
from trainer.ethogram.checks import Session, counts, findings


def labels(*bouts: tuple[str, int, int], frames: int = 4000, names: tuple[str, ...] = ("walk", "rest")) -> Ethogram:
    return ethogram(names, [Bout(first=first, end=end, name=name) for name, first, end in bouts], where="test", frames=frames)


def many(name: str, *, length: int, count: int = 10) -> list[tuple[str, int, int]]:
    return [(name, 300 * place, 300 * place + length) for place in range(count)]


def test_labels_with_enough_of_everything_give_no_finding() -> None:
    one = labels(*many("walk", length=100), *many("rest", length=100))
    assert findings([Session(name=str(held_out), labels=one, frames=4000, held_out=held_out) for held_out in (False, True)]) == []


def test_classes_are_counted_in_each_session() -> None:
    marks = [Bout(first=0, end=10, name="walk"), Bout(first=10, end=12, name="walk", mark="uncuratable")]
    [walk] = counts([Session(name="a", labels=ethogram(("walk",), marks, where="", frames=20))])
    assert (walk.frames, walk.bouts, walk.judged, walk.to_decide) == (10, 1, 18, 0)


@pytest.mark.parametrize(
    ("sessions", "sentence"),
    [
        ([Session(name="a", labels=labels(*many("walk", length=9)))], "'rest' is in no frame; label some"),
        ([Session(name="a", labels=labels(("walk", 0, 900)))], "'walk' has 900 frames in 1 bouts"),
        (
            [Session(name="a", labels=labels(*many("walk", length=250), *many("rest", length=5)))],
            "lopsided: 'walk' has 50 times the frames of 'rest' (2500 and 50)",
        ),
        (
            [Session(name="a", labels=labels(*many("walk", length=90))), Session(name="b", labels=labels(*many("rest", length=90)))],
            "100% of the frames of 'walk' are in a; label it in others too",
        ),
        (
            [
                Session(name="a", labels=labels(*many("walk", length=90)), held_out=False),
                Session(name="b", labels=labels(*many("rest", length=90)), held_out=True),
            ],
            "'walk' is in no session that is held out; divide the sessions otherwise",
        ),
        (
            [Session(name="a", labels=labels(("walk", 3000, 4000)), frames=3500)],
            "a: its labels run 500 frames past the 3500 of the video, 1 bouts among them",
        ),
        ([Session(name="a", labels=labels(frames=100), frames=120)], "a: the video has 120 frames, its labels 100"),
        (
            [Session(name="a", labels=labels(*many("walk", length=90))), Session(name="b", labels=labels(names=("rest",)))],
            "b: does not list walk, which other sessions do",
        ),
        (
            [Session(name="a", labels=ethogram(("walk",), [Bout(first=1, end=4, name="walk", mark="to decide")], where=""))],
            "3 frames are still to be decided, 3 of 'walk' in a",
        ),
    ],
    ids=["absent", "too-few", "lopsided", "one-session", "one-part", "past-the-end", "shorter", "not-listed", "to-decide"],
)
def test_what_is_wrong_with_labels_is_said_in_plain_words(sessions: list[Session], sentence: str) -> None:
    assert any(said.startswith(sentence) for said in findings(sessions)), findings(sessions)


def test_marks_and_bouts_say_the_same() -> None:
    one = labels(("walk", 3, 9), ("rest", 5, 6), frames=12)
    marks = one.marks()
    assert np.flatnonzero(marks[:, 0]).tolist() == list(range(3, 9))
    assert np.flatnonzero(marks[:, 1]).tolist() == [5]
