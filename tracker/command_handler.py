"""Carries out commands and signals. Everything that takes time runs on one worker, which alone owns what is open."""

import gc
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tracker.bundle import Bundle, read_bundle
from tracker.bundle_description import Viewed
from tracker.calibration import read_calibration
from tracker.classifiers.classifier import Classifier
from tracker.classifiers.open_classifier import open_classifier
from tracker.config import Config, load_config
from tracker.config_changes import needing_restart, restart_sentence
from tracker.engines.engine import Engine
from tracker.engines.open_engine import open_engine
from tracker.errors import BundleError, CalibrationError, ConfigError, RigtrackError, StreamError
from tracker.loop_inbox import Cause, Change, LoopInbox
from tracker.service.health import Health
from tracker.service.notify import Notifier
from tracker.setup import Setup, check_rules, make_setup
from tracker.worker import Answer, Worker

logger = logging.getLogger(__name__)

_BUILD_EXTENSION_S = 120  # asked of the service manager at every sign of life of an engine build
_LOOK_S = 0.1  # how often waiting for the loop looks whether the tracker is stopping
_CLOSE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    """What the loop was last given, and is known to use."""

    config: Config
    bundle: Bundle | None  # and its engine; None where classifiers run alone, or nothing does
    engine: Engine | None
    classifiers: dict[str, Classifier]
    calibrated_for: tuple[int, int] | None  # (width, height) of the calibration's images


