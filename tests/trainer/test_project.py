import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.frame import Image
from trainer.errors import LabelError, ProjectError
from trainer.labels.images import read_image
from trainer.project.layer import decode_layer, encode_layer
from trainer.project.store import FrameLabel, Layer, Project, create_project, open_project

WIDTH, HEIGHT = 64, 48
POINTS = ("snout", "leftear", "tail-base")


def picture(seed: int, *, width: int = WIDTH, colour: bool = False) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, width, 3) if colour else (HEIGHT, width), np.uint8)


def make_project(folder: Path, *, frames: tuple[int, ...] = (2, 10, 9)) -> Project:
    project = create_project(folder, point_names=POINTS, skeleton=[("snout", "tail-base")], tags=["rearing"])
    project.add_frames(Path("/videos/run.mp4"), [(number, picture(number)) for number in frames], why="k-means")
    return project


IMAGE = "images/run/000002.png"


def test_a_project_opens_as_it_was_made(tmp_path: Path) -> None:
    made = make_project(tmp_path / "p")
    found = open_project(tmp_path / "p")
    assert (found.point_names, found.skeleton, found.tags, found.animals) == (POINTS, (("snout", "tail-base"),), ("rearing",), 1)
    assert found.frames == made.frames
    assert found.annotators() == ()


def test_frames_stand_in_numeric_order_of_video_and_number(tmp_path: Path) -> None:
    """By number, not by name, in memory and in the file."""
    project = create_project(tmp_path / "p", point_names=POINTS)
    for video in ("m10.mp4", "m2.mp4"):
        project.add_frames(Path(video), [(number, picture(number)) for number in (1000000, 2, 999999)], why="uniform")
    places = [(frame.group, frame.frame) for frame in open_project(tmp_path / "p").frames]
    assert places == [(video, number) for video in ("m2", "m10") for number in (2, 999999, 1000000)]
    assert [entry["frame"] for entry in json.loads((tmp_path / "p/frames.json").read_text())["frames"]] == [number for _, number in places]


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_pictures_are_copied_without_loss(tmp_path: Path, colour: bool) -> None:
    project = create_project(tmp_path / "p", point_names=POINTS)
    project.add_frames(Path("a.mp4"), [(7, picture(7, colour=colour))], why="motion")
    found = read_image(project.image_ref("images/a/000007.png"), (HEIGHT, WIDTH))
    assert np.array_equal(found, picture(7, colour=colour))


