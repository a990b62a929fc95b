"""Which point is which in a mirrored image: a left one takes the place of its right partner."""

import re
from collections.abc import Sequence


def swapped_order(point_names: Sequence[str]) -> tuple[int, ...] | None:
    """Where each point finds its name in a mirrored image: "leftear" takes the place of "rightear".

    Returns:
        For every point the index of its mirror partner (itself where there is none to have), or None where a left has
        no right: such an animal cannot be mirrored.
    """
    lower = [name.lower() for name in point_names]
    order = []
    for name in point_names:
        partner = _mirrored(name)
        if partner not in lower:
            return None
        order.append(lower.index(partner))
    return tuple(order)


def _mirrored(name: str) -> str:
    """The name's partner, in lower case."""
    lower = name.lower()
    if "left" in lower or "right" in lower:
        return re.sub("left|right", lambda found: "right" if found[0] == "left" else "left", lower)
    # an L or R after small letters, as in "wingL" or "forelegR4"; else a lone l or r between separators, as in "ear_l" or "R.paw"
    if re.search(r"(?<=[a-z])[LR](?![a-z])", name):
        return re.sub(r"(?<=[a-z])[LR](?![a-z])", lambda found: "r" if found[0] == "L" else "l", name).lower()
    return re.sub(r"(?<![a-z0-9])[lr](?![a-z0-9])", lambda found: "r" if found[0] == "l" else "l", lower)
