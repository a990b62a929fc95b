"""Labels that have changed since a network learnt from them: it is trained again first, and none of them is called wrong."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.trainer.learnable import labelled
from tests.trainer.test_refresh import LONGER, QUICK, project
from tests.trainer.test_verdict import CASES, GOOD, NEW_VIDEO, PLACE, SHORT
from tests.trainer.test_verdict_mirroring import MIXED
from trainer.__main__ import main
from trainer.formats.read_labels import read_settled
from trainer.labels.label_places import Place, Places, changed, places_by_key, relabelled
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import Split
from trainer.labels.split_record import RECORD_FILE, read_record, write_record
from trainer.project.store import FrameLabel, Layer, open_project
from trainer.scoring.label_faults import Exchange, OtherNames, Suspect
from trainer.scoring.measurements import Measurements
from trainer.scoring.verdict import verdict

BEFORE: Places = ({"head": (10.0, 20.0), "tail": "hidden"},)
MOUSE: dict[str, Place] = {"head": (50.0, 60.0), "tail": (70.0, 80.0)}
EXCHANGED = 6  # frames, of which all are learnt from
CHANGED = replace(GOOD, relabelled=("monday",) * 40)
WRONG = Suspect(point="ear", image="m1/img1.png", error_px=60.0, place=(3, 0, 1), confidence=0.9, learnt=True)


@pytest.mark.parametrize(
    ("since", "other"),
    [
        (({"tail": "hidden", "head": (10.05, 19.95)},), False),
        (({"head": (10.2, 20.0), "tail": "hidden"},), True),
        (({"tail": (10.0, 20.0), "head": "hidden"},), True),
        (({"head": (10.0, 20.0)},), True),
        (({"head": (10.0, 20.0), "tail": (30.0, 20.0)},), True),
        ((*BEFORE, MOUSE), True),
        ((), True),
    ],
    ids=["rounded", "moved", "renamed", "taken away", "seen", "an animal added", "emptied"],
)
def test_labels_have_changed_by_more_than_rounding(since: Places, other: bool) -> None:
    assert changed(BEFORE, since) is other


def test_which_animal_comes_first_is_no_change() -> None:
    assert not changed((*BEFORE, MOUSE), (MOUSE, *BEFORE))
    assert changed((MOUSE, MOUSE), (MOUSE, *BEFORE))


@pytest.fixture
def frames(tmp_path: Path) -> LabelledFrames:
    return labelled(tmp_path, 10)


ALL_BUT_TWO = Split(train=np.arange(8), held_out=np.arange(8, 10), description="all but two")


def corrected(frames: LabelledFrames, *numbers: int) -> LabelledFrames:
    points = frames.points.copy()
    points[list(numbers)] = points[list(numbers)][:, :, ::-1]
    return replace(frames, points=points)


def test_a_run_keeps_the_labels_that_it_learnt_from_and_those_of_its_first_weights(tmp_path: Path, frames: LabelledFrames) -> None:
    old, new = frames.subset(np.arange(5)), corrected(frames.subset(np.arange(4, 10)), 0)
    write_record(tmp_path / "old.run", old, Split(train=np.arange(5), held_out=np.arange(0), description="all"))
    write_record(
        tmp_path / "new.run", new, Split(train=np.arange(4), held_out=np.arange(4, 6), description="four"),
        began_with=read_record(tmp_path / "old.run"),
    )  # fmt: skip
    kept = read_record(tmp_path / "new.run").labels
    assert len(kept) == 8
    assert relabelled(corrected(frames, 0, 4, 9), kept).tolist() == [True, *[False] * 9], "of held-out frames nothing was learnt"
    assert relabelled(frames, kept).tolist() == [False] * 4 + [True] + [False] * 5
    assert relabelled(frames.subset(np.arange(9, -1, -1)), kept).tolist() == [False] * 5 + [True] + [False] * 4


def test_a_record_of_an_earlier_version_knows_of_no_label_that_has_changed(tmp_path: Path, frames: LabelledFrames) -> None:
    write_record(tmp_path, frames, ALL_BUT_TWO)
    record = json.loads((tmp_path / RECORD_FILE).read_bytes())
    del record["labels"]
    (tmp_path / RECORD_FILE).write_text(json.dumps(record))
    assert not relabelled(corrected(frames, 1), read_record(tmp_path).labels).any()


def test_a_picture_that_was_labelled_twice_and_otherwise_says_nothing(frames: LabelledFrames) -> None:
    assert list(places_by_key(corrected(frames, 1).subset(np.arange(3)), ["a", "a", "b"])) == ["b"]
    assert list(places_by_key(frames.subset(np.array([0, 0, 1])), ["a", "a", "b"])) == ["a", "b"]


@pytest.mark.parametrize("empty", [[], ["--empty", "hidden"]], ids=["unlabelled", "hidden"])
def test_labels_of_a_table_are_the_same_in_the_project_that_is_made_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labeled-data/monday").mkdir(parents=True)
    rows = "scorer,me,me,me,me\nbodyparts,snout,snout,tail,tail\ncoords,x,y,x,y\n"
    for number in range(6):
        cv2.imwrite(f"labeled-data/monday/img{number}.png", np.full((48, 64), 9 * number, np.uint8))
        tail = "," if number < 2 else f"{30 + number / 7},40.123456789"
        rows += f"labeled-data/monday/img{number}.png,{5 + number / 3},6,{tail}\n"
    Path("table.csv").write_text(rows)
    table = read_settled(Path("table.csv"), "hidden" if empty else None)
    write_record(Path("mine.run"), table, Split(train=np.arange(6), held_out=np.arange(0), description="all"))
    assert main(["project", "import", "mice", "table.csv", "--annotator", "ann", *empty]) == 0
    of_project, kept = read_settled(Path("mice")), read_record(Path("mine.run")).labels
    assert relabelled(of_project, kept).tolist() == [False] * 6
    assert main(["project", "rename", "mice", "--video", "monday", "--points", "snout:tail", "tail:snout"]) == 0
    assert relabelled(read_settled(Path("mice")), kept).tolist() == [True] * 6


@pytest.mark.parametrize(
    "measured",
    [
        CHANGED,
        replace(CHANGED, suspects=(WRONG,)),
        replace(CHANGED, exchanges=(Exchange(first="l", second="r", learnt=0.2, scored=0.1, frames=19),), mirrored=(("l", "r"),)),
        replace(CHANGED, exchanges=(Exchange(first="l", second="r", learnt=0.01, scored=0.0, frames=1),)),
        replace(CHANGED, exchanges=(Exchange(first="l", second="r", learnt=0.4, scored=0.1, frames=39, alike=False),)),
        replace(CASES["wrong names"][0], relabelled=("tuesday",) * 40),
        replace(SHORT, relabelled=("monday",) * 40),
        replace(CASES["over-fitted"][0], relabelled=("monday",) * 40),
    ],
    ids=["good", "likely wrong", "exchanged", "a few exchanged", "unclear names", "the renamed video", "too short", "over-fitted"],
)
def test_where_labels_have_changed_training_again_is_the_one_step_and_no_label_is_called_wrong(measured: Measurements) -> None:
    found = verdict(measured, PLACE)
    assert found.sentence.startswith("Labels of 40 of the 93 frames it has learnt from have changed since the training: ")
    assert [step.kind for step in found.steps] == ["relabelled"]
    assert found.steps[0].do.startswith("Train again with them.")
    assert found.steps[0].command == "trainer fit --data mouse --out models/mine-again --head xy --hold-out a b --view crop --minutes 5"
    assert found.labels_or_minutes.startswith("Until it is trained with the labels as they are")
    assert found.needs_labels == ""


def test_labels_of_another_video_that_are_wrong_come_before_those_that_have_changed() -> None:
    named = OtherNames(group="tuesday", pairs=(("snout", "tail"), ("tail", "snout")), frames=23)
    found = verdict(replace(CHANGED, other_names=(named,), groups=(*GOOD.groups, NEW_VIDEO)), PLACE)
    assert [step.kind for step in found.steps] == ["other names", "relabelled"]
    assert [step.kind for step in verdict(replace(CHANGED, learnt=5, relabelled=("a",)), PLACE).steps][:2] == ["few frames", "relabelled"]


def test_a_training_with_a_pair_that_mirroring_mixed_is_with_the_labels_as_they_are_and_comes_alone() -> None:
    found = verdict(replace(MIXED, relabelled=("monday",)), PLACE)
    assert [step.kind for step in found.steps] == ["mirrored"]


def correct(folder: Path, *, by_px: float = 0.0) -> None:
    """Exchange the two points of the first frames of a project, as on the page, and move those of the others a little."""
    opened = open_project(folder)
    layer, labels = opened.read_layer("ann"), dict[str, FrameLabel]()
    for frame in opened.frames:
        head, tail = (layer.frames[frame.image].animals[0][name] for name in ("head", "tail"))
        moved: dict[str, Place] = {name: (float(place[0]) + by_px, float(place[1])) for name, place in (("head", head), ("tail", tail))}
        labels[frame.image] = FrameLabel(animals=[{"head": tail, "tail": head} if frame.frame < EXCHANGED else moved])
    opened.write_layer(Layer(annotator="ann", frames=labels))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with labels, some of them exchanged, and the bundle that was trained with them; they are corrected since."""
    folder = tmp_path_factory.mktemp("corrected")
    made = project(folder / "mice", range(20))
    correct(made)
    assert main(["fit", "--data", str(made), "--out", str(folder / "mine"), *QUICK, *LONGER]) == 0
    correct(made, by_px=0.04)
    return folder