def test_frames_that_are_there_are_left_out(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    again = open_project(tmp_path / "p")
    assert again.add_frames(Path("run.mp4"), [(2, picture(2)), (3, picture(3)), (3, picture(3))], why="random") == 1
    assert project.add_frames(Path("run.mp4"), [(3, picture(3))], why="random") == 0, "what another process added is seen"
    assert [frame.why for frame in project.frames] == ["k-means", "random", "k-means", "k-means"]


def test_another_picture_under_a_name_in_use_is_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    with pytest.raises(ProjectError, match=r"another picture as frame 2 of run\.mp4 already"):
        project.add_frames(Path("/elsewhere/run.mp4"), [(2, picture(99))], why="random")


def test_two_videos_of_one_stem_get_a_folder_each(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    assert project.add_frames(Path("run.avi"), [(2, picture(5))], why="random") == 1
    assert {frame.group: frame.video for frame in project.frames} == {"run": "run.mp4", "run.avi": "run.avi"}


def test_pictures_of_several_sizes_are_in_one_project(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    open_project(project.folder).add_frames(Path("b.mp4"), [(4, picture(4, width=32))], why="random")
    again = open_project(project.folder)
    assert {again.image_size(frame.image) for frame in again.frames} == {(48, 64), (48, 32)}


@pytest.mark.parametrize("video", ["../../b.mp4", "...mp4", "a:b?.mp4", ".hidden.mp4"])
def test_a_video_name_never_leads_out_of_the_project(tmp_path: Path, video: str) -> None:
    project = create_project(tmp_path / "p", point_names=POINTS)
    project.add_frames(Path(video), [(1, picture(1))], why="random")
    (found,) = open_project(tmp_path / "p").frames
    assert (tmp_path / "p" / found.image).is_file()
    assert (tmp_path / "p/images").resolve() in (tmp_path / "p" / found.image).resolve().parents
    assert not Path(found.group).name.startswith(".")


def test_a_layer_keeps_not_labelled_hidden_and_placed_apart(tmp_path: Path) -> None:
    """Three states, and a fourth for a frame that nobody looked at."""
    project = make_project(tmp_path / "p")
    frames = {IMAGE: FrameLabel(animals=[{"snout": (0.1 + 0.2, 1 / 3), "leftear": "hidden"}], tags=["rearing"])}
    project.write_layer(Layer(annotator="ann", frames=frames))
    assert open_project(tmp_path / "p").read_layer("ann").frames == frames
    assert open_project(tmp_path / "p").annotators() == ("ann",)
    text = json.loads((tmp_path / "p/labels/ann.json").read_text())
    assert text["frames"][IMAGE] == {
        "animals": [{"snout": [0.1 + 0.2, 1 / 3], "leftear": "hidden"}],
        "excluded": False,
        "tags": ["rearing"],
    }


def test_two_annotators_have_a_layer_each(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    project.write_layer(Layer(annotator="bob", frames={IMAGE: FrameLabel(excluded=True)}))
    project.write_layer(Layer(annotator="Ann 2", frames={}))
    assert project.annotators() == ("Ann 2", "bob")
    assert project.read_layer("bob").frames[IMAGE].excluded
    assert project.read_layer("carol").frames == {}, "who has not begun has no labels"


@given(x=st.floats(-0.5, WIDTH - 0.5), y=st.floats(-0.5, HEIGHT - 0.5))
@settings(max_examples=200, deadline=None)
def test_a_coordinate_is_kept_to_the_last_digit(tmp_path_factory: pytest.TempPathFactory, x: float, y: float) -> None:
    layer = Layer(annotator="ann", frames={IMAGE: FrameLabel(animals=[{"snout": (x, y)}])})
    assert decode_layer(Path("ann.json"), encode_layer(layer, order={IMAGE: 0})) == layer


@pytest.mark.parametrize("name", ["", "../ann", "a/b", ".ann", "ann ", "ann\n", "a" * 65, "C:ann", "ann\0"])
def test_an_annotator_whose_name_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    project = make_project(tmp_path / "p")
    with pytest.raises(ProjectError, match="cannot be a file name"):
        project.read_layer(name)
    with pytest.raises(ProjectError, match="cannot be a file name"):
        project.write_layer(Layer(annotator=name, frames={}))
    assert list(tmp_path.iterdir()) == [tmp_path / "p"]


def test_an_annotator_may_have_a_name_of_any_script(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    project.write_layer(Layer(annotator="Jörg O_2", frames={}))
    assert project.annotators() == ("Jörg O_2",)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (FrameLabel(animals=[{"nose": (1, 1)}]), "point 'nose' is not one of the project's .snout, leftear, tail-base"),
        (FrameLabel(animals=[{"snout": (63.6, 1)}]), r"point 'snout' is at .63.6, 1., outside its image of 64×48"),
        (FrameLabel(animals=[{"snout": (1, float("nan"))}]), "outside its image"),
        (FrameLabel(animals=[{}, {}]), "2 animals are labelled; expected at most 1"),
        (FrameLabel(tags=["asleep"]), "tag 'asleep' is not one of the project's .rearing."),
    ],
    ids=["name", "outside", "not-a-number", "animals", "tag"],
)
def test_labels_that_do_not_fit_are_refused_before_they_are_written(tmp_path: Path, label: FrameLabel, message: str) -> None:
    project = make_project(tmp_path / "p")
    with pytest.raises(ProjectError, match=f"ann.json: frames: {IMAGE}: .*{message}"):
        project.write_layer(Layer(annotator="ann", frames={IMAGE: label}))
    assert project.annotators() == ()


def test_labels_of_an_unknown_frame_are_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    with pytest.raises(ProjectError, match=r"images/run/000077\.png: is not among the images of frames\.json"):
        project.write_layer(Layer(annotator="ann", frames={"images/run/000077.png": FrameLabel()}))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("point_names", [], "point_names"),
        ("point_names", ["a", "a"], "point_names: 'a' stands there twice"),
        ("point_names", [" a"], "point_names"),
        ("skeleton", [("snout", "nose")], "skeleton joins 'snout' and 'nose'"),
        ("skeleton", [("snout", "snout")], "skeleton joins 'snout' and 'snout'"),
        ("tags", ["x", "x"], "tags: 'x' stands there twice"),
        ("animals", 0, "animals"),
    ],
)
def test_a_project_is_not_made_of_names_that_cannot_be_used(tmp_path: Path, key: str, value: Any, message: str) -> None:
    asked: dict[str, Any] = {"point_names": POINTS} | {key: value}
    with pytest.raises(ProjectError, match=message):
        create_project(tmp_path / "p", **asked)
    assert not (tmp_path / "p").exists()


def test_a_project_is_not_made_over_another(tmp_path: Path) -> None:
    make_project(tmp_path / "p")
    with pytest.raises(ProjectError, match="a labelling project is there already"):
        create_project(tmp_path / "p", point_names=["other"])
    assert open_project(tmp_path / "p").point_names == POINTS


def test_a_folder_without_a_project_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"no project\.json there; make a labelling project with `trainer project create"):
        open_project(tmp_path)


