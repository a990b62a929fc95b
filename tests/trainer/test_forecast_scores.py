"""Recordings cut in time, forecasts that learn nothing, and what a score of a forecast says."""

from dataclasses import replace
from pathlib import Path

import cv2
import h5py  # type: ignore[import-untyped]
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainer.twitching import FPS, RULE, SHARES, parts_of, recording_of, twitching
from tracker.behaviour.burst_forecast import BurstForecast
from tracker.config_rules import ForecastSource
from tracker.motion import Motion
from trainer.behaviour.division import SplitBy
from trainer.errors import LabelError, TrainingError
from trainer.forecast.labels import NOT_LABELLED, BurstRule, burst_labels
from trainer.forecast.paired_auc import auc_interval, compare_auc
from trainer.forecast.parts import Stretch, divide
from trainer.forecast.recordings import Recording, Source, read_recording, sources_of
from trainer.forecast.scores import score_forecast, threshold_of
from trainer.forecast.simple_forecasts import QUIET, simple_forecasts


def motion_recording(motion: NDArray[np.float64], *, part: str | None = None, fps: float = FPS) -> Recording:
    return Recording(name="m", motion=motion, fps=fps, frames=None, shape=None, part=part)


def lively(frames: int, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return np.asarray(np.abs(rng.normal(0.01, 0.01, frames)) + 0.05 * (np.arange(frames) % 20 < 4))


def stretch_of(labels: list[int]) -> Stretch:
    motion = np.full(len(labels), 0.1)
    return Stretch(recording=motion_recording(motion), part="test", first=0, end=len(labels), labels=np.array(labels, np.int8))


def test_the_motion_of_a_recording_is_that_of_the_rig_shifted_to_its_first_frame(tmp_path: Path) -> None:
    images = twitching(40)
    meter = Motion()
    arriving = [meter.update(image) for image in images]
    assert recording_of(images, tmp_path).motion.tolist() == [*arriving[1:], 0.0]


def test_small_frames_stay_on_the_disk_and_are_the_pictures_made_smaller(tmp_path: Path) -> None:
    images = np.repeat(np.repeat(twitching(70), 2, axis=1), 2, axis=2)
    frames = recording_of(images, tmp_path).frames
    assert isinstance(frames, np.memmap)
    assert np.array_equal(frames, twitching(70))


@pytest.mark.parametrize("kind", ["folder", "h5", "video"])
def test_a_recording_of_any_kind_has_the_same_motion_and_frames(tmp_path: Path, kind: str) -> None:
    images = np.repeat(np.repeat(twitching(12), 4, axis=1), 4, axis=2)
    expected = recording_of(images, tmp_path)
    path = tmp_path / {"folder": "images", "h5": "images.h5", "video": "images.avi"}[kind]
    if kind == "folder":
        path.mkdir()
        for number, image in enumerate(images):
            cv2.imwrite(str(path / f"{number}.png"), image)
    elif kind == "h5":
        with h5py.File(path, "w") as file:
            file["video"] = images
    else:
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), FPS, (64, 48))
        for image in images:
            writer.write(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR))
        writer.release()
    source = Source(path=path, fps=FPS, part=None)
    found = read_recording(source, size=(12, 16), motion_size=None, keep=tmp_path / "keep", say=lambda _: None)
    lossy = {"folder": 0.0, "h5": 0.0, "video": 3e-3}[kind]  # through YUV and back
    np.testing.assert_allclose(found.motion, expected.motion, atol=lossy)
    assert found.frames is not None
    assert expected.frames is not None
    assert np.abs(found.frames.astype(int) - expected.frames).max() <= 255 * lossy * 2
    assert found.shape == ((48, 64, 3) if kind == "video" else (48, 64))


def test_parts_follow_each_other_in_time_and_no_label_looks_across_a_cut() -> None:
    motion = lively(400)
    parts = divide([motion_recording(motion)], RULE, SHARES)
    assert [(one.part, one.first, one.end) for one in parts.stretches] == [("train", 0, 240), ("validation", 240, 320), ("test", 320, 400)]
    for one in parts.stretches:
        altered = np.full(400, 0.9)
        altered[one.first : one.end - 1] = motion[one.first : one.end - 1]
        assert np.array_equal(burst_labels(altered[one.first : one.end], RULE), one.labels)
        assert (one.labelled[0], one.labelled[-1]) == (RULE.past - 1, one.end - one.first - 2 - RULE.horizon)


def of_trials(letters: str) -> list[Recording]:
    recordings = [motion_recording(lively(150, place)) for place in range(len(letters))]
    return [replace(one, groups={"trial": letter}) for one, letter in zip(recordings, letters, strict=True)]


