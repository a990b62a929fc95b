"""Databases and studies of a search, for tests."""

import time
from collections.abc import Callable
from pathlib import Path

import optuna

from trainer.experiments.study_database import Database, join_study, url_of


def database(folder: Path, *, lock_wait_s: float = 10.0) -> Database:
    return Database(url=url_of(str(folder / "study.db")), heartbeat_s=1, lock_wait_s=lock_wait_s)


def join(where: Database, name: str = "one", **about: object) -> optuna.Study:
    return join_study(where, name, about={"labels": "a", **about}, pruner=optuna.pruners.NopPruner())


def wait_for(condition: Callable[[], bool], *, deadline_s: float = 600.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.02)