WRITER = """
    import sys
    from pathlib import Path
    from trainer.project.store import FrameLabel, Layer, open_project

    project = open_project(Path(sys.argv[1]))
    for turn in range(10**6):
        points = {"snout": (turn / 1000, 1 / 3)}
        frames = {frame.image: FrameLabel(animals=[points]) for frame in project.frames}
        project.write_layer(Layer(annotator="ann", frames=frames))
        print(turn, flush=True)
"""


def test_a_killed_writer_leaves_whole_labels(tmp_path: Path) -> None:
    """A process that writes without end is killed after 1, 2, 3 … writes, at whatever it was doing."""
    make_project(tmp_path / "p", frames=tuple(range(60)))
    for writes in range(1, 5):
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path / "p")], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            last = [process.stdout.readline() for _ in range(writes)][-1]
            process.kill()
        layer = open_project(tmp_path / "p").read_layer("ann")
        written = {label.animals[0]["snout"] for label in layer.frames.values()}
        assert len(layer.frames) == 60
        assert len(written) == 1, "all labels are of the same write"
        assert all(int(last) / 1000 <= float(place[0]) for place in written), "what was acknowledged is there"


@pytest.mark.parametrize("deadly", [True, False], ids=["killed", "refused"])
def test_a_writer_stopped_in_the_middle_of_the_file_leaves_the_earlier_labels(tmp_path: Path, deadly: bool) -> None:
    """A file must not grow beyond 1 kB: the system kills the process in mid-write, or refuses the rest like a full disk."""
    project = make_project(tmp_path / "p", frames=tuple(range(60)))
    before = Layer(annotator="ann", frames={project.frames[0].image: FrameLabel(animals=[{"snout": (1.5, 2.5)}])})
    project.write_layer(before)
    action = "SIG_DFL" if deadly else "SIG_IGN"
    limit = f"import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.{action})\n"
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    process = subprocess.run(
        [sys.executable, "-B", "-c", limit + textwrap.dedent(WRITER), str(tmp_path / "p")], capture_output=True, text=True, check=False
    )
    assert process.returncode == (-signal.SIGXFSZ if deadly else 1), process.stderr
    if not deadly:
        assert "ProjectError" in process.stderr
        assert "ann.json: could not be written: File too large" in process.stderr
    assert open_project(tmp_path / "p").read_layer("ann") == before
