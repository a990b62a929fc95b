"""Labels that are imported again: pictures are recognised however their folder has grown, and what was emptied stays empty."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from tracker.frame import Image
from trainer.__main__ import main
from trainer.errors import ProjectError
from trainer.formats.import_labels import ImportChoice, import_labels, merge_projects
from trainer.formats.read_labels import read_labels
from trainer.labels.split import split_block
from trainer.project.files import BY_NAME
from trainer.project.import_record import RECORD_FILE, read_import_record, remember_import
from trainer.project.store import FrameLabel, Layer, Project, create_project, open_project

KEPT = ImportChoice(annotator="ann", keep_changed=True)
WORDS = ("maaaxu", "evcjds", "zrjhvd", "sapqwa")
IDS = ("mouse01111", "mouse40679", "mouse09270", "mouse97496")
FRAMES = ("img0003", "img0017", "img0102", "img0731")


def picture(seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (48, 64), np.uint8)


def grey(path: Path) -> Image:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)


def table(folder: Path, names: Mapping[str, int] | Sequence[str]) -> Path:
    """A DeepLabCut folder with one picture for each name; the x of the only label, 1 and up, tells which picture it is of."""
    seeds = names if isinstance(names, Mapping) else {name: seed for seed, name in enumerate(names, 1)}
    rows = ["scorer,me,me", "bodyparts,snout,snout", "coords,x,y"]
    (folder / "labeled-data/cage").mkdir(parents=True, exist_ok=True)
    for name, seed in seeds.items():
        cv2.imwrite(str(folder / f"labeled-data/cage/{name}.png"), picture(seed))
        rows.append(f"labeled-data/cage/{name}.png,{seed},5")
    (folder / "CollectedData.csv").write_text("\n".join(rows) + "\n")
    return folder


def where_pictures_are(project: Project) -> dict[str, int]:
    """The seed of the picture of each frame, by its image."""
    known = {picture(seed).tobytes(): seed for seed in range(1, 20)}
    return {frame.image: known[grey(project.folder / frame.image).tobytes()] for frame in project.frames}


def labels_of(project: Project, annotator: str = "ann") -> dict[str, int]:
    """The x of each label, by image."""
    places = {image: label.animals[0]["snout"] for image, label in project.read_layer(annotator).frames.items()}
    return {image: round(place[0]) for image, place in places.items() if place != "hidden"}


def imported(folder: Path, source: Path, choice: ImportChoice = KEPT) -> Project:
    import_labels(folder, source, choice)
    return open_project(folder)


def emptied(project: Project, count: int, annotator: str = "ann") -> list[str]:
    """Take the labels of the first frames away, as the page does, and name the frames."""
    frames = project.read_layer(annotator).frames
    gone = list(frames)[:count]
    project.write_layer(Layer(annotator=annotator, frames={image: label for image, label in frames.items() if image not in gone}))
    return gone


def forget_imports(project: Project) -> None:
    """Make the project one of those that recorded nothing of imports."""
    (project.folder / RECORD_FILE).unlink()


@pytest.mark.parametrize("older", [False, True], ids=["recorded", "older project"])
@pytest.mark.parametrize("names", [FRAMES, IDS, WORDS], ids=["frames", "ids", "words"])
def test_emptied_frames_stay_empty_whatever_their_pictures_are_called(tmp_path: Path, names: Sequence[str], older: bool) -> None:
    source = table(tmp_path / "sent", names)
    project = imported(tmp_path / "p", source)
    gone = emptied(project, 2)
    if older:
        forget_imports(project)
    done = import_labels(project.folder, source, KEPT)
    assert (done.added, done.labelled, done.kept) == (0, 2, 2)
    assert not set(gone) & set(project.read_layer("ann").frames)


@pytest.mark.parametrize("count", [2, 4], ids=["some", "all"])
def test_emptied_frames_stay_empty_when_the_same_table_is_named_otherwise(tmp_path: Path, count: int) -> None:
    source = table(tmp_path / "sent", WORDS)
    project = imported(tmp_path / "p", source)
    emptied(project, count)
    assert import_labels(project.folder, source / "CollectedData.csv", KEPT).kept == count
    assert len(project.read_layer("ann").frames) == 4 - count


def test_emptied_frames_stay_empty_where_somebody_had_chosen_them_before_the_import(tmp_path: Path) -> None:
    source = table(tmp_path / "sent", FRAMES)
    project = create_project(tmp_path / "p", point_names=["snout"])
    project.add_frames(Path("cage.mp4"), [(3, picture(1)), (17, picture(2))], why="k-means")
    project = imported(project.folder, source)
    gone = emptied(project, 1)
    assert import_labels(project.folder, source, KEPT).kept == 1
    assert not set(gone) & set(project.read_layer("ann").frames)


def test_frames_that_another_annotator_was_given_are_not_taken_for_emptied_ones(tmp_path: Path) -> None:
    source = table(tmp_path / "sent", FRAMES)
    project = imported(tmp_path / "p", source)
    image = project.frames[0].image
    project.write_layer(Layer(annotator="bob", frames={image: project.read_layer("ann").frames[image]}))
    done = import_labels(project.folder, source, ImportChoice(annotator="bob", keep_changed=True))
    assert (done.labelled, done.kept) == (4, 0)


def test_without_being_told_to_keep_them_emptied_frames_are_filled_again(tmp_path: Path) -> None:
    source = table(tmp_path / "sent", WORDS)
    project = imported(tmp_path / "p", source)
    emptied(project, 2)
    assert import_labels(project.folder, source, ImportChoice(annotator="ann")).labelled == 4


@pytest.mark.parametrize("older", [False, True], ids=["recorded", "older project"])
def test_a_table_that_grows_in_the_middle_keeps_its_pictures_numbers_and_labels(tmp_path: Path, older: bool) -> None:
    source = tmp_path / "sent"
    project = imported(tmp_path / "p", table(source, WORDS))
    before = where_pictures_are(project)
    assert labels_of(project) == before
    corrected = next(iter(before))
    frames = project.read_layer("ann").frames
    project.write_layer(Layer(annotator="ann", frames=frames | {corrected: FrameLabel(animals=[{"snout": (40.0, 5.0)}])}))
    if older:
        forget_imports(project)
    grown = table(source, {name: seed for seed, name in enumerate((*WORDS, "aaaaaa", "oooooo"), 1)})
    done = import_labels(project.folder, grown, KEPT)
    assert (done.added, done.labelled, done.kept) == (2, 6, 1)
    project = open_project(project.folder)
    after = where_pictures_are(project)
    assert after == before | {"images/cage/000004.png": 5, "images/cage/000005.png": 6}
    assert labels_of(project) == after | {corrected: 40}
    again = import_labels(project.folder, grown, KEPT)
    assert (again.added, again.labelled, again.kept) == (0, 6, 1)


def test_a_table_that_grows_again_and_again_is_imported_each_time(tmp_path: Path) -> None:
    names = [f"{letter}x" for letter in "hgfedcba"]
    for count in range(2, 9):
        project = imported(tmp_path / "p", table(tmp_path / "sent", names[:count]))
        assert labels_of(project) == where_pictures_are(project)
        assert list(where_pictures_are(project).values()) == [2, 1, *range(3, count + 1)]


def test_frames_whose_pictures_come_later_are_added_beside_the_others(tmp_path: Path) -> None:
    source = table(tmp_path / "sent", WORDS)
    late = source / "labeled-data/cage/evcjds.png"
    late.rename(tmp_path / "late.png")
    project = imported(tmp_path / "p", source, ImportChoice(annotator="ann", skip_missing=True))
    before = where_pictures_are(project)
    (tmp_path / "late.png").rename(late)
    project = imported(project.folder, source)
    assert labels_of(project) == where_pictures_are(project) == before | {"images/cage/000003.png": 2}


@pytest.mark.parametrize("older", [False, True], ids=["recorded", "older project"])
def test_a_picture_without_a_number_among_frames_moves_none_of_them_and_neither_does_its_going(tmp_path: Path, older: bool) -> None:
    source = tmp_path / "sent"
    project = imported(tmp_path / "p", table(source, FRAMES))
    before = where_pictures_are(project)
    for names, added in (
        ({"closeup": 5}, {"images/cage/000004.png": 5}),
        ({"closeup": 5, "img0050": 6}, {"images/cage/000005.png": 6}),
        ({"img0050": 6, "img0004": 7}, {"images/cage/000006.png": 7}),
        ({"img0050": 6, "img0004": 7, "img0099": 8}, {"images/cage/000099.png": 8}),
    ):
        if older:
            forget_imports(project)
        (source / "CollectedData.csv").unlink()
        project = imported(project.folder, table(source, {name: seed for seed, name in enumerate(FRAMES, 1)} | names))
        before |= added
        assert labels_of(project) == where_pictures_are(project) == before
    assert split_block(read_labels(project.folder), 2, folds=5).description.startswith("block 3 of 5 in the order of their names")
    assert all(frame.why.endswith(BY_NAME) for frame in project.frames if frame.frame in (4, 5, 6, 99)), "beside frames out of order"


def test_a_new_number_is_none_that_another_picture_has_or_is_to_get(tmp_path: Path) -> None:
    source = tmp_path / "sent"
    imported(tmp_path / "p", table(source, {"img1": 1, "img2": 2}))
    project = imported(tmp_path / "p", table(source, {"img1": 1, "img2": 2, "closeup": 3}))
    expected = {1: 1, 2: 2, 3: 3}
    assert {frame.frame: where_pictures_are(project)[frame.image] for frame in project.frames} == expected
    project = imported(tmp_path / "p", table(source, {"img1": 1, "img2": 2, "img3": 4, "img4": 5}))
    assert {frame.frame: where_pictures_are(project)[frame.image] for frame in project.frames} == expected | {4: 5, 5: 4}
    assert labels_of(project) == where_pictures_are(project)


def test_a_frame_of_a_video_gets_no_other_number(tmp_path: Path) -> None:
    project = imported(tmp_path / "p", table(tmp_path / "sent", WORDS))
    film = create_project(tmp_path / "film", point_names=["snout"])
    film.add_frames(Path("cage.mp4"), [(9, picture(11))], why="k-means")
    film.write_layer(Layer(annotator="ann", frames={film.frames[0].image: FrameLabel(animals=[{"snout": (11.0, 5.0)}])}))
    project = imported(project.folder, film.folder)
    assert labels_of(project)["images/cage/000009.png"] == 11
    film.add_frames(Path("cage.mp4"), [(0, picture(12))], why="k-means")
    film.write_layer(Layer(annotator="ann", frames={film.frames[0].image: FrameLabel(animals=[{"snout": (12.0, 5.0)}])}))
    with pytest.raises(ProjectError, match="another picture as frame 0 of cage"):
        import_labels(project.folder, film.folder, KEPT)


def test_pictures_of_two_folders_of_one_name_are_told_apart_by_their_pixels(tmp_path: Path) -> None:
    source = table(tmp_path / "sent", ["ape"])
    below = source / "labeled-data"
    (below / "two").mkdir()
    (below / "cage").rename(below / "two/cage")
    header = (source / "CollectedData.csv").read_text().splitlines()[:3]
    (source / "CollectedData.csv").write_text("\n".join([*header, "labeled-data/two/cage/ape.png,1,5"]) + "\n")
    project = imported(tmp_path / "p", source)
    (below / "one/cage").mkdir(parents=True)
    cv2.imwrite(str(below / "one/cage/ape.png"), picture(2))
    rows = ["labeled-data/one/cage/ape.png,2,5", "labeled-data/two/cage/ape.png,1,5"]
    (source / "CollectedData.csv").write_text("\n".join([*header, *rows]) + "\n")
    project = imported(project.folder, source)
    assert labels_of(project) == where_pictures_are(project) == {"images/cage/000000.png": 1, "images/cage/000001.png": 2}


def test_a_picture_that_was_renamed_is_recognised_by_its_pixels(tmp_path: Path) -> None:
    project = imported(tmp_path / "p", table(tmp_path / "sent", WORDS))
    before = where_pictures_are(project)
    renamed = table(tmp_path / "renamed", {"zz": 1, "evcjds": 2, "zrjhvd": 3, "sapqwa": 4})
    assert import_labels(project.folder, renamed, KEPT).added == 0
    assert labels_of(open_project(project.folder)) == before


def test_pictures_that_are_alike_are_kept_apart_by_their_names(tmp_path: Path) -> None:
    source = table(tmp_path / "sent", WORDS)
    (source / "labeled-data/cage/zrjhvd.png").write_bytes((source / "labeled-data/cage/evcjds.png").read_bytes())
    project = imported(tmp_path / "p", source)
    before = labels_of(project)
    (source / "labeled-data/cage/evcjdt.png").write_bytes((source / "labeled-data/cage/evcjds.png").read_bytes())
    rows = (source / "CollectedData.csv").read_text()
    (source / "CollectedData.csv").write_text(f"{rows}labeled-data/cage/evcjdt.png,9,5\n")
    done = import_labels(project.folder, source, KEPT)
    assert (done.added, done.kept) == (1, 0)
    assert labels_of(open_project(project.folder)) == before | {"images/cage/000004.png": 9}


def test_of_pictures_alike_that_nobody_knows_by_name_the_one_in_its_place_is_the_same(tmp_path: Path) -> None:
    project = imported(tmp_path / "p", table(tmp_path / "sent", WORDS))  # sapqwa, the fourth, is number 2
    forget_imports(project)
    before = labels_of(project)
    later = table(tmp_path / "later", {"aaaaaa": 11, "llllll": 4, "sapqwa": 4, "zrjhvd": 3})
    text = (later / "CollectedData.csv").read_text()
    (later / "CollectedData.csv").write_text(text.replace("llllll.png,4", "llllll.png,12"))
    done = import_labels(project.folder, later, KEPT)
    assert (done.added, done.kept) == (2, 0)
    assert labels_of(open_project(project.folder)) == before | {"images/cage/000004.png": 11, "images/cage/000005.png": 12}


def test_a_picture_of_another_name_or_shape_is_another_however_much_alike(tmp_path: Path) -> None:
    source = table(tmp_path / "sent", ["ape", "bee"])
    pictures = source / "labeled-data/cage"
    cv2.imwrite(str(pictures / "ape.png"), np.zeros((48, 64), np.uint8))
    project = imported(tmp_path / "p", source)
    rows = (source / "CollectedData.csv").read_text()
    for name, other in (("ant", np.full((48, 64), 9, np.uint8)), ("asp", np.zeros((64, 48), np.uint8))):
        cv2.imwrite(str(pictures / f"{name}.png"), other)
        (source / "CollectedData.csv").write_text(rows.replace("ape.png", f"{name}.png"))
        assert import_labels(project.folder, source, KEPT).added == 1, name


def test_another_picture_of_the_same_name_is_refused(tmp_path: Path) -> None:
    project = imported(tmp_path / "p", table(tmp_path / "sent", WORDS))
    before = project.read_layer("ann")
    other = table(tmp_path / "other", {"evcjds": 11})
    expected = r"another picture as frame 0 of cage already .*; is it another video or folder of pictures of the same name\?"
    with pytest.raises(ProjectError, match=expected):
        import_labels(project.folder, other, ImportChoice(annotator="bob"))
    assert project.read_layer("ann") == before
    assert open_project(project.folder).annotators() == ("ann",)


def test_pictures_stored_anew_with_a_loss_are_recognised_by_name_or_as_before_by_their_place(tmp_path: Path) -> None:
    source = table(tmp_path / "sent", WORDS)
    project = imported(tmp_path / "p", source)
    for path in (source / "labeled-data/cage").iterdir():
        cv2.imwrite(str(path), grey(path) // 8 * 8)
    assert import_labels(project.folder, source, KEPT).added == 0
    forget_imports(project)
    assert import_labels(project.folder, source, KEPT).added == 0
    assert labels_of(project) == where_pictures_are(project)


def test_projects_of_one_folder_at_two_times_are_merged_and_imported(tmp_path: Path) -> None:
    """In one of them the folder had grown in the middle before it was imported."""
    early = imported(tmp_path / "early", table(tmp_path / "sent", WORDS))
    late = imported(tmp_path / "late", table(tmp_path / "sent", [*WORDS, "aaaaaa"]))
    before = where_pictures_are(late)
    assert before["images/cage/000000.png"] == 5
    assert merge_projects(late.folder, early.folder) == 0
    assert import_labels(late.folder, early.folder, KEPT).added == 0
    assert labels_of(open_project(late.folder)) == before
    assert merge_projects(early.folder, late.folder) == 1
    merged = open_project(early.folder)
    assert labels_of(merged) == where_pictures_are(merged)
    assert where_pictures_are(merged)["images/cage/000004.png"] == 5


def test_the_names_that_another_project_gave_its_pictures_tell_nothing(tmp_path: Path) -> None:
    early = imported(tmp_path / "early", table(tmp_path / "sent", WORDS))
    late = imported(tmp_path / "late", table(tmp_path / "sent", [*WORDS, "aaaaaa"]))
    project = imported(tmp_path / "p", early.folder)
    project = imported(project.folder, late.folder)
    assert labels_of(project) == where_pictures_are(project) == where_pictures_are(early) | {"images/cage/000004.png": 5}


def test_pictures_out_of_order_in_another_project_get_numbers_of_their_own_among_frames(tmp_path: Path) -> None:
    project = imported(tmp_path / "p", table(tmp_path / "frames", FRAMES))
    before = where_pictures_are(project)
    other = imported(tmp_path / "o", table(tmp_path / "sent", dict(zip(WORDS, (11, 12, 13, 14), strict=True))))
    project = imported(project.folder, other.folder)
    added = {f"images/cage/{number:06d}.png": seed for number, seed in zip((4, 5, 6, 7), (12, 11, 14, 13), strict=True)}
    assert labels_of(project) == where_pictures_are(project) == before | added


def test_a_merge_keeps_what_was_given_and_emptied(tmp_path: Path) -> None:
    source = table(tmp_path / "sent", WORDS)
    other = imported(tmp_path / "o", source)
    emptied(other, 4)
    project = create_project(tmp_path / "p", point_names=["snout"])
    merge_projects(project.folder, other.folder)
    assert import_labels(project.folder, source, KEPT).kept == 4


def test_a_damaged_record_of_imports_is_refused_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = table(tmp_path / "sent", WORDS)
    project = imported(tmp_path / "p", source)
    (project.folder / RECORD_FILE).write_text('{"schema": 1, "names": 3}')
    assert main(["project", "import", str(project.folder), str(source), "--annotator", "ann"]) == 1
    said = capsys.readouterr().err
    assert re.fullmatch(r"trainer project: .*imports\.json: .*delete the file, and pictures are recognised by their content\n", said)


def test_the_record_of_imports_holds_names_and_annotators(tmp_path: Path) -> None:
    project = imported(tmp_path / "p", table(tmp_path / "sent", WORDS[:2]))
    images = ["images/cage/000000.png", "images/cage/000001.png"]
    assert json.loads((project.folder / RECORD_FILE).read_text()) == {
        "schema": 1,
        "names": dict(zip(images, ["evcjds.png", "maaaxu.png"], strict=True)),
        "given": {"ann": images},
    }


def test_what_earlier_imports_gave_stays_known(tmp_path: Path) -> None:
    """A frame of theirs without labels has been emptied since, whatever was imported after it."""
    create_project(tmp_path, point_names=("snout",))
    remember_import(tmp_path, names={"frames/1.png": "one.png"}, given={"ann": ["frames/1.png"], "bob": ["frames/1.png"]})
    remember_import(tmp_path, names={"frames/2.png": "two.png"}, given={"ann": ["frames/2.png"]})
    record = read_import_record(tmp_path)
    assert record.given == {"ann": ("frames/1.png", "frames/2.png"), "bob": ("frames/1.png",)}
    assert record.names == {"frames/1.png": "one.png", "frames/2.png": "two.png"}
