"""Labels of one video by one annotator as a file of bouts (.bouts.json): by frame number, with what nobody has judged."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from trainer.errors import LabelError
from trainer.ethogram.bouts import Bout, Ethogram, Mark, ethogram
from trainer.ethogram.read_options import Reading, ReadOptions, agreed_fps

ENDING = ".bouts.json"
STRETCH_MARKS = ("uncuratable", "to decide")
Span = tuple[int, int]  # first frame, first frame after


class LabelledBout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A run of frames of one class; `mark` as in `Bout`."""

    name: str
    first: int
    end: int
    mark: Mark = "yes"


class Stretch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frames in which every class is uncuratable, or to decide: it goes before any bout there."""

    first: int
    end: int
    mark: Literal["uncuratable", "to decide"]


class Started(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bout that was started and has not been ended; `name` of a class, or the mark of a stretch."""

    name: str
    first: int


class BoutLabels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an annotator said of a video.

    Attributes:
        bouts: those of one class do not share a frame.
        stretches: share no frame.
        started: not ended yet.
        judged: by class the frames of which something was decided; where there is no bout, it is "no". Frames of bouts and stretches
            count as judged without being listed.
    """

    bouts: tuple[LabelledBout, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    started: tuple[Started, ...] = ()
    judged: dict[str, tuple[Span, ...]] = {}


class BoutFile(BoutLabels, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file: its labels, and the video that they are of. `frames` is 0 and `fps` None where that is not known."""

    schema: Annotated[int, Meta(ge=1, le=1)] = 1
    video: str = ""
    frames: Annotated[int, Meta(ge=0)] = 0
    fps: float | None = None
    class_names: tuple[str, ...]


