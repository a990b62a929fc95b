"""The commands that a verdict proposes run as they are printed, on labels that are no labelling project."""

import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import BundleMaker
from tests.trainer.test_labels import write_video
from trainer.__main__ import main
from trainer.formats.read_labels import read_settled
from trainer.project.store import FrameLabel, Layer, create_project, open_project
from trainer.scoring.next_commands import NextCommands
from trainer.scoring.training_record import TrainedAs, next_commands

HEADER = "scorer,me,me\nbodyparts,spot,spot\ncoords,x,y\n"
LABELLED = (1, 2, 10)


@pytest.fixture
def given(tmp_path: Path, make_bundle: BundleMaker, monkeypatch: pytest.MonkeyPatch) -> NextCommands:
    """Of a lone table with its video beside it, as DeepLabCut has them."""
    monkeypatch.chdir(tmp_path)
    sent, pictures = Path("my labels"), Path("my labels/labeled-data/monday")
    (sent / "videos").mkdir(parents=True)
    pictures.mkdir(parents=True)
    images = write_video(sent / "videos/monday.mp4", frames=12)
    for number in LABELLED:
        cv2.imwrite(str(pictures / f"img{number}.png"), images[number])
    rows = "".join(f"labeled-data/monday/img{number}.png,5,{number}\n" for number in LABELLED)
    (sent / "table.csv").write_text(f"{HEADER}{rows}")
    make_bundle(Path("models/mine"), height=48, width=64)
    data = sent / "table.csv"
    return next_commands([data], Path("models/mine"), read_settled(data, "hidden"), TrainedAs(options=("--empty", "hidden")))


def run(command: str) -> None:
    for one in command.split(" && "):
        assert main(shlex.split(one)[1:]) == 0, one


def test_more_frames_go_into_a_project_with_the_labels_that_were_given(given: NextCommands, capsys: pytest.CaptureFixture[str]) -> None:
    said = " From then on, train on models/mine-labels, which has these labels and all that is changed or added there."
    for _ in ("once", "again"):
        more = given.more_frames("Label more.", ["monday"], count=2)
        assert more.do == f"Label more.{said}"
        run(more.command)
        assert "left out: 3 in the project already" in capsys.readouterr().out
    project = open_project(Path("models/mine-labels"))
    assert project.read_layer("first-person").frames["images/monday/000010.png"].animals == [{"spot": (5.0, 10.0)}]