class CommandHandler:
    """Prepares another setup away from the loop and leaves it in the inbox; closes an engine once the loop uses another.

    Attributes:
        commands: by name, what `Control` answers with.
    """

    def __init__(self, config_path: Path, config: Config, *, inbox: LoopInbox, health: Health, notifier: Notifier) -> None:
        self._path = config_path.resolve()
        self._config = config
        self._begun = load_config(self._path)  # without what the command line adds
        self._inbox = inbox
        self._health = health
        self._notifier = notifier
        self._worker = Worker()
        self._cancelled = threading.Event()
        self._running: _Running | None = None  # the worker's own
        self._open: list[Engine] = []  # the worker's own, until it has ended
        self._reload_waits = False
        self.commands: dict[str, Callable[[dict[str, Any]], Answer | Future[Answer]]] = {
            "status": self.status,
            "swap": self.swap,
            "reload": self.reload,
            "stop": self.stop,
        }

    def start(self) -> None:
        """Begin to open the configured engine. The loop hears of it through the inbox, also if it cannot be had."""
        self._worker.submit("the start: opening the engine", self._start)

    def status(self, _: dict[str, Any]) -> Answer:
        """The status message as it was last published."""
        return {"status": msgspec.to_builtins(self._health.last)}

    def swap(self, request: dict[str, Any]) -> "Future[Answer]":
        """Load {"bundle": PATH}, prove it, and put it in place between two frames; with "classifier": NAME, in the place of that one's."""
        path, name = request.get("bundle"), request.get("classifier")
        if not isinstance(path, str) or not isinstance(name, str | None):
            raise ConfigError("swap needs {'bundle': PATH}, the folder of an engine bundle, and may have 'classifier', a name")
        if name is not None:
            return self._worker.submit(f"a swap of classifier {name:.60} to {path}", lambda: self._swap_classifier(name, path))
        return self._worker.submit(f"a swap to {path}", lambda: self._swap(path))

    def reload(self, _: dict[str, Any]) -> "Future[Answer]":
        """Read zones, rules and calibration again from the file the tracker was started with."""
        return self._worker.submit("a reload", self._reload)

    def reload_on_signal(self) -> None:
        """The same for SIGHUP, after whatever is under way. Several signals before it begins are one."""
        if not self._reload_waits:
            self._reload_waits = True
            self._worker.submit_later("a reload", self._reload_later)

    def stop(self, _: dict[str, Any]) -> Answer:
        """End the daemon cleanly, whatever is under way."""
        self._inbox.stop.set()
        return {}

    def close(self) -> None:
        """Give up what is under way and free every engine. To be called when the loop has ended.

        Work that cannot be given up in time is left to end with the process; `tracker.command` sees to that.
        """
        self._cancelled.set()
        self._inbox.stop.set()
        if self._worker.close(_CLOSE_S):
            while self._open:
                self._open.pop().close()

    def _start(self) -> Answer:
        try:
            folder = self._config.engine.bundle
            bundle = _configured(folder, "engine.bundle") if folder is not None else None
            classifiers = {
                each.name: open_classifier(_configured(each.bundle, f"the bundle of classifier '{each.name}'"), threads=each.threads)
                for each in self._config.classifiers
            }
            check_rules(self._config, bundle, classifiers)
            engine = self._open_engine(bundle) if bundle is not None else None
            gc.collect()
            gc.freeze()  # what stays for good is looked at no more
            self._put("start", self._config, bundle, engine, classifiers)
        except Exception as problem:
            if not self._inbox.stop.is_set():
                self._inbox.fail(problem)  # whatever it is: the loop waits for this and nothing else
            raise
        return {}

    def _swap(self, path: str) -> Answer:
        running = self._now()
        before = running.engine
        bundle = read_bundle(Path(path))
        if before is None and running.classifiers:
            raise ConfigError("this tracker runs classifiers alone; name the one to replace with --classifier")
        _check_identity(running.config, bundle)
        check_rules(running.config, bundle, running.classifiers)
        self._check_unseen_view(bundle, running.bundle)
        engine = self._open_engine(bundle)
        try:
            setup = self._put("swap", running.config, bundle, engine, running.classifiers)
        except Exception:  # a fault of our own, too, must not leave the engine open
            if not self._inbox.stop.is_set():  # else the loop may have it after all: `close` frees it
                self._close_engine(engine)
            raise
        if before is not None:
            self._close_engine(before)
        gc.collect()  # nothing else does: the collector is off, and only what came since the start is looked at
        logger.info("bundle swapped: bundle=%s", bundle.folder)
        return {
            "bundle": bundle.description.name,
            "bundle_sha256": bundle.description.onnx_sha256,
            "folder": str(bundle.folder),
            "runtime": engine.runtime,
            "device": engine.device,
            "precision": engine.precision,
            "field_of_view": setup.inference.field_of_view if setup is not None and setup.inference is not None else None,
        }

    def _swap_classifier(self, name: str, path: str) -> Answer:
        running = self._now()
        settings = next((each for each in running.config.classifiers if each.name == name), None)
        if settings is None:
            known = ", ".join(running.classifiers) or "none"
            raise ConfigError(f"there is no classifier '{name:.60}'; expected one of the section classifiers ({known})")
        bundle = read_bundle(Path(path))
        fresh = open_classifier(bundle, threads=settings.threads)
        classifiers = running.classifiers | {name: fresh}
        check_rules(running.config, running.bundle, classifiers)
        self._check_unseen_view(bundle, running.classifiers[name].bundle)
        setup = self._put("swap", running.config, running.bundle, running.engine, classifiers)
        logger.info("classifier swapped: classifier=%s bundle=%s", name, bundle.folder)
        return {
            "classifier": name,
            "bundle": bundle.description.name,
            "bundle_sha256": bundle.description.onnx_sha256,
            "folder": str(bundle.folder),
            "runtime": fresh.engine.runtime,
            "device": fresh.engine.device,
            "precision": "fp32",
            "class_names": list(bundle.description.class_names),
            "field_of_view": setup.scores.fields_of_view.get(name) if setup is not None else None,
        }

    def _reload(self) -> Answer:
        self._notifier.reloading()
        try:
            running, fresh = self._now(), load_config(self._path)
            _check_no_restart(self._path, fresh, running.config)
            if running.bundle is None and not running.classifiers and fresh.has_engine:
                raise ConfigError(
                    f"{self._path}: names a network, and this tracker has run without one since it began; restart it, or put a bundle of "
                    "key points in place with `tracker swap`"
                )
            config = _with_rules_of(fresh, running.config)
            check_rules(config, running.bundle, running.classifiers)
            self._check_unseen_calibration(running, config)
            self._put("reload", config, running.bundle, running.engine, running.classifiers)
        except RigtrackError as problem:
            self._health.report("reload", f"{problem}; the rules in use stay")
            raise
        finally:
            self._notifier.ready()
        self._health.report("reload", None)
        logger.info("rules reloaded: file=%s events=%d", self._path, len(config.behaviour))
        waiting = needing_restart(fresh, self._begun, bundle=None if running.bundle is None else str(running.bundle.folder))
        if waiting:
            logger.warning("%s", restart_sentence(waiting))
        return {"events": [item.event for item in config.behaviour], "zones": [zone.name for zone in config.zones], "restart": waiting}

    def _reload_later(self) -> Answer:
        self._reload_waits = False
        return self._reload()

    def _now(self) -> _Running:
        if self._running is None:
            raise StreamError("the tracker has no engine yet; its log says why")
        return self._running

    def _check_unseen_view(self, bundle: Bundle, before: Bundle | None) -> None:
        """Before the first frame, refuse a view that may not fit the camera's images: that would end the tracker when the camera comes.

        Raises:
            BundleError: the bundle's view fits images of one size only, and is another than the one in use.
        """
        if self._inbox.source_shape is not None or not _takes_frames(bundle):
            return
        new, old = bundle.description, before.description if before is not None and _takes_frames(before) else None
        fits_all = new.view.crop is None and new.view.fit != "exact"
        if not fits_all and (old is None or (new.view, new.input.shape) != (old.view, old.input.shape)):
            raise BundleError(f"{bundle.folder}: its view may not fit the camera, of which no frame has come yet; swap when frames come")

    def _check_unseen_calibration(self, running: _Running, config: Config) -> None:
        """The same for a calibration.

        Raises:
            CalibrationError: it is for images of another size than the one in use.
        """
        if self._inbox.source_shape is None and _calibrated_for(config) not in (None, running.calibrated_for):
            raise CalibrationError(
                f"{config.calibration}: may not fit the camera, of which no frame has come yet; reload the rules when frames come"
            )

    def _put(
        self, cause: Cause, config: Config, bundle: Bundle | None, engine: Engine | None, classifiers: dict[str, Classifier]
    ) -> Setup | None:
        """Have the loop take up a setup, and wait until it uses nothing older.

        Returns:
            The setup, or None where it is made at the first frame.

        Raises:
            RigtrackError: it does not fit the camera's images; the loop goes on with what it had. Or the tracker is stopping.
        """

        def make(shape: tuple[int, ...]) -> Any:
            setup = make_setup(config, bundle, engine, source_shape=shape, classifiers=classifiers)
            for sentence in setup.zones_outside:
                logger.warning("%s", sentence)
            return setup

        shape, calibrated_for = self._inbox.source_shape, _calibrated_for(config)
        change = Change(cause=cause, make=make, setup=make(shape) if shape is not None else None)
        self._inbox.put(change)
        while not self._inbox.stop.is_set():
            try:
                change.outcome.result(_LOOK_S)
            except NotYet:
                continue
            self._running = _Running(config=config, bundle=bundle, engine=engine, classifiers=classifiers, calibrated_for=calibrated_for)
            return change.setup
        raise StreamError("the tracker is stopping")

    def _open_engine(self, bundle: Bundle) -> Engine:
        engine = open_engine(bundle, self._config.engine, say=self._say, cancelled=self._cancelled)
        self._open.append(engine)
        return engine

    def _close_engine(self, engine: Engine) -> None:
        self._open.remove(engine)
        engine.close()

    def _say(self, sentence: str) -> None:
        logger.info("%s", sentence)
        self._notifier.status(sentence)
        self._notifier.extend_timeout(_BUILD_EXTENSION_S)


