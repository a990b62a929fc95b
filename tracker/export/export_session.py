"""A recorded session, written for other programs: which format writes which files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

from tracker.errors import RecordingError
from tracker.export.session_poses import Advance, SessionPoses
from tracker.export.spans import spans
from tracker.recording.read_session import RecordedSession
from tracker.recording.session_chain import SessionChain, read_chain
from tracker.recording.whole_session import video_faults

Format = Literal["nwb", "dlc", "sleap", "parquet", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
_ENDINGS: dict[Format, str] = {"nwb": ".nwb", "sleap": ".slp", "parquet": ".parquet", "csv": ".csv"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to write.

    Attributes:
        form: the format.
        out: where to: a file, for DeepLabCut a folder; None for beside the video.
        setup: whose key points, where they changed during the session.
        animal: of an NWB file.
        meta: notes for NWB beside those of the session.
        force: replace files that are there.
        whole: the sessions that belong together with this one too, as one.
        start: when the video of an analysed session begins, where a person knows.
    """

    form: Format
    out: Path | None = None
    setup: int | None = None
    animal: int | None = None
    meta: Mapping[str, str] = field(default_factory=dict)
    force: bool = False
    whole: bool = False
    start: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedPart:
    """One session of what was written.

    Attributes:
        session: name of its folder.
        frames: that it has.
        begin_s: when its first frame came, in seconds of the export.
        gap_s: without frames before that; None for the first session.
    """

    session: str
    frames: int
    begin_s: float
    gap_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written, and of which sessions: one, or several that went on with one another.

    Attributes:
        warnings: a sentence for each session whose video is missing or cut short; every row is in the export all the same.
    """

    files: list[Path]
    frames: int
    animals: int
    point_names: tuple[str, ...]
    sessions: tuple[ExportedPart, ...]
    warnings: tuple[str, ...] = ()


def read_wanted(folder: Path, wanted: Wanted) -> RecordedSession | SessionChain:
    """The session of a folder, or the whole that it belongs to.

    Raises:
        RecordingError: it is not a session, or damaged; or one of the whole is missing.
    """
    return read_chain(folder) if wanted.whole else RecordedSession(folder)


def export_session(session: RecordedSession | SessionChain, wanted: Wanted, *, advance: Advance = lambda frames: None) -> Exported:
    """Write a session in a format. Every file is there whole or not at all.

    Args:
        session: closed, or recovered; or several that go on with one another.
        wanted: what.
        advance: told of frames as they are read, which is twice each.

    Raises:
        RecordingError: the session is not whole, the files are there, or they cannot be written.
        ModuleNotFoundError: a library of that format is not installed.
    """
    check_out(wanted)
    write = _writer(wanted)
    poses = SessionPoses(session, setup=wanted.setup, start=wanted.start, advance=advance)
    if not poses.point_names and wanted.form in ("dlc", "sleap"):
        raise RecordingError(
            f"{session.folder}: holds no key points, which the format {wanted.form} is for; export it as csv, parquet or nwb, or find them "
            "with `tracker analyse`"
        )
    parts = tuple(
        ExportedPart(session=span.name, frames=span.end - span.first, begin_s=span.begin_s, gap_s=span.gap_s) for span in spans(poses)
    )
    files = [path.absolute() for path in write(poses)]
    return Exported(
        files=files,
        frames=session.frame_count,
        animals=poses.animals,
        point_names=poses.point_names,
        sessions=parts,
        warnings=tuple(said for part in poses.session.parts if (said := _without_video(part.session)) is not None),
    )


def check_out(wanted: Wanted) -> None:
    """Look at the name that the files are to have, before anything is read.

    Raises:
        RecordingError: it is not one of such a file, or for DeepLabCut no folder.
    """
    if wanted.out is None:
        return
    if wanted.form == "dlc":
        if not wanted.out.is_dir():
            raise RecordingError(
                f"{wanted.out}: is not a folder; DeepLabCut's files get their names from the videos, so give a folder that is there"
            )
    elif wanted.out.suffix != _ENDINGS[wanted.form]:
        raise RecordingError(f"{wanted.out}: the name of such a file ends in {_ENDINGS[wanted.form]}; name it so")


def check_installed(form: Format) -> None:
    """Look for the libraries of a format before work begins whose result is to be written in it.

    Raises:
        ModuleNotFoundError: one of them is not installed.
    """
    _writer(Wanted(form=form))


def is_exported(folder: Path, form: Format) -> bool:
    """Whether the folder of a session holds its export in a format, under the names that `export_session` gives."""
    if form == "dlc":
        return any(folder.glob("*DLC_rigtrack_*.h5"))
    name = folder.resolve().name
    endings = [_ENDINGS[form], *([f".events{_ENDINGS[form]}"] if form in ("parquet", "csv") else [])]
    return all((folder / f"{name}{ending}").is_file() for ending in endings)


def _writer(wanted: Wanted) -> Callable[[SessionPoses], list[Path]]:
    """Imports what one format needs, and no other."""
    form, force = wanted.form, wanted.force
    if form == "dlc":
        from tracker.export.deeplabcut import write_deeplabcut

        return lambda poses: write_deeplabcut(poses, wanted.out, force=force)
    if form == "sleap":
        from tracker.export.sleap import write_sleap

        return lambda poses: write_sleap(poses, _file(poses, wanted), force=force)
    if form == "nwb":
        from tracker.export.nwb import write_nwb

        return lambda poses: write_nwb(
            poses,
            _file(poses, wanted),
            animal=wanted.animal,
            meta={**poses.session.description.meta, **wanted.meta},
            force=force,
        )
    from tracker.export.table import write_tables

    return lambda poses: write_tables(poses, _file(poses, wanted), form=form, force=force)


def _without_video(session: RecordedSession) -> str | None:
    """What to say of a session whose video lacks frames that the export has rows of."""
    about, closed = session.description, session.closed
    try:
        videos = session.video_paths()
    except RecordingError as problem:  # of an analysed video, which lies elsewhere
        faults = [str(problem)]
    else:
        faults = [] if about.source or closed is None else video_faults(videos, closed.segments, rate_hz=about.video.rate_hz)
    return f"{'; '.join(faults)}; the export has every row, but not every row has its picture" if faults else None


def _file(poses: SessionPoses, wanted: Wanted) -> Path:
    folder = poses.session.folder.resolve()
    return wanted.out or folder / f"{folder.name}{'.whole' if wanted.whole else ''}{_ENDINGS[wanted.form]}"
