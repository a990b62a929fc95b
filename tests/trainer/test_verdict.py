"""What is wrong with a training, and what to do first: from measurements alone."""

import argparse
import math
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from trainer.__main__ import PROGRAM
from trainer.labels.checks import FEW_FRAMES, too_few_in_words
from trainer.scoring.label_faults import Exchange, OtherNames, Suspect
from trainer.scoring.measurements import EmptyScene, GroupMeasure, Measurements, PointMeasure
from trainer.scoring.next_commands import NextCommands
from trainer.scoring.verdict import MOST_STEPS, RULES, verdict
from trainer.sentences import frames

PARSER = PROGRAM.parser()
PLACE = NextCommands(
    data=("mouse",),
    bundle="models/mine",
    project="mouse",
    annotators=("ann",),
    point_names=("snout", "ear"),
    videos={"monday": "videos/monday 1.mp4", "tuesday": "videos/tuesday.mp4"},
    fit_options=("--head", "xy", "--hold-out", "a", "b", "--view", "crop"),
    minutes=5.0,
)


PLACES = {
    "project": PLACE,
    "project without videos": replace(PLACE, videos={}),
    "tables": NextCommands(data=("a.csv", "b.csv"), bundle="models/mine", fit_options=("--empty", "hidden")),
    "table with its video": NextCommands(data=("a.csv",), bundle="models/mine", videos={"monday": "monday.mp4"}),
}


def point(name: str, *, learnt: int = 90, median_px: float = 1.3, train_median_px: float = 1.2, seen_px: float = 1.0) -> PointMeasure:
    return PointMeasure(
        name=name,
        learnt=learnt,
        scored=20,
        median_px=median_px,
        mean_px=median_px,
        train_median_px=train_median_px,
        radius_px=2.4,
        seen_px=seen_px,
    )


def seen_at(seen_px: float, measured: Measurements) -> Measurements:
    return replace(measured, points=tuple(replace(point, seen_px=seen_px) for point in measured.points))


GOOD = Measurements(
    learnt=93,
    scored=23,
    right=22,
    train_median_px=1.2,
    train_mean_px=1.4,
    median_px=1.3,
    mean_px=1.6,
    baseline_px=140.0,
    radius_px=2.4,
    pictures=41_000,
    falling=0.01,
    scatter_px=0.5,
    points=(point("snout"), point("ear")),
    groups=(GroupMeasure(name="monday", learnt=93, scored=23, median_px=1.3),),
)


def with_points(*points: PointMeasure) -> Measurements:
    return replace(GOOD, points=(point("a"), point("b"), *points))


LOST = GroupMeasure(name="tuesday", learnt=0, scored=23, median_px=1.3, lost=0.15)
SHORT = replace(GOOD, train_median_px=5.6, train_mean_px=6.0, median_px=5.9, mean_px=6.5, pictures=5_000)

CASES = {
    "swapped labels": (
        replace(GOOD, exchanges=(Exchange(first="leftear", second="rightear", learnt=0.2, scored=0.1, frames=19),), mean_px=8.0),
        "exchanged",
        "trainer label mouse --annotator ann --bundle models/mine",
    ),
    "one frame": (
        replace(GOOD, learnt=1, train_median_px=1.7, median_px=51.0, mean_px=60.0, exchanges=()),
        "few frames",
        "trainer select 'videos/monday 1.mp4' --project mouse --count 50",
    ),
    "too short": (
        SHORT,
        "too short",
        "trainer fit --data mouse --out models/mine-longer --head xy --hold-out a b --view crop --minutes 30",
    ),
    "too few of one point": (
        replace(GOOD, points=(point("snout"), point("ear"), point("tongue", learnt=6, median_px=30.0)), mean_px=6.0),
        "rare point",
        "trainer select 'videos/monday 1.mp4' --project mouse --count 20 --by uncertainty --bundle models/mine",
    ),
    "wrong names": (
        replace(
            GOOD,
            median_px=90.0,
            mean_px=90.0,
            other_names=(OtherNames(group="tuesday", pairs=(("snout", "tail"), ("tail", "snout")), frames=23),),
        ),
        "other names",
        "trainer project rename mouse --video tuesday --points tail:snout snout:tail --renaming 1 && "
        "trainer fit --data mouse --out models/mine-renamed --head xy --hold-out a b --view crop --minutes 5",
    ),
    "too low resolution": (
        seen_at(3.0, replace(GOOD, train_median_px=4.4, train_mean_px=5.0, median_px=5.4, mean_px=6.0)),
        "resolution",
        "trainer fit --data mouse --out models/mine-finer --head xy --hold-out a b --network resnet18 --view full --minutes 50",
    ),
    "distribution shift": (
        replace(GOOD, median_px=14.0, mean_px=20.0, groups=(GroupMeasure(name="tuesday", learnt=0, scored=23, median_px=14.0),)),
        "unlike",
        "trainer select videos/tuesday.mp4 --project mouse --count 20 --by uncertainty --bundle models/mine",
    ),
    "good": (GOOD, "good", "trainer render 'videos/monday 1.mp4' --bundle models/mine --out models/mine-drawn.mp4"),
    "over-fitted": (
        replace(GOOD, train_median_px=0.6, median_px=3.0, mean_px=4.0, crossing=17),
        "over-fitted",
        "trainer select 'videos/monday 1.mp4' --project mouse --count 20 --by uncertainty --bundle models/mine",
    ),
    "two held out": (
        replace(GOOD, scored=2, right=2),
        "few held out",
        "trainer select 'videos/monday 1.mp4' --project mouse --count 20",
    ),
    "labels jittered by 5 px": (
        replace(GOOD, train_median_px=5.2, train_mean_px=5.8, median_px=5.5, mean_px=6.0, scatter_px=5.1),
        "scattered labels",
        "trainer label mouse --annotator second-person",
    ),
}


