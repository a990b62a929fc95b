"""A picture is known again wherever it lies, in whichever program's file, and in one channel or in three."""

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from tracker.frame import Image
from trainer.errors import ProjectError
from trainer.formats.import_labels import ImportChoice, import_labels
from trainer.formats.read_labels import read_labels
from trainer.formats.write_coco import write_coco
from trainer.formats.write_deeplabcut import write_deeplabcut
from trainer.formats.write_sleap import write_sleap
from trainer.labels.image_keys import image_keys
from trainer.labels.join import join_labels
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import USUAL_SPLIT, Split
from trainer.labels.split_record import RECORD_FILE, read_record, split_for_comparison, write_record
from trainer.project.store import FrameLabel, Layer, create_project, open_project

KINDS = ("sleap", "coco", "deeplabcut")
COUNT = 10
SPLIT = Split(train=np.arange(COUNT - 2), held_out=np.arange(COUNT - 2, COUNT), description="the last two")


def grey(seed: int, *, channels: int = 3) -> Image:
    """What an infrared camera writes: three equal channels."""
    image = np.random.default_rng(seed).integers(0, 256, (48, 64), np.uint8)
    return image if channels == 1 else np.repeat(image[:, :, None], 3, axis=2)


def coloured(seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)


def make_set(folder: Path, images: list[Image]) -> LabelledFrames:
    project = create_project(folder, point_names=["snout"])
    project.add_frames(Path("run.mp4"), enumerate(images), why="uniform")
    project = open_project(folder)
    labels = {frame.image: FrameLabel(animals=[{"snout": (3.0 + frame.frame, 4.0)}], tags=[]) for frame in project.frames}
    project.write_layer(Layer(annotator="ann", frames=labels))
    return read_labels(folder)


def through(kind: str, frames: LabelledFrames, folder: Path) -> Path:
    """The file that a set is exported to."""
    if kind == "sleap":
        return write_sleap(frames, folder / "out.pkg.slp")
    return write_coco(frames, folder / "out") if kind == "coco" else write_deeplabcut(frames, folder / "out", scorer="ann")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_frame_of_an_export_is_known_again(tmp_path: Path, kind: str, channels: int) -> None:
    frames = make_set(tmp_path / "p", [grey(seed, channels=channels) for seed in range(COUNT)])
    assert image_keys(read_labels(through(kind, frames, tmp_path))) == image_keys(frames)


@pytest.mark.parametrize("kind", KINDS)
def test_colours_among_grey_pictures_come_back_from_an_export(tmp_path: Path, kind: str) -> None:
    """Also where the first picture that is read has none."""
    frames = make_set(tmp_path / "p", [grey(0), coloured(1), grey(2), coloured(3)])
    found = read_labels(through(kind, frames, tmp_path))
    np.testing.assert_array_equal(found.read(1), frames.read(1))
    assert image_keys(found) == image_keys(frames)


def test_pictures_that_differ_in_colour_alone_are_two(tmp_path: Path) -> None:
    other = coloured(1)
    other[:, :, 2] ^= 255
    assert len(set(image_keys(make_set(tmp_path / "p", [coloured(1), other, grey(1), grey(2)])))) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_frames_learnt_from_stay_known_in_every_export(tmp_path: Path, kind: str) -> None:
    """Otherwise a refresh would test its network on what the one before has learnt."""
    frames = make_set(tmp_path / "p", [grey(seed) for seed in range(COUNT)])
    write_record(tmp_path, frames, SPLIT)
    found = split_for_comparison(read_labels(through(kind, frames, tmp_path)), read_record(tmp_path), USUAL_SPLIT)
    assert (found.known, found.added) == (COUNT, 0)
    assert found.split.held_out.tolist() == [COUNT - 2, COUNT - 1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_set_and_its_export_are_one_set(tmp_path: Path, kind: str) -> None:
    frames = make_set(tmp_path / "p", [grey(seed) for seed in range(COUNT)])
    assert len(join_labels([frames, read_labels(through(kind, frames, tmp_path))], sources=["set", "export"])) == COUNT


def stored_before(frames: LabelledFrames, index: NDArray[np.int64], *, channels: int) -> list[str]:
    """Keys as earlier versions wrote them: of the pixels in the number of channels that the reader gave."""
    images = (frames.read(int(each)) for each in index)
    alike = (image if channels == 3 else np.ascontiguousarray(image[:, :, 0]) for image in images)
    return [hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest() for image in alike]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_records_of_earlier_versions_are_understood(tmp_path: Path, kind: str, channels: int) -> None:
    """They have another key for a grey picture in three channels than for the same one in one."""
    frames = make_set(tmp_path / "p", [grey(seed) for seed in range(COUNT)])
    parts = {"train": SPLIT.train, "held_out": SPLIT.held_out}
    record = {name: stored_before(frames, index, channels=channels) for name, index in parts.items()}
    (tmp_path / RECORD_FILE).write_bytes(msgspec.json.encode(record))
    found = split_for_comparison(read_labels(through(kind, frames, tmp_path)), read_record(tmp_path), USUAL_SPLIT)
    assert (found.known, found.added) == (COUNT, 0)
    assert found.split.held_out.tolist() == [COUNT - 2, COUNT - 1]


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_comes_back_into_its_own_project(tmp_path: Path, kind: str) -> None:
    """In one channel it is no other picture."""
    frames = make_set(tmp_path / "p", [grey(seed) for seed in range(COUNT)])
    assert import_labels(tmp_path / "p", through(kind, frames, tmp_path), ImportChoice(annotator="bob")).added == 0


def test_a_grey_picture_that_differs_is_refused_in_three_channels_too(tmp_path: Path) -> None:
    make_set(tmp_path / "p", [grey(0, channels=1)])
    with pytest.raises(ProjectError, match="has another picture as frame 0"):
        open_project(tmp_path / "p").add_frames(Path("run.mp4"), [(0, grey(1))], why="uniform")
