"""Other names for the points of one video's labels: exchanged, taken back, and refused where something would be lost."""

import errno
import os
import shlex
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.trainer.test_project import picture
from trainer.__main__ import main
from trainer.errors import LabelError, ProjectError
from trainer.project.layer import FrameLabel, Layer
from trainer.project.layer_lock import LayerLock
from trainer.project.rename import rename_points
from trainer.project.renamings import read_renamings
from trainer.project.store import Project, create_project, open_project

EARS = [("leftear", "rightear"), ("rightear", "leftear")]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two videos with two frames each, labelled by two people."""
    made = create_project(tmp_path / "p", point_names=("snout", "leftear", "rightear"), tags=["rearing"])
    for video in ("monday.mp4", "tuesday 1.mp4"):
        made.add_frames(Path(video), [(number, picture(number)) for number in (1, 2)], why="k-means")
    images = [frame.image for frame in made.frames]
    whole = {"snout": (9.0, 9.0), "leftear": (1.5, 2.0), "rightear": "hidden"}
    made.write_layer(
        Layer(annotator="ann", frames={image: FrameLabel(animals=[dict(whole)], tags=["rearing"]) for image in images})  # type: ignore[arg-type]
    )
    made.write_layer(Layer(annotator="bob", frames={images[2]: FrameLabel(animals=[{"snout": (3.0, 3.0)}])}))
    return made


def labels(project: Project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (project.folder / "labels").glob("*.json")}


def test_two_points_are_exchanged_in_one_video_and_nothing_else_changes(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    before, untouched = open_project(project.folder).read_layer("ann").frames, labels(project)["bob.json"]
    assert main(["project", "rename", str(project.folder), "--video", "tuesday 1", "--points", "leftear:rightear", "rightear:leftear"]) == 0
    after = open_project(project.folder).read_layer("ann").frames
    assert after["images/monday/000001.png"] == before["images/monday/000001.png"]
    renamed = after["images/tuesday 1/000001.png"]
    assert renamed.animals == [{"snout": (9.0, 9.0), "rightear": (1.5, 2.0), "leftear": "hidden"}]
    assert renamed.tags == ["rearing"]
    assert labels(project)["bob.json"] == untouched
    said, back = capsys.readouterr().out.splitlines()
    assert said == f"{project.folder}: renamed in the labelled frames of 'tuesday 1' (2 of ann); to take it back:"
    assert main(shlex.split(back)[1:]) == 0
    assert open_project(project.folder).read_layer("ann").frames == before


def test_a_video_is_known_by_its_file_as_well(project: Project) -> None:
    assert rename_points(project.folder, "tuesday 1.mp4", EARS).frames == {"ann": 2}


def test_where_nobody_has_labelled_the_points_it_is_said(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    before = labels(project)
    for layer in before:
        (project.folder / "labels" / layer).unlink()
    assert main(["project", "rename", str(project.folder), "--video", "monday", "--points", "snout:leftear"]) == 0
    assert "nobody has labelled snout in 'monday'; nothing was renamed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("video", "pairs", "complaint"),
    [
        (
            "tuesday 1",
            [("leftear", "rightear")],
            r"labels of 'ann': images/tuesday 1/00000\d\.png: would have two points 'rightear'",
        ),
        ("tuesday 1", [("leftear", "rightears")], "has no point 'rightears'; expected some of snout, leftear, rightear"),
        ("tuesday 1", [("leftear", "snout"), ("rightear", "snout")], "'snout' is to be the name of two points"),
        ("tuesday 1", [("snout", "leftear"), ("snout", "rightear")], "'snout' is to get two names"),
        ("tuesdy 1", EARS, "has no frame of the video 'tuesdy 1'; expected one of monday, tuesday 1"),
    ],
    ids=["two points of one name", "unknown point", "one name for two", "two names for one", "unknown video"],
)
def test_what_would_lose_a_label_is_refused_and_every_label_stays(
    project: Project, video: str, pairs: list[tuple[str, str]], complaint: str
) -> None:
    before = labels(project)
    with pytest.raises(ProjectError, match=complaint):
        rename_points(project.folder, video, pairs)
    assert labels(project) == before


def test_labels_that_are_open_in_the_labelling_page_are_not_renamed(project: Project) -> None:
    before = labels(project)
    with closing(LayerLock(project.folder, "bob")), pytest.raises(LabelError, match="the labels of 'bob' are open in another"):
        rename_points(project.folder, "monday", EARS)
    assert labels(project) == before


@pytest.mark.parametrize("file", ["bob.json", "renamings.json"])
def test_labels_of_all_are_as_before_where_one_file_cannot_be_written(project: Project, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [frame.image for frame in project.frames]
    project.write_layer(Layer(annotator="bob", frames={images[0]: FrameLabel(animals=[{"leftear": (3.0, 3.0)}])}))
    before, real = labels(project), os.replace

    def full(source: Path | str, target: Path | str) -> None:
        if Path(target).name == file:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ProjectError, match="No space left"):
        rename_points(project.folder, "monday", EARS)
    assert labels(project) == before


def test_a_renaming_that_is_run_again_exchanges_nothing_back(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["project", "rename", str(project.folder), "--video", "tuesday 1", "--points", *(f"{one}:{other}" for one, other in EARS)]
    assert main([*command, "--renaming", "1"]) == 0
    exchanged, back = labels(project), shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert main([*command, "--renaming", "1"]) == 0
    again = f"{project.folder}: points of 'tuesday 1' were renamed before (1 in all); as --renaming 1 this changes nothing\n"
    assert capsys.readouterr().out == again
    assert labels(project) == exchanged
    for _ in ("taken back", "and no further"):
        assert main(back[1:]) == 0
        assert labels(project) != exchanged
    assert read_renamings(project.folder) == {"tuesday 1": (dict(EARS), dict(EARS))}
    assert main(command) == 0, "without a number it is the next one, whichever that is"
    assert labels(project) == exchanged


@pytest.mark.parametrize("renaming", ["0", "2"])
def test_a_renaming_that_cannot_be_is_refused(project: Project, renaming: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = labels(project)
    command = ["project", "rename", str(project.folder), "--video", "monday", "--points", "leftear:rightear", "rightear:leftear"]
    assert main([*command, "--renaming", renaming]) == 1
    assert f"points of 'monday' were renamed 0 times, so this cannot be renaming {renaming}: look at their" in capsys.readouterr().err
    assert labels(project) == before


def test_a_damaged_file_of_renamings_is_one_sentence(project: Project) -> None:
    (project.folder / "renamings.json").write_text('{"schema": 1, "renamings": {"monday": "twice"}}')
    with pytest.raises(ProjectError, match="expected which points of each video were renamed: restore a copy, or delete it"):
        rename_points(project.folder, "monday", EARS)


def test_a_renaming_of_other_points_than_were_renamed_then_is_refused(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    rename_points(project.folder, "monday", EARS, renaming=1)
    before = labels(project)
    command = ["project", "rename", str(project.folder), "--video", "monday", "--points", "snout:leftear", "leftear:snout"]
    assert main([*command, "--renaming", "1"]) == 1
    said = capsys.readouterr().err
    assert "renaming 1 of 'monday' was another one (leftear → rightear, rightear → leftear), so snout → leftear, " in said
    assert "leftear → snout was not renamed; to rename that as well, give --renaming 2 if" in said
    assert labels(project) == before
    assert main([*command, "--renaming", "2"]) == 0
    assert main([*command, "--renaming", "1"]) == 1, "it is known of each renaming"


def test_of_renamings_that_an_earlier_version_counted_the_number_is_known(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    (project.folder / "renamings.json").write_text('{"schema": 1, "renamings": {"monday": 1}}')
    command = ["project", "rename", str(project.folder), "--video", "monday", "--points", "snout:leftear", "leftear:snout"]
    assert main([*command, "--renaming", "1"]) == 0
    said = "points of 'monday' were renamed before by an earlier version, which did not write down which, (1 in all); as --renaming 1 this"
    assert said in capsys.readouterr().out
    assert rename_points(project.folder, "monday", EARS, renaming=2).renamings == 2
    assert read_renamings(project.folder) == {"monday": (None, dict(EARS))}


ANN, BOB, RECORD, JOURNAL = "ann.json", "bob.json", "renamings.json", ".unfinished.json"
STOPPED = """
import os, signal, sys
from pathlib import Path
from trainer.__main__ import main