def test_answers_are_looked_at_on_a_video_that_was_not_labelled(given: NextCommands) -> None:
    videos = Path("my labels/videos")
    labelled = next(iter(given.videos.values()))
    assert given.look_at_answers().do.endswith("Frames of this one were labelled: name another, and it tells more.")
    assert shlex.split(given.look_at_answers().command)[2] == labelled
    small = cv2.VideoWriter(str(videos / "a-small.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30, (32, 32))
    small.write(np.zeros((32, 32, 3), np.uint8))
    small.release()
    (videos / "broken.mp4").write_bytes(b"no video")
    for name in ("mine-drawn", "tuesday"):
        shutil.copy(labelled, videos / f"{name}.mp4")
    data = Path("my labels/table.csv")
    found = next_commands([data], Path("models/mine"), read_settled(data, "hidden"), TrainedAs()).look_at_answers()
    assert found.do == "Look at its answers on a video of which no frame is among these labels."
    assert Path(shlex.split(found.command)[2]).name == "tuesday.mp4"


def test_answers_are_not_looked_at_on_a_film_that_was_drawn_whatever_its_name(given: NextCommands) -> None:
    videos, data = Path("my labels/videos"), Path("my labels/table.csv")
    run(f"trainer render '{videos}/monday.mp4' --truth '{data}' --no-legend --out '{videos}/a checked.mp4'")
    run(f"trainer render '{videos}/monday.mp4' --bundle models/mine --no-legend --out '{videos}/b seen.mp4'")
    labels = read_settled(data, "hidden")
    assert "Frames of this one were labelled" in next_commands([data], Path("models/mine"), labels, TrainedAs()).look_at_answers().do
    shutil.copy(videos / "monday.mp4", videos / "tuesday.mp4")
    found = next_commands([data], Path("models/mine"), labels, TrainedAs()).look_at_answers()
    assert Path(shlex.split(found.command)[2]).name == "tuesday.mp4"


def test_what_shows_labels_and_answers_runs_on_them(given: NextCommands) -> None:
    run(given.look_at_answers().command)
    assert Path("models/mine-drawn.mp4").is_file()
    without_video = NextCommands(data=given.data, bundle=given.bundle, fit_options=given.fit_options)
    run(without_video.evaluate())
    made, page = without_video.look_at_answers().command.split(" && ")
    run(made)
    assert open_project(Path("models/mine-labels")).annotators() == ("first-person",)
    assert page == "trainer label models/mine-labels --annotator first-person --bundle models/mine"
    assert page == given.answers_beside_labels("Look.").command.split(" && ")[1]


def test_names_of_one_video_are_exchanged_in_a_project_made_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = ""
    for video in ("monday", "tuesday"):
        (tmp_path / "labeled-data" / video).mkdir(parents=True)
        cv2.imwrite(f"labeled-data/{video}/img1.png", np.zeros((48, 64), np.uint8))
        rows += f"labeled-data/{video}/img1.png,5,6,30,40\n"
    Path("table.csv").write_text(f"scorer,me,me,me,me\nbodyparts,snout,snout,tail,tail\ncoords,x,y,x,y\n{rows}")
    advice = NextCommands(data=("table.csv",), bundle="models/mine").rename("tuesday", {"tail": "snout", "snout": "tail"})
    assert advice is not None
    *before, trained = advice.command.split(" && ")
    run(" && ".join(before))
    found = open_project(Path("models/mine-labels")).read_layer("first-person").frames
    assert found["images/tuesday/000001.png"].animals == [{"tail": (5.0, 6.0), "snout": (30.0, 40.0)}]
    assert found["images/monday/000001.png"].animals == [{"snout": (5.0, 6.0), "tail": (30.0, 40.0)}]
    assert trained == "trainer fit --data models/mine-labels --out models/mine-renamed --epochs 40"


def again(given: NextCommands) -> NextCommands:
    """What a verdict that is made later is given."""
    data = Path(given.data[0])
    return next_commands([data], Path(given.bundle), read_settled(data, "hidden"), TrainedAs(options=("--empty", "hidden")))


def correct(place: tuple[float, float]) -> Path:
    """Move a label in the project beside the bundle, as on the page; its folder."""
    project = open_project(Path("models/mine-labels"))
    (annotator,) = project.annotators()
    frames = dict(project.read_layer(annotator).frames)
    frames["images/monday/000010.png"] = FrameLabel(animals=[{"spot": place}])
    project.write_layer(Layer(annotator=annotator, frames=frames))
    return project.folder


def test_the_same_command_runs_again_after_a_label_was_corrected(given: NextCommands, capsys: pytest.CaptureFixture[str]) -> None:
    imported = given.answers_beside_labels("Look.").command.split(" && ")[0]
    run(imported)
    folder = correct((7.0, 8.0))
    run(imported)
    assert "first-person has labelled 1 frame otherwise in the project since" in capsys.readouterr().out
    layer = open_project(folder).read_layer("first-person")
    assert layer.frames["images/monday/000010.png"].animals == [{"spot": (7.0, 8.0)}]


def test_where_labels_were_corrected_the_next_training_and_score_are_with_the_corrected_ones(given: NextCommands) -> None:
    assert given.longer(2).startswith("trainer fit --data 'my labels/table.csv' ")
    run(given.answers_beside_labels("Look.").command.split(" && ")[0])
    folder = correct((7.0, 8.0))
    later = again(given)
    table = "my labels/table.csv"
    rows = Path(table).read_text()
    cv2.imwrite("my labels/labeled-data/monday/img5.png", np.zeros((48, 64), np.uint8))
    Path(table).write_text(f"{rows}labeled-data/monday/img5.png,5,5\n")
    for command in (later.longer(2), later.patient(), later.hold_out(), later.diagnose(), later.evaluate(), later.curve(), later.in_turn()):
        imports, trains = command.split(" && ")
        assert imports == f"trainer project import {folder} 'my labels/table.csv' --annotator first-person --keep-changed --empty hidden"
        assert f"--data {folder} " in trains
        assert later.said_of_project(command).startswith(" It uses models/mine-labels")
    run(later.evaluate())
    known = open_project(folder).read_layer("first-person").frames
    assert known["images/monday/000010.png"].animals == [{"spot": (7.0, 8.0)}]
    assert known["images/monday/000005.png"].animals == [{"spot": (5.0, 5.0)}], "labelled in the table since"


def test_labels_stay_those_of_whoever_imported_them(given: NextCommands) -> None:
    assert main(["project", "import", "models/mine-labels", given.data[0], "--annotator", "ann", "--empty", "hidden"]) == 0
    correct((7.0, 8.0))
    run(again(given).answers_beside_labels("Look.").command.split(" && ")[0])
    assert open_project(Path("models/mine-labels")).annotators() == ("ann",), "a second one would be averaged with the correction"


def test_a_project_of_other_frames_beside_the_bundle_is_not_taken_for_these_labels(given: NextCommands) -> None:
    create_project(Path("models/mine-labels"), point_names=["spot"])
    assert not again(given).made
    (Path("models/mine-labels/project.json")).write_text("{")
    assert not again(given).made


def test_names_that_may_be_right_in_the_project_are_not_exchanged_back(given: NextCommands) -> None:
    names = {"spot": "other", "other": "spot"}
    first = given.rename("monday", names)
    assert first is not None
    assert "--keep-changed" not in first.command
    run(given.answers_beside_labels("Look.").command.split(" && ")[0])
    later = again(given).rename("monday", names)
    assert later is not None
    assert later.command == again(given).evaluate()


def test_no_frames_are_asked_for_of_a_video_of_which_all_are_labelled(given: NextCommands) -> None:
    assert given.used_up == frozenset()
    rows = "".join(f"labeled-data/monday/img{number}.png,5,{number}\n" for number in range(12))
    Path("my labels/table.csv").write_text(f"{HEADER}{rows}")
    for number in range(12):
        cv2.imwrite(f"my labels/labeled-data/monday/img{number}.png", np.zeros((48, 64), np.uint8))
    all_labelled = again(given)
    assert all_labelled.used_up == {"monday"}
    more = all_labelled.more_frames("Label more.", ["monday"])
    assert "select" not in more.command
    assert more.do.startswith("Label more. Every frame of the known videos is there already; `trainer select` adds frames of any that")
    another = replace(all_labelled, videos={**all_labelled.videos, "tuesday": "tuesday.mp4"})
    assert "trainer select tuesday.mp4 --project" in another.more_frames("Label more.", ["monday"]).command


def test_how_long_a_training_took_is_told_from_its_epochs(given: NextCommands) -> None:
    data, history = Path(given.data[0]), {"epochs": [{"seconds": 200.0}, {"seconds": 46.0}, {}], "batches": []}
    after = next_commands([data], Path(given.bundle), read_settled(data, "hidden"), TrainedAs(minutes=3.0), history=history)
    assert after.minutes_taken == 4.1
    assert after.longer(50).endswith("--minutes 205")
    assert after.longer(2).endswith("--minutes 9")
    assert after.time_of_longer(2) == " That takes about 9 minutes."


def test_a_training_goes_where_none_is_yet(given: NextCommands) -> None:
    assert "--out models/mine-longer " in given.longer(2)
    Path("models/mine-longer.run").mkdir()
    assert "--out models/mine-longer-2 " in again(given).longer(2)
    assert "--out models/mine-curve --repeats 3 --force " in again(given).curve()


def test_names_of_a_project_are_exchanged_once_for_each_verdict(given: NextCommands, capsys: pytest.CaptureFixture[str]) -> None:
    run(given.answers_beside_labels("Look.").command.split(" && ")[0])
    folder = Path("models/mine-labels")
    main(["project", "extend", str(folder), "--points", "other"])

    def renaming() -> str:
        after = next_commands([folder], Path(given.bundle), read_settled(folder, None), TrainedAs())
        advice = after.rename("monday", {"spot": "other", "other": "spot"})
        assert advice is not None
        return advice.command.split(" && ")[0]

    first = renaming()
    run(first)
    exchanged = open_project(folder).read_layer("first-person").frames
    run(first)
    assert "as --renaming 1 this changes nothing" in capsys.readouterr().out
    assert open_project(folder).read_layer("first-person").frames == exchanged
    assert renaming() == first.replace("--renaming 1", "--renaming 2")
    (folder / "renamings.json").write_text("{")
    assert renaming() == first, "damaged, which the command says"
    assert main(shlex.split(first)[1:]) == 1


def test_what_draws_and_scores_runs_again(given: NextCommands) -> None:
    for command in (given.look_at_answers().command, given.evaluate(), given.look_at_answers().command, given.evaluate()):
        run(command)
