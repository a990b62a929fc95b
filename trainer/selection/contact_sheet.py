"""A contact sheet: the chosen frames side by side, each with its number, its time and why it was chosen."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from trainer.project.files import replace_file

TILE_WIDTH = 240  # px
MOST_TILES = 200  # on one sheet, which then has about 3600 × 3200 px
MARGIN = 8
LINE = 17
FONT_SIZE = 13
INK, PALE, PAPER = (20, 20, 20), (110, 110, 110), (255, 255, 255)

Font = PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One frame on the sheet.

    Attributes:
        image: its file.
        lines: what stands below it; the first line in black, the others in grey.
    """

    image: Path
    lines: tuple[str, ...]


def write_contact_sheet(path: Path, tiles: Sequence[Tile], *, title: str) -> None:
    """Draw the tiles in rows and write them as one PNG; of too many, some at equal distances.

    Raises:
        ProjectError: it cannot be written.
        OSError: an image cannot be read.
    """
    shown = tiles if len(tiles) <= MOST_TILES else [tiles[place * len(tiles) // MOST_TILES] for place in range(MOST_TILES)]
    if len(shown) < len(tiles):
        title += f", {len(shown)} of them shown"
    pictures = [_shrunk(tile.image) for tile in shown]
    font = PIL.ImageFont.load_default(FONT_SIZE)
    columns = max(1, min(len(shown), math.ceil(math.sqrt(1.2 * len(shown)))))
    step_x, step_y = TILE_WIDTH + MARGIN, _caption(shown) + max(picture.height for picture in pictures) + MARGIN
    head = LINE + 2 * MARGIN
    sheet = PIL.Image.new("RGB", (MARGIN + columns * step_x, head + -(-len(shown) // columns) * step_y), PAPER)
    draw = PIL.ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), _fitted(title, font, sheet.width - 2 * MARGIN), fill=INK, font=font)
    for place, (tile, picture) in enumerate(zip(shown, pictures, strict=True)):
        left, top = MARGIN + place % columns * step_x, head + place // columns * step_y
        sheet.paste(picture, (left, top))
        for row, text in enumerate(tile.lines):
            below = top + picture.height + row * LINE + 1
            draw.text((left, below), _fitted(text, font, TILE_WIDTH), fill=PALE if row else INK, font=font)
    _write(path, sheet)


def _caption(tiles: Sequence[Tile]) -> int:
    return LINE * max(len(tile.lines) for tile in tiles)


def _shrunk(path: Path) -> PIL.Image.Image:
    with PIL.Image.open(path) as picture:
        height = max(1, round(picture.height * TILE_WIDTH / picture.width))
        return picture.convert("RGB").resize((TILE_WIDTH, height), PIL.Image.Resampling.BOX if picture.width > TILE_WIDTH else None)


def _fitted(text: str, font: Font, width: int) -> str:
    """As much of a text as fits, with dots for what does not."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _write(path: Path, sheet: PIL.Image.Image) -> None:
    content = io.BytesIO()
    sheet.save(content, "PNG")
    replace_file(path, content.getvalue())