def _configured(folder: str, key: str) -> Bundle:
    """The bundle that the configuration names, under what key."""
    try:
        return read_bundle(Path(folder))
    except BundleError as problem:
        raise BundleError(f"{key}: {problem}") from None


def _with_rules_of(fresh: Config, running: Config) -> Config:
    """What runs, with the zones, rules, calibration, choice of frames and overlay of a file that was read again."""
    only_when = {each.name: each.only_when for each in fresh.classifiers}
    classifiers = tuple(msgspec.structs.replace(each, only_when=only_when.get(each.name, each.only_when)) for each in running.classifiers)
    return msgspec.structs.replace(
        running, zones=fresh.zones, behaviour=fresh.behaviour, calibration=fresh.calibration, classifiers=classifiers, overlay=fresh.overlay
    )


def _check_identity(running: Config, bundle: Bundle) -> None:
    """Refuse a bundle of several animals for a tracker that cannot tell them apart; its own advice would need a restart.

    Raises:
        ConfigError: it finds several, and the tracker began without the section identity.
    """
    animals = bundle.description.output.shape[1]
    if animals > 1 and running.identity is None:
        raise ConfigError(
            f"bundle {bundle.folder} finds up to {animals} animals, and this tracker began without the section identity, which tells them "
            f"apart and cannot come later; add it to the file (docs/identity.md) beside `engine: {{bundle: {bundle.folder}}}`, and start "
            "the tracker again: `tracker stop`, `tracker run`"
        )


def _check_no_restart(path: Path, fresh: Config, running: Config) -> None:
    """Refuse what a running tracker cannot take up, and what would seem to have been taken up.

    Raises:
        ConfigError: the file has a section identity, or a classifier, that the tracker began without.
    """
    known = {each.name for each in running.classifiers}
    new = [f"classifier '{each.name}'" for each in fresh.classifiers if each.name not in known]
    if fresh.identity is not None and running.identity is None:
        new.insert(0, "a section identity")
    if new:
        raise ConfigError(
            f"{path}: names {' and '.join(new)}, which this tracker began without; that needs a restart of the tracker: `tracker stop`, "
            "`tracker run`"
        )


def _takes_frames(bundle: Bundle) -> bool:
    """Whether the bundle's view says what it takes of a frame."""
    behaviour = bundle.description.behaviour
    return behaviour is None or isinstance(behaviour.region, Viewed)


def _calibrated_for(config: Config) -> tuple[int, int] | None:
    return read_calibration(Path(config.calibration)).image_size if config.calibration else None
