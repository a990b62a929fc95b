"""Caltech's annotation files: of its Behavior Annotator (.txt) and of Bento and MARS (.annot). Their frames count from 1, inclusive."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainer.errors import LabelError
from trainer.ethogram.bouts import Bout, Ethogram, ethogram
from trainer.ethogram.read_options import Reading, ReadOptions, agreed_fps

CALTECH = "Caltech Behavior Annotator - Annotation File"
BENTO = "Bento annotation file"
_STREAM = re.compile(r"(S\d+):\s*start\s+end\s+type", re.IGNORECASE)
_CHANNEL = re.compile(r"(.+?)-{4,}\s*")
_CHANNEL_LINE = "----------"
_MOVIE = "Movie file(s):"


def read_caltech(path: Path, text: str, asked: ReadOptions) -> Reading:
    """The text of the Behavior Annotator: a list of classes with their keys, then the bouts of each stream.

    Raises:
        LabelError: a row that is none, frames that run backwards, a class that is not listed, no bout.
    """
    lines = text.splitlines()
    listed = _listed(lines, "Configuration file:")
    names = [line.split()[0] for line in listed]
    mended: list[str] = []
    streams = _sections(path, [(match[1], number) for number, line in enumerate(lines) if (match := _STREAM.match(line.strip()))], mended)
    if not streams:
        raise LabelError(f"{path}: holds no 'S1: start end type' with bouts below; save the annotation again")
    ethograms, unused = [], set(names)
    for stream, begins in streams.items():
        rows = [number for begin in begins for number in _below(begin, streams, len(lines)) if _is_row(lines[number])]
        bouts = [_caltech_bout(f"{path}:{number + 1}", lines[number]) for number in rows]
        where = f"{path}, {stream}"
        used = [name for name in names if any(bout.name == name for bout in bouts)] if len(streams) > 1 else names
        if bouts and not {bout.name for bout in bouts} <= set(names):
            wrong = next(bout.name for bout in bouts if bout.name not in names)
            raise LabelError(f"{where}: '{wrong}' is not among the classes at the top ({', '.join(names)}); add it there or rename it")
        unused -= set(used)
        if bouts:
            one = ethogram(used, bouts, where=where, frames=asked.frames or 0, fps=asked.fps, channel=stream)
            ethograms.append(one)
    if unused and len(streams) > 1:
        mended.append(f"{path}: {', '.join(sorted(unused))} is listed and has no bout in any stream; left out")
    return Reading(path=path, kind="Caltech annotation", ethograms=_chosen(path, ethograms, asked), mended=tuple(mended))


def read_bento(path: Path, text: str, asked: ReadOptions) -> Reading:
    """A file of Bento or MARS: channels with the bouts of each class, in frames, or in seconds where any number has a decimal point.

    Raises:
        LabelError: as `read_caltech`, and seconds without a frame rate.
    """
    lines = text.splitlines()
    fps = agreed_fps(path, _number_after(path, lines, "Annotation framerate:"), asked.fps)
    start, stop = (_number_after(path, lines, f"Annotation {which} frame:") for which in ("start", "stop"))
    mended: list[str] = []
    found = [(match[1].strip(), number) for number, line in enumerate(lines) if (match := _CHANNEL.fullmatch(line.strip()))]
    channels = _sections(path, found, mended)
    if not channels:
        raise LabelError(f"{path}: holds no channel ('Ch1----------') with bouts below; save the annotation again")
    first_row = min(min(begins) for begins in channels.values())
    in_seconds = any("." in line for line in lines[first_row:] if line.strip()[:1].isdigit())
    if in_seconds and fps is None:
        raise LabelError(f"{path}: its bouts are in seconds and it says no frame rate; give it with --fps")
    names = [line.strip() for line in _listed(lines, "List of annotations:")]
    video = next((line.strip()[len(_MOVIE) :].strip() for line in lines if line.strip().lower().startswith(_MOVIE.lower())), "")
    ethograms = []
    for channel, begins in channels.items():
        sections = [_below(begin, channels, len(lines)) for begin in begins]
        rate = fps if in_seconds else None
        bouts = [bout for rows in sections for bout in _bento_bouts(path, lines, rows, rate=rate, names=names)]
        unlisted = list(dict.fromkeys(bout.name for bout in bouts if bout.name not in names))
        if unlisted:
            mended.append(f"{path}, {channel}: {', '.join(unlisted)} stands above bouts and not in the list of annotations; added to it")
            names += unlisted
        if names:
            frames = asked.frames or (round(stop) if stop and not in_seconds else 0)
            one = ethogram(names, bouts, where=f"{path}, {channel}", frames=frames, fps=fps, video=video, channel=channel)
            ethograms.append(one)
    if start is not None and start > 1:
        mended.append(
            f"{path}: was annotated from frame {start:g} on; its frames count from the video's first, and those before hold no bout"
        )
    if not ethograms:
        raise LabelError(f"{path}: lists no class and holds no bout; save the annotation again")
    return Reading(path=path, kind="Bento annotation", ethograms=_chosen(path, ethograms, asked), mended=tuple(mended))


def caltech_of(ethograms: Sequence[Ethogram]) -> str:
    """The Behavior Annotator's text; each ethogram a stream.

    Raises:
        LabelError: a mark or a class name that it cannot hold.
    """
    names = list(dict.fromkeys(name for one in ethograms for name in one.class_names))
    if not any(one.bouts for one in ethograms):
        raise LabelError("there is no bout to write, and a Caltech file without one says nothing of the video; write .csv or .npy")
    for name in names:
        if len(name.split()) != 1:
            raise LabelError(f"the class '{name}' has a space in its name, at which a Caltech file ends it; rename it, or write .annot")
    keys = "abcdefghijklmnopqrstuvwxyz0123456789"
    lines = [CALTECH, "", "Configuration file:", *(f"{name}\t{keys[place % len(keys)]}" for place, name in enumerate(names)), ""]
    for number, one in enumerate(ethograms, 1):
        _refuse_marks(one, "Caltech")
        lines += [f"S{number}:\tstart\tend\ttype", "-" * 29]
        lines += [*(f"   \t{bout.first + 1}\t{bout.end}\t{bout.name}" for bout in one.bouts), ""]
    return "\n".join(lines)


def bento_of(ethograms: Sequence[Ethogram]) -> str:
    """Bento's text in frames; each ethogram a channel.

    Raises:
        LabelError: a mark that it cannot hold.
    """
    names = list(dict.fromkeys(name for one in ethograms for name in one.class_names))
    channels = [one.channel or f"Ch{number}" for number, one in enumerate(ethograms, 1)]
    fps = ethograms[0].fps
    lines = [BENTO, f"{_MOVIE} {ethograms[0].video}", "", "Stimulus name: ", "Annotation start frame: 1"]
    lines += [f"Annotation stop frame: {max(one.frames for one in ethograms)}"]
    lines += ([f"Annotation framerate: {fps:.12g}"] if fps is not None else []) + [""]
    lines += ["List of channels:", *channels, "", "List of annotations:", *names, ""]
    for channel, one in zip(channels, ethograms, strict=True):
        _refuse_marks(one, "Bento")
        lines.append(f"{channel}{_CHANNEL_LINE}")
        for name in one.class_names:
            lines += [f">{name}", "Start\tStop\tDuration"]
            lines += [f"{first + 1}\t{end}\t{end - first}" for first, end in one.of_class(name).tolist()] + [""]
    return "\n".join(lines)


def _refuse_marks(one: Ethogram, program: str) -> None:
    odd = next((bout for bout in one.bouts if bout.mark != "yes"), None)
    if odd is not None:
        raise LabelError(f"frame {odd.first} is marked '{odd.mark}', which a {program} file cannot say; write .csv or .npy")


def _chosen(path: Path, ethograms: Sequence[Ethogram], asked: ReadOptions) -> tuple[Ethogram, ...]:
    if not ethograms:
        raise LabelError(f"{path}: holds no bout; expected at least one")
    if asked.channel is None:
        return tuple(ethograms)
    found = tuple(one for one in ethograms if one.channel == asked.channel)
    if not found:
        channels = ", ".join(one.channel for one in ethograms if one.channel) or "none, its labels are all of one kind"
        raise LabelError(f"{path}: has no channel '{asked.channel}'; it has {channels}")
    return found


def bento_word(name: str) -> str:
    """A class's name as Bento may write it."""
    return name.replace(" ", "_")


