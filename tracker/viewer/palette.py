"""Colours of text and warnings over pictures. RGB, 0..255; those of key points are in `tracker.point_colours`."""

from tracker.point_colours import Colour

WHITE: Colour = (255, 255, 255)
PALE: Colour = (190, 190, 190)
AMBER: Colour = (255, 190, 60)
YELLOW: Colour = (255, 225, 90)
RED: Colour = (190, 20, 20)
ORANGE: Colour = (176, 96, 0)
DARK: Colour = (18, 18, 20)
PANEL: Colour = (34, 34, 38)