@pytest.mark.parametrize(("measured", "kind", "command"), CASES.values(), ids=CASES.keys())
def test_each_fault_gets_the_right_first_step_with_its_command(measured: Measurements, kind: str, command: str) -> None:
    found = verdict(measured, PLACE)
    assert found.steps[0].kind == kind
    assert found.steps[0].command == command
    assert 1 <= len(found.steps) <= MOST_STEPS == 3
    assert found.sentence.startswith(found.steps[0].why)


def test_names_are_not_called_wrong_by_a_network_that_has_not_learnt_the_point() -> None:
    swapped, _, _ = CASES["wrong names"]
    snout = replace(point("snout"), train_median_px=51.9)
    measured = replace(swapped, points=(snout, point("tail")), pictures=576, train_median_px=9.0, train_mean_px=15.0)
    assert "other names" not in [step.kind for step in verdict(measured, PLACE).steps]
    assert verdict(replace(measured, points=(point("snout"), point("tail"))), PLACE).steps[0].kind == "other names"


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize("measured", [case[0] for case in CASES.values()], ids=CASES.keys())
def test_every_command_that_is_named_can_be_typed(measured: Measurements, place: NextCommands) -> None:
    found = verdict(replace(measured, target_px=0.5), place)
    for proposed in (found.select, *(step.command for step in found.steps)):
        for command in proposed.split(" && "):
            program, *arguments = shlex.split(command)
            assert program == "trainer"
            assert isinstance(PARSER.parse_args(arguments), argparse.Namespace)


@pytest.mark.parametrize(
    ("measured", "kind"),
    [
        (replace(GOOD, scored=0, median_px=math.nan, mean_px=math.nan, groups=()), "nothing held out"),
        (replace(GOOD, train_mean_px=100.0, train_median_px=90.0, median_px=90.0, mean_px=100.0, pictures=2_000), "too short"),
        (replace(GOOD, train_mean_px=100.0, train_median_px=90.0, median_px=90.0, mean_px=100.0), "learnt nothing"),
        (replace(GOOD, falling=0.2), "too short"),
        (replace(GOOD, train_median_px=0.35, median_px=0.36, mean_px=0.41, falling=0.07, pictures=8_000), "good"),
        (replace(GOOD, train_median_px=0.1, median_px=0.3), "good"),  # a ratio of three between errors that nobody can see
        (replace(GOOD, mean_px=11.0, falling=0.16, groups=(LOST,)), "unlike"),
        (replace(GOOD, mean_px=11.0, groups=(replace(LOST, learnt=20),)), "lost"),  # of a video that it knows: no other kind of image
        (replace(GOOD, mean_px=60.0, median_px=2.3, right=12), "lost"),
        (replace(GOOD, mean_px=20.0, target_px=30.0, groups=(replace(LOST, learnt=20),)), "good"),  # what the task can do with
        (with_points(point("c"), point("d", median_px=60.0, train_median_px=60.0)), "lost point"),
        (with_points(point("c"), point("d", median_px=60.0)), "lost point"),
        (with_points(point("c"), point("d", median_px=7.3)), "lost point"),
        (with_points(point("c"), point("d", median_px=7.1)), "inexact point"),
        (with_points(point("c"), point("d", median_px=2.7)), "inexact point"),
        (with_points(point("c"), point("d", median_px=2.6)), "good"),  # a tenth more than what counts as right cannot be seen
        (with_points(point("c"), replace(point("d", median_px=3.2), median_error_px=0.5)), "good"),  # chance
        (with_points(point("c"), replace(point("d", median_px=3.2), median_error_px=0.3)), "inexact point"),
        (replace(with_points(point("c"), point("d", median_px=3.0, train_median_px=3.0)), pictures=5_000), "too short"),
        (replace(with_points(point("c"), point("d", median_px=60.0, train_median_px=60.0)), pictures=5_000), "too short"),
        (with_points(replace(point("c"), bias_px=(-6.7, 0.0), bias_error_px=0.1)), "biased"),
        (with_points(replace(point("c"), bias_px=(-6.7, 0.0), bias_error_px=2.3)), "good"),  # chance
        (with_points(replace(point("c"), bias_px=(-2.0, 0.0), bias_error_px=0.1)), "good"),  # within what counts as right
        (with_points(replace(point("c"), border=10, border_median_px=30.0, inner_median_px=1.3)), "border"),
        (with_points(replace(point("c"), border=2, border_median_px=30.0, inner_median_px=1.3)), "good"),  # too few to say
        (with_points(replace(point("c"), border=10, border_median_px=3.0, inner_median_px=1.3)), "good"),
        (seen_at(3.0, with_points(point("c"), point("d", median_px=2.6, train_median_px=2.7))), "resolution"),
        (seen_at(3.0, with_points(point("c"), point("d", median_px=9.0, train_median_px=9.0))), "lost point"),
        (seen_at(2.0, replace(GOOD, train_median_px=0.49, median_px=0.55, mean_px=1.5, radius_px=0.5)), "resolution"),
        (replace(GOOD, train_median_px=0.4, median_px=1.9), "good"),  # a gap, but as exact as labels are
        (replace(GOOD, target_px=1.0), "not good enough"),
        (replace(GOOD, target_px=2.0), "good"),
        (replace(GOOD, median_px=2.9, train_median_px=2.5, mean_px=3.5), "not exact"),
        (replace(GOOD, exchanges=(Exchange(first="l", second="r", learnt=0.5, scored=0.5, frames=40),)), "other names"),
        (replace(SHORT, exchanges=(Exchange(first="l", second="r", learnt=0.05, scored=0.0, frames=4),)), "too short"),
        (seen_at(3.0, replace(SHORT, pictures=41_000)), "resolution"),
    ],
    ids=[
        "nothing held out", "hardly begun", "learnt nothing", "still falling", "falling unseen",
        "gap below half a pixel", "points lost in another video", "points lost in a known one", "half of the frames",
        "lost within the target",
        "point never found", "point found in training alone", "point not found", "point nearly not found", "point inexact",
        "point just beyond", "point beyond by chance", "point beyond what is chance", "point not yet exact", "point not yet found",
        "biased", "bias by chance", "bias within the radius", "border", "few at the border", "little worse at the border",
        "resolution for one point", "no resolution for one point",
        "resolution by held-out frames",
        "gap within the radius",
        "target missed", "target met",
        "not exact", "names unclear", "confused while short", "resolution",
    ],
)  # fmt: skip
def test_the_first_step_follows_the_rules(measured: Measurements, kind: str) -> None:
    assert verdict(measured, PLACE).steps[0].kind == kind


