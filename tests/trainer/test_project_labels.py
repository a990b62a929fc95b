"""Labels into a labelling project and out of it: several annotators, other tools, other projects, and the command."""

import io
import logging
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tracker.frame import Image
from trainer.__main__ import main
from trainer.errors import LabelError, ProjectError
from trainer.formats.import_labels import ImportChoice, import_labels, merge_projects
from trainer.formats.project import read_project
from trainer.formats.read_labels import read_labels
from trainer.formats.write_coco import write_coco
from trainer.labelling.annotation_session import frames_of
from trainer.project.layer_lock import LayerLock
from trainer.project.store import FrameLabel, Layer, Project, create_project, open_project

Places = dict[str, tuple[float, float] | str]


def picture(seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (48, 64), np.uint8)


def make_project(folder: Path, *, frames: tuple[int, ...] = (1, 2, 3), animals: int = 1) -> Project:
    project = create_project(folder, point_names=["snout", "tail"], tags=["rearing", "grooming"], animals=animals)
    project.add_frames(Path("run.mp4"), [(number, picture(number)) for number in frames], why="uniform")
    return project


def image(number: int) -> str:
    return f"images/run/{number:06d}.png"


def label(project: Project, annotator: str, labels: dict[int, FrameLabel]) -> None:
    project.write_layer(Layer(annotator=annotator, frames={image(number): found for number, found in labels.items()}))


def placed(*animals: Places, tags: tuple[str, ...] = ()) -> FrameLabel:
    return FrameLabel(animals=list(animals), tags=list(tags))  # type: ignore[arg-type]


