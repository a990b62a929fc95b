"""Recorded sessions as a source of frames to label: the rig's own uncertainty decides, and what it saw becomes the proposal."""

import dataclasses
import itertools
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

import tracker.engines.openvino.engine  # noqa: F401  (its import starts a thread of the library's own; here, before a test counts threads)
from tests.tracker.chained import write_chain
from tests.tracker.recorded import number_in, picture
from tests.tracker.sessions import Points, write_session
from tests.trainer.chromium import SHIFT, Chromium
from tests.trainer.label_server import label_server, labels_on_disk
from tracker.frame import Image
from tracker.recording.read_session import RecordedSession
from trainer.__main__ import main
from trainer.labels.images import read_image
from trainer.project.proposals import read_proposals
from trainer.project.store import Project, create_project, open_project
from trainer.selection.engine_answers import moves
from trainer.selection.harvest import add_to_project
from trainer.selection.recorded_poses import RecordedPoses, _steps
from trainer.selection.session_videos import SessionVideos
from trainer.video_files.frames_by_number import IndexedVideo

Report = dict[str, object]
NUMBERS = [number for number in range(600) if number % 50 != 49]  # the camera lost the others
UNSURE = range(100, 106)
JUMP = 330
SWAPPED = 400  # from here on another bundle, with other names


def scene(number: int) -> Image:
    """The number of the frame above, and below what no two frames share."""
    image = picture(number)
    image[32:] = cv2.resize(np.random.default_rng(number).integers(0, 256, (4, 6), np.uint8), (96, 32))
    return image


def seen(number: int) -> Points | None:
    if number % 10 == 7:
        return None
    x = 30 + 10 * np.sin(number / 30)
    sure = 0.2 if number in UNSURE else 0.95
    points: Points = {"snout": (x + (40 if number == JUMP else 0), 40.0, 0.95), "tail": (x, 50.0, sure)}
    return points if number < SWAPPED else {"snout": points["snout"], "whisker": (1.0, 2.0, 0.9)}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    swapped = {"point_names": ["snout", "whisker"], "skeleton": [], "bundle": "later", "cause": "swap"}
    folder = tmp_path_factory.mktemp("sessions") / "monday_top"
    return write_session(folder, NUMBERS, images=scene, points=seen, setups={0: {}, SWAPPED: swapped}, segments=(202,))


Select = Callable[..., Report]


