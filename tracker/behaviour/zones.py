"""How deep a place lies inside a polygon or circle. Plain floats: the same bits on every machine, and faster than arrays for one place."""

import math
from collections.abc import Callable

from tracker.config_rules import Circle, Polygon, Zone
from tracker.errors import ConfigError

Depth = Callable[[float, float], float]  # (x, y) to the distance from the edge: positive inside, negative outside


def depth_in(zone: Zone) -> Depth:
    """Prepare a zone.

    Raises:
        ConfigError: a corner, centre or radius is not finite, or the polygon's corners are all one place.
    """
    return _circle(zone) if isinstance(zone, Circle) else _polygon(zone)


def _circle(zone: Circle) -> Depth:
    (centre_x, centre_y), radius = zone.centre, zone.radius
    if not all(map(math.isfinite, (centre_x, centre_y, radius))):
        raise ConfigError(f"zone '{zone.name}': centre {zone.centre} and radius {radius} must be finite numbers")

    def depth(x: float, y: float) -> float:
        return radius - math.hypot(x - centre_x, y - centre_y)

    return depth


def _polygon(zone: Polygon) -> Depth:
    """Distance to the nearest edge, with its sign by the even-odd rule.

    A place is inside when a ray from it crosses the outline an odd number of times (Shimrat, "Algorithm 112: position of
    point relative to polygon", Communications of the ACM 5(8), 1962). The nearest place of an edge is the foot of the
    perpendicular, held between the edge's two ends.
    """
    edges = _edges(zone)

    def depth(x: float, y: float) -> float:
        inside = False
        nearest = math.inf  # squared
        for x1, y1, along_x, along_y, y2, per_length in edges:
            to_x, to_y = x - x1, y - y1
            share = (to_x * along_x + to_y * along_y) * per_length
            share = 0.0 if share < 0.0 else 1.0 if share > 1.0 else share
            off_x, off_y = to_x - share * along_x, to_y - share * along_y
            distance = off_x * off_x + off_y * off_y
            if distance < nearest:
                nearest = distance
            # Half-open in y, so that a ray through a corner crosses one of its two edges, not both.
            if (y1 > y) != (y2 > y) and to_x < along_x * to_y / along_y:
                inside = not inside
        return math.sqrt(nearest) if inside else -math.sqrt(nearest)

    return depth


def _edges(zone: Polygon) -> list[tuple[float, float, float, float, float, float]]:
    """Each edge once: its start, its direction, the y of its end, and one over its squared length. Edges without length are left out."""
    corners = zone.corners
    if not all(math.isfinite(value) for corner in corners for value in corner):
        raise ConfigError(f"zone '{zone.name}': corners must be finite numbers; found {list(corners)}")
    edges = []
    for (x1, y1), (x2, y2) in zip(corners, (*corners[1:], corners[0]), strict=True):
        squared = (x2 - x1) ** 2 + (y2 - y1) ** 2
        if squared > 0.0:
            edges.append((x1, y1, x2 - x1, y2 - y1, y2, 1.0 / squared))
    if not edges:
        raise ConfigError(f"zone '{zone.name}': all corners are the same place {corners[0]}; give at least two different ones")
    return edges
