"""Boosted trees beside a network of behaviour: trained on the same videos, scored on the same frames, and said to win where they do."""

import html
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from rich.console import Console

from tests.tracker.small_classifier import write_classifier
from tests.trainer.pose_videos import BODY, divided
from tests.trainer.walkers import CLASSES, POINTS, write_table
from trainer.__main__ import PROGRAM, main
from trainer.behaviour.behaviour_bundle import BehaviourBundle
from trainer.behaviour.boosted_trees import NAME, DamagedTreesError, missing_library, probabilities_of
from trainer.behaviour.bundle_request import BehaviourRequest
from trainer.behaviour.make_behaviour_bundle import make_behaviour_bundle
from trainer.behaviour.reference import REFERENCE_FILE, Reference, answers_of, read_reference, train_reference, write_reference
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.trailing_windows import with_windows
from trainer.behaviour.video_table import PoseVideos
from trainer.behaviour_scores.behaviour_score import Cleaning, score_behaviour
from trainer.behaviour_scores.scored_answers import score_answers
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.commands.behaviour_request import behaviour_request
from trainer.errors import TrainingError
from trainer.ethogram.bouts import YES
from trainer.ethogram.read_options import ReadOptions

if missing_library():
    pytest.skip(str(missing_library()), allow_module_level=True)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> PoseVideos:
    return divided(tmp_path_factory.mktemp("walkers"))


@pytest.fixture(scope="module")
def trees(videos: PoseVideos) -> Reference:
    return train_reference(videos, BODY, rule="f1", seed=0, say=lambda _: None)


def test_trees_find_what_they_learnt_in_a_video_they_never_saw(videos: PoseVideos, trees: Reference) -> None:
    score = score_behaviour(NAME, answers_of(trees, videos.of("test")))
    assert score.macro_f1 > 0.7
    assert score.accuracy is not None
    assert score.majority is not None
    assert score.accuracy > score.majority + 0.2


def test_no_answer_of_the_trees_depends_on_a_later_frame(videos: PoseVideos, trees: Reference) -> None:
    one = videos.of("test")[0]
    altered = one.poses.copy()
    altered[100:] += 50
    found = [answers_of(trees, [video])[0].probabilities for video in (one, replace(one, poses=altered))]
    assert found[0] is not None
    assert found[1] is not None
    assert np.array_equal(found[0][:100], found[1][:100])
    assert not np.array_equal(found[0], found[1])


def test_windows_end_with_the_frame_itself() -> None:
    values = np.array([[1.0], [3.0], [5.0], [5.0]], np.float32)
    np.testing.assert_allclose(with_windows(values, [2.0]), [[1, 1, 0], [3, 2, 1], [5, 4, 1], [5, 5, 0]], atol=1e-6)


def test_classes_that_overlap_get_trees_and_a_threshold_each(videos: PoseVideos) -> None:
    marks = [one.marks | one.marks[:, :1] for one in videos.videos]  # the first class is on wherever the second is, and alone
    both = tuple(replace(one, marks=each) for one, each in zip(videos.videos, marks, strict=True))
    found = train_reference(replace(videos, exclusive=False, videos=both), BODY, rule="f1", seed=0, say=lambda _: None)
    assert (len(found.models), len(found.thresholds)) == (2, 2)
    said = answers_of(found, both[-1:])[0]
    assert (said.said == (said.truth == YES)).mean() > 0.8


def told(videos: Sequence[ScoredVideo], *, wrong: float) -> list[ScoredVideo]:
    """The truth with a share of its blocks of frames turned off."""
    rng = np.random.default_rng(0)
    return [video.saying(video.true & (rng.random((len(video.truth), 1)) >= wrong)) for video in videos]