name, when, stop = sys.argv[1], sys.argv[2], getattr(signal, sys.argv[3])
replace, unlink = os.replace, os.unlink

def stopped(done, path, *rest, **more):
    here = Path(rest[0] if rest else path).name == name
    if here and when == "before":
        os.kill(os.getpid(), stop)
    done(path, *rest, **more)
    if here and when == "after":
        os.kill(os.getpid(), stop)

os.replace = lambda source, target, **more: stopped(replace, source, target, **more)
if when == "gone":
    when = "before"
    os.replace = replace
    os.unlink = lambda path, **more: stopped(unlink, path, **more)
sys.exit(main(sys.argv[4:]))
"""


@pytest.mark.parametrize("stop", ["SIGKILL", "SIGINT"])
@pytest.mark.parametrize(
    ("name", "when", "renamed"),
    [
        (JOURNAL, "before", False),
        (JOURNAL, "after", False),
        (ANN, "before", False),
        (ANN, "after", False),
        (BOB, "after", False),
        (RECORD, "before", False),
        (RECORD, "after", True),
        (JOURNAL, "gone", True),
    ],
)
def test_a_renaming_that_is_stopped_renames_all_or_nothing(project: Project, name: str, when: str, renamed: bool, stop: str) -> None:
    """Whichever it was, the same command then leaves all renamed once."""
    images = [frame.image for frame in project.frames]
    project.write_layer(Layer(annotator="bob", frames={images[0]: FrameLabel(animals=[{"leftear": (3.0, 3.0)}])}))
    before = {annotator: project.read_layer(annotator).frames for annotator in ("ann", "bob")}
    command = ["project", "rename", str(project.folder), "--video", "monday", "--points", *(f"{one}:{other}" for one, other in EARS)]
    ended = subprocess.run([sys.executable, "-c", STOPPED, name, when, stop, *command], capture_output=True, text=True, check=False)
    assert ended.returncode == (-signal.SIGKILL if stop == "SIGKILL" else 130)
    if stop == "SIGINT":
        assert ("the points are renamed" if renamed else "nothing was renamed, and the same command begins anew") in ended.stderr
    opened = open_project(project.folder)
    now = {annotator: opened.read_layer(annotator).frames for annotator in ("ann", "bob")}
    assert (now["ann"] != before["ann"], now["bob"] != before["bob"]) == (renamed, renamed)
    assert read_renamings(project.folder) == ({"monday": (dict(EARS),)} if renamed else {})
    assert not (project.folder / JOURNAL).exists()
    assert main([*command, "--renaming", "1"]) == 0
    assert read_renamings(project.folder) == {"monday": (dict(EARS),)}
    for annotator, frames in before.items():
        assert open_project(project.folder).read_layer(annotator).frames[images[0]].animals != frames[images[0]].animals


def test_labels_that_another_program_changed_after_a_stop_are_not_put_back(project: Project) -> None:
    command = ["project", "rename", str(project.folder), "--video", "monday", "--points", *(f"{one}:{other}" for one, other in EARS)]
    subprocess.run([sys.executable, "-c", STOPPED, RECORD, "before", "SIGKILL", *command], check=False)
    path = project.folder / "labels" / ANN
    changed = path.read_bytes().replace(b"1.5", b"1.75")
    path.write_bytes(changed)
    with pytest.raises(ProjectError, match=r"ann\.json: was changed after a command that was writing it had been stopped; look at"):
        open_project(project.folder).read_layer("ann")
    assert path.read_bytes() == changed