NEW_VIDEO = GroupMeasure(name="tuesday", learnt=0, scored=23, median_px=12.0)


@pytest.mark.parametrize(
    ("measured", "then"),
    [
        (SHORT, ["not exact"]),
        (replace(SHORT, points=(point("a", median_px=5.9), point("tongue", learnt=20, median_px=14.0))), ["rare point", "not exact"]),
        (replace(SHORT, median_px=12.0, mean_px=13.0, groups=(NEW_VIDEO,)), []),
        (replace(SHORT, groups=(replace(NEW_VIDEO, median_px=5.9, lost=0.2),)), ["not exact"]),
        (replace(SHORT, exchanges=(Exchange(first="l", second="r", learnt=0.12, scored=0.1, frames=11),)), ["not exact"]),
        (replace(SHORT, exchanges=(Exchange(first="l", second="r", learnt=0.5, scored=0.5, frames=40),)), ["not exact"]),
        (seen_at(3.0, SHORT), ["not exact"]),
    ],
    ids=["alone", "rare point", "new video", "lost there", "exchanged", "names unclear", "seen coarsely"],
)
def test_what_has_not_learnt_its_own_frames_is_trained_longer_before_anything_is_concluded(measured: Measurements, then: list[str]) -> None:
    found = verdict(measured, PLACE)
    assert [step.kind for step in found.steps] == ["too short", *then]
    for step in found.steps:
        assert "--minutes 5" not in step.command.replace("--minutes 50", ""), "the length that was just called too short"
    if "not exact" in then:
        assert found.steps[-1].command.startswith("trainer curve ")
        assert found.steps[-1].command.endswith("--minutes 30")


def test_a_point_that_is_never_found_is_named_with_what_to_look_at() -> None:
    never = verdict(with_points(point("c"), point("d", median_px=60.0, train_median_px=58.0)), PLACE)
    assert never.sentence.startswith(
        "'d' is not found: a median error of 60.0 px, where 2.4 px count as right; on the frames learnt from it is 58.0 px."
    )
    assert never.steps[0].command == "trainer label mouse --annotator ann --bundle models/mine"
    unseen = verdict(with_points(point("d", median_px=60.0), point("e", median_px=9.0)), PLACE)
    assert unseen.sentence.startswith("'d', 'e' are not found on held-out frames: a median error of 60.0 and 9.0 px, where 2.4 px count")
    assert unseen.steps[0].command.startswith("trainer select 'videos/monday 1.mp4' --project mouse --count 20 --by uncertainty")


def test_a_point_that_is_found_inexactly_is_not_said_to_be_lost_nor_its_name_to_mean_two_places() -> None:
    unseen = verdict(with_points(point("c"), point("d", median_px=2.9)), PLACE)
    assert unseen.sentence.startswith("'d' is found inexactly on held-out frames: a median error of 2.9 px, where 2.4 px count as right.")
    never = verdict(with_points(point("c"), point("d", median_px=3.0, train_median_px=2.9)), PLACE)
    assert never.sentence.startswith("'d' is found inexactly: a median error of 3.0 px, where 2.4 px count as right; on the frames learnt")
    assert never.steps[0].do.endswith(": whether all are placed alike.")
    learnt_inexactly = verdict(with_points(point("c"), point("d", median_px=60.0, train_median_px=2.9)), PLACE)
    assert learnt_inexactly.steps[0].kind == "lost point"
    assert "two places" not in learnt_inexactly.steps[0].do


@pytest.mark.parametrize(
    ("falling", "median_px", "pictures", "kinds"),
    [
        (0.07, 0.59, 31_200, ["resolution", "too short", "not exact"]),
        (0.07, 0.53, 31_200, ["too short", "resolution", "not exact"]),
        (0.25, 0.59, 31_200, ["too short", "resolution", "not exact"]),
        (0.07, 0.59, 20_000, ["too short", "not exact"]),
    ],
    ids=["a fall is not enough", "a fall is enough", "a large fall is enough", "short"],
)
def test_points_seen_too_coarsely_are_told_before_a_fall_that_does_not_reach_what_counts_as_right(
    falling: float, median_px: float, pictures: int, kinds: list[str]
) -> None:
    errors = replace(GOOD, train_median_px=0.55, median_px=median_px, mean_px=0.73, radius_px=0.5, scatter_px=0.1)
    measured = replace(errors, falling=falling, pictures=pictures)
    assert [step.kind for step in verdict(seen_at(2.0, measured), PLACE).steps] == kinds


def test_one_coarse_point_does_not_stand_before_a_training_that_the_others_need() -> None:
    coarse = replace(point("c", median_px=4.0, train_median_px=4.0), seen_px=3.0)
    others = [point(name, median_px=4.0, train_median_px=4.0) for name in "ab"]
    falling = replace(GOOD, train_median_px=4.0, median_px=4.0, mean_px=4.5, falling=0.3, scatter_px=0.1)
    steps = [step.kind for step in verdict(replace(falling, points=(*others, coarse)), PLACE).steps]
    assert steps[0] == "too short"
    assert "resolution" in steps
    alone = replace(falling, median_px=1.5, train_median_px=1.4, points=(point("a"), point("b"), coarse), falling=0.07)
    assert [step.kind for step in verdict(alone, PLACE).steps][:2] == ["resolution", "too short"]
    assert verdict(replace(alone, pictures=20_000), PLACE).steps[0].kind == "too short"


