"""The engine alone: building, the cache, parity, latency of every frame, graph against plain launches, clocks between frames."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from carried import read_answers, read_frames
from figures import Notes, summary, timed
from plan import Settings

from tracker.bundle import Bundle, read_bundle
from tracker.config import EngineConfig
from tracker.engines.engine import Engine
from tracker.engines.engine_cache import MadeFor, load_engine, read_sealed, store_engine
from tracker.engines.engine_folder import engine_folder
from tracker.engines.open_engine import open_engine
from tracker.errors import EngineError
from tracker.frame import Image
from trainer.bundles.parity import compare, points_of

WARM_UP = 200
BLOCK = 2000  # frames in a row by one way of launching, before the other has its turn
IDLE_HZ = 30.0
KEEP_WARM_MS = (1.0, 5.0)
THREADS = 2  # of the CPU engine, where the script is tried without a GPU


def open_for(settings: Settings, bundle: Bundle, precision: str, *, keep_warm_ms: float | None = None) -> Engine:
    """Open a bundle as the rig does; what is said goes to the screen."""
    config = engine_config(settings, bundle, precision, keep_warm_ms=keep_warm_ms)
    return open_engine(bundle, config, say=lambda text: print(text, flush=True))


def engine_config(
    settings: Settings, bundle: Bundle, precision: str, *, runtime: str | None = None, keep_warm_ms: float | None = None
) -> EngineConfig:
    """The engine section of a rig's configuration, on the runtime that is measured unless another is named."""
    return EngineConfig(
        bundle=str(bundle.folder),
        runtime=runtime or settings.runtime,  # type: ignore[arg-type]
        precision=precision,  # type: ignore[arg-type]
        threads=THREADS,
        gpu=settings.gpu,
        budget_ms=1000.0,
        keep_warm_ms=keep_warm_ms,
    )


def frames_of(settings: Settings, size: str) -> list[Image]:
    """Labelled frames as the network of that size takes them, uint8 (h, w, 1): for the wide one, every pixel twice, dark below."""
    shape = read_bundle(settings.bundle(size, "fp32")).description.input.shape[1:]
    images: list[Image] = []
    for image in read_frames(Path(settings.carry)):
        source = image[:, :, None] if size == "vga" else image.repeat(2, 0).repeat(2, 1)[:, :, None]
        canvas = np.zeros(shape, np.uint8)
        height, width = min(shape[0], source.shape[0]), min(shape[1], source.shape[1])
        canvas[:height, :width] = source[:height, :width]
        images.append(canvas)
    return images


def compile_engines(settings: Settings, notes: Notes) -> None:
    """Build every engine, in the order of what is needed most; then prove the cache: hit, and refusal of a spoilt file."""
    for size, precision in [("vga", settings.precisions[0]), ("vga", "fp32"), ("vga", "int8"), ("wide", settings.fast)]:
        folder = settings.bundle(size, precision)
        key = f"{size} {precision}"
        if not folder.exists():
            notes.put(key, {"problem": f"{folder.name} was not carried"})
            continue
        said: list[str] = []
        started = time.monotonic()
        with closing(_open(settings, folder, precision, said)) as engine:
            built_s = time.monotonic() - started
            facts = {"runtime": engine.runtime, "device": engine.device}
        started = time.monotonic()
        again: list[str] = []
        with closing(_open(settings, folder, precision, again)):
            hit_s = time.monotonic() - started
        notes.put(key, {"built_s": round(built_s, 2), "from_cache_s": round(hit_s, 2), "said": said, "cache_hit": not again, **facts})
    notes.put("spoilt", _spoilt(settings))


def _open(settings: Settings, folder: Path, precision: str, said: list[str]) -> Engine:
    def say(text: str) -> None:
        print(text, flush=True)
        said.append(text)

    bundle = read_bundle(folder)
    return open_engine(bundle, engine_config(settings, bundle, precision), say=say)


