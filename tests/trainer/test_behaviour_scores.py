"""Scores of behaviour in frames and in bouts, against cases counted by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tracker.behaviour.rule import RuleState
from tracker.behaviour.score import bouts_of_events, bouts_of_labels, score_frames
from tracker.config_rules import EventConfig, MotionSource, Rule
from tracker.event import Event
from trainer.__main__ import main
from trainer.behaviour_scores.behaviour_score import Cleaning, always_the_commonest, clean, score_behaviour
from trainer.behaviour_scores.bout_score import bouts_by_block, cleaned, score_bouts
from trainer.behaviour_scores.intervals import compare_f1
from trainer.behaviour_scores.kappa import kappa, kappa_by_bout
from trainer.behaviour_scores.probability_file import probabilities_csv, read_probabilities
from trainer.behaviour_scores.read_answers import read_answers
from trainer.behaviour_scores.reliability_bins import calibration
from trainer.behaviour_scores.scored_video import Decide, ScoredVideo, against_labels
from trainer.behaviour_scores.threshold_curves import choose_threshold, curve
from trainer.errors import LabelError, TrainingError
from trainer.ethogram.files import read_ethograms
from trainer.ethogram.read_options import ReadOptions


def video(truth: str, said: str, *, fps: float = 10.0, name: str = "v") -> ScoredVideo:
    """One class, a letter a frame: # on, . off, ? not judged."""
    marks = np.array([{"#": 1, ".": 0, "?": -1}[letter] for letter in truth], np.int8)[:, None]
    answers = np.array([letter == "#" for letter in said])[:, None]
    return ScoredVideo(name=name, class_names=("groom",), truth=marks, said=answers, probabilities=None, fps=fps)


def exclusive(truth: str, said: str, *, names: str = "abc", name: str = "v") -> ScoredVideo:
    """Classes that exclude each other, a letter of `names` a frame."""
    sides = [np.array([[letter == each for each in names] for letter in text]) for text in (truth, said)]
    return ScoredVideo(name=name, class_names=tuple(names), truth=sides[0].astype(np.int8), said=sides[1], probabilities=None, fps=10)


def test_frames_that_nobody_judged_are_not_scored() -> None:
    one = score_behaviour("x", [video("##..??", "#.#.##")]).classes[0]
    assert (one.frames.precision, one.frames.recall, one.frames.f1, one.judged_frames) == (0.5, 0.5, 0.5, 4)
    assert (one.as_json()["false_frames"], one.as_json()["missed_frames"]) == (1, 1)


def test_bouts_are_detected_missed_false_and_in_pieces_as_counted_by_hand() -> None:
    truth = "..######....####....##......"
    found = ".##.##......####........##.."
    one = score_bouts([video(truth, found)], 0)
    assert (one.true, one.found, one.matched, one.detected, one.false, one.pieces) == (3, 4, 2, 2, 1, 3)
    assert one.fragmentation == 1.5
    assert one.false_per_true == pytest.approx(1 / 3)
    assert one.false_per_minute == pytest.approx(60 / 2.8)
    assert one.f1 == pytest.approx(2 * 2 / 7)


def test_onset_and_offset_errors_are_signed_milliseconds() -> None:
    one = score_bouts([video("..####....", "....####..", fps=50)], 0)
    assert (one.onset_ms.tolist(), one.offset_ms.tolist()) == ([40.0], [40.0])
    early = score_bouts([video("..####....", ".##.......", fps=50)], 0)
    assert (early.onset_ms.tolist(), early.offset_ms.tolist()) == ([-20.0], [-60.0])


@pytest.mark.parametrize(
    ("truth", "found", "onsets", "offsets"),
    [
        ("??##..", "####..", [], [0.0]),  # begun before anything was judged
        ("??##..", "...#..", [], [0.0]),  # the true bout may have begun before
        ("?.##.??", "?.#####", [0.0], []),
        ("##...", ".##..", [], [100.0]),  # on in the first frame: since when is not known
        ("..###", "..##.", [0.0], []),
        (".##??##.", ".######.", [0.0], [0.0]),  # through a gap: one bout on either side of it
    ],
)
def test_a_bout_at_the_edge_of_what_is_judged_has_no_error_there(truth: str, found: str, onsets: list[float], offsets: list[float]) -> None:
    one = score_bouts([video(truth, found)], 0)
    assert (one.onset_ms.tolist(), one.offset_ms.tolist()) == (onsets, offsets)


