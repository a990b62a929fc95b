"""`trainer compare`: which of two bundles is better on the same frames, in one sentence."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from trainer.commands.behaviour_options import add_behaviour_scoring, refuse_behaviour_options, refuse_key_point_scoring
from trainer.commands.behaviour_request import choice_asked, rules_asked
from trainer.commands.bouts import reading_asked
from trainer.commands.choices import NOTHING_KEPT, Commands, add_command, add_empty, add_engine, engine_choice

if TYPE_CHECKING:
    from tracker.bundle import Bundle


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "compare",
        call=compare,
        interrupted=NOTHING_KEPT,
        text="Compare two bundles on the same labelled frames, ending in one sentence: which is better, by how much, how surely.",
        example="trainer compare models/old models/new --data project --report comparison",
    )
    parser.add_argument("first", type=Path, metavar="BUNDLE_A")
    parser.add_argument("second", type=Path, metavar="BUNDLE_B")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="LABELS", help="labels; frames that a bundle has learnt from are left out"
    )
    add_empty(parser)
    parser.add_argument("--learnt-too", action="store_true", help="count frames that one of the two has learnt from as well")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write report.html and metrics.json there")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_engine(parser)
    add_behaviour_scoring(parser, alone=False)


def compare(options: argparse.Namespace) -> int:
    """Score both, test, print and report."""
    from tracker.bundle import read_bundle
    from trainer.reports.compare_bundles import compare_bundles, write_comparison

    talk = Console(stderr=True)
    bundles = read_bundle(options.first), read_bundle(options.second)
    if any(bundle.description.forecast is not None for bundle in bundles):
        refuse_key_point_scoring(options)
        return _compare_forecasts(options, bundles)
    if all(bundle.description.behaviour is not None for bundle in bundles):
        refuse_key_point_scoring(options)
        return _compare_behaviour(options, bundles)
    refuse_behaviour_options(options)
    found = compare_bundles(
        bundles, options.data, engine=engine_choice(options), learnt_too=options.learnt_too, empty=options.empty, console=talk
    )
    if options.report is not None:
        talk.print(f"report: {write_comparison(options.report, found)}", soft_wrap=True)
    if options.json:
        print(json.dumps(found.as_json()))
        return 0
    print(f"{'':<18} {'A':>8} {'B':>8} {'B - A':>8}   95 % interval        p  frames   (A: {found.first}; B: {found.second}; px)")
    for one in (found.overall, *found.per_point):
        interval = f"{one.low_px:+.2f} to {one.high_px:+.2f}"
        print(f"{one.what:<18} {one.first_px:8.2f} {one.second_px:8.2f} {one.mean_px:+8.2f}   {interval:<16} {one.p:6.3f} {one.frames:>7}")
    if found.floor is not None:
        print(f"people: {found.floor.mean_px:.2f} px between annotators")
    print(found.sentence)
    return 0


def _compare_behaviour(options: argparse.Namespace, bundles: "tuple[Bundle, Bundle]") -> int:
    from trainer.errors import TrainingError
    from trainer.pipeline.compare_behaviour import compare_behaviour
    from trainer.reports.report_files import plain_json
    from trainer.whole_files import refuse_unwritable

    if options.learnt_too:
        raise TrainingError("--learnt-too is for key points; leave it out with bundles that find behaviour")
    if options.report is not None:
        refuse_unwritable(options.report, option="--report")
    talk = Console(stderr=True, soft_wrap=True)
    found = compare_behaviour(
        bundles,
        options.data,
        asked=reading_asked(options),
        left_out=tuple(options.leave_out or ()),
        say=lambda sentence: talk.print(sentence, markup=False, highlight=False),
        choice=choice_asked(options),
        rules=rules_asked(options),
    )
    if options.report is not None:
        from trainer.reports.behaviour_report import write_behaviour_comparison

        made = write_behaviour_comparison(options.report, found.scores, found.people, said=found.sentences, figures=found.as_json())
        talk.print(f"report: {made}", markup=False)
    print(plain_json(found.as_json()).decode() if options.json else "\n".join(found.lines))
    return 0


def _compare_forecasts(options: argparse.Namespace, bundles: "tuple[Bundle, Bundle]") -> int:
    from trainer.commands.forecast_options import refuse_behaviour_scoring
    from trainer.errors import TrainingError
    from trainer.forecast.compare_forecasts import compare_forecasts
    from trainer.forecast.report import write_forecast_comparison
    from trainer.reports.report_files import plain_json
    from trainer.whole_files import refuse_unwritable

    refuse_behaviour_scoring(options)
    if options.learnt_too:
        raise TrainingError("--learnt-too is for key points; leave it out with bundles that forecast")
    if options.report is not None:
        refuse_unwritable(options.report, option="--report")
    talk = Console(stderr=True, soft_wrap=True)
    found = compare_forecasts(
        bundles, [options.data], fps=options.fps, say=lambda sentence: talk.print(sentence, markup=False, highlight=False)
    )
    if options.report is not None:
        made = write_forecast_comparison(options.report, found.run, said=found.sentences, figures=found.as_json())
        talk.print(f"report: {made}", markup=False)
    print(plain_json(found.as_json()).decode() if options.json else "\n".join(found.lines))
    return 0