def test_recordings_of_a_trial_stay_in_one_part_where_the_table_names_trials() -> None:
    parts = divide(of_trials("aabbcc"), RULE, SHARES)
    assert [one.part for one in parts.stretches] == ["train", "train", "validation", "validation", "test", "test"]
    assert parts.notes == ("divided by trial: one is in one part alone",)
    by_recording = divide(of_trials("aabbcc"), RULE, SHARES, by="video")
    assert [one.part for one in by_recording.stretches] == ["train"] * 4 + ["validation", "test"]
    in_time = divide(of_trials("aab"), RULE, (0.4, 0.3, 0.3))
    assert [one.part for one in in_time.stretches] == ["train", "validation", "test"] * 3


@pytest.mark.parametrize(
    ("recordings", "by", "said"),
    [
        (of_trials("abcd"), "session", "--split-by session needs a column session"),
        (of_trials("aabb"), "trial", "2 trials leave none to learn from: 1 validate and 1 are held out"),
        ([replace(one, part="train") for one in of_trials("ab")], "trial", "--split-by trial and a column part contradict"),
    ],
    ids=["not named", "too few", "parts too"],
)
def test_recordings_that_cannot_stay_together_are_refused(recordings: list[Recording], by: SplitBy, said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        divide(recordings, RULE, SHARES, by=by)


@pytest.mark.parametrize(
    ("recordings", "shares", "said"),
    [
        ([motion_recording(lively(400))], (0.0, 0.5, 0.5), "parts are 0, 0.5, 0.5"),
        ([motion_recording(lively(400)), motion_recording(lively(400), fps=60)], SHARES, "expected one rate"),
        ([motion_recording(lively(60))], SHARES, "the validation part has 0 labelled frames"),
        ([motion_recording(np.zeros(400))], SHARES, "the train part has 222 labelled frames, 0 of them before a burst"),
    ],
    ids=["shares", "rates", "too short", "nothing moves"],
)
def test_what_cannot_be_divided_is_refused(recordings: list[Recording], shares: tuple[float, float, float], said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        divide(recordings, RULE, shares)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("video,fps\na.mp4,30\n", "has the columns video, fps"),
        ("recording,part\na.mp4,first\n", "part is 'first'"),
        ("recording,fps\na.mp4,fast\n", "fps is 'fast'"),
        ("recording,fps\n", "holds no recording"),
    ],
)
def test_a_table_that_is_none_is_refused_with_its_row(tmp_path: Path, content: str, said: str) -> None:
    table = tmp_path / "recordings.csv"
    table.write_text(content)
    with pytest.raises(LabelError, match=said):
        sources_of((table,), fps=None)


@pytest.mark.parametrize(
    ("array", "size", "said"),
    [
        (np.array([0.1, 2.0]), None, "motion outside 0 to 1"),
        (np.array([0.1, 0.2]), (4, 4), "holds motion and no pictures"),
        (np.zeros((5, 4, 4)), (4, 4), "or uint8 images"),
        (np.zeros((0, 4, 4), np.uint8), (4, 4), "is empty"),
        (np.zeros((5, 4, 4), np.uint8), (8, 8), "larger than the 4x4 of its pictures"),
    ],
    ids=["not motion", "no pictures", "not images", "empty", "enlarged"],
)
def test_a_recording_that_cannot_be_used_is_refused(
    tmp_path: Path, array: NDArray[np.generic], size: tuple[int, int] | None, said: str
) -> None:
    np.save(tmp_path / "a.npy", array)
    source = Source(path=tmp_path / "a.npy", fps=30.0, part=None)
    with pytest.raises(LabelError, match=said):
        read_recording(source, size=size, motion_size=None, keep=tmp_path / "keep", say=lambda _: None)


def test_a_recording_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"gone\.npy: is not there"):
        read_recording(
            Source(path=tmp_path / "gone.npy", fps=30.0, part=None), size=None, motion_size=None, keep=tmp_path / "keep", say=lambda _: None
        )


def test_the_published_rule_in_the_table_is_the_code_that_runs_at_the_rig() -> None:
    motion = lively(200)
    rule = BurstForecast(ForecastSource())
    at_the_rig = [rule.update(value, frame * 33_333_333) for frame, value in enumerate([None, *motion[:-1].tolist()])]
    answers = simple_forecasts(motion, fps=30.0)["published rule"]
    assert answers[89:].tolist() == at_the_rig[89:]
    assert np.isnan(answers[:89]).all()


def test_no_simple_forecast_knows_the_pair_that_a_frame_begins() -> None:
    motion = lively(200)
    altered = motion.copy()
    altered[150:] = 0.9
    before, after = simple_forecasts(motion, fps=30.0), simple_forecasts(altered, fps=30.0)
    for name, answers in before.items():
        assert np.array_equal(answers[:151], after[name][:151], equal_nan=True), name
    assert before[QUIET][151] != after[QUIET][151]


