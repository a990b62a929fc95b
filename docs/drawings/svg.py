"""SVG pictures made of boxes, arrows and text. They stand alone: no script, no font of their own, legible on light and dark pages."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field

INK, GREY, LINE, PAPER = "#1f2430", "#5b6472", "#8a93a3", "#ffffff"
BLUE, GREEN, SAND, ROSE, PALE = "#dbe9f8", "#dcefdf", "#f7ecd0", "#f6dfe3", "#f2f4f7"
LETTER = 0.56  # mean width of a letter, in font sizes; of sans-serif fonts
Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle; x, y is its upper left corner, all in px."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> Point:
        """Middle of the left side."""
        return self.x, self.y + self.height / 2

    @property
    def right(self) -> Point:
        """Middle of the right side."""
        return self.x + self.width, self.y + self.height / 2

    @property
    def top(self) -> Point:
        """Middle of the upper side."""
        return self.x + self.width / 2, self.y

    @property
    def bottom(self) -> Point:
        """Middle of the lower side."""
        return self.x + self.width / 2, self.y + self.height


@dataclass(slots=True)
class Drawing:
    """Elements in the order in which they are drawn."""

    width: float
    height: float
    title: str
    parts: list[str] = field(default_factory=list)

    def box(self, box: Box, lines: Sequence[str] = (), *, fill: str = PALE, size: float = 12.5, edge: str = LINE) -> Box:
        """A rounded rectangle with centred lines of text, the first one bold."""
        self.parts.append(
            f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="6" fill="{fill}" stroke="{edge}"/>'
        )
        step = 1.3 * size
        y = box.y + box.height / 2 - step * (len(lines) - 1) / 2 + 0.35 * size
        for row, line in enumerate(lines):
            self.text((box.x + box.width / 2, y + row * step), line, size=size if row == 0 else size - 1.5, bold=row == 0)
        return box

    def text(self, at: Point, line: str, *, size: float = 12, bold: bool = False, colour: str = INK, anchor: str = "middle") -> None:
        """One line; `at` is on its base line."""
        weight = ' font-weight="600"' if bold else ""
        where = f'x="{at[0]:g}" y="{at[1]:g}" text-anchor="{anchor}"'
        self.parts.append(f'<text {where} font-size="{size:g}" fill="{colour}"{weight}>{html.escape(line)}</text>')

    def arrow(self, *points: Point, dashed: bool = False) -> None:
        """A line through all points with a head at the last."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{GREY}" stroke-width="1.5"{dashes} marker-end="url(#head)"/>')

    def __str__(self) -> str:
        """The whole file."""
        size = f'width="{self.width:g}" height="{self.height:g}" viewBox="0 0 {self.width:g} {self.height:g}"'
        head = (
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            f'<path d="M0 0 8 4 0 8z" fill="{GREY}"/></marker></defs>'
        )
        return "\n".join(
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="system-ui, DejaVu Sans, Arial, sans-serif">',
                f"<title>{html.escape(self.title)}</title>",
                head,
                f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>',
                *self.parts,
                "</svg>\n",
            )
        )


def text_width(line: str, size: float) -> float:
    """About how wide a line is, px."""
    return LETTER * size * len(line)
