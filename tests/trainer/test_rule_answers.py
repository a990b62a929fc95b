"""Rules written by hand, scored beside a network on the same frames."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tracker.small_classifier import write_classifier
from tests.trainer.test_frame_choice import swinging, tracker_yaml, videos_of, write_poses
from trainer.__main__ import main
from trainer.behaviour.rule_answers import answers_of_rules, read_rules, rule_sentences
from trainer.behaviour.video_table import PoseVideos
from trainer.behaviour_scores.behaviour_score import Cleaning
from trainer.behaviour_scores.scored_answers import score_answers
from trainer.errors import TrainingError

NEAR_TAIL: dict[str, Any] = {
    "event": "near",
    "source": {"kind": "distance", "point": "nose", "other_point": "tail"},
    "rule": {"when": "below", "on": 20, "off": 25, "minimum_ms": 50, "maximum_gap_ms": 30},
}


def test_a_class_is_on_in_the_bouts_of_its_event_from_their_onset(tmp_path: Path) -> None:
    """On below 20 px, off above 25, however it jitters between."""
    poses = swinging(300, seed=4)
    poses[np.isnan(poses)] = 0
    poses[..., 1:] = (10, 1)
    poses[:, 0, 1, 0] = 0
    rules = read_rules(
        tracker_yaml(tmp_path, None, behaviour=[{**NEAR_TAIL, "rule": {"when": "below", "on": 20, "off": 25}}]), ["near=right"]
    )

    (answer,) = answers_of_rules(rules, videos_of(poses).videos, point_names=("nose", "tail"), class_names=("right", "late"))

    state, expected = False, []
    for distance in np.abs(poses[:, 0, 0, 0]).tolist():
        state = distance < (25 if state else 20)
        expected.append(state)
    assert answer.said[:, 0].tolist() == expected
    assert not answer.said[:, 1].any()
    assert 50 < sum(expected) < 250


def test_events_called_like_a_class_need_no_naming_and_others_are_left_out(tmp_path: Path) -> None:
    rules = read_rules(tracker_yaml(tmp_path, None, behaviour=[NEAR_TAIL | {"event": "late"}, NEAR_TAIL | {"event": "extra"}]), [])
    assert rules.classes(("right", "late")) == {"late": "late"}


@pytest.mark.parametrize(
    ("events", "pairs", "complaint"),
    [
        ([NEAR_TAIL], [], r"no event is called like a class \(right, late\); say which stands for which, as --rules .* near=right"),
        ([NEAR_TAIL], ["nearer=right"], "has no event 'nearer'; expected one of near"),
        ([NEAR_TAIL], ["near=left"], "--rules near=left: the classes are right, late"),
        ([NEAR_TAIL], ["near"], "--rules has 'near'; expected EVENT=CLASS"),
        ([{**NEAR_TAIL, "source": {"kind": "motion"}}], ["near=right"], "event 'near' is not of a zone, a speed or a distance"),
    ],
    ids=["no name", "event", "class", "pair", "source"],
)
def test_rules_that_stand_for_nothing_are_refused(tmp_path: Path, events: list[Any], pairs: list[str], complaint: str) -> None:
    path = tracker_yaml(tmp_path, None, behaviour=[each | {"rule": {"on": 20, "off": 20}} for each in events])
    with pytest.raises(TrainingError, match=complaint):
        read_rules(path, pairs).classes(("right", "late"))


def test_an_evaluation_has_the_rules_as_a_row_and_says_which_is_better(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The labels are what the rule finds; the bundle answers by the place of the first point, and wrongly."""
    write_classifier(tmp_path / "place", points=("point0", "point1"))
    near = {**NEAR_TAIL, "source": {"kind": "zone", "point": "point0", "zone": "left"}, "rule": {"on": 0, "off": 0}}
    zone = {"shape": "polygon", "name": "left", "corners": [[-20, 0], [20, 0], [20, 40], [-20, 40]]}
    path = tracker_yaml(tmp_path, None, behaviour=[near], zones=[zone])
    table = write_poses(tmp_path, 1, 2400, fps=10)

    asked = ["evaluate", str(tmp_path / "place"), "--data", str(table), "--rules", str(path), "near=right"]
    assert main([*asked, "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert [score["name"] for score in told["scores"]] == ["place", "rules of tracker.yaml", "always the commonest"]
    assert told["scores"][1]["classes"][0]["f1"] > 0.9
    versus = told["against_rules"]
    assert (versus["first"], versus["second"], versus["high"] < 0) == ("rules of tracker.yaml", "place", True)


def half_left(frames: int = 3000) -> PoseVideos:
    """Within 20 px in every other hundred of frames, as labelled; the other class is on in the others, or in some of them."""
    near = np.arange(frames) // 100 % 2 == 0
    poses = np.ones((frames, 1, 2, 3), np.float32)
    poses[:, 0, 0, 0], poses[:, 0, 1, 0] = np.where(near, 5, 90), 0
    [video] = videos_of(poses).videos
    marks = np.column_stack([near, ~near]).astype(np.int8)
    return replace(videos_of(poses), videos=(replace(video, marks=marks, fps=10.0),))


def test_rules_for_one_of_two_classes_that_exclude_each_other_say_the_other(tmp_path: Path) -> None:
    videos = half_left()
    rules = read_rules(
        tracker_yaml(tmp_path, None, behaviour=[{**NEAR_TAIL, "rule": {"when": "below", "on": 20, "off": 20}}]), ["near=right"]
    )
    (one,) = answers_of_rules(rules, videos.videos, point_names=("nose", "tail"), class_names=videos.class_names)
    np.testing.assert_array_equal(one.said, one.true)
    [said] = rule_sentences(rules, [videos.videos[0].marks], videos.class_names)
    assert said.startswith("rules of tracker.yaml have no event for 'late': people marked exactly one class in every frame")


def test_rules_are_not_scored_on_a_class_of_which_they_say_nothing(tmp_path: Path) -> None:
    """Somewhere neither class is on, so that no event says nothing of the other."""
    videos = half_left()
    [video] = videos.videos
    video.marks[100:150] = 0
    rules = read_rules(
        tracker_yaml(tmp_path, None, behaviour=[{**NEAR_TAIL, "rule": {"when": "below", "on": 20, "off": 20}}]), ["near=right"]
    )
    found = answers_of_rules(rules, videos.videos, point_names=("nose", "tail"), class_names=videos.class_names)
    network = [replace(found[0], truth=video.marks, said=np.zeros_like(found[0].said))]

    run = score_answers("t", ("network", network), cleaning=Cleaning(), rules=(rules.name, found))

    assert [each.judged_frames for each in run.scores[1].classes] == [3000, 0]
    assert run.scores[1].macro_f1 == 1
    assert run.against_rules is not None
    assert (run.against_rules.first_f1, run.against_rules.second_f1) == (1, 0)
    [said] = rule_sentences(rules, [video.marks], videos.class_names)
    assert said.endswith("no event for 'late': their row, and the network beside them, are scored on 'right' alone")


def test_a_comparison_has_the_rules_and_the_trivial_answer_as_rows_and_says_of_both_bundles_which_is_better(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The labels are what the rule finds; both bundles answer by the place of the first point, and wrongly."""
    bundles = [str(write_classifier(tmp_path / name, points=("point0", "point1"))) for name in ("place", "again")]
    near = {**NEAR_TAIL, "source": {"kind": "zone", "point": "point0", "zone": "left"}, "rule": {"on": 0, "off": 0}}
    zone = {"shape": "polygon", "name": "left", "corners": [[-20, 0], [20, 0], [20, 40], [-20, 40]]}
    path = tracker_yaml(tmp_path, None, behaviour=[near], zones=[zone])
    asked = ["compare", *bundles, "--data", str(write_poses(tmp_path, 1, 2400, fps=10)), "--rules", str(path), "near=right"]

    assert main([*asked, "--json", "--report", str(tmp_path / "report")]) == 0

    told, rules = json.loads(capsys.readouterr().out), "rules of tracker.yaml"
    assert [score["name"] for score in told["scores"]] == ["place", "again", rules, "always the commonest"]
    assert told["scores"][2]["classes"][0]["f1"] > 0.9
    assert not told["shown"]
    assert [(each["first"], each["second"], each["high"] < 0) for each in told["against_rules"]] == [
        (rules, "place", True),
        (rules, "again", True),
    ]
    assert [(each["first"], each["second"]) for each in told["against_trivial"]] == [
        ("always the commonest", "place"),
        ("always the commonest", "again"),
    ]
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "<h1>Comparison: place and again</h1>" in page
    for sentence in (f"{rules} is better than place on", f"{rules} have no event for &#x27;late&#x27;"):
        assert sentence in page
    assert page.count(f'<th scope="row">{rules}</th>') == 2  # by frame and by bout
