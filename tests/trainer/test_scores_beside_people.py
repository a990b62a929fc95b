"""Scores of behaviour on frames that everybody judged: beside a second person, without warming up, by video and session, of images."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from tests.tracker.small_classifier import write_classifier
from trainer.__main__ import main
from trainer.behaviour_scores.behaviour_score import Cleaning, score_behaviour
from trainer.behaviour_scores.breakdown import breakdown, missing_sentences
from trainer.behaviour_scores.score_tables import lines
from trainer.behaviour_scores.scored_answers import score_answers
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.ethogram.bout_file import bout_file_of
from trainer.ethogram.bouts import bouts_of_marks, ethogram
from trainer.reports.behaviour_plots import f1_figure
from trainer.reports.behaviour_report import behaviour_page

FPS = 10.0


def answer(truth: str, said: str, *, names: str = "ab", name: str = "v", session: str = "", in_time: bool = True) -> ScoredVideo:
    """A letter a frame: a class, `.` for none, `?` for what nobody judged."""
    marks = np.array([[-1 if letter == "?" else int(letter == each) for each in names] for letter in truth], np.int8)
    answers = np.array([[letter == each for each in names] for letter in said])
    groups = {"session": session} if session else {}
    return ScoredVideo(
        name=name, class_names=tuple(names), truth=marks, said=answers, probabilities=None, fps=FPS, groups=groups, in_time=in_time
    )


def test_a_second_person_and_the_program_are_compared_on_the_frames_of_both() -> None:
    program = answer("aabb....", "aab.....")
    person = answer("aabb????", "abbb....")
    run = score_answers("t", ("network", [program]), cleaning=Cleaning(), people=[("bob", [person])])
    [bob] = run.people
    assert (bob.name, bob.frames) == ("bob", 4)
    assert [each.frames.f1 for each in bob.score.classes] == pytest.approx([2 / 3, 4 / 5])
    assert [each.frames.f1 for each in bob.answers[0].classes] == pytest.approx([1, 2 / 3])
    assert bob.sentence in run.verdicts
    assert "On 4 frames that 'bob' judged too, people reach a macro-F1 of 0.733 by frame and 1.000 by bout, network 0.833" in bob.sentence
    assert [score.name for score in run.scores] == ["network", "bob", "always the commonest"]


def test_a_person_without_some_classes_or_frames_is_scored_on_what_is_there() -> None:
    program = answer("aabb..", "aabb..")
    person = answer("bb..", "b...", names="b")
    [bob] = score_answers("t", ("network", [program]), cleaning=Cleaning(), people=[("bob", [person])]).people
    assert (bob.frames, bob.score.classes[0].judged_frames, bob.score.classes[1].judged_frames) == (4, 0, 4)
    nobody = answer("??????", "......")
    [never] = score_answers("t", ("network", [program]), cleaning=Cleaning(), people=[("eve", [nobody])]).people
    assert never.sentence == "No frame that is scored was judged by 'eve' too: how far people agree is not known."


def test_people_are_drawn_as_a_line_at_what_they_reach_in_each_class() -> None:
    program, person = answer("aabb....", "aab....."), answer("aabb....", "abbb....")
    run = score_answers("t", ("network", [program]), cleaning=Cleaning(), people=[("bob", [person])])
    drawn = f1_figure([run.scores[0]], run.people)
    assert drawn is not None
    [by_frame] = [each for each in drawn.axes[0].collections if isinstance(each, LineCollection)]
    assert [float(np.asarray(path.vertices)[0, 0]) for path in by_frame.get_paths()] == pytest.approx([2 / 3, 4 / 5])
    assert by_frame.get_label() == "people: bob"
    [dots] = drawn.axes[0].lines
    assert list(map(float, np.asarray(dots.get_xdata()))) == pytest.approx([1, 2 / 3])
    page = behaviour_page(run, "now")
    assert "what another person reaches against the same labels" in page
    assert "F1 of every class by each answer, and of people against each other" in page


def test_frames_in_which_a_network_warms_up_count_for_no_answer() -> None:
    probabilities = np.array([[np.nan] * 2, [np.nan] * 2, [0.9, 0.1], [0.1, 0.9], [0.1, 0.1]], np.float32)
    network = replace(answer("aaab.", "..ab."), probabilities=probabilities)
    trees = answer("aaab.", "aaab.")
    run = score_answers("t", ("network", [network]), cleaning=Cleaning(), reference=("trees", [trees]))
    assert [[each.judged_frames for each in score.classes] for score in run.scores] == [[3, 3]] * 3
    assert [run.scores[0].macro_f1, run.scores[1].macro_f1] == [1, 1]
    said = (
        "network says nothing in 2 of 5 judged frames, while it warms up, or since the video ends before its answer (2 of 'a'): they are "
        "left out of every answer's scores"
    )
    assert said in run.notes


def test_onsets_of_every_answer_are_measured_in_judged_frames_alone() -> None:
    """Other answers go on in the frames in which the network warms up; the trivial one is on in all of them."""
    network = answer(".aaa.aa.", "...a.aa.")
    unknown = np.full((8, 2), 0.5, np.float32)
    unknown[:2] = np.nan
    trees = answer(".aaa.aa.", "aaaaaaa.")
    run = score_answers("t", ("network", [replace(network, probabilities=unknown)]), cleaning=Cleaning(), reference=("trees", [trees]))
    onsets = {score.name: score.classes[0].bouts.onset_ms.tolist() for score in run.scores}
    offsets = {score.name: score.classes[0].bouts.offset_ms.tolist() for score in run.scores}
    assert onsets == {"network": [0.0], "trees": [], "always the commonest": []}
    assert offsets == {"network": [0.0, 0.0], "trees": [300.0], "always the commonest": []}


def test_each_video_trial_and_session_is_scored_class_by_class_in_one_table() -> None:
    videos = [
        answer("aab...", "aab...", name="v1", session="monday"),
        answer("a.a...", "a.....", name="v2", session="monday"),
        answer("bb....", "......", name="v3", session="tuesday"),
    ]
    parts = breakdown(videos)
    assert [(part.kind, part.name) for part in parts] == [
        ("session", "monday"), ("session", "tuesday"), ("video", "v1"), ("video", "v2"), ("video", "v3"),
    ]  # fmt: skip
    monday = parts[0].classes
    assert [(one.frames, one.bouts, one.f1) for one in monday] == [(4, 3, pytest.approx(6 / 7)), (1, 1, 1.0)]
    of_trials = breakdown([replace(video, groups={"trial": str(place // 2)}) for place, video in enumerate(videos)])
    assert [part.title for part in of_trials] == ["trial 0", "trial 1", "v1", "v2", "v3"]
    of_one_animal = [replace(part, kind="animal", name="m") for part in parts[:1]]
    assert missing_sentences([*of_one_animal, *parts]) == missing_sentences(parts)
    assert missing_sentences(parts) == ["'a' is in no judged frame of session tuesday: nothing is said of how well it is found there"]
    run = score_answers("t", ("network", videos), cleaning=Cleaning())
    assert [part["classes"][1]["frames"] for part in run.as_json()["parts"]] == [1, 2, 1, 0, 2]
    page = behaviour_page(run, "now")
    assert '<tr class="strong"><th scope="row">session monday</th><td>0.929</td><td>0.857</td><td>4</td><td>3</td>' in page
    assert '<tr><th scope="row">v3</th>' in page


def test_a_class_found_where_it_is_not_counts_nothing_in_a_videos_macro_f1() -> None:
    """By video as over all videos: the mean over classes that are there or were found."""
    one = answer("aa....", "aa.b..")
    score = score_behaviour("network", [one])
    assert score.macro_f1 == pytest.approx(0.5)
    assert dict(score.videos) == {"v": pytest.approx(0.5)}
    assert breakdown([one])[0].macro_f1 == pytest.approx(0.5)


def test_images_that_follow_no_time_are_scored_in_images_and_not_in_bouts() -> None:
    images = [answer("aabb" * 60, "abbb" * 60, in_time=False)]
    run = score_answers("t", ("network", images), cleaning=Cleaning())
    told = "\n".join([*lines(run.scores), *run.verdicts])
    page = behaviour_page(run, "now")
    for text in (told, page):
        assert "macro-F1 0.733 by image" in text
        assert "8 blocks of at most 30 images" in text
        assert not [word for word in ("by bout", "bouts", " s of these", "onset", "By frame", "seconds") if word in text]
    assert "<h2>Confusion (images)</h2>" in page
    plain = run.scores[0].as_json()
    assert (plain["unit"], plain["macro_bout_f1"], plain["classes"][0]["bouts"]) == ("images", None, None)
    assert "by bout" in "\n".join(lines([score_behaviour("x", [answer("ab", "ab")])]))


def write_annotated(folder: Path, *, frames: int = 2000) -> Path:
    """A table of one video with what two people said of it; its first point is left of 50 px until its middle."""
    poses = np.ones((frames, 1, 1, 3), np.float32)
    poses[:, 0, 0, 0] = np.where(np.arange(frames) // 50 % 2, 90, 10)
    np.save(folder / "poses.npy", poses)
    right: NDArray[np.bool_] = poses[:, 0, 0, 0] > 50
    for person, shift in (("anna", 0), ("bob", 10)):
        marks = np.roll(np.column_stack([right, ~right]), shift, axis=0).astype(np.int8)
        one = ethogram(("right", "late"), bouts_of_marks(marks, ("right", "late")), where="", frames=frames, fps=FPS, video="v")
        (folder / f"v.{person}.bouts.json").write_bytes(bout_file_of(one))
    (folder / "videos.csv").write_text("video,poses,labels,session\nv,poses.npy,v.anna.bouts.json,monday\n")
    return folder / "videos.csv"


def test_evaluate_finds_another_annotators_file_beside_the_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_annotated(tmp_path)
    bundle = write_classifier(tmp_path / "net", points=("point0",), warming_frames=20)
    assert main(["evaluate", str(bundle), "--data", str(table), "--report", str(tmp_path / "r"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    [bob] = told["people"]
    assert (bob["name"], bob["frames"]) == ("bob", 1980)
    assert bob["score"]["classes"][0]["f1"] == pytest.approx(0.8, abs=0.01)
    assert bob["answers"][0]["f1"][0] == 1
    assert told["parts"][0]["name"] == "monday"
    assert json.loads((tmp_path / "r" / "metrics.json").read_bytes())["people"] == told["people"]


def test_compare_shows_both_bundles_beside_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_annotated(tmp_path)
    bundles = [str(write_classifier(tmp_path / name, points=("point0",), warming_frames=warming)) for name, warming in (("x", 3), ("y", 9))]
    assert main(["compare", *bundles, "--data", str(table), "--report", str(tmp_path / "r")]) == 0
    told = capsys.readouterr().out
    assert "note: x or y says nothing in 9 of 2000 judged frames" in told
    assert "On 1991 frames that 'bob' judged too, people reach a macro-F1 of " in told
    assert ", x 0.832 and " in told.splitlines()[-1]
    assert ", y 0.832 and " in told.splitlines()[-1]
    page = (tmp_path / "r" / "report.html").read_text()
    assert (page.count("<img"), "bob" in page) == (1, True)


def test_a_column_names_a_second_persons_labels_and_a_damaged_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_annotated(tmp_path)
    (tmp_path / "v.bob.bouts.json").rename(tmp_path / "other.carl.bouts.json")
    (tmp_path / "v.dora.bouts.json").write_text("{")
    table.write_text("video,poses,labels,second_person\nv,poses.npy,v.anna.bouts.json,other.carl.bouts.json\n")
    bundle = write_classifier(tmp_path / "net", points=("point0",))
    assert main(["evaluate", str(bundle), "--data", str(table), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [person["name"] for person in told["people"]] == ["carl"]
    assert any(note.startswith("labels of 'dora' are left aside: ") for note in told["notes"])


def test_bundles_with_their_classes_in_another_sequence_are_compared_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_annotated(tmp_path)
    names = ("right", "late")
    x, y = (
        str(write_classifier(tmp_path / name, points=("point0",), classes=classes)) for name, classes in (("x", names), ("y", names[::-1]))
    )
    asked = ["--data", str(table), "--json"]
    assert main(["evaluate", y, *asked]) == 0
    alone = json.loads(capsys.readouterr().out)["scores"][0]["classes"]
    assert main(["compare", x, y, *asked]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [[each["class"] for each in score["classes"]] for score in told["scores"]] == [list(names)] * 3, "and the commonest answer"
    assert told["scores"][1]["classes"] == alone[::-1]
    assert told["people"][0]["answers"][0]["f1"][0] > 0.9