def is_channel(line: str) -> bool:
    """Whether a line would be read as the beginning of a channel."""
    return _CHANNEL.fullmatch(line) is not None


def _sections(path: Path, found: Sequence[tuple[str, int]], mended: list[str]) -> dict[str, list[int]]:
    """The lines at which the sections of each channel or stream begin; one that has several is said."""
    begins: dict[str, list[int]] = {}
    for name, number in found:
        begins.setdefault(name, []).append(number)
    mended += [f"{path}: has {len(of)} sections {name}; their bouts were taken together" for name, of in begins.items() if len(of) > 1]
    return begins


def _below(begin: int, sections: Mapping[str, Sequence[int]], lines: int) -> range:
    """The lines below the beginning of a section, up to the next section."""
    return range(begin + 1, min((number for begins in sections.values() for number in begins if number > begin), default=lines))


def _listed(lines: Sequence[str], title: str) -> list[str]:
    """The lines below a title, up to the first that is empty."""
    start = next((number for number, line in enumerate(lines) if line.strip().lower() == title.lower()), None)
    if start is None:
        return []
    end = next((number for number in range(start + 1, len(lines)) if not lines[number].strip()), len(lines))
    return list(lines[start + 1 : end])


def _is_row(line: str) -> bool:
    return bool(line.strip()) and not line.strip().startswith("---")


