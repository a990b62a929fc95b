"""The search: its space, its database, and its trials, of which a real one is pruned and one diverges."""

import html
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import optuna
import pytest

from tests.trainer.studies_of_search import database, join, wait_for
from trainer.__main__ import main
from trainer.errors import TrainingError
from trainer.experiments.search_space import PRESETS, changed, chosen_space, grid_points, refuse_unknown
from trainer.experiments.study_database import ABOUT, Database, join_study, make_pruner, quiet, read_study, shown, url_of
from trainer.experiments.trial_queue import empty_slots
from trainer.formats.write_synthetic_set import write_synthetic_set
from trainer.training.fit_settings import EPOCHS, FitSettings

ROOT = Path(__file__).resolve().parents[2]
TRAINING = ["--batches", "1", "--workers", "0", "--device", "cpu", "--precision", "32"]


@pytest.mark.parametrize(
    ("preset", "batches", "rates", "epochs"),
    [("grid-xy", [8, 16, 32, 64, 128, 256, 512], 5, 40), ("grid-heatmap", [32, 64, 128, 256, 512], 7, 100)],
)
def test_the_grids_hold_every_value_about_the_usual_point(preset: str, batches: list[int], rates: int, epochs: int) -> None:
    usual, space, is_grid = chosen_space(preset, None)
    base = FitSettings(**usual)
    refuse_unknown(space, base)
    points = grid_points(space, base, full=False)
    assert is_grid
    assert (base.batch, base.learning_rate, base.network, base.epochs) == (64, 1e-3, "resnet18", epochs)
    assert sorted({int(point["batch"]) for point in points}) == batches
    assert len({point["learning_rate"] for point in points}) == rates
    assert {point["network"] for point in points} == {"resnet18", "resnet34"}  # depth
    assert len(points) == 1 + (len(batches) - 1) + (rates - 1) + 1  # one setting changed at a time
    assert len(grid_points(space, base, full=True)) == len(batches) * rates * 2


@pytest.mark.parametrize(("weights", "own"), [(None, "imagenet"), ("mouse.safetensors", "mouse.safetensors")])
def test_random_held_and_fully_trained_weights_are_three_runs_of_one_search(weights: str | None, own: str) -> None:
    usual, space, grid = chosen_space("transfer", None, weights=weights)
    base = FitSettings(**usual | ({"weights": weights} if weights else {}))
    assert grid
    assert grid_points(space, base, full=False) == [
        {"weights": own, "trained": "all"},
        {"weights": "scratch", "trained": "all"},
        {"weights": own, "trained": "head"},
    ]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_trained_with(name: str) -> None:
    usual, space, _ = chosen_space(name, None)
    refuse_unknown(space, FitSettings(**usual))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rte: {low: 1.0e-4, high: 1.0e-2}", "'learning_rte' is not a setting that can be searched; expected some of"),
        ("seed: {choices: [1, 2]}", "'seed' is not a setting that can be searched"),
        ("batch: {choices: [8.5]}", "Expected `int`"),
        ("batch: {choices: []}", "expected choices with at least one value"),
        ("learning_rate: {low: 1.0, high: 0.1}", "expected low below high"),
        ("learning_rate: {low: 0.0, high: 0.1, log: true}", "above 0 with log"),
        ("learning_rate: {lo: 0.1}", "unknown|unexpected|lo"),
        ("learning_rate: 3", "space.yaml"),
        ("[", "is not YAML"),
        ("{}", "the space names no setting"),
    ],
)
def test_a_bad_space_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(text)
    with pytest.raises(TrainingError, match=message):
        refuse_unknown(chosen_space("default", path)[1], FitSettings())


def test_settings_inside_others_can_be_searched() -> None:
    found = changed(FitSettings(), {"loss.distance": 0.5, "optimiser": "adam", "weight_decay": 1e-8})
    assert (found.loss.distance, found.optimiser, found.weight_decay) == (0.5, "adam", 1e-8)


def test_a_study_of_other_labels_or_settings_is_refused(tmp_path: Path) -> None:
    where = database(tmp_path)
    with quiet():
        join(where, settings={"batch": 8})
        join(where, settings={"batch": 8})
        with pytest.raises(TrainingError, match="was begun with other labels; give the same, or choose another --name"):
            join_study(where, "one", about={"labels": "b", "settings": {"batch": 8}}, pruner=optuna.pruners.NopPruner())
        with pytest.raises(TrainingError, match=r"other settings \(batch: 8 there, 9 here\)"):
            join(where, settings={"batch": 9})
        assert read_study(where, "two") is None


def test_a_study_of_another_program_is_refused(tmp_path: Path) -> None:
    where = database(tmp_path)
    with quiet():
        foreign = optuna.create_study(storage=where.url, study_name="one")
        foreign.enqueue_trial({})
        with pytest.raises(TrainingError, match="'one' is of another program; choose another --name"):
            join(where)


def test_a_database_that_is_damaged_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_bytes(b"not a database at all, for certain")
    with pytest.raises(TrainingError, match="cannot be read as a study database: file is not a database"):
        join(database(tmp_path))
    assert (tmp_path / "study.db").read_bytes().startswith(b"not a")


def test_a_database_cut_short_is_refused(tmp_path: Path) -> None:
    where = database(tmp_path)
    with quiet():
        join(where)
    path = tmp_path / "study.db"
    path.write_bytes(path.read_bytes()[:9000])
    with quiet(), pytest.raises(TrainingError, match=r"study\.db: .*(malformed|not a database|disk image)"):
        join(where)


