"""A video through `trainer render` and labelled frames through `trainer evaluate`: frames per second, decoding included."""

import time
from pathlib import Path

from engine_steps import THREADS
from figures import Notes
from plan import Settings

from tracker.bundle import read_bundle


def offline(settings: Settings, notes: Notes) -> None:
    """As the commands do it, in this process."""
    from trainer.formats.read_labels import read_labels
    from trainer.scoring.engine_choice import EngineChoice
    from trainer.scoring.evaluate import evaluate
    from trainer.videos.render import OverlayStyle, render

    bundle = read_bundle(settings.bundle("vga", settings.fast))
    choice = EngineChoice(runtime=settings.runtime, precision=settings.fast, threads=THREADS, gpu=settings.gpu)  # type: ignore[arg-type]
    frames = read_labels(Path(settings.carry) / "data")
    started = time.monotonic()
    found = evaluate(bundle, frames, engine=choice)
    seconds = time.monotonic() - started
    notes.put("evaluate", {"frames": len(frames), "seconds": round(seconds, 2), "mean_px": found.errors.spread.mean_px})
    started = time.monotonic()
    style = OverlayStyle(confidence=0.3, legend=True)
    count = render(
        Path(settings.carry) / "video.mp4", bundle, truth=None, out=Path(settings.out) / "overlay.mp4", engine=choice, style=style
    )
    seconds = time.monotonic() - started
    notes.put("render", {"frames": count, "seconds": round(seconds, 2), "fps": round(count / seconds, 1)})
