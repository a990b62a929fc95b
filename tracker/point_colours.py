"""The colours of key points and animals, in their order in the bundle: one list for every picture, page and report. RGB, 0..255."""

Colour = tuple[int, int, int]

# Okabe and Ito's palette (2008) without its black, then more, each the farthest from all before in CIELAB, the nearer of plain sight
# and twice the distance that is left with protanopia and deuteranopia (Machado, Oliveira and Fernandes 2009). Nearest two of the
# first twenty: 26 seen plainly, 13 without red or green cones; of all sixty: 14 and 7. Every second ten also carry a dark dot where
# they are drawn as discs, so that colour is not all that tells them apart.
POINT_COLOURS: tuple[Colour, ...] = (
    (230, 159, 0), (86, 180, 233), (240, 228, 66), (204, 121, 167), (0, 158, 115),
    (213, 94, 0), (0, 114, 178), (128, 0, 255), (0, 255, 128), (255, 0, 96),
    (160, 128, 255), (0, 255, 255), (192, 255, 192), (128, 96, 64), (192, 0, 128),
    (160, 160, 64), (96, 64, 224), (255, 192, 192), (224, 0, 192), (192, 0, 0),
    (224, 255, 0), (64, 224, 255), (255, 160, 96), (160, 192, 128), (255, 128, 160),
    (160, 64, 96), (64, 96, 128), (160, 160, 255), (192, 96, 96), (128, 255, 160),
    (192, 255, 96), (0, 192, 192), (160, 32, 160), (192, 64, 255), (160, 0, 192),
    (96, 96, 0), (0, 160, 0), (128, 255, 224), (255, 192, 96), (255, 96, 224),
    (160, 224, 224), (224, 192, 160), (192, 96, 64), (160, 96, 160), (160, 192, 32),
    (192, 96, 224), (96, 96, 224), (255, 64, 128), (128, 64, 255), (255, 128, 224),
    (255, 128, 192), (255, 160, 128), (255, 128, 96), (64, 192, 160), (255, 96, 64),
    (255, 224, 128), (224, 0, 160), (0, 128, 255), (160, 96, 192), (0, 128, 160),
)  # fmt: skip


def colour_of(index: int) -> Colour:
    """The colour of a key point or animal; repeats after sixty."""
    return POINT_COLOURS[index % len(POINT_COLOURS)]


def hex_colour(index: int) -> str:
    """The same as pages and plots write it: "#e69f00"."""
    return "#" + bytes(colour_of(index)).hex()


def dotted(index: int) -> bool:
    """Whether a disc of this colour carries a dark dot."""
    return index // 10 % 2 == 1
