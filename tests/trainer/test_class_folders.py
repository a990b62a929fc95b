"""Images in folders named by class: moved there, called by their words, divided and counted; and the tags of a labelling project."""

import json
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console

from tracker.bundle import read_bundle
from tracker.bundle_description import View
from tracker.engines.view_fit import ViewFit
from trainer.__main__ import main
from trainer.behaviour.division import DivisionAsked
from trainer.errors import LabelError, TrainingError
from trainer.ethogram.arrange_images import arrange_images
from trainer.ethogram.class_words import class_names_of, read_class_words
from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.class_counts import count_sentences
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.image_request import ImageRequest
from trainer.image_behaviour.image_videos import ImageVideos, divide
from trainer.image_behaviour.make_image_bundle import make_image_bundle
from trainer.image_behaviour.read_images import read_image_videos
from trainer.image_behaviour.region import RegionAsked
from trainer.image_behaviour.samples import augmented
from trainer.image_behaviour.settings import ImageSettings
from trainer.project.layer import FrameLabel, Layer
from trainer.project.store import create_project

QUICK = ImageSettings(epochs=1, batch=64, network="dense", mirror=False, brightness=0.0, shift=0.0)


def picture(path: Path, value: int, *, height: int = 8, width: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), (value % 256, value * 7 % 256, value * 31 % 256), np.uint8))


def flat(folder: Path) -> tuple[Path, Path]:
    """Six images of two classes in one folder, one that no row names, and their table."""
    for number in range(7):
        picture(folder / "images" / f"val_{number}.png", 10 * number)
    rows = [f"val_{number}.png\t{'n01' if number % 2 else 'n02'}\t0\t0\t7\t7" for number in range(6)]
    (folder / "val.txt").write_text("\n".join(rows) + "\n")
    return folder / "images", folder / "val.txt"


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*.png")}


