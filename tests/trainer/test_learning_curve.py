"""Learning curves: their subsets, the law that is fitted, and what may be concluded."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.trainer.learnable import labelled
from tests.trainer.stored_runs import QUICK, replace_mean, stored_run
from trainer.errors import TrainingError
from trainer.experiments.curve import plan_curve, sizes_of
from trainer.experiments.curve import summarise as summarise_curve
from trainer.experiments.curve_conclusions import reading
from trainer.experiments.curve_report import DEEPLABCUT, error_against_frames, sentences, write_curve_report
from trainer.experiments.experiment import Experiment
from trainer.experiments.power_law import PowerLaw, bootstrap, fit_power_law
from trainer.experiments.run import Run
from trainer.experiments.run_plan import FramesOfRun
from trainer.labels.fingerprint import labels_sha256
from trainer.scoring.curve_reading import reading_beside
from trainer.scoring.next_commands import NextCommands


def test_subsets_are_nested_and_all_sizes_share_their_held_out_frames() -> None:
    parts = FramesOfRun(train=np.arange(3, 43), held_out=np.arange(3), test=np.empty(0, np.int64), description="three")
    planned = plan_curve(parts, ["heatmap", "xy"], QUICK, sizes=[5, 10, 40], repeats=2)
    assert len(planned) == 2 * 3 * 2
    assert len({run.name for run in planned}) == len(planned)
    for repeat in (0, 1):
        small, middle, whole = (
            set(run.parts.train.tolist()) for run in planned if run.place["repeat"] == repeat and run.place["head"] == "xy"
        )
        assert small < middle < whole == set(range(3, 43))
    assert all(run.parts.held_out.tolist() == [0, 1, 2] for run in planned)
    assert {run.settings.seed for run in planned} == {0, 1}
    firsts = [tuple(run.parts.train.tolist()) for run in planned if run.place["size"] == 5 and run.place["head"] == "xy"]
    assert firsts[0] != firsts[1]


def test_sizes_are_halves_unless_given() -> None:
    assert sizes_of(93, sizes=[], fractions=[]) == [6, 12, 23, 46, 93]
    assert sizes_of(1000, sizes=[], fractions=[0.0005, 0.02, 1.0]) == [1, 20, 1000]
    with pytest.raises(TrainingError, match="asks for 94 frames; there are 1 to 93"):
        sizes_of(93, sizes=[94], fractions=[])
    with pytest.raises(TrainingError, match="at most 1"):
        sizes_of(93, sizes=[], fractions=[1.5])


@pytest.mark.parametrize("law", [PowerLaw(a=40.0, b=0.7, c=1.5), PowerLaw(a=9.0, b=0.3, c=0.0), PowerLaw(a=200.0, b=1.2, c=2.7)])
def test_a_power_law_is_found_again(law: PowerLaw) -> None:
    frames = np.array([5.0, 10, 20, 40, 80, 160])
    found = fit_power_law(frames, law.at(frames))
    assert found.a == pytest.approx(law.a, rel=0.05)
    assert found.b == pytest.approx(law.b, abs=0.02)
    assert found.c == pytest.approx(law.c, abs=0.05)
    assert found.frames_for(float(law.at(np.array([320.0]))[0])) == pytest.approx(320, rel=0.05)


def test_a_law_goes_through_the_means_not_under_them() -> None:
    law, frames = PowerLaw(a=40.0, b=0.7, c=1.5), np.repeat([5.0, 10, 20, 40, 80], 2)
    scattered = law.at(frames) * np.tile([0.5, 1.5], 5)
    assert fit_power_law(frames, scattered).at(frames) == pytest.approx(law.at(frames), rel=0.03)


def test_a_curve_that_rises_gets_no_law_that_rises() -> None:
    frames = np.array([5.0, 10, 20, 40])
    found = fit_power_law(frames, np.array([1.0, 2.0, 3.0, 4.0]))
    assert found.a == 0
    assert found.frames_for(1.0) == np.inf


def curve_of(tmp_path: Path, error: Callable[[int, int], float], *, repeats: int = 3, sizes: tuple[int, ...] = (8, 16, 32, 64, 128)):  # type: ignore[no-untyped-def]
    runs = [
        stored_run(tmp_path, f"xy-{size}-{repeat}", error(size, repeat), head="xy", size=size, repeat=repeat)
        for repeat in range(repeats)
        for size in sizes
    ]
    for place, run in enumerate(runs):  # the training error of a network that has learnt
        score = run.train
        runs[place] = Run(**{**{f: getattr(run, f) for f in run.__struct_fields__}, "train": replace_mean(score, 0.2)})
    return summarise_curve(runs)[0]


def test_the_reading_says_how_many_more_to_label_with_its_uncertainty(tmp_path: Path) -> None:
    found = curve_of(tmp_path, lambda size, repeat: 40 * size**-0.7 + 1.0 + 0.02 * (repeat - 1))
    now, doubled, more = reading(found, target_px=2.0)
    assert "128 frames give 2.34 ± 0.02 px" in now
    assert "Twice as many (256) would give about 1.8" in doubled
    assert "95 % of resampled repeats" in doubled
    needed = (40 / 1.0) ** (1 / 0.7) - 128
    told = int(more.split("Label about ")[1].split()[0])
    assert told == pytest.approx(needed, rel=0.2)
    assert "95 % of resampled repeats" in more


@pytest.mark.parametrize(
    ("target_px", "message"),
    [(1.3, "more than 3 times the 128 frames"), (0.9, "the fitted floor is"), (9.0, "is reached with 128 frames already")],
)
def test_nothing_is_read_far_beyond_the_data(target_px: float, message: str, tmp_path: Path) -> None:
    found = curve_of(tmp_path, lambda size, repeat: 40 * size**-0.7 + 1.0 + 0.02 * (repeat - 1))
    assert message in reading(found, target_px=target_px)[-1]


def test_a_flat_curve_says_that_more_frames_hardly_help(tmp_path: Path) -> None:
    found = curve_of(tmp_path, lambda _size, repeat: 2.0 + 0.1 * repeat)
    assert "hardly help" in reading(found, target_px=None)[-1]


def test_errors_that_follow_no_law_promise_nothing(tmp_path: Path) -> None:
    found = curve_of(tmp_path, lambda size, _repeat: {8: 30.0, 16: 80.0, 32: 5.0, 64: 60.0, 128: 126.0}[size])
    said = reading(found, target_px=None)
    assert "do not follow a law" in said[-1]
    assert "train longer, or give more --repeats" in said[-1]
    assert "would give" not in " ".join(said)


def test_one_repeat_and_few_sizes_promise_nothing(tmp_path: Path) -> None:
    single = curve_of(tmp_path / "a", lambda size, _repeat: 40 * size**-0.7, repeats=1)
    assert "its uncertainty is not known" in " ".join(reading(single, target_px=None))
    few = curve_of(tmp_path / "b", lambda size, _repeat: 40 * size**-0.7, sizes=(8, 16, 32))
    assert few.law is None
    assert "needs 4 sizes; there are 3" in reading(few, target_px=None)[0]
    assert bootstrap([(np.array([1.0]), np.array([1.0]))]) == []


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    """Stored runs of two heads, five sizes and two repeats, whose error falls as 20/√n + 1."""
    names = []
    for head in ("heatmap", "xy"):
        for size in (4, 8, 16, 32, 64):
            for repeat in (0, 1):
                names.append(f"{head}-frames{size}-seed{repeat}")
                stored_run(tmp_path, names[-1], 20 / size**0.5 + 1 + 0.05 * repeat, head=head, size=size, repeat=repeat)
    options = {"target_px": 2.0}
    return Experiment(schema=1, kind="curve", data="mice", labels_sha256="0" * 64, runs=tuple(names), human_px=2.7, options=options)


def test_the_page_of_a_learning_curve_has_both_heads_and_stands_alone(tmp_path: Path, experiment: Experiment) -> None:
    curves = write_curve_report(tmp_path, experiment)
    said = (tmp_path / "report.html").read_text()
    assert [curve.head for curve in curves] == ["heatmap", "xy"]
    assert all(curve.law is not None for curve in curves)
    assert said.count("data:image/png;base64,") == 3, "the curve, and four panels for each head"
    assert "<h2>Head heatmap</h2>" in said
    assert "<h2>Head xy</h2>" in said
    assert "DeepLabCut&#x27;s own figure (Mathis et al. 2018)" in said
    assert 'src="http' not in said


def test_a_later_training_of_the_same_labels_repeats_what_its_curve_says(tmp_path: Path, experiment: Experiment) -> None:
    (tmp_path / "bars").mkdir()
    frames = labelled(tmp_path / "bars", 3)
    (tmp_path / "mine-curve").symlink_to(tmp_path)
    assert typed_curve_folder(tmp_path / "mine") == str(tmp_path / "mine-curve")
    assert reading_beside(tmp_path / "mine", frames) == (), "no curve is finished"
    own = msgspec.structs.replace(experiment, labels_sha256=labels_sha256(frames))
    curves = write_curve_report(tmp_path, own)
    found = reading_beside(tmp_path / "mine", frames)
    assert found == tuple(sentences(own, curves))
    assert "Twice as many (128) would give about" in " ".join(found)
    assert reading_beside(tmp_path / "mine", labelled(tmp_path / "bars", 2)) == (), "of other labels"
    (tmp_path / "metrics.json").write_text("{")
    assert reading_beside(tmp_path / "mine", frames) == ()


def typed_curve_folder(bundle: Path) -> str:
    """Where the command of a verdict has a bundle's curve written."""
    words = NextCommands(data=("mice",), bundle=str(bundle)).curve().split()
    return words[words.index("--out") + 1]


def test_a_learning_curve_is_drawn_beside_deeplabcuts_over_peoples_own_distance(tmp_path: Path, experiment: Experiment) -> None:
    curves = write_curve_report(tmp_path, experiment)
    axes = error_against_frames(curves, experiment.human_px, title="").axes[0]
    drawn = {str(line.get_label()): np.asarray(line.get_xydata()) for line in axes.get_lines()}
    assert drawn["DeepLabCut 2018, other data"].tolist() == [list(point) for point in DEEPLABCUT]
    assert any(np.allclose(points[:, 1], 2.7) for points in drawn.values()), "the distance between two people"
    assert any("n^-" in label and label.startswith("xy") for label in drawn), "the fitted law"
