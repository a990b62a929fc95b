"""What an empty cell of another tool's labels means, for every command that reads labels without a labelling project."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import BundleMaker
from tests.trainer.test_labels import write_image
from trainer.__main__ import main
from trainer.formats.read_labels import read_and_join, read_labels, read_settled
from trainer.formats.write_sleap import write_sleap
from trainer.scoring.training_record import TRAINED_AS, TrainedAs, empty_as_trained

HEADER = "scorer,me,me,me,me\nbodyparts,spot,spot,tail,tail\ncoords,x,y,x,y\n"
QUESTION = "of 3 labelled animals no place is given for 'tail' in 2; does an empty cell mean that the point cannot be seen there"
MEANINGS = {"hidden": [True, True, False], "unlabelled": [False, False, False]}
READERS = {
    "fit": "fit --out OUT/m --hold-out nobody --data",
    "diagnose": "diagnose --labels-only --data",
    "crossval": "crossval --out OUT/e --data",
    "sweep": "sweep --study OUT/s.db --hold-out nobody --data",
    "curve": "curve --out OUT/e --hold-out nobody --data",
}
AFTER_READING = {"fit": "nobody", "diagnose": "", "crossval": "folds of 3", "sweep": "nobody", "curve": "nobody"}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A lone table of DeepLabCut: `tail` has no place in two of three pictures."""
    for number in (1, 2, 3):
        write_image(tmp_path / f"sent/img{number}.png", seed=number)
    (tmp_path / "sent/labels.csv").write_text(f"{HEADER}img1.png,1,2,,\nimg2.png,5,6,,\nimg3.png,5,6,7,8\n")
    return tmp_path / "sent/labels.csv"


def words(command: str, table: Path) -> list[str]:
    return [*command.replace("OUT", str(table.parent.parent / "out")).split(), str(table)]


@pytest.mark.parametrize("command", READERS)
def test_a_command_asks_what_the_gaps_of_a_lone_table_mean(command: str, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(READERS[command], table)) == 1
    asked = capsys.readouterr().err.strip()
    assert QUESTION in asked
    assert asked.endswith("give --empty hidden or --empty unlabelled")


@pytest.mark.parametrize("command", READERS)
def test_a_command_that_is_told_goes_on_to_what_comes_next(command: str, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = main([*words(READERS[command], table), "--empty", "hidden"])
    assert failed == (command != "diagnose")
    said = capsys.readouterr().err
    assert "empty cell" not in said
    assert not failed or AFTER_READING[command] in said


@pytest.mark.parametrize("command", ["evaluate BUNDLE --data", "compare BUNDLE BUNDLE --data", "compile BUNDLE --runtime openvino --data"])
def test_scoring_asks_unless_the_bundle_was_trained_with_an_answer(
    command: str, table: Path, make_bundle: BundleMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = make_bundle(table.parent / "bundle", height=24, width=32)
    given = words(command.replace("BUNDLE", str(bundle)), table)
    assert main(given) == 1
    assert QUESTION in capsys.readouterr().err
    figures = {"history": {"epochs": [], "batches": []}, TRAINED_AS: TrainedAs(options=("--empty", "hidden", "--no-flip")).as_json()}
    (bundle / "metrics.json").write_text(json.dumps(figures))
    for more in ([], ["--empty", "unlabelled"]):
        main([*given, *more])
        assert "empty cell" not in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["csv", "slp"])
@pytest.mark.parametrize(("empty", "hidden"), MEANINGS.items())
def test_a_gap_is_hidden_or_nothing_as_was_said(empty: str, hidden: list[bool], kind: str, table: Path) -> None:
    path = table if kind == "csv" else write_sleap(read_labels(table), table.parent / "labels.pkg.slp")
    for frames in (read_settled(path, empty), read_and_join([path], empty)):  # type: ignore[arg-type]
        assert frames.hidden[:, 0, 1].tolist() == hidden
        assert not frames.hidden[:, 0, 0].any()
        assert np.isnan(frames.points[:2, 0, 1]).all()


def test_a_labelling_project_says_itself_what_is_hidden(table: Path) -> None:
    project = table.parent.parent / "p"
    assert main(["project", "import", str(project), str(table), "--annotator", "me", "--empty", "unlabelled"]) == 0
    assert not read_settled(project).hidden.any()
    assert not read_settled(project, "hidden").hidden.any()


def test_an_import_says_which_gaps_it_took_as_not_labelled(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table.write_text(f"{HEADER}img1.png,1,2,,\nimg2.png,5,6,3,4\nimg3.png,5,6,7,8\n")
    place = table.parent.parent
    words = ["project", "import", str(place / "asked"), str(table), "--annotator", "me"]
    assert main(words) == 0
    assert "points without a place were taken as not labelled: 'tail' in 1 animal; where they cannot be" in capsys.readouterr().out
    for number, meaning in enumerate(MEANINGS):
        assert main(["project", "import", str(place / f"{number}"), str(table), "--annotator", "me", "--empty", meaning]) == 0
        assert "without a place" not in capsys.readouterr().out
    assert main(["project", "import", str(place / "again"), str(place / "asked"), "--annotator", "me"]) == 0
    assert "without a place" not in capsys.readouterr().out, "a project says itself what is hidden"


def test_what_was_said_is_read_from_the_bundle(tmp_path: Path) -> None:
    assert empty_as_trained(tmp_path) is None
    figures = {"history": {"epochs": [], "batches": []}, TRAINED_AS: TrainedAs(options=("--empty", "unlabelled")).as_json()}
    (tmp_path / "metrics.json").write_text(json.dumps(figures))
    assert empty_as_trained(tmp_path) == "unlabelled"
