"""An experiment begins in a folder of its own and never among other files."""

from pathlib import Path

import pytest

from trainer.errors import TrainingError
from trainer.experiments.experiment import Experiment, read_experiment, write_experiment

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
