"""Which videos are learnt from and which are held out, and what is said of a table that is none of videos."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.tracker.small_classifier import write_classifier
from tests.trainer.pose_videos import video
from tests.trainer.walkers import CLASSES, POINTS, walkers, write_deeplabcut, write_table
from tracker.bundle import read_bundle
from tracker.bundle_description import Description
from trainer.__main__ import main
from trainer.behaviour.blocks import GAP_S
from trainer.behaviour.division import Divided, DivisionAsked, divided
from trainer.behaviour.table_rows import Part, groups_of, table_rows
from trainer.behaviour.video_table import blocks_of, divide, read_videos
from trainer.behaviour_scores.behaviour_score import Cleaning
from trainer.errors import LabelError, TrainingError
from trainer.ethogram.checks import findings
from trainer.ethogram.read_options import ReadOptions
from trainer.pipeline.evaluate_behaviour import evaluate_behaviour

NAMES = tuple(f"v{number}" for number in range(6))


def division(
    counts: list[list[int]],
    asked: DivisionAsked,
    *,
    animals: str = "",
    sessions: str = "",
    trials: str = "",
    given: dict[int, Part] | None = None,
) -> Divided:
    """Of as many videos as there are counts; a letter each for its animal, session and trial."""
    named = {"animal": animals, "session": sessions, "trial": trials}
    groups = [groups_of({kind: letters[place] for kind, letters in named.items() if letters}) for place in range(len(counts))]
    parts = [(given or {}).get(place) for place in range(len(counts))]
    names = [f"v{number}" for number in range(len(counts))]
    return divided(names, parts, groups=groups, counts=np.array(counts), class_names=("walk", "rear"), asked=asked)


def of(found: Divided, part: str) -> list[str]:
    return [f"v{number}" for number, each in enumerate(found.parts) if each == part]


def test_the_last_videos_are_held_out_where_every_part_has_every_class() -> None:
    found = division([[5, 5]] * 6, DivisionAsked())
    assert (of(found, "test"), of(found, "validation"), found.by, found.notes) == (["v5"], ["v4"], "video", ())


def test_other_videos_are_held_out_where_the_last_would_lack_a_class() -> None:
    found = division([[5, 0], [5, 9], [5, 5], [5, 2], [5, 5], [5, 0]], DivisionAsked())
    for part in ("train", "validation", "test"):
        assert any(place in (1, 2, 3, 4) for place in (int(name[1]) for name in of(found, part)))
    assert len(of(found, "test")) == len(of(found, "validation")) == 1
    [said] = found.notes
    assert said.startswith("divided otherwise than by order, in which 'rear' would be in no video that is held out: ")


def test_a_class_of_one_video_is_learnt_from() -> None:
    found = division([[5, 0], [5, 0], [5, 0], [5, 0], [5, 0], [5, 9]], DivisionAsked())
    assert "v5" in of(found, "train")
    assert len(of(found, "test")) == 1


def test_what_was_asked_for_by_name_stays_where_it_is() -> None:
    found = division([[5, 0], [5, 9], [5, 9], [5, 0], [5, 0], [5, 0]], DivisionAsked(test=["v0"]))
    assert of(found, "test") == ["v0"]
    assert of(found, "validation") in (["v1"], ["v2"])


def test_an_animal_stays_in_one_part_where_the_table_names_enough_of_them() -> None:
    found = division([[5, 5]] * 6, DivisionAsked(), animals="abcabc", sessions="112233")
    assert (of(found, "test"), of(found, "validation"), found.by) == (["v2", "v5"], ["v1", "v4"], "animal")
    by_session = division([[5, 5]] * 6, DivisionAsked(by="session"), animals="abcabc", sessions="112233")
    assert (of(by_session, "test"), by_session.by) == (["v4", "v5"], "session")
    two = division([[5, 5]] * 6, DivisionAsked(), animals="aabbab", sessions="112233")
    assert (two.by, of(two, "test")) == ("session", ["v4", "v5"])
    with pytest.raises(TrainingError, match=r"2 animals leave none for train; give at least 3.* or --split-by block"):
        division([[5, 5]] * 6, DivisionAsked(by="animal"), animals="aabbab")


def test_a_trial_stays_in_one_part_and_is_one_of_its_session() -> None:
    found = division([[5, 5]] * 6, DivisionAsked(), trials="aabbcc")
    assert (of(found, "test"), of(found, "validation"), found.by) == (["v4", "v5"], ["v2", "v3"], "trial")
    counted_anew = division([[5, 5]] * 6, DivisionAsked(by="trial"), sessions="xxxyyy", trials="112112")
    assert (of(counted_anew, "test"), of(counted_anew, "validation")) == (["v5"], ["v2"])


def test_the_last_trials_of_every_session_are_held_out() -> None:
    found = division([[5, 5]] * 15, DivisionAsked(by="trial"), sessions="x" * 5 + "y" * 10, trials="abcdeabcdefghij")
    assert of(found, "test") == ["v4", "v13", "v14"]
    assert of(found, "validation") == ["v3", "v11", "v12"]
    assert found.notes[0] == "the last trials within each session are held out, and those before them validate"
    alone = division([[5, 5]] * 12, DivisionAsked(by="trial", nothing_held_out=True), sessions="x" * 6 + "y" * 6, trials="abcdef" * 2)
    assert (of(alone, "test"), of(alone, "validation")) == ([], ["v5", "v11"])
    assert alone.notes[0] == "the last trials within each session validate"


def test_what_the_table_does_not_name_cannot_stay_together() -> None:
    with pytest.raises(TrainingError, match="--split-by trial needs a column trial that says of which trial each is"):
        division([[5, 5]] * 6, DivisionAsked(by="trial"), sessions="112233")


def test_an_animal_on_both_sides_is_said() -> None:
    found = division([[5, 5]] * 4, DivisionAsked(test=["v3"], validation=["v2"]), animals="aaba")
    assert found.notes == ("animal a is on both sides: v0, v1 learnt from, v3 held out, so that the scores say little of another animal",)
    as_given = division([[5, 5]] * 3, DivisionAsked(), animals="aab", given={0: "test", 2: "validation"})
    assert (as_given.parts, len(as_given.notes)) == (("test", "train", "validation"), 1)


def test_blocks_of_a_video_keep_a_gap_and_no_bout_is_on_both_sides() -> None:
    one = video(0, frames=1500)
    one.marks[:] = 0
    one.marks[880:960, 0] = 1  # over the cut at 900
    blocks = blocks_of(one)
    assert [(block.name, len(block.poses)) for block in blocks] == [(f"v block {number}", 300) for number in range(1, 6)]
    gaps = [int((block.marks == -1).all(axis=1).sum()) for block in blocks]
    assert gaps == [0, round(GAP_S * one.fps), round(GAP_S * one.fps), 60, round(GAP_S * one.fps)]
    assert not (blocks[3].marks == 1).any()
    assert (blocks[2].marks == 1).any()
    assert not [said for said in findings([blocks[1].session]) if "the video has" in said or "past the" in said]
    np.testing.assert_array_equal(blocks[1].poses, one.poses[300:600])


def test_blocks_that_were_learnt_from_are_left_out_of_an_evaluation(tmp_path: Path) -> None:
    table = write_table(tmp_path, videos=1, frames=1500)
    videos = divide(read_videos(table, asked=ReadOptions()), DivisionAsked(by="block"))
    [held_out] = videos.of("test")
    bundle = read_bundle(write_classifier(tmp_path / "net", points=POINTS, animals=2, classes=CLASSES))
    about: Description = bundle.description
    assert about.behaviour is not None
    made_with = tuple(block.taken_sha256 for block in videos.videos if block is not held_out)
    about = msgspec.structs.replace(
        about,
        behaviour=msgspec.structs.replace(about.behaviour, seen=made_with),
        training=msgspec.structs.replace(about.training, split=f"by block; held out: {held_out.name}"),
    )
    run = evaluate_behaviour(
        msgspec.structs.replace(bundle, description=about), table, asked=ReadOptions(), left_out=(), cleaning=Cleaning(), say=lambda _: None
    )
    assert [each.name for each in run.answers[0][1]] == [held_out.name]
    assert "4 of 5 videos or blocks are those it was made with, and are left out" in run.notes


@pytest.mark.parametrize(
    ("header", "source", "sentence"),
    [
        ("video,images,labels", "poses", "a table of images, where poses are taken .*; expected poses and labels"),
        ("images,poses,labels", "poses", "images as well as poses: give `--region` to learn from images, or leave the column images out"),
        ("video,poses,labels", "images", "a table of poses, where images are taken .*; expected images and labels"),
        ("frame,groom,rear", "poses", "has the columns frame, groom, rear, and so tells of the frames of one video"),
    ],
)
def test_a_table_of_something_else_is_refused_by_what_it_is(header: str, source: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"{header}\n1,2,3\n")
    columns = ("video", source, "labels", "fps", "part") + (("poses",) if source == "images" else ())
    with pytest.raises(LabelError, match=rf"t\.csv: .*{sentence}"):
        table_rows(tmp_path / "t.csv", source=source, columns=columns)


def test_poses_of_one_video_are_no_table_of_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_deeplabcut(tmp_path / "dlc.csv", walkers(0, frames=5)[0])
    assert main(["fit", "--task", "behaviour", "--data", str(tmp_path / "dlc.csv"), "--out", str(tmp_path / "m")]) == 1
    assert "holds the poses of one video, as DeepLabCut writes them, and no table of videos; expected poses" in capsys.readouterr().err
