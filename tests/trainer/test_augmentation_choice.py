"""What is done to training images is settled by the labels, said before training, and never against what was asked for."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainer.test_two_views import MOUSE, in_mirror, walking
from tests.trainer.test_two_views import frames as labelled
from trainer.errors import LabelError, TrainingError
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.mirror import order_of
from trainer.training.augment import UNCHANGED, AugmentSettings, augment
from trainer.training.augment_file import read_augment_file
from trainer.training.augmentation_choice import as_before, as_recorded, augmentation_in_force, settled
from trainer.training.fit_settings import FitSettings

EARS = ("snout", "leftear", "rightear", "tailbase", "back", "rump")


MIDLINE = np.array([[50.0, 0.0], [30, -18], [30, 18], [-50, 0], [0, 0], [-30, 0]])  # but for the second and the third


def seen_from_above(body: NDArray[np.float64] = MIDLINE, *, count: int = 40) -> NDArray[np.float64]:
    """A body with points moved by 3 px, turned and placed at random."""
    rng = np.random.default_rng(3)
    moved, angle = body + rng.normal(0, 3, (count, *body.shape)), rng.uniform(0, 2 * np.pi, count)
    turns = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned: NDArray[np.float64] = np.einsum("ijn,nkj->nki", turns, moved) + rng.uniform(100, 300, (count, 1, 2))
    return turned


def open_field() -> LabelledFrames:
    return labelled(seen_from_above(), EARS)


def belt_with_mirror() -> LabelledFrames:
    direct = walking()
    names = (*(f"{name}_top" for name in MOUSE), *(f"{name}_bot" for name in MOUSE))
    return labelled(np.concatenate([direct, in_mirror(direct, axis=1, at=150.0)], axis=1), names)


def unnamed_views(*, seen_again: int = 6) -> LabelledFrames:
    """The belt and its mirror under names that say nothing; of the animal in the mirror so many points are labelled."""
    direct = walking()
    points = np.concatenate([direct, in_mirror(direct, axis=1, at=150.0)[:, :seen_again]], axis=1)
    return labelled(points, tuple(f"p{number}" for number in range(points.shape[1])))


def two_cameras() -> LabelledFrames:
    """Names that say nothing, and two cameras' pictures above each other that share no direction."""
    direct, other = walking(), walking()[..., ::-1] + [0, 200]
    return labelled(
        np.concatenate([direct, other - other.min(axis=(0, 1)) + [0, 250]], axis=1), tuple(f"p{number}" for number in range(12))
    )


def one_sided() -> LabelledFrames:
    return labelled(seen_from_above(), ("snout", "pawL", "back", "tailbase", "a", "b"))


@pytest.mark.parametrize(
    ("frames", "asked", "flip", "rotation"),
    [
        (open_field(), AugmentSettings(), 0.5, 180.0),
        (open_field(), AugmentSettings(flip=0.0, rotation_deg=20.0), 0.0, 20.0),
        (one_sided(), AugmentSettings(), 0.0, 180.0),
        (one_sided(), AugmentSettings(flip=0.5), 0.5, 180.0),
        (one_sided(), AugmentSettings(pairs=(("pawL", "pawL"),)), 0.5, 180.0),
        (belt_with_mirror(), AugmentSettings(), 0.0, 10.0),
        (belt_with_mirror(), AugmentSettings(two_views=False), 0.5, 180.0),
        (belt_with_mirror(), AugmentSettings(rotation_deg=90.0), 0.0, 90.0),
        (open_field(), AugmentSettings(two_views=True), 0.0, 10.0),
        (unnamed_views(), AugmentSettings(), 0.0, 10.0),
        (unnamed_views(), AugmentSettings(two_views=False), 0.0, 180.0),
        (unnamed_views(), AugmentSettings(two_views=False, flip=0.5), 0.5, 180.0),
        (two_cameras(), AugmentSettings(), 0.0, 180.0),
    ],
    ids=[
        "pairs known",
        "asked for less",
        "no partner",
        "no partner, asked for",
        "no side after all",
        "two views",
        "one view, as said",
        "two views, turned as asked",
        "two views, as said",
        "two views by place",
        "two views by place, one as said",
        "two views by place, mirrored as asked",
        "two parts, not alike",
    ],
)
def test_labels_settle_what_was_left_open(frames: LabelledFrames, asked: AugmentSettings, flip: float, rotation: float) -> None:
    found = augmentation_in_force(asked, frames)
    assert (found.settings.flip, found.settings.rotation_deg) == (flip, rotation)
    assert augmentation_in_force(found.settings, frames).settings == found.settings, "what is settled stays"


