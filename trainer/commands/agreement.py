"""`trainer agreement`: how far apart a project's annotators place the same points."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from trainer.commands.choices import NOTHING_KEPT, Commands, add_command

if TYPE_CHECKING:
    from trainer.project.agreement import Agreement


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "agreement",
        call=agreement,
        interrupted=NOTHING_KEPT,
        text="Compare the annotators of a labelling project, in pixels per key point: no network can be shown to be better than that.",
        example="trainer agreement openfield --out agreement.png",
    )
    parser.add_argument("project", type=Path, help="folder of a labelling project that two or more people labelled")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--out", type=Path, metavar="PICTURE", help="draw the distances as PNG, SVG or PDF")


def agreement(options: argparse.Namespace) -> int:
    """Compare, print and draw."""
    from trainer.project.agreement import RULE
    from trainer.project.agreement import agreement as compare
    from trainer.project.store import open_project
    from trainer.whole_files import refuse_unwritable

    if options.out is not None:
        refuse_unwritable(options.out.parent, option="--out")
    found = compare(open_project(options.project))
    if options.out is not None:
        from trainer.reports.plot_agreement import write_agreement_figure

        write_agreement_figure(found, options.out)
    if options.json:
        print(json.dumps(found.as_json()))
    else:
        _print(found)
        Console(stderr=True).print(RULE, highlight=False)
    return 0


def _print(found: "Agreement") -> None:
    print(f"{'point':<18} {'mean':>7} {'median':>7} {'p95':>7} px {'pairs':>6} {'frames':>6}  hidden by one / both")
    rows = {"all points": found.overall} | found.per_point
    for name, point in rows.items():
        figures = point.as_json()
        numbers = " ".join(_number(figures[key]) for key in ("mean_px", "median_px", "p95_px"))
        hidden = f"{figures['hidden_by_one']} / {figures['hidden_by_both']}"
        print(f"{name:<18} {numbers}    {figures['pairs']:>6} {figures['frames']:>6}  {hidden}")
    print(f"annotators: {', '.join(found.annotators)}; excluded by one of two: {found.excluded_by_one}")


def _number(value: float | None) -> str:
    return f"{'–':>7}" if value is None else f"{value:7.2f}"
