"""How far annotators are apart."""

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from trainer.__main__ import main
from trainer.errors import ProjectError
from trainer.project.agreement import agreement, floor_px
from trainer.project.store import FrameLabel, Layer, Project, create_project

Places = dict[str, tuple[float, float] | str]


def make_project(
    folder: Path, layers: dict[str, list[list[Places] | None]], *, names: tuple[str, ...] = ("snout", "tail"), animals: int = 1
) -> Project:
    """A project whose annotators labelled frames 0, 1, … so; None for a frame that one did not look at."""
    project = create_project(folder, point_names=names, animals=animals)
    count = max(len(frames) for frames in layers.values())
    project.add_frames(Path("run.mp4"), [(number, np.full((100, 200), number, np.uint8)) for number in range(count)], why="uniform")
    for annotator, frames in layers.items():
        labels = {
            project.image_of("run.mp4", number): FrameLabel(animals=found)  # type: ignore[arg-type]
            for number, found in enumerate(frames)
            if found is not None
        }
        project.write_layer(Layer(annotator=annotator, frames=labels))
    return project


def test_two_annotators_are_as_far_apart_as_their_places(tmp_path: Path) -> None:
    ann: list[list[Places] | None] = [[{"snout": (10, 10), "tail": (50, 50)}], [{"snout": (20, 20)}], [{"snout": (1, 1)}]]
    bob: list[list[Places] | None] = [[{"snout": (13, 14), "tail": (50, 50)}], [{"snout": (20, 21)}], None]
    found = agreement(make_project(tmp_path / "p", {"ann": ann, "bob": bob}))
    assert found.annotators == ("ann", "bob")
    assert found.frames == 2
    snout = found.per_point["snout"].as_json()
    assert (snout["mean_px"], snout["median_px"], snout["pairs"], snout["frames"]) == (3.0, 3.0, 2, 2)
    assert snout["p95_px"] == pytest.approx(1 + 0.95 * 4)
    assert snout["rms_px"] == pytest.approx(math.sqrt(13))
    assert found.per_point["tail"].distance_px.tolist() == [0.0]
    assert found.overall.as_json()["mean_px"] == 2.0
    assert found.overall.frames == 2


def test_three_annotators_make_three_pairs(tmp_path: Path) -> None:
    layers: dict[str, list[list[Places] | None]] = {name: [[{"snout": (x, 0.0)}]] for name, x in (("a", 0.0), ("b", 1.0), ("c", 5.0))}
    found = agreement(make_project(tmp_path / "p", layers))
    assert sorted(found.per_point["snout"].distance_px.tolist()) == [1.0, 4.0, 5.0]
    assert found.per_point["snout"].frames == 1


def test_hidden_for_one_and_placed_by_the_other_is_counted_apart(tmp_path: Path) -> None:
    ann: list[list[Places] | None] = [[{"snout": "hidden", "tail": "hidden"}], [{"snout": (3, 4)}], [{"snout": (1, 1)}]]
    bob: list[list[Places] | None] = [[{"snout": (1, 1), "tail": "hidden"}], [{"snout": "hidden"}], [{"snout": (1, 2)}]]
    found = agreement(make_project(tmp_path / "p", {"ann": ann, "bob": bob}))
    snout, tail = found.per_point["snout"], found.per_point["tail"]
    assert (snout.hidden_by_one, snout.hidden_by_both, snout.distance_px.tolist()) == (2, 0, [1.0])
    assert (tail.hidden_by_one, tail.hidden_by_both, tail.distance_px.size) == (0, 1, 0)
    assert tail.as_json()["mean_px"] is None
    assert (found.overall.hidden_by_one, found.overall.hidden_by_both) == (2, 1)


def test_a_frame_that_one_puts_off_to_decide_is_not_compared(tmp_path: Path) -> None:
    places: list[list[Places] | None] = [[{"snout": (1, 1)}], [{"snout": (1, 1)}]]
    project = make_project(tmp_path / "p", {"ann": places, "bob": places})
    layer = project.read_layer("bob")
    layer.frames[project.image_of("run.mp4", 0)] = FrameLabel(animals=[{"snout": (90.0, 1.0)}], to_decide=True)
    project.write_layer(layer)
    assert agreement(project).per_point["snout"].distance_px.tolist() == [0.0]
    assert floor_px(project) == {"snout": 0.0}


def test_a_frame_excluded_by_one_is_not_compared_but_counted(tmp_path: Path) -> None:
    places: list[list[Places] | None] = [[{"snout": (1, 1)}], [{"snout": (1, 1)}]]
    project = make_project(tmp_path / "p", {"ann": places, "bob": places})
    layer = project.read_layer("bob")
    layer.frames[project.frames[0].image].excluded = True
    project.write_layer(layer)
    found = agreement(project)
    assert (found.frames, found.excluded_by_one) == (1, 1)


