"""`trainer select`: frames of videos that are worth labelling, put into a labelling project."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tracker.recording.chain import neighbours
from tracker.recording.session import SESSION_FILE
from trainer.commands.choices import Commands, add_command, add_engine, engine_choice
from trainer.selection.methods import METHODS

if TYPE_CHECKING:
    from trainer.project.store import Project
    from trainer.selection.outcome import Selection, SelectionSettings


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "select",
        call=select,
        interrupted="stopped by hand; what was looked at is not kept, and the same command begins anew",
        text="Choose frames of videos or recorded sessions that are worth labelling and put them into a labelling project, with a contact "
        "sheet.",
        example="trainer select monday.mp4 tuesday.mp4 --project openfield --count 20 --points snout leftear rightear tailbase",
    )
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO", help="a video, or the folder of a recorded session")
    parser.add_argument("--project", type=Path, required=True, help="folder of the labelling project")
    parser.add_argument(
        "--points", nargs="+", metavar="NAME", help="key points; the project is made if it is not there (default: of a session)"
    )
    parser.add_argument("--count", type=_count, required=True, metavar="N", help="frames to add of each video or session")
    parser.add_argument("--by", choices=METHODS, default="k-means", help="unlike each other, at equal distances in time, … (%(default)s)")
    parser.add_argument("--bundle", type=Path, help="whose uncertainty decides, with --by uncertainty (of a session: the rig's own)")
    parser.add_argument("--seed", type=_whole, default=0, help="random seed of k-means and random (%(default)s)")
    parser.add_argument("--start", type=_seconds, default=0.0, metavar="S", help="seconds from the start of each video")
    parser.add_argument("--end", type=_seconds, metavar="S", help="seconds; what comes later is not read")
    parser.add_argument("--step", type=_count, metavar="N", help="examine every Nth frame only (default: as many as fit into memory)")
    parser.add_argument("--region", type=int, nargs=4, metavar=("X", "Y", "W", "H"), help="compare frames by this part of the view")
    parser.add_argument("--similar", action="store_true", help="choose near-duplicates too")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_engine(parser)
    parser.set_defaults(refuse=parser.error)


def select(options: argparse.Namespace) -> int:
    """Choose and add."""
    sessions = [path for path in options.videos if (path / SESSION_FILE).is_file()]
    if options.by == "uncertainty" and options.bundle is None and len(sessions) < len(options.videos):
        options.refuse("--by uncertainty needs the --bundle of the engine that is asked about a video; only a session holds its poses")
    if options.by != "uncertainty" and options.bundle is not None:
        options.refuse("only --by uncertainty takes a --bundle")
    if options.end is not None and options.end <= options.start:
        options.refuse(f"--end {options.end:g} is not after --start {options.start:g}")
    from tracker.bundle import read_bundle
    from trainer.selection.select import Selector, check_videos

    talk = Console(stderr=True, soft_wrap=True)
    settings = _settings(options)
    bundle = read_bundle(options.bundle) if options.bundle is not None else None
    project = _existing(options, sessions)
    check_videos(options.videos, span=settings.span, by_poses=options.by == "uncertainty" and bundle is None)
    found: list[Selection] = []
    with Selector(project or _made(options, sessions), settings, bundle=bundle, engine=engine_choice(options), console=talk) as selector:
        for video in options.videos:
            found.append(selector.select_session(video) if video in sessions else selector.select(video))
            _say(found[-1], as_json=options.json, talk=talk)
    _say_neighbours(sessions, talk)
    if options.json:
        print(json.dumps({"project": str(options.project), "videos": [each.as_json() for each in found]}))
    return 0


def _say_neighbours(sessions: Sequence[Path], talk: Console) -> None:
    """Which sessions of the same recording were not given."""
    given = {session.resolve() for session in sessions}
    for session in sessions:
        beside = neighbours(session)
        names = [*([beside.before] if beside.before is not None else []), *beside.after]
        if any(session.resolve().parent / name not in given for name in names):
            talk.print(f"{beside.sentence(session)}; frames come from the sessions that are given", markup=False, highlight=False)


def _settings(options: argparse.Namespace) -> "SelectionSettings":
    from trainer.selection.candidates import Span
    from trainer.selection.outcome import SelectionSettings
    from trainer.selection.select import most_candidates
    from trainer.selection.thumbnail import Region

    x, y, width, height = options.region or (0, 0, 0, 0)
    region = Region(x=x, y=y, width=width, height=height) if options.region else None
    span = Span(start_s=options.start, end_s=options.end, step=options.step, limit=most_candidates(options.by), region=region)
    return SelectionSettings(count=options.count, by=options.by, seed=options.seed, span=span, similar=options.similar)


def _existing(options: argparse.Namespace, sessions: Sequence[Path]) -> "Project | None":
    """The project, None where it is to be made."""
    from trainer.errors import ProjectError
    from trainer.project.store import PROJECT_FILE, open_project

    if not (options.project / PROJECT_FILE).exists():
        if options.points is None and not sessions:
            raise ProjectError(f"{options.project}: there is no labelling project; name the key points with --points to make one")
        return None
    project = open_project(options.project)
    if options.points is not None and tuple(options.points) != project.point_names:
        raise ProjectError(f"{options.project}: labels {', '.join(project.point_names)}; --points names others: leave it out")
    return project


def _made(options: argparse.Namespace, sessions: Sequence[Path]) -> "Project":
    """A new project: for the points that are named, else for those of the first session, with its lines and number of animals."""
    from trainer.project.store import create_project

    if not sessions:
        return create_project(options.project, point_names=options.points)
    from trainer.selection.session_project import project_of_session

    return project_of_session(options.project, sessions[0], point_names=options.points)


def _say(selection: "Selection", *, as_json: bool, talk: Console) -> None:
    if as_json:
        talk.print(selection.sentence, highlight=False, markup=False)
        return
    print(selection.sentence)
    for each in selection.chosen:
        print(f"  {each.video}{each.frame:>8}  {each.seconds:10.2f} s  {each.why}  {each.detail}")
    if selection.sheet is not None:
        print(selection.sheet)


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 on")
    return int(text)


def _count(text: str) -> int:
    if _whole(text) == 0:
        raise argparse.ArgumentTypeError("0 is too few; expected 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text} is not a time; expected seconds from the start of the video")
    return seconds