def test_a_point_that_the_resolution_keeps_inexact_is_not_said_to_be_lost_too() -> None:
    measured = seen_at(3.0, with_points(point("c"), point("d", median_px=2.6, train_median_px=2.7)))
    assert [step.kind for step in verdict(measured, PLACE).steps] == ["resolution"]


def test_where_many_points_are_lost_it_is_said_how_many_and_where() -> None:
    half = GroupMeasure(name="tuesday", learnt=20, scored=23, median_px=2.3, lost=0.49)
    found = verdict(replace(GOOD, mean_px=60.0, median_px=2.3, right=12, groups=(half,)), PLACE)
    assert found.sentence.startswith(
        "Often lost: in 'tuesday' 49% of the points are more than 7.2 px off, in the training frames 0%. The median error of 2.30 px"
    )
    assert found.steps[0].command.startswith("trainer select videos/tuesday.mp4 --project mouse --count 20 --by uncertainty")
    assert "which is 31% to 73% of all such frames" in found.sentence
    few_right = verdict(replace(GOOD, median_px=2.3, right=12), PLACE)
    assert few_right.sentence.startswith("Often lost. The median error of 2.30 px is within the 2.4 px that count as right; most points")
    both = verdict(replace(GOOD, mean_px=60.0, median_px=2.3, train_lost=0.47, groups=(half,)), PLACE).steps[0]
    assert both.kind == "lost"
    assert both.command == "trainer label mouse --annotator ann --bundle models/mine"
    short = verdict(replace(GOOD, mean_px=60.0, median_px=2.3, train_lost=0.47, groups=(half,), pictures=5_000), PLACE).steps[0]
    assert short.kind == "too short"


def test_a_bias_is_said_with_its_direction_and_the_border_with_its_error() -> None:
    biased = verdict(with_points(replace(point("c"), bias_px=(-6.7, 0.0), bias_error_px=0.1)), PLACE)
    assert biased.sentence.startswith("Biased: beyond chance, answers lie beside their labels: c 6.7 px left (2.4 px count as right).")
    assert biased.steps[0].command == "trainer label mouse --annotator ann --bundle models/mine"
    border = verdict(with_points(replace(point("c"), border=10, border_median_px=30.0, inner_median_px=1.3)), PLACE)
    assert border.sentence.startswith(
        "Lost at the image's edge: within 8 px of it 'c' is off by 30.0 px (median of 10 labels), elsewhere by"
    )
    assert border.steps[0].command.startswith("trainer select 'videos/monday 1.mp4'")


def test_a_gap_that_other_names_cause_asks_for_no_labels() -> None:
    measured = replace(CASES["wrong names"][0], train_median_px=1.2, groups=(replace(NEW_VIDEO, median_px=90.0),), right=0)
    found = verdict(measured, PLACE)
    assert [step.kind for step in found.steps] == ["other names"]
    assert found.needs_labels == ""
    assert "'tuesday'" in found.labels_or_minutes
    assert "set right" in found.labels_or_minutes


def test_names_that_are_no_exchange_are_looked_at_and_those_of_tables_are_renamed_in_a_project() -> None:
    swapped = CASES["wrong names"][0]
    half = replace(swapped, other_names=(OtherNames(group="tuesday", pairs=(("snout", "tail"),), frames=23),))
    assert verdict(half, PLACE).steps[0].command == "trainer label mouse --annotator ann --bundle models/mine"
    table = NextCommands(data=("a.csv",), bundle="m")
    assert verdict(swapped, table).steps[0].command == (
        "trainer project import m-labels a.csv --annotator first-person && "
        "trainer project rename m-labels --video tuesday --points tail:snout snout:tail --renaming 1 && "
        "trainer fit --data m-labels --out m-renamed --epochs 40"
    )
    several = replace(table, data=("a.csv", "b.csv"))  # in which groups may be called otherwise than in their own set
    assert "rename" not in verdict(swapped, several).steps[0].command


def test_renamed_labels_are_trained_with_again_unless_no_frame_of_their_video_was_learnt_from() -> None:
    swapped = CASES["wrong names"][0]
    learnt = replace(swapped, groups=(replace(NEW_VIDEO, learnt=20),))
    for table in (PLACE, TABLE):
        step = verdict(learnt, replace(table, taken=frozenset(("mine-renamed",)))).steps[0]
        assert "train again: the names were learnt as they are" in step.do
        assert " --out models/mine-renamed-2 " in step.command, "beside what is there"
        scored = verdict(replace(swapped, groups=(NEW_VIDEO,)), table).steps[0]
        assert "score again: no frame of it was learnt from" in scored.do
        assert scored.command.split(" && ")[-1].startswith("trainer evaluate models/mine --data m")
    half = replace(learnt, other_names=(OtherNames(group="tuesday", pairs=(("snout", "tail"),), frames=23),))
    assert "After corrections train again" in verdict(half, PLACE).steps[0].do
    assert "Then score again" in verdict(replace(half, groups=(NEW_VIDEO,)), PLACE).steps[0].do


def test_a_network_that_sees_more_is_given_as_many_times_longer_as_it_computes_more() -> None:
    measured = CASES["too low resolution"][0]
    step = verdict(measured, replace(PLACE, finer_times=150.0, crops=3)).steps[0]
    assert step.command.endswith("--network resnet18 --view full --minutes 750")
    assert "about 150 times the operations for each picture, which is about 12 hours where this training took 5 minutes" in step.do
    assert "instead of the 3 crops" in step.do
    epochs = verdict(measured, replace(PLACE, finer_times=150.0, minutes=None, epochs=40)).steps[0]
    assert epochs.command.endswith("--view full --epochs 40")
    assert "about 150 times the operations for each picture, and so many times the time" in epochs.do
    other_way = verdict(measured, replace(PLACE, finer_times=0.4, fit_options=("--network", "resnet18"))).steps[0]
    assert other_way.command.endswith("--view full --minutes 5")
    assert "operations" not in other_way.do


