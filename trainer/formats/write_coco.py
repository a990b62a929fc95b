"""Labelled frames → COCO key points: labels.json, and images/ beside it."""

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from trainer.formats.write_images import fresh_folder, image_names, png_of, progress
from trainer.labels.labelled_frames import LabelledFrames

LABELS_FILE = "labels.json"
IMAGES_FOLDER = "images"

VISIBLE, NOT_LABELLED = 2, 0


def write_coco(frames: LabelledFrames, out: Path, *, console: Console | None = None) -> Path:
    """Write a folder with labels.json and images/<video>/.

    COCO's visibility is 0 for "not labelled", where x and y are 0, 1 for "labelled but not visible" and 2 for "visible".
    A point marked as hidden has no place, and 1 would put it into the image's corner for every reader, so it gets 0; its
    name stands in the annotation's extra key "hidden". An image's tags stand in its extra key "tags".

    Args:
        frames: any number of animals; one without any label in a frame gets no annotation there.
        out: a folder that is not there yet.
        console: where the progress bar is drawn, None for nowhere.

    Returns:
        The path of labels.json.

    Raises:
        LabelError: two frames with the same number, a folder that is there, a full disk.
    """
    names = image_names(frames)
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    with fresh_folder(out) as part:
        for index in progress(frames, console, description="writing images"):
            name = f"{IMAGES_FOLDER}/{frames.group[index]}/{names[index]}"
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_bytes(png_of(frames, index))
            height, width = frames.size_of(index)
            images.append({"id": index + 1, "file_name": name, "width": width, "height": height, "tags": sorted(frames.tags[index])})
            annotations += _annotations(frames, index, first=len(annotations) + 1)
        content = {"images": images, "annotations": annotations, "categories": [_category(frames)]}
        (part / LABELS_FILE).write_bytes(msgspec.json.encode(content) + b"\n")
    return out / LABELS_FILE


def _annotations(frames: LabelledFrames, index: int, *, first: int) -> list[dict[str, object]]:
    """One for each animal that is labelled in a frame, numbered from `first`."""
    labelled = [
        _key_points(points, hidden, names=frames.point_names)
        for points, hidden in zip(frames.points[index], frames.hidden[index], strict=True)
        if hidden.any() or not np.isnan(points).all()
    ]
    return [{"id": first + place, "image_id": index + 1, "category_id": 1, "iscrowd": 0} | found for place, found in enumerate(labelled)]


def _key_points(points: NDArray[np.float64], hidden: NDArray[np.bool_], *, names: tuple[str, ...]) -> dict[str, object]:
    placed = ~np.isnan(points[:, 0])
    numbers = np.column_stack([np.where(placed[:, None], points, 0.0), np.where(placed, VISIBLE, NOT_LABELLED)])
    # whole pixels around the outermost points: a box without area would be dropped by many readers
    low, high = (points[placed].min(axis=0) - 0.5, points[placed].max(axis=0) + 0.5) if placed.any() else (np.zeros(2), np.zeros(2))
    return {
        "keypoints": [int(number) if column == 2 else number for row in numbers.tolist() for column, number in enumerate(row)],
        "num_keypoints": int(placed.sum()),
        "bbox": [*low.tolist(), *(high - low).tolist()],
        "area": float(np.prod(high - low)),
        "hidden": [name for name, unseen in zip(names, hidden.tolist(), strict=True) if unseen],
    }


def _category(frames: LabelledFrames) -> dict[str, object]:
    names = frames.point_names
    skeleton = [[names.index(one) + 1, names.index(other) + 1] for one, other in frames.skeleton]
    return {"id": 1, "name": "animal", "supercategory": "animal", "keypoints": list(names), "skeleton": skeleton}