def test_a_found_bout_where_nobody_judged_is_not_false() -> None:
    assert score_bouts([video("??????..##", ".##.....##")], 0).found == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=3, max_size=80), st.sampled_from([0, 40, 50, 100]), st.sampled_from([0, 20, 40, 70]))
def test_cleaning_gives_the_bouts_of_the_live_rule(labels: list[bool], minimum_ms: float, gap_ms: float) -> None:
    rule = Rule(when="above", on=0.5, off=0.5, minimum_ms=minimum_ms, maximum_gap_ms=gap_ms, refractory_ms=0, confidence=0, missing="end")
    state = RuleState(EventConfig(event="e", source=MotionSource(), rule=rule), 0)
    padded = np.array([*labels, *[False] * 10])
    times = np.arange(len(padded), dtype=np.int64) * 20_000_000
    events: list[Event] = []
    for frame, on in enumerate(padded):
        events += state.update(frame, int(times[frame]), value=float(on), step_ns=20_000_000, intervals_ns=())
    live = bouts_of_events(events, dict(enumerate(times.tolist())), name="e", animal=0, marks="bout")
    ours = cleaned(padded[:, None], fps=50, minimum_ms=minimum_ms, gap_ms=gap_ms)[:, 0]
    onsets = bouts_of_labels(ours, times)[:, 0]
    assert onsets.tolist() == live[:, 0].tolist()


def test_cleaning_helps_bouts_and_may_hurt_frames() -> None:
    one = video("..######........", "..##.###..#.....")
    scores = [score_behaviour("x", each).classes[0] for each in ([one], clean([one], Cleaning(minimum_ms=150, gap_ms=100)))]
    assert [score.bouts.f1 for score in scores] == [0.5, 1.0]


def test_area_precision_and_threshold_match_counts_by_hand() -> None:
    probability = np.array([0.9, 0.8, 0.8, 0.4, 0.3, 0.1])
    true = np.array([True, True, False, True, False, False])
    found = curve(probability, true)
    assert found is not None
    pairs = [(p > n) + 0.5 * (p == n) for p in probability[true] for n in probability[~true]]
    assert found.auc == pytest.approx(np.mean(pairs))
    assert found.average_precision == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert found.majority == 0.5
    threshold = choose_threshold(found, "f1")
    assert 0.3 < threshold < 0.4
    assert score_frames(probability > threshold, true).f1 == pytest.approx(6 / 7)
    assert choose_threshold(found, "accuracy") == pytest.approx(threshold)
    assert curve(probability, np.ones(6, np.bool_)) is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=4, max_size=60))
def test_no_threshold_is_better_than_the_one_that_the_rule_chose(frames: list[tuple[int, bool]]) -> None:
    probability, true = np.array([p / 8 for p, _ in frames]), np.array([t for _, t in frames])
    found = curve(probability, true)
    if found is None:
        return
    chosen = score_frames(probability > choose_threshold(found, "f1"), true).f1
    others = [score_frames(probability > threshold, true).f1 for threshold in np.linspace(0, 1, 50)]
    assert chosen >= np.nanmax(others) - 1e-12


def test_calibration_is_the_mean_distance_of_said_from_true() -> None:
    probability = np.array([0.95, 0.95, 0.95, 0.95, 0.15, 0.15])
    true = np.array([True, True, False, False, False, False])
    assert calibration(probability, true).ece == pytest.approx((4 * 0.45 + 2 * 0.15) / 6)


def test_kappa_is_that_of_the_published_example() -> None:
    assert kappa(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)
    assert np.isnan(kappa(np.array([[9, 0], [0, 0]])))


def test_kappa_by_bout_counts_each_bout_once_with_the_class_of_its_pair() -> None:
    one = exclusive("aaaa..bbbb..aaaa", "aaa...cccc......")
    table = np.zeros((4, 4), np.int64)
    table[0, 0], table[1, 2], table[0, 3] = 1, 1, 1
    assert kappa_by_bout([one]) == pytest.approx(kappa(table))