def test_scattered_labels_come_before_a_training_that_is_too_short_as_well() -> None:
    """No training mends labels; both faults are there, and both are told, the labels first."""
    both = replace(GOOD, train_median_px=5.2, train_mean_px=5.8, median_px=5.5, mean_px=6.0, scatter_px=5.1, pictures=5_000, falling=0.2)
    assert [step.kind for step in verdict(both, PLACE).steps][:2] == ["scattered labels", "too short"]


def test_several_animals_seen_too_coarsely_get_no_network_that_cannot_find_them() -> None:
    coarse = seen_at(3.0, replace(GOOD, train_median_px=4.4, train_mean_px=5.0, median_px=5.4, mean_px=6.0))
    step = verdict(coarse, replace(PLACE, fit_options=("--head", "several"))).steps[0]
    assert step.do.startswith("Film from nearer, or cut the images")
    assert step.command == "trainer curve --data mouse --out models/mine-curve --repeats 3 --force --head several --minutes 5"


def test_points_are_called_too_coarse_by_what_they_are_seen_at_themselves() -> None:
    """Half of the points lie in a crop that is reduced; which half is found badly decides, and not the median of all."""
    hand, rat = ("wrist", "finger", "thumb"), ("snout", "tail")

    def of(reduced_px: float, whole_px: float) -> Measurements:
        points = (
            *(point(name, median_px=whole_px, train_median_px=whole_px) for name in hand),
            *(point(name, median_px=reduced_px, train_median_px=reduced_px, seen_px=3.0) for name in rat),
        )
        return replace(GOOD, median_px=1.1, train_median_px=1.0, points=points)

    step = verdict(of(4.4, 1.0), PLACE).steps[0]
    assert step.kind == "resolution"
    assert step.why == (
        "'snout', 'tail' are seen too coarsely: one pixel of the network's picture is 3 of the image, and the error on its own training "
        "frames stays at 4.4 px (median)."
    )
    others = replace(of(1.0, 4.4), median_px=5.2, train_median_px=4.2)
    assert "resolution" not in [step.kind for step in verdict(others, PLACE).steps]


def test_of_many_faults_the_first_three_in_order_are_told() -> None:
    wrong = Suspect(place=(3, 0, 1), learnt=True, image="img0003.png", point="ear", error_px=31.0, confidence=0.9)
    many = replace(
        GOOD,
        scatter_px=5.0,
        train_median_px=4.4,
        train_mean_px=5.0,
        median_px=5.4,
        mean_px=6.0,
        target_px=2.0,
        points=(point("snout", seen_px=3.0), point("ear", seen_px=3.0), point("tongue", learnt=6, median_px=30.0, seen_px=3.0)),
        exchanges=(Exchange(first="leftear", second="rightear", learnt=0.2, scored=0.1, frames=19),),
        suspects=(wrong,),
    )
    faults = [step.kind for rule in RULES if (step := rule(many, PLACE)) is not None]
    assert faults[:4] == ["exchanged", "scattered labels", "rare point", "resolution"]
    assert len(faults) > MOST_STEPS
    found = verdict(many, PLACE)
    assert [step.kind for step in found.steps] == faults[:MOST_STEPS]
    assert len([line for line in found.lines if line.strip().startswith("trainer ")]) == MOST_STEPS


@pytest.mark.parametrize(("right", "scored", "interval"), [(2, 2, "16% to 100%"), (5, 5, "48% to 100%"), (0, 1, "0% to 98%")])
def test_a_few_held_out_frames_judge_nothing_however_well_they_are_found(right: int, scored: int, interval: str) -> None:
    found = verdict(replace(GOOD, scored=scored, right=right), PLACE)
    assert found.sentence.startswith(f"Too few held out to judge: {frames(scored)}. The median error of 1.30 px is within the 2.4 px")
    assert f"so near on {right} of {frames(scored)} held out, which is {interval} of all such frames (95% interval)." in found.sentence
    assert "Good" not in found.sentence
    assert [step.command for step in found.steps] == [
        "trainer select 'videos/monday 1.mp4' --project mouse --count 20",
        "trainer crossval --data mouse --out models/mine-crossval --force --head xy --view crop --minutes 5",
    ]


def test_what_is_good_says_how_sure_that_is_by_the_frames_held_out() -> None:
    assert "most points are so near on 22 of 23 frames held out, which is 78% to 100% of all such frames" in verdict(GOOD, PLACE).sentence
    assert verdict(replace(GOOD, scored=6, right=6), PLACE).steps[0].kind == "good"


def test_a_training_on_few_labels_is_not_called_good_but_asks_for_more() -> None:
    """What the labels were said to be before the training holds after it, by the same number."""
    found = verdict(replace(GOOD, learnt=FEW_FRAMES - 9, scored=8, right=8), PLACE)
    said = too_few_in_words(FEW_FRAMES - 1)
    assert said.startswith("49 labelled frames: below 50 neither the network nor the error")
    assert found.sentence.startswith(
        f"{said}. The median error of 1.30 px is within the 2.4 px that count as right; most points are so near"
    )
    assert [(step.kind, step.command.split()[1]) for step in found.steps] == [("few labels", "select"), ("few labels", "render")]
    assert verdict(replace(GOOD, learnt=FEW_FRAMES - 8, scored=8, right=8), PLACE).steps[0].kind == "good"
    over_fitted = replace(CASES["over-fitted"][0], learnt=32, scored=8)
    assert "few labels" not in [step.kind for step in verdict(over_fitted, PLACE).steps]  # more labels are asked for already


def test_a_gap_that_only_few_held_out_frames_show_is_not_called_over_fitted() -> None:
    few = replace(CASES["over-fitted"][0], scored=2, right=0)
    assert [step.kind for step in verdict(few, PLACE).steps] == ["few held out", "few held out"]
    assert "px on 2 frames (too few to judge by)" in verdict(few, PLACE).sentence


