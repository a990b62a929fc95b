"""`trainer project`: make a labelling project, and move labels into it and out of it."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from trainer.commands.choices import Commands, add_command, add_empty

if TYPE_CHECKING:
    from trainer.formats.import_labels import Imported

KINDS = ("deeplabcut", "sleap", "coco")


def add(commands: Commands) -> None:
    """Declare the command and its actions."""
    text = "Make a labelling project, or move labels into it and out of it."
    parser = commands.add_parser(
        "project", help=text, description=text, epilog="example: trainer project create openfield --points snout leftear rightear tailbase"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_create(actions)
    _add_extend(actions)
    _add_import(actions)
    _add_rename(actions)
    _add_export(actions)
    counting = add_command(
        actions,
        "status",
        call=status,
        text="How far the labelling is: frames by state and video, and how often each key point is labelled.",
        example="trainer project status openfield",
    )
    counting.add_argument("project", type=Path)
    counting.add_argument("--json", action="store_true", help="print one JSON object")
    merging = add_command(
        actions,
        "merge",
        call=merge,
        text="Copy the frames and labels of another project into this one.",
        example="trainer project merge openfield openfield-of-bob",
    )
    merging.add_argument("project", type=Path)
    merging.add_argument("other", type=Path, help="left as it is")


def _add_create(actions: Commands) -> None:
    parser = add_command(
        actions,
        "create",
        call=create,
        text="Make an empty project.",
        example="trainer project create openfield --points snout leftear rightear tailbase --skeleton snout-tailbase --tags rearing",
    )
    parser.add_argument("project", type=Path, help="folder to make")
    parser.add_argument("--points", nargs="+", required=True, metavar="NAME", help="key points, in the order of labelling")
    _add_names(parser)
    parser.add_argument("--animals", type=int, default=1, help="the most in one frame (%(default)s)")


def _add_extend(actions: Commands) -> None:
    parser = add_command(
        actions,
        "extend",
        call=extend,
        text="Add key points, lines, sides or tags to a project; labels stay as they are, and none is taken away.",
        example="trainer project extend openfield --points tongue --skeleton snout-tongue --pairs leftear:rightear",
    )
    parser.add_argument("project", type=Path)
    parser.add_argument("--points", nargs="+", default=[], metavar="NAME", help="key points, after those that are there")
    _add_names(parser)


def _add_names(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--skeleton", nargs="+", default=[], metavar="A-B", help="lines between key points")
    parser.add_argument("--pairs", nargs="+", default=[], metavar="A:B", help="left and right partners, where their names do not say so")
    parser.add_argument("--tags", nargs="+", default=[], metavar="NAME", help="what a frame can be marked with")


def _add_import(actions: Commands) -> None:
    parser = add_command(
        actions,
        "import",
        call=import_into,
        text="Copy labelled frames of another tool into a project; one that is not there is made, with the names of the labels.",
        example="trainer project import openfield dlc-project --annotator pranav",
        interrupted="stopped by hand; what is in the project stays there, and the same command takes in the rest",
    )
    parser.add_argument("project", type=Path)
    parser.add_argument(
        "labels",
        type=Path,
        help="DeepLabCut project, CSV or HDF5 table, SLEAP .slp, COCO .json, a folder with one of them, or a synthetic set",
    )
    parser.add_argument("--annotator", required=True, metavar="NAME", help="whose labels they become")
    parser.add_argument(
        "--media", type=Path, nargs="+", default=[], metavar="FOLDER", help="where the pictures or videos are, if elsewhere"
    )
    parser.add_argument(
        "--skip-missing", action="store_true", help="leave out frames whose picture or video is not there, and say how many of which"
    )
    parser.add_argument(
        "--keep-changed",
        action="store_true",
        help="frames that the annotator has labelled otherwise or emptied in the project stay as they are there, and their number is said",
    )
    parser.add_argument(
        "--names-as-given",
        action="store_true",
        help="of videos of which points were renamed in the project, the labels have the new names already; otherwise they are renamed "
        "likewise, unless frames that are labelled in both show that",
    )
    add_empty(parser)


def _add_rename(actions: Commands) -> None:
    parser = add_command(
        actions,
        "rename",
        call=rename,
        text="Give points of one video's labels other names, where they were called otherwise than in the rest; the names the other way "
        "round take it back.",
        example="trainer project rename openfield --video tuesday --points leftear:rightear rightear:leftear",
    )
    parser.add_argument("project", type=Path)
    parser.add_argument("--video", required=True, metavar="NAME", help="whose labels, of every annotator")
    parser.add_argument(
        "--points", nargs="+", required=True, metavar="A:B", help="what is called A is to be called B; A:B and B:A together exchange two"
    )
    parser.add_argument(
        "--renaming",
        type=int,
        metavar="N",
        help="only as the Nth time that points of this video are renamed, so that the same command exchanges nothing back when it is run "
        "again (the next time, whichever it is)",
    )


def _add_export(actions: Commands) -> None:
    parser = add_command(
        actions,
        "export",
        call=export,
        text="Write a project's labels and images for another tool.",
        example="trainer project export openfield --to sleap --out openfield.pkg.slp",
    )
    parser.add_argument("project", type=Path)
    parser.add_argument("--to", choices=KINDS, required=True, help="(%(choices)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder to make; for SLEAP a file that ends in .pkg.slp")
    parser.add_argument("--annotator", nargs="+", metavar="NAME", help="whose labels; several are averaged (default: everybody's)")


def create(options: argparse.Namespace) -> int:
    """Make the project."""
    from trainer.project.store import create_project

    create_project(
        options.project,
        point_names=options.points,
        skeleton=[_pair(text, options.points, option="--skeleton", dash="-") for text in options.skeleton],
        pairs=[_pair(text, options.points, option="--pairs", dash=":") for text in options.pairs],
        tags=options.tags,
        animals=options.animals,
    )
    print(options.project)
    return 0


def extend(options: argparse.Namespace) -> int:
    """Add names."""
    from trainer.project.store import open_project

    project = open_project(options.project)
    points = [*project.point_names, *options.points]
    project.add_names(
        points=options.points,
        skeleton=[_pair(text, points, option="--skeleton", dash="-") for text in options.skeleton],
        pairs=[_pair(text, points, option="--pairs", dash=":") for text in options.pairs],
        tags=options.tags,
    )
    print(f"{options.project}: {', '.join(project.point_names)}")
    return 0


def import_into(options: argparse.Namespace) -> int:
    """Import labels."""
    from trainer.errors import LabelError
    from trainer.formats.import_labels import ImportChoice, import_labels

    absent = [folder for folder in options.media if not folder.is_dir()]
    if absent:
        raise LabelError(f"--media {absent[0]}: no such folder; expected where the pictures or videos are")
    choice = ImportChoice(
        annotator=options.annotator,
        media=tuple(options.media),
        empty=options.empty,
        skip_missing=options.skip_missing,
        keep_changed=options.keep_changed,
        names_as_given=options.names_as_given,
    )
    done = import_labels(options.project, options.labels, choice, console=Console(stderr=True))
    for sentence in _imported_in_words(done, options):
        print(sentence)
    return 0


def _imported_in_words(done: "Imported", options: argparse.Namespace) -> list[str]:
    from trainer.sentences import frames

    made, have = "made, " if done.made else "", "has" if done.labelled == 1 else "have"
    said = [f"{options.project}: {made}{frames(done.added)} added; {done.labelled} {have} labels of {options.annotator}"]
    if done.kept:
        them, stay = ("it", "it stays as it is") if done.kept == 1 else ("them", "they stay as they are")
        said.append(f"{options.annotator} has labelled {frames(done.kept)} otherwise in the project since, or emptied {them}; {stay} there")
    if done.left_out:
        of = ", ".join(f"{count} of {group}" for group, count in done.left_out.items())
        said.append(f"left out, as their pictures are not there: {sum(done.left_out.values())} labelled frames ({of})")
    if done.empty:
        of = ", ".join(f"'{name}' in {'1 animal' if count == 1 else f'{count} animals'}" for name, count in done.empty.items())
        other = "where they cannot be seen there, import into a new project with --empty hidden"
        said.append(f"points without a place were taken as not labelled: {of}; {other}")
    return [*said, *map(str, done.named), *map(str, done.second)]


def rename(options: argparse.Namespace) -> int:
    """Rename points."""
    from trainer.project.rename import rename_points
    from trainer.project.store import open_project
    from trainer.scoring.typed_commands import typed

    known = list(open_project(options.project).point_names)
    names = [_pair(text, known, option="--points", dash=":") for text in options.points]
    done = rename_points(options.project, options.video, names, renaming=options.renaming)
    if options.renaming is not None and not done.frames and done.renamings >= options.renaming:
        unknown = " by an earlier version, which did not write down which," if done.unknown else ""
        before = f"points of '{options.video}' were renamed before{unknown} ({done.renamings} in all)"
        print(f"{options.project}: {before}; as --renaming {options.renaming} this changes nothing")
        return 0
    if not done.frames:
        print(f"{options.project}: nobody has labelled {', '.join(name for name, _ in names)} in '{options.video}'; nothing was renamed")
        return 0
    of = ", ".join(f"{count} of {annotator}" for annotator, count in done.frames.items())
    points = [f"{new}:{old}" for old, new in names]
    words = ["project", "rename", str(options.project), "--video", options.video, "--points", *points]
    back = typed(*words, "--renaming", str(done.renamings + 1))
    print(f"{options.project}: renamed in the labelled frames of '{options.video}' ({of}); to take it back:\n{back}")
    return 0


def status(options: argparse.Namespace) -> int:
    """Print the tables."""
    from trainer.errors import LabelError
    from trainer.formats.project import read_project
    from trainer.labels.counts import count_labels, counts_table
    from trainer.project.progress import progress_of
    from trainer.project.store import open_project

    project = open_project(options.project)
    progress = progress_of(project)
    try:
        counts = count_labels(read_project(options.project))
    except LabelError:  # nobody has placed a point yet, which the first table says
        counts = None
    if options.json:
        print(json.dumps({"frames": progress.as_json(), "labels": None if counts is None else counts.as_json()}))
        return 0
    talk = Console(highlight=False)
    talk.print(f"{len(project.frames)} frames; labels of {', '.join(progress.by_annotator) or 'nobody yet'}")
    if progress.by_annotator:
        talk.print(progress.table())
    if counts is not None:
        talk.print()
        talk.print(counts_table({"usable": counts}))
    return 0


def merge(options: argparse.Namespace) -> int:
    """Merge another project into this one."""
    from trainer.formats.import_labels import merge_projects
    from trainer.sentences import frames

    added = merge_projects(options.project, options.other, console=Console(stderr=True))
    print(f"{options.project}: {frames(added)} added")
    return 0


def export(options: argparse.Namespace) -> int:
    """Export labels."""
    from trainer.formats.project import read_project

    talk = Console(stderr=True)
    frames = read_project(options.project, annotators=options.annotator)
    if options.to == "deeplabcut":
        from trainer.formats.write_deeplabcut import write_deeplabcut

        print(write_deeplabcut(frames, options.out, scorer=_scorer(options), console=talk))
        talk.print("for DeepLabCut's own training, run deeplabcut.convertcsv2h5(config, userfeedback=False) once", highlight=False)
    elif options.to == "sleap":
        from trainer.formats.write_sleap import write_sleap

        print(write_sleap(frames, options.out, console=talk))
    else:
        from trainer.formats.write_coco import write_coco

        print(write_coco(frames, options.out, console=talk))
    return 0


def _scorer(options: argparse.Namespace) -> str:
    """One annotator's own name; several together have none."""
    from trainer.project.store import open_project

    names = options.annotator or open_project(options.project).annotators()
    return str(names[0]) if len(names) == 1 else "mean"


def _pair(text: str, points: list[str], *, option: str, dash: str) -> tuple[str, str]:
    """`a-b` as two names; names may hold a dash themselves."""
    from trainer.errors import ProjectError

    for place, letter in enumerate(text):
        one, other = text[:place], text[place + 1 :]
        if letter == dash and one in points and other in points:
            return one, other
    raise ProjectError(f"{option} {text}: expected two of the points {', '.join(points)} with '{dash}' between them")
