"""A search over the settings of behaviour and forecast networks: what is tried, kept, confirmed with other seeds, and said of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainer.twitching import parts_of
from tests.trainer.walkers import write_table
from trainer.__main__ import main
from trainer.behaviour.clips import UNJUDGED
from trainer.errors import TrainingError
from trainer.experiments.behaviour_trials import macro_f1
from trainer.experiments.search_space import Dimension
from trainer.experiments.settings_report import write_settings_report
from trainer.experiments.settings_search import SEARCH_FILE, search_settings
from trainer.forecast.settings import ForecastSettings
from trainer.forecast.trials import ForecastTrials

SPACE = {
    "rate": Dimension(low=0.01, high=1.0, log=True),
    "size": Dimension(choices=(8, 16)),
    "layers": Dimension(low=1, high=3, whole=True),
}


@dataclass(frozen=True)
class Made:
    rate: float = 0.01
    size: int = 8
    layers: int = 1
    seed: int = 0


@dataclass
class Counted:
    """Scores a formula in the place of a training."""

    gain: float = 1.0
    chance: float = 0.0
    settings: Made = field(default_factory=Made)
    about: dict[str, Any] = field(default_factory=lambda: {"data": "d"})
    scored_by: str = "score"
    trained: list[Made] = field(default_factory=list)

    def score(self, settings: Made, folder: Path) -> float:
        self.trained.append(settings)
        if settings.size == 16 and settings.layers == 1:
            raise TrainingError("the loss is not a number")
        return self.gain * settings.rate + self.chance * (settings.seed % 3 - 1) * (-1 if settings.rate > 0.01 else 1)


def found(task: Counted, out: Path, *, trials: int = 8, confirm: int = 3, space: Mapping[str, Dimension] = SPACE) -> Any:
    return search_settings(task, dict(space), out, trials=trials, confirm=confirm, say=lambda _: None)


def test_a_search_tries_the_usual_settings_and_confirms_the_best_with_other_seeds(tmp_path: Path) -> None:
    task = Counted()
    search = found(task, tmp_path)
    assert task.trained[0] == task.settings
    assert len(search.tried) == 9
    assert search.best.score == max(one.score for one in search.tried if one.score is not None)
    assert [(one.seed, one.values) for one in search.usual] == [(1, {}), (2, {}), (3, {})]
    assert [(one.seed, one.values) for one in search.winner] == [(seed, search.best.values) for seed in (1, 2, 3)]
    assert search.sentence.endswith(": better.")
    assert all(0.01 <= one.rate <= 1 and one.size in (8, 16) and one.layers in (1, 2, 3) for one in task.trained)
    faults = [one for one in search.tried if one.fault]
    assert all(one.fault == "the loss is not a number" and one.score is None for one in faults)


def test_a_gain_within_the_chance_of_seeds_is_not_called_better(tmp_path: Path) -> None:
    search = found(Counted(gain=0.01, chance=0.5), tmp_path)
    assert search.best.values
    assert search.sentence.endswith(": not shown to be better.")
    alone = found(Counted(), tmp_path / "alone", confirm=0)
    assert "that is no proof of being better" in alone.sentence


def test_settings_that_nothing_beats_are_kept(tmp_path: Path) -> None:
    assert found(Counted(gain=-1.0), tmp_path).sentence.startswith("The usual settings are the best of 9")


def test_a_search_that_was_killed_goes_on_and_trains_nothing_twice(tmp_path: Path) -> None:
    whole = found(Counted(), tmp_path / "whole")

    class Killed(Counted):
        def score(self, settings: Made, folder: Path) -> float:
            if len(self.trained) == 5:
                raise KeyboardInterrupt
            return super().score(settings, folder)

    with pytest.raises(KeyboardInterrupt):
        found(Killed(), tmp_path / "cut")
    task = Counted()
    again = found(task, tmp_path / "cut")
    assert len(task.trained) == len(whole.tried) + len(whole.usual) + len(whole.winner) - 5
    assert [(one.values, one.score) for one in again.tried] == [(one.values, one.score) for one in whole.tried]
    with pytest.raises(TrainingError, match=f"{SEARCH_FILE}: is a search over other data, settings or ranges"):
        found(Counted(about={"data": "other"}), tmp_path / "cut")
    (tmp_path / "cut" / SEARCH_FILE).write_bytes(b'{"about": {"\xff": 1}}')
    with pytest.raises(TrainingError, match=f"{SEARCH_FILE}: cannot be read .*; choose another --out"):
        found(task, tmp_path / "cut")


@pytest.mark.parametrize(
    ("space", "complaint"),
    [
        ({"colour": Dimension(choices=(1,))}, "'colour' is not a setting that can be searched; expected some of rate, size, layers"),
        ({"seed": Dimension(choices=(1, 2))}, "'seed' is not a setting that can be searched"),
        ({"size": Dimension(choices=("big",))}, "the space asks for size big"),
        ({}, "the space names no setting"),
    ],
    ids=["unknown", "seed", "type", "empty"],
)
def test_a_space_that_cannot_be_searched_is_refused(space: dict[str, Dimension], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=complaint):
        found(Counted(), tmp_path, space=space)


def test_the_report_shows_every_training_and_the_verdict(tmp_path: Path) -> None:
    search = found(Counted(), tmp_path)
    page = write_settings_report(tmp_path, search, SPACE).read_text()
    assert search.sentence.split(";")[0] in page
    assert page.count("<tr") >= 9 + 3
    assert "data:image/png" in page


def test_macro_f1_counts_judged_frames_of_classes_that_are_there() -> None:
    targets = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1], [UNJUDGED] * 3])
    logits = torch.eye(3)[torch.tensor([0, 2, 0, 2, 1])]
    assert macro_f1(logits, targets, exclusive=True) == pytest.approx(0.5)
    assert macro_f1(logits - 0.5, targets, exclusive=False) == pytest.approx(0.5)


def test_the_command_searches_settings_of_behaviour_from_poses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_table(tmp_path, videos=3, frames=120)
    (tmp_path / "space.yaml").write_text("hidden: {choices: [4, 8]}\n")
    words = ["sweep", "--task", "behaviour", "--data", str(table), "--out", str(tmp_path / "search"), "--epochs", "2"]
    assert main([*words, "--trials", "1", "--confirm", "1", "--space", str(tmp_path / "space.yaml"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [set(one["values"]) for one in answer["tried"]] == [set(), {"hidden"}]
    assert answer["scored_by"] == "macro-F1 on the validation videos"
    assert Path(answer["report"]).is_file()
    assert main([*words, "--study", "s.db"]) == 1
    assert "--study is for key points; leave it out with --task behaviour" in capsys.readouterr().err


def test_a_forecaster_is_scored_by_its_area_on_the_validation_part(tmp_path: Path) -> None:
    trials = ForecastTrials(parts=parts_of(tmp_path), settings=ForecastSettings(kind="lstm", epochs=1, hidden=4))
    search = search_settings(trials, {"hidden": Dimension(choices=(3,))}, tmp_path / "search", trials=1, confirm=0, say=lambda _: None)
    assert [one.values for one in search.tried] == [{}, {"hidden": 3}]
    assert all(one.score is not None and 0 < one.score <= 1 for one in search.tried)