def test_a_few_wrong_labels_are_named_beside_a_good_training() -> None:
    wrong = Suspect(place=(3, 0, 1), learnt=True, image="img0003.png", point="ear", error_px=31.0, confidence=0.9)
    found = verdict(replace(GOOD, suspects=(wrong,)), PLACE)
    assert found.sentence.startswith("Good: the median error of 1.30 px is within the 2.4 px that count as right")
    assert [step.kind for step in found.steps] == ["single labels", "good"]
    assert "first 'ear' in img0003.png" in found.steps[0].do


def test_a_short_training_blames_a_label_only_where_the_answer_is_far_off() -> None:
    near, far = (
        Suspect(place=(3, 0, 1), learnt=True, image="img0003.png", point="ear", error_px=error, confidence=0.9) for error in (8.0, 15.0)
    )
    short = replace(GOOD, pictures=8_400)  # 2.4 px count as right
    assert [step.kind for step in verdict(replace(short, suspects=(near,)), PLACE).steps] == ["good", "too short"]
    assert [step.kind for step in verdict(replace(short, suspects=(far, near)), PLACE).steps] == ["single labels", "good", "too short"]
    assert verdict(replace(short, suspects=(far, near)), PLACE).steps[0].why.startswith("1 label lies far")
    for pictures in (41_000, None):
        assert verdict(replace(GOOD, suspects=(near,), pictures=pictures), PLACE).steps[0].kind == "single labels"
    of_points = replace(short, points=tuple(replace(one, radius_px=1.3) for one in short.points), suspects=(near,))
    assert verdict(of_points, PLACE).steps[0].kind == "single labels", "what counts as right of this very point"


def test_a_network_that_has_only_begun_to_learn_blames_no_label() -> None:
    wrong = Suspect(place=(3, 0, 1), learnt=True, image="img0003.png", point="ear", error_px=31.0, confidence=0.9)
    begun = replace(GOOD, pictures=1_200, falling=0.29, suspects=(wrong,))
    assert [step.kind for step in verdict(begun, PLACE).steps] == ["too short"]
    assert verdict(replace(begun, falling=0.01), PLACE).steps[0].kind == "single labels"
    assert "single labels" in [step.kind for step in verdict(replace(begun, pictures=41_000), PLACE).steps]


def test_no_step_stands_twice() -> None:
    """A short training that still falls, one of whose points is not found: both ask for a longer one."""
    measured = replace(with_points(point("c", median_px=3.0, train_median_px=2.8)), pictures=1_200, falling=0.29)
    steps = verdict(measured, PLACE).steps
    assert [step.kind for step in steps] == ["too short"]
    assert steps[0].why.startswith("Trained too short")


def test_a_few_exchanged_labels_are_named_though_they_may_be_the_networks_mistakes() -> None:
    few = replace(
        SHORT, train_median_px=GOOD.train_median_px, exchanges=(Exchange(first="l", second="r", learnt=0.05, scored=0.0, frames=4),)
    )
    found = verdict(few, PLACE)
    step = next(step for step in found.steps if step.kind == "single labels")
    assert step.why.startswith("In 4 frames learnt from 'l' is found where 'r' is labelled")
    assert step.command.startswith("trainer label ")


def test_below_the_tasks_threshold_a_short_training_is_made_longer_first() -> None:
    wrong = Suspect(place=(3, 0, 1), learnt=True, image="img0003.png", point="ear", error_px=31.0, confidence=0.9)
    short = verdict(replace(GOOD, target_px=1.0, pictures=5_600, suspects=(wrong,)), PLACE)
    assert short.sentence.startswith("Better than chance but not good enough for the task: a mean error of 1.60 px, where 1 px")
    assert [step.kind for step in short.steps] == ["not good enough", "single labels"]
    assert "--minutes 27" in short.steps[0].command, "as long as 30 000 pictures take"
    assert "trainer curve" in verdict(replace(GOOD, target_px=1.0), PLACE).steps[0].command


def test_labels_that_are_no_project_become_one_before_a_second_person_labels() -> None:
    measured = CASES["labels jittered by 5 px"][0]
    found = verdict(measured, NextCommands(data=("my labels.csv",), bundle="models/mine", point_names=("snout", "ear")))
    assert found.steps[0].command == (
        "trainer project import models/mine-labels 'my labels.csv' --annotator first-person --keep-changed && "
        "trainer label models/mine-labels --annotator second-person"
    )


def test_a_point_that_is_always_hidden_is_labelled_in_the_users_own_data() -> None:
    absent = PointMeasure(name="tongue", learnt=0, hidden=93)
    measured = replace(GOOD, points=(point("snout"), point("ear"), absent))
    step = verdict(measured, PLACE).steps[0]
    assert step.why == "'tongue' is hidden in each of 93 frames learnt from: where it is cannot be learnt."
    assert step.command == "trainer select 'videos/monday 1.mp4' --project mouse --count 20 --by uncertainty --bundle models/mine"
    table = NextCommands(data=("a.csv",), bundle="models/mine", fit_options=("--empty", "hidden"), videos={"monday": "monday.mp4"})
    assert verdict(measured, table).steps[0].command == (
        "trainer project import models/mine-labels a.csv --annotator first-person --keep-changed --empty hidden && "
        "trainer select monday.mp4 --project models/mine-labels --count 20 --by uncertainty --bundle models/mine"
    )


def test_where_no_video_is_known_it_is_said_how_to_name_one() -> None:
    few, place = CASES["one frame"][0], replace(PLACE, videos={})
    step = verdict(few, place).steps[0]
    assert step.do.endswith("No video of these labels is known here; `trainer select` adds frames of any that it is given.")
    assert step.command == "trainer label mouse --annotator ann --bundle models/mine"
    good = verdict(GOOD, place).steps[0]
    assert good.command == "trainer label mouse --annotator ann --bundle models/mine"
    assert good.do.startswith("Look at its answers beside the labels")


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize("measured", [case[0] for case in CASES.values()], ids=CASES.keys())
def test_no_sentence_leaves_a_name_to_be_filled_in(measured: Measurements, place: NextCommands) -> None:
    found = verdict(measured, place)
    for said in (found.sentence, found.needs_labels, *(f"{step.do} {step.command}" for step in found.steps)):
        assert not re.search(r"\b[A-Z]{3,}\b", said), said


