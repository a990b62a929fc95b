"""What is said of labels of behaviour before training."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from trainer.errors import LabelError
from trainer.ethogram.bouts import Bout, Ethogram, ethogram
from trainer.ethogram.checks import Session, counts, findings
from trainer.ethogram.read_options import Reading
from trainer.ethogram.sessions import frames_and_rate_of, sessions_of
from trainer.video_files.writer import VideoWriter

PARTS: tuple[Literal["train", "validation", "test"], ...] = ("train", "validation", "test")


def labels(*bouts: tuple[str, int, int], frames: int = 4000, names: tuple[str, ...] = ("walk", "rest")) -> Ethogram:
    return ethogram(names, [Bout(first=first, end=end, name=name) for name, first, end in bouts], where="test", frames=frames)


def many(name: str, *, length: int, count: int = 10) -> list[tuple[str, int, int]]:
    return [(name, 300 * place, 300 * place + length) for place in range(count)]


def test_labels_with_enough_of_everything_give_no_finding() -> None:
    one = labels(*many("walk", length=100), *many("rest", length=100))
    assert findings([Session(name=part, labels=one, frames=4000, part=part) for part in PARTS]) == []


def test_classes_are_counted_in_each_session() -> None:
    marks = [Bout(first=0, end=10, name="walk"), Bout(first=10, end=12, name="walk", mark="uncuratable")]
    [walk] = counts([Session(name="a", labels=ethogram(("walk",), marks, where="", frames=20))])
    assert (walk.frames, walk.bouts, walk.judged, walk.to_decide) == (10, 1, 18, 0)


@pytest.mark.parametrize(
    ("sessions", "sentence"),
    [
        ([Session(name="a", labels=labels(*many("walk", length=9)))], "'rest' is in no frame; label some"),
        ([Session(name="a", labels=labels(("walk", 0, 900)))], "'walk' has 900 frames in 1 bout;"),
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
                Session(name="a", labels=labels(*many("walk", length=90)), part="train"),
                Session(name="b", labels=labels(*many("rest", length=90)), part="test"),
            ],
            "'walk' is in no session that is held out; divide the sessions otherwise",
        ),
        (
            [
                Session(name="a", labels=labels(*many("rest", length=90)), part="train"),
                Session(name="b", labels=labels(*many("walk", length=90)), part="validation"),
                Session(name="c", labels=labels(*many("walk", length=90)), part="test"),
            ],
            "'walk' is in no session that is learnt from; divide the sessions otherwise",
        ),
        (
            [Session(name="a", labels=labels(*many("walk", length=90)), frames=150)],
            "'walk' has 90 frames in 1 bout;",
        ),
        (
            [Session(name="a", labels=labels(("walk", 3000, 4000)), frames=3500)],
            "a: its labels run 500 frames past the 3500 of the video, 1 bout among them",
        ),
        ([Session(name="a", labels=labels(frames=100), frames=120)], "a: the video has 120 frames, its labels 100"),
        (
            [Session(name="a", labels=labels(*many("walk", length=90))), Session(name="b", labels=labels(names=("rest",)))],
            "b: does not list walk, which other sessions do; its frames were not judged for it, and teach nothing of it",
        ),
        (
            [
                Session(name="a", labels=labels(*many("walk", length=90))),
                Session(name="b", labels=replace(labels(names=("rest",)), lists_classes=False)),
            ],
            "b: does not list walk, which other sessions do; its frames count as without it",
        ),
        (
            [Session(name="a", labels=ethogram(("walk",), [Bout(first=1, end=4, name="walk", mark="to decide")], where=""))],
            "3 frames are still to be decided, 3 of 'walk' in a",
        ),
    ],
    ids=[
        "absent",
        "too-few",
        "lopsided",
        "one-session",
        "one-part",
        "none-learnt-from",
        "within-the-video",
        "past-the-end",
        "shorter",
        "not-listed",
        "listed where on",
        "to-decide",
    ],
)
def test_what_is_wrong_with_labels_is_said_in_plain_words(sessions: list[Session], sentence: str) -> None:
    assert any(said.startswith(sentence) for said in findings(sessions)), findings(sessions)


@pytest.mark.parametrize("ending", [".mp4", ".npy"])
def test_the_length_and_rate_of_a_video_or_an_array_of_images_are_found(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"film{ending}"
    images = np.zeros((7, 16, 16), np.uint8)
    if ending == ".npy":
        np.save(path, images)
    else:
        with VideoWriter(path, rate=Fraction(30), size=(16, 16)) as writer:
            for image in images:
                writer.write(image)
    assert frames_and_rate_of(path) == (7, None if ending == ".npy" else 30)


def test_a_film_that_is_none_and_a_wrong_number_of_films_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.zeros(9))
    with pytest.raises(LabelError, match=r"flat\.npy: has shape \(9,\); expected images"):
        frames_and_rate_of(tmp_path / "flat.npy")
    reading = Reading(path=tmp_path / "a.csv", kind="", ethograms=(labels(),))
    with pytest.raises(LabelError, match="1 videos were given for 2 files of labels"):
        sessions_of([reading, reading], [tmp_path / "flat.npy"])


def test_labels_at_another_frame_rate_than_their_video_are_said(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "film.mp4", rate=Fraction(25), size=(16, 16)) as writer:
        for _ in range(4):
            writer.write(np.zeros((16, 16), np.uint8))
    for fps, expected in ((30.0, True), (25.0, False), (25.01, False), (None, False)):
        one = Reading(path=tmp_path / "a.csv", kind="", ethograms=(ethogram(("walk",), [], where="", frames=4, fps=fps),))
        said = findings(sessions_of([one], [tmp_path / "film.mp4"]))
        assert any("a.csv: its labels are at 30 frames per second, the video at 25;" in sentence for sentence in said) == expected, fps


def test_marks_and_bouts_say_the_same() -> None:
    one = labels(("walk", 3, 9), ("rest", 5, 6), frames=12)
    marks = one.marks()
    assert np.flatnonzero(marks[:, 0]).tolist() == list(range(3, 9))
    assert np.flatnonzero(marks[:, 1]).tolist() == [5]


def test_a_class_whose_name_a_terminal_would_obey_is_refused() -> None:
    with pytest.raises(
        LabelError, match=r"test: has a class of behaviour 'walk\\nrun'; expected a name of printable characters on one line"
    ):
        labels(names=("walk\nrun",))
