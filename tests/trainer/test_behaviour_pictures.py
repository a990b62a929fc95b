"""What the pictures of behaviour and of forecasts show, and numbers that decide by a frame or a hundredth."""

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.collections import PathCollection
from matplotlib.patches import Polygon, Rectangle

from tests.trainer.pose_videos import network, video
from tests.trainer.test_ethogram_checks import labels
from tests.trainer.test_forecast_scores import motion_recording
from tests.trainer.walkers import write_table
from trainer.__main__ import main
from trainer.behaviour.body_axis import find_body_axis
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour.make_behaviour_bundle import _introduction, _judged_in_words
from trainer.behaviour.network import features_of
from trainer.behaviour.temperature_and_thresholds import STARTS, warming_frames
from trainer.behaviour.video_table import divide, read_videos
from trainer.behaviour_scores.behaviour_score import score_behaviour
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.ethogram.checks import too_few
from trainer.ethogram.files import file_of
from trainer.ethogram.read_options import ReadOptions
from trainer.forecast.parts import Stretch
from trainer.forecast.plots import histogram_figure
from trainer.reports.behaviour_plots import calibration_figure
from trainer.timeline.model_answers import Answer
from trainer.timeline.offers import rank_offers


def test_a_run_warms_up_until_no_probability_is_more_than_a_twentieth_away() -> None:
    """Counted here from 24 places, of which one in twenty may be worse; with a fortieth or a tenth there would be another number."""
    made, one, longest = network(), video(3, frames=400), 120
    poses, seconds = torch.from_numpy(one.poses), torch.from_numpy(one.seconds)
    starts = np.unique(np.linspace(len(poses) // 4, len(poses) - longest, STARTS).astype(int)).tolist()
    with torch.no_grad():
        clips = [poses[first : first + longest] for first in starts]
        features = features_of(made, [poses, *clips], [seconds, *[seconds[:longest]] * len(clips)])
        whole, *fresh = [made.probabilities(made.logits(made.normalised(each)[None]))[0] for each in features]
        away = [(each - whole[first : first + longest]).abs().amax(dim=1).numpy() for first, each in zip(starts, fresh, strict=True)]

    def frames(limit: float) -> int:
        last = sorted(int(np.flatnonzero(each > limit).max(initial=-1)) + 1 for each in away)
        return last[int(np.ceil(0.95 * (len(last) - 1)))]

    assert frames(0.1) < frames(0.05) < frames(0.025)
    assert warming_frames(made, [one], longest=longest) == frames(0.05)


@pytest.mark.parametrize(("frame", "counted"), [(29, 0), (30, 1), (39, 1), (40, 1), (49, 1), (50, 0)])
def test_ten_frames_either_side_of_an_edge_tell_whether_it_is_unsure(frame: int, counted: int) -> None:
    sure = np.where((np.arange(100) >= 40) & (np.arange(100) < 80), 0.95, 0.05).astype(np.float32)
    sure[frame] = 0.7 if frame >= 40 else 0.3
    said = (sure > 0.5)[:, None]
    [offer] = rank_offers({"v": [Answer(model="m", class_names=("groom",), probabilities=sure[:, None], said=said)]})
    assert offer.edges == pytest.approx(counted / 20 / 2)


def test_the_picture_of_calibration_shows_what_was_said_and_what_was_true() -> None:
    probabilities = np.repeat(np.array([[0.1], [0.5], [0.9]], np.float32), [50, 20, 30], axis=0)
    truth = np.concatenate([np.zeros(50), np.tile([0, 1], 10), np.tile([1, 1, 0], 10)]).astype(np.int8)[:, None]
    one = ScoredVideo(
        name="v", class_names=("groom",), truth=np.column_stack([truth, truth]), said=np.repeat(probabilities > 0.5, 2, axis=1),
        probabilities=np.repeat(probabilities, 2, axis=1), fps=30.0,
    )  # fmt: skip
    one = ScoredVideo(**{name: getattr(one, name) for name in one.__slots__} | {"class_names": ("groom", "rear")})

    drawn = calibration_figure(score_behaviour("net", [one]))

    assert drawn is not None
    [axes] = drawn.axes
    [dots] = [each for each in axes.collections if isinstance(each, PathCollection)]
    np.testing.assert_allclose(np.asarray(dots.get_offsets()), [[0.1, 0], [0.5, 0.5], [0.9, 2 / 3]], atol=1e-6)
    areas = np.asarray(dots.get_sizes())
    assert areas[0] > areas[2] > areas[1]
    diagonal, curve = axes.lines
    assert np.asarray(diagonal.get_xydata()).tolist() == [[0, 0], [1, 1]]
    np.testing.assert_allclose(np.asarray(curve.get_ydata()), [0, 0.5, 2 / 3], atol=1e-6)
    off = (50 * 0.1 + 20 * 0 + 30 * (0.9 - 2 / 3)) / 100
    assert axes.get_title(loc="left") == f"Calibration: off by {off:.3f} on average (area: frames)"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("probability given", "share that is right")


def test_the_histogram_of_a_forecast_shows_each_kind_of_frame_and_the_threshold() -> None:
    given = np.array([0.1] * 6 + [0.3] * 2 + [0.7] * 4 + [0.9])
    marks = np.array([0] * 6 + [1, 0] + [1] * 4 + [-1], np.int8)
    stretch = Stretch(recording=motion_recording(np.full(13, 0.1)), part="test", first=0, end=13, labels=marks)

    figure = histogram_figure([stretch], [given], 0.4)
    [axes] = figure.axes

    bars = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert not [patch for patch in axes.patches if isinstance(patch, Polygon)]
    heights = {kind: [(bar.get_x(), bar.get_height() * bar.get_width()) for bar in of if bar.get_height()] for kind, of in
               (("none", bars[:40]), ("burst", bars[40:]))}  # fmt: skip
    assert [share for _, share in heights["none"]] == pytest.approx([6 / 7, 1 / 7])
    assert [share for _, share in heights["burst"]] == pytest.approx([1 / 5, 4 / 5])
    assert heights["none"][0][0] == pytest.approx(0.1, abs=0.02)
    assert heights["burst"][1][0] == pytest.approx(0.7, abs=0.02)
    [threshold] = axes.lines
    assert [float(x) for x in np.asarray(threshold.get_xdata())] == [0.4, 0.4]
    told = [str(text.get_text()) for text in figure.legends[0].get_texts()]
    assert sorted(told) == ["a burst follows (5 frames)", "none follows (7 frames)", "threshold in use"]


def test_what_is_wrong_with_labels_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = labels(("walk", 0, 90), frames=400)
    (tmp_path / "monday.csv").write_bytes(file_of([one], "csv")[0])
    assert main(["bouts", "check", str(tmp_path / "monday.csv"), "--fps", "30"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert (
        "labels: 'walk' has 90 frames in 1 bout; fewer than 200 frames and fewer than 5 bouts are too few to learn or to judge by" in told
    )
    assert [line for line in told if line.startswith("labels: 'rest' is in no frame")]


def test_what_is_said_to_be_too_few_is_what_a_class_misses() -> None:
    assert [too_few(180, 6), too_few(400, 3), too_few(200, 5)] == ["fewer than 200 frames", "fewer than 5 bouts", ""]


def test_a_training_says_first_what_is_wrong_with_its_labels(tmp_path: Path) -> None:
    videos = divide(read_videos(write_table(tmp_path, frames=60), asked=ReadOptions()), DivisionAsked())
    said = _introduction(videos, find_body_axis(videos, front="nose", back="tail", confidence=0.2))
    assert [sentence for sentence in said if sentence.startswith("labels: 'walk' has ") and "are too few to learn" in sentence]
    assert [sentence for sentence in said if sentence.startswith("train: v0, v1")]
    assert _judged_in_words(videos) == "1 held-out video"
    cut = divide(read_videos(tmp_path / "videos.csv", asked=ReadOptions()), DivisionAsked(by="block"))
    assert _judged_in_words(cut) == "4 held-out blocks"
