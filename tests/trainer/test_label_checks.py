"""Labels that are too few, lopsided or hardly right are named before anything is trained on them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.formats.read_labels import read_labels
from trainer.labels.checks import check_labels
from trainer.labels.images import ImageRef
from trainer.labels.label_finding import LabelFinding
from trainer.labels.labelled_frames import LabelledFrames

NAMES = ("snout", "leftear", "rightear", "tailbase")
BODY = np.array([[0.0, -50.0], [-12.0, -30.0], [12.0, -30.0], [0.0, 50.0]])  # from above, head upwards


def animals(count: int = 60) -> LabelledFrames:
    """The same animal, turned and moved about, from above."""
    rng = np.random.default_rng(1)
    angles = rng.uniform(0, 2 * np.pi, count)
    turns = np.array([[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in angles])
    points = np.einsum("nij,kj->nki", turns, BODY) + rng.uniform(100, 300, (count, 1, 2))
    return LabelledFrames(
        images=tuple(ImageRef(path=Path(f"labeled-data/m1/img{number:03}.png"), frame=None) for number in range(count)),
        points=points[:, None],
        hidden=np.zeros((count, 1, 4), bool),
        tags=(frozenset(),) * count,
        point_names=NAMES,
        skeleton=(),
        group=("m1",) * count,
        order=np.arange(count),
        size=(400, 400),
    )


def with_points(frames: LabelledFrames, change: dict[tuple[int, ...], NDArray[np.float64] | float]) -> LabelledFrames:
    points = frames.points.copy()
    for place, value in change.items():
        points[place] = value
    return replace(frames, points=points)


def one(found: list[LabelFinding]) -> LabelFinding:
    assert len(found) == 1, found
    return found[0]


def test_nothing_is_said_of_good_labels() -> None:
    assert check_labels(animals()) == []


def test_too_few_frames_are_said() -> None:
    assert one(check_labels(animals(49))).sentence.startswith("49 labelled frames: below 50")


def test_a_rarely_labelled_point_is_named() -> None:
    points = animals().points
    points[14:, 0, 3] = np.nan
    found = one(check_labels(replace(animals(), points=points)))
    assert found.kind == "rare point"
    assert found.sentence.startswith("'tailbase' is labelled 14 times, the most labelled point 60 times")


@pytest.mark.parametrize("what", ["video", "tag"])
def test_a_lopsided_set_is_named(what: str) -> None:
    names = ["rare"] * 5 + ["usual"] * 55
    frames = animals()
    lopsided = replace(frames, group=tuple(names)) if what == "video" else replace(frames, tags=tuple(frozenset({name}) for name in names))
    found = one(check_labels(lopsided))
    assert found.sentence.startswith(f"{what} 'usual' has 55 frames, 'rare' 5")


def sized(*others: int, size: tuple[int, int] = (800, 800)) -> LabelledFrames:
    frames = animals()
    return replace(frames, sizes=tuple(size if index in others else frames.size for index in range(len(frames))))


def test_images_that_are_larger_or_smaller_than_the_rest_of_their_video_with_labels_that_are_not_are_named() -> None:
    found = one(check_labels(sized(7)))
    assert found.kind == "size"
    assert found.sentence.startswith(
        "1 of the 60 images of 'm1' is not 400x400 as the rest, but its labels lie as far apart: m1/img007.png of 800x800; look whether"
    )
    several = one(check_labels(sized(1, 2, 3, 4, size=(202, 200)))).sentence
    assert "4 of the 60 images of 'm1' are not 400x400 as the rest" in several
    assert ": m1/img001.png of 200x202, m1/img002.png of 200x202, m1/img003.png of 200x202, …; look whether" in several


def test_sizes_that_differ_between_videos_by_halves_or_by_a_cut_are_usual() -> None:
    assert check_labels(sized(*range(30))) == []
    assert check_labels(sized(*range(16))) == []
    assert [finding.kind for finding in check_labels(sized(*range(15)))] == ["size"]
    few = replace(sized(0), group=("m1",) * 9 + ("m2",) * 51)
    assert [finding.kind for finding in check_labels(few)] == [], "too few to be called the rest"
    assert check_labels(sized(1, 2, size=(300, 400))) == []
    assert check_labels(replace(sized(*range(12)), group=("m1",) * 12 + ("m2",) * 48)) == []


def test_labels_that_are_as_many_times_larger_as_their_image_fit_it() -> None:
    frames = sized(7, 8)
    points = frames.points.copy()
    points[7:9] *= 2
    assert check_labels(replace(frames, points=points)) == []


def test_of_single_labels_nobody_can_tell_whether_an_image_was_resized() -> None:
    frames = sized(7)
    points = frames.points.copy()
    points[7, :, 1:] = np.nan
    assert check_labels(replace(frames, points=points)) == []
    one_point = replace(frames, points=frames.points[:, :, :1], hidden=frames.hidden[:, :, :1], point_names=("snout",))
    assert check_labels(one_point) == []


def test_a_misplaced_point_is_found_by_its_distances() -> None:
    frames = animals()
    found = check_labels(with_points(frames, {(7, 0, 0): frames.points[7, 0, 3] + (300.0, 0.0)}))
    assert {finding.frame for finding in found} == {7}
    assert any(finding.sentence.startswith("m1/img007.png: 'snout' and 'tailbase' are 300 px apart") for finding in found)


def test_points_at_exactly_0_0_are_one_finding_and_nothing_else_is_said_of_them() -> None:
    frames = animals()
    points = frames.points.copy()
    points[:24, 0, 3] = points[30, 0, 0] = 0.0
    found = one(check_labels(replace(frames, points=points)))
    assert (found.kind, found.frame) == ("origin", None)
    assert found.sentence.startswith(
        "'snout' lies exactly at 0, 0 in 1 frame, 'tailbase' lies exactly at 0, 0 in 24 frames (m1/img000.png, m1/img001.png, "
        "m1/img002.png, …): probably empty cells"
    )


def test_points_at_one_border_alone_may_be_meant() -> None:
    frames = animals()
    assert "origin" not in {finding.kind for finding in check_labels(with_points(frames, {(7, 0, 0, 0): 0.0}))}


def test_swapped_left_and_right_are_found() -> None:
    frames = animals()
    swapped = with_points(frames, {(5, 0, 1): frames.points[5, 0, 2], (5, 0, 2): frames.points[5, 0, 1]})
    found = one(check_labels(swapped))
    assert (found.kind, found.frame) == ("mirrored", 5)
    assert "m1/img005.png: 'leftear' and 'rightear' lie the other way round than in 98% of the frames" in found.sentence


def test_an_animal_seen_from_both_sides_is_not_called_swapped() -> None:
    frames = animals()
    points = frames.points.copy()
    points[::2] = points[::2][:, :, [0, 2, 1, 3]]
    assert check_labels(replace(frames, points=points)) == []


def test_the_swapped_ears_of_the_open_field_are_found_and_nothing_else(shared_data: Path) -> None:
    found = one(check_labels(read_labels(shared_data / "dlc_openfield")))
    assert (found.kind, found.frame) == ("mirrored", 102)
