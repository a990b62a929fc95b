"""Labels that come into a project after points of their video were renamed there: nothing is half right and half exchanged."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from trainer.__main__ import main
from trainer.project.rename import rename_points
from trainer.project.renamings import read_renamings
from trainer.project.store import FrameLabel, Layer, Project, create_project, open_project

POINTS = ("snout", "left_ear", "right_ear")
EARS = [("left_ear", "right_ear"), ("right_ear", "left_ear")]
FILE = "CollectedData.csv"
OLD, NEW = (10, 20), (20, 10)  # x of the left and of the right ear, before the renaming and after it
COUNTED = '{"schema": 1, "renamings": {"it\'s 2": 1}}'


def table(folder: Path, frames: Sequence[int], *, ears: tuple[float, float] = OLD, video: str = "it's 2", snout: float = 5) -> Path:
    """A DeepLabCut folder in which the left ear and the right one have these x, and y is the number of the frame."""
    pictures = folder / "labeled-data" / video
    pictures.mkdir(parents=True, exist_ok=True)
    xs = (snout, *ears)
    rows = ["scorer" + ",me" * 6, "bodyparts" + "".join(f",{name},{name}" for name in POINTS), "coords" + ",x,y" * 3]
    for number in frames:
        picture = np.random.default_rng(number).integers(0, 256, (48, 64), np.uint8)
        cv2.imwrite(str(pictures / f"img{number:03d}.png"), picture)
        rows.append(f"labeled-data/{video}/img{number:03d}.png," + ",".join(f"{x},{number}" for x in xs))
    (folder / FILE).write_text("\n".join(rows) + "\n")
    return folder


def taken_in(project: Path, source: Path, *more: str, annotator: str = "ann") -> int:
    return main(["project", "import", str(project), str(source), "--annotator", annotator, *more])


def ears(project: Path, annotator: str = "ann") -> dict[int, tuple[float, float]]:
    """x of the left and of the right ear, by the number of the frame."""
    frames = open_project(project).read_layer(annotator).frames
    animals = {int(Path(image).stem): label.animals[0] for image, label in frames.items()}
    return {number: (float(animal["left_ear"][0]), float(animal["right_ear"][0])) for number, animal in animals.items()}


@pytest.fixture
def renamed(tmp_path: Path) -> Path:
    """A project of a table of four frames, of which the ears were exchanged."""
    folder = tmp_path / "p"
    assert taken_in(folder, table(tmp_path / "tab", range(4))) == 0
    rename_points(folder, "it's 2", EARS, renaming=1)
    assert ears(folder) == dict.fromkeys(range(4), NEW)
    return folder


def test_a_table_that_grows_after_a_renaming_brings_its_labels_in_with_the_new_names(
    renamed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert taken_in(renamed, table(tmp_path / "tab", range(6)), "--keep-changed") == 0
    assert ears(renamed) == dict.fromkeys(range(6), NEW)
    assert capsys.readouterr().out.splitlines() == [
        f"{renamed}: 2 frames added; 6 have labels of ann",
        "points of 'it's 2' were renamed in this project (left_ear → right_ear, right_ear → left_ear): the labels that were imported now "
        "are renamed likewise",
    ]
    assert taken_in(renamed, tmp_path / "tab") == 0, "nothing differs"
    assert capsys.readouterr().out == f"{renamed}: 0 frames added; 6 have labels of ann\n"


def test_only_the_video_that_was_renamed_is_renamed(renamed: Path, tmp_path: Path) -> None:
    rows = (table(tmp_path / "both", range(6)) / FILE).read_text()
    more = (table(tmp_path / "both", (7, 8), video="monday") / FILE).read_text().splitlines(keepends=True)[3:]
    (tmp_path / "both" / FILE).write_text(rows + "".join(more))
    assert taken_in(renamed, tmp_path / "both") == 0
    assert ears(renamed) == dict.fromkeys(range(6), NEW) | dict.fromkeys((7, 8), OLD)


@pytest.mark.parametrize(
    ("frames", "theirs", "stays"),
    [(range(2, 6), (11, 19), False), (range(2, 6), (21, 9), True), (range(6, 8), (11, 19), False)],
    ids=["old names", "new names", "no frame in common"],
)
def test_labels_of_somebody_else_get_the_new_names_unless_they_have_them(
    renamed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], frames: range, theirs: tuple[float, float], stays: bool
) -> None:
    capsys.readouterr()
    assert taken_in(renamed, table(tmp_path / "bob", frames, ears=theirs), annotator="bob") == 0
    assert ears(renamed, "bob") == dict.fromkeys(frames, theirs if stays else theirs[::-1])
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.endswith(
        "have the new names already, as the frames show that were labelled in both, and keep them"
        if stays
        else "are renamed likewise"
        if frames[0] < 4
        else "are renamed likewise (where they had the new names already, they are imported with --names-as-given)"
    )


def test_labels_are_taken_as_given_where_somebody_says_so(renamed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert taken_in(renamed, table(tmp_path / "bob", [8], ears=NEW), "--names-as-given", annotator="bob") == 0
    assert ears(renamed, "bob") == {8: NEW}
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize("kind", ["deeplabcut", "sleap", "coco", "project"])
def test_what_the_project_exported_itself_has_the_new_names(renamed: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / ("out.pkg.slp" if kind == "sleap" else "out")
    if kind == "project":
        out = renamed
    else:
        assert main(["project", "export", str(renamed), "--to", kind, "--out", str(out)]) == 0
    for annotator in ("ann", "bob"):
        assert taken_in(renamed, out, annotator=annotator) == 0
        assert ears(renamed, annotator) == dict.fromkeys(range(4), NEW)


def test_the_labels_that_somebody_corrected_by_hand_do_not_decide_for_all(renamed: Path, tmp_path: Path) -> None:
    project = open_project(renamed)
    frames = project.read_layer("ann").frames
    image = project.frames[0].image
    changed = FrameLabel(animals=[{"snout": (5.0, 0.0), "left_ear": (10.0, 0.0), "right_ear": (20.0, 0.0)}])
    project.write_layer(Layer(annotator="ann", frames=frames | {image: changed}))
    assert taken_in(renamed, table(tmp_path / "tab", range(6)), "--keep-changed") == 0
    assert ears(renamed) == {0: OLD} | dict.fromkeys(range(1, 6), NEW)


def test_a_renaming_that_was_taken_back_renames_nothing(renamed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rename_points(renamed, "it's 2", EARS, renaming=2)
    capsys.readouterr()
    assert taken_in(renamed, table(tmp_path / "tab", range(6))) == 0
    assert ears(renamed) == dict.fromkeys(range(6), OLD)
    assert capsys.readouterr().out == f"{renamed}: 2 frames added; 6 have labels of ann\n"


def test_two_renamings_after_each_other_are_both_done(renamed: Path, tmp_path: Path) -> None:
    rename_points(renamed, "it's 2", [("snout", "left_ear"), ("left_ear", "snout")], renaming=2)
    before = open_project(renamed).read_layer("ann").frames
    assert taken_in(renamed, table(tmp_path / "tab", range(6))) == 0
    after = open_project(renamed).read_layer("ann").frames
    assert {image: label for image, label in after.items() if image in before} == before
    assert after["images/it's 2/000005.png"].animals == [{"left_ear": (5.0, 5.0), "right_ear": (10.0, 5.0), "snout": (20.0, 5.0)}]


def test_where_an_earlier_version_has_only_counted_it_is_said_that_new_frames_keep_their_names(
    renamed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (renamed / "renamings.json").write_text(COUNTED)
    capsys.readouterr()
    assert taken_in(renamed, table(tmp_path / "tab", range(6)), "--keep-changed") == 0
    assert ears(renamed) == dict.fromkeys(range(4), NEW) | dict.fromkeys((4, 5), OLD)
    said = capsys.readouterr().out
    assert "points of 'it's 2' were renamed in this project by an earlier version, which did not write down which: the labels that" in said
    assert taken_in(renamed, tmp_path / "tab", "--keep-changed") == 0
    assert "earlier version" not in capsys.readouterr().out, "nothing came"


def test_a_copy_of_a_project_in_which_renamings_were_only_counted_is_imported_and_merged(renamed: Path, tmp_path: Path) -> None:
    (renamed / "renamings.json").write_text(COUNTED)
    copy = Path(shutil.copytree(renamed, tmp_path / "copy"))
    assert taken_in(renamed, copy) == 0
    assert merge(renamed, copy) == 0
    assert ears(renamed) == dict.fromkeys(range(4), NEW)
    (copy / "renamings.json").unlink()
    assert merge(renamed, copy) == 1, "nobody knows"


def test_a_renaming_that_would_give_two_points_one_name_is_asked_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "p"
    project = create_project(folder, point_names=POINTS)
    project.add_frames(Path("it's 2.mp4"), [(0, np.random.default_rng(0).integers(0, 256, (48, 64), np.uint8))], why="k-means")
    project.write_layer(Layer(annotator="ann", frames={project.frames[0].image: FrameLabel(animals=[{"snout": (5.0, 0.0)}])}))
    rename_points(folder, "it's 2", [("snout", "left_ear")])
    source = table(tmp_path / "tab", [1])
    assert taken_in(folder, source) == 1
    said = capsys.readouterr().err
    assert "would have two points 'left_ear'; points of 'it's 2' were renamed there (snout → left_ear): if the labels have the new" in said
    assert taken_in(folder, source, "--names-as-given") == 0
    frames = open_project(folder).read_layer("ann").frames
    assert frames["images/it's 2/000001.png"].animals == [{"snout": (5.0, 1.0), "left_ear": (10.0, 1.0), "right_ear": (20.0, 1.0)}]


def copied(folder: Path, project: Path) -> Path:
    """A project made of another one's labels."""
    assert taken_in(folder, project) == 0
    return folder


