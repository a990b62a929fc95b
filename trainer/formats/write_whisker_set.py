"""Write trials of a whisker against a pole, as `trainer fit --task behaviour --region frame` reads them; videos.csv comes last."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from tracker.whole_files import remedy, write_whole
from trainer.errors import TrainingError
from trainer.formats.whisker_scene import FPS, WhiskerTrial, whisker_trial
from trainer.whole_files import remove_parts

TABLE_FILE = "videos.csv"
CLASS = "contact"
TRIAL_FRAMES = 500
POLE = "pole"
_ENDINGS = ("-images.npy", "-speed.npy", "-contact.csv", "-pole.csv")


def write_whisker_set(out: Path, *, count: int, seed: int, trial_frames: int = TRIAL_FRAMES) -> None:
    """Render `count` frames in trials, the last shorter; the same arguments give the same bytes.

    Of each trial: `-images.npy`, uint8 (frames, height, width); `-contact.csv`, a table of frame and contact; and `-speed.npy`, how fast
    the whisker is where the pole stands, px per ms; and `-pole.csv`, where the pole is, as a table of predictions of DeepLabCut, for a
    region that follows it. `out` may be absent, empty, or hold a set left unfinished, which is begun anew.

    Raises:
        TrainingError: bad numbers, a folder that holds anything else, or a disk that cannot take the set.
    """
    if count < 1 or seed < 0:
        raise TrainingError(f"{count} frames with seed {seed} were asked for; expected at least 1 frame and a seed from 0")
    try:
        _clear(out)
        rows = ["video,images,labels,poses,fps"]
        with Progress(console=Console(stderr=True)) as progress:
            for number, begin in enumerate(progress.track(range(0, count, trial_frames), description="rendering")):
                name = f"trial{number:04d}"
                _write(out / name, whisker_trial(seed=seed, number=number, frames=min(trial_frames, count - begin)))
                rows.append(f"{name},{name}{_ENDINGS[0]},{name}{_ENDINGS[2]},{name}{_ENDINGS[3]},{FPS:g}")
        write_whole(out / TABLE_FILE, ("\n".join(rows) + "\n").encode())
    except OSError as problem:
        raise TrainingError(f"{out}: the set could not be written: {problem.strerror}; {remedy(problem)}") from problem


def _write(start: Path, trial: WhiskerTrial) -> None:
    lines = [f"frame,{CLASS}", *(f"{frame},{int(on)}" for frame, on in enumerate(trial.contact))]
    contents = (_array(trial.images), _array(trial.speed), _lines(lines), _lines(_pole(trial)))
    for ending, content in zip(_ENDINGS, contents, strict=True):
        start.with_name(start.name + ending).write_bytes(content)


def _pole(trial: WhiskerTrial) -> list[str]:
    x, y = trial.pole.tolist()
    titles = (("scorer", "rendered"), ("bodyparts", POLE))
    header = [f"{title},{value},{value},{value}" for title, value in titles]
    return [*header, "coords,x,y,likelihood", *(f"{frame},{x:.4f},{y:.4f},1" for frame in range(len(trial.images)))]


def _lines(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _array(values: NDArray[np.uint8] | NDArray[np.float64]) -> bytes:
    content = io.BytesIO()
    np.save(content, values)
    return content.getvalue()


def _clear(out: Path) -> None:
    """Make the folder, or empty it of an unfinished set; anything else in it is refused."""
    out.mkdir(parents=True, exist_ok=True)
    remove_parts(out, of=TABLE_FILE)
    found = sorted(out.iterdir())
    if any(path.name == TABLE_FILE for path in found):
        raise TrainingError(f"{out}: holds a finished set; delete it or choose another folder")
    for path in found:
        if not (path.name.startswith("trial") and path.name.endswith(_ENDINGS)):
            raise TrainingError(f"{out}: holds {path.name}, which no set has; choose an empty folder")
    for path in found:
        path.unlink()
