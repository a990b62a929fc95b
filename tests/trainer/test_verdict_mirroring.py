"""Images that were mirrored under names of unread sides: not the labels are at fault."""

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainer.learnable import labelled
from tests.trainer.scored import noise_frames, scored_with
from tests.trainer.test_evaluate_command import as_csv
from tests.trainer.test_verdict import GOOD, PARSER, PLACE, point, seen_at
from tracker.bundle_description import Augmentation
from trainer.__main__ import main
from trainer.reports.verdict_section import fault_section
from trainer.scoring.correct_radius import Radii
from trainer.scoring.label_faults import Exchange, OtherNames, Suspect
from trainer.scoring.measure import Circumstances, measure
from trainer.scoring.measurements import Measurements
from trainer.scoring.verdict import verdict

EARS = Exchange(first="ear_1", second="ear_2", learnt=0.11, scored=0.1, frames=13)
MIXED = replace(GOOD, mirrored=(), exchanges=(EARS,), points=(point("snout"), point("ear_1"), point("ear_2", median_px=14.0)))
ANIMAL = np.array([[30.0, 4.0], [26.0, 10.0], [34.0, 10.0], [30.0, 44.0]])  # snout, both ears, base of the tail


def suspect(name: str) -> Suspect:
    return Suspect(place=(3, 0, 1), learnt=True, image="monday/0003.png", point=name, error_px=40.0, confidence=0.95)


def test_mirroring_under_unread_sides_is_told_before_labels_are_blamed_for_it() -> None:
    found = verdict(replace(MIXED, suspects=(suspect("ear_1"), suspect("snout"))), PLACE)
    assert [step.kind for step in found.steps] == ["mirrored", "single labels"]
    assert found.sentence.startswith(
        "Mirrored under these names: in 13 frames learnt from (11%) 'ear_1' is found where 'ear_2' is labelled"
    )
    first, second = found.steps
    assert first.command == (
        "trainer fit --data mouse --out models/mine-paired --head xy --hold-out a b --view crop --pairs ear_1:ear_2 --minutes 5"
    )
    assert PARSER.parse_args(shlex.split(first.command)[1:]).pairs == [("ear_1", "ear_2")]
    assert "--no-flip" in first.do
    assert second.why.startswith("1 label lies far from a sure answer for a frame learnt from; first 'snout'")
    assert found.needs_labels == ""
    assert found.labels_or_minutes.startswith("Until mirrored pictures show each point under its own name")


@pytest.mark.parametrize(
    ("measured", "kind"),
    [
        (replace(MIXED, exchanges=(replace(EARS, learnt=0.4),)), "mirrored"),
        (replace(MIXED, exchanges=(replace(EARS, learnt=0.4),), train_median_px=5.0, pictures=5_000), "mirrored"),
        (replace(MIXED, mirrored=(("ear_1", "paw"),)), "mirrored"),
        (replace(MIXED, mirrored=(("ear_2", "ear_1"),)), "exchanged"),
        (replace(MIXED, mirrored=(("ear_2", "ear_1"),), exchanges=(replace(EARS, learnt=0.4),)), "other names"),
        (replace(MIXED, mirrored=None), "exchanged"),
        (replace(MIXED, exchanges=(replace(EARS, alike=False),)), "exchanged"),
    ],
    ids=[
        "in many frames",
        "after few pictures",
        "another pair",
        "a known pair",
        "a known pair, unclear",
        "not mirrored",
        "no mirror images",
    ],
)
def test_labels_are_exchanged_where_mirroring_cannot_be_the_cause(measured: Measurements, kind: str) -> None:
    assert verdict(measured, PLACE).steps[0].kind == kind


@pytest.mark.parametrize(
    ("measured", "alone"),
    [
        (replace(MIXED, falling=0.2), "too short"),
        (seen_at(3.0, replace(MIXED, train_median_px=4.4, median_px=5.4, mean_px=6.0)), "resolution"),
    ],
    ids=["still falling", "seen coarsely"],
)
def test_what_the_next_training_shows_is_not_said_beside_mirroring(measured: Measurements, alone: str) -> None:
    assert alone in [step.kind for step in verdict(replace(measured, exchanges=()), PLACE).steps]
    assert [step.kind for step in verdict(measured, PLACE).steps] == ["mirrored"]


def test_mirroring_is_not_the_fault_of_a_network_that_hardly_looks_at_its_images() -> None:
    blind = replace(MIXED, train_mean_px=100.0, train_median_px=90.0, median_px=90.0, mean_px=100.0)
    assert verdict(blind, PLACE).steps[0].kind == "learnt nothing"
    assert "mirrored" not in [step.kind for step in verdict(blind, PLACE).steps]


