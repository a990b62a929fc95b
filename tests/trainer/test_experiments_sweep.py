"""The search: its space, its database, its queue of slots, and two real workers of which one is killed."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import optuna
import pytest

from trainer.__main__ import main
from trainer.errors import TrainingError
from trainer.experiments.search_space import PRESETS, changed, chosen_space, grid_points, refuse_unknown
from trainer.experiments.study_database import Database, join_study, quiet, read_study, shown, url_of
from trainer.experiments.sweep import make_pruner, tried
from trainer.experiments.trial_queue import attempts, empty_slots, lasting
from trainer.formats.write_synthetic_set import write_synthetic_set
from trainer.training.fit_settings import EPOCHS, FitSettings

ROOT = Path(__file__).resolve().parents[2]
TRAINING = ["--batches", "1", "--workers", "0", "--device", "cpu", "--precision", "32"]


def database(folder: Path, *, lock_wait_s: float = 10.0) -> Database:
    return Database(url=url_of(str(folder / "study.db")), heartbeat_s=1, lock_wait_s=lock_wait_s)


def join(where: Database, name: str = "one", **about: object) -> optuna.Study:
    return join_study(where, name, about={"labels": "a", **about}, pruner=optuna.pruners.NopPruner())


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


def test_every_slot_is_run_once_and_later_workers_find_nothing_to_do(tmp_path: Path) -> None:
    ran: list[int] = []

    def run(trial: optuna.Trial, slot: int) -> float:
        ran.append(slot)
        return float(trial.suggest_int("x", 0, 9))

    slots = [{"x": value} for value in (3, 1, 2)]
    with quiet():
        for _ in range(2):
            study = join(database(tmp_path))
            empty_slots(study, slots, run, worker="w", heartbeat_s=1, waiting=lambda _count: None)
    assert sorted(ran) == [0, 1, 2]
    assert study.best_params == {"x": 1}


def test_of_a_slot_queued_twice_one_attempt_counts(tmp_path: Path) -> None:
    """As two workers do that start together."""
    ran: list[int] = []
    with quiet():
        study = join(database(tmp_path))
        for _ in range(2):
            study.enqueue_trial({"x": 4}, user_attrs={"slot": 0})
        empty_slots(
            study,
            [{"x": 4}],
            lambda trial, slot: ran.append(slot) or float(trial.suggest_int("x", 0, 9)),  # type: ignore[func-returns-value]
            worker="w",
            heartbeat_s=1,
            waiting=lambda _count: None,
        )
    assert ran == [0]
    assert len(attempts(study.get_trials(), 0)) == 2


def test_a_slot_that_kills_its_workers_three_times_is_given_up(tmp_path: Path) -> None:
    ran: list[int] = []

    def run(_trial: optuna.Trial, slot: int) -> float:
        ran.append(slot)
        return 0.0

    with quiet():
        study = join(database(tmp_path))
        for _ in range(3):
            study.add_trial(optuna.create_trial(state=optuna.trial.TrialState.FAIL, user_attrs={"slot": 0, "worker": "dead"}))
        empty_slots(study, [None, None], run, worker="w", heartbeat_s=1, waiting=lambda _count: None)
        assert ran == [1]
        assert tried(study)[0].ended.words == "given up: its workers were killed each time"


def test_trials_of_a_study_that_keeps_only_words_about_their_end_are_read(tmp_path: Path) -> None:
    with quiet():
        study = join(database(tmp_path))
        for slot, words in enumerate(["pruned after epoch 3", "superfluous"]):
            state = optuna.trial.TrialState.PRUNED if slot == 0 else optuna.trial.TrialState.FAIL
            study.add_trial(optuna.create_trial(state=state, user_attrs={"slot": 0, "worker": "w", "ended": words}))
        (found,) = tried(study)
    assert (found.ended.how, found.ended.words, found.attempts) == ("pruned", "pruned after epoch 3", 1)


def test_a_trial_whose_worker_died_before_its_first_heartbeat_is_run_again(tmp_path: Path) -> None:
    """Drawn and never begun: no heartbeat can ever be late. The clock is the test's own."""
    ticks = iter(range(0, 1000, 3))
    ran: list[int] = []

    def run(_trial: optuna.Trial, slot: int) -> float:
        ran.append(slot)
        return 0.0

    with quiet():
        study = join(database(tmp_path))
        study.enqueue_trial({}, user_attrs={"slot": 0})
        study._storage.set_trial_state_values(study.get_trials()[0]._trial_id, optuna.trial.TrialState.RUNNING)
        empty_slots(study, [None], run, worker="w", heartbeat_s=1, waiting=lambda _count: None, clock=lambda: float(next(ticks)))
    assert ran == [0]


def test_a_trial_has_a_heartbeat_before_anything_of_it_runs(tmp_path: Path) -> None:
    """A worker killed the moment its trial begins would else hold it for ever."""
    beats: list[int] = []

    def run(_trial: optuna.Trial, _slot: int) -> float:
        with closing(sqlite3.connect(tmp_path / "study.db", timeout=300)) as connection:
            beats.append(connection.execute("SELECT count(*) FROM trial_heartbeats").fetchone()[0])
        return 0.0

    with quiet():
        empty_slots(join(database(tmp_path)), [None] * 25, run, worker="w", heartbeat_s=1, waiting=lambda _count: None)
    assert beats == list(range(1, 26))