def test_animals_are_compared_with_the_nearest_whatever_their_order(tmp_path: Path) -> None:
    ann: list[list[Places] | None] = [[{"snout": (10, 10)}, {"snout": (90, 90)}]]
    bob: list[list[Places] | None] = [[{"snout": (90, 92)}, {"snout": (10, 11)}]]
    found = agreement(make_project(tmp_path / "p", {"ann": ann, "bob": bob}, animals=2))
    assert sorted(found.overall.distance_px.tolist()) == [1.0, 2.0]


def test_independent_errors_are_apart_by_root_two_of_each(tmp_path: Path) -> None:
    """The relation that the documentation states, on 400 labels with a known truth and an error of 1.5 px on each axis."""
    random = np.random.default_rng(11)
    truth = np.array([100.0, 50.0])
    names = tuple(f"p{number}" for number in range(40))
    places = {annotator: truth + random.normal(0, 1.5, (10, 40, 2)) for annotator in ("ann", "bob")}
    layers: dict[str, list[list[Places] | None]] = {
        annotator: [[{name: (float(x), float(y)) for name, (x, y) in zip(names, frame, strict=True)}] for frame in found]
        for annotator, found in places.items()
    }
    found = agreement(make_project(tmp_path / "p", layers, names=names)).overall.as_json()
    own = math.sqrt(float(((places["ann"] - truth) ** 2).sum(axis=2).mean()))
    # the standard error of a root mean square from 400 pairs is 2.5 %, of a ratio of two of them 3.5 %: three of those
    assert found["rms_px"] / own == pytest.approx(math.sqrt(2), rel=0.11)
    assert found["mean_px"] == pytest.approx(1.5 * math.sqrt(2) * math.sqrt(math.pi / 2), rel=0.11)


def test_the_floor_is_the_mean_distance_of_each_point(tmp_path: Path) -> None:
    ann: list[list[Places] | None] = [[{"snout": (1, 1), "tail": (5, 5)}], [{"snout": (1, 1)}]]
    bob: list[list[Places] | None] = [[{"snout": (1, 2)}], [{"snout": (1, 4)}]]
    assert floor_px(make_project(tmp_path / "p", {"ann": ann, "bob": bob})) == {"snout": 2.0}


@pytest.mark.parametrize(
    "layers",
    [{"ann": [[{"snout": (1, 1)}]]}, {"ann": [[{"snout": (1, 1)}], None], "bob": [None, [{"snout": (1, 1)}]]}],
    ids=["one-annotator", "other-frames"],
)
def test_there_is_no_floor_without_two_labels_of_a_frame(tmp_path: Path, layers: dict[str, list[list[Places] | None]]) -> None:
    project = make_project(tmp_path / "p", layers)
    assert floor_px(project) is None
    with pytest.raises(ProjectError, match=r"expected two annotators|no frame is labelled by two of ann, bob"):
        agreement(project)


@pytest.fixture
def mouse(tmp_path: Path) -> Path:
    """Two annotators of 30 frames, 1 px and 3 px apart on average."""
    random = np.random.default_rng(5)
    truth = random.uniform(20, 80, (30, 2, 2))
    layers: dict[str, list[list[Places] | None]] = {}
    for name in ("ann", "bob"):
        found = truth + random.normal(0, 1, truth.shape) * np.array([0.6, 1.7])[None, :, None]
        layers[name] = [[{"snout": (float(a[0]), float(a[1])), "tail": (float(b[0]), float(b[1]))}] for a, b in found]
    return make_project(tmp_path / "p", layers).folder


def test_the_command_prints_a_table_and_draws_a_picture(tmp_path: Path, mouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agreement", str(mouse), "--out", str(tmp_path / "agreement.png")]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert [line.split()[0] for line in lines] == ["point", "all", "snout", "tail", "annotators:"]
    assert "√2" in printed.err
    drawn = cv2.imread(str(tmp_path / "agreement.png"))
    assert drawn is not None
    assert drawn.std() > 5, "something is drawn"


def test_the_command_prints_figures_for_programs(mouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agreement", str(mouse), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["frames"] == 30
    assert figures["per_point"]["snout"]["mean_px"] < figures["overall"]["mean_px"] < figures["per_point"]["tail"]["mean_px"]


@pytest.mark.parametrize(("name", "message"), [("a.gif", "cannot be drawn"), ("p/project.json/a.png", "cannot be written to")])
def test_a_picture_that_cannot_be_written_is_refused_in_one_sentence(
    tmp_path: Path, mouse: Path, capsys: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    assert main(["agreement", str(mouse), "--json", "--out", str(tmp_path / name)]) == 1
    assert message in capsys.readouterr().err
