import json
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from trainer.errors import LabelError
from trainer.formats.read_labels import read_labels


def write_image(path: Path, *, width: int = 64, height: int = 48, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def write_coco(path: Path, *, annotations: Sequence[dict[str, object]], images: Sequence[int] = (1, 2, 10)) -> Path:
    for number in images:
        write_image(path.parent / "images" / f"img{number}.png", seed=number)
    category = {"id": 1, "name": "mouse", "keypoints": ["snout", "tail"], "skeleton": [[1, 2]]}
    entries = [{"id": number, "file_name": f"img{number}.png", "width": 64, "height": 48} for number in images]
    path.write_text(json.dumps({"images": entries, "annotations": annotations, "categories": [category]}), encoding="utf-8")
    return path


def annotation(image: int, *keypoints: float) -> dict[str, object]:
    return {"id": image, "image_id": image, "category_id": 1, "keypoints": keypoints}


def test_coco_points_are_kept_and_unlabelled_ones_stay_missing(tmp_path: Path) -> None:
    exact = 12.345678901234567
    annotations = [annotation(10, 5, 6, 2, 7, 8, 1), annotation(2, exact, 30.25, 2, 0, 0, 0)]
    frames = read_labels(write_coco(tmp_path / "labels.json", annotations=annotations))
    assert frames.order.tolist() == [2, 10]
    assert frames.points[0, 0, 0].tolist() == [exact, 30.25]
    assert np.isnan(frames.points[0, 0, 1]).all()
    assert frames.points[1, 0].tolist() == [[5, 6], [7, 8]]
    assert (frames.point_names, frames.skeleton) == (("snout", "tail"), (("snout", "tail"),))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text[: len(text) // 2], r"labels\.json: .*truncated; expected COCO key points"),
        (lambda _: "", r"labels\.json: is empty"),
        (lambda text: text.replace("[5, 6, 2, 7, 8, 2]", '[5, "six", 2, 7, 8, 2]'), r"annotations\[0\]\.keypoints\[1\]"),
        (lambda text: text.replace("[5, 6, 2, 7, 8, 2]", "[5, 6, 2]"), r"annotations\[0\]: has 3 numbers; expected 6"),
        (lambda text: text.replace("[5, 6, 2, 7, 8, 2]", "[5, 60, 2, 7, 8, 2]"), r"annotations\[0\]: point 'snout' is at \(5, 60\)"),
        (lambda text: text.replace('"image_id": 2', '"image_id": 7'), r"annotations\[1\]: image_id 7 is not among the images"),
        (lambda text: text.replace("img2.png", "gone.png"), r"annotations\[1\]: image gone\.png is not there; looked in"),
        (lambda text: text.replace('"width": 64', '"width": 128'), r"is 64×48 pixels; the label file says 128×48"),
        (lambda text: text.replace('"categories"', '"classes"'), r"missing required field `categories`"),
        (
            lambda text: text.replace("[5, 6, 2, 7, 8, 2]", "[0, 0, 0, 0, 0, 0]").replace("[1, 2, 2, 3, 4, 2]", "[0, 0, 0, 0, 0, 0]"),
            r"holds no labelled point",
        ),
    ],
    ids=["truncated", "empty", "text", "short", "outside", "orphan", "missing-image", "size", "foreign", "nothing-labelled"],
)
def test_bad_coco_is_refused_with_file_and_place(tmp_path: Path, spoil: Callable[[str], str], message: str) -> None:
    path = write_coco(tmp_path / "labels.json", annotations=[annotation(1, 5, 6, 2, 7, 8, 2), annotation(2, 1, 2, 2, 3, 4, 2)])
    path.write_text(spoil(path.read_text()))
    with pytest.raises(LabelError, match=message):
        read_labels(path)
