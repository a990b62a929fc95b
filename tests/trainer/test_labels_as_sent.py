"""Labels as colleagues send them: tables without their project, paths of other machines, videos elsewhere, cells left empty."""

import logging
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import sleap_io  # type: ignore[import-untyped]

from tests.trainer.test_labels import write_image, write_slp, write_video
from trainer.__main__ import main
from trainer.errors import LabelError
from trainer.formats.deeplabcut_store import stored_rows
from trainer.formats.deeplabcut_table import read_table
from trainer.formats.import_labels import ImportChoice, import_labels
from trainer.formats.project import read_project
from trainer.formats.read_labels import read_labels
from trainer.formats.write_synthetic_set import write_synthetic_set
from trainer.labels.fingerprint import labels_sha256
from trainer.labels.missing_images import LeftOut
from trainer.labels.moved_files import file_name, find_moved
from trainer.project.store import open_project
from trainer.project.video_places import place_of_video
from trainer.scoring.training_record import TrainedAs, next_commands

TABLES = Path(__file__).parent / "deeplabcut_tables"  # written by pandas as DeepLabCut does, old and new
HEADER = "scorer,me,me,me,me\nbodyparts,snout,snout,tail,tail\ncoords,x,y,x,y\n"
ONE_ANIMAL = [[[1.25, 2], [np.nan, np.nan]], [[3, 4.1], [5, 6.5]]]
TWO_ANIMALS = [[[[1.25, 2], [3, 4]], [[5, 6], [7, 8]]], [[[np.nan] * 2] * 2, [[1, 2.1], [3, 4]]]]


def pictures(folder: Path, *numbers: int) -> Path:
    """A folder with labeled-data/m1/img<number>.png in it."""
    for number in numbers:
        write_image(folder / f"labeled-data/m1/img{number}.png", seed=number)
    return folder


def table(path: Path, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + "".join(f"labeled-data/m1/{row}\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("windows.csv", ONE_ANIMAL),
        ("table.h5", ONE_ANIMAL),
        ("three_columns.csv", ONE_ANIMAL),
        ("fixed.h5", ONE_ANIMAL),
        ("two_animals.csv", TWO_ANIMALS),
        ("fixed_two_animals.h5", TWO_ANIMALS),
    ],
)
def test_every_table_that_deeplabcut_writes_is_read(tmp_path: Path, name: str, expected: list[object]) -> None:
    shutil.copy(TABLES / name, pictures(tmp_path, 1, 2) / f"CollectedData_me{Path(name).suffix}")
    frames = read_labels(tmp_path)
    assert frames.point_names == ("snout", "tail")
    assert frames.group == ("m1", "m1")
    wanted = np.array(expected)
    np.testing.assert_array_equal(frames.points.reshape(wanted.shape), wanted)


