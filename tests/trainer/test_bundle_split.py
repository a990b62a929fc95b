"""What the first weights of a training had learnt from, the bundle has learnt from: such frames are scored apart and judge nothing."""

import json
from pathlib import Path

import pytest

from tests.trainer.spot_network import spot_bundle, spot_labels, spot_model
from tracker.bundle import Bundle
from trainer.__main__ import main
from trainer.bundle_places import run_folder
from trainer.formats.read_labels import read_and_join, read_labels
from trainer.labels.image_keys import image_keys
from trainer.labels.split import split_block
from trainer.labels.split_record import SplitRecord, write_record
from trainer.scoring.bundle_split import learnt_in_all, split_of

OLD = range(12)  # frames of the old labels that the first weights had learnt from


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return spot_labels(tmp_path / "old", seed=4)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return spot_labels(tmp_path / "new")


def bundle_after(labels: Path, *before: str) -> Bundle:
    """A bundle that holds out frames 8 to 11 of these labels and began with weights that had learnt from the images of these keys."""
    bundle, frames = spot_bundle(labels.with_name("spot"), labels, spot_model()), read_labels(labels)
    write_record(run_folder(bundle.folder), frames, split_block(frames, 2, folds=5), began_with=SplitRecord(train=before, held_out=()))
    return bundle


def keys_of(labels: Path, places: range) -> list[str]:
    keys = image_keys(read_labels(labels))
    return [keys[place] for place in places]


def test_frames_that_the_first_weights_had_learnt_from_are_not_held_out(old: Path, new: Path) -> None:
    bundle = bundle_after(new, *keys_of(old, OLD), *keys_of(new, range(7, 9)))
    both = split_of(bundle, read_and_join([new, old], None))
    assert both is not None
    assert both.held_out.tolist() == [9, 10, 11, *range(32, 40)]
    alone = split_of(bundle, read_labels(old))
    assert alone is not None
    assert (alone.train.tolist(), len(alone.held_out)) == (list(OLD), 8)


def test_frames_learnt_from_are_all_of_the_training_and_those_here_of_before(old: Path, new: Path) -> None:
    bundle = bundle_after(new, *keys_of(old, OLD), *keys_of(new, range(8, 9)))
    for labels, expected in ((old, 16 + 12), (new, 16 + 1)):
        frames = read_labels(labels)
        split = split_of(bundle, frames)
        assert split is not None
        assert learnt_in_all(bundle, frames.subset(split.train)) == expected


def test_an_evaluation_scores_them_as_training_frames(old: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = bundle_after(new, *keys_of(old, OLD))
    assert main(["evaluate", str(bundle.folder), "--data", str(old), "--json", "--threads", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["part"], one["frames"]) for one in found["sets"]] == [("held-out", 8), ("training", 12)]
    assert "12 of the 28 frames learnt from" in found["verdict"]["sentence"]


def test_a_comparison_leaves_them_out(old: Path, new: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = bundle_after(new, *keys_of(old, OLD))
    (tmp_path / "other").mkdir()
    other = spot_bundle(tmp_path / "other" / "spot", new, spot_model())
    assert main(["compare", str(bundle.folder), str(other.folder), "--data", str(old), "--json", "--threads", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 8


@pytest.mark.parametrize(
    ("known", "status", "said"),
    [(range(8, 10), 0, "on 2 held-out frames"), (range(8, 12), 1, "held out no frame that its first weights had not learnt from")],
    ids=["some of those held out", "all of them"],
)
def test_a_graph_with_fewer_bits_is_not_judged_by_them(
    new: Path, capsys: pytest.CaptureFixture[str], known: range, status: int, said: str
) -> None:
    bundle = bundle_after(new, *keys_of(new, known))
    asked = ["compile", str(bundle.folder), "--in-graph", "--precision", "fp16", "--data", str(new), "--threads", "1"]
    assert main(asked) == status
    assert said in capsys.readouterr().err
