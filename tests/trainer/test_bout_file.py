"""Files of bouts: what nobody judged is to decide, what was not ended is said, and other programs' files come back frame for frame."""

from pathlib import Path

import numpy as np
import pytest

from tests.trainer.walkers import CLASSES, write_table
from trainer.__main__ import main
from trainer.behaviour.video_table import read_videos
from trainer.errors import LabelError
from trainer.ethogram.bout_file import BoutFile, LabelledBout, Started, Stretch, bout_file_of, encode_bout_file
from trainer.ethogram.bouts import NO, TO_DECIDE, UNCURATABLE, YES, Bout, ethogram
from trainer.ethogram.files import read_ethograms
from trainer.ethogram.read_options import ReadOptions


def written(path: Path, **more: object) -> Path:
    file = BoutFile(**{"class_names": ("groom", "rear"), "frames": 100, "fps": 25.0, "video": "film.mkv"} | more)  # type: ignore[arg-type]
    path.write_bytes(encode_bout_file(file))
    return path


def test_frames_that_nobody_judged_are_to_decide_and_the_rest_is_no(tmp_path: Path) -> None:
    path = written(
        tmp_path / "film.ann.bouts.json",
        bouts=(LabelledBout(name="groom", first=10, end=20), LabelledBout(name="rear", first=40, end=44, mark="to decide")),
        stretches=(Stretch(first=15, end=17, mark="uncuratable"),),
        judged={"groom": ((0, 30),), "rear": ((0, 30),)},
    )
    one = read_ethograms(path).ethograms[0]
    expected = np.full((44, 2), TO_DECIDE)
    expected[:30] = NO
    expected[10:20, 0] = YES
    expected[15:17] = UNCURATABLE
    np.testing.assert_array_equal(one.marks(), expected)
    assert (one.fps, one.video) == (25.0, "film.mkv")


def test_a_bout_that_was_not_ended_is_left_out_and_said(tmp_path: Path) -> None:
    path = written(tmp_path / "a.bouts.json", started=(Started(name="rear", first=12),), judged={"groom": ((0, 30),), "rear": ((0, 30),)})
    reading = read_ethograms(path)
    assert "'rear' was started at frame 12 and not ended" in reading.mended[0]
    marks = reading.ethograms[0].marks()[:, 1]
    assert marks[:12].tolist() == [NO] * 12
    assert marks[12:].tolist() == [TO_DECIDE] * 18


@pytest.mark.parametrize("form", ["boris", "boris-aggregated", "bento", "caltech", "csv", "npy", "deepethogram"])
def test_bouts_go_to_other_programs_and_come_back_frame_for_frame(tmp_path: Path, form: str) -> None:
    bouts = (
        LabelledBout(name="groom", first=3, end=20),
        LabelledBout(name="rear", first=20, end=21),
        LabelledBout(name="groom", first=60, end=99),
    )
    path = written(tmp_path / "a.bouts.json", bouts=bouts, judged={"groom": ((0, 100),), "rear": ((0, 100),)})
    there = tmp_path / f"a{ {'bento': '.annot', 'caltech': '.txt', 'npy': '.npy'}.get(form, '.csv') }"
    assert main(["bouts", "convert", str(path), str(there), "--as", form]) == 0
    back = tmp_path / "back.bouts.json"
    told = ["--frames", "100"] if form == "caltech" else []  # which says that it does not keep it
    assert main(["bouts", "convert", str(there), str(back), "--fps", "25", "--classes", "groom", "rear", *told]) == 0
    one, other = (read_ethograms(each).ethograms[0] for each in (path, back))
    assert (other.class_names, other.frames, other.fps) == (one.class_names, one.frames, one.fps)
    np.testing.assert_array_equal(other.marks(), one.marks())


def test_bouts_that_touch_and_marks_come_back_from_the_file(tmp_path: Path) -> None:
    bouts = [Bout(first=0, end=5, name="a"), Bout(first=5, end=9, name="a"), Bout(first=9, end=12, name="a", mark="uncuratable")]
    one = ethogram(("a", "b"), bouts, where="", frames=30, fps=12.5, video="v")
    (tmp_path / "v.bouts.json").write_bytes(bout_file_of(one))
    assert read_ethograms(tmp_path / "v.bouts.json").ethograms == (one,)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"bouts": (LabelledBout(name="dig", first=0, end=2),)}, "'dig' is no class that is listed"),
        ({"bouts": (LabelledBout(name="to decide", first=-5, end=10**12),)}, "a bout is called 'to decide'"),
        ({"bouts": (LabelledBout(name="groom", first=90, end=101),)}, "run past the video, which has 100 frames"),
        ({"bouts": (LabelledBout(name="groom", first=5, end=5),)}, "the first before the end"),
        ({"bouts": (LabelledBout(name="rear", first=5, end=9), LabelledBout(name="rear", first=8, end=10))}, "share frames"),
        ({"judged": {"groom": ((0, 10), (9, 12))}}, "judged frames of 'groom' from frame 9"),
    ],
    ids=["class", "mark", "past the end", "empty", "shared", "judged twice"],
)
def test_a_file_that_contradicts_itself_is_refused_in_one_sentence(tmp_path: Path, change: dict[str, object], sentence: str) -> None:
    path = written(tmp_path / "a.bouts.json", **change)
    with pytest.raises(LabelError, match=sentence) as refusal:
        read_ethograms(path)
    assert str(refusal.value).startswith(str(path))


def test_a_file_that_is_cut_off_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = written(tmp_path / "a.bouts.json", judged={"groom": ((0, 10),)})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(LabelError, match=r"a\.bouts\.json: is not a file of bouts"):
        read_ethograms(path)


def test_a_training_reads_what_was_labelled_and_nothing_that_nobody_judged(tmp_path: Path) -> None:
    table = write_table(tmp_path, videos=1, frames=100)
    bouts = (LabelledBout(name=CLASSES[0], first=10, end=20), LabelledBout(name=CLASSES[1], first=30, end=40))
    written(tmp_path / "0.ann.bouts.json", class_names=CLASSES, bouts=bouts, judged=dict.fromkeys(CLASSES, ((0, 25), (30, 40))))
    table.write_text(table.read_text().replace("0-boris.csv", "0.ann.bouts.json").replace(",30\n", ",25\n"))
    video = read_videos(table, asked=ReadOptions()).videos[0]
    assert (video.marks[10:20, 0] == YES).all()
    assert (video.marks[:10] == NO).all()
    assert not np.isin(video.marks[40:], (YES, NO)).any(), "what comes after the last judged frame teaches nothing"
    assert (video.marks[25:30] == TO_DECIDE).all()
