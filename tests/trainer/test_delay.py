"""Answers that come later than the frames they are of: learnt, found, scored on their own frames, and said of in bundle and report."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from tests.tracker.small_classifier import write_classifier
from tests.trainer.pose_videos import QUICK, network, video
from tests.trainer.test_frame_choice import tracker_yaml
from tests.trainer.walkers import FPS, POINTS, write_table
from tracker.behaviour.earlier_frames import EarlierFrames
from tracker.bundle import read_bundle
from tracker.classifiers.open_classifier import open_classifier
from trainer.__main__ import main
from trainer.behaviour.answers import probabilities_of
from trainer.behaviour.bundle_request import BehaviourRequest
from trainer.behaviour.clips import UNJUDGED, clips_of
from trainer.behaviour.delay import earlier, later, on_own_frames
from trainer.behaviour.make_behaviour_bundle import make_behaviour_bundle
from trainer.behaviour.reference import read_reference
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.video_table import PoseVideo
from trainer.errors import TrainingError
from trainer.ethogram.bouts import ethogram
from trainer.ethogram.read_options import ReadOptions

STEP_S = np.array([0, 0.1, 0.1, 0.1, 0.4, 0.1, 0.1], np.float32)  # at 0, 0.1, 0.2, 0.3, 0.7, 0.8, 0.9 s
NAMES = ("still", "late")


def test_an_answer_is_of_the_frame_taken_nearest_to_so_much_earlier() -> None:
    assert earlier(STEP_S, 0).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert earlier(STEP_S, 200).tolist() == [-1, -1, 0, 1, 3, 4, 4]  # 0.5 s is as near to 0.3 as to 0.7, 0.6 nearer to 0.7
    assert later(STEP_S, 200).tolist() == [2, 3, 3, 3, 6, -1, -1]
    assert later(STEP_S[:1], 200).tolist() == [-1]


def test_offline_and_live_an_answer_is_of_the_same_frame() -> None:
    rng = np.random.default_rng(3)
    steps_ns = rng.integers(20, 60, 200) * 1_000_000
    times_ns = np.cumsum(steps_ns) - steps_ns[0]
    seconds = np.diff(times_ns / 1e9, prepend=0).astype(np.float32)
    found, live = earlier(seconds, 500), EarlierFrames()
    for number, now_ns in enumerate(times_ns.tolist()):
        live.add(now_ns, number)
        if found[number] >= 0 and number > 20:
            assert live.nearest(500_000_000).number == found[number]


def test_targets_are_what_the_frame_so_much_earlier_was() -> None:
    one = video(3)
    at_once, late = (clips_of(network(), [one], delay_ms=each).targets[0] for each in (0, 500))
    assert torch.equal(late[15:], at_once[:-15])
    assert (late[:15] == UNJUDGED).all()
    assert not torch.equal(late[15:], at_once[15:])


def still(x: list[float]) -> PoseVideo:
    poses = np.array([[[(place, 1.0, 1.0)]] for place in x], np.float32).reshape(len(x), 1, 1, 3)
    marks = np.zeros((len(x), 2), np.int8)
    return PoseVideo(name="v", poses=poses, marks=marks, fps=10.0, labels=ethogram(NAMES, [], where="", frames=len(x), fps=10.0), part=None)


def test_a_late_answer_stands_at_the_frame_that_it_is_of(tmp_path: Path) -> None:
    one = still([10, 20, 30, 40, 50, 60])
    at_once, late = (
        probabilities_of(open_classifier(read_bundle(write_classifier(tmp_path / str(delay_ms), delay_ms=delay_ms))), one)[:, 0]
        for delay_ms in (0, 200)
    )
    np.testing.assert_allclose(at_once, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], rtol=1e-6)
    np.testing.assert_allclose(late, [0.3, 0.4, 0.5, 0.6, np.nan, np.nan], rtol=1e-6)


def test_answers_of_several_videos_do_not_run_into_each_other() -> None:
    told = on_own_frames(np.arange(5, dtype=np.float32), [still([0, 0]), still([0, 0, 0])], 100)
    np.testing.assert_array_equal(told, [1, np.nan, 3, 4, np.nan])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made to answer 200 ms later."""
    folder = tmp_path_factory.mktemp("late")
    settings = BehaviourSettings(epochs=12, hidden=12, window=90, batch=4, learning_rate=2e-2, dropout=0.1, mirror=False, delay_ms=200)
    request = BehaviourRequest(
        table=write_table(folder, frames=450), out=folder / "bundle", settings=settings, asked=ReadOptions(), proved_frames=300
    )
    make_behaviour_bundle(request, Console(quiet=True))
    return folder / "bundle"


