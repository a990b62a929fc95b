"""What the legends of a figure say, and that they hide nothing."""

from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text


def names_beside_axes(figure: Figure) -> list[str]:
    """The names in all legends, which lie inside the figure and overlap neither axes, its title, nor each other."""
    figure.draw_without_rendering()
    legends = figure.findobj(Legend)
    assert legends
    for place, legend in enumerate(legends):
        taken = legend.get_window_extent()
        beside = [other.get_tightbbox() for other in [*figure.axes, *legends[:place], *figure.findobj(_title)]]
        assert not [box for box in beside if box is not None and taken.overlaps(box)]
        assert figure.bbox.x0 <= taken.x0 <= taken.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= taken.y0 <= taken.y1 <= figure.bbox.y1
    return [text.get_text() for legend in legends for text in legend.get_texts()]


def _title(artist: object) -> bool:
    return isinstance(artist, Text) and artist is getattr(artist.figure, "_suptitle", None)