@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["commas", "semicolons", "tabs"])
def test_a_table_that_went_through_a_spreadsheet_is_read(tmp_path: Path, separator: str) -> None:
    """Another separator, decimal commas with it, empty columns at the end, missing cells as R and pandas write them."""
    path = table(pictures(tmp_path, 1, 2) / "CollectedData_me.csv", "img1.png,1.25,2,NA,#N/A", "img2.png,3,4.1,5,6.5")
    rows = [line.replace(",", separator) + 2 * separator for line in path.read_text().splitlines()]
    text = "\n".join(rows)
    text = text if separator == "," else re.sub(r"(\d)\.(\d)", r"\1,\2", text)
    path.write_text(text)
    frames = read_labels(tmp_path)
    np.testing.assert_array_equal(frames.points[:, 0], ONE_ANIMAL)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("1,024;512.5;300;400", r":4: has '1,024', and line 4 has '512\.5', so which sign stands before decimals is not certain"),
        ("1,024;512;300;400", r":4: has '1,024', which may be a thousand and more or a number with decimals"),
    ],
    ids=["both signs", "three digits"],
)
def test_numbers_that_may_be_thousands_are_refused(tmp_path: Path, cells: str, said: str) -> None:
    path = pictures(tmp_path, 1) / "CollectedData_me.csv"
    path.write_text(HEADER.replace(",", ";") + f"labeled-data/m1/img1.png;{cells}\n ; ; ; ; \n")
    with pytest.raises(LabelError, match=said):
        read_labels(tmp_path)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [("12,319;31,255;25,898;65,536", [12.319, 31.255, 25.898, 65.536]), ("0,319;31,255;25,898;33", [0.319, 31.255, 25.898, 33])],
    ids=["no picture is so wide", "a nought before the comma"],
)
def test_three_digits_after_a_comma_are_decimals_where_no_place_can_be_a_thousand(
    tmp_path: Path, cells: str, expected: list[float]
) -> None:
    path = tmp_path / "CollectedData_me.csv"
    path.write_text(HEADER.replace(",", ";") + f"labeled-data/m1/img1.png;{cells}\n")
    assert read_table(path).rows[0].points.ravel().tolist() == expected
    path.write_text(path.read_text().replace("65,536", "65,535").replace("0,319", "1,319"))
    with pytest.raises(LabelError, match="may be a thousand and more"):
        read_table(path)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_table_in_another_encoding_is_refused_with_what_to_do(tmp_path: Path, encoding: str) -> None:
    path = table(pictures(tmp_path, 1) / "CollectedData_me.csv", "img1.png,1,2,3,4")
    path.write_bytes(path.read_text().replace("scorer,me", "scorer,Müller").encode(encoding))
    with pytest.raises(LabelError, match=r"CollectedData_me\.csv: is not in UTF-8 .*; save it as UTF-8"):
        read_labels(tmp_path)


def test_a_picture_whose_ending_is_written_in_other_capitals_is_found(tmp_path: Path) -> None:
    table(pictures(tmp_path, 1) / "CollectedData_me.csv", "IMG1.PNG,1,2,3,4")
    assert read_labels(tmp_path).images[0].path == tmp_path / "labeled-data/m1/img1.png"
    shutil.copy(tmp_path / "labeled-data/m1/img1.png", tmp_path / "labeled-data/m1/Img1.png")
    with pytest.raises(LabelError, match=r"IMG1\.PNG is not there"):
        read_labels(tmp_path)


def test_a_real_hdf5_table_says_what_its_csv_says(shared_data: Path) -> None:
    folder = shared_data / "dlc_openfield/labeled-data/m4s1"
    assert labels_sha256(read_labels(folder / "CollectedData_Pranav.h5")) == labels_sha256(read_labels(folder / "CollectedData_Pranav.csv"))


def test_a_table_beside_labeled_data_is_a_project(tmp_path: Path) -> None:
    table(pictures(tmp_path, 1, 2) / "CollectedData.csv", "img1.png,1,2,3,4", "img2.png,5,6,7,8")
    assert read_labels(tmp_path).points[:, 0, 0].tolist() == [[1, 2], [5, 6]]


def test_a_joint_table_repeats_nothing_but_may_not_contradict(tmp_path: Path) -> None:
    table(pictures(tmp_path, 1, 2) / "labeled-data/m1/CollectedData_me.csv", "img1.png,1,2,3,4", "img2.png,5,6,7,8")
    joint = table(tmp_path / "CollectedData.csv", "img1.png,1,2,3,4", "img2.png,5,6,7,8")
    assert len(read_labels(tmp_path)) == 2
    table(joint, "img1.png,1,2,3,4", "img2.png,5,6,7,9")
    with pytest.raises(LabelError, match=r"CollectedData\.csv:5: img2\.png is labelled already"):
        read_labels(tmp_path)