def _caltech_bout(where: str, line: str) -> Bout:
    cells = line.split()
    if len(cells) != 3 or not all(re.fullmatch(r"\d+", cell) for cell in cells[:2]):
        raise LabelError(f"{where}: is '{line.strip()}'; expected a first frame, a last frame and a class")
    return _inclusive(where, int(cells[0]), int(cells[1]), cells[2])


def _inclusive(where: str, first: int, last: int, name: str) -> Bout:
    if first < 1:
        raise LabelError(f"{where}: '{name}' begins in frame {first}; expected 1 or more, for these files count from 1")
    if last < first:
        raise LabelError(f"{where}: '{name}' ends in frame {last}, before its first, {first}; mend the row")
    return Bout(first=first - 1, end=last, name=name)


def _bento_bouts(path: Path, lines: Sequence[str], rows: range, *, rate: float | None, names: Sequence[str]) -> list[Bout]:
    bouts: list[Bout] = []
    name = None
    for number in rows:
        line = lines[number].strip()
        if not line or line.lower().startswith("start"):
            continue
        if line.startswith(">"):
            name = line[1:].strip()
            # Bento writes spaces of the listed names as underscores, or the other way about
            name = next((each for each in names if bento_word(each) == bento_word(name)), name)
            continue
        where = f"{path}:{number + 1}"
        if name is None:
            raise LabelError(f"{where}: '{line}' stands above the first class ('>name'); expected the class first")
        cells = line.split()
        if len(cells) < 2 or not all(re.fullmatch(r"\d+(\.\d*)?(e[+-]?\d+)?", cell) for cell in cells[:2]):
            raise LabelError(f"{where}: is '{line}'; expected the start and stop of a bout of '{name}'")
        first, last = (round(float(cell) * (rate or 1)) for cell in cells[:2])
        bouts.append(_inclusive(where, first, last, name))
    return bouts


def _number_after(path: Path, lines: Sequence[str], title: str) -> float | None:
    line = next((line for line in lines if line.strip().lower().startswith(title.lower())), None)
    if line is None or not line.strip()[len(title) :].strip():
        return None
    cell = line.strip()[len(title) :].strip()
    try:
        return float(cell)
    except ValueError:
        raise LabelError(f"{path}: says '{title} {cell}'; expected a number") from None
