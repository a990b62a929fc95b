"""Kinds of values in `tracker.yaml`, with their bounds, and what every section has in common."""

from typing import Annotated

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z", description="1 to 64 letters, digits, _ or -")]
_OBEYED = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"  # by terminals: control characters, new lines, changes of direction
Text = Annotated[str, Meta(min_length=1, max_length=4096, pattern=rf"^[^{_OBEYED}]+\Z", description="one line of text")]
Count = Annotated[int, Meta(ge=1, le=2**53)]
Number = Annotated[int, Meta(ge=0, le=2**53)]
Side = Annotated[int, Meta(ge=8, le=16384)]
Blocks = Annotated[int, Meta(ge=1, le=16384)]
Offset = Annotated[int, Meta(ge=0, le=16384)]
Level8 = Annotated[int, Meta(ge=0, le=255)]
Level = Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]
Past = Annotated[int, Meta(ge=2, le=10_000)]
Slope = Annotated[float, Meta(ge=0, le=1_000_000_000)]
Extent = Annotated[int, Meta(ge=1, le=16384)]
Rate = Annotated[float, Meta(gt=0, le=100_000)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Milliseconds = Annotated[float, Meta(ge=0, le=3_600_000)]
Seconds = Annotated[float, Meta(gt=0, le=604_800)]  # a week
Length = Annotated[float, Meta(gt=0, le=1_000_000)]
Coordinate = Annotated[float, Meta(ge=-1_000_000, le=1_000_000)]
Threshold = Annotated[float, Meta(ge=-1_000_000_000, le=1_000_000_000)]
XY = tuple[Coordinate, Coordinate]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping in the file: unknown keys are refused, those with a default may be left out."""
