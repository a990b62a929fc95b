"""A class that some files of labels do not list: nobody judged it in them, so that they teach nothing of it."""

from pathlib import Path

import numpy as np
import pytest

from trainer.behaviour.clips import UNJUDGED, targets_of
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour.video_table import divide, read_videos
from trainer.ethogram.bout_file import BoutFile, LabelledBout, Stretch, encode_bout_file
from trainer.ethogram.bouts import NO, TO_DECIDE, UNCURATABLE, YES
from trainer.ethogram.checks import findings
from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.read_images import read_image_videos
from trainer.image_behaviour.region import RegionAsked

FRAMES = 100


def write_days(folder: Path, *, source: str) -> Path:
    """Monday, labelled when there was only 'groom', and Tuesday, when 'jump' had been added; a table of both."""
    for day in ("monday", "tuesday"):
        if source == "poses":
            np.save(folder / f"{day}.npy", np.full((FRAMES, 1, 3, 3), 1, np.float32))
        else:
            np.save(folder / f"{day}.npy", np.zeros((FRAMES, 8, 8), np.uint8))
    monday = BoutFile(
        frames=FRAMES,
        fps=30.0,
        class_names=("groom",),
        bouts=(LabelledBout(name="groom", first=10, end=20),),
        stretches=(Stretch(first=30, end=40, mark="uncuratable"),),
        judged={"groom": ((0, 60),)},
    )
    judged: dict[str, tuple[tuple[int, int], ...]] = dict.fromkeys(("groom", "jump"), ((0, FRAMES),))
    bouts = (LabelledBout(name="jump", first=10, end=20),)
    tuesday = BoutFile(frames=FRAMES, fps=30.0, class_names=("groom", "jump"), bouts=bouts, judged=judged)
    for day, file in (("monday", monday), ("tuesday", tuesday)):
        (folder / f"{day}.anna.bouts.json").write_bytes(encode_bout_file(file))
    rows = [f"{day},{day}.npy,{day}.anna.bouts.json" for day in ("monday", "tuesday")]
    (folder / "videos.csv").write_text("\n".join([f"video,{source},labels", *rows]) + "\n", encoding="utf-8")
    return folder / "videos.csv"


EXPECTED = np.full(FRAMES, TO_DECIDE)
EXPECTED[30:40] = EXPECTED[60:] = UNCURATABLE
SAID = "monday: does not list jump, which other sessions do; its frames were not judged for it, and teach nothing of it"


def test_a_class_that_was_added_later_is_to_decide_in_the_video_labelled_before_and_it_is_said(tmp_path: Path) -> None:
    videos = read_videos(write_days(tmp_path, source="poses"), asked=ReadOptions())
    assert videos.class_names == ("groom", "jump")
    monday = videos.videos[0]
    np.testing.assert_array_equal(monday.marks[:, 1], EXPECTED)
    assert [int((monday.marks[:60, 0] == mark).sum()) for mark in (YES, NO, UNCURATABLE)] == [10, 40, 10]
    said = findings([video.session for video in videos.videos])
    assert SAID in said
    assert not any("still to be decided" in sentence for sentence in said), "nothing waits there for a decision"


def test_of_a_class_added_later_nothing_is_learnt_from_images_of_before_either(tmp_path: Path) -> None:
    videos = read_image_videos(write_days(tmp_path, source="images"), RegionAsked(), asked=ReadOptions(), classes=ClassesAsked())
    np.testing.assert_array_equal(videos.videos[0].marks[:, 1], EXPECTED)
    assert SAID in findings(videos.sessions)


def test_blocks_of_a_video_labelled_before_a_class_was_added_do_not_judge_it(tmp_path: Path) -> None:
    videos = divide(read_videos(write_days(tmp_path, source="poses"), asked=ReadOptions()), DivisionAsked(by="block"))
    blocks = [video for video in videos.videos if video.name.startswith("monday")]
    assert len(blocks) == 5
    assert not any(np.isin(block.marks[:, 1], (YES, NO)).any() for block in blocks)
    assert any(sentence.startswith("monday block 1: does not list jump") for sentence in findings([one.session for one in videos.videos]))


def test_a_frame_of_one_exclusive_class_is_learnt_whether_or_not_others_were_judged() -> None:
    marks = np.array([[YES, TO_DECIDE], [NO, TO_DECIDE], [NO, NO]], np.int8)
    assert targets_of(marks, exclusive=True).tolist() == [[1, 0, 0], [UNJUDGED] * 3, [0, 0, 1]]
    assert targets_of(marks, exclusive=False).tolist() == [[1, UNJUDGED], [0, UNJUDGED], [0, 0]]


@pytest.mark.parametrize("form", ["boris", "names"])
def test_where_a_form_lists_no_class_that_is_not_on_a_class_that_is_missing_was_in_no_frame(tmp_path: Path, form: str) -> None:
    table = write_days(tmp_path, source="poses")
    if form == "boris":
        text = "Observation id,Media duration (s),FPS,Subject,Behavior,Behavior type,Start (s),Stop (s)\nm,2,30,,groom,STATE,0,1\n"
    else:
        text = "frame,label\n" + "".join(f"{frame},groom\n" for frame in range(60))
    (tmp_path / "monday.csv").write_text(text, encoding="utf-8")
    table.write_text(table.read_text().replace("monday.anna.bouts.json", "monday.csv"))
    monday = read_videos(table, asked=ReadOptions(fps=30)).videos[0]
    np.testing.assert_array_equal(monday.marks[:60, 1], np.full(60, NO))