def test_pairs_and_augmentation_are_said() -> None:
    (sentence,) = augmentation_in_force(AugmentSettings(), open_field()).sentences
    assert sentence.startswith("augmentation: 50% of the training images are mirrored (leftear and rightear then change places); they are ")
    assert "turned by up to 180° either way" in sentence


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            AugmentSettings(),
            "; they are turned by up to 180° either way, made 0.75 to 1.3 times as large, stretched and sheared by up to 10% and shifted "
            "anywhere in the frame, but for 30% in which the animal stays about where it was, unturned and as large; brightness changes by "
            "up to 15%, contrast and gamma by up to 1.49 times either way; 25% are blurred, 50% get noise, 30% are partly covered, 3% are "
            "replaced by plain frames without the animal (change it with --flip or --no-flip, --pairs, --rotation, --augment)",
        ),
        (AugmentSettings(empty=0.9), "30% are partly covered, 90% are replaced by plain frames without the animal ("),
        (AugmentSettings(light=3.0), "; brightness changes by up to 45%, contrast and gamma by up to 3.32 times either way; "),
        (AugmentSettings(light=0.0), "; their light stays as it is; "),
        (AugmentSettings(blur=1.0, noise=0.125, occlusion=0.0), "; 100% are blurred, 12.5% get noise, 0% are partly covered, "),
        (AugmentSettings(in_place=1.0), "; in all of them the animal stays about where it was, unturned and as large; "),
        (AugmentSettings(in_place=0.0), "anywhere in the frame; brightness"),
        (
            AugmentSettings(rotation_deg=0.0, scale=(1.0, 1.0), stretch=0.0),
            "; they are not turned, not resized, not stretched and shifted ",
        ),
        (AugmentSettings(scale=(0.5, 0.5), stretch=0.3), ", made 0.5 times as large, stretched and sheared by up to 30% and shifted "),
    ],
    ids=["usual", "empty", "light", "no light", "chances", "in place", "never in place", "only shifted", "one size"],
)
def test_all_that_is_done_to_training_images_is_said_with_its_numbers(asked: AugmentSettings, said: str) -> None:
    (sentence,) = augmentation_in_force(asked, open_field()).sentences
    assert said in sentence


def test_whatever_is_changed_changes_what_is_said() -> None:
    usual = augmentation_in_force(AugmentSettings(), open_field()).sentences
    for field in fields(AugmentSettings):
        value: Any = {"scale": (0.9, 1.3), "rotation_deg": 7.0, "pairs": (("snout", "rump"),), "two_views": True}.get(field.name, 0.07)
        assert augmentation_in_force(replace(AugmentSettings(), **{field.name: value}), open_field()).sentences != usual, field.name


def test_a_side_without_partner_is_said_in_one_sentence() -> None:
    first, second = augmentation_in_force(AugmentSettings(), one_sided()).sentences
    assert first.startswith("sides: 'pawL' speaks of a side and has no certain partner among the points, so no image is mirrored")
    assert "--pairs 'pawL:PARTNER'" in first
    assert second.startswith("augmentation: no training image is mirrored")


