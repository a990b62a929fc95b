"""Colours of what is drawn: twenty for key points and animals, and those of text and warnings. RGB, 0..255."""

Colour = tuple[int, int, int]

# Okabe and Ito's palette without its black, then thirteen more, each the farthest from all before in CIELAB, the nearer of
# plain sight and twice the distance that is left with protanopia and deuteranopia (Machado 2009). Nearest two: 26 seen plainly,
# 13 without red or green cones. The second ten also carry a dark dot, so that colour is not all that tells them apart.
PALETTE: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (240, 228, 66),
    (204, 121, 167),
    (0, 158, 115),
    (213, 94, 0),
    (0, 114, 178),
    (128, 0, 255),
    (0, 255, 128),
    (255, 0, 96),
    (160, 128, 255),
    (0, 255, 255),
    (192, 255, 192),
    (128, 96, 64),
    (192, 0, 128),
    (160, 160, 64),
    (96, 64, 224),
    (255, 192, 192),
    (224, 0, 192),
    (192, 0, 0),
)
DOTTED_FROM = 10
WHITE: Colour = (255, 255, 255)
PALE: Colour = (190, 190, 190)
AMBER: Colour = (255, 190, 60)
YELLOW: Colour = (255, 225, 90)
RED: Colour = (190, 20, 20)
ORANGE: Colour = (176, 96, 0)
DARK: Colour = (18, 18, 20)
PANEL: Colour = (34, 34, 38)


def colour_of(index: int) -> Colour:
    """The colour of a key point or animal; repeats after twenty."""
    return PALETTE[index % len(PALETTE)]


def dotted(index: int) -> bool:
    """Whether a disc of this colour carries a dark dot."""
    return index % len(PALETTE) >= DOTTED_FROM