def test_a_database_of_another_program_gets_no_tables_of_ours(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection:
        connection.execute("CREATE TABLE mice (name TEXT)")
        connection.commit()
    with pytest.raises(TrainingError, match="is a database of another program"):
        join(database(tmp_path))
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection:
        assert [row[0] for row in connection.execute("SELECT name FROM sqlite_master")] == ["mice"]


def test_a_locked_database_is_one_sentence(tmp_path: Path) -> None:
    where = database(tmp_path, lock_wait_s=0.3)
    with quiet():
        join(where)
    with closing(sqlite3.connect(tmp_path / "study.db")) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with quiet(), pytest.raises(TrainingError, match="database is locked: another program holds it"):
            join(where)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense://x", "nonsense"),
        ("postgresql://me:secret@127.0.0.1:1/x", r"me:\*\*\*@127.0.0.1:1/x: "),
        ("/no/such/folder/x.db", "/no/such/folder: no such folder"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_sentence_without_the_password(url: str, message: str) -> None:
    with quiet(), pytest.raises(TrainingError, match=message) as problem:
        join(Database(url=url_of(url), heartbeat_s=1))
    assert "secret" not in str(problem.value)
    assert "secret" not in shown("postgresql://me:secret@host/x")


def test_two_real_sweeps_one_killed_end_with_every_trial_trained_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command itself: the first is killed while it trains; the second goes on with its checkpoint and finishes the search."""
    data, study = tmp_path / "set", tmp_path / "study.db"
    write_synthetic_set(data, scene="rodent", count=10, seed=1, width=64, height=64, rectangles=1)
    space = tmp_path / "space.yaml"
    space.write_text("batch: {choices: [2, 4]}\n")
    command = ["sweep", "--data", str(data), "--study", str(study), "--space", str(space), "--sampler", "grid", "--confirm", "1"]
    command += ["--heartbeat", "1", "--epochs", "4", "--batch", "4", "--json", *TRAINING]
    whole = [sys.executable, "-m", "trainer", *command]
    checkpoint = tmp_path / "study.db.runs" / "sweep" / "trial0000" / "checkpoints" / "last.ckpt"
    with subprocess.Popen(whole, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
        wait_for(lambda: checkpoint.is_file() or killed.poll() is not None)
        killed.send_signal(signal.SIGKILL)
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert [trial["ended"] for trial in found["trials"]] == ["finished", "finished"]
    assert [trial["attempts"] for trial in found["trials"]] == [2, 1]
    assert sorted(trial["values"]["batch"] for trial in found["trials"]) == [2, 4]
    assert [trial["epochs"] for trial in found["trials"]] == [4, 4]
    assert found["confirmed"]["held_out"]["count"] == 1
    assert found["confirmed"]["test"]["count"] == 1
    runs = {path: path.stat().st_mtime_ns for path in tmp_path.glob("study.db.runs/*/*/run.json")}
    assert len(runs) == 3
    shutil.rmtree(data)
    assert main(["sweep", "--study", str(study), "--report-only"]) == 0  # from what is stored
    assert all(path.stat().st_mtime_ns == before for path, before in runs.items())
    assert "data:image/png;base64," in Path(found["report"]).read_text()


def test_a_trial_that_diverges_is_reported_and_not_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "set"
    write_synthetic_set(data, scene="rodent", count=10, seed=1, width=64, height=64, rectangles=1)
    (tmp_path / "space.yaml").write_text("learning_rate: {choices: [1.0e-3, 1.0e+30]}\n")
    command = ["sweep", "--data", str(data), "--study", str(tmp_path / "s.db"), "--space", str(tmp_path / "space.yaml")]
    command += ["--sampler", "grid", "--confirm", "0", "--epochs", "3", "--batch", "4", "--learning-rate", "1e-3", "--json", *TRAINING]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert [trial["ended"].split(":")[0] for trial in found["trials"]] == ["finished", "diverged"]
    assert found["winner"]["values"] == {"learning_rate": 1e-3}
    given = "--batch 4 --batches 1 --learning-rate 0.001 --precision 32 --device cpu --workers 0 --epochs 3"
    assert found["command"] == f"trainer fit --data {data} --out models/best {given}"
    assert found["command"] in html.unescape(Path(found["report"]).read_text())
    with closing(sqlite3.connect(tmp_path / "s.db")) as database_file:
        kept = dict(database_file.execute("SELECT key, value_json FROM study_user_attributes"))
    assert "learning_rate" in kept[ABOUT]
    assert "pretrained_rate" not in kept[ABOUT], "a study that was begun before there was that setting goes on"


def test_a_hopeless_trial_is_pruned(tmp_path: Path) -> None:
    """A trial whose held-out errors lie above the median of the earlier ones ends early."""
    lengths: dict[int, int] = {}

    def run(trial: optuna.Trial, slot: int) -> float:
        for epoch in range(10):
            lengths[slot] = epoch + 1
            trial.report(10.0 if slot == 6 else 1.0, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned("pruned")
        return 10.0 if slot == 6 else 1.0

    with quiet():
        pruner = make_pruner("median", FitSettings(epochs=10))
        study = join_study(database(tmp_path), "one", about={"labels": "a"}, pruner=pruner)
        empty_slots(study, [None] * 7, run, worker="w", heartbeat_s=1, waiting=lambda _count: None)
    assert lengths[6] < 5
    assert {lengths[slot] for slot in range(6)} == {10}


def test_the_number_of_epochs_that_nobody_gave_is_the_same_for_the_pruner() -> None:
    assert make_pruner("hyperband", FitSettings())._max_resource == EPOCHS  # type: ignore[attr-defined]