def test_every_pair_is_named_once_beside_those_that_were_asked_for() -> None:
    paws = replace(EARS, first="paw_1", second="paw_2", frames=9)
    across = replace(EARS, first="ear_1", second="paw_2", frames=4)
    asked = replace(PLACE, fit_options=("--pairs", "eye_a:eye_b", "ear_1:snout", "--seed", "3"))
    [step] = verdict(replace(MIXED, exchanges=(EARS, paws, across)), asked).steps
    assert step.command == (
        "trainer fit --data mouse --out models/mine-paired --seed 3 --pairs eye_a:eye_b ear_1:ear_2 paw_1:paw_2 --minutes 5"
    )


def test_a_few_frames_that_mirroring_mixed_leave_a_good_training_good() -> None:
    few = replace(GOOD, mirrored=(), exchanges=(replace(EARS, learnt=0.02, frames=3),))
    found = verdict(few, PLACE)
    assert found.sentence.startswith("Good")
    assert [step.kind for step in found.steps] == ["mirrored", "good"]
    assert [step.kind for step in verdict(replace(few, mirrored=None), PLACE).steps] == ["single labels", "good"]


def test_a_video_is_said_to_have_other_names_only_of_points_that_mirroring_has_not_mixed() -> None:
    of_ears = OtherNames(group="tuesday", pairs=(("ear_1", "ear_2"), ("ear_2", "ear_1")), frames=23)
    of_tail = replace(of_ears, pairs=(("ear_1", "ear_2"), ("snout", "tail"), ("tail", "snout")))
    assert [step.kind for step in verdict(replace(MIXED, other_names=(of_ears,)), PLACE).steps] == ["mirrored"]
    both = verdict(replace(MIXED, other_names=(of_tail,), points=(point("snout"), point("tail"))), PLACE)
    assert [step.kind for step in both.steps] == ["mirrored", "other names"]
    assert "ear" not in both.steps[1].command
    alone = verdict(replace(GOOD, mirrored=(), other_names=(of_ears,)), PLACE)
    assert alone.steps[0].kind == "other names", "found for one video, and in no frame learnt from"


@pytest.mark.parametrize(
    ("names", "one", "other", "alike"),
    [(("snout", "ear_1", "ear_2", "tail"), 1, 2, True), (("snout", "ear_1", "ear_2", "tail"), 0, 3, False)],
    ids=["ears", "both ends"],
)
def test_points_of_which_one_is_the_mirror_image_of_the_other_lie_alike(
    names: tuple[str, ...], one: int, other: int, *, alike: bool, tmp_path: Path
) -> None:
    frames = noise_frames(tmp_path, 12, names=names)
    points = np.tile(ANIMAL, (12, 1, 1, 1)) + np.random.default_rng(0).normal(0, 0.5, (12, 1, 4, 2))
    points[3:5, 0, 0] = np.nan
    answers = scored_with(replace(frames, points=points), np.zeros((12, 4)))
    labels = points.copy()
    labels[6:9, :, [one, other]] = labels[6:9, :, [other, one]]
    train = replace(answers, frames=replace(frames, points=labels), errors=replace(answers.errors, true_px=labels))
    about = Circumstances(
        labels=train.frames,
        radii=Radii(px=(2.0,) * 4, source="as given"),
        augmentation=Augmentation(flip=0.5, rotation_deg=180, pairs=(), two_views=False),
    )
    found = measure(train, None, about)
    assert [(names.index(pair.first), names.index(pair.second), pair.alike) for pair in found.exchanges] == [(one, other, alike)]
    assert found.mirrored == ()
    section, two = fault_section(found, train, None), f"{names[one]} and {names[other]}"
    assert ("did not change places in them: their names do not say which is left and which is right" in section) == alike
    assert ("answers otherwise" in section) != alike
    assert (f"<h2>Mirrored under their own names: {two}</h2>" in section) == alike
    assert (f"<h2>Exchanged: {two}</h2>" in section) != alike
    assert (f"Frames with {two} exchanged" in section) != alike


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    first: dict[str, Any] = json.loads(capsys.readouterr().out)["verdict"]["next"][0]
    return first


def test_a_training_and_its_later_scores_know_whether_images_were_mirrored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two points without others may be mirror images; these labels are exchanged in every fifth frame."""
    frames = labelled(tmp_path, 40)
    points = frames.points.copy()
    points[::5] = points[::5, :, ::-1]
    data = as_csv(tmp_path, replace(frames, points=points))
    length = ["--epochs", "1", "--batch", "8", "--batches", "110", "--learning-rate", "3e-3", "--averaging", "0.95", "--rotation", "30"]
    of = ["--data", str(data)]
    for flip, kind in (("--flip", "mirrored"), ("--no-flip", "exchanged")):
        bundle = str(tmp_path / f"bars{flip}")
        made = run(capsys, "fit", *of, "--out", bundle, flip, *length, "--device", "cpu", "--workers", "0", "--precision", "32")
        assert made["kind"] == kind
        assert run(capsys, "evaluate", bundle, *of)["kind"] == kind
        assert (" --pairs head:tail " in made["command"]) == (kind == "mirrored")
