"""Which of a model's bouts a person is shown first, and where they come from."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.behaviour_scores.probability_file import probabilities_csv
from trainer.errors import LabelError
from trainer.timeline.labelled_videos import LabelledVideo
from trainer.timeline.model_answers import Answer, read_tables
from trainer.timeline.offers import binary_entropy, rank_offers


def answer(probabilities: NDArray[np.float64], *, model: str = "net") -> Answer:
    values = np.asarray(probabilities, np.float32)[:, None]
    return Answer(model=model, class_names=("groom",), probabilities=values, said=values > 0.5)


def steps(*levels: tuple[int, float]) -> NDArray[np.float64]:
    return np.concatenate([np.full(length, level) for length, level in levels])


def test_entropy_is_one_bit_at_a_half_and_none_where_it_is_certain() -> None:
    np.testing.assert_allclose(binary_entropy(np.array([0.5, 0.0, 1.0, 0.25])), [1, 0, 0, 0.8112781], atol=1e-6)


def test_the_less_sure_bout_comes_first() -> None:
    offers = rank_offers({"a": [answer(steps((30, 0.01), (30, 0.99), (30, 0.01), (30, 0.6), (30, 0.01)))]})
    assert [(offer.first, offer.end) for offer in offers] == [(90, 120), (30, 60)]
    assert offers[0].reason == "unsure"
    assert offers[0].confidence == pytest.approx(0.6)


def test_a_bout_whose_edges_are_unsure_comes_before_one_with_sharp_edges() -> None:
    ramp = np.linspace(0.3, 0.7, 20)
    offers = rank_offers({"a": [answer(np.concatenate([steps((40, 0.01), (60, 0.99), (40, 0.01)), ramp, steps((60, 0.99)), ramp[::-1]]))]})
    assert offers[0].first > 140
    assert offers[0].edges > offers[1].edges == 0


def test_a_bout_that_only_one_model_sees_comes_first() -> None:
    one, other = steps((30, 0.02), (30, 0.98), (40, 0.02), (30, 0.98)), steps((30, 0.02), (30, 0.98), (70, 0.02))
    offers = rank_offers({"a": [answer(one), answer(other, model="second")]})
    assert [(offer.first, offer.disagreement) for offer in offers] == [(100, 1.0), (30, 0.0)]
    assert offers[0].reason == "models differ"


def test_offers_come_from_all_videos_in_turn() -> None:
    unsure, sure = steps((9, 0.1), (9, 0.6), (9, 0.1), (9, 0.7), (9, 0.1)), steps((9, 0.0), (9, 0.99), (9, 0.0), (9, 0.95), (9, 0.0))
    offers = rank_offers({"a": [answer(unsure)], "b": [answer(sure)]})
    assert [offer.video for offer in offers] == ["a", "b", "a", "b"]


def test_frames_without_an_answer_count_for_no_model() -> None:
    silent = steps((20, np.nan), (20, 0.9), (20, 0.1))
    offers = rank_offers({"a": [answer(silent), answer(steps((20, 0.1), (20, 0.9), (20, 0.1)), model="second")]})
    assert [(offer.first, offer.end, offer.disagreement) for offer in offers] == [(20, 40, 0.0)]


def test_the_likeliest_of_classes_that_exclude_each_other_is_on_below_a_half(tmp_path: Path) -> None:
    video = LabelledVideo(name="film", title="film.mkv", path=None, tracks=None, frames=2, fps=25.0)
    probabilities = np.array([[0.4, 0.35], [0.2, 0.3]], np.float32)
    (tmp_path / "film.csv").write_bytes(probabilities_csv(probabilities, ("groom", "rear"), exclusive=False))
    [one] = read_tables([tmp_path], [video], exclusive=True, say=lambda _: None)["film"]
    assert one.said.tolist() == [[True, False], [False, False]]
    [loose] = read_tables([tmp_path], [video], exclusive=False, say=lambda _: None)["film"]
    assert not loose.said.any()


def test_a_table_of_another_length_and_a_folder_without_any_are_refused(tmp_path: Path) -> None:
    video = LabelledVideo(name="film", title="film.mkv", path=None, tracks=None, frames=40, fps=25.0)
    with pytest.raises(LabelError, match=r"holds probabilities of none of the videos; expected film\.csv"):
        read_tables([tmp_path], [video], exclusive=True, say=lambda _: None)
    (tmp_path / "film.csv").write_bytes(probabilities_csv(np.zeros((39, 1), np.float32), ("groom",), exclusive=False))
    with pytest.raises(LabelError, match=r"film\.csv: holds 39 frames, film\.mkv has 40"):
        read_tables([tmp_path], [video], exclusive=True, say=lambda _: None)
