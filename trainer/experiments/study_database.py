"""The database that workers of one search share: opened with care, and refused where it belongs to something else."""

import sqlite3
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.storages import RDBStorage
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError, SQLAlchemyError

from trainer.errors import TrainingError
from trainer.training.fit_settings import EPOCHS, FitSettings

PrunerName = Literal["median", "hyperband", "none"]
ABOUT = "rigtrack"
ASKED = "rigtrack asked"
GRACE = 4  # heartbeats missed before a worker counts as dead; one late beat of a busy machine is not a death
LOCK_WAIT_S = 60.0
_TRIES = 20
_SQLITE_BUSY = 5  # sqlite3.SQLITE_BUSY, which Python names from 3.11 on
_TABLES = {"studies", "version_info"}


def url_of(study: str) -> str:
    """A database's address: what has a scheme is one already, everything else is the path of an SQLite file."""
    return study if "://" in study else f"sqlite:///{Path(study).absolute()}"


def shown(url: str) -> str:
    """An address without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite address; None for a server's."""
    prefix = "sqlite:///"
    return Path(url.removeprefix(prefix)) if url.startswith(prefix) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Where studies are kept.

    Attributes:
        url: of the database.
        heartbeat_s: how often a worker says that it lives.
        lock_wait_s: how long a locked SQLite file is waited for.
    """

    url: str
    heartbeat_s: int = 30
    lock_wait_s: float = LOCK_WAIT_S


def join_study(database: Database, name: str, *, about: dict[str, Any], pruner: BasePruner) -> optuna.Study:
    """Open a study to work on it, or begin it.

    Args:
        database: where.
        name: of the study.
        about: plain values that every worker must agree on: labels, settings, space.
        pruner: what ends hopeless trials.

    Raises:
        TrainingError: the database cannot be opened, is locked, damaged, of another program, or the study is of something else.
    """
    with refusals_of(database.url):
        _refuse_foreign(database, reading=False)
        storage = _storage(database)
        study = optuna.create_study(storage=storage, study_name=name, pruner=pruner, direction="minimize", load_if_exists=True)
        _claim(study, about, database.url)
        return study


def make_pruner(name: PrunerName, settings: FitSettings) -> BasePruner:
    """What compares a run's held-out error, epoch by epoch, with that of earlier runs."""
    epochs = settings.epochs or EPOCHS
    if name == "median":
        return MedianPruner(n_startup_trials=5, n_warmup_steps=max(1, epochs // 4))
    return HyperbandPruner(min_resource=max(1, epochs // 9), max_resource=epochs) if name == "hyperband" else NopPruner()


def remember_asked(study: optuna.Study, asked: dict[str, Any]) -> None:
    """Keep what the first worker was asked for, in plain values; those that join it may name the same labels otherwise."""
    if ASKED not in study.user_attrs:
        study.set_user_attr(ASKED, asked)


def read_study(database: Database, name: str) -> optuna.Study | None:
    """Open a study to read it; None where there is none of that name.

    Raises:
        TrainingError: the database cannot be opened, is locked, damaged, or of another program.
    """
    with refusals_of(database.url):
        _refuse_foreign(database, reading=True)
        storage = _storage(database)
        return optuna.load_study(study_name=name, storage=storage) if name in optuna.get_all_study_names(storage) else None


@contextmanager
def quiet() -> Iterator[None]:
    """Without Optuna's own talk, and its remark that heartbeats are an experiment of its own."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        try:
            yield
        finally:
            optuna.logging.set_verbosity(level)


def _storage(database: Database) -> RDBStorage:
    url, beat_s = database.url, database.heartbeat_s
    engine: dict[str, Any] = {"pool_pre_ping": True} if sqlite_file(url) is None else {"connect_args": {"timeout": database.lock_wait_s}}
    for left in reversed(range(_TRIES)):
        try:
            return RDBStorage(url, engine_kwargs=engine, heartbeat_interval=beat_s, grace_period=GRACE * beat_s)
        except (OperationalError, IntegrityError) as problem:
            # two workers that start together both make the tables, and one of them comes too late
            if not left or ("already exists" not in str(problem) and not isinstance(problem, IntegrityError)):
                raise
            time.sleep(0.1)
    raise TrainingError(f"{shown(url)}: the tables of the study could not be made; start one worker before the others")


def _claim(study: optuna.Study, about: dict[str, Any], url: str) -> None:
    found = study.user_attrs.get(ABOUT)
    if found is None:
        if study.get_trials(deepcopy=False):
            raise TrainingError(f"{shown(url)}: the study '{study.study_name}' is of another program; choose another --name")
        study.set_user_attr(ABOUT, about)
        return
    for key, value in about.items():
        if found.get(key) != value:
            raise TrainingError(
                f"{shown(url)}: the study '{study.study_name}' was begun with other {key}{_difference(found.get(key), value)}; "
                f"give the same, or choose another --name"
            )


def _difference(stored: Any, asked: Any) -> str:
    """The first entry that differs, where both are mappings."""
    if isinstance(stored, dict) and isinstance(asked, dict):
        for key in {**stored, **asked}:
            if stored.get(key) != asked.get(key):
                return f" ({key}: {stored.get(key)} there, {asked.get(key)} here)"
    return ""


def _refuse_foreign(database: Database, *, reading: bool) -> None:
    """Optuna would put its tables into whatever SQLite file it is given."""
    file = sqlite_file(database.url)
    if file is None or (file.is_file() and not file.stat().st_size):
        return
    if not file.exists():
        if reading:
            raise TrainingError(f"{file}: no such file; run `trainer sweep` without --report-only first")
        if not file.parent.is_dir():
            raise TrainingError(f"{file.parent}: no such folder; make it, or choose another --study")
        return
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=database.lock_wait_s)) as connection:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError as problem:
        if _is_locked(problem):
            raise
        raise TrainingError(f"{file}: cannot be read as a study database: {problem}; choose another --study or restore it") from problem
    if tables and not tables >= _TABLES:
        raise TrainingError(f"{file}: is a database of another program; choose another --study")


@contextmanager
def refusals_of(url: str) -> Iterator[None]:
    """Faults of the database while it is used, each as one sentence.

    Raises:
        TrainingError: in their place.
    """
    try:
        yield
    except ArgumentError as problem:
        raise TrainingError(f"'{url}' is not a database address; expected a file, or such as postgresql://user@host/name") from problem
    except ImportError as problem:
        raise TrainingError(f"{shown(url)}: needs the package {problem.name}, which is not installed; install it with pip") from problem
    except (SQLAlchemyError, OptunaError, sqlite3.Error) as problem:
        raise TrainingError(f"{shown(url)}: {_reason(problem)}; the same command goes on once that is mended") from problem
    except RuntimeError as problem:
        if "version" not in str(problem):
            raise
        raise TrainingError(f"{shown(url)}: was made by another version of Optuna; choose another --study") from problem


def _reason(problem: BaseException) -> str:
    """The database's own words, without the SQL around them."""
    deepest = problem
    while deepest.__cause__ is not None:
        deepest = deepest.__cause__
    fault = getattr(deepest, "orig", None) or deepest
    words = str(fault).split("\n")[0].strip()
    if _is_locked(fault):
        return f"{words}: another program holds it"
    return words or type(problem).__name__


def _is_locked(fault: BaseException) -> bool:
    code = getattr(fault, "sqlite_errorcode", None)
    return code == _SQLITE_BUSY if code is not None else "locked" in str(fault)  # Python 3.10 gives words alone
