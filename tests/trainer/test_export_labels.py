import csv
import json
import logging
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sleap_io  # type: ignore[import-untyped]
import yaml

from tracker.frame import Image
from trainer.errors import LabelError
from trainer.formats.import_labels import ImportChoice, import_labels
from trainer.formats.project import read_project
from trainer.formats.read_labels import read_labels
from trainer.formats.write_coco import write_coco
from trainer.formats.write_deeplabcut import write_deeplabcut
from trainer.formats.write_sleap import write_sleap
from trainer.labels.grey_picture import in_one_channel
from trainer.labels.image_keys import image_keys
from trainer.labels.labelled_frames import LabelledFrames
from trainer.project.store import FrameLabel, Layer, create_project

REPOSITORY = Path(__file__).resolve().parents[2]
POINTS = ("snout", "left, ear", "tail-base")
KINDS = ("deeplabcut", "sleap", "coco")
AWKWARD = (1 / 3, 0.1 + 0.2, 47.49999999999999, 1e-7, -0.5, 12.0, 5e-324)
VIDEOS = {"m10.mp4": (2, 10, 9), "m2.mp4": (100, 7)}


def picture(seed: int, *, colour: bool) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3) if colour else (48, 64), np.uint8)


def make_set(folder: Path, *, animals: int = 1, colour: bool = False) -> LabelledFrames:
    """A labelling project of two videos with unpadded numbers, sub-pixel places, missing and hidden points, and tags."""
    project = create_project(folder, point_names=POINTS, skeleton=[("snout", "tail-base")], tags=["rearing"], animals=animals)
    for video, numbers in VIDEOS.items():
        project.add_frames(Path(video), [(number, picture(number, colour=colour)) for number in numbers], why="uniform")
    random = np.random.default_rng(7)
    layer = Layer(annotator="ann", frames={})
    for index, frame in enumerate(project.frames):
        label = FrameLabel(animals=[], tags=["rearing"] if index == 1 else [])
        for _ in range(1 + (index + 1) % animals):
            x, y = random.uniform(-0.5, 47.5, 2).tolist()
            label.animals.append({"snout": (x, AWKWARD[index]), "tail-base": (AWKWARD[index], y)})
        label.animals[0] |= {"left, ear": "hidden"} if index % 2 else {}
        layer.frames[frame.image] = label
    del layer.frames[project.frames[0].image].animals[0]["snout"]
    project.write_layer(layer)
    return read_project(folder)


def write(frames: LabelledFrames, kind: str, out: Path) -> Path:
    if kind == "deeplabcut":
        return write_deeplabcut(frames, out, scorer="ann")
    return write_coco(frames, out) if kind == "coco" else write_sleap(frames, out.with_name(f"{out.name}.pkg.slp"))


def assert_same(found: LabelledFrames, expected: LabelledFrames) -> None:
    """Everything but what a format has no word for: equal to the last bit."""
    assert found.point_names == expected.point_names
    assert found.skeleton == expected.skeleton
    assert found.group == expected.group
    assert found.order.tolist() == expected.order.tolist()
    assert found.size == expected.size
    assert found.points.shape == expected.points.shape
    assert found.points.tobytes() == np.where(np.isnan(expected.points), np.nan, expected.points).tobytes()
    for index in range(len(expected)):
        assert np.array_equal(in_one_channel(found.read(index)), in_one_channel(expected.read(index)))
    assert image_keys(found) == image_keys(expected)


@pytest.mark.parametrize("animals", [1, 2])
@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
@pytest.mark.parametrize("kind", KINDS)
def test_labels_come_back_from_every_format_to_the_last_digit(tmp_path: Path, kind: str, animals: int, colour: bool) -> None:
    """Numeric order, sub-pixel places, missing points, pictures."""
    frames = make_set(tmp_path / "p", animals=animals, colour=colour)
    assert_same(read_labels(write(frames, kind, tmp_path / "out")), frames)


@pytest.mark.parametrize("kind", ["sleap", "coco"])
def test_hidden_points_come_back_as_hidden(tmp_path: Path, kind: str) -> None:
    """Not labelled and not visible stay apart."""
    frames = make_set(tmp_path / "p")
    assert frames.hidden.sum() == 2
    found = read_labels(write(frames, kind, tmp_path / "out"))
    assert np.array_equal(found.hidden, frames.hidden)


def test_hidden_points_become_empty_cells_in_deeplabcut_and_it_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames = make_set(tmp_path / "p")
    with caplog.at_level(logging.WARNING):
        found = read_labels(write(frames, "deeplabcut", tmp_path / "out"))
    assert not found.hidden.any()
    assert "points that cannot be seen become empty cells, as unlabelled ones do: count=2" in caplog.text


