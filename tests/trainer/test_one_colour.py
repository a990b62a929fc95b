"""A key point has the colour of the live picture on the labelling page, in reports and in drawn videos too."""

from pathlib import Path

import numpy as np
import pytest

from tracker.point_colours import colour_of, hex_colour
from trainer.labelling.annotation_session import names_of
from trainer.project.store import create_project
from trainer.reports.plot_style import point_colours
from trainer.videos.labels_alone import draw_labels

COUNT = 25
NAMES = tuple(f"point {place}" for place in range(COUNT))
COLOURS = [hex_colour(place) for place in range(COUNT)]


def test_a_report_draws_key_points_in_the_colours_of_the_live_picture() -> None:
    assert point_colours(COUNT) == COLOURS


@pytest.mark.parametrize(("animals", "told"), [(1, COUNT), (30, 30)])
def test_the_labelling_page_is_told_the_colours_by_its_server(tmp_path: Path, animals: int, told: int) -> None:
    project = create_project(tmp_path / "p", point_names=NAMES, animals=animals)
    assert names_of(project)["colours"] == [hex_colour(place) for place in range(told)]


def test_a_drawn_label_has_the_colour_of_its_point_and_so_has_the_legend() -> None:
    places = np.array([[40.0 + 30 * place, 700.0] for place in range(COUNT)])
    drawn = draw_labels(np.zeros((900, 900), np.uint8), places, NAMES)
    assert [tuple(drawn[700, round(x)].tolist()) for x, _ in places] == [colour_of(place) for place in range(COUNT)]
    assert all((drawn[:690, :] == colour_of(place)).all(axis=2).any() for place in range(COUNT))