def test_a_flat_folder_is_arranged_by_class_and_a_second_run_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, table = flat(tmp_path)
    before = content(tmp_path)
    assert main(["arrange", str(images), str(table), "--out", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"classes": 2, "moved": 6, "there_before": 0, "not_listed": 1}
    arranged = {path.relative_to(tmp_path) for path in tmp_path.rglob("*.png")}
    assert main(["arrange", str(images), str(table), "--out", str(tmp_path)]) == 0
    assert "0 images moved into the folders of 2 classes, 6 were there before; 1 that the table does not name" in capsys.readouterr().out
    assert content(tmp_path) == before
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*.png")} == arranged
    assert len(list((tmp_path / "n01").iterdir())) == len(list((tmp_path / "n02").iterdir())) == 3


@pytest.mark.parametrize("at", range(7))
def test_an_arrangement_that_is_killed_at_any_move_loses_nothing_and_is_finished(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, table = flat(tmp_path)
    before, unlink = content(tmp_path), Path.unlink
    gone: list[Path] = []

    def killed(path: Path, missing_ok: bool = False) -> None:
        if len(gone) == at:
            raise KeyboardInterrupt
        gone.append(path)
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
        patched.setattr(Path, "unlink", killed)
        arrange_images(images, table, tmp_path)
    assert len(gone) == at
    assert content(tmp_path) == before
    assert arrange_images(images, table, tmp_path).classes == 2
    assert content(tmp_path) == before
    assert [path.name for path in images.iterdir()] == ["val_6.png"]


def test_images_that_cannot_be_arranged_are_refused_before_any_is_moved(tmp_path: Path) -> None:
    images, table = flat(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
    picture(tmp_path / "n01" / "val_1.png", 200)
    with pytest.raises(LabelError, match=r"val_1.png: is another image than .*; rename one of them. Nothing was moved"):
        arrange_images(images, table, tmp_path)
    (tmp_path / "n01" / "val_1.png").unlink()
    for row, complaint in (
        ("gone.png\tn01", "names 1 images that lie neither"),
        ("val_1.png\tn02", "val_1.png is of the class n02, and above of n01"),
        ("val_6.png\t../n01", "'../n01' cannot be a class"),
        ("../val_6.png\tn01", "is not the name of an image"),
        ("val_6.png", "has one cell"),
    ):
        (tmp_path / "bad.txt").write_text(f"{table.read_text()}{row}\n")
        with pytest.raises(LabelError, match=complaint):
            arrange_images(images, tmp_path / "bad.txt", tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.png")} == before


@pytest.mark.parametrize("case", ["the images' own folder", "a link to it", "a file", "a folder called as an image", "a control character"])
def test_an_arrangement_in_which_an_image_would_be_lost_is_refused(tmp_path: Path, case: str) -> None:
    images, table = flat(tmp_path)
    out, complaint = tmp_path, "n01"
    if case == "the images' own folder":
        out, complaint = tmp_path / "val", "would be the folder of the class 'n01', and is that of the images"
        out.mkdir()
        images = images.rename(out / "n01")
    elif case == "a link to it":
        (tmp_path / "n01").symlink_to(images)
        complaint = "would be the folder of the class 'n01', and is a link"
    elif case == "a file":
        (tmp_path / "n01").write_text("")
        complaint = "n01: is a file; expected to make the folder of the class 'n01' there"
    elif case == "a folder called as an image":
        (images / "val_6.png").unlink()
        (images / "val_6.png").mkdir()
        table.write_text(f"{table.read_text()}val_6.png\tn01\n")
        complaint = "val_6.png: is no image but a folder"
    else:
        table.write_text(f"{table.read_text()}val_6.png\tn\x1b[2J\n")
        complaint = "cannot be a class"
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.png") if path.is_file()}
    with pytest.raises(LabelError, match=re.escape(complaint)):
        arrange_images(images, table, out)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.png") if path.is_file()} == before


def test_a_class_is_called_by_its_first_word_and_two_of_one_word_stay_apart(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("n01\tgoldfish, Carassius auratus\nn02\tcrane\nn03\tcrane, derrick\n")
    words = read_class_words(tmp_path / "words.txt")
    called = {"n01": "goldfish", "n02": "crane (n02)", "n03": "crane (n03)", "n04": "n04"}
    assert class_names_of(["n01", "n02", "n03", "n04"], words) == called
    assert class_names_of(["n01", "n02"], words) == {"n01": "goldfish", "n02": "crane"}
    (tmp_path / "words.txt").write_text("n01 goldfish\n")
    with pytest.raises(LabelError, match=r"words.txt:1: is 'n01 goldfish'; expected a class's folder, a tab"):
        read_class_words(tmp_path / "words.txt")
    (tmp_path / "words.txt").write_text("n01\tgold\x1b[31mfish\n")
    with pytest.raises(LabelError, match=r"words.txt:1: calls a class 'gold\\x1b\[31mfish'; expected a name of printable characters"):
        read_class_words(tmp_path / "words.txt")


def two_hundred(folder: Path) -> Path:
    """200 classes in folders of training, validation and test, with words; images in a folder of their own within the class."""
    for part, count in (("train", 3), ("val", 1), ("test", 1)):
        for number in range(200):
            for item in range(count):
                picture(folder / part / f"n{number:03d}" / "images" / f"n{number:03d}_{item}.png", number)
    (folder / "words.txt").write_text("".join(f"n{number:03d}\tanimal {number}, beast\n" for number in range(250)))
    return folder


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_hundred(tmp_path_factory.mktemp("many"))


def read(folder: Path) -> ImageVideos:
    return read_image_videos(folder, RegionAsked(), asked=ReadOptions(), classes=ClassesAsked())


def test_200_classes_are_read_by_word_in_the_parts_that_their_folders_say(many: Path) -> None:
    videos = divide(read(many), DivisionAsked())
    assert videos.class_names == tuple(f"animal {number}" for number in range(200))
    assert [(video.name, video.part, len(video.images)) for video in videos.videos] == [
        ("train", "train", 600),
        ("validation", "validation", 200),
        ("test", "test", 200),
    ]
    assert videos.videos[1].marks.argmax(axis=1).tolist() == list(range(200))
    assert videos.videos[1].images[77, 0, 0].tolist() == [77 * 31 % 256, 77 * 7 % 256, 77]
    assert count_sentences(videos)[0] == "3 images of each of 200 classes to learn from"


def test_a_network_of_200_classes_becomes_a_bundle_that_knows_their_folders(many: Path, tmp_path: Path) -> None:
    made = make_image_bundle(
        ImageRequest(
            data=many,
            out=tmp_path / "model",
            region=RegionAsked(),
            settings=QUICK,
            asked=ReadOptions(),
            per_class=(3, 1, 1),
            proved_frames=20,
        ),
        Console(quiet=True),
    )
    assert read_bundle(made.bundle).description.class_names[199] == "animal 199"
    assert read_class_words(made.bundle / "words.txt")["n199"] == "animal 199"
    assert any(note.endswith("which takes too long for 200 of them") for note in made.run.notes)  # trees for each class


def test_a_class_that_is_short_is_named_in_plain_words(tmp_path: Path) -> None:
    for part, count in (("train", 30), ("validation", 4), ("test", 4)):
        for name in ("ant", "bee"):
            for item in range(count if name == "ant" or part != "train" else 12):
                picture(tmp_path / "bugs" / part / name / f"{name}{item}.png", item, height=2, width=2)
    videos = divide(read(tmp_path / "bugs"), DivisionAsked())
    assert count_sentences(videos)[:2] == [
        "12 to 30 images of each of 2 classes to learn from",
        "too few images to learn from: 'bee' (12); add images of them, or leave the classes out",
    ]
    request = ImageRequest(
        data=tmp_path / "bugs", out=tmp_path / "m", region=RegionAsked(), settings=QUICK, asked=ReadOptions(), per_class=(30, 4, 4)
    )
    with pytest.raises(TrainingError, match="there should be 30 images of each class to learn from, and 'bee' has 12; look for"):
        make_image_bundle(request, Console(quiet=True))


def test_a_class_that_the_blocks_leave_nothing_of_to_learn_from_is_refused(tmp_path: Path) -> None:
    for item in range(60):
        name = ("ant", "bee", "cow", "dog", "elk")[item // 12]  # class after class, each a block
        picture(tmp_path / "bugs" / name / f"{item}.png", item, height=2, width=2)
    request = ImageRequest(data=tmp_path / "bugs", out=tmp_path / "m", region=RegionAsked(), settings=QUICK, asked=ReadOptions())
    with pytest.raises(
        TrainingError, match="no image is left to learn 'dog', 'elk' from: parts are blocks by the first number in the images' names"
    ):
        make_image_bundle(request, Console(quiet=True))


def test_the_middle_of_an_image_is_what_training_and_rig_see_and_say(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (256, 340, 3)).astype(np.uint8)
    folder = tmp_path / "set" / "one"
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "1.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    region = RegionAsked(size=(224, 224), fit="centre")
    found = read_image_videos(tmp_path / "set", region, asked=ReadOptions(), classes=ClassesAsked())
    assert np.array_equal(found.videos[0].images[0], image[16:240, 58:282])
    rig = ViewFit(View(crop=None, fit="centre", colour="rgb"), input_shape=(1, 224, 224, 3), source_shape=image.shape)
    assert np.array_equal(rig.to_input(image), found.videos[0].images[0])
    assert rig.field_of_view.startswith("The network sees x 58..281, y 16..239 (58 %) of the camera's 340x256 image, at its own size")


def test_tags_of_a_labelling_project_are_classes_of_its_frames(tmp_path: Path) -> None:
    project = create_project(tmp_path / "rig", point_names=["nose"], tags=["rear", "groom"])
    for video in ("monday.mp4", "tuesday.mp4"):
        images = [(number, np.full((6, 8), 20 * number, np.uint8)) for number in range(5)]
        project.add_frames(Path(video), images, why="test")
    names = [frame.image for frame in project.frames]
    told = [["rear"], [], ["groom"], ["rear"], ["groom"]]
    labels = {name: FrameLabel(tags=tags) for name, tags in zip(names, told * 2, strict=True)}
    del labels[names[4]]
    project.write_layer(Layer(annotator="bob", frames=labels))

    found = read(tmp_path / "rig")

    assert found.class_names == ("rear", "groom")
    assert [video.name for video in found.videos] == ["monday", "tuesday"]
    assert found.videos[0].marks.tolist() == [[1, 0], [0, 0], [0, 1], [1, 0]]
    assert found.videos[1].marks.tolist() == [[1, 0], [0, 0], [0, 1], [1, 0], [0, 1]]
    assert found.videos[1].images[3, 0, 0, 0] == 60
    assert found.exclusive
    assert not found.in_time


def test_tagged_frames_in_which_nobody_tagged_anything_are_refused(tmp_path: Path) -> None:
    project = create_project(tmp_path / "rig", point_names=["nose"], tags=["rear"])
    project.add_frames(Path("monday.mp4"), [(0, np.zeros((6, 8), np.uint8))], why="test")
    project.write_layer(Layer(annotator="bob", frames={project.frames[0].image: FrameLabel()}))
    with pytest.raises(TrainingError, match="no labelled frame has a tag; give some with"):
        read(tmp_path / "rig")


def test_a_set_whose_first_image_is_grey_is_learnt_from_in_colour(tmp_path: Path) -> None:
    picture(tmp_path / "one" / "0.png", 0)
    picture(tmp_path / "one" / "1.png", 90)
    assert read(tmp_path).plan.channels == 3


def test_random_parts_of_an_image_keep_its_size_and_its_colours() -> None:
    clip = torch.linspace(0, 1, 20).repeat(1, 1, 20, 1)
    changed = torch.stack([augmented(clip, replace(QUICK, crop_area=0.25), np.random.default_rng(seed)) for seed in range(40)])
    spans = changed[:, 0, 0, 0, -1] - changed[:, 0, 0, 0, 0]
    assert changed.shape == (40, 1, 1, 20, 20)
    assert 0.35 < float(spans.min()) < 0.6
    assert 0.8 < float(spans.max()) <= 1