def _spoilt(settings: Settings) -> dict[str, Any]:
    """Cut an engine short, hide it behind another's name, change its driver: each is refused with its reason. Nothing is built here."""
    path = max(engine_folder().glob("*.engine"), key=lambda found: found.stat().st_mtime)
    content = path.read_bytes()
    header_bytes = int.from_bytes(content[16:20], "little")
    made_for = MadeFor(**json.loads(content[20 : 20 + header_bytes])["made_for"])
    payload = read_sealed(path, made_for).tobytes()
    scratch = Path(settings.out) / "spoilt"
    refused: dict[str, Any] = {}
    for name, kept in (("truncated", content[: len(content) // 2]), ("foreign", b"another program's file")):
        scratch.mkdir(exist_ok=True)
        (scratch / path.name).write_bytes(kept)
        said: list[str] = []
        refused[name] = {"loaded": load_engine(scratch, made_for, say=said.append) is not None, "said": said}
    said = []
    store_engine(scratch, replace(made_for, driver="1.2.3"), payload)
    (scratch / path.name).unlink()
    refused["stale"] = {"loaded": load_engine(scratch, made_for, say=said.append) is not None, "said": said}
    for left in scratch.iterdir():
        left.unlink()
    scratch.rmdir()
    return refused


def parity(settings: Settings, notes: Notes) -> None:
    """Every labelled frame through every engine, against torch in fp32; then a changed weight, which must fail."""
    carried = read_answers(Path(settings.carry))
    images, expected, reference = read_frames(Path(settings.carry), len(carried.names)), carried.points, carried.reference
    others = [("openvino", "fp32")] if settings.runtime == "tensorrt" else []
    for runtime, precision in [(settings.runtime, precision) for precision in settings.precisions] + others:
        folder = settings.bundle("vga", precision)
        if not folder.exists():
            continue
        bundle = read_bundle(folder)
        config = engine_config(settings, bundle, precision, runtime=runtime)
        with closing(open_engine(bundle, config, say=print)) as engine:
            found = compare(engine, points_of(bundle, engine, images), expected, reference=reference)
        notes.put(f"{runtime} {precision}", asdict(found))
    notes.put("changed weight", _changed(settings, images, expected, reference))


def _changed(settings: Settings, images: list[Image], expected: Any, reference: str) -> dict[str, Any]:
    """An engine of a graph with one weight changed by a tenth: the self-test or the comparison must refuse it."""
    bundle = read_bundle(Path(settings.carry) / "vga-changed")
    try:
        with closing(open_for(settings, bundle, "fp32")) as engine:
            found = compare(engine, points_of(bundle, engine, images), expected, reference=reference)
    except EngineError as refusal:
        return {"refused": True, "by": str(refusal)}
    return {"refused": found.passed is False, **asdict(found)}


def latency(settings: Settings, notes: Notes) -> None:
    """Image in host memory → answer in host memory, each frame; and a CUDA graph against plain launches, in turns."""
    plan = [("vga", settings.fast, 0.4), ("wide", settings.fast, 0.2), ("vga", "fp32", 0.2), ("vga", "int8", 0.2)]
    for size, precision, share in plan:
        folder = settings.bundle(size, precision)
        if not folder.exists():
            continue
        bundle, images, seconds = read_bundle(folder), frames_of(settings, size), settings.seconds * share * 0.85
        if settings.runtime == "tensorrt" and (size, precision) == ("vga", settings.fast):
            notes.put(f"{size} {precision}", _by_turns(settings, bundle, precision, images=images, seconds=seconds))
            continue
        with closing(open_for(settings, bundle, precision)) as engine:
            timed(engine.infer, images, frames=WARM_UP, seconds=seconds)
            notes.put(f"{size} {precision}", {"graph": summary(timed(engine.infer, images, frames=settings.frames, seconds=seconds))})


def _by_turns(settings: Settings, bundle: Bundle, precision: str, *, images: list[Image], seconds: float) -> dict[str, Any]:
    from tracker.engines.tensorrt.engine import TensorRTEngine

    taken: dict[str, list[Any]] = {"graph": [], "enqueue": []}
    config = engine_config(settings, bundle, precision)
    with (
        closing(TensorRTEngine(bundle, config, say=print)) as graph,
        closing(TensorRTEngine(bundle, config, say=print, graph=False)) as enqueue,
    ):
        for engine in (graph, enqueue):
            timed(engine.infer, images, frames=WARM_UP, seconds=seconds)
        end, blocks = time.monotonic() + seconds, 0
        while time.monotonic() < end and len(taken["graph"]) * BLOCK < settings.frames:
            taken["graph"].append(timed(graph.infer, images, frames=BLOCK, seconds=seconds))
            blocks += 1
            if blocks % 3 == 0:  # the way that is used has most of the frames, for its last percentiles
                taken["enqueue"].append(timed(enqueue.infer, images, frames=BLOCK, seconds=seconds))
    return {name: summary(np.concatenate(blocks)) for name, blocks in taken.items() if blocks}


def idle(settings: Settings, notes: Notes) -> None:
    """Thirty frames a second, where clocks may fall asleep between frames, beside full rate; with and without keep-warm."""
    bundle, images = read_bundle(settings.bundle("vga", settings.fast)), frames_of(settings, "vga")
    variants: list[tuple[str, float | None]] = [("plain", None)]
    if settings.runtime == "tensorrt":
        variants += [(f"keep-warm {interval:g} ms", interval) for interval in KEEP_WARM_MS]
    each = settings.seconds * 0.8 / len(variants)
    for name, interval in variants:
        with closing(open_for(settings, bundle, settings.fast, keep_warm_ms=interval)) as engine:
            full = timed(engine.infer, images, frames=settings.frames, seconds=each * 0.2)
            slow = _paced(engine.infer, images, rate_hz=IDLE_HZ, seconds=each * 0.8)
        notes.put(name, {"full rate": summary(full), f"{IDLE_HZ:g} Hz": summary(slow)})


def _paced(call: Callable[[Any], object], images: list[Image], *, rate_hz: float, seconds: float) -> Any:
    """One call each period, whatever came before; ms of each call."""
    taken, started = [], time.monotonic()
    for number in range(max(5, int(seconds * rate_hz))):
        wait = started + number / rate_hz - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        before = time.perf_counter_ns()
        call(images[number % len(images)])
        taken.append((time.perf_counter_ns() - before) / 1e6)
    return np.array(taken)
