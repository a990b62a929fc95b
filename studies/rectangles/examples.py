"""Pictures of single images for the report of the rectangle experiments, drawn from stored answers."""

import json
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from studies.rectangles import figures
from studies.rectangles.plan import PEAK_SETS, Wanted, wanted
from studies.rectangles.scale import DOMAINS, HOME
from studies.rectangles.sets import BOTH_LABELLED, TEXTURED, domain
from studies.rectangles.stored import Stored
from tracker.frame import Image
from trainer.errors import TrainingError
from trainer.experiments.run import read_predictions
from trainer.reports.training_plots import heatmap_overlay
from trainer.training.fit import HISTORY_FILE
from trainer.training.history import History, history_from_plain
from trainer.training.learning_examples import example_places

TRAINED_WORDS = {domain(1): "trained on domain 1", BOTH_LABELLED: "trained on domain 2, both labelled", domain(3): "trained on domain 3"}
STAGES = 6  # epochs shown at most: the first ones, in which most is learnt, and the last


def while_learning(stored: Stored, one: Wanted) -> Figure:
    """What a network answered for the same validation images after epochs 0, 1, 2, 4 … and the last."""
    its_set, folder = stored.sets.get(one.data), stored.folder(one)
    places = example_places(len(its_set.parts.held_out))
    index = its_set.parts.held_out[places]
    history = _history(stored, one)
    end = len(history.epochs) - 1
    stages = [(f"epoch {each.epoch}", np.array(each.poses)[:, 0, 0, :2]) for each in history.examples if each.epoch < end]
    last = (f"epoch {end}", read_predictions(folder, "held_out").predicted[places, 0, 0, :2])
    frames = its_set.labels.frames
    images = [frames.read(int(place)) for place in index]
    return figures.learning(images, frames.points[index, 0, 0], [*stages[: STAGES - 1], last])


def heat_map(stored: Stored) -> Figure:
    """A heat map of the domain that the heads are compared on, over its image."""
    one = wanted(stored.scale, "heads")[-1]
    return heatmap_overlay(_example(stored, domain(HOME))[0], stored.answers(one, domain(HOME)).maps[0])


def failing(stored: Stored) -> Figure:
    """Worst and median answer of both heads on one rectangle more than they were trained with."""
    tested, tiles = domain(HOME + 1), []
    for one in wanted(stored.scale, "heads"):
        found, errors = stored.answers(one, tested), stored.errors(one, tested)
        falling = np.argsort(-errors.per_frame_px)
        for name, place in (("worst", int(falling[0])), ("median", int(falling[len(falling) // 2]))):
            image = stored.sets.get(tested).labels.frames.read(int(found.index[place]))
            title = f"{one.head}, {name}: {errors.per_frame_px[place]:.1f} px off"
            tiles.append((title, image, errors.true_px[place, 0], found.predicted[place, :2]))
    return figures.answers(tiles)


def maps(stored: Stored) -> Figure:
    """The first seed's heat map of one image of each domain, for each training set."""
    rows = []
    for trained in PEAK_SETS:
        one = next(each for each in wanted(stored.scale, "peaks") if each.data == trained)
        tiles = []
        for number in DOMAINS:
            image, centres, place = _example(stored, domain(number))
            found = stored.answers(one, domain(number))
            tiles.append(figures.MapTile(image=image, probability=found.maps[0], centres=centres, peaks=found.peaks[place]))
        rows.append((TRAINED_WORDS[trained].replace(", ", ",\n"), tiles))
    return figures.maps_and_peaks(rows)


def on_texture(stored: Stored) -> Figure:
    """One image over a moving background, and what networks trained without and with one answer."""
    return figures.answers(_on_texture(stored))


def _on_texture(stored: Stored) -> Sequence[figures.Answer]:
    image, centres, place = _example(stored, TEXTURED)
    words = {domain(HOME): "trained on black", TEXTURED: "trained on moving"}
    return [
        (f"{one.head}, {words[one.data]}", image, centres[0], stored.answers(one, TEXTURED).predicted[place, :2])
        for one in wanted(stored.scale, "background")
    ]


def _example(stored: Stored, name: str) -> tuple[Image, NDArray[np.float64], int]:
    """The first example of a set's test images, its centres, and its place among them."""
    its_set = stored.sets.get(name)
    place = int(example_places(len(its_set.parts.test))[0])
    index = int(its_set.parts.test[place])
    return its_set.labels.frames.read(index), its_set.centres[index], place


def _history(stored: Stored, one: Wanted) -> History:
    path = stored.folder(one) / HISTORY_FILE
    try:
        return history_from_plain(json.loads(path.read_bytes()))
    except (OSError, ValueError) as problem:
        raise TrainingError(f"{path}: cannot be read ({problem}); delete its folder, and the run is made again") from problem
