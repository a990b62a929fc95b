"""Broken files of a labelling project: each is refused in one sentence that names the file and the key."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.errors import ProjectError
from trainer.formats.read_labels import read_labels
from trainer.project.store import FrameLabel, Layer, create_project, open_project

IMAGE = "images/run/000002.png"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of two frames that ann has labelled."""
    made = create_project(tmp_path / "p", point_names=["snout", "tail"], skeleton=[("snout", "tail")], tags=["rearing"])
    pictures = [(number, np.full((48, 64), 20 * number, np.uint8)) for number in (2, 3)]
    made.add_frames(Path("run.mp4"), pictures, why="uniform")
    made.write_layer(Layer(annotator="ann", frames={IMAGE: FrameLabel(animals=[{"snout": (1.5, 2.5)}])}))
    return made.folder


def read_everything(folder: Path) -> None:
    open_project(folder).read_layer("ann")


def change(path: Path, how: Change) -> None:
    content = json.loads(path.read_text())
    how(content)
    path.write_text(json.dumps(content))


def frame(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["frames"][0]
    return found


def label(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["frames"][IMAGE]
    return found


@pytest.mark.parametrize("name", ["project.json", "frames.json", "labels/ann.json"])
@pytest.mark.parametrize(
    "content",
    ["", "{", '{"schema": 1', "[]", "null", "\xff\xfe", '{"schema": 1, "schema": NaN}', "\x00" * 8],
    ids=["empty", "brace", "truncated", "list", "null", "bytes", "nan", "zeros"],
)
def test_a_damaged_file_is_refused_by_its_name(project: Path, name: str, content: str) -> None:
    (project / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(ProjectError, match=Path(name).name) as refusal:
        read_everything(project)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["project.json", "frames.json", "labels/ann.json"])
def test_a_file_cut_off_anywhere_is_refused(project: Path, name: str) -> None:
    whole = (project / name).read_bytes().rstrip()
    for length in range(0, len(whole), 7):
        (project / name).write_bytes(whole[:length])
        with pytest.raises(ProjectError, match=Path(name).name):
            read_everything(project)


@pytest.mark.parametrize("name", ["project.json", "frames.json", "labels/ann.json"])
@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda content: content.update(schema=2), r"schema"),
        (lambda content: content.update(schema="1"), r"schema"),
        (lambda content: content.pop("schema"), "schema"),
        (lambda content: content.update(animal=1), "unknown field `animal`"),
    ],
    ids=["newer", "text", "missing", "foreign-key"],
)
def test_a_file_of_another_form_is_refused(project: Path, name: str, how: Change, message: str) -> None:
    change(project / name, how)
    with pytest.raises(ProjectError, match=f"{Path(name).name}.*{message}"):
        read_everything(project)


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        ("project.json", lambda content: content.update(point_names="snout"), "point_names"),
        ("project.json", lambda content: content.update(animals=True), "animals"),
        ("project.json", lambda content: content.update(skeleton=[["snout"]]), "skeleton"),
        ("frames.json", lambda content: frame(content).update(frame="2"), r"frames\[...\].frame|frame"),
        ("frames.json", lambda content: frame(content).update(frame=-1), "frame"),
        ("frames.json", lambda content: frame(content).pop("why"), "why"),
        ("frames.json", lambda content: frame(content).update(note="x"), "unknown field `note`"),
        ("frames.json", lambda content: content["frames"].append(frame(content)), "stands there twice"),
        ("labels/ann.json", lambda content: content.update(annotator="bob"), "annotator is 'bob'; expected 'ann'"),
        ("labels/ann.json", lambda content: label(content).update(note="x"), "000002.png: .*unknown field `note`"),
        ("labels/ann.json", lambda content: label(content).update(excluded=0), "000002.png: .*excluded"),
        ("labels/ann.json", lambda content: label(content)["animals"][0].update(snout=[1]), "000002.png: .*animals"),
        ("labels/ann.json", lambda content: label(content)["animals"][0].update(snout="gone"), "000002.png: .*animals"),
        ("labels/ann.json", lambda content: label(content)["animals"][0].update(snout=[1, None]), "000002.png: .*animals"),
        ("labels/ann.json", lambda content: label(content)["animals"][0].update(snout=[64, 1]), "'snout' is at .64.0, 1.0., outside"),
        ("labels/ann.json", lambda content: label(content)["animals"][0].update(nose=[1, 1]), "point 'nose' is not one of"),
        ("labels/ann.json", lambda content: label(content).update(tags=["asleep"]), "tag 'asleep' is not one of"),
        ("labels/ann.json", lambda content: content["frames"].update({"images/x.png": {}}), "images/x.png: is not among the images"),
    ],
)
def test_a_wrong_value_is_refused_by_file_and_key(project: Path, name: str, how: Change, message: str) -> None:
    change(project / name, how)
    with pytest.raises(ProjectError, match=f"{Path(name).name}.*{message}"):
        read_everything(project)


