"""What is counted before training: points, videos and tags, in all and in each part of a split; and how far a project's labelling is."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.test_project_labels import label, make_project, placed
from trainer.__main__ import main
from trainer.errors import LabelError
from trainer.formats.project import read_project
from trainer.labels.counts import count_parts, lopsided_parts
from trainer.labels.images import ImageRef
from trainer.labels.labelled_frames import LabelledFrames
from trainer.project.store import FrameLabel, open_project


def frames_of(tongue: list[bool], *, videos: list[str], tags: dict[int, str] | None = None) -> LabelledFrames:
    """Snout in every frame; the tongue placed in some, and hidden in the frames of video 'b' where it is not."""
    count = len(tongue)
    points = np.full((count, 1, 2, 2), 5.0)
    points[~np.array(tongue), 0, 1] = np.nan
    hidden = np.zeros((count, 1, 2), bool)
    hidden[:, 0, 1] = [not out and video == "b" for out, video in zip(tongue, videos, strict=True)]
    return LabelledFrames(
        images=tuple(ImageRef(path=Path(f"{number}.png"), frame=None) for number in range(count)),
        points=points,
        hidden=hidden,
        tags=tuple(frozenset({tags[number]} if tags and number in tags else ()) for number in range(count)),
        point_names=("snout", "tongue"),
        skeleton=(),
        group=tuple(videos),
        order=np.arange(count),
        size=(48, 64),
    )


def test_placed_hidden_and_not_labelled_are_counted_apart_in_each_part() -> None:
    frames = frames_of([True, False, False, True], videos=["a", "a", "b", "b"], tags={3: "rearing"})
    counts = count_parts(frames, {"training": np.array([0, 1]), "held out": np.array([2, 3]), "nothing": np.array([], np.int64)})
    assert list(counts) == ["training", "held out"]
    assert counts["training"].as_json() == {
        "frames": 2,
        "videos": {"a": 2},
        "tags": {},
        "points": {"snout": {"placed": 2, "hidden": 0, "unlabelled": 0}, "tongue": {"placed": 1, "hidden": 0, "unlabelled": 1}},
    }
    assert counts["held out"].points["tongue"].hidden == 1
    assert counts["held out"].tags == {"rearing": 1}


def test_a_part_that_lacks_what_the_other_shows_is_named() -> None:
    tongue = [number < 30 for number in range(60)]
    frames = frames_of(tongue, videos=["a"] * 60, tags={3: "rearing"})
    halves = {"training": np.arange(40), "held out": np.arange(40, 60)}
    said = list(lopsided_parts(count_parts(frames, halves)))
    assert said[0].startswith("held out: too few labels of 'tongue' (0) to say how well they are found")
    assert said[1:] == ["held out: has no frame with the tag rearing"]
    assert "or hold out another block (--fold, from 0) or a whole video (--hold-out)" in said[0]
    of_set = next(lopsided_parts(count_parts(frames, halves), own_split=True))
    assert of_set.endswith("a tenth of a synthetic set is held out: write a larger one (`trainer synth --count`)")
    thirds = {"training": np.arange(36), "held out": np.arange(24, 60)}
    assert "held out: shows 'tongue' (17% of the frames, elsewhere 83%) far more seldom" in "\n".join(
        lopsided_parts(count_parts(frames, thirds))
    )
    evenly = {"training": np.arange(0, 60, 2), "held out": np.arange(1, 60, 2)}
    assert [one for one in lopsided_parts(count_parts(frames, evenly)) if "tongue" in one] == []


def test_frames_to_decide_and_frames_without_labels_are_left_out_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    project = make_project(tmp_path / "p", frames=(1, 2, 3, 4))
    label(project, "ann", {1: placed({"snout": (1, 2)}), 2: FrameLabel(animals=[{"snout": (3.0, 4.0)}], to_decide=True)})
    with caplog.at_level(logging.WARNING):
        assert read_project(project.folder).order.tolist() == [1]
    assert "frames that wait for a decision (to_decide) are left out: count=1" in caplog.text
    assert "frames that nobody has labelled are left out: count=2" in caplog.text


def test_a_label_without_a_decision_to_make_is_stored_as_ever(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    label(project, "ann", {1: FrameLabel(to_decide=False), 2: FrameLabel(to_decide=True)})
    stored = json.loads((project.folder / "labels/ann.json").read_text())["frames"]
    assert list(stored.values()) == [
        {"animals": [], "excluded": False, "tags": []},
        {"animals": [], "excluded": False, "tags": [], "to_decide": True},
    ]
    assert open_project(project.folder).read_layer("ann").frames["images/run/000001.png"] == FrameLabel()


def test_the_status_counts_frames_by_annotator_video_and_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make_project(tmp_path / "p", frames=(1, 2, 3, 4, 5))
    whole = placed({"snout": (1, 2), "tail": "hidden"})
    label(project, "ann", {1: whole, 2: placed({"snout": (1, 2)}), 3: FrameLabel(excluded=True), 4: FrameLabel(to_decide=True)})
    assert main(["project", "status", str(project.folder), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["frames"]["annotators"]["ann"]["run"] == {"labelled": 1, "begun": 1, "to decide": 1, "excluded": 1, "untouched": 1}
    assert said["labels"]["points"]["tail"] == {"placed": 0, "hidden": 1, "unlabelled": 1}
    assert main(["project", "status", str(project.folder)]) == 0
    assert "tail" in capsys.readouterr().out


def test_the_status_of_a_project_without_labels_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make_project(tmp_path / "p")
    with pytest.raises(LabelError):
        read_project(project.folder)
    assert main(["project", "status", str(project.folder)]) == 0
    assert capsys.readouterr().out == "3 frames; labels of nobody yet\n"
