"""What is wrong with labels of behaviour before anything is trained on them, in plain words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from trainer.ethogram.bouts import TO_DECIDE, UNCURATABLE, YES, Ethogram

FEWEST_FRAMES = 200  # of a class, over all sessions; published classifiers of behaviour begin to work in the hundreds
FEWEST_BOUTS = 5  # fewer, and whether one is found decides the score
LOPSIDED = 20  # times as many frames of the commonest class as of the rarest
SAME_RATE = 1e-3  # as far as the rates of labels and video may differ: 29.97 and 30 are two
ONE_PART = 0.9  # of a class's frames in one of several sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The labels of one video.

    Attributes:
        name: what people call it.
        labels: its ethogram.
        frames: how long the video is, or its table of poses; None where it is not known.
        part: what it is used for; None where nothing was divided.
        unjudged: classes that the file does not list, where `labels` name them all the same.
        fps: frames per second of the video; None where it is not known.
    """

    name: str
    labels: Ethogram
    frames: int | None = None
    part: Literal["train", "validation", "test"] | None = None
    unjudged: tuple[str, ...] = ()
    fps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A class in one session.

    Attributes:
        session, name: of which session, of which class.
        frames: with the class on.
        bouts: runs of such frames.
        judged: frames that say yes or no.
        to_decide: frames that wait for a decision.
    """

    session: str
    name: str
    frames: int
    bouts: int
    judged: int
    to_decide: int

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {part: getattr(self, part) for part in self.__slots__}


def counts(sessions: Sequence[Session]) -> list[Count]:
    """Every class of every session, as far as its video goes."""
    found = []
    for session in sessions:
        labels, marks = session.labels, session.labels.marks()[: session.frames]
        for place, name in enumerate(labels.class_names):
            column = marks[:, place]
            found.append(
                Count(
                    session=session.name,
                    name=name,
                    frames=int((column == YES).sum()),
                    bouts=int((labels.of_class(name)[:, 0] < (session.frames or labels.frames)).sum()),
                    judged=int(((column != UNCURATABLE) & (column != TO_DECIDE)).sum()),
                    to_decide=int((column == TO_DECIDE).sum()),
                )
            )
    return found


def findings(sessions: Sequence[Session]) -> list[str]:
    """What a person should know before training, a sentence each; empty where nothing was found."""
    table = counts(sessions)
    names = list(dict.fromkeys(one.name for one in table))
    said = [sentence for session in sessions for sentence in (*_rates(session), *_lengths(session))]
    totals = {name: sum(one.frames for one in table if one.name == name) for name in names}
    said += _vocabulary(sessions, [name for name in names if totals[name]])
    unjudged = {(session.name, name) for session in sessions for name in session.unjudged}
    said += _undecided([one for one in table if (one.session, one.name) not in unjudged])
    said += [sentence for name in names for sentence in _amounts(name, [one for one in table if one.name == name])]
    said += _lopsided(totals)
    said += [sentence for name in names for sentence in _parts(sessions, table, name)]
    return said


def _rates(session: Session) -> list[str]:
    said, fps = session.labels.fps, session.fps
    if said is None or fps is None or abs(said - fps) <= SAME_RATE * fps:
        return []
    return [
        f"{session.name}: its labels are at {said:.6g} frames per second, the video at {fps:.6g}; labels from times in seconds are "
        "then of other frames: see that labels and video belong together"
    ]


def _lengths(session: Session) -> list[str]:
    if session.frames is None or session.frames == session.labels.frames:
        return []
    past = session.labels.frames - session.frames
    if past > 0:
        on = sum(bout.end > session.frames for bout in session.labels.bouts)
        return [
            f"{session.name}: its labels run {past} frames past the {session.frames} of the video, {_bouts(on)} among them; what is past "
            "the end is left out: see that labels and video belong together"
        ]
    return [
        f"{session.name}: the video has {session.frames} frames, its labels {session.labels.frames}; "
        f"the last {-past} count as judged by nobody"
    ]


def _vocabulary(sessions: Sequence[Session], names: Sequence[str]) -> list[str]:
    said = []
    for session in sessions:
        missing = [name for name in names if name not in session.labels.class_names or name in session.unjudged]
        counts_as = "were not judged for it, and teach nothing of it" if session.labels.lists_classes else "count as without it"
        if missing:
            said.append(f"{session.name}: does not list {', '.join(missing)}, which other sessions do; its frames {counts_as}")
    return said


def _undecided(table: Sequence[Count]) -> list[str]:
    waiting = [one for one in table if one.to_decide]
    if not waiting:
        return []
    frames = sum(one.to_decide for one in waiting)
    return [
        f"{frames} frames are still to be decided, {waiting[0].to_decide} of '{waiting[0].name}' in "
        f"{waiting[0].session}; they teach nothing until they are"
    ]


def _amounts(name: str, of_class: Sequence[Count]) -> list[str]:
    frames, bouts = sum(one.frames for one in of_class), sum(one.bouts for one in of_class)
    if not frames:
        return [f"'{name}' is in no frame; label some, or leave the class out"]
    missed = too_few(frames, bouts)
    return [f"'{name}' has {frames} frames in {_bouts(bouts)}; {missed} are too few to learn or to judge by"] if missed else []


def too_few(frames: int, bouts: int) -> str:
    """Which of the two numbers a class misses, in words; empty where it misses none."""
    missed = [
        *([f"fewer than {FEWEST_FRAMES} frames"] if frames < FEWEST_FRAMES else []),
        *([f"fewer than {FEWEST_BOUTS} bouts"] if bouts < FEWEST_BOUTS else []),
    ]
    return " and ".join(missed)


def _bouts(count: int) -> str:
    return "1 bout" if count == 1 else f"{count} bouts"


def _lopsided(totals: dict[str, int]) -> list[str]:
    present = {name: frames for name, frames in totals.items() if frames}
    if len(present) < 2:
        return []
    most, least = max(present, key=present.__getitem__), min(present, key=present.__getitem__)
    if present[most] < LOPSIDED * present[least]:
        return []
    return [
        f"lopsided: '{most}' has {present[most] / present[least]:.0f} times the frames of '{least}' "
        f"({present[most]} and {present[least]}); judge by precision and recall of each class, not by accuracy"
    ]


def _parts(sessions: Sequence[Session], table: Sequence[Count], name: str) -> list[str]:
    of_class = {one.session: one.frames for one in table if one.name == name}
    total = sum(of_class.values())
    if not total or len(sessions) < 2:
        return []
    for part, words in (("train", "is learnt from"), ("validation", "validates"), ("test", "is held out")):
        of_part = [session for session in sessions if session.part == part]
        if of_part and not any(of_class.get(session.name) for session in of_part):
            return [f"'{name}' is in no session that {words}; divide the sessions otherwise"]
    place, most = max(of_class.items(), key=lambda item: item[1])
    if most > ONE_PART * total:
        return [f"{most / total:.0%} of the frames of '{name}' are in {place}; label it in others too"]
    return []
