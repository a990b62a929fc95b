"""What an NWB file says of its session and its subject, from the notes that were given with `--meta`."""

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from pynwb.file import Subject  # type: ignore[import-untyped]

from tracker.errors import RecordingError
from tracker.export.session_poses import SessionPoses

_SUBJECT = ("species", "sex", "age", "genotype", "strain", "weight")
_SESSION = ("lab", "institution", "experiment_description", "protocol", "session_description", "notes")
_LISTS = ("experimenter", "keywords")
_UNKNOWN_SEX = "U"
_SEXES = ("M", "F", _UNKNOWN_SEX, "O")
_AGE = re.compile(r"P(?=[\dT])(\d+(\.\d+)?Y)?(\d+(\.\d+)?M)?(\d+(\.\d+)?W)?(\d+(\.\d+)?D)?(T(\d+H)?(\d+M)?(\d+S)?)?(/(P[\dYMWDTHS.]+)?)?")


def about(poses: SessionPoses, animal: int, meta: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of an NWBFile.

    Args:
        poses: of the session.
        animal: the file's.
        meta: notes by name. `animal` is the subject's identifier; species, sex, age, genotype, strain and weight are the subject's too;
            experimenter and keywords may name several, with semicolons; what NWB has no place for goes into the notes, line by line.

    Raises:
        RecordingError: sex or age in another form than NWB's.
    """
    session = poses.session
    described = {name: meta[name] for name in _SESSION if name in meta}
    lists = {name: [part.strip() for part in meta[name].split(";")] for name in _LISTS if name in meta}
    rest = [f"{name}: {text}" for name, text in meta.items() if name not in ("animal", *_SUBJECT, *_SESSION, *_LISTS)]
    names = [part.session.folder.name for part in session.parts]
    notes = "\n".join([*filter(None, [described.pop("notes", "")]), *rest])
    said = f"rigtrack session{'s' if len(names) > 1 else ''} {', '.join(names)}, camera {session.description.camera}"
    said = described.pop("session_description", said)
    return {
        "session_description": f"{said}; {poses.begin.says}" if poses.begin.says else said,
        "identifier": f"{session.description.stream_session}-{session.description.created}-{animal}{'-whole' if len(names) > 1 else ''}",
        "session_id": session.folder.name,
        "session_start_time": datetime.fromtimestamp(poses.begin.unix_ns / 1e9, tz=timezone.utc),
        "subject": _subject(poses, animal, meta),
        **({"notes": notes} if notes else {}),
        **described,
        **lists,
    }


def nwb_name(text: str) -> str:
    """A name as NWB takes it: without slashes and colons."""
    return re.sub(r"[/:]", "_", text)


def refuse_equal_names(poses: SessionPoses) -> None:
    """Names that differ in a slash or colon only would be one in NWB.

    Raises:
        RecordingError: there are such.
    """
    events = poses.session.events["event"].unique().to_pylist()
    for what, names in (("key points", poses.point_names), ("scores", poses.score_names), ("events", events)):
        if len({nwb_name(name) for name in names}) < len(names):
            raise RecordingError(
                f"{poses.session.folder}: two {what} of {', '.join(names)} have the same name without slashes and colons, which NWB does "
                "not take; export another format"
            )


def _subject(poses: SessionPoses, animal: int, meta: Mapping[str, str]) -> Subject:
    told = {name: meta[name] for name in _SUBJECT if name in meta}
    if "sex" in told and told["sex"] not in _SEXES:
        raise RecordingError(f"{poses.session.folder}: sex is {told['sex']!r:.40}; NWB knows M, F, U and O: give --meta sex=F or another")
    if "age" in told and not _AGE.fullmatch(told["age"]):
        raise RecordingError(
            f"{poses.session.folder}: age is {told['age']!r:.40}; NWB takes ISO 8601 durations: give --meta age=P90D for 90 days"
        )
    return Subject(subject_id=meta.get("animal", f"animal{animal}"), **{"sex": _UNKNOWN_SEX, **told})
