"""Write a rendered, labelled set to disk: PNG images, labels.csv as a DeepLabCut table, and set.json, which comes last."""

import csv
import os
import shutil
from pathlib import Path

import cv2
import msgspec
import numpy as np
from rich.console import Console
from rich.progress import Progress

from tracker.frame import Image
from tracker.synthetic.open_scene import SceneName, open_scene
from tracker.synthetic.scene import Scene, Truth
from tracker.whole_files import remedy, write_whole
from trainer.errors import TrainingError
from trainer.formats.synthetic_set import IMAGES_FOLDER, LABELS_FILE, SET_FILE, SetDescription, SetParts
from trainer.whole_files import remove_parts

FIRST_NUMBER = 1_000_000  # hours away from the frames that a synthetic camera of the same seed begins with
NUMBER_STEP = 1009  # some ten seconds of the scene's time between images; prime, so that no cycle in a scene is met in step
SCORER = "rigtrack"
PARTS_COME_AND_GO: tuple[SceneName, ...] = ("mirror", "reach")  # an empty cell of these is a point that is said not to be in sight


def write_synthetic_set(out: Path, *, scene: SceneName, count: int, seed: int, width: int, height: int, rectangles: int) -> None:
    """Render `count` labelled images of a scene into the folder `out`; the same arguments give the same bytes.

    Images are taken far apart in the scene's time. Points that are covered or outside the image are left empty; what an
    empty cell says stands in set.json. The set is divided by position into train, validation and test, 80/10/10. `out` may
    be absent, empty, or hold a set left unfinished, which is begun anew; `rectangles` is read by the scene of that name.

    Raises:
        TrainingError: bad numbers, a folder that holds anything else, or a disk that cannot take the set.
        ConfigError: there is no such scene.
    """
    _refuse_bad_numbers(count, seed=seed, width=width, height=height, rectangles=rectangles)
    rendered = open_scene(scene, seed=seed, width=width, height=height, rectangles=rectangles)
    description = SetDescription(
        schema=1,
        scene=scene,
        seed=seed,
        width=width,
        height=height,
        rectangles=rectangles,
        count=count,
        first_number=FIRST_NUMBER,
        number_step=NUMBER_STEP,
        point_names=rendered.point_names,
        skeleton=rendered.skeleton,
        parts=_parts(count),
        empty="hidden" if scene in PARTS_COME_AND_GO else "unlabelled",
    )
    _write(out, rendered, description)


def _refuse_bad_numbers(count: int, *, seed: int, width: int, height: int, rectangles: int) -> None:
    if count < 1 or min(width, height) < 8 or not 1 <= rectangles <= 5 or seed < 0:
        raise TrainingError(
            f"{count} images of {width}×{height} pixels with {rectangles} rectangles and seed {seed} were asked for; expected at "
            f"least 1 image of 8×8 pixels, 1 to 5 rectangles and a seed from 0"
        )


def _write(out: Path, rendered: Scene, description: SetDescription) -> None:
    try:
        _clear(out)
        _write_images(out, rendered, description.count)
        write_whole(out / SET_FILE, msgspec.json.format(msgspec.json.encode(description), indent=2))
    except OSError as problem:
        raise TrainingError(f"{out}: the set could not be written: {problem.strerror}; {remedy(problem)}") from problem


def _parts(count: int) -> SetParts:
    tenth = count // 10
    train = count - 2 * tenth
    return SetParts(train=(0, train), validation=(train, train + tenth), test=(train + tenth, count))


def _clear(out: Path) -> None:
    """Make the folder, or empty it of an unfinished set; anything else in it is refused."""
    out.mkdir(parents=True, exist_ok=True)
    remove_parts(out, of=SET_FILE)
    found = {path.name for path in out.iterdir()}
    if SET_FILE in found:
        raise TrainingError(f"{out}: holds a finished set; delete it or choose another folder")
    if foreign := sorted(found - {IMAGES_FOLDER, LABELS_FILE}):
        raise TrainingError(f"{out}: holds {foreign[0]}, which no set has; choose an empty folder")
    shutil.rmtree(out / IMAGES_FOLDER, ignore_errors=True)
    (out / IMAGES_FOLDER).mkdir()


def _write_images(out: Path, rendered: Scene, count: int) -> None:
    digits = max(len(str(count - 1)), 4)
    with (out / LABELS_FILE).open("w", encoding="utf-8", newline="") as file, Progress(console=Console(stderr=True)) as progress:
        table = csv.writer(file, lineterminator="\n")
        table.writerows(_header(rendered.point_names))
        for index in progress.track(range(count), description="rendering"):
            number = FIRST_NUMBER + index * NUMBER_STEP
            image = rendered.render(number)
            name = f"{IMAGES_FOLDER}/img{index:0{digits}d}.png"
            _write_png(out / name, image)
            table.writerow([name, *_cells(rendered.truth(number), image)])
        file.flush()
        os.fsync(file.fileno())


def _write_png(path: Path, image: Image) -> None:
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())


def _header(point_names: tuple[str, ...]) -> list[list[str]]:
    twice = [name for name in point_names for _ in "xy"]
    return [["scorer", *[SCORER] * len(twice)], ["bodyparts", *twice], ["coords", *["x", "y"] * len(point_names)]]


def _cells(truth: Truth, image: Image) -> list[str]:
    """Coordinates as the shortest text that reads back as the same number; empty where the point cannot be seen."""
    last = np.array([image.shape[1], image.shape[0]]) - 0.5
    inside = ((truth.points >= -0.5) & (truth.points <= last)).all(axis=1) & truth.visible
    return [repr(value) if seen else "" for point, seen in zip(truth.points.tolist(), inside.tolist(), strict=True) for value in point]
