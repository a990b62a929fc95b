"""Reports of many points with long names: nothing is cut off at the window's edge, nothing is written over its neighbour."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from tests.trainer.chromium import Chromium
from tracker.pages.document import page, picture, table, text
from trainer.reports.plot_style import DPI, WIDTH, lines_of, png

NAMES = [f"{side}_{part}_metacarpophalangeal_joint" for side in ("left", "right") for part in ("forepaw", "hindpaw", "elbow", "knee")]
HEAD = ["", "labels learnt from", "held out", "median", "training", "bias x", "bias y", "at the border", "error there", "counts as right"]
COMMAND = "trainer fit --data project --out models/mine-longer " + " ".join(f"--hold-out session-{number}" for number in range(20))


def test_a_wide_table_or_picture_fits_the_window_or_scrolls_to_its_end(browser: Chromium, tmp_path: Path) -> None:
    rows = [[name, *["1234.56"] * (len(HEAD) - 1)] for name in NAMES]
    drawn = png(Figure(figsize=(WIDTH, 2), dpi=DPI))
    parts = [table(HEAD, rows, kind="figures"), f"<pre><code>{text(COMMAND)}</code></pre>", picture(drawn, "nothing")]
    (tmp_path / "report.html").write_text(page("wide", parts, kind="report", footer="end"))
    for width, fits in ((1200, True), (500, False)):
        tab = browser.open(f"file://{tmp_path}/report.html", width=width)
        tab.wait("document.readyState === 'complete' && document.querySelector('footer') !== null")
        assert tab.value("document.documentElement.scrollWidth <= innerWidth")
        assert tab.value("document.querySelector('pre').scrollWidth <= document.querySelector('pre').clientWidth")
        assert tab.value("(s => s.scrollWidth <= s.clientWidth)(document.querySelector('.scroll'))") == fits
        assert tab.value("document.querySelector('img').width") >= 0.65 * WIDTH * DPI, "smaller letters cannot be read"
        for scrolls in (".scroll", "figure"):
            tab.value(f"document.querySelector('{scrolls}').scrollLeft = 1e5")
        edge = "(e => e.getBoundingClientRect().right <= innerWidth)"
        assert tab.value(f"{edge}(document.querySelector('tbody tr td:last-child'))")
        assert tab.value(f"{edge}(document.querySelector('img'))")
        assert not tab.errors()


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("snout", "snout"),
        ("", ""),
        ("left_forepaw_metacarpophalangeal_joint", "left_forepaw_\nmetacarpophalangeal_\njoint"),
        ("x" * 50, f"{'x' * 22}\n{'x' * 22}\n{'x' * 6}"),
        ("tail base  1.3 px", "tail base  1.3 px"),
    ],
)
def test_a_long_name_is_broken_where_it_can_be(name: str, lines: str) -> None:
    assert lines_of(name, 22) == lines