@pytest.fixture
def select(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Select:
    """Runs `trainer select … --json` into one project and returns what it says about the last session."""

    def run(*sessions: Path, count: int, options: Sequence[str] = (), by: str = "uncertainty") -> Report:
        arguments = ["select", *map(str, sessions), "--project", str(tmp_path / "project"), "--count", str(count), "--by", by, "--json"]
        assert main([*arguments, *options]) == 0
        report: Report = json.loads(capsys.readouterr().out)["videos"][-1]
        return report

    return run


def camera_numbers(session: Path, project: Project) -> dict[str, int]:
    """The camera's number of each frame of a project, by its place in the session; checked against what its picture says."""
    videos = SessionVideos(session)
    frames = RecordedSession(session).rows["frame"].to_pylist()
    first_of = {segment.group: segment.first for segment in videos.segments}
    found = {}
    for frame in project.frames:
        number = frames[first_of[frame.group] + frame.frame]
        image = read_image(project.image_ref(frame.image), project.image_size(frame.image))
        assert number_in(image) == number, "another frame than its name says"
        found[frame.image] = number
    return found


def test_frames_of_which_the_rig_was_unsure_are_taken_and_are_the_very_frames(select: Select, session: Path, tmp_path: Path) -> None:
    report = select(session, count=6)
    project = open_project(tmp_path / "project")
    found = set(camera_numbers(session, project).values())
    assert len(found) == 6
    assert len(found & set(UNSURE)) == 1, "one bad stretch gives one frame"
    assert found & {JUMP, JUMP + 1}
    assert any(number > SWAPPED for number in found), "every part of the session has its share"
    assert all(number % 10 != 7 for number in found), "a frame without a pose says nothing"
    chosen = report["chosen"]
    assert isinstance(chosen, list)
    assert {each["video"] for each in chosen} == {"video-001.mkv", "video-002.mkv"}
    assert "tail 0.20 sure" in {each["detail"] for each in chosen}
    assert (tmp_path / "project" / "contact-monday_top-uncertainty.png").stat().st_size


def test_the_rigs_key_points_become_proposals_under_the_names_they_had_then(select: Select, session: Path, tmp_path: Path) -> None:
    report = select(session, count=6, options=["--points", "tail", "snout"])
    project = open_project(tmp_path / "project")
    proposals = read_proposals(project.folder)
    numbers = camera_numbers(session, project)
    assert set(proposals) == set(numbers)
    assert (report["proposed"], report["unlabelled"]) == (6, ["whisker"])
    for image, number in numbers.items():
        (animal,) = proposals[image].animals
        expected = seen(number)
        assert expected is not None
        assert set(animal) == ({"snout", "tail"} if number < SWAPPED else {"snout"})
        assert proposals[image].by == ("mouse" if number < SWAPPED else "later")
        for name, place in animal.items():
            assert place == pytest.approx(expected[name])


def test_a_project_is_made_with_the_rigs_own_points_and_lines(select: Select, session: Path, tmp_path: Path) -> None:
    select(session, count=1)
    project = open_project(tmp_path / "project")
    assert (project.point_names, project.skeleton, project.animals) == (("snout", "tail"), (("snout", "tail"),), 1)


def test_a_session_recorded_without_a_network_gives_frames_and_no_proposals(
    select: Select, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = {"point_names": [], "skeleton": [], "bundle": "", "bundle_sha256": ""}
    folder = write_session(tmp_path / "bare", range(60), images=scene, points=lambda _: {}, setups={0: bare})
    arguments = ["select", str(folder), "--project", str(tmp_path / "project"), "--count", "2"]
    assert main([*arguments, "--by", "uncertainty", "--points", "snout"]) == 1
    assert "holds no key points of a network, so nothing says where one was unsure; choose with another --by" in capsys.readouterr().err
    assert not (tmp_path / "project").exists()
    assert main(arguments) == 1
    assert "holds no poses that could name the key points; name them with --points" in capsys.readouterr().err
    for by in ("k-means", "uniform", "motion"):
        report = select(folder, count=2, options=["--points", "snout", "tail"], by=by)
        assert (report["added"], report["proposed"]) == (2, 0)
    assert open_project(tmp_path / "project").point_names == ("snout", "tail")


def test_the_same_command_again_adds_other_frames(select: Select, session: Path, tmp_path: Path) -> None:
    select(session, count=4)
    first = {frame.image for frame in open_project(tmp_path / "project").frames}
    again = select(session, count=4)
    project = open_project(tmp_path / "project")
    assert again["added"] == 4
    assert len(project.frames) == len(camera_numbers(session, project)) == 8
    assert first < {frame.image for frame in project.frames}
    assert len(read_proposals(project.folder)) == 8


def test_frames_that_a_run_left_without_a_proposal_get_it_the_next_time(select: Select, session: Path, tmp_path: Path) -> None:
    select(session, count=3)
    (tmp_path / "project" / "proposals.json").unlink()
    assert select(session, count=1)["proposed"] == 1
    assert len(read_proposals(tmp_path / "project")) == 4


@pytest.mark.parametrize("by", ["k-means", "uniform", "random", "motion"])
def test_every_method_takes_sessions_too(by: str, select: Select, session: Path, tmp_path: Path) -> None:
    report = select(session, count=3, by=by, options=["--end", "1.5", "--step", "3"])
    numbers = camera_numbers(session, open_project(tmp_path / "project")).values()
    assert report["added"] == len(numbers) == 3
    assert max(numbers) <= 150


def test_a_bundle_is_asked_about_a_session_when_it_is_given(
    select: Select, session: Path, tmp_path: Path, make_bundle: Callable[..., Path]
) -> None:
    bundle = make_bundle(tmp_path / "bundle", height=64, width=96)
    report = select(session, count=2, options=["--bundle", str(bundle), "--end", "1", "--step", "9"])
    assert report["added"] == 2
    camera_numbers(session, open_project(tmp_path / "project"))


def test_a_step_is_to_the_nearest_point_of_its_name_among_the_animals() -> None:
    one, other, nowhere = [[10.0, 20.0, 0.9]], [[50.0, 60.0, 0.9]], [[np.nan, np.nan, np.nan]]
    points = np.array([[one, other], [other, one], [one, nowhere], [one, other], [[[13.0, 24.0, 0.9]], other]], np.float32)
    frames = np.array([1, 2, 3, 4, 6])  # the camera lost 5
    poses = RecordedPoses(point_names=("snout",), places=np.arange(5), frames=frames, points=points, bundle="")
    signs = {sign.name: sign for sign in poses.signs()}
    assert signs["jump"].amount.tolist() == [0, 0, pytest.approx(40 * np.sqrt(2)), 0, 0], "put down to the frame that lacks one"
    assert signs["low confidence"].amount == pytest.approx([0.1, 0.1, 1, 0.1, 0.1], abs=1e-6)
    later = RecordedPoses(point_names=("snout",), places=np.arange(5), frames=np.arange(5), points=points, bundle="")
    assert {sign.name: sign for sign in later.signs()}["jump"].amount.tolist()[3:] == [0, pytest.approx(5)]
    for before, after in itertools.pairwise(points):
        assert _steps(before[None], after[None])[0].tolist() == moves(before, after).tolist()


def test_a_rig_that_tracks_every_second_frame_has_jumps_too() -> None:
    places = [0.0, 1, 2, 43, 4, 5, 6, 7, 60]
    points = np.array([[[[x, 20.0, 0.9]]] for x in places], np.float32)
    frames = np.array([0, 2, 4, 6, 8, 10, 12, 14, 22])  # and then some were lost
    poses = RecordedPoses(point_names=("snout",), places=np.arange(9), frames=frames, points=points, bundle="")
    jump = next(sign for sign in poses.signs() if sign.name == "jump")
    assert [index for index in range(9) if jump.shown_by(index)] == [3]


REFUSALS = {
    "cut off": (False, {}, "is not whole; it was cut off: run `tracker recover"),
    "other points": (True, {"--points": ["paw"]}, "the rig found snout, tail, of which .* labels none"),
    "beyond": (True, {"--start": ["99"]}, r"no frame from 99 s on, it lasts 0.59 s"),
}


@pytest.mark.parametrize(("closed", "options", "sentence"), REFUSALS.values(), ids=REFUSALS)
def test_a_session_that_cannot_be_used_is_one_sentence(
    closed: bool, options: dict[str, list[str]], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_session(tmp_path / "s", range(60), images=scene, closed=closed)
    more = [word for name, values in options.items() for word in (name, *values)]
    assert main(["select", str(folder), "--by", "uncertainty", "--project", str(tmp_path / "p"), "--count", "2", *more]) == 1
    said = capsys.readouterr().err
    assert re.search(sentence, " ".join(said.split()))
    assert "Traceback" not in said


def test_a_folder_that_is_no_session_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["select", str(tmp_path), "--project", str(tmp_path / "p"), "--count", "2", "--points", "snout"]) == 1
    assert "is a folder without session.json; give a video, or the folder of a recorded session" in " ".join(
        capsys.readouterr().err.split()
    )


def test_another_session_of_the_same_name_is_refused(
    select: Select, session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    select(session, count=2)
    other = write_session(tmp_path / "elsewhere" / "monday_top", NUMBERS, images=lambda n: 255 - scene(n), segments=(202,))
    assert main(["select", str(other), "--by", "uncertainty", "--project", str(tmp_path / "project"), "--count", "2"]) == 1
    assert "has another picture" in " ".join(capsys.readouterr().err.split())


def test_another_video_in_the_place_of_the_recorded_one_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_session(tmp_path / "s", range(60), images=scene)
    (write_session(tmp_path / "t", range(50), images=scene) / "video-001.mkv").replace(folder / "video-001.mkv")
    assert main(["select", str(folder), "--by", "uniform", "--project", str(tmp_path / "p"), "--count", "2"]) == 1
    assert "has 50 frames, but 60 rows of the session name it" in " ".join(capsys.readouterr().err.split())


def test_frames_of_a_video_that_lies_elsewhere_are_called_by_its_own_name(tmp_path: Path) -> None:
    videos = SessionVideos(write_session(tmp_path / "s", range(20), images=scene))
    (segment,) = videos.segments
    moved = segment.path.replace(tmp_path / "arena.mkv")
    videos.segments = [dataclasses.replace(segment, path=moved, group=None)]
    project = create_project(tmp_path / "p", point_names=["snout"])
    project.add_frames(moved, [(7, IndexedVideo(moved).read(7))], why="uniform")  # as `trainer select arena.mkv` has put it there
    assert videos.places_in(project).tolist() == [7]
    add_to_project(project, videos, [(7, "uncertainty"), (12, "uncertainty")])
    assert [(frame.image, frame.video, frame.why) for frame in project.frames] == [
        ("images/arena/000007.png", "arena.mkv", "uniform"),
        ("images/arena/000012.png", "arena.mkv", "uncertainty"),
    ]


def test_a_video_needs_a_bundle_where_a_session_needs_none(session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["select", str(session), "film.mp4", "--by", "uncertainty", "--project", str(tmp_path / "p"), "--count", "2"])
    assert ended.value.code == 2
    assert "only a session holds its poses" in capsys.readouterr().err


def test_the_page_offers_what_the_rig_saw_and_stores_nothing_until_it_is_accepted(
    select: Select, session: Path, tmp_path: Path, browser: Chromium
) -> None:
    select(session, count=3, options=["--end", "3.5"])
    project = open_project(tmp_path / "project")
    (first, *_), proposals = project.frames, read_proposals(project.folder)
    with label_server(project.folder) as server:
        tab = browser.open(server.address)
        tab.wait(f"document.querySelector('#stage')?.dataset.shown === '{first.image}'")
        tab.wait_text("#prediction", "the rig: 2 offered")
        assert "monday_top-video-001" in tab.text("#where")
        assert labels_on_disk(project.folder) == {}
        tab.key("G", modifiers=SHIFT)
        tab.wait("document.querySelector('#saved').dataset.state === 'saved'")
        tab.wait_text("#prediction", "nothing to accept")
        labelled = labels_on_disk(project.folder)[first.image]["animals"][0]
        (seen_there,) = proposals[first.image].animals
        assert labelled == {name: pytest.approx(list(place[:2])) for name, place in seen_there.items()}
        tab.key("l")
        tab.wait_text("#scrubbed", f"frame {first.frame + 1} (+1)")  # the frames around it are shown out of the session's video


def test_damaged_proposals_are_one_sentence(select: Select, session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    select(session, count=1)
    (tmp_path / "project" / "proposals.json").write_text("{")
    assert main(["label", str(tmp_path / "project"), "--annotator", "ann", "--no-browser"]) == 1
    assert "it holds no labels, only what the rig proposed" in " ".join(capsys.readouterr().err.split())


def test_select_says_which_sessions_of_the_same_recording_were_not_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_chain(tmp_path)
    arguments = ["--by", "uniform", "--project", str(tmp_path / "project"), "--count", "1"]
    assert main(["select", str(tmp_path / "night-2"), str(tmp_path / "night-3"), *arguments]) == 0
    said = capsys.readouterr().err
    assert (
        f"{tmp_path / 'night-2'}: goes on from night, and night-3 goes on from it; frames come from the sessions that are given\n" in said
    )
    assert "night-3: goes on from" not in said, "both of these were given"