def test_an_evaluation_with_corrected_labels_says_to_train_with_them(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle, mice = str(trained / "mine"), str(trained / "mice")
    assert main(["evaluate", bundle, "--data", mice, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["verdict"]
    assert found["kind"] == "relabelled"
    assert found["sentence"].startswith("Labels of 6 of the 16 frames it has learnt from have changed since the training"), (
        "0.04 px is rounding"
    )
    assert found["next"][0]["command"].startswith(f"trainer fit --data {mice} --out {bundle}-again ")
    project(trained / "new", range(50, 60))
    assert main(["evaluate", bundle, "--data", str(trained / "new"), "--train", mice, "--json"]) == 0
    kinds = [step["kind"] for step in json.loads(capsys.readouterr().out)["verdict"]["next"]]
    assert "relabelled" not in kinds, "a training with the labels that are scored would have none of those that have changed"


def test_a_refresh_with_corrected_labels_says_to_train_anew(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(trained, tmp_path / "rig")
    bundle, mice = str(tmp_path / "rig" / "mine"), str(tmp_path / "rig" / "mice")
    assert main(["fit", "--refresh", bundle, "--data", mice, *QUICK]) == 1
    said = capsys.readouterr().err
    remedy = (
        "labels of 6 frames that it has learnt from have changed since, and a refresh begins with weights that have memorised the labels"
    )
    assert f"knows all 20 frames already; {remedy} before: train anew without --refresh" in said
    assert f"`trainer evaluate {bundle} --data {mice}` prints the command" in said
    added = project(tmp_path / "added", range(70, 80))
    assert main(["fit", "--refresh", bundle, "--data", mice, str(added), "--accept-worse", *QUICK]) == 0
    assert remedy in capsys.readouterr().err
