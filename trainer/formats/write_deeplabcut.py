"""Labelled frames → a DeepLabCut project: config.yaml, and for each video a folder of images with its CollectedData table."""

import csv
import io
import logging
import math
from pathlib import Path

import numpy as np
import yaml
from rich.console import Console

from trainer.formats.deeplabcut import PROJECT_FILE
from trainer.formats.write_images import fresh_folder, image_names, png_of, progress
from trainer.labels.labelled_frames import LabelledFrames
from trainer.project.layer import check_annotator

logger = logging.getLogger(__name__)

FOLDER = "labeled-data"

# what DeepLabCut expects to find and people change there
_THEIR_SETTINGS = {
    "start": 0,
    "stop": 1,
    "numframes2pick": 20,
    "skeleton_color": "black",
    "pcutoff": 0.6,
    "dotsize": 8,
    "alphavalue": 0.7,
    "colormap": "jet",
    "TrainingFraction": [0.95],
    "iteration": 0,
    "default_net_type": "resnet_50",
    "default_augmenter": "imgaug",
    "snapshotindex": -1,
    "batch_size": 8,
}


def write_deeplabcut(frames: LabelledFrames, out: Path, *, scorer: str, console: Console | None = None) -> Path:
    """Write a project. DeepLabCut makes its own HDF5 tables from it with `deeplabcut.convertcsv2h5`.

    A table has one word, an empty cell, for points that nobody labelled and points that cannot be seen, and none for tags.
    Several animals stand in the columns of DeepLabCut's multi-animal tables, under their names or as animal1, animal2, …

    Args:
        frames: any number of animals.
        out: a folder that is not there yet.
        scorer: the annotator's name in file and table.
        console: where the progress bar is drawn, None for nowhere.

    Returns:
        The path of config.yaml.

    Raises:
        LabelError: two frames with the same number, a folder that is there, a full disk.
    """
    check_annotator(scorer)
    if frames.hidden.any():
        logger.warning("%s: points that cannot be seen become empty cells, as unlabelled ones do: count=%d", out, frames.hidden.sum())
    names = image_names(frames)
    with fresh_folder(out) as part:
        for index in progress(frames, console, description="writing images"):
            place = part / FOLDER / frames.group[index] / names[index]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(png_of(frames, index))
        for group in sorted(set(frames.group)):
            table = _table(frames, names, group=group, scorer=scorer)
            (part / FOLDER / group / f"CollectedData_{scorer}.csv").write_text(table, encoding="utf-8", newline="")
        (part / PROJECT_FILE).write_text(_config(frames, out, scorer=scorer), encoding="utf-8")
    return out / PROJECT_FILE


def _table(frames: LabelledFrames, names: tuple[str, ...], *, group: str, scorer: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    points = frames.animals * len(frames.point_names)
    # three cells for the path: the form of DeepLabCut 2.2 and later
    writer.writerow(["scorer", "", "", *[scorer] * (2 * points)])
    if frames.animals > 1:
        writer.writerow(["individuals", "", "", *np.repeat(_animals(frames), 2 * len(frames.point_names)).tolist()])
    writer.writerow(["bodyparts", "", "", *np.tile(np.repeat(frames.point_names, 2), frames.animals).tolist()])
    writer.writerow(["coords", "", "", *["x", "y"] * points])
    for index in [index for index, name in enumerate(frames.group) if name == group]:
        numbers = frames.points[index].ravel().tolist()
        writer.writerow([FOLDER, group, names[index], *("" if math.isnan(number) else repr(number) for number in numbers)])
    return text.getvalue()


def _animals(frames: LabelledFrames) -> list[str]:
    return list(frames.animal_names) or [f"animal{number}" for number in range(1, frames.animals + 1)]


def _config(frames: LabelledFrames, out: Path, *, scorer: str) -> str:
    height, width = frames.size
    content = {
        "Task": out.name,
        "scorer": scorer,
        "date": "",
        "multianimalproject": frames.animals > 1,
        "identity": None,
        "project_path": str(out.absolute()),  # DeepLabCut corrects it when the folder has been moved
        "video_sets": {f"videos/{group}.mp4": {"crop": _whole(frames, group)} for group in sorted(set(frames.group))},
        **_bodyparts(frames),
        "skeleton": [list(pair) for pair in frames.skeleton],
        **_THEIR_SETTINGS,
        "cropping": False,
        "x1": 0,
        "x2": width,
        "y1": 0,
        "y2": height,
        "corner2move2": [50, 50],
        "move2corner": True,
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _whole(frames: LabelledFrames, group: str) -> str:
    height, width = frames.size_of(frames.group.index(group))
    return f"0, {width}, 0, {height}"


def _bodyparts(frames: LabelledFrames) -> dict[str, object]:
    if frames.animals == 1:
        return {"bodyparts": list(frames.point_names)}
    return {
        "individuals": _animals(frames),
        "uniquebodyparts": [],
        "multianimalbodyparts": list(frames.point_names),
        "bodyparts": "MULTI!",  # DeepLabCut's own word for "see above"
    }