@pytest.fixture
def long_video() -> list[ScoredVideo]:
    truth = (np.arange(9000)[:, None] // 100 % 2).astype(np.int8)
    return [ScoredVideo(name="v", class_names=("groom",), truth=truth, said=truth == 1, probabilities=None, fps=30.0)]


@pytest.mark.parametrize(("network", "trees_wrong", "beaten"), [(0.3, 0.1, False), (0.2, 0.2, False), (0.1, 0.3, True)])
def test_a_network_that_does_not_beat_the_reference_is_said_to_be_none_the_better(
    network: float, trees_wrong: float, beaten: bool, long_video: list[ScoredVideo]
) -> None:
    run = score_answers(
        "it", ("network", told(long_video, wrong=network)), cleaning=Cleaning(), reference=(NAME, told(long_video, wrong=trees_wrong))
    )
    assert [name for name, _ in run.answers] == ["network", NAME, "always the commonest"]
    said = "network does not beat the reference: what it has learnt, LightGBM learns too."
    assert (said in run.verdicts) is not beaten
    assert any(said.startswith("network is better than LightGBM") for said in run.verdicts) is beaten
    assert re.search(r"^network: macro-F1 .*; the reference, LightGBM, reaches macro-F1 0\.\d{3} by frame, 0\.\d{3} by bout$", run.headline)
    assert run.as_json()["against_reference"]["second_f1"] == pytest.approx(run.scores[0].macro_f1)


def made(folder: Path, *, reference: bool) -> BehaviourBundle:
    settings = BehaviourSettings(epochs=1, hidden=4, window=150, mirror=False)
    asked = BehaviourRequest(
        table=write_table(folder, frames=300),
        out=folder / "model",
        settings=settings,
        asked=ReadOptions(),
        reference=reference,
        proved_frames=60,
    )
    return make_behaviour_bundle(asked, Console(quiet=True))


def test_the_reference_stands_in_every_report_of_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fitted = made(tmp_path, reference=True)
    out, table = fitted.bundle, tmp_path / "videos.csv"
    rows = ["network", NAME, "always the commonest"]
    assert [score.name for score in fitted.run.scores] == rows
    page = html.unescape((out / "report.html").read_text(encoding="utf-8"))
    assert NAME in page
    assert "the body's axis goes from tail to nose" in page
    assert main(["evaluate", str(out), "--data", str(table), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert [score["name"] for score in again["scores"]] == ["model", *rows[1:]]
    assert again["scores"][1]["macro_f1"] == pytest.approx(fitted.run.scores[1].macro_f1)
    long = write_table(tmp_path, videos=1, frames=1800, first=20, fps=10.0)
    assert main(["compare", str(out), str(out), "--data", str(long)]) == 0
    assert capsys.readouterr().out.count(f"{NAME} beside ") >= 2
    capsys.readouterr()
    found = read_reference(out)
    assert found is not None
    assert sorted(found.class_names) == sorted(CLASSES)
    (out / REFERENCE_FILE).write_text((out / REFERENCE_FILE).read_text().replace('"features":', '"features":9', 1))
    with pytest.raises(TrainingError, match="of features that are defined otherwise by now"):
        read_reference(out)


@pytest.fixture(scope="module")
def beside(trees: Reference, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A bundle of these classes, and a short table."""
    folder = tmp_path_factory.mktemp("beside")
    one, other = trees.class_names
    bundle = write_classifier(folder / "bundle", points=POINTS, animals=2, classes=(one, other))
    return bundle, write_table(folder, videos=1, frames=60, first=20)


def without_end(model: str) -> str:
    return model.partition("\nend of trees\n")[0]


DAMAGED: dict[str, tuple[dict[str, Any], str]] = {
    "no models": ({"models": []}, "it has 0 models; expected one, for its classes exclude each other"),
    "no trees": ({"models": ["nothing"]}, "it is not LightGBM's text of trees, or not all of it"),
    "half": ({"models": without_end}, "it is not LightGBM's text of trees, or not all of it"),
    "a number": (
        {"models": lambda model: model.replace("leaf_value=", "leaf_value=x", 1)},
        r"LightGBM cannot read its trees \(no conversion",
    ),
    "overlapping": ({"exclusive": False}, "it has 1 models; expected one for each of 2 classes"),
    "one threshold": ({"thresholds": [0.5]}, "it has 1 thresholds; expected one for each of 2 classes"),
    "a threshold": ({"thresholds": [0.5, 7]}, "Expected `float` <= 1.0"),
    "late": ({"delay_ms": 1e12}, r"Expected `float` <= 10000.0 - at `\$.delay_ms`"),
    "early": ({"delay_ms": -500}, r"Expected `float` >= 0.0 - at `\$.delay_ms`"),
    "other delay": ({"delay_ms": 300}, "it answers 300 ms after a frame, the bundle 0 ms"),
    "points": ({"body": {"points": 4}}, "it is of 2 animals with 4 points, the bundle of 2 with 3"),
    "axis": ({"body": {"front": 9}}, "its body has an axis from point [0-9] to 9 of 3"),
}


@pytest.mark.parametrize(("changes", "sentence"), DAMAGED.values(), ids=DAMAGED)
def test_a_reference_that_is_damaged_is_refused_in_one_sentence(
    trees: Reference, beside: tuple[Path, Path], capsys: pytest.CaptureFixture[str], changes: dict[str, Any], sentence: str
) -> None:
    bundle, table = beside
    path = bundle / REFERENCE_FILE
    plain = msgspec.to_builtins(trees)  # without a hash, as in files of older versions
    if callable(changes.get("models")):
        changes = {"models": [changes["models"](model) for model in plain["models"]]}
    if "body" in changes:
        changes = {"body": plain["body"] | changes["body"]}
    path.write_text(json.dumps(plain | changes))
    assert main(["evaluate", str(bundle), "--data", str(table)]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert re.search(rf"{re.escape(str(path))}: .*{sentence}.*; delete it, or make the bundle again$", said)


def test_trees_of_other_features_are_refused(trees: Reference) -> None:
    with pytest.raises(DamagedTreesError, match="its trees give 3 answers to 714 features; expected 3 to 5"):
        probabilities_of(trees.models, np.zeros((2, 5), np.float32), classes=2, exclusive=True)


def test_a_reference_s_own_hash_tells_of_a_changed_digit(trees: Reference, tmp_path: Path) -> None:
    write_reference(tmp_path, trees)
    path = tmp_path / REFERENCE_FILE
    assert read_reference(tmp_path) == trees
    path.write_text(path.read_text().replace("left_child=1", "left_child=9", 1))
    with pytest.raises(TrainingError, match=r"its content does not have its SHA-256, so it is damaged; delete it"):
        read_reference(tmp_path)


def test_no_reference_is_trained_where_none_is_wanted(tmp_path: Path) -> None:
    words = "fit --task behaviour --data t.csv --out b"
    assert behaviour_request(PROGRAM.parser().parse_args(words.split())).reference
    assert not behaviour_request(PROGRAM.parser().parse_args([*words.split(), "--no-reference"])).reference
    fitted = made(tmp_path, reference=False)
    assert [score.name for score in fitted.run.scores] == ["network", "always the commonest"]
    assert not (fitted.bundle / REFERENCE_FILE).exists()