def test_bursts_are_detected_ahead_and_alarms_apart_from_them_are_false() -> None:
    motion = np.array([0.0] * 100 + [0.1] * 8 + [0.9] * 4 + [0.1] * 12)
    labels = np.array([NOT_LABELLED] * 2 + [0, 0, 1, 1, 1, 1] + [0] * 12 + [NOT_LABELLED] * 4, np.int8)
    one = Stretch(recording=motion_recording(motion, fps=10.0), part="test", first=100, end=124, labels=labels)
    answers = np.zeros(24)
    answers[[0, 5, 6, 12, 13, 17, 22]] = 1.0  # two in the burst's run, two false runs, two where nothing is labelled
    rule = BurstRule(horizon=4, share=0.1, least_range=0.5, past=3)
    found = score_forecast("f", [one], [answers], threshold=0.5, rule=rule, against=None)
    (burst,) = found.bursts
    assert (burst.first, burst.frames, burst.burst) == (104, 4, 109)
    assert burst.lead_s == pytest.approx(0.4)
    assert found.false_alarms_per_minute == pytest.approx(2 / (18 / 10 / 60))
    assert (found.hits, found.false_alarms) == pytest.approx((0.5, 3 / 14))
    missed = score_forecast("f", [one], [np.zeros(24)], threshold=0.5, rule=rule, against=None)
    assert (missed.detected, np.isnan(missed.median_lead_s)) == (0, True)


def test_the_threshold_allows_false_alarms_in_a_tenth_of_the_other_frames() -> None:
    answers = np.linspace(0, 1, 200)
    labels = (np.arange(200) % 5 == 0).astype(int)
    threshold = threshold_of([stretch_of(labels.tolist())], [answers], "false_alarms")
    share = (answers[labels == 0] > threshold).mean()
    assert 0.09 < share <= 0.1
    assert threshold not in answers


def test_one_forecast_is_better_only_where_the_interval_leaves_out_zero() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random(2000) < 0.2).astype(int)
    stretches = [stretch_of(labels.tolist())]
    noise = rng.normal(size=2000)
    poor, good = noise + labels, noise + 2 * labels
    low, high, blocks = auc_interval(stretches, [poor], [good], block=100)
    assert blocks == 20
    assert low is not None
    assert high is not None
    assert 0 < low < high
    assert auc_interval(stretches, [poor], [poor], block=100)[:2] == (0.0, 0.0)
    assert auc_interval(stretches, [poor], [good], block=500) == (None, None, 4)
    said = [
        compare_auc(("a", "b"), stretches, [one], [other], block=block).sentence
        for one, other, block in ((poor, good, 100), (good, poor, 100), (poor, poor, 100), (poor, good, 500))
    ]
    assert said[0].startswith("b forecasts better than a on 20 blocks of at most 100 frames (AUC 0.")
    assert said[1].startswith("a forecasts better than b")
    assert said[2].startswith("No difference between b and a that 20 blocks")
    assert said[3].endswith("4 blocks are too few for an interval, so that nothing is said of the difference.")


def test_a_table_of_recordings_says_of_which_trial_each_is(tmp_path: Path) -> None:
    table = tmp_path / "recordings.csv"
    table.write_text("recording,fps,session,trial\na.mp4,30,monday,1\nb.mp4,30,tuesday,1\n")
    assert [source.groups["trial"] for source in sources_of((table,), fps=None)] == ["1 (monday)", "1 (tuesday)"]


def test_a_labelled_frame_without_an_answer_is_refused() -> None:
    stretch = stretch_of([0, 1, 0, 1])
    with pytest.raises(TrainingError, match="a labelled frame has no answer"):
        threshold_of([stretch], [np.array([np.nan, 1.0, 0.0, 1.0])], "j")


def test_the_published_figures_are_found_again(tmp_path: Path) -> None:
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "fish_ytilde" / "validation"
    if not folder.exists():
        pytest.skip("the published arrays are not here")
    source = Source(path=folder / "Y_tilde.npy", fps=30.0, part=None)
    recording = read_recording(source, size=None, motion_size=None, keep=tmp_path / "keep", say=lambda _: None)
    labels = burst_labels(recording.motion, BurstRule())
    stretch = Stretch(recording=recording, part="test", first=0, end=len(labels), labels=labels)
    found = {
        name: score_forecast(name, [stretch], [answer], threshold=0.5, rule=BurstRule(), against=None).curve.auc
        for name, answer in simple_forecasts(recording.motion, fps=30.0).items()
    }
    assert (found[QUIET], found["published rule"]) == pytest.approx((0.8543, 0.7863), abs=5e-5)


def test_a_recording_divides_by_its_own_part_where_a_table_gives_one(tmp_path: Path) -> None:
    parts = divide([motion_recording(lively(300)), motion_recording(lively(200, 1), part="test")], RULE, (0.7, 0.3, 0.0))
    assert [(one.part, one.end - one.first) for one in parts.stretches] == [("train", 210), ("validation", 90), ("test", 200)]
    assert parts_of(tmp_path).shares("test")[0] > 0
