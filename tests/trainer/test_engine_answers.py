"""What an engine's answers for changed copies of a frame are compared with."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import pytest

import tracker.engines.openvino.engine  # noqa: F401  (its import starts a thread of the library's own; here, before a test counts threads)
from tracker.bundle import read_bundle
from tracker.bundle_description import Augmentation
from trainer.scoring.engine_choice import EngineChoice, open_chosen
from trainer.selection.candidates import Candidates
from trainer.selection.duplicates import Known, Sieve
from trainer.selection.engine_answers import AnswerCollector, EngineAnswers, moves
from trainer.selection.preference import choose
from trainer.selection.thumbnail import Grey
from trainer.selection.uncertainty import by_uncertainty

CPU = EngineChoice(runtime="openvino", precision="fp32", threads=1, gpu=0)


@pytest.fixture
def answers(tmp_path: Path, make_bundle: Callable[..., Path]) -> list[EngineAnswers]:
    """Of a brightest pixel at (70, 40) and then at (73, 44), where it is hidden from the shifted copy: 204 of 255 bright."""
    bundle = read_bundle(make_bundle(tmp_path / "bundle", height=96, width=128))
    with closing(open_chosen(bundle, CPU, console=None)) as engine:
        collector = AnswerCollector(bundle, engine)
        before = None
        for number, (x, y) in enumerate([(70, 40), (73, 44), (125, 44)]):
            image = np.zeros((96, 128), np.uint8)
            image[y, x], image[44, 60] = 204, 100
            collector.examine(number, image, before)
            before = image
    return [collector.by_number[number] for number in range(3)]


def test_an_engine_that_follows_every_copy_does_not_disagree_with_itself(answers: list[EngineAnswers]) -> None:
    assert answers[0].points.tolist() == [[[70, 40, pytest.approx(0.8)]]]
    assert answers[0].spread_px.tolist() == answers[1].spread_px.tolist() == [[0]]


def test_an_answer_that_one_copy_of_four_changes_has_half_its_distance_as_spread(answers: list[EngineAnswers]) -> None:
    """The pixel leaves the shifted copy; there the engine says (60, 44), which is 65 px away: the root mean square of 0, 65, 0, 0."""
    assert answers[2].spread_px.tolist() == [[pytest.approx(65 / 2)]]


def test_a_step_is_measured_from_the_frame_before(answers: list[EngineAnswers]) -> None:
    assert answers[0].before is None
    assert answers[1].before is not None
    assert moves(answers[1].before, answers[1].points).tolist() == [[5]]


def test_animals_in_another_order_have_not_moved() -> None:
    one = np.array([[[10, 10, 1]], [[50, 50, 1]]], np.float32)
    assert moves(one, one[::-1]).tolist() == [[0], [0]]


def test_a_missing_point_makes_no_step() -> None:
    one = np.array([[[10, 10, 1]]], np.float32)
    missing = np.array([[[np.nan, np.nan, 0]]], np.float32)
    assert moves(one, missing).tolist() == moves(missing, one).tolist() == [[0]]


def candidates_of(looks: Grey) -> Candidates:
    """A video of 25 frames a second with these thumbnails."""
    count = len(looks)
    still = np.zeros(count, np.float32)
    return Candidates(
        numbers=np.arange(count),
        seconds=np.arange(count) / 25,
        thumbnails=looks,
        motion=still,
        change=still,
        noise=still,
        stamps=np.arange(count),
        step=1,
        whole=True,
    )


def sieve_of(candidates: Candidates, *, count: int) -> Sieve:
    known = Known(numbers=np.empty(0, np.int64), thumbnails=np.empty((0, candidates.thumbnails.shape[1]), np.float32))
    return Sieve(candidates, known, count=count, alike=None)


def test_a_point_that_is_never_there_takes_no_more_frames_than_others() -> None:
    """Six points; 'tongue' is absent throughout: never sure, never in one place. Others are unsure, or jump, in a few frames each."""
    names = ("snout", "tongue", "ear", "paw", "hip", "tail")
    rng = np.random.default_rng(0)
    points = np.tile(np.array([50.0, 50.0, 0.95], np.float32), (200, 1, 6, 1))
    points[:, 0, 1] = np.stack([*(rng.uniform(0, 300, (2, 200))), rng.uniform(0.02, 0.1, 200)], axis=1)
    for frame, point in ((20, 0), (60, 2), (100, 3), (140, 4), (180, 5)):
        points[frame, 0, point, 2] = 0.3
    spread = np.where(np.arange(6) == 1, rng.uniform(20, 80, (200, 6)), 0.1)[:, None]
    answers = [
        EngineAnswers(points=points[number], before=points[number - 1] if number else None, spread_px=spread[number])
        for number in range(200)
    ]
    looks = np.zeros((200, 12), np.float32)
    candidates = candidates_of(looks)
    preference = by_uncertainty(candidates, np.arange(200), answers=answers, point_names=names, count=6)
    chosen = choose(preference, sieve_of(candidates, count=6), 6)
    told = [preference.reason(index).detail for index in chosen]
    assert {20, 60, 100, 140, 180} <= set(chosen), told
    assert sum("tongue" in one for one in told) <= 1, told


def test_every_uncertain_point_has_a_frame_before_a_second_sign_of_one_point() -> None:
    """The snout shows all three signs, each far beyond its limit; the ear and the paw are a little unsure, in a frame each."""
    points = np.tile(np.array([50.0, 50.0, 0.95], np.float32), (200, 1, 3, 1))
    points[20, 0, 0, 2], points[60, 0, 0, 0], spread = 0.01, 300.0, np.full((200, 1, 3), 0.1)
    spread[100, 0, 0] = 90.0
    points[140, 0, 1, 2] = points[180, 0, 2, 2] = 0.4
    answers = [
        EngineAnswers(points=points[number], before=points[number - 1] if number else None, spread_px=spread[number])
        for number in range(200)
    ]
    candidates = candidates_of(np.zeros((200, 12), np.float32))
    preference = by_uncertainty(candidates, np.arange(200), answers=answers, point_names=("snout", "ear", "paw"), count=3)
    told = [preference.reason(index).detail.split()[0] for index in choose(preference, sieve_of(candidates, count=3), 3)]
    assert sorted(told) == ["ear", "paw", "snout"]


def test_uncertain_frames_of_every_look_are_taken_before_a_second_of_one() -> None:
    """One point is unsure in half of all frames; those of the first scene are the least sure, and all alike."""
    points = np.tile(np.array([50.0, 50.0, 0.95], np.float32), (200, 1, 1, 1))
    points[::2, 0, 0, 2] = 0.4
    points[:100:2, 0, 0, 2] = 0.2
    answers = [EngineAnswers(points=one, before=None, spread_px=np.zeros((1, 1))) for one in points]
    scene = np.repeat([0, 1, 2, 3], [100, 34, 33, 33])
    looks = np.eye(4, 12, dtype=np.float32)[scene] * 200
    candidates = candidates_of(looks)
    preference = by_uncertainty(candidates, np.arange(200), answers=answers, point_names=("snout",), count=4)
    chosen = choose(preference, sieve_of(candidates, count=4), 4)
    assert sorted(scene[chosen].tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize(("flip", "copies"), [(0.5, 4), (0.0, 3)], ids=["learnt", "not learnt"])
def test_a_mirrored_copy_is_shown_only_to_a_network_that_learnt_from_such(
    flip: float, copies: int, tmp_path: Path, make_bundle: Callable[..., Path]
) -> None:
    """As above, one copy of so many gives an answer 65 px away."""
    made = read_bundle(make_bundle(tmp_path / "bundle", height=96, width=128))
    learnt = Augmentation(flip=flip, rotation_deg=10.0, pairs=(), two_views=False)
    training = msgspec.structs.replace(made.description.training, augmentation=learnt)
    bundle = msgspec.structs.replace(made, description=msgspec.structs.replace(made.description, training=training))
    image = np.zeros((96, 128), np.uint8)
    image[44, 125], image[44, 60] = 204, 100
    with closing(open_chosen(bundle, CPU, console=None)) as engine:
        collector = AnswerCollector(bundle, engine)
        collector.examine(0, image, None)
    assert collector.by_number[0].spread_px.tolist() == [[pytest.approx(65 / copies**0.5)]]