def test_points_that_lie_as_left_and_right_under_names_that_do_not_say_so_are_not_mirrored() -> None:
    frames = labelled(seen_from_above(), ("snout", "paw 1", "paw 2", "tailbase", "back", "rump"))
    found = augmentation_in_force(AugmentSettings(), frames)
    assert found.settings.flip == 0.0
    assert found.sentences[0] == (
        "sides: 'paw 1' and 'paw 2' lie as left and right do, and their names do not say so, so no image is mirrored; if they are "
        "left and right of one another, give --pairs 'paw 1:paw 2'; if not, leave it so, or mirror with --flip"
    )
    asked = augmentation_in_force(AugmentSettings(flip=0.5), frames)
    assert asked.settings.flip == 0.5
    assert "images are mirrored all the same, as asked for, and these names stay; if they are left and right" in asked.sentences[0]
    for named in (AugmentSettings(pairs=(("paw 1", "paw 2"),)), AugmentSettings(pairs=(("paw 1", "paw 1"),)), AugmentSettings(flip=0.0)):
        (sentence,) = augmentation_in_force(named, frames).sentences
        assert sentence.startswith("augmentation: ")
    assert augmentation_in_force(found.settings, frames).settings == found.settings


def test_two_views_are_said_with_the_way_out() -> None:
    first, *_ = augmentation_in_force(AugmentSettings(), belt_with_mirror()).sentences
    assert first.startswith("two views: 6 points (nose, paw1LH, paw2LF …) are named 'top' and 'bot' and lie in two parts of the image")
    assert "no image is mirrored and none is turned by more than 10° (--no-two-views" in first


def test_two_views_under_unrelated_names_are_said_with_the_way_out() -> None:
    first, second = augmentation_in_force(AugmentSettings(), unnamed_views()).sentences
    assert first.startswith("two views: p0, p1, p2 … and p6, p7, p8 … lie in two parts of the image, above each other")
    assert "(p0 with p6, p1 with p7, p2 with p8 …)" in first
    assert "no image is mirrored and none is turned by more than 10° (--no-two-views" in first
    assert second.startswith("augmentation: no training image is mirrored; they are turned by up to 10°")


def test_two_parts_that_may_be_views_are_a_hint_until_it_is_said_whether_they_are() -> None:
    first, *_, last = augmentation_in_force(AugmentSettings(flip=0.5), two_cameras()).sentences
    assert first.startswith(
        "two parts: a straight line keeps p0, p1, p2 … and p6, p7, p8 … apart in nearly every frame, above each other; "
    )
    assert "if these are two views of one animal, give --two-views" in first
    assert "mirrored and turned as wholes" in first
    assert last.startswith("augmentation: 50% of the training images are mirrored")
    for asked in (AugmentSettings(two_views=False), AugmentSettings(two_views=True), AugmentSettings(flip=0.0, rotation_deg=5.0)):
        said = augmentation_in_force(asked, two_cameras()).sentences
        assert not any(sentence.startswith("two ") for sentence in said), "nothing is left to say of parts"


def test_what_is_said_of_views_and_parts_is_handed_to_the_report() -> None:
    for frames, begin in ((unnamed_views(), "two views: "), (two_cameras(), "two parts: ")):
        settings, said = settled(FitSettings(), frames)
        assert said == augmentation_in_force(AugmentSettings(), frames).sentences
        assert said[0].startswith(begin)
        assert not settled(settings, frames)[1][0].startswith("two "), "said once"


@pytest.mark.parametrize("frames", [two_cameras(), unnamed_views()], ids=["two parts", "alike"])
def test_parts_that_a_skeleton_or_a_pair_of_sides_joins_are_one_body(frames: LabelledFrames) -> None:
    joined = replace(frames, skeleton=(("p0", "p6"),))
    sided = replace(frames, point_names=("ear_left", *frames.point_names[1:6], "ear_right", *frames.point_names[7:]))
    for one_body in (joined, sided):
        *others, sentence = augmentation_in_force(AugmentSettings(flip=0.5), one_body).sentences
        assert sentence.startswith("augmentation: 50% of the training images are mirrored")
        assert not any(other.startswith("two ") for other in others)


