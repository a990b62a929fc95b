"""How near to its label a point counts as right: from annotators, from the animal's length, or as asked."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.conftest import BundleMaker
from tests.trainer.scored import noise_frames
from tracker.bundle import Bundle, read_bundle
from trainer.errors import TrainingError
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.correct_radius import WITHOUT_LENGTH_PX, correct_within, radii, stated_radii, usual_radii
from trainer.scoring.floor import Floor

NAMES = ("snout", "ear", "tail")


@pytest.fixture
def labels(tmp_path: Path) -> LabelledFrames:
    """Animals of 150 px, the ear beside the snout; in one frame two of three points, in another a single one."""
    frames = noise_frames(tmp_path, 5, names=NAMES)
    frames.points[:] = np.array([[10.0, 10.0], [20.0, 10.0], [100.0, 130.0]])
    frames.points[3, 0, 1] = np.nan
    frames.points[4, 0, :2] = np.nan
    return frames


def test_the_radius_is_a_share_of_the_animals_length(labels: LabelledFrames) -> None:
    found = usual_radii(labels, None)
    assert found.px == (3.0, 3.0, 3.0)
    assert found.words == "3 px"
    assert found.source == "2% of the animal's length, 150 px"


def test_where_several_people_labelled_the_radius_is_their_distance_point_by_point(labels: LabelledFrames) -> None:
    found = usual_radii(labels, Floor(per_point={"snout": 1.84, "tail": 0.2}, source="2 annotators of mice"))
    assert found.px == (1.8, 3.0, 1.0), "nothing is placed more finely than on a pixel"
    assert found.words == "1 to 3 px (by key point)"
    assert "the mean distance between 2 annotators of mice; 2% of the animal's length" in found.source


def test_an_animal_of_one_point_has_no_length(tmp_path: Path) -> None:
    assert usual_radii(noise_frames(tmp_path, 5, names=("spot",)), None).px == (WITHOUT_LENGTH_PX,)


@pytest.mark.parametrize(
    ("asked", "px"),
    [(["4"], (4.0, 4.0, 4.0)), (["ear=2.5"], (3.0, 2.5, 3.0)), (["6", "tail=9"], (6.0, 6.0, 9.0))],
    ids=["all", "one", "all but one"],
)
def test_a_radius_that_is_asked_for_holds(labels: LabelledFrames, asked: list[str], px: tuple[float, ...]) -> None:
    assert radii(labels, None, correct_within(asked)).px == px


@pytest.mark.parametrize(
    ("asked", "message"), [("0", "expected pixels above 0"), ("ear", "expected pixels"), ("ears=2", "did you mean 'ear'")]
)
def test_a_radius_that_cannot_be_is_refused(labels: LabelledFrames, asked: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        radii(labels, None, correct_within([asked]))


@pytest.mark.parametrize(
    ("content", "px"),
    [
        (json.dumps({"calibration": {"limit_px": 5.9}}), 5.9),
        (json.dumps({"calibration": None}), None),
        (json.dumps([1]), None),
        ("{", None),
        (None, None),
    ],
    ids=["stated", "not fitted", "no object", "cut short", "absent"],
)
def test_the_radius_of_a_bundle_is_its_own_or_that_of_its_figures(
    make_bundle: BundleMaker, tmp_path: Path, content: str | None, px: float | None
) -> None:
    bundle = read_bundle(make_bundle(tmp_path / "spot", height=48, width=64))
    if content is not None:
        (bundle.folder / "metrics.json").write_text(content)
    found = stated_radii(bundle)
    assert (found.px if found else None) == (None if px is None else (px,))
    own = msgspec.structs.replace(bundle.description, correct_within_px=(2.0,))
    stated = stated_radii(Bundle(folder=bundle.folder, description=own, self_test_image=bundle.self_test_image))
    assert stated is not None
    assert stated.px == (2.0,)


def test_points_far_apart_are_judged_by_the_length_of_their_own_group(tmp_path: Path) -> None:
    names = ("wrist", "finger", "tongue", "base", "knob")
    frames = noise_frames(tmp_path, 5, names=names)
    frames.points[:] = np.array([[10.0, 10.0], [10.0, 110.0], [900.0, 40.0], [400.0, 500.0], [400.0, 440.0]])
    together, apart = usual_radii(frames, None), usual_radii(frames, None, ((0, 1), (2,), (3, 4)))
    assert set(together.px) == {17.9}
    assert apart.px == (2.0, 2.0, 1.2, 1.2, 1.2), "a point by itself has no length, and gets the shortest"
    assert apart.source == "2% of the length of each point's group: 100 px of wrist, finger; 60 px of base, knob; the shortest for tongue"
    assert radii(frames, None, {"base": 3.0}, ((0, 1), (2,), (3, 4))).px == (2.0, 2.0, 1.2, 3.0, 1.2)
    alone = usual_radii(frames, None, ((0,), (1,), (2,), (3,), (4,)))
    assert alone.px == (WITHOUT_LENGTH_PX,) * 5
    assert alone.source == "points that lie alone, without a length"