def test_a_curve_of_several_sets_is_of_a_project_made_of_them() -> None:
    measured = replace(GOOD, target_px=1.0)
    several = NextCommands(data=("a.csv", "mouse"), project="mouse", bundle="m", fit_options=("--empty", "hidden"))
    assert verdict(measured, several).steps[0].command == (
        "trainer project import m-labels a.csv --annotator first-person --keep-changed --empty hidden && "
        "trainer project import m-labels mouse --annotator first-person --keep-changed && "
        "trainer curve --data m-labels --out m-curve --repeats 3 --force --empty hidden --target-px 1 --epochs 40"
    )


def test_a_good_training_that_was_short_may_be_longer() -> None:
    found = verdict(replace(GOOD, pictures=5_600), PLACE)
    assert [step.kind for step in found.steps] == ["good", "too short"]
    assert found.steps[1].do.startswith("If a smaller error is worth the time")


def test_an_over_fitted_training_whose_held_out_loss_rises_is_told_to_end_earlier() -> None:
    found = verdict(replace(GOOD, train_median_px=0.6, median_px=3.0, mean_px=4.0, crossing=17), PLACE)
    assert "from epoch 18 on the held-out loss rose" in found.sentence
    assert "--patience 5" in found.steps[1].command


def test_points_found_in_an_empty_scene_are_told_beside_a_good_training() -> None:
    empty = EmptyScene(group="monday", point="snout", confidence=0.71)
    found = verdict(replace(GOOD, empty=empty), PLACE)
    assert found.sentence.startswith("Good")
    assert [step.kind for step in found.steps] == ["empty scene", "good"]
    assert "'snout' is found with a confidence of 0.71: a rule may begin before the animal is there" in found.steps[0].why
    assert found.steps[0].command == "trainer select 'videos/monday 1.mp4' --project mouse --count 20"
    short = verdict(replace(GOOD, empty=empty, pictures=5_000), PLACE).steps[0]
    assert short.do.startswith("Before the animal can be out of sight, train longer; or label frames that show no animal")
    assert "--minutes 30" in short.command
    assert [step.kind for step in verdict(replace(GOOD, empty=replace(empty, confidence=0.3)), PLACE).steps] == ["good"]


def test_one_training_says_no_more_than_it_can_of_labels_and_minutes() -> None:
    said = verdict(replace(GOOD, train_median_px=1.0, median_px=3.0), PLACE).labels_or_minutes
    assert "at most the gap between held-out and training error, 2.00 px of 3.00 px" in said
    assert "only a longer one tells" in said
    assert "`trainer curve`" in said


def test_a_learning_curve_of_the_same_labels_says_what_more_of_them_would_give() -> None:
    said = verdict(replace(GOOD, curve=("Twice as many (128) would give about 1.20 px.",)), PLACE).labels_or_minutes
    assert said.endswith("The learning curve of these labels, beside the bundle, says: Twice as many (128) would give about 1.20 px.")
    assert "`trainer curve`" not in said


def test_the_points_and_videos_that_need_labels_most_are_named_with_the_command() -> None:
    points = (point("snout"), point("ear", median_px=4.0), replace(point("tongue", learnt=2), scored=0, median_px=math.nan))
    groups = (
        GroupMeasure(name="monday", learnt=50, scored=10, median_px=1.0),
        GroupMeasure(name="tuesday", learnt=43, scored=13, median_px=2.0),
    )
    found = verdict(replace(GOOD, points=points, groups=groups), PLACE)
    assert found.steps[0].kind == "rare point"
    assert found.needs_labels == (
        "Labels are needed most of 'tongue' (2 labels, none of them held out), 'ear' (90 labels, median 4.0 px), "
        "'snout' (90 labels, median 1.3 px); of the videos, in 'tuesday' (median 2.0 px), 'monday' (median 1.0 px)."
    )
    assert found.select.startswith("trainer select videos/tuesday.mp4 'videos/monday 1.mp4' --project mouse --count 20 --by uncertainty")


def test_for_a_terminal_each_command_has_a_line_of_its_own() -> None:
    lines = verdict(SHORT, PLACE).lines
    assert lines[1] == "next:"
    assert lines[2].startswith("  1. ")
    assert lines[3].strip().startswith("trainer fit ")


FEW_OF_MANY = replace(
    GOOD,
    learnt=80,
    looked_at=1,
    train_median_px=math.nan,
    train_mean_px=math.nan,
    points=(point("snout", learnt=1), point("ear", learnt=0)),
)


def test_a_set_with_one_frame_learnt_from_is_not_taken_for_all_that_was() -> None:
    found = verdict(FEW_OF_MANY, PLACE)
    assert found.steps[0].kind == "good"
    assert "of the 80 frames learnt from only 1 is here, too few to compare with" in found.sentence
    assert "too few to say whether more labels or a longer training" in found.labels_or_minutes
    assert "a gap of" not in found.sentence
    asking = verdict(replace(FEW_OF_MANY, target_px=1.0), PLACE).needs_labels
    assert asking.startswith("Labels are needed most of 'snout' (median 1.3 px)")


def test_where_little_is_known_of_what_was_learnt_no_video_is_called_unlike_it() -> None:
    far = replace(GOOD, learnt=80, looked_at=20, median_px=9.0, groups=(replace(LOST, median_px=9.0),))
    assert "unlike" not in [step.kind for step in verdict(far, PLACE).steps]
    assert verdict(replace(far, looked_at=80), PLACE).steps[0].kind == "unlike"


