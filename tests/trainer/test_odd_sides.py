"""Videos that have left and right the other way round than others are named before anything is trained on them."""

from dataclasses import replace

import numpy as np
import pytest

from tests.trainer.test_augmentation_choice import seen_from_above
from tests.trainer.test_label_checks import animals
from tests.trainer.test_sides_by_place import bending
from trainer.labels.checks import check_labels
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.odd_sides import odd_sides

SWAPPED = [0, 2, 1, 3]  # the ears of the animal
FOUR = ("snout", "leftear", "rightear", "leftpaw", "rightpaw", "tailbase")


def videos(counts: dict[str, int], *, swapped: tuple[str, ...]) -> LabelledFrames:
    """Animals from above in videos, in some of which left and right are exchanged."""
    frames = animals(sum(counts.values()))
    group = tuple(name for name, count in counts.items() for _ in range(count))
    points = frames.points.copy()
    chosen = np.isin(group, swapped)
    points[chosen] = points[chosen][:, :, SWAPPED]
    return replace(frames, group=group, points=points)


def sentences(frames: LabelledFrames, kind: str = "other side") -> list[str]:
    return [one.sentence for one in check_labels(frames) if one.kind == kind]


def test_two_videos_that_agree_within_themselves_and_not_with_each_other_are_named_and_none_is_blamed() -> None:
    found = check_labels(videos({"monday": 40, "tuesday": 20}, swapped=("tuesday",)))
    assert [one.kind for one in found] == ["other side"]
    said = found[0].sentence
    assert said.startswith(
        "'leftear' and 'rightear' lie the other way round in 'tuesday' (20 frames) than in 'monday' (40 frames), and the same way "
    )
    assert "or one was filmed from below or in a mirror" in said
    assert "`trainer project rename PROJECT --video VIDEO --points leftear:rightear rightear:leftear`" in said
    assert found[0].frame is None
    assert sentences(videos({"monday": 40, "tuesday": 20}, swapped=("monday",))) == [said], "which of them is wrong cannot be known"


def test_videos_are_named_by_the_side_that_they_are_on() -> None:
    counts = {"a": 20, "b": 20, "c": 20, "d": 20, "e": 20, "f": 20}
    said = sentences(videos(counts, swapped=("b", "e")))
    assert len(said) == 1
    assert "in 'b' (20 frames), 'e' (20 frames) than in 'a' (20 frames), 'c' (20 frames), 'd' (20 frames) and 1 more, and" in said[0]


def test_a_video_that_is_a_small_part_of_all_is_one_finding_and_not_one_for_each_of_its_frames() -> None:
    found = check_labels(videos({"monday": 150, "tuesday": 15}, swapped=("tuesday",)))
    assert [one.kind for one in found] == ["other side"]


@pytest.mark.parametrize("few", [9, 10])
def test_a_side_is_said_of_ten_frames_and_not_of_nine(few: int) -> None:
    assert len(sentences(videos({"monday": 40, "tuesday": few}, swapped=("tuesday",)))) == (few == 10)


def test_nine_of_ten_frames_on_one_side_are_not_sure_and_nineteen_of_twenty_are() -> None:
    for count, expected in ((10, 0), (20, 1)):
        frames = videos({"monday": 40, "tuesday": count}, swapped=("tuesday",))
        points = frames.points.copy()
        points[-1] = points[-1][:, SWAPPED]
        assert len(sentences(replace(frames, points=points))) == expected


def test_an_animal_that_is_seen_from_both_sides_in_most_videos_has_no_side_that_could_be_exchanged() -> None:
    counts = {"a": 20, "b": 20, "c": 50}
    frames = videos(counts, swapped=("b",))
    points = frames.points.copy()
    points[40::2] = points[40::2][:, :, SWAPPED]
    assert check_labels(replace(frames, points=points)) == []


def test_single_frames_are_compared_with_the_others_of_their_own_video() -> None:
    frames = videos({"monday": 30, "tuesday": 30}, swapped=("tuesday",))
    points = frames.points.copy()
    for frame in (5, 45):
        points[frame] = points[frame][:, SWAPPED]
    frames = replace(frames, points=points)
    assert len(sentences(frames)) == 1
    said = "'leftear' and 'rightear' lie the other way round than in 97% of the frames of"
    assert sentences(frames, "mirrored") == [
        f"m1/img005.png: {said} 'monday'; look whether they are swapped",
        f"m1/img045.png: {said} 'tuesday'; look whether they are swapped",
    ]


def test_the_animals_of_a_frame_count_together() -> None:
    frames = videos({"monday": 30, "tuesday": 30}, swapped=("tuesday",))
    points = frames.points[::5]  # six frames of a video, of two animals each
    two = np.concatenate([points, points + 50], axis=1)
    several = replace(frames.subset(np.arange(0, 60, 5)), points=two, hidden=np.zeros(two.shape[:3], bool))
    assert len(sentences(several)) == 1