def test_a_point_of_several_annotators_is_at_the_mean_of_their_places(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    project = make_project(tmp_path / "p")
    label(project, "ann", {1: placed({"snout": (10, 20), "tail": (5, 5)}), 2: placed({"snout": (0.1, 0.3)})})
    label(project, "bob", {1: placed({"snout": (13, 21)})})
    label(project, "carol", {1: placed({"snout": (16, 25)})})
    with caplog.at_level(logging.WARNING):
        frames = read_labels(project.folder)
    assert frames.points[0, 0].tolist() == [[13, 22], [5, 5]]
    assert frames.points[1, 0, 0].tolist() == [0.1, 0.3], "one place stays to the last digit"
    assert "points that several annotators placed are averaged: frames=1 annotators=ann, bob, carol" in caplog.text


@pytest.mark.parametrize(
    ("words", "hidden", "place"),
    [
        (["hidden"], True, None),
        (["hidden", "hidden", (4, 6)], True, None),
        (["hidden", (4, 6)], False, [4, 6]),
        (["hidden", (4, 6), (6, 8)], False, [5, 7]),
        ([None, None, "hidden"], True, None),
        ([None, (4, 6)], False, [4, 6]),
        ([None, None], False, None),
    ],
    ids=["one", "two-of-three", "tie", "one-of-three", "others-silent", "one-placed", "nobody"],
)
def test_a_point_is_hidden_where_more_say_so_than_place_it(
    tmp_path: Path, words: list[tuple[float, float] | str | None], hidden: bool, place: list[float] | None
) -> None:
    project = make_project(tmp_path / "p")
    for number, word in enumerate(words):
        label(project, f"a{number}", {1: placed({"tail": (1, 1)} | ({} if word is None else {"snout": word}))})
    frames = read_project(project.folder)
    assert bool(frames.hidden[0, 0, 0]) is hidden
    assert np.array_equal(frames.points[0, 0, 0], place if place is not None else [np.nan, np.nan], equal_nan=True)


def test_frames_that_are_excluded_or_not_labelled_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    project = make_project(tmp_path / "p", frames=(1, 2, 3, 4))
    label(project, "ann", {1: placed({"snout": (1, 2)}), 2: placed({"snout": (1, 2)}), 3: placed()})
    label(project, "bob", {2: FrameLabel(excluded=True)})
    with caplog.at_level(logging.WARNING):
        frames = read_project(project.folder)
    assert frames.order.tolist() == [1]
    assert "excluded frames are left out: count=1" in caplog.text
    assert "frames without any labelled point are left out: count=1" in caplog.text


def test_a_frame_in_which_everything_is_hidden_is_kept(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    label(project, "ann", {1: placed({"snout": (1, 2)}), 2: placed({"snout": "hidden", "tail": "hidden"})})
    frames = read_project(project.folder)
    assert frames.order.tolist() == [1, 2]
    assert frames.hidden[1].all()


def test_tags_are_those_that_anybody_gave(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    label(project, "ann", {1: placed({"snout": (1, 2)}, tags=("rearing",)), 2: placed({"snout": (1, 2)})})
    label(project, "bob", {1: placed(tags=("grooming",))})
    assert read_project(project.folder).tags == (frozenset({"rearing", "grooming"}), frozenset())


def test_one_annotator_can_be_chosen_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    label(project, "ann", {1: placed({"snout": (1, 2)})})
    label(project, "bob", {1: placed({"snout": (3, 2)})})
    assert read_project(project.folder, annotators=["bob"]).points[0, 0, 0].tolist() == [3, 2]
    with pytest.raises(ProjectError, match="annotator 'carol' has no labels; expected one of: ann, bob"):
        read_project(project.folder, annotators=["carol"])


def test_animals_of_two_annotators_are_brought_together_by_place(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", animals=2)
    label(project, "ann", {1: placed({"snout": (10, 10), "tail": (20, 10)}, {"snout": (40, 40)})})
    label(project, "bob", {1: placed({"snout": (42, 40)}, {"snout": (10, 12), "tail": (20, 12)})})
    expected = np.array([[[10, 11], [20, 11]], [[41, 40], [np.nan, np.nan]]])
    assert np.array_equal(read_project(project.folder).points[0], expected, equal_nan=True)


def test_a_project_that_nobody_labelled_says_so(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="holds no labelled point; label some frames first"):
        read_labels(make_project(tmp_path / "p").folder)


def labelled(folder: Path, *, x: float = 1.25) -> Path:
    """Labels of another tool: COCO, of run's frames 1 and 2."""
    project = make_project(folder)
    label(project, "ann", {1: placed({"snout": (x, 2)}), 2: placed({"snout": (3, 4), "tail": "hidden"}, tags=("rearing",))})
    return write_coco(read_project(project.folder), folder.with_name(f"{folder.name}-coco"))


def test_an_import_meets_the_frames_that_were_selected_from_the_same_video(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", frames=(2, 3))
    assert import_labels(project.folder, labelled(tmp_path / "o"), ImportChoice(annotator="ann")).added == 1
    said = [frame["why"] for frame in frames_of(open_project(project.folder).frames, {})]
    assert said == ["imported from labels.json", "chosen by uniform", "chosen by uniform"]
    found = open_project(project.folder)
    assert [(frame.image, frame.video) for frame in found.frames] == [(image(number), "run.mp4") for number in (1, 2, 3)]
    assert found.read_layer("ann").frames == {
        image(1): placed({"snout": (1.25, 2.0)}),
        image(2): placed({"snout": (3.0, 4.0), "tail": "hidden"}, tags=("rearing",)),
    }


def test_an_import_is_repeatable_but_never_overwrites(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    source = labelled(tmp_path / "o")
    import_labels(project.folder, source, ImportChoice(annotator="ann"))
    assert import_labels(project.folder, source, ImportChoice(annotator="ann")).added == 0
    before = project.read_layer("ann")
    with pytest.raises(ProjectError, match=r"'ann' has other labels of 1 frame already, images/run/000001\.png the first"):
        import_labels(project.folder, labelled(tmp_path / "o2", x=9), ImportChoice(annotator="ann"))
    assert project.read_layer("ann") == before
    import_labels(project.folder, tmp_path / "o2-coco/labels.json", ImportChoice(annotator="bob"))
    assert project.annotators() == ("ann", "bob")


def test_labels_of_other_key_points_are_refused_naming_both_lists(tmp_path: Path) -> None:
    project = create_project(tmp_path / "p", point_names=["nose", "tail"])
    with pytest.raises(ProjectError, match=r"labels the key points snout, tail; .* has nose, tail: rename them"):
        import_labels(project.folder, labelled(tmp_path / "o"), ImportChoice(annotator="ann"))
    assert open_project(project.folder).frames == ()


def test_labels_of_fewer_points_leave_the_others_unlabelled(tmp_path: Path) -> None:
    """A project that has got another point since still takes what was labelled without it."""
    project = make_project(tmp_path / "p", frames=())
    assert (
        main(["project", "extend", str(project.folder), "--points", "tongue", "--skeleton", "snout-tongue", "--pairs", "snout:tail"]) == 0
    )
    import_labels(project.folder, labelled(tmp_path / "o"), ImportChoice(annotator="ann"))
    found = open_project(project.folder)
    assert (found.point_names, found.skeleton, found.pairs) == (("snout", "tail", "tongue"), (("snout", "tongue"),), (("snout", "tail"),))
    assert found.read_layer("ann").frames[image(1)] == placed({"snout": (1.25, 2.0)})


def test_labels_with_other_tags_are_refused(tmp_path: Path) -> None:
    project = create_project(tmp_path / "p", point_names=["snout", "tail"], tags=["asleep"])
    with pytest.raises(ProjectError, match=r"has the tags rearing; .* has asleep"):
        import_labels(project.folder, labelled(tmp_path / "o"), ImportChoice(annotator="ann"))


def test_labels_of_more_animals_are_refused(tmp_path: Path) -> None:
    other = make_project(tmp_path / "o", animals=2)
    label(other, "ann", {1: placed({"snout": (1, 2)}, {"snout": (8, 9)})})
    project = make_project(tmp_path / "p")
    with pytest.raises(ProjectError, match=r"labels 2 animals; .* is for 1"):
        import_labels(project.folder, other.folder, ImportChoice(annotator="ann"))


def test_nothing_is_imported_under_the_hands_of_an_annotator(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    source = labelled(tmp_path / "o")
    lock = LayerLock(project.folder, "ann")
    try:
        with pytest.raises(LabelError, match="the labels of 'ann' are open in another"):
            import_labels(project.folder, source, ImportChoice(annotator="ann"))
    finally:
        lock.close()
    assert import_labels(project.folder, source, ImportChoice(annotator="ann")).added == 0


def test_a_merge_brings_frames_and_annotators_together(tmp_path: Path) -> None:
    one, other = make_project(tmp_path / "p", frames=(1, 2)), make_project(tmp_path / "o", frames=(2, 11))
    label(one, "ann", {1: placed({"snout": (1, 2)})})
    label(other, "ann", {2: placed({"snout": (3, 4)})})
    label(other, "bob", {11: FrameLabel(excluded=True)})
    assert merge_projects(one.folder, other.folder) == 1
    found = open_project(one.folder)
    assert [frame.frame for frame in found.frames] == [1, 2, 11]
    assert set(found.read_layer("ann").frames) == {image(1), image(2)}
    assert found.read_layer("bob").frames[image(11)].excluded


def test_a_merge_of_labels_that_differ_changes_nothing(tmp_path: Path) -> None:
    one, other = make_project(tmp_path / "p", frames=(1,)), make_project(tmp_path / "o", frames=(1, 2))
    label(one, "bob", {1: placed({"snout": (1, 2)})})
    label(other, "ann", {2: placed({"snout": (1, 2)})})
    label(other, "bob", {1: placed({"snout": (1, 3)})})
    with pytest.raises(ProjectError, match="'bob' has other labels of 1 frame already"):
        merge_projects(one.folder, other.folder)
    assert open_project(one.folder).annotators() == ("bob",)
    assert len(open_project(one.folder).frames) == 1


def test_the_command_creates_imports_and_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = labelled(tmp_path / "o")
    folder = str(tmp_path / "p")
    create = ["project", "create", folder, "--points", "snout", "tail", "--skeleton", "snout-tail", "--tags", "rearing"]
    assert main(create) == 0
    assert main(["project", "import", folder, str(source), "--annotator", "ann"]) == 0
    made, added, gaps = capsys.readouterr().out.splitlines()
    assert (made, added) == (folder, f"{folder}: 2 frames added; 2 have labels of ann")
    assert gaps.startswith("points without a place were taken as not labelled: 'tail' in 1 animal;")
    for kind, name in (("deeplabcut", "config.yaml"), ("coco", "labels.json"), ("sleap", "")):
        out = tmp_path / ("x.pkg.slp" if kind == "sleap" else kind)
        assert main(["project", "export", folder, "--to", kind, "--out", str(out), "--annotator", "ann"]) == 0
        assert capsys.readouterr().out.splitlines() == [str(out / name)]
        assert np.array_equal(read_labels(out / name).points, read_labels(source).points, equal_nan=True)
    assert (tmp_path / "deeplabcut/labeled-data/run/CollectedData_ann.csv").is_file()
    assert main(["project", "merge", folder, str(tmp_path / "o")]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "p", "--points", "a", "b", "--skeleton", "a-c"], "--skeleton a-c: expected two of the points a, b"),
        (["import", "p", "nowhere", "--annotator", "ann"], "nowhere: no such file or folder"),
        (["export", "p", "--to", "coco", "--out", "x"], "no project.json there"),
        (["merge", "p", "q"], "no project.json there"),
    ],
    ids=["create", "import", "export", "merge"],
)
def test_the_command_fails_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["project", *arguments]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("trainer project: ")
    assert message in errors
    assert errors.count("\n") == 1


def test_a_skeleton_of_names_with_dashes_is_understood(tmp_path: Path) -> None:
    assert main(["project", "create", str(tmp_path / "p"), "--points", "tail-base", "tip", "--skeleton", "tail-base-tip"]) == 0
    assert open_project(tmp_path / "p").skeleton == (("tail-base", "tip"),)


def test_what_was_changed_in_the_project_stays_where_the_import_is_told_to_keep_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path / "p", frames=())
    again = ["project", "import", str(project.folder), str(labelled(tmp_path / "o")), "--annotator", "ann", "--keep-changed"]
    assert main(again) == 0
    assert "otherwise" not in capsys.readouterr().out
    project = open_project(project.folder)
    label(project, "ann", {1: placed({"snout": (9, 9)}), 2: placed({"snout": (3, 4), "tail": "hidden"}, tags=("rearing",))})
    before = project.read_layer("ann")
    assert main(again) == 0
    assert "ann has labelled 1 frame otherwise in the project since, or emptied it; it stays as it is there" in capsys.readouterr().out
    assert project.read_layer("ann") == before
    label(project, "ann", {1: placed({"snout": (9, 9)}), 2: placed({"snout": (9, 9)})})
    assert main(again) == 0
    assert "2 frames otherwise in the project since, or emptied them; they stay as they are there" in capsys.readouterr().out
    with pytest.raises(ProjectError, match="give --keep-changed, and these frames stay as they are in the project"):
        import_labels(project.folder, Path(again[3]), ImportChoice(annotator="ann"))


def test_a_frame_that_was_emptied_in_the_project_is_not_filled_again_and_a_new_one_is(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", frames=())
    source = labelled(tmp_path / "o")
    choice = ImportChoice(annotator="ann", keep_changed=True)
    import_labels(project.folder, source, choice)
    project = open_project(project.folder)
    second = project.read_layer("ann").frames[image(2)]
    project.write_layer(Layer(annotator="ann", frames={image(2): second}))
    done = import_labels(project.folder, source, choice)
    assert (done.added, done.labelled, done.kept) == (0, 1, 1)
    assert project.read_layer("ann").frames == {image(2): second}
    selected = make_project(tmp_path / "q", frames=(1, 2))  # whose frames no import has added
    label(selected, "ann", {2: second})
    assert import_labels(selected.folder, source, choice).kept == 0
    assert set(selected.read_layer("ann").frames) == {image(1), image(2)}


def test_pictures_that_are_all_there_are_not_said_to_be_copied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = make_project(tmp_path / "b")
    label(other, "ann", {1: placed({"snout": (3, 4)})})
    for command in (["import", str(labelled(tmp_path / "o")), "--annotator", "ann"], ["merge", str(other.folder)]):
        project = make_project(tmp_path / f"to-{command[0]}", frames=())
        again = ["project", command[0], str(project.folder), *command[1:]]
        assert main(again) == 0
        assert "copying run" in capsys.readouterr().err
        assert main(again) == 0
        said = capsys.readouterr()
        assert ("0 frames added" in said.out, said.err) == (True, "")


def test_on_a_terminal_the_bar_of_pictures_that_are_compared_goes_with_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    project, source, choice = make_project(tmp_path / "p", frames=()), labelled(tmp_path / "o"), ImportChoice(annotator="ann")
    shown = [io.StringIO(), io.StringIO()]
    for text in shown:
        import_labels(project.folder, source, choice, console=Console(file=text, force_terminal=True, width=80))
    copied, compared = (text.getvalue() for text in shown)
    erased = "\x1b[1A\x1b[2K"  # the line above
    assert ("copying run" in copied, copied.endswith(erased)) == (True, False)
    assert ("comparing run" in compared, compared.endswith(erased)) == (True, True)