WORKER = """
import sys, time
from pathlib import Path
from trainer.experiments.trial_queue import empty_slots
from trainer.experiments.study_database import Database, join_study, quiet
import optuna

folder, name = Path(sys.argv[1]), sys.argv[2]

def run(trial, slot):
    with (folder / "log").open("a") as log:
        log.write(f"{name} {slot}\\n")
    value = trial.suggest_float("x", 0, 1)
    (folder / f"{name}-in-{slot}").touch()
    while (folder / f"hold-{name}").exists():
        time.sleep(0.01)
    return value

with quiet():
    where = Database(url=f"sqlite:///{folder}/study.db", heartbeat_s=1)
    study = join_study(where, "one", about={"labels": "a"}, pruner=optuna.pruners.NopPruner())
    empty_slots(study, [None] * 6, run, worker=name, heartbeat_s=1, waiting=lambda count: None)
"""


@contextmanager
def worker(folder: Path, name: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A worker that does not outlive the test, stopped or not."""
    with subprocess.Popen([sys.executable, "-c", WORKER, str(folder), name], cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def test_two_workers_share_a_study_and_a_killed_workers_trial_is_run_again(tmp_path: Path) -> None:
    """Worker a is killed in the middle of a trial; b runs all the others once, and that one again."""
    (tmp_path / "hold-a").touch()
    (tmp_path / "hold-b").touch()
    with worker(tmp_path, "a") as first, worker(tmp_path, "b") as second:
        wait_for(lambda: all(any(tmp_path.glob(f"{name}-in-*")) for name in "ab"))
        first.send_signal(signal.SIGKILL)
        first.wait()
        (tmp_path / "hold-b").unlink()
        assert second.wait(timeout=800) == 0
    ran = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    broken = next(slot for name, slot in ran if name == "a")
    assert [name for name, slot in ran if slot == broken] == ["a", "b"]
    assert sorted(slot for name, slot in ran if name == "b") == ["0", "1", "2", "3", "4", "5"]
    with quiet():
        study = read_study(database(tmp_path), "one")
    assert study is not None
    trials = study.get_trials()
    assert [lasting(trials, slot).state.name for slot in range(6)] == ["COMPLETE"] * 6  # type: ignore[union-attr]
    tries = [trial for trial in attempts(trials, int(broken)) if trial.user_attrs.get("ended") != "superfluous"]
    assert [trial.state.name for trial in tries] == ["FAIL", "COMPLETE"]
    assert tries[0].params == tries[1].params  # the same trial again, not another draw


def test_a_worker_thought_dead_that_comes_back_runs_nothing_twice(tmp_path: Path) -> None:
    """Worker a is stopped for longer than the heartbeats allow, as a laptop that sleeps, and wakes after b has done its trial."""
    (tmp_path / "hold-a").touch()
    with worker(tmp_path, "a") as first:
        wait_for(lambda: any(tmp_path.glob("a-in-*")))
        first.send_signal(signal.SIGSTOP)
        with worker(tmp_path, "b") as second:
            assert second.wait(timeout=800) == 0
        (tmp_path / "hold-a").unlink()
        first.send_signal(signal.SIGCONT)
        assert first.wait(timeout=800) == 0
    with quiet():
        study = read_study(database(tmp_path), "one")
    assert study is not None
    completed = [trial.user_attrs["slot"] for trial in study.get_trials() if trial.state.name == "COMPLETE"]
    assert sorted(completed) == list(range(6))


def test_two_real_sweeps_one_killed_end_with_every_trial_trained_once(tmp_path: Path) -> None:
    """The command itself: the first is killed while it trains; the second goes on with its checkpoint and finishes the search."""
    data, study = tmp_path / "set", tmp_path / "study.db"
    write_synthetic_set(data, scene="rodent", count=10, seed=1, width=64, height=64, rectangles=1)
    space = tmp_path / "space.yaml"
    space.write_text("batch: {choices: [2, 4]}\n")
    command = ["sweep", "--data", str(data), "--study", str(study), "--space", str(space), "--sampler", "grid", "--confirm", "1"]
    command += ["--heartbeat", "1", "--epochs", "6", "--batch", "4", "--json", *TRAINING]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    whole = [sys.executable, "-m", "trainer", *command]
    checkpoint = tmp_path / "study.db.runs" / "sweep" / "trial0000" / "checkpoints" / "last.ckpt"
    with subprocess.Popen(whole, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
        wait_for(lambda: checkpoint.is_file() or killed.poll() is not None)
        killed.send_signal(signal.SIGKILL)
    again = subprocess.run(whole, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=800, check=True)
    found = json.loads(again.stdout)
    assert [trial["ended"] for trial in found["trials"]] == ["finished", "finished"]
    assert [trial["attempts"] for trial in found["trials"]] == [2, 1]
    assert sorted(trial["values"]["batch"] for trial in found["trials"]) == [2, 4]
    assert [trial["epochs"] for trial in found["trials"]] == [6, 6]
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


def wait_for(condition: Callable[[], bool], *, deadline_s: float = 600.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.02)


def test_the_number_of_epochs_that_nobody_gave_is_the_same_for_the_pruner() -> None:
    assert make_pruner("hyperband", FitSettings())._max_resource == EPOCHS  # type: ignore[attr-defined]