def test_a_bundle_that_knows_more_labels_than_these_is_not_trained_again_on_these_alone() -> None:
    found = verdict(replace(SHORT, learnt=800, looked_at=93), PLACE)
    assert found.steps[0].command.startswith("trainer fit --data mouse ")
    assert found.steps[0].do.endswith("Add the other labels that it was trained on to --data: it has learnt from more than these.")
    assert verdict(SHORT, PLACE).steps[0].do == "Train longer. That takes about 30 minutes."


TABLE = PLACES["table with its video"]


@pytest.mark.parametrize(
    "measured",
    [
        replace(
            GOOD,
            suspects=(Suspect(point="leftear", image="m4s1/img0102.png", error_px=60.0, place=(3, 0, 1), confidence=0.9, learnt=True),),
        ),
        replace(GOOD, exchanges=(Exchange(first="l", second="r", learnt=0.01, scored=0.0, frames=1),)),
        CASES["swapped labels"][0],
    ],
    ids=["likely wrong", "a few exchanged", "exchanged"],
)
def test_labels_that_may_be_wrong_are_shown_where_they_can_be_corrected(measured: Measurements) -> None:
    step = verdict(measured, TABLE).steps[0]
    assert step.command == (
        "trainer project import models/mine-labels a.csv --annotator first-person --keep-changed && "
        "trainer label models/mine-labels --annotator first-person --bundle models/mine"
    )
    assert "(w: the label farthest from an answer, then the next). After corrections train again: it has learnt from these" in step.do
    assert "From then on, train on models/mine-labels" in step.do


def test_a_training_beside_a_step_that_corrects_labels_learns_from_the_corrected_ones() -> None:
    wrong = Suspect(point="ear", image="m1/img1.png", error_px=60.0, place=(3, 0, 1), confidence=0.9, learnt=True)
    alone = verdict(replace(GOOD, pictures=5_600), TABLE).steps[1]
    assert alone.command.startswith("trainer fit --data a.csv ")
    assert "It uses" not in alone.do
    found = verdict(replace(GOOD, pictures=5_600, suspects=(wrong,)), TABLE)
    assert [step.kind for step in found.steps] == ["single labels", "good", "too short"]
    imports, trains = found.steps[2].command.split(" && ")
    assert imports == "trainer project import models/mine-labels a.csv --annotator first-person --keep-changed"
    assert trains.startswith("trainer fit --data models/mine-labels --out models/mine-longer")
    assert found.steps[2].do.endswith("It uses models/mine-labels, which has these labels and all that is changed or added there.")


def test_a_longer_training_is_given_the_time_that_enough_pictures_take_and_says_how_long_that_is() -> None:
    few = replace(SHORT, pictures=600)
    step = verdict(few, replace(PLACE, minutes=3.0, minutes_taken=4.1)).steps[0]
    assert step.command.endswith("--minutes 205")
    assert "On this machine that takes about 3 hours, where this training took 4 minutes; leave it over a night, or train with" in step.do
    assert "more than a night" in verdict(few, replace(PLACE, minutes=30.0, minutes_taken=30.0)).steps[0].do
    epochs = verdict(few, replace(PLACE, minutes=None, epochs=1, minutes_taken=4.1)).steps[0]
    assert epochs.command.endswith("--epochs 50")
    assert "about 3 hours" in epochs.do
    assert verdict(few, replace(PLACE, minutes=None, epochs=1)).steps[0].do == "Train longer."
    ended_early = replace(PLACE, minutes=10.0, minutes_taken=2.0)
    assert ended_early.longer(2).endswith("--minutes 20"), "never shorter than it was allowed to be"


def test_what_takes_many_trainings_says_how_long_they_take_in_all() -> None:
    curve = verdict(replace(GOOD, target_px=1.0), PLACE).steps[0]
    assert curve.do.endswith("These are 15 trainings, which take about 75 minutes in all."), "6, 12, 23, 46 and 93 frames, three times"
    assert "trainings" not in verdict(replace(GOOD, target_px=1.0), replace(PLACE, minutes=None)).steps[0].do
    in_turn = verdict(CASES["two held out"][0], PLACE).steps[1]
    assert in_turn.do.endswith("These are 5 trainings, which take about 25 minutes in all.")


@pytest.mark.parametrize(
    "measured",
    [SHORT, GOOD, CASES["labels jittered by 5 px"][0], replace(GOOD, target_px=1.0, pictures=5_600)],
    ids=["too short", "good", "scattered labels", "too short for the task"],
)
def test_no_points_are_said_to_need_labels_where_something_else_is_to_be_done_first(measured: Measurements) -> None:
    assert verdict(measured, PLACE).needs_labels == ""


ROWS = {  # what is said of each rule in the table of docs/training.md; rules that follow up another have no row
    "few_frames": "few frames",
    "mirrored": "mirrored",
    "other_names": "other names",
    "exchanged": "exchanged",
    "relabelled": "relabelled",
    "nothing_held_out": "nothing held out",
    "no_movement": "no movement",
    "learnt_nothing": "learnt nothing",
    "scattered": "scattered labels",
    "not_yet_learnt": "too short",
    "rare_point": "rare point",
    "unlike": "unlike",
    "too_short": "too short",
    "resolution": "resolution",
    "hardly_held_out": "few held out",
    "at_border": "border",
    "biased": "biased",
    "over_fitted": "over-fitted",
    "lost_point": "lost point",
    "often_lost": "lost",
    "not_good_enough": "not good enough",
    "not_exact_enough": "not exact",
    "few_labels": "few labels",
    "single_labels": "single labels",
    "sure_of_nothing": "empty scene",
}
FOLLOWING_UP = {"too_short_too", "judged_in_turn", "rising", "seen_meanwhile"}


def test_the_table_of_the_docs_has_the_order_of_the_rules() -> None:
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    table = page.split("| `kind` | what is measured | first step |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `([^`]+)`", table, flags=re.MULTILINE)
    assert {rule.__name__ for rule in RULES} == ROWS.keys() | FOLLOWING_UP
    assert rows == [ROWS[rule.__name__] for rule in RULES if rule.__name__ in ROWS] + ["confidence", "good"]
