"""Which sessions belong together, because one went on with the other after a restart of the tracker."""

from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec

from tracker.errors import RecordingError
from tracker.recording.session import SESSION_FILE, read_description


class _Link(msgspec.Struct, frozen=True):
    """What of session.json says where a session belongs; whatever else is in it is not looked at."""

    camera: str
    continues: str | None = None


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Names of the folders beside a session.

    Attributes:
        before: the one that it goes on from, None for a session that begins a chain; it may not be there.
        after: those that go on from it, in the order of their names; more than one where folders were copied.
    """

    before: str | None
    after: tuple[str, ...]

    def sentence(self, folder: Path) -> str | None:
        """How a session stands to its neighbours, None for one that has none."""
        parts = [f"goes on from {self.before}"] if self.before is not None else []
        parts += [f"{' and '.join(self.after)} {'goes' if len(self.after) == 1 else 'go'} on from it"] if self.after else []
        return f"{folder}: {', and '.join(parts)}" if parts else None


def neighbours(folder: Path) -> Neighbours:
    """Which sessions beside this one belong to the same recording.

    Raises:
        RecordingError: the folder is not a session, or its session.json is damaged.
    """
    said = read_description(folder)
    here = folder.resolve()
    after = []
    for path in here.parent.glob(f"*/{SESSION_FILE}"):
        with suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):  # what cannot be read says nothing of this one
            link = msgspec.json.decode(path.read_bytes(), type=_Link)
            if link.continues == here.name and link.camera == said.camera:
                after.append(path.parent.name)
    return Neighbours(said.continues, tuple(sorted(after)))


def chain_folders(folder: Path) -> list[Path]:
    """Every session that a session belongs together with, itself among them, in the order of recording.

    Raises:
        RecordingError: a session of the chain is missing or cannot be read, goes on from itself, is of another camera or was recorded
            before the one that it goes on from, or two sessions go on from the same one.
    """
    found = [folder.resolve()]
    while (before := read_description(found[0]).continues) is not None:
        found.insert(0, _before(found, before))
    while after := neighbours(found[-1]).after:
        if len(after) > 1:
            raise RecordingError(f"{found[-1]}: both {' and '.join(after)} go on from it; take the one that is a copy out of that folder")
        following = found[-1].parent / after[0]
        if following in found:
            raise _circle(following)
        found.append(following)
    for one, other in pairwise(found):
        _refuse_strangers(one, other)
    return found


def _before(found: list[Path], name: str) -> Path:
    here = found[0]
    before = here.parent / name
    if name != before.name or not (before / SESSION_FILE).is_file():
        raise RecordingError(f"{here}: goes on from {name}, and no session of that name is beside it; put it back, or leave out --whole")
    if before in found:
        raise _circle(before)
    return before


def _circle(folder: Path) -> RecordingError:
    return RecordingError(f"{folder}: goes on from a session that goes on from it; correct `continues` in its session.json")


def _refuse_strangers(one: Path, other: Path) -> None:
    first, second = read_description(one), read_description(other)
    if second.camera != first.camera:
        raise RecordingError(f"{other}: is of camera {second.camera}, but goes on from {one.name} of camera {first.camera}")
    if second.created < first.created:
        raise RecordingError(f"{other}: goes on from {one.name}, which was recorded later: that is another of its name; leave out --whole")