def with_paws(frames: LabelledFrames, *, swapped: tuple[str, ...]) -> LabelledFrames:
    """The same animals with paws, which lie where the ears do but farther out."""
    snout, left, right, tail = (frames.points[:, :, point] for point in range(4))
    paws = [left + (left - right), right + (right - left)]
    chosen = np.isin(frames.group, swapped)
    paws = [np.where(chosen[:, None, None], other, own) for own, other in (paws, paws[::-1])]
    points = np.stack([snout, left, right, *paws, tail], axis=2)
    return replace(frames, points=points, point_names=FOUR, hidden=np.zeros(points.shape[:3], bool))


def test_pairs_that_are_exchanged_in_the_same_videos_share_a_sentence_and_others_have_their_own() -> None:
    frames = videos({"monday": 30, "tuesday": 20, "friday": 15}, swapped=("tuesday",))
    both = sentences(with_paws(frames, swapped=()))  # made from the ears, and so exchanged with them
    assert len(both) == 1
    assert both[0].startswith("'leftear' and 'rightear', 'leftpaw' and 'rightpaw' lie the other way round in 'tuesday' (20 frames) than in")
    assert "--points leftear:rightear rightear:leftear leftpaw:rightpaw rightpaw:leftpaw`" in both[0]
    apart = sentences(with_paws(frames, swapped=("friday",)))
    assert [said.split(" than in ")[0] for said in apart] == [
        "'leftear' and 'rightear' lie the other way round in 'tuesday' (20 frames)",
        "'leftpaw' and 'rightpaw' lie the other way round in 'monday' (30 frames)",
    ]


@pytest.mark.parametrize("seed", range(5))
def test_a_tail_that_wags_blames_no_frame_and_hides_no_exchange(seed: int) -> None:
    names = ("nose", "leftear", "rightear", "neck", "back", "lefthip", "righthip", "base", "middle", "tip")
    points = bending(seed=seed)[:, None]
    right = replace(animals(100), point_names=names, points=points, hidden=np.zeros(points.shape[:3], bool))
    assert odd_sides(right) == []
    exchanged = points.copy()
    exchanged[7] = points[7][:, [0, 2, 1, 3, 4, 6, 5, 7, 8, 9]]
    assert [(one.frame, one.kind) for one in odd_sides(replace(right, points=exchanged))] == [(7, "mirrored")] * 2


def test_sides_that_were_asked_for_or_found_by_place_are_compared_as_those_of_names_are() -> None:
    frames = videos({"monday": 40, "tuesday": 20}, swapped=("tuesday",))
    (named,) = sentences(frames)
    without_names = replace(frames, point_names=("snout", "ear1", "ear2", *frames.point_names[3:]))
    for pairs in (None, (("ear1", "ear2"),)):
        (said,) = (one.sentence for one in check_labels(without_names, pairs=pairs) if one.kind == "other side")
        assert said == named.replace("leftear", "ear1").replace("rightear", "ear2")
    assert not sentences(replace(without_names, points=videos({"monday": 60}, swapped=()).points))
    single = replace(without_names, group=("monday",) * 60, points=videos({"monday": 60}, swapped=()).points)
    single.points[7] = single.points[7][:, SWAPPED]
    assert [one.frame for one in check_labels(single) if one.kind == "mirrored"] == [7]
    assert not [one for one in check_labels(single, pairs=(("ear1", "ear1"), ("ear2", "ear2"))) if one.kind == "mirrored"]


def test_an_animal_of_which_every_point_has_a_side_is_judged_by_the_middle_of_another_pair() -> None:
    middle = np.array([[30.0, -18], [30, 18], [-30, -20], [-30, 20]])
    points = seen_from_above(middle, count=60)[:, None]
    points[40:] = points[40:][:, :, [1, 0, 3, 2]]
    frames = replace(
        animals(60),
        point_names=("leftear", "rightear", "leftpaw", "rightpaw"),
        points=points,
        hidden=np.zeros(points.shape[:3], bool),
        group=("monday",) * 40 + ("tuesday",) * 20,
    )
    (said,) = sentences(frames)
    assert said.startswith("'leftear' and 'rightear', 'leftpaw' and 'rightpaw' lie the other way round in 'tuesday' (20 frames)")


def test_a_point_that_is_rarely_labelled_tells_no_sides_of_frames_that_lack_it() -> None:
    frames = animals(60)
    points = frames.points.copy()
    points[7] = points[7][:, SWAPPED]
    rare = points[:, :, 3:] + 5 * (points[:, :, 3:] - points[:, :, :1])  # far behind the tail, so told more steadily than any other
    rare[:48] = np.nan
    names = (*frames.point_names, "lead")
    more = replace(frames, point_names=names, points=np.concatenate([points, rare], axis=2), hidden=np.zeros((60, 1, 5), bool))
    assert [one.frame for one in check_labels(more) if one.kind == "mirrored"] == [7]