def decode_bout_file(path: Path, content: bytes | str) -> BoutFile:
    """The file, checked.

    Raises:
        LabelError: not such a file, or labels that contradict each other.
    """
    try:
        found = msgspec.json.decode(content, type=BoutFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise LabelError(f"{path}: is not a file of bouts ({problem}); expected one that `trainer bouts label` has written") from problem
    check_labels(found, found.class_names, frames=found.frames or None, where=str(path))
    return found


def encode_bout_file(file: BoutFile) -> bytes:
    """JSON with a line for each bout, so that versions of the file compare by eye."""
    whole = msgspec.to_builtins(file)
    lines = []
    for name in ("schema", "video", "frames", "fps", "class_names", "bouts", "stretches", "started", "judged"):
        value = whole[name]
        several = isinstance(value, list) and value and isinstance(value[0], dict)
        text = _lines(value) if several else msgspec.json.encode(value).decode()
        lines.append(f'"{name}": {text}')
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def read_bout_file(path: Path, content: str, asked: ReadOptions) -> Reading:
    """The file as an ethogram; bouts that were not ended are left out, and said."""
    file = decode_bout_file(path, content)
    fps = agreed_fps(path, file.fps, asked.fps)
    mended = tuple(
        f"{path}: '{one.name}' was started at frame {one.first} and not ended; it was left out, and what comes after is to decide"
        for one in file.started
    )
    return Reading(path=path, kind="file of bouts", ethograms=(ethogram_of(file, fps=fps, where=str(path)),), mended=mended)


def bout_file_of(one: Ethogram) -> bytes:
    """An ethogram as such a file; all its frames have been judged."""
    bouts = tuple(LabelledBout(name=bout.name, first=bout.first, end=bout.end, mark=bout.mark) for bout in one.bouts)
    judged: dict[str, tuple[Span, ...]] = dict.fromkeys(one.class_names, ((0, one.frames),) if one.frames else ())
    return encode_bout_file(
        BoutFile(video=one.video, frames=one.frames, fps=one.fps, class_names=one.class_names, bouts=bouts, judged=judged)
    )


def ethogram_of(file: BoutFile, *, fps: float | None, where: str) -> Ethogram:
    """Labels as an ethogram that reaches to the last judged frame; what nobody judged before that is to decide."""
    stretches = [(one.first, one.end) for one in file.stretches]
    judged_by_class = judged_of(file, file.class_names)
    last = max((end for spans in (stretches, *judged_by_class.values()) for _, end in spans), default=0)
    bouts = [Bout(first=one.first, end=one.end, name=name, mark=one.mark) for one in file.stretches for name in file.class_names]
    for one in file.bouts:
        bouts += [Bout(first=first, end=end, name=one.name, mark=one.mark) for first, end in without((one.first, one.end), stretches)]
    for name, judged in judged_by_class.items():
        bouts += [Bout(first=first, end=end, name=name, mark="to decide") for first, end in without((0, last), [*judged, *stretches])]
    return ethogram(file.class_names, bouts, where=where, frames=last, fps=fps, video=file.video)


def judged_of(labels: BoutLabels, class_names: Iterable[str]) -> dict[str, list[Span]]:
    """By class, the frames that were judged, with those of its bouts; up to a bout that was not ended."""
    found = {}
    for name in class_names:
        end = min((one.first for one in labels.started if one.name == name), default=None)
        spans = [(first, stop if end is None else min(stop, end)) for first, stop in labels.judged.get(name, ())]
        bouts = [(bout.first, bout.end) for bout in labels.bouts if bout.name == name]
        found[name] = [span for span in (*spans, *bouts) if span[0] < span[1]]
    return found


def without(span: Span, cuts: Iterable[Span]) -> list[Span]:
    """What is left of a span when others are cut out of it."""
    place, end = span
    left = []
    for first, stop in sorted(cuts):
        if first >= end:
            break
        if first > place:
            left.append((place, first))
        place = max(place, stop)
    if place < end:
        left.append((place, end))
    return left


def check_labels(labels: BoutLabels, class_names: Sequence[str], *, frames: int | None, where: str) -> None:
    """Hold labels against the classes and the length of their video.

    Raises:
        LabelError: a class that is not listed, frames outside the video, or two bouts of a class, or two stretches, that share frames.
    """
    spans: dict[str, list[Span]] = {name: [(bout.first, bout.end) for bout in labels.bouts if bout.name == name] for name in class_names}
    listed = {*(bout.name for bout in labels.bouts), *labels.judged, *(one.name for one in labels.started)}
    strange = sorted(listed - set(class_names) - set(STRETCH_MARKS))
    if strange:
        raise LabelError(f"{where}: '{strange[0]}' is no class that is listed ({', '.join(class_names)}); add it with --classes")
    marks = [bout.name for bout in labels.bouts if bout.name in STRETCH_MARKS]
    if marks:
        raise LabelError(f"{where}: a bout is called '{marks[0]}', which is said of frames of every class; expected it among the stretches")
    _check_spans(spans, "bouts", frames, where)
    _check_spans({"": [(one.first, one.end) for one in labels.stretches]}, "uncuratable or undecided stretches", frames, where)
    _check_spans({name: list(judged) for name, judged in labels.judged.items()}, "judged frames", frames, where)
    for one in labels.started:
        _check_spans({one.name: [(one.first, one.first + 1)]}, "the start", frames, where)


def overlapping_classes(bouts: Sequence[LabelledBout]) -> tuple[str, str, int] | None:
    """Two classes that are on in one frame, and that frame; None where there are none."""
    last: LabelledBout | None = None
    for bout in sorted((bout for bout in bouts if bout.mark == "yes"), key=lambda bout: (bout.first, bout.end)):
        if last is not None and bout.first < last.end and bout.name != last.name:
            return last.name, bout.name, bout.first
        if last is None or bout.end > last.end:
            last = bout
    return None


def _check_spans(spans: Mapping[str, Sequence[Span]], what: str, frames: int | None, where: str) -> None:
    for name, each in spans.items():
        place = 0
        of = f" of '{name}'" if name else ""
        for first, end in sorted(each):
            said = f"{where}: {what}{of} from frame {first} to before {end}"
            if first < 0 or end <= first:
                raise LabelError(f"{said}: expected frames from 0 on, the first before the end")
            if frames is not None and end > frames:
                raise LabelError(f"{said} run past the video, which has {frames} frames: is it another video, or cut off?")
            if first < place:
                raise LabelError(f"{said} share frames with others{of} that end before {place}; expected each frame once")
            place = end


def _lines(values: Sequence[object]) -> str:
    return "[\n" + ",\n".join(msgspec.json.encode(value).decode() for value in values) + "\n]"
