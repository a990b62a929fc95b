"""A forecast bundle: trained by the command, proved, described, opened as a classifier, and live in events that look ahead."""

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace as change
from rich.console import Console

from tests.trainer.twitching import FPS, RULE, SHARES, twitching
from tracker.bundle import check_task, read_bundle
from tracker.classifiers.open_classifier import open_classifier
from tracker.config import Config, EngineConfig
from tracker.config_cameras import SyntheticCamera
from tracker.config_rules import ClassifierConfig, ClassSource, EventConfig, Rule
from tracker.errors import BundleError, ConfigError
from tracker.pose import Pose
from tracker.setup import check_rules, make_setup
from trainer.__main__ import PROGRAM, main
from trainer.errors import TrainingError
from trainer.forecast.compare_forecasts import compare_forecasts
from trainer.forecast.learning_record import ForecastCommands, learning_record
from trainer.forecast.make_forecast_bundle import ForecastBundle, ForecastRequest, make_forecast_bundle
from trainer.forecast.settings import ForecastSettings, Kind

NOTHING = Pose(points=np.empty((0, 0, 3), np.float32), mm=None)
HORIZON_MS = 1000 * RULE.horizon / FPS


def request(data: Path, out: Path, *kinds: Kind, picture: tuple[int, int, int] | None = None) -> ForecastRequest:
    settings = ForecastSettings(kind=kinds[0], epochs=1, learning_rate=1e-2, flips=False, hidden=4)
    return ForecastRequest(
        data=(data,), out=out, kinds=kinds, settings=settings, rule=RULE, shares=SHARES, fps=FPS, size=(12, 16), picture=picture,
        proved_frames=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> ForecastBundle:
    folder = tmp_path_factory.mktemp("forecast")
    np.save(folder / "images.npy", twitching(600))
    return make_forecast_bundle(request(folder / "images.npy", folder / "ahead", "convlstm-small", "lstm"), Console(quiet=True))


@pytest.fixture
def made(told: ForecastBundle) -> Path:
    assert told.bundle is not None
    return told.bundle


def config(bundle: Path, *, horizon_ms: float | None = HORIZON_MS) -> Config:
    source = ClassSource(classifier="fish", class_name="burst", horizon_ms=horizon_ms)
    return Config(
        camera=SyntheticCamera(width=16, height=12),
        engine=EngineConfig(),
        classifiers=(ClassifierConfig(name="fish", bundle=str(bundle)),),
        behaviour=(EventConfig(event="ahead", source=source, rule=Rule(on=0.35, off=0.3)),),
    )


def test_every_forecast_stands_in_one_table_with_the_trivial_ones(told: ForecastBundle) -> None:
    names = ["constant", "newest motion, negated", "logit", "convlstm-small", "lstm"]
    assert {part: [score.name for score in scores] for part, scores in told.run.scores.items()} == {"validation": names, "test": names}
    assert "published rule: left out, since it looks back further than the 12 frames of the past (--past)" in told.run.notes
    intervals = {score.name: (score.low, score.high) for score in told.run.scores["test"]}
    assert intervals["newest motion, negated"] == (None, None)
    low, high = intervals["convlstm-small"]
    assert low is not None
    assert high is not None
    assert low < high


def test_thresholds_are_chosen_on_the_validation_part(told: ForecastBundle) -> None:
    for on_validation, on_test in zip(told.run.scores["validation"], told.run.scores["test"], strict=True):
        assert on_validation.threshold == on_test.threshold
        assert on_validation.false_alarms <= 0.1


def test_the_bundle_says_what_it_forecasts_and_how_it_is_carried(made: Path) -> None:
    description = read_bundle(made).description
    forecast, behaviour = description.forecast, description.behaviour
    assert forecast is not None
    assert behaviour is not None
    assert (forecast.horizon_ms, forecast.horizon_frames, forecast.least_range) == (HORIZON_MS, RULE.horizon, RULE.least_range)
    assert (forecast.phases, forecast.phase_states, behaviour.warming_frames) == (4, ("hidden1", "cell1"), RULE.past - 1)
    assert description.class_names == ("burst",)
    assert (description.training.held_out_frames > 0, behaviour.accuracy.f1[0] is not None) == (True, True)


def test_the_report_says_what_a_forecast_means_and_what_it_does_not(made: Path) -> None:
    report = (made / "report.html").read_text()
    assert "a simple rule can solve much of it" in report
    assert "newest motion alone" in report
    assert report.count("<img") >= 4
    assert "11,520" in report


def test_the_report_of_a_training_has_settings_training_figures_and_a_verdict(told: ForecastBundle, made: Path) -> None:
    report, figures = (made / "report.html").read_text(), json.loads((made / "metrics.json").read_bytes())["training"]
    for words in (
        '<div class="verdict">',
        "<th>training</th><th>held-out</th>",
        '<th scope="row">seed</th><td>0</td>',
        "<h2>Settings</h2>",
    ):
        assert words in report, words
    assert figures["learnt"].keys() == {"AUC", "AP", "accuracy", "hits", "false alarms"}
    assert (figures["taken_epoch"], len(figures["epochs"]), figures["settings"]["hidden"]) == (1, 1, 4)
    assert told.lines[1] == told.learning.verdict.sentence
    assert told.lines[2] == "next:"


@pytest.mark.parametrize(
    ("changes", "curves", "auc_gap", "kinds"),
    [
        ({"judged": "validation"}, "falling", 0.0, "nothing held out"),
        ({}, "collapsed", 0.0, "collapsed"),
        ({}, "falling", 0.0, "too short"),
        ({}, "rising", 0.0, "over-fitted"),
        ({}, "level", 0.3, "over-fitted"),
        ({}, "level", 0.0, "no better"),
        ({"better": True}, "level", 0.0, "good"),
    ],
)
def test_the_verdict_of_a_forecast_names_what_matters_most(
    told: ForecastBundle, changes: dict[str, Any], curves: str, auc_gap: float, kinds: str
) -> None:
    run, main_name = told.run, told.run.main
    epoch = run.trained[main_name].history[0]
    level = np.r_[2.0, np.ones(19)]
    shapes = {"falling": 2.0 - np.arange(20) / 20, "rising": 1 + np.abs(np.arange(20) - 8) / 8, "level": level, "collapsed": level}
    validation = shapes[curves]
    spread = 0.0 if curves == "collapsed" else 0.2
    train = [3 - number / 10 for number in range(20)] if curves == "rising" else [9.0] * 20
    history = [replace(epoch, train=loss, validation=float(v), spread=spread) for loss, v in zip(train, validation, strict=True)]
    trained = {main_name: replace(run.trained[main_name], history=tuple(history), stopped="epochs")}
    learnt = replace(run.of_main, low=0.1 if changes.get("better") else -0.1, high=0.2)
    score = replace(learnt, curve=replace(learnt.curve, hits=learnt.curve.hits * (1 - auc_gap)))
    scores = {part: tuple(score if one.name == main_name else one for one in of) for part, of in run.scores.items()}
    changed = replace(run, trained=trained, scores=scores, judged=changes.get("judged", "test"))
    commands = ForecastCommands(data=("a b.npy",), bundle="m", epochs=20, options=("--fps", "30", "--past", "12"), pictures=True)

    found = learning_record(changed, learnt, settings={}, commands=commands).verdict

    assert found.steps[0].kind == kinds
    assert len(found.steps) <= 3
    for step in found.steps:
        PROGRAM.parser().parse_args(shlex.split(step.command)[1:])


def test_a_forecast_makes_events_ahead_of_time_from_the_cameras_pictures(made: Path) -> None:
    classifier = open_classifier(read_bundle(made))
    rules = config(made)
    check_rules(rules, None, {"fish": classifier})
    setup = make_setup(rules, None, None, source_shape=(12, 16), classifiers={"fish": classifier})
    events, warming = [], 0
    images = twitching(300, seed=5)
    for frame, image in enumerate(images):
        time_ns = round(frame * 1e9 / FPS)
        pose = setup.scores.of(NOTHING, image, time_ns)
        warming += pose.warming == ("fish",)
        events += setup.behaviour.update(frame_number=frame, time_ns=time_ns, pose=pose, motion=None)
    assert warming == RULE.past - 1
    on = [event for event in events if event.state == "on"]
    assert len(on) > 5
    assert {event.horizon_ms for event in events} == {HORIZON_MS}


@pytest.mark.parametrize("given", [None, 1500.0])
def test_an_event_of_another_horizon_than_the_bundles_is_refused(made: Path, given: float | None) -> None:
    classifier = open_classifier(read_bundle(made))
    with pytest.raises(ConfigError, match="write `horizon_ms: 200`"):
        check_rules(config(made, horizon_ms=given), None, {"fish": classifier})


def test_a_forecast_begins_anew_after_a_gap(made: Path) -> None:
    classifier = open_classifier(read_bundle(made))
    images = twitching(60)[:, :, :, None]
    answers = [classifier.at(image, round(frame * 1e9 / FPS) + (300_000_000 if frame >= 30 else 0)) for frame, image in enumerate(images)]
    fresh = open_classifier(read_bundle(made))
    again = [fresh.at(image, round(frame * 1e9 / FPS)) for frame, image in enumerate(images[30:])]
    assert [answer is None for answer in answers[30:]] == [frame < RULE.past - 1 for frame in range(30)]
    assert [answer.tolist() for answer in answers[30:] if answer is not None] == [answer.tolist() for answer in again if answer is not None]


def test_a_description_whose_phases_have_no_state_is_refused(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "b")
    path = tmp_path / "b" / "bundle.json"
    plain = json.loads(path.read_text())
    plain["forecast"]["phase_states"] = ["hidden1", "cell9"]
    path.write_text(json.dumps(plain))
    with pytest.raises(BundleError, match="its parts contradict each other"):
        read_bundle(tmp_path / "b")


def test_a_forecaster_is_no_network_for_key_points(made: Path) -> None:
    with pytest.raises(BundleError, match="expected a network that finds key points"):
        check_task(read_bundle(made))


def test_a_bundle_is_scored_on_another_recording_as_the_rig_runs_it(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = twitching(300, seed=9)
    np.save(tmp_path / "other.npy", images)
    options = ["--data", str(tmp_path / "other.npy"), "--fps", "30", "--report", str(tmp_path / "r"), "--json"]
    assert main(["evaluate", str(made), *options]) == 0
    said = json.loads(capsys.readouterr().out)
    (score,) = [one for one in said["scores"]["test"] if one["name"] == "ahead"]
    assert score["threshold"] == pytest.approx(read_bundle(made).description.behaviour.thresholds[0])  # type: ignore[union-attr]
    assert said["rule"]["past"] == RULE.past
    assert not any("flatter the bundle" in note for note in said["notes"])
    assert (tmp_path / "r" / "report.html").exists()
    assert main(["evaluate", str(made), *options, "--gap-ms", "5"]) == 1
    assert "--gap-ms does not go with a bundle that forecasts" in capsys.readouterr().err


def test_a_recording_that_a_bundle_was_made_with_is_said_to_flatter(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(made), "--data", str(made.parent / "images.npy"), "--fps", "30"]) == 0
    assert "images: the bundle was made with it" in capsys.readouterr().out


def test_two_forecasts_are_compared_on_the_frames_that_both_held_out(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = shutil.copytree(made, tmp_path / "twin")
    data, report = str(made.parent / "images.npy"), tmp_path / "r"
    assert main(["compare", str(made), str(twin), "--data", data, "--fps", "30", "--report", str(report)]) == 0
    told = capsys.readouterr().out
    assert f"No difference between {twin} and {made} that 6 blocks of at most 18 frames can show" in told
    assert "note: images: a bundle has learnt from it; frames 480 to 599 alone are scored" in told
    assert "\nnewest motion, negated " in told
    figures = json.loads((report / "metrics.json").read_text())
    assert (figures["low"], figures["high"], figures["shown"]) == (0, 0, False)
    assert figures["frames"]["test"]["labelled"] == 120 - (RULE.past - 1) - RULE.horizon - 1
    assert "Frames that neither has learnt from" in (report / "report.html").read_text()
    assert main(["compare", str(made), str(twin), "--data", data, "--learnt-too"]) == 1
    assert "--learnt-too is for key points" in capsys.readouterr().err


def test_forecasts_of_other_labels_or_of_frames_learnt_from_are_not_compared(made: Path) -> None:
    bundle, data = read_bundle(made), [made.parent / "images.npy"]
    about = bundle.description
    assert about.forecast is not None
    other = change(bundle, description=change(about, forecast=change(about.forecast, share=0.3)))
    with pytest.raises(TrainingError, match="only forecasts of the same labels compare"):
        compare_forecasts((bundle, other), data, fps=FPS, say=print)
    split = about.training.split.replace("test images frames 480 to 599", "test images frames 400 to 470")
    later = change(bundle, description=change(about, training=change(about.training, split=split)))
    with pytest.raises(TrainingError, match="holds no frames that neither bundle has learnt from"):
        compare_forecasts((bundle, later), data, fps=FPS, say=print)
    with pytest.raises(TrainingError, match="only bundles of one task compare"):
        compare_forecasts((bundle, change(bundle, description=change(about, forecast=None))), data, fps=FPS, say=print)


def motion_file(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    np.save(folder / "motion.npy", np.abs(rng.normal(0.01, 0.005, 600)) + 0.05 * (np.arange(600) % 14 < 4))
    return folder / "motion.npy"


def test_the_command_scores_forecasts_of_motion_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--horizon", "6", "--least-range", "0.02", "--past", "12", "--fps", "30", "--parts", "0.6", "0.2", "0.2"]
    data, out = str(motion_file(tmp_path)), tmp_path / "m"
    assert main(["fit", "--task", "forecast", "--data", data, "--out", str(out), "--json", "--forecaster", "logit", *options]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["bundle"], said["judged_on"], said["main"]) == (None, "test", "logit")
    assert said["rule"] == {"horizon": 6, "share": 0.1, "least_range": 0.02, "past": 12}
    assert (out / "report.html").exists()


def test_the_command_says_whether_frames_are_learnt_by_heart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--horizon", "6", "--least-range", "0.02", "--past", "12", "--fps", "30", "--parts", "0.6", "0.2", "0.2", "--hidden", "4"]
    data, out = str(motion_file(tmp_path)), tmp_path / "m"
    assert main(["fit", "--task", "forecast", "--data", data, "--out", str(out), "--memorise", "20", *options]) == 0
    assert "lstm" in capsys.readouterr().out
    assert not out.exists()


def test_with_a_cameras_size_motion_alone_makes_a_bundle(tmp_path: Path) -> None:
    out = tmp_path / "m"
    asked = replace(request(motion_file(tmp_path), out, "logit", picture=(30, 40, 3)), fps=30.0003)
    made = make_forecast_bundle(asked, Console(quiet=True))
    assert made.bundle == out
    forecast = read_bundle(out).description.forecast
    assert forecast is not None
    assert forecast.horizon_ms == 200.0  # whole, though the rate is none: it is written again in the configuration
    assert open_classifier(read_bundle(out)).bundle.description.input.shape == (1, 30, 40, 3)


def test_nothing_of_yours_is_replaced_by_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "notes.txt").write_text("mine")
    with pytest.raises(TrainingError, match="exists but is not a bundle"):
        make_forecast_bundle(request(motion_file(tmp_path), tmp_path / "m", "logit"), Console(quiet=True))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--task", "forecast", "--network", "trackrat"], "--network is for key points"),
        (["--task", "forecast", "--front", "nose"], "--front does not go with --task forecast"),
        (["--task", "behaviour", "--horizon", "9"], "--horizon is for forecasts"),
        (["--horizon", "9"], "--horizon is for forecasts"),
        (["--task", "forecast", "--past", "0"], "a past of 0 frames"),
        (["--task", "forecast", "--from", "b", "--forecaster", "lstm", "logit"], "--from begins one network, and --forecaster names 2"),
        (["--task", "forecast", "--permuted"], "--permuted goes with --memorise"),
    ],
)
def test_options_of_another_task_are_refused(tmp_path: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--data", str(tmp_path / "a.npy"), "--out", str(tmp_path / "o"), *options]) == 1
    assert said in capsys.readouterr().err
