"""What a rig saw in frames when they were recorded, kept with a project as an offer to the annotator: proposals.json. No label."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from trainer.errors import ProjectError
from trainer.project.files import locked, replace_file

PROPOSALS_FILE = "proposals.json"

Guess = dict[str, tuple[float, float, float]]  # by point name: x, y in source px, confidence 0..1


class Proposal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was seen in one frame.

    Attributes:
        by: name of the bundle that saw it.
        animals: the points of each; those that it did not find are left out.
    """

    by: str
    animals: Sequence[Guess]


class _ProposalsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: Annotated[int, Meta(ge=1, le=1)] = 1
    frames: dict[str, Proposal] = {}


def read_proposals(folder: Path) -> dict[str, Proposal]:
    """By image; empty where there are none.

    Args:
        folder: the project's.

    Raises:
        ProjectError: the file is damaged.
    """
    path = folder / PROPOSALS_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=_ProposalsFile).frames
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise ProjectError(f"{path}: cannot be read: {problem.strerror}") from problem
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ProjectError(f"{path}: {problem}; delete the file: it holds no labels, only what the rig proposed") from None


def add_proposals(folder: Path, fresh: Mapping[str, Proposal]) -> None:
    """Keep proposals beside those that are there; of one image the later ones hold.

    Args:
        folder: the project's.
        fresh: by image.

    Raises:
        ProjectError: a full disk, or a damaged file; what was there stays.
    """
    if not fresh:
        return
    with locked(folder):
        frames = read_proposals(folder) | dict(fresh)
        lines = ",\n".join(f"{_json(image)}: {_json(frames[image])}" for image in sorted(frames))
        replace_file(folder / PROPOSALS_FILE, f'{{"schema": 1, "frames": {{\n{lines}\n}}}}\n'.encode())


def guess_within(points: Mapping[str, tuple[float, float, float]], size: tuple[int, int]) -> Guess:
    """The points that are there and lie in an image of `size` (height, width)."""
    height, width = size
    return {
        name: (x, y, confidence)
        for name, (x, y, confidence) in points.items()
        if math.isfinite(confidence) and -0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
