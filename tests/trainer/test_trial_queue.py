"""The queue of trials: each slot once, a dead worker's again, and two real workers of which one is killed."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import optuna

from tests.trainer.studies_of_search import database, join, wait_for
from trainer.experiments.study_database import quiet, read_study
from trainer.experiments.sweep import tried
from trainer.experiments.trial_queue import attempts, empty_slots, lasting

ROOT = Path(__file__).resolve().parents[2]


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