def test_confusion_accuracy_and_the_majority_stand_together() -> None:
    found = score_behaviour("x", [exclusive("aaaab.", "aaabb.")])
    assert found.confusion is not None
    assert found.confusion.tolist() == [[3, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]
    assert found.accuracy == pytest.approx(5 / 6)
    assert found.majority == pytest.approx(4 / 6)
    trivial = score_behaviour("t", always_the_commonest([exclusive("aaaab.", "......")]))
    assert trivial.accuracy == found.majority


def test_two_answers_that_are_the_same_are_never_called_different() -> None:
    rng = np.random.default_rng(0)
    truth = "".join(rng.choice(list("aabbc."), 4000))
    noisy = ["".join(rng.choice([letter, "a"], p=[0.8, 0.2]) for letter in truth) for _ in range(2)]
    same = compare_f1(("x", "y"), [exclusive(truth, noisy[0])], [exclusive(truth, noisy[1])], block_s=10)
    assert not same.shown
    assert "No difference between y and x" in same.sentence
    better = compare_f1(("x", "y"), [exclusive(truth, noisy[0])], [exclusive(truth, truth)], block_s=10)
    assert better.shown
    assert better.low > 0
    assert better.sentence.startswith("y is better than x")


def test_bouts_are_called_better_found_only_where_their_own_interval_leaves_out_zero() -> None:
    rng = np.random.default_rng(0)
    marks = np.repeat(rng.integers(0, 2, 200), 20)
    truth = "".join(np.where(marks == 1, "#", "."))
    flickering = "".join(np.where((np.arange(4000) % 20 == 10), ".", list(truth)))  # each bout in two pieces: 1 frame of 20 is wrong
    late = "".join(np.where((np.arange(4000) % 20 < 2), ".", list(truth)))
    found = compare_f1(("x", "y"), [video(truth, flickering)], [video(truth, late)], block_s=10)
    assert found.by_bout is not None
    assert found.high < 0  # 1 frame of 20 is wrong, and 2 of 20
    assert found.by_bout.low > 0
    assert found.sentences == (found.sentence, f"By bout: {found.by_bout.sentence}")
    assert found.by_bout.sentence.startswith("y is better than x on 40 blocks")
    assert found.by_bout.first_f1 == pytest.approx(score_bouts([video(truth, flickering)], 0).f1)
    assert found.as_json()["by_bout"]["low"] == found.by_bout.low
    same = compare_f1(("x", "y"), [video(truth, late)], [video(truth, late[:-9] + "." * 9)], block_s=10)
    assert same.by_bout is not None
    assert not same.by_bout.shown


def test_a_bout_over_the_edge_of_a_block_is_one_and_drawn_with_its_pair() -> None:
    one = video("....####....", "...##.......")
    assert bouts_by_block(one, 0, frames=4).tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert bouts_by_block(video("....##......", "##........##"), 0, frames=5).tolist() == [[0, 1, 1], [0, 0, 0], [0, 1, 0]]


def test_both_answers_are_drawn_with_the_same_blocks() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (20, 100))
    wrong = [rng.choice(100, round(100 * share), replace=False) for share in np.linspace(0.1, 0.6, 20)]  # of blocks that are very unlike

    def answer(*, spared: int) -> list[ScoredVideo]:
        said = truth.copy()
        for block, frames in enumerate(wrong):
            said[block, frames[spared:]] ^= 1
        letters = ["".join("ab"[each] for each in of.ravel()) for of in (truth, said)]
        return [exclusive(letters[0], letters[1], names="ab")]

    twice = compare_f1(("x", "y"), answer(spared=0), answer(spared=0), block_s=10)
    assert (twice.low, twice.high, twice.blocks) == (0.0, 0.0, 20)
    assert 0.5 < twice.first_f1 < 0.8
    better = compare_f1(("x", "y"), answer(spared=0), answer(spared=2), block_s=10)
    assert 0.01 < better.low < 0.02 < better.high < 0.03


def test_answers_to_different_videos_or_too_few_blocks_are_not_compared() -> None:
    one = exclusive("aabb" * 20, "aabb" * 20)
    with pytest.raises(TrainingError, match="different videos"):
        compare_f1(("x", "y"), [one], [exclusive("abab" * 20, "aabb" * 20)])
    with pytest.raises(TrainingError, match="1 block of 30 s is too few"):
        compare_f1(("x", "y"), [one], [one])


def test_probabilities_come_back_and_warming_frames_are_no_decision(tmp_path: Path) -> None:
    probabilities = np.array([[np.nan, np.nan], [0.7, 0.3], [0.2, 0.8]], np.float32)
    (tmp_path / "p.csv").write_bytes(probabilities_csv(probabilities, ("a", "b"), exclusive=False))
    found = read_probabilities(tmp_path / "p.csv", ())
    np.testing.assert_allclose(found.probabilities, probabilities, atol=1e-6)
    assert found.class_names == ("a", "b")
    assert Decide(exclusive=True, thresholds=(0.5, 0.5)).of(found.probabilities).tolist() == [[False, False], [True, False], [False, True]]


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_table_says_whether_its_classes_exclude_each_other(exclusive: bool, tmp_path: Path) -> None:
    probabilities = np.array([[np.nan, np.nan], [0.4, 0.35], [0.2, 0.3]], np.float32)
    (tmp_path / "net.csv").write_bytes(probabilities_csv(probabilities, ("groom", "rear"), exclusive=exclusive))
    truth = write_labels(tmp_path / "truth.csv", np.array([[0, 0], [1, 0], [0, 0]], np.int8))
    [video], notes = read_answers([truth], [tmp_path / "net.csv"], asked=ReadOptions(fps=30.0), threshold=0.5)
    assert video.said.tolist() == [[False, False], [exclusive, False], [False, False]]
    assert notes == []