def test_a_picture_of_one_video_is_never_taken_for_one_of_another(tmp_path: Path) -> None:
    """Of two folders that a table speaks of, one is gone: its picture has the name of another's."""
    write_image(tmp_path / "labeled-data/m1/img1.png")
    table(tmp_path / "labeled-data/m1/CollectedData_me.csv", "img1.png,1,2,3,4", "../m2/img1.png,5,6,7,8")
    text = (tmp_path / "labeled-data/m1/CollectedData_me.csv").read_text().replace("m1/../m2", "m2")
    (tmp_path / "labeled-data/m1/CollectedData_me.csv").write_text(text.replace("labeled-data/m1/img1.png", "labeled-data/m1/img0.png"))
    with pytest.raises(LabelError, match=r"CollectedData_me\.csv:4: image labeled-data/m1/img0\.png is not there"):
        read_labels(tmp_path)
    (tmp_path / "labeled-data/m1/img1.png").rename(tmp_path / "labeled-data/m1/img0.png")
    write_image(tmp_path / "labeled-data/m1/img1.png", seed=2)
    with pytest.raises(LabelError, match=r"CollectedData_me\.csv:5: image labeled-data/m2/img1\.png is not there"):
        read_labels(tmp_path)


def test_a_folder_that_was_renamed_keeps_its_pictures(tmp_path: Path) -> None:
    write_image(tmp_path / "labeled-data/monday/img1.png")
    table(tmp_path / "labeled-data/monday/CollectedData_me.csv", "img1.png,1,2,3,4")
    assert read_labels(tmp_path).images[0].path == tmp_path / "labeled-data/monday/img1.png"


