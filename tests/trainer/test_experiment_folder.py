"""An experiment begins in a folder of its own and never among other files."""

from pathlib import Path

import msgspec
import pytest

from tests.trainer.test_refresh import QUICK, project
from trainer.__main__ import main
from trainer.errors import TrainingError
from trainer.experiments.experiment import Experiment, read_experiment, write_experiment
from trainer.experiments.train_runs import alone
from trainer.scoring.next_commands import NextCommands
from trainer.scoring.taken_places import taken_beside

CURVE = Experiment(schema=1, kind="curve", data="mice", labels_sha256="0" * 64, runs=(), human_px=None, options={})


def test_a_folder_of_something_else_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "project.json").write_text("{}")
    with pytest.raises(TrainingError, match="is a folder of something else; choose another --out"):
        write_experiment(tmp_path, CURVE)
    assert [path.name for path in tmp_path.iterdir()] == ["project.json"]


@pytest.mark.parametrize("there", [(), ("runs",)], ids=["empty", "its own runs"])
def test_an_empty_folder_and_one_of_runs_will_do_and_it_goes_on(tmp_path: Path, there: tuple[str, ...]) -> None:
    for name in there:
        (tmp_path / name).mkdir()
    write_experiment(tmp_path, CURVE)
    write_experiment(tmp_path, CURVE)
    assert read_experiment(tmp_path, kind="curve") == CURVE


@pytest.fixture
def two_labels(tmp_path: Path) -> tuple[Path, Path]:
    """Two sets of labels of the same name."""
    return project(tmp_path / "first" / "mice", range(12)), project(tmp_path / "second" / "mice", range(20, 32))


def curve_of(data: Path, out: Path, *more: str) -> int:
    return main(["curve", "--data", str(data), "--out", str(out), "--sizes", "4", *QUICK, "--batches", "2", *more])


def test_a_curve_of_other_labels_or_settings_is_put_aside_whole_when_asked_for(
    two_labels: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = two_labels
    out, aside = tmp_path / "mine-curve", tmp_path / "mine-curve-earlier"
    assert curve_of(first, out) == 0
    kept = {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert curve_of(second, out) == 1
    assert "holds a curve of other labels ('mice'); choose another --out, or --force to put it aside" in capsys.readouterr().err
    assert curve_of(second, out, "--force") == 0
    assert f"{out}: the curve of other labels that was there is kept as {aside}" in capsys.readouterr().err
    assert {path.relative_to(aside): path.read_bytes() for path in aside.rglob("*") if path.is_file()} == kept
    assert curve_of(second, out, "--force") == 0
    assert "(finished earlier)" in capsys.readouterr().err, "its own runs are not in its way"
    assert curve_of(second, out, "--force", "--learning-rate", "0.01") == 0
    assert f"the curve of other settings or frames that was there is kept as {aside}-2" in capsys.readouterr().err
    assert curve_of(second, aside) == 1


def test_a_curve_of_other_settings_is_put_aside_whichever_of_its_runs_is_finished(
    two_labels: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, later = tmp_path / "mine-curve", ["--sizes", "4", "6", "--learning-rate", "0.01", "--force"]
    assert curve_of(two_labels[0], out, "--sizes", "6") == 0
    assert curve_of(two_labels[0], out, *later) == 0, "only the second of these runs is there already, with another learning rate"
    assert f"the curve of other settings or frames that was there is kept as {out}-earlier" in capsys.readouterr().err


def test_what_is_no_experiment_of_the_kind_is_not_put_aside(
    two_labels: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, out = two_labels[0], tmp_path / "mine"
    assert curve_of(first, first, "--force") == 1
    assert "is a folder of something else" in capsys.readouterr().err
    write_experiment(out, msgspec.structs.replace(CURVE, kind="crossval"))
    assert curve_of(first, out, "--force") == 1
    assert "holds a crossval, not a curve" in capsys.readouterr().err
    assert not (tmp_path / "mine-earlier").exists()


def test_a_curve_that_is_being_trained_is_not_put_aside(
    two_labels: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine-curve"
    write_experiment(out, CURVE)
    with alone(out / "runs" / "heatmap-frames4-seed0"):
        assert curve_of(two_labels[0], out, "--force") == 1
    assert "another process trains heatmap-frames4-seed0 there, of other labels or settings; end it first" in capsys.readouterr().err
    assert read_experiment(out, kind="curve") == CURVE


def test_a_cross_validation_of_other_labels_is_put_aside_as_well(two_labels: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "mine-crossval"
    for data in two_labels:
        command = ["crossval", "--data", str(data), "--out", str(out), "--folds", "2", "--force", *QUICK, "--batches", "2"]
        assert main(command) == 0
    assert (
        read_experiment(tmp_path / "mine-crossval-earlier", kind="crossval").labels_sha256
        != read_experiment(out, kind="crossval").labels_sha256
    )


def test_names_beside_a_bundle_are_taken_by_all_but_an_experiment_of_the_kind(tmp_path: Path) -> None:
    assert taken_beside(tmp_path / "nowhere" / "mine") == frozenset()
    for name in ("mine", "mine-longer", "mine-early.run", "mine-crossval-2", "mine-curve-earlier", "other-longer"):
        (tmp_path / name).mkdir()
    for name, kind in (("mine-curve", "curve"), ("mine-curve-2", "curve"), ("mine-crossval", "curve")):
        write_experiment(tmp_path / name, msgspec.structs.replace(CURVE, kind=kind))
    taken = taken_beside(tmp_path / "mine")
    assert taken == {"mine-longer", "mine-early", "mine-crossval", "mine-crossval-2", "mine-curve-earlier"}
    commands = NextCommands(data=("mice",), bundle=str(tmp_path / "mine"), taken=taken)
    for command, place in (
        (commands.longer(2), "mine-longer-2"),
        (commands.patient(), "mine-early-2"),
        (commands.hold_out(), "mine-judged"),
        (commands.curve(), "mine-curve"),
        (commands.in_turn(), "mine-crossval-3"),
    ):
        words = command.split()
        assert words[words.index("--out") + 1] == str(tmp_path / place)