def test_a_bundle_says_how_late_it_answers_and_is_scored_on_the_frames_themselves(made: Path) -> None:
    about = read_bundle(made).description.behaviour
    assert about is not None
    assert about.delay_ms == 200
    assert about.warming_frames >= 0.2 * FPS
    assert about.accuracy.macro_f1 is not None
    assert about.accuracy.macro_f1 > 0.8
    report = (made / "report.html").read_text(encoding="utf-8")
    assert "delay ms" in report
    assert "answers come 200 ms after a frame; in these scores they stand at the frame that they are of" in report


def test_a_late_networks_scores_found_again_have_onsets_that_are_not_late_by_its_delay(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(made), "--data", str(made.parent / "videos.csv"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    again, about = found["scores"][0], read_bundle(made).description.behaviour
    assert any(note.startswith("answers come 200 ms after a frame") for note in found["notes"])
    assert about is not None
    assert again["macro_f1"] == pytest.approx(about.accuracy.macro_f1)
    medians = [each["bouts"]["onset_median_ms"] for each in again["classes"]]
    assert all(abs(median) < 150 for median in medians), medians


def test_the_reference_beside_it_may_wait_as_long(made: Path) -> None:
    reference = read_reference(made)
    assert reference is not None
    assert reference.delay_ms == 200


def test_trainings_that_answer_at_once_go_on_as_before() -> None:
    assert "delay_ms" not in QUICK.as_plain()
    assert replace(QUICK, delay_ms=100.0).as_plain()["delay_ms"] == 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--delay", "-1"], "--delay is -1; expected 0 to 10000 ms"),
        (["--delay", "nan"], "--delay is nan; expected 0 to 10000 ms"),
        (["--delay", "1500"], "--delay is 1500 ms, and 'v0' lasts 2967 ms; expected at most half of the shortest"),
        (["--delay", "100", "--region", "frame"], "--delay is for behaviour from poses; leave it out with --region"),
    ],
    ids=["negative", "no number", "longer than half", "from images"],
)
def test_a_delay_that_cannot_be_is_refused(tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_table(tmp_path, videos=3, frames=90)
    assert main(["fit", "--task", "behaviour", "--data", str(table), "--out", str(tmp_path / "m"), *words]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


def test_a_delay_and_frames_decided_at_once_are_refused_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tracker_yaml(tmp_path, {"conditions": [{"source": {"kind": "speed", "point": POINTS[0]}, "above": 60}]}, identity={})
    table = write_table(tmp_path, videos=3, frames=90)
    words = ["fit", "--task", "behaviour", "--data", str(table), "--out", str(tmp_path / "m"), "--only-when", str(path)]
    assert main([*words, "--delay", "100"]) == 1
    assert "--delay tells of frames that came before, which --only-when decides at once" in capsys.readouterr().err
    flags = np.ones(4, np.bool_)
    classifier = open_classifier(read_bundle(write_classifier(tmp_path / "late", delay_ms=100)))
    with pytest.raises(TrainingError, match="tells of frames 100 ms later, and --only-when decides some at once; leave --only-when out"):
        probabilities_of(classifier, replace(still([1, 2, 3, 4]), to_network=flags))