@pytest.mark.parametrize(
    "image",
    [
        "../secret.png",
        "images/../secret.png",
        "images/./secret.png",
        "images/../../secret.png",
        "/etc/passwd",
        "images/run/../../../secret.png",
        "images\\run\\2.png",
        "images//2.png",
        "labels/run/ann.json",
        "images/2.png",
        "images/run/deep/2.png",
        "images/run/\0.png",
        "",
    ],
)
def test_an_image_path_that_leaves_the_project_is_refused(project: Path, image: str) -> None:
    for place in (project.parent, project, project / "images"):
        (place / "secret.png").write_bytes(b"x")
    change(project / "frames.json", lambda content: frame(content).update(image=image))
    with pytest.raises(ProjectError, match=r"frames\.json: frames\[0\]\.image"):
        open_project(project)


@pytest.mark.parametrize("linked", ["images/run/000002.png", "images/run", "images"])
def test_an_image_behind_a_link_out_of_the_project_is_refused(project: Path, linked: str) -> None:
    (project / linked).rename(project.parent / "outside")
    (project / linked).symlink_to(project.parent / "outside")
    with pytest.raises(ProjectError, match="leads out of the project through a link"):
        open_project(project)


def test_labels_behind_a_link_out_of_the_project_are_neither_read_nor_written(project: Path) -> None:
    outside = project.parent / "outside.json"
    (project / "labels/ann.json").rename(outside)
    (project / "labels/ann.json").symlink_to(outside)
    before = outside.read_bytes()
    opened = open_project(project)
    with pytest.raises(ProjectError, match="leads out of the project through a link"):
        opened.read_layer("ann")
    with pytest.raises(ProjectError, match="leads out of the project through a link"):
        opened.write_layer(Layer(annotator="ann", frames={}))
    assert outside.read_bytes() == before


def test_a_link_in_a_circle_is_refused(project: Path) -> None:
    (project / IMAGE).unlink()
    (project / IMAGE).symlink_to(project / IMAGE)
    with pytest.raises(ProjectError, match=r"frames\[0\]\.image"):
        open_project(project)


@pytest.mark.parametrize("content", [b"", b"no picture"], ids=["empty", "text"])
def test_a_damaged_picture_is_refused_when_its_labels_are_read(project: Path, content: bytes) -> None:
    (project / IMAGE).write_bytes(content)
    with pytest.raises(ProjectError, match=r"000002\.png: cannot be read as an image"):
        read_everything(project)


def test_a_missing_picture_is_refused(project: Path) -> None:
    (project / IMAGE).unlink()
    with pytest.raises(ProjectError, match=r"frames\[0\]\.image 'images/run/000002\.png' is not there"):
        open_project(project)


@pytest.mark.parametrize("name", ["frames.json", "labels/ann.json"])
def test_a_folder_in_the_place_of_a_file_is_refused(project: Path, name: str) -> None:
    (project / name).unlink()
    (project / name).mkdir()
    with pytest.raises(ProjectError, match=f"{Path(name).name}: cannot be read"):
        read_everything(project)


def test_what_a_killed_writer_leaves_behind_is_no_annotator(project: Path) -> None:
    (project / "labels/.bob.json.0123.part").write_bytes(b"{")
    assert open_project(project).annotators() == ("ann",)


def test_a_project_that_cannot_be_written_says_so(project: Path) -> None:
    if os.geteuid() == 0:
        (project / "labels/bob.json").mkdir()  # nobody forbids root to write
    else:
        (project / "labels").chmod(0o500)
    with pytest.raises(ProjectError, match=r"bob\.json: could not be written"):
        open_project(project).write_layer(Layer(annotator="bob", frames={}))


def test_the_reader_of_labels_passes_the_error_on(project: Path) -> None:
    change(project / "labels/ann.json", lambda content: label(content).update(tags=["asleep"]))
    with pytest.raises(ProjectError, match="tag 'asleep'"):
        read_labels(project)