def test_a_lone_table_takes_its_frames_from_the_video(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    images = write_video(tmp_path / "m1.mkv", frames=9)
    lone = table(tmp_path / "labels.csv", "img0003.png,1,2,3,4", "img0007.png,5,6,7,8")
    with caplog.at_level(logging.WARNING):
        frames = read_labels(lone)
    assert frames.order.tolist() == [3, 7]
    np.testing.assert_array_equal(frames.read(1), images[7])
    assert "pictures that are not there are taken from videos: count=2" in caplog.text


def test_an_image_that_is_nowhere_is_refused_with_what_to_do(tmp_path: Path) -> None:
    lone = table(tmp_path / "labels.csv", "img3.png,1,2,3,4")
    with pytest.raises(LabelError, match=r"labels\.csv:4: image .*img3\.png is not there; looked for it, and for a video 'm1'.*--media"):
        read_labels(lone)


@pytest.mark.parametrize(
    ("written", "there", "found"),
    [
        ("C:\\Users\\ann\\m1\\img1.png", ["m1/img1.png", "img1.png"], "m1/img1.png"),
        ("/home/ann/m1/img1.png", ["m2/img1.png", "img1.png"], "img1.png"),
        ("../videos/a.mp4", ["videos/a.mp4"], "videos/a.mp4"),
        ("D:/a.mp4", ["a.mp4"], "a.mp4"),
        ("\\\\server\\share\\a.mp4", ["a.mp4"], "a.mp4"),
        ("m1/img1.png", ["m2/img1.png"], None),
    ],
)
def test_a_moved_file_is_found_by_the_longest_end_of_its_path(tmp_path: Path, written: str, there: list[str], found: str | None) -> None:
    for name in there:
        write_image(tmp_path / Path(name).with_suffix(".png"))
        (tmp_path / Path(name).with_suffix(".png")).rename(tmp_path / name)
    assert find_moved(written, near=[tmp_path]) == (tmp_path / found if found else None)
    assert file_name(written) == Path(there[0]).name


def test_a_sleap_file_of_a_windows_machine_finds_its_pictures(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_image(tmp_path / f"imgs/{name}/0.png", seed=ord(name))
    slp = write_slp(tmp_path / "x.slp", video="C:\\lab\\imgs\\b\\0.png", frames={0: [[[1, 2], [3, 4]]]})
    assert read_labels(slp).images[0].path == tmp_path / "imgs/b/0.png"


def test_coco_of_a_windows_machine_finds_its_pictures_in_the_media(tmp_path: Path) -> None:
    write_image(tmp_path / "disk/b/1.png")
    annotation = '{"image_id": 1, "category_id": 1, "keypoints": [1.5, 2, 2, 0, 0, 0]}'
    category = '{"id": 1, "name": "mouse", "keypoints": ["snout", "tail"]}'
    image = '{"id": 1, "file_name": "C:\\\\lab\\\\b\\\\1.png"}'
    sent = tmp_path / "sent/annotations"
    sent.mkdir(parents=True)
    (sent / "person.json").write_text(f'{{"images": [{image}], "annotations": [{annotation}], "categories": [{category}]}}')
    frames = read_labels(tmp_path / "sent", media=[tmp_path / "disk"])
    assert (frames.images[0].path, frames.group) == (tmp_path / "disk/b/1.png", ("b",))


def test_media_says_where_the_video_of_a_sleap_file_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sent").mkdir()
    write_slp(tmp_path / "sent/x.slp", video="D:\\films\\film.mkv", frames={4: [[[1, 2], [3, 4]]]})
    (tmp_path / "disk").mkdir()
    write_video(tmp_path / "disk/film.mkv", frames=6)
    importing = ["project", "import", str(tmp_path / "p"), str(tmp_path / "sent"), "--annotator", "ann"]
    assert main(importing) == 1
    assert "--media" in capsys.readouterr().err
    assert not (tmp_path / "p").exists()
    assert main([*importing, "--media", str(tmp_path / "disk")]) == 0
    project = open_project(tmp_path / "p")
    assert [(frame.video, frame.frame) for frame in project.frames] == [("film.mkv", 4)]
    assert place_of_video(project.folder, "film", "film.mkv") == tmp_path / "disk/film.mkv", "the page can show its neighbours"


def test_a_sleap_video_that_was_encoded_anew_is_found_and_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_slp(tmp_path / "x.slp", video="D:\\films\\film.avi", frames={1: [[[1, 2], [3, 4]]], 4: [[[1, 2], [3, 4]]]})
    write_video(tmp_path / "film.mkv", frames=6)
    frames = read_labels(tmp_path / "x.slp")
    assert [(ref.path, ref.frame) for ref in frames.images] == [(tmp_path / "film.mkv", 1), (tmp_path / "film.mkv", 4)]
    assert caplog.text.count("is taken for it: check that it has the same frames") == 1


def test_one_command_makes_a_project_of_a_colleagues_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sent = pictures(tmp_path / "sent", 1, 2)
    (sent / "config.yaml").write_text("skeleton:\n- [snout, tail]\n")
    table(sent / "CollectedData_me.csv", "img1.png,1,2,3,4", "img2.png,5,6,,")
    assert main(["project", "import", str(tmp_path / "p"), str(sent), "--annotator", "me"]) == 0
    added, gaps = capsys.readouterr().out.splitlines()
    assert added == f"{tmp_path / 'p'}: made, 2 frames added; 2 have labels of me"
    assert gaps.startswith("points without a place were taken as not labelled: 'tail' in 1 animal;")
    (sent / "videos").mkdir()
    write_video(sent / "videos/m1.mkv", frames=3)
    assert main(["project", "import", str(tmp_path / "p"), str(sent), "--annotator", "me"]) == 0, "again, with the video there"
    project = open_project(tmp_path / "p")
    assert place_of_video(project.folder, "m1", "m1") == sent / "videos/m1.mkv"
    next_steps = next_commands([project.folder], tmp_path / "mine", read_project(project.folder), TrainedAs())
    assert next_steps.more_frames("", ["m1"]).command.startswith(f"trainer select {sent}/videos/m1.mkv --project "), (
        "a command that can be typed"
    )
    assert (project.point_names, project.skeleton) == (("snout", "tail"), (("snout", "tail"),))
    assert project.read_layer("me").frames["images/m1/000002.png"].animals == [{"snout": (5.0, 6.0)}]


def test_a_folder_with_two_label_files_asks_which(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_slp(tmp_path / f"{name}.slp", video="film.mkv", frames={0: [[[1, 2], [3, 4]]]})
    with pytest.raises(LabelError, match=r"holds 2 files that may be labels \(a\.slp, b\.slp\); give the one that is meant"):
        read_labels(tmp_path)


def test_a_folder_with_a_table_and_a_sleap_file_asks_which(tmp_path: Path) -> None:
    table(pictures(tmp_path, 1) / "CollectedData_me.csv", "img1.png,1,2,3,4")
    (tmp_path / "labels.slp").write_bytes(b"")
    with pytest.raises(LabelError, match=r"holds 2 files that may be labels \(CollectedData_me\.csv, labels\.slp\); give the one"):
        read_labels(tmp_path)


def test_how_many_pictures_are_missing_is_said_at_once(tmp_path: Path) -> None:
    sent = table(pictures(tmp_path, 1) / "labels.csv", *(f"img{number}.png,1,2,3,4" for number in (1, 2, 3, 4)))
    with pytest.raises(LabelError, match=r"labels\.csv:5: image .*img2\.png is not there.* \(2 more rows of 4 without an image\)$"):
        read_labels(sent)


def test_frames_without_pictures_can_be_left_out_and_added_later(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sent = pictures(tmp_path / "sent", 1)
    table(sent / "CollectedData.csv", "img1.png,1,2,3,4", "img2.png,5,6,7,8", "img3.png,,,,", "../m2/img1.png,1,2,3,4")
    table(sent / "labeled-data/m1/CollectedData.csv", "img1.png,1,2,3,4", "img2.png,5,6,7,8")
    importing = ["project", "import", str(tmp_path / "p"), str(sent), "--annotator", "me"]
    assert main(importing) == 1
    assert "--skip-missing" in capsys.readouterr().err
    assert main([*importing, "--skip-missing"]) == 0
    done, left_out = capsys.readouterr().out.splitlines()
    assert done == f"{tmp_path / 'p'}: made, 1 frame added; 1 has labels of me"
    assert left_out == "left out, as their pictures are not there: 2 labelled frames (1 of m1, 1 of m2)"
    pictures(sent, 2)
    assert main([*importing, "--skip-missing"]) == 0
    assert [frame.frame for frame in open_project(tmp_path / "p").frames] == [1, 2]


def test_a_sleap_video_and_coco_pictures_can_be_left_out(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mkv", frames=2)
    first = write_slp(tmp_path / "x.slp", video="film.mkv", frames={0: [[[1, 2], [3, 4]]]})
    other = write_slp(tmp_path / "y.slp", video="gone.mkv", frames={0: [[[1, 2], [3, 4]]], 5: [[[1, 2], [3, 4]]]})
    both = sleap_io.Labels(
        [*sleap_io.load_slp(str(first)).labeled_frames, *sleap_io.load_slp(str(other), open_videos=False).labeled_frames]
    )
    for frame in both.labeled_frames:
        for instance in frame.instances:
            instance.skeleton = both.skeletons[0]
    sleap_io.save_slp(both, str(tmp_path / "both.slp"), embed=False)
    left_out = LeftOut()
    assert read_labels(tmp_path / "both.slp", left_out=left_out).group == ("film",)
    assert left_out.by_group == {"gone": 2}
    write_image(tmp_path / "a/1.png")
    images = ", ".join(f'{{"id": {number}, "file_name": "a/{number}.png"}}' for number in (1, 2))
    annotations = ", ".join(
        f'{{"image_id": {number}, "category_id": 1, "keypoints": [1, {row}, 2]}}' for number in (1, 2) for row in (2, 3)
    )
    category = '{"id": 1, "name": "mouse", "keypoints": ["snout"]}'
    (tmp_path / "a.json").write_text(f'{{"images": [{images}], "annotations": [{annotations}], "categories": [{category}]}}')
    left_out = LeftOut()
    assert read_labels(tmp_path / "a.json", left_out=left_out).points.shape == (1, 2, 1, 2)
    assert left_out.by_group == {"a": 1}, "one frame of two animals"


def test_frames_of_a_rendered_set_without_pictures_can_be_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_synthetic_set(tmp_path / "set", scene="rectangles", count=10, seed=3, width=96, height=80, rectangles=3)
    (tmp_path / "set/images/img0004.png").unlink()
    importing = ["project", "import", str(tmp_path / "p"), str(tmp_path / "set"), "--annotator", "me"]
    assert main(importing) == 1
    assert "--skip-missing" in capsys.readouterr().err
    assert main([*importing, "--skip-missing"]) == 0
    assert "left out, as their pictures are not there: 1 labelled frames (1 of rectangles-3)" in capsys.readouterr().out
    assert [frame.frame for frame in open_project(tmp_path / "p").frames] == [0, 1, 2, 3, 5, 6, 7, 8, 9]


def test_labels_without_any_picture_are_refused_all_the_same(tmp_path: Path) -> None:
    sent = table(tmp_path / "sent/labels.csv", "img1.png,1,2,3,4", "img2.png,5,6,7,8")
    with pytest.raises(LabelError, match=r"none of its 2 labelled frames has its picture, so nothing is left; the first: .*img1\.png"):
        import_labels(tmp_path / "p", sent, ImportChoice(annotator="me", skip_missing=True))
    assert not (tmp_path / "p").exists()


def mostly_empty(folder: Path) -> Path:
    table(pictures(folder, 1, 2, 3) / "CollectedData_me.csv", "img1.png,1,2,,", "img2.png,5,6,,", "img3.png,5,6,7,8")
    return folder


def test_what_a_mostly_empty_point_means_is_asked_in_words(tmp_path: Path) -> None:
    sent = mostly_empty(tmp_path / "sent")
    with pytest.raises(
        LabelError, match=r"of 3 labelled animals no place is given for 'tail' in 2; does an empty cell mean .* --empty hidden or"
    ):
        import_labels(tmp_path / "p", sent, ImportChoice(annotator="me"))
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("empty", ["hidden", "unlabelled"])
def test_empty_cells_mean_what_is_said(tmp_path: Path, empty: str) -> None:
    sent = mostly_empty(tmp_path / "sent")
    assert main(["project", "import", str(tmp_path / "p"), str(sent), "--annotator", "me", "--empty", empty]) == 0
    frames = open_project(tmp_path / "p").read_layer("me").frames
    first = frames["images/m1/000001.png"].animals
    assert first == [{"snout": (1.0, 2.0)} | ({"tail": "hidden"} if empty == "hidden" else {})]


def test_an_hdf5_file_of_another_kind_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.h5").write_bytes(b"no such thing")
    with pytest.raises(LabelError, match=r"x\.h5: cannot be read as DeepLabCut's table .*give the CSV beside it"):
        read_labels(tmp_path / "x.h5")


def test_a_pickle_in_a_table_runs_nothing(tmp_path: Path) -> None:
    """Column names of the older layout are pickled: one that calls a function is refused before the function is even looked up."""
    import h5py  # type: ignore[import-untyped]

    shutil.copy(TABLES / "table.h5", tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        file["df_with_missing"].attrs["non_index_axes"] = np.bytes_(f"cos\nsystem\n(S'touch {tmp_path / 'ran'}'\ntR.".encode())
    with pytest.raises(LabelError, match=r"speak of os\.system, which no list of names does"):
        stored_rows(tmp_path / "x.h5")
    assert not (tmp_path / "ran").exists()