@pytest.mark.parametrize("text", ["a,b\n0.5\n", "a\nhigh\n", "a\n1.5\n", "frame\n0\n"])
def test_a_table_that_holds_no_probabilities_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(text, encoding="utf-8")
    with pytest.raises(LabelError, match=r"p\.csv: "):
        read_probabilities(tmp_path / "p.csv", ())


def write_labels(path: Path, marks: NDArray[np.int8]) -> Path:
    rows = "".join(f"{frame},{a},{b}\n" for frame, (a, b) in enumerate(marks.tolist()))
    path.write_text(f"frame,groom,rear\n{rows}", encoding="utf-8")
    return path


def test_the_command_scores_an_answer_and_a_second_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    marks = np.zeros((600, 2), np.int8)
    marks[100:200, 0], marks[300:400, 1] = 1, 1
    truth = write_labels(tmp_path / "truth.csv", marks)
    person = write_labels(tmp_path / "person.csv", np.roll(marks, 5, axis=0))
    probabilities = np.column_stack([np.where(np.roll(marks, 3, axis=0) == 1, 0.9, 0.1)]).astype(np.float32)
    (tmp_path / "net.csv").write_bytes(probabilities_csv(probabilities, ("groom", "rear"), exclusive=False))
    report = tmp_path / "report"
    arguments = ["bouts", "score", str(truth), "--found", str(tmp_path / "net.csv"), "--probabilities", "--person", str(person)]
    assert main([*arguments, "--fps", "30", "--gap-ms", "100", "--report", str(report), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    names = [score["name"] for score in found["scores"]]
    assert names == ["found", "found, cleaned", "second person", "always the commonest"]
    assert found["scores"][0]["classes"][0]["bouts"]["onset_median_ms"] == pytest.approx(100)
    assert found["scores"][2]["classes"][0]["bouts"]["onset_median_ms"] == pytest.approx(500 / 3)
    assert json.loads((report / "metrics.json").read_bytes())["scores"][0]["name"] == "found"
    assert "<h2>By bout</h2>" in (report / "report.html").read_text(encoding="utf-8")


def test_the_published_agreement_of_a_freezing_detector_is_found_again() -> None:
    folder = Path(__file__).parents[3] / "shared" / "data" / "behaviour_freezing" / "demo1"
    if not folder.exists():
        pytest.skip("shared/data/behaviour_freezing is not here")
    sides = []
    for name, variable in (
        ("hB_demo1_manual_annotations.mat.mat", "hBehavior/Freezing/Vector"),
        ("demo1_video.avi_analyzed/Behavior.mat", "Behavior/Freezing/Vector"),
    ):
        asked = ReadOptions(class_names=("freezing",), variable=variable, fps=50)
        sides.append(read_ethograms(folder / name, asked).ethograms[0])
    scored, notes = against_labels(sides[0], sides[1], name="demo1")
    one = score_behaviour("detector", [scored]).classes[0]
    assert notes == []
    assert (one.true_frames, one.bouts.true, one.bouts.found) == (1368, 20, 17)
    assert [one.frames.precision, one.frames.recall, one.frames.f1] == pytest.approx([0.875, 0.932, 0.903], abs=5e-4)


def test_files_that_do_not_belong_together_are_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = write_labels(tmp_path / "truth.csv", np.zeros((20, 2), np.int8))
    (tmp_path / "other.csv").write_text("frame,sleep\n0,1\n1,0\n", encoding="utf-8")
    assert main(["bouts", "score", str(truth), "--found", str(tmp_path / "other.csv"), "--fps", "30"]) == 1
    assert "the classes are groom, rear and sleep; expected some of the same name" in capsys.readouterr().err
    assert main(["bouts", "score", str(truth), "--found", str(truth)]) == 1
    assert "say it with --fps" in capsys.readouterr().err
