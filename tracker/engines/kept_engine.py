"""An engine from the cache, or built by a process of its own where there is none that fits: alike for every runtime."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from tracker.engines.build_in_child import build_in_child
from tracker.engines.build_request import BuildRequest
from tracker.engines.engine_cache import EngineNotKeptError, Payload, Say, engine_path, load_engine, read_sealed
from tracker.engines.engine_folder import EngineFolderError, ready_engine_folder, temporary_engine_folder
from tracker.errors import EngineError

Loaded = TypeVar("Loaded")


def load_or_build(request: BuildRequest, *, load: Callable[[Payload], Loaded], say: Say, cancelled: threading.Event) -> Loaded:
    """Load the engine that was made for exactly this, and have it built first where there is none or the runtime refuses it.

    Args:
        request: what to build; its folder is filled in here.
        load: makes of an engine's bytes what the runtime runs; raises EngineError where the runtime refuses them.
        say: told in one sentence each why an engine is built, and how that goes on.
        cancelled: once set, the build ends.

    Raises:
        EngineError: it cannot be built, or what was just built is refused.
        BundleError: the runtime cannot use the model.
    """
    try:
        folder = ready_engine_folder()
        kept = load_engine(folder, request.made_for, say=say)
        if kept is not None:
            try:
                return load(kept)
            except EngineError as refusal:
                say(f"{refusal}; it is built again")
        return _build_and_load(request, folder, load=load, say=say, cancelled=cancelled)
    except (EngineFolderError, EngineNotKeptError) as refusal:
        say(f"{refusal}; engines are built again at every start")
    with temporary_engine_folder() as folder:
        return _build_and_load(request, folder, load=load, say=say, cancelled=cancelled)


def _build_and_load(
    request: BuildRequest, folder: Path, *, load: Callable[[Payload], Loaded], say: Say, cancelled: threading.Event
) -> Loaded:
    build_in_child(msgspec.structs.replace(request, folder=str(folder)), say=say, cancelled=cancelled)
    return load(read_sealed(engine_path(folder, request.made_for), request.made_for))