def test_tags_come_back_from_coco(tmp_path: Path) -> None:
    frames = make_set(tmp_path / "p")
    assert read_labels(write(frames, "coco", tmp_path / "out")).tags == frames.tags
    assert frames.tags.count(frozenset({"rearing"})) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_labels_go_round_through_another_project(tmp_path: Path, kind: str) -> None:
    frames = make_set(tmp_path / "p")
    other = create_project(tmp_path / "other", point_names=POINTS[::-1], skeleton=[("snout", "tail-base")], tags=["rearing"])
    added = import_labels(other.folder, write(frames, kind, tmp_path / "out"), ImportChoice(annotator="bob", empty="unlabelled")).added
    found = read_project(other.folder)
    assert added == len(frames)
    assert found.point_names == POINTS[::-1]
    assert np.array_equal(found.points[:, :, ::-1], frames.points, equal_nan=True)
    assert (found.group, found.order.tolist()) == (frames.group, frames.order.tolist())


@pytest.fixture(scope="module")
def openfield(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> LabelledFrames:
    """The real open-field labels, imported into a project and read from it."""
    folder = tmp_path_factory.mktemp("openfield") / "p"
    create_project(folder, point_names=["snout", "leftear", "rightear", "tailbase"])
    assert import_labels(folder, shared_data / "dlc_openfield", ImportChoice(annotator="pranav")).added == 116
    return read_labels(folder)


def test_the_open_field_mouse_is_imported_as_it_was(openfield: LabelledFrames, shared_data: Path) -> None:
    some = np.arange(0, 116, 23)
    assert_same(openfield.subset(some), read_labels(shared_data / "dlc_openfield").subset(some))


@pytest.mark.parametrize("kind", KINDS)
def test_the_open_field_mouse_is_exported_as_it_was(tmp_path: Path, openfield: LabelledFrames, kind: str) -> None:
    some = openfield.subset(np.arange(5, 116, 11))
    assert_same(read_labels(write(some, kind, tmp_path / "out")), some)


def test_the_table_of_the_open_field_mouse_is_written_with_the_same_numbers(
    tmp_path: Path, openfield: LabelledFrames, shared_data: Path
) -> None:
    write_deeplabcut(openfield, tmp_path / "out", scorer="Pranav")

    def numbers(project: Path) -> list[list[float]]:
        with (project / "labeled-data/m4s1/CollectedData_Pranav.csv").open(newline="") as file:
            rows = list(csv.reader(file))[3:]
        return sorted([float(cell) if cell else -1.0 for cell in row[-8:]] for row in rows)

    assert numbers(tmp_path / "out") == numbers(shared_data / "dlc_openfield")


def test_deeplabcut_gets_its_three_header_rows_and_a_configuration(tmp_path: Path) -> None:
    frames = make_set(tmp_path / "p")
    write_deeplabcut(frames, tmp_path / "out", scorer="ann")
    with (tmp_path / "out/labeled-data/m10/CollectedData_ann.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows[:3]] == ["scorer", "bodyparts", "coords"]
    assert rows[1][3:] == ["snout", "snout", "left, ear", "left, ear", "tail-base", "tail-base"]
    assert [row[:3] for row in rows[3:]] == [["labeled-data", "m10", f"img{number}.png"] for number in ("002", "009", "010")]
    config = yaml.safe_load((tmp_path / "out/config.yaml").read_text())
    assert config["bodyparts"] == list(POINTS)
    assert config["scorer"] == "ann"
    assert {Path(video).stem for video in config["video_sets"]} == {"m2", "m10"}, "DeepLabCut finds the folders by these names"


def test_several_animals_stand_in_deeplabcuts_multi_animal_columns(tmp_path: Path) -> None:
    write_deeplabcut(make_set(tmp_path / "p", animals=2), tmp_path / "out", scorer="ann")
    with (tmp_path / "out/labeled-data/m2/CollectedData_ann.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[1] == ["individuals", "", "", *["animal1"] * 6, *["animal2"] * 6]
    config = yaml.safe_load((tmp_path / "out/config.yaml").read_text())
    assert config["multianimalproject"]
    assert config["individuals"] == ["animal1", "animal2"]
    assert config["multianimalbodyparts"] == list(POINTS)


def test_sleap_itself_opens_the_package(tmp_path: Path) -> None:
    frames = make_set(tmp_path / "p", colour=True)
    labels = sleap_io.load_slp(str(write(frames, "sleap", tmp_path / "out")))
    places = [(Path(found.video.source_video.filename).name, int(found.frame_idx)) for found in labels.labeled_frames]
    assert places == [(f"{group}.mp4", number) for group, number in zip(frames.group, frames.order.tolist(), strict=True)]
    first = labels.labeled_frames[0]
    assert np.array_equal(first.image, frames.read(0))
    assert np.array_equal(first.instances[0].numpy(), frames.points[0, 0], equal_nan=True)
    assert [str(node) for node in labels.skeleton.node_names] == list(POINTS)


def test_animals_with_names_are_tracks_in_sleap(tmp_path: Path) -> None:
    frames = make_set(tmp_path / "p", animals=2)
    write_deeplabcut(frames, tmp_path / "dlc", scorer="ann")  # whose columns give animals names
    named = read_labels(tmp_path / "dlc")
    assert named.animal_names == ("animal1", "animal2")
    found = read_labels(write_sleap(named, tmp_path / "out.pkg.slp"))
    assert found.animal_names == named.animal_names
    assert np.array_equal(found.points, named.points, equal_nan=True)


def test_coco_says_not_labelled_for_points_without_a_place(tmp_path: Path) -> None:
    """COCO's 1, "labelled but not visible", has a place; a hidden point here has none."""
    content = json.loads(write(make_set(tmp_path / "p"), "coco", tmp_path / "out").read_text())
    annotation = content["annotations"][1]
    assert annotation["keypoints"][3:6] == [0, 0, 0]
    assert annotation["hidden"] == ["left, ear"]
    assert annotation["keypoints"][2::3] == [2, 0, 2]
    assert annotation["num_keypoints"] == 2
    left, top, width, height = annotation["bbox"]
    xs, ys = annotation["keypoints"][0::6], annotation["keypoints"][1::6]
    assert (left, top, left + width, top + height) == pytest.approx((min(xs) - 0.5, min(ys) - 0.5, max(xs) + 0.5, max(ys) + 0.5))
    assert content["categories"][0]["skeleton"] == [[1, 3]]
    assert {image["file_name"] for image in content["images"]} >= {"images/m2/img007.png", "images/m2/img100.png"}


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_never_overwrites(tmp_path: Path, kind: str) -> None:
    frames = make_set(tmp_path / "p")
    written = write(frames, kind, tmp_path / "out")
    before = written.read_bytes()
    with pytest.raises(LabelError, match="is there already; choose another name"):
        write(frames, kind, tmp_path / "out")
    assert written.read_bytes() == before


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_that_fails_leaves_nothing_behind(tmp_path: Path, kind: str) -> None:
    frames = make_set(tmp_path / "p")
    frames.images[-1].path.write_bytes(b"no picture")
    with pytest.raises(LabelError, match="cannot be read as an image"):
        write(frames, kind, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


@pytest.fixture
def frames(tmp_path: Path) -> LabelledFrames:
    """A set that was made before the disk filled up."""
    return make_set(tmp_path / "p")


# run in a process of its own: the limit holds for every file of a process, also for the one that the tests' output goes to
FULL_DISK = """
import resource, sys
from pathlib import Path
from trainer.errors import LabelError
from trainer.formats.project import read_project
from trainer.formats.write_coco import write_coco
from trainer.formats.write_deeplabcut import write_deeplabcut
project, kind, out = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
frames = read_project(project)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    write_coco(frames, out) if kind == "coco" else write_deeplabcut(frames, out, scorer="ann")
except LabelError as error:
    sys.exit(str(error))
"""


@pytest.mark.usefixtures("frames")
@pytest.mark.parametrize("kind", ["deeplabcut", "coco"])
def test_an_export_to_a_full_disk_says_so_and_leaves_nothing_behind(tmp_path: Path, kind: str) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "p"), kind, str(tmp_path / "out")]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=800, check=False)
    assert re.search(r"out.*could not be written.*File too large", ended.stderr)
    assert "Traceback" not in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_a_package_is_not_begun_on_a_disk_without_room(tmp_path: Path, frames: LabelledFrames, monkeypatch: pytest.MonkeyPatch) -> None:
    used = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: used._replace(free=4_000_000))
    with pytest.raises(LabelError, match="could not be written: 4 MB are free and 10 MB are needed; free space"):
        write_sleap(frames, tmp_path / "out.pkg.slp")
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_to_a_place_that_cannot_be_written_says_so(tmp_path: Path, kind: str) -> None:
    frames = make_set(tmp_path / "p")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LabelError, match=r"out.*: could not be written: "):
        write(frames, kind, tmp_path / "file" / "out")


def test_a_sleap_file_must_end_like_a_package(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"ends in \.pkg\.slp"):
        write_sleap(make_set(tmp_path / "p"), tmp_path / "out.slp")


def test_an_unknown_hidden_point_in_coco_is_refused(tmp_path: Path) -> None:
    path = write(make_set(tmp_path / "p"), "coco", tmp_path / "out")
    content = json.loads(path.read_text())
    content["annotations"][0]["hidden"] = ["nose"]
    path.write_text(json.dumps(content))
    with pytest.raises(LabelError, match="hidden point 'nose' is not among the key points"):
        read_labels(path)
