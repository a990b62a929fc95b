"""What the forms of files of labels cannot hold: names that would be read as something else, and what is lost and must be said."""

import shlex
from collections.abc import Sequence
from typing import Literal

from trainer.errors import LabelError
from trainer.ethogram.boris_rows import boris_header
from trainer.ethogram.bout_file import ENDING, STRETCH_MARKS
from trainer.ethogram.bouts import Ethogram
from trainer.ethogram.caltech import bento_word, is_channel
from trainer.ethogram.tables import BACKGROUND, LABEL, is_simba

Form = Literal["csv", "npy", "mat", "boris", "boris-aggregated", "deepethogram", "bento", "caltech", "bouts"]
PER_FRAME: tuple[Form, ...] = ("csv", "npy", "mat", "deepethogram")
_BORIS: tuple[Form, ...] = ("boris", "boris-aggregated")
_KEEPS_NAMES: tuple[Form, ...] = ("npy", "mat", "bouts")  # every character of them
_KEEPS_RATE: tuple[Form, ...] = (*_BORIS, "bento", "bouts")  # and what the video is called


def refuse_unwritable_names(ethograms: Sequence[Ethogram], form: Form) -> None:
    """Refuse classes and channels that a form would give back otherwise.

    Raises:
        LabelError: in one sentence, with what to do.
    """
    for one in ethograms:
        for name in one.class_names:
            why = _misread(name, one.class_names, form)
            if why:
                remedy = "rename it" if form == "bouts" else f"rename it, or write {ENDING}"
                raise LabelError(f"the class '{name}' cannot stand in a file of the form {form}: {why}; {remedy}")
    channels = [one.channel for one in ethograms if one.channel]
    if form == "bento" and len(set(channels)) < len(channels):
        raise LabelError("two sets of labels are of one channel, and would be read as one; choose one of them with --channel")


def _misread(name: str, names: Sequence[str], form: Form) -> str:
    """Why a name would be read as something else; empty where it would not."""
    table = form in ("csv", "deepethogram")
    if form == "bouts" and name in STRETCH_MARKS:
        return "there, it is said of frames of every class"
    if form not in _KEEPS_NAMES and name != name.strip():
        return "spaces around a name are lost"
    if table and name.lower() == BACKGROUND:
        return "DeepEthogram calls frames so in which no class is on"
    if table and name.lower().endswith(("_x", "_y", "_p")) and is_simba(names):
        return "with others it looks like the coordinates of a SimBA table"
    if form == "csv" and len(names) == 1 and name.lower() in LABEL:
        return "a single column that is called so is read as one of class names"
    if form == "csv" and boris_header([["frame", *names]]) is not None:
        return "with others it looks like the header of a BORIS table"
    if form == "bento" and is_channel(name):
        return "it ends as the names of channels do"
    twin = next((other for other in names if other != name and bento_word(other) == bento_word(name)), None)
    return f"Bento takes spaces for underscores, and it would be one with '{twin}'" if form == "bento" and twin is not None else ""


def lost_in(ethograms: Sequence[Ethogram], form: Form) -> list[str]:
    """What does not come back from a form, a sentence each."""
    lost = [sentence for one in ethograms for sentence in (_touching(one),) if sentence] if form in PER_FRAME else []
    if form == "mat":
        lost.append(f"a .mat file keeps no names of classes; to read it again, give --classes {shlex.join(ethograms[0].class_names)}")
    if form in _BORIS or (form == "caltech" and len(ethograms) > 1):
        lost += _without_bouts(ethograms, form)
    if form == "bento" and len({(one.frames, one.class_names) for one in ethograms}) > 1:
        lost.append("a Bento file has one length and one list of classes for all its channels: the longest, and all, come back for each")
    if form == "caltech":
        lost += _past_the_last_bout(ethograms)
    parts = _parts(ethograms, form)
    return [*lost, f"a file of the form {form} keeps no {', no '.join(parts)}"] if parts else lost


def _parts(ethograms: Sequence[Ethogram], form: Form) -> list[str]:
    """What is said of labels and has no place in a form."""
    rates = list(dict.fromkeys(f"{one.fps:.12g}" for one in ethograms if one.fps is not None))
    videos = list(dict.fromkeys(one.video for one in ethograms if one.video))
    subjects = list(dict.fromkeys(one.subject for one in ethograms if one.subject))
    channels = [
        one.channel
        for number, one in enumerate(ethograms, 1)
        if one.channel and form != "bento" and (form != "caltech" or one.channel != f"S{number}")
    ]
    named = form in _KEEPS_RATE
    return [
        *([f"frame rate (to read it again, give --fps {rates[0]})"] if rates and not named else []),
        *([f"name of a video ({', '.join(videos)})"] if videos and not named else []),
        *([f"subject ({', '.join(subjects)})"] if subjects and form not in _BORIS else []),
        *([f"channel ({', '.join(channels)})"] if channels else []),
    ]


def _without_bouts(ethograms: Sequence[Ethogram], form: Form) -> list[str]:
    """Classes, and whole videos, that forms do not name which tell of bouts alone."""
    said = []
    what = "stream of a Caltech file" if form == "caltech" else "BORIS table"
    for one in ethograms:
        if not one.bouts:
            said.append(f"{one.title or 'a set of labels'} has no bout, and a {what} does not name it: nothing of it comes back")
    names = list(dict.fromkeys(name for one in ethograms for name in one.class_names))
    if form == "caltech":
        missing = {name: one for one in ethograms if one.bouts for name in one.class_names if not len(one.of_class(name))}
        return [*said, *([f"a {what} does not list classes that have no bout in it ({', '.join(missing)})"] if missing else [])]
    missing_everywhere = [name for name in names if not any(len(one.of_class(name)) for one in ethograms)]
    if missing_everywhere:
        said.append(
            f"a BORIS table does not list classes that have no bout ({', '.join(missing_everywhere)}); to read it again, give "
            f"--classes {shlex.join(names)}"
        )
    return said


def _past_the_last_bout(ethograms: Sequence[Ethogram]) -> list[str]:
    past = [one for one in ethograms if one.bouts and one.frames > max(bout.end for bout in one.bouts)]
    if not past:
        return []
    last = max(bout.end for bout in past[0].bouts)
    return [
        f"a Caltech file does not say how long the video is, so that what comes after the last bout, from frame {last} on, comes back as "
        f"judged by nobody; to read it again, give --frames {past[0].frames}"
    ]


def _touching(one: Ethogram) -> str | None:
    """What is lost where bouts become frames: the edge between two bouts of a class that touch."""
    count = 0
    for name in one.class_names:
        pairs = one.of_class(name)
        count += int((pairs[1:, 0] == pairs[:-1, 1]).sum())
    return f"{count} bouts begin where another of their class ends; as marks per frame the two are one" if count else None