def test_a_project_that_is_made_of_another_knows_what_was_renamed_there(renamed: Path, tmp_path: Path) -> None:
    made = copied(tmp_path / "made", renamed)
    assert read_renamings(made) == {"it's 2": (dict(EARS),)}
    assert taken_in(made, table(tmp_path / "tab", range(6))) == 0
    assert ears(made) == dict.fromkeys(range(6), NEW)


def test_labels_of_a_project_that_was_renamed_otherwise_are_refused(
    renamed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "plain"
    assert taken_in(plain, table(tmp_path / "bob", range(5, 7))) == 0
    assert taken_in(plain, renamed) == 1
    assert "points of 'it's 2' were renamed there (left_ear → right_ear, right_ear → left_ear) and otherwise in" in capsys.readouterr().err
    assert ears(plain) == dict.fromkeys((5, 6), OLD)
    assert taken_in(plain, renamed, "--names-as-given") == 0
    assert ears(plain) == dict.fromkeys((5, 6), OLD) | dict.fromkeys(range(4), NEW)


def merge(project: Path, other: Path) -> int:
    return main(["project", "merge", str(project), str(other)])


def with_pairs(folder: Path, pairs: Sequence[tuple[str, str]], labels: Mapping[str, FrameLabel] | None = None) -> Project:
    made = create_project(folder, point_names=POINTS, pairs=pairs)
    made.write_layer(Layer(annotator="ann", frames=dict(labels or {})))
    return made


def test_a_merge_carries_over_what_was_renamed_and_the_pairs(renamed: Path, tmp_path: Path) -> None:
    open_project(renamed).add_names(pairs=[("left_ear", "right_ear")])
    project = with_pairs(tmp_path / "merged", [])
    assert merge(project.folder, renamed) == 0
    assert read_renamings(project.folder) == {"it's 2": (dict(EARS),)}
    assert open_project(project.folder).pairs == (("left_ear", "right_ear"),)
    assert merge(project.folder, renamed) == 0
    assert taken_in(project.folder, table(tmp_path / "tab", range(6))) == 0
    assert ears(project.folder) == dict.fromkeys(range(6), NEW)


def test_a_merge_of_videos_that_were_renamed_otherwise_is_refused_and_changes_nothing(
    renamed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "plain"
    assert taken_in(plain, table(tmp_path / "bob", range(5, 7)), annotator="bob") == 0
    for project, other in ((plain, renamed), (renamed, plain)):
        before = {path: path.read_bytes() for path in sorted(project.rglob("*.json"))}
        assert merge(project, other) == 1
        said = capsys.readouterr().err
        assert f"{other}: points of 'it's 2' were renamed otherwise there (" in said
        assert f") than in {project} (" in said
        assert {path: path.read_bytes() for path in sorted(project.rglob("*.json"))} == before
    rename_points(plain, "it's 2", EARS)
    assert merge(renamed, plain) == 0
    assert ears(renamed, "bob") == dict.fromkeys((5, 6), NEW)


def test_a_merge_of_projects_that_pair_a_point_with_others_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = with_pairs(tmp_path / "one", [("left_ear", "right_ear")])
    with_pairs(tmp_path / "same", [("right_ear", "left_ear")])
    other = with_pairs(tmp_path / "other", [("left_ear", "snout")])
    assert merge(one.folder, tmp_path / "same") == 0
    assert open_project(one.folder).pairs == (("left_ear", "right_ear"),)
    assert merge(one.folder, other.folder) == 1
    assert (
        f"{other.folder}: pairs 'left_ear' with 'snout', and {one.folder} 'left_ear' with 'right_ear'; correct" in capsys.readouterr().err
    )