def test_images_left_as_they_are_stay_so_once_settled() -> None:
    found = augmentation_in_force(UNCHANGED, open_field())
    image = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    points = np.full((6, 2), 20.0)
    changed, moved = augment(image, points, settings=found.settings, swap=None, rng=np.random.default_rng(0))
    assert changed is image
    assert moved is points


def test_a_point_said_to_have_no_side_keeps_none_however_often_it_is_settled() -> None:
    asked = AugmentSettings(pairs=(("leftear", "leftear"), ("rightear", "rightear")))
    frames, once = open_field(), augmentation_in_force(asked, open_field())
    again = augmentation_in_force(once.settings, frames)
    refreshed = augmentation_in_force(as_before(AugmentSettings(), as_recorded(again.settings)), frames)
    for found in (once, again, refreshed):
        assert found.settings.pairs is not None
        assert order_of(frames.point_names, found.settings.pairs) == (0, 1, 2, 3, 4, 5)
        assert "(no point changes places)" in found.sentences[-1]


def test_ipsilateral_and_contralateral_points_change_places_in_a_mirrored_image() -> None:
    frames = labelled(seen_from_above(), ("snout", "ipsi_paw", "contra_paw", "tailbase", "ipsilateral_ear", "contralateral_ear"))
    found = augmentation_in_force(AugmentSettings(), frames)
    assert found.settings.flip == 0.5
    assert order_of(frames.point_names, found.settings.pairs or ()) == (0, 2, 1, 3, 5, 4)
    assert "(ipsi_paw and contra_paw, ipsilateral_ear and contralateral_ear then change places)" in found.sentences[-1]


def test_pairs_of_a_label_file_are_taken_and_those_asked_for_stand_before_them() -> None:
    names = ("snout", "a", "b", "c", "d", "e")
    frames = replace(labelled(seen_from_above(), names), pairs=(("a", "b"), ("c", "d")))
    assert augmentation_in_force(AugmentSettings(), frames).settings.pairs == (("a", "b"), ("c", "d"))
    assert augmentation_in_force(AugmentSettings(pairs=(("a", "e"),)), frames).settings.pairs == (("a", "e"), ("c", "d"))


def test_a_pair_of_unknown_points_is_refused() -> None:
    with pytest.raises(LabelError, match=r"'leftea' is not among the key points .*did you mean 'leftear'"):
        augmentation_in_force(AugmentSettings(pairs=(("leftea", "rightear"),)), open_field())


def test_a_later_training_goes_on_as_before_unless_asked() -> None:
    before = as_recorded(augmentation_in_force(AugmentSettings(rotation_deg=30.0, pairs=(("snout", "rump"),)), open_field()).settings)
    again = augmentation_in_force(as_before(AugmentSettings(), before), open_field()).settings
    assert (again.rotation_deg, again.flip) == (30.0, 0.5)
    assert again.pairs == (("snout", "rump"), ("leftear", "rightear"))
    assert as_before(AugmentSettings(rotation_deg=5.0), before).rotation_deg == 5.0
    assert as_before(AugmentSettings(), None) == AugmentSettings()


def test_a_file_says_the_same_as_options(tmp_path: Path) -> None:
    path = tmp_path / "augment.yaml"
    path.write_text("flip: 0\nrotation_deg: 30\nscale: [0.9, 1.1]\npairs:\n  - [leftear, rightear]\n")
    expected = AugmentSettings(flip=0.0, rotation_deg=30.0, scale=(0.9, 1.1), pairs=(("leftear", "rightear"),))
    assert read_augment_file(path) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rotate: 30\n", "rotate"),
        ("flip: 2\n", "flip"),
        ("scale: [1.2, 0.8]\n", "expected the smaller factor first"),
        ("pairs: [[a]]\n", "pairs"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "augment.yaml"
    path.write_text(text)
    with pytest.raises(TrainingError) as refused:
        read_augment_file(path)
    assert message in str(refused.value)
    assert "augment.yaml" in str(refused.value)
