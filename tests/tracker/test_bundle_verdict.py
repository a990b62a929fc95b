"""What the tracker knows of how good a bundle is."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.conftest import BundleMaker
from tests.tracker.trained_bundle import note_training
from tracker.bundle import read_bundle
from tracker.bundle_verdict import quality


def test_a_verdict_that_is_good_but_for_single_labels_speaks_for_the_bundle(tmp_path: Path, make_bundle: BundleMaker) -> None:
    steps = [("single labels", "Good: 1.06 px."), ("good", "Good: 1.06 px."), ("too short", "It was short.")]
    known = quality(read_bundle(note_training(make_bundle(tmp_path / "mine"), verdict=steps, median_px=1.06)))
    assert (known.good, known.words) == (True, "1.06 px on 20 held-out frames; verdict of its training: Good: 1.06 px")


def test_a_verdict_speaks_against_a_bundle_whatever_its_median_is(tmp_path: Path, make_bundle: BundleMaker) -> None:
    steps = [("other names", "Other names: in nearly all 10 frames of 'monday'."), ("too short", "It was short.")]
    known = quality(read_bundle(note_training(make_bundle(tmp_path / "mine"), verdict=steps, median_px=1.16)))
    assert not known.good
    assert known.verdict == (
        "verdict of its training: Other names: in nearly all 10 frames of 'monday'; the report beside it says what to do next"
    )


@pytest.mark.parametrize(
    "figures",
    [
        None,
        "no JSON",
        json.dumps([]),
        json.dumps({"created": "2026-01-01T00:00:00Z", "verdict": None}),
        json.dumps({"created": "1999", "verdict": {"next": [{"kind": "good", "why": "Good."}]}}),
    ],
    ids=["none", "damaged", "others", "without a verdict", "of another training"],
)
def test_without_a_verdict_of_its_training_a_bundle_is_judged_by_its_error(
    figures: str | None, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    bundle = note_training(make_bundle(tmp_path / "mine"), median_px=56.8)
    if figures is not None:
        (bundle / "metrics.json").write_text(figures)
    assert quality(read_bundle(bundle)).verdict == (
        "half of its answers there are 56.80 px or more off, where 2.3 px count as right; train it again before you rely on it"
    )
    note_training(bundle, median_px=1.2)
    known = quality(read_bundle(bundle))
    assert (known.good, known.words) == (True, "1.20 px on 20 held-out frames")


def test_an_error_within_the_largest_distance_that_counts_as_right_speaks_against_no_bundle(
    tmp_path: Path, make_bundle: BundleMaker
) -> None:
    """The median is over all points: those that are judged by less may have had the smaller errors."""
    bundle = read_bundle(note_training(make_bundle(tmp_path / "mine"), median_px=3.0))
    for radii, good in (((6.0, 2.3), True), ((2.9, 2.3), False)):
        about = replace(bundle.description, point_names=("snout", "tail"), correct_within_px=radii)
        assert quality(replace(bundle, description=about)).good is good


def test_a_sentence_from_outside_stays_on_one_line(tmp_path: Path, make_bundle: BundleMaker) -> None:
    bundle = note_training(make_bundle(tmp_path / "mine"), verdict=[("lost", "one\ntwo\x1b[2J")], median_px=1.0)
    assert "one\\ntwo\\x1b[2J" in quality(read_bundle(bundle)).verdict
