"""`trainer evaluate`: how good a bundle is on labelled frames, beside what knows nothing, does not learn, or is human."""

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from trainer.commands.behaviour_options import (
    add_behaviour_scoring,
    refuse_behaviour_options,
    refuse_key_point_scoring,
)
from trainer.commands.behaviour_request import choice_asked, rules_asked
from trainer.commands.bouts import reading_asked, tell_scores
from trainer.commands.choices import NOTHING_KEPT, Commands, add_command, add_empty, add_engine, engine_choice

if TYPE_CHECKING:
    from tracker.bundle import Bundle
    from trainer.scoring.evaluate_sets import EvaluationRun, ScoredSet
    from trainer.scoring.metrics import PointErrors

THRESHOLDS_PX = (2.0, 5.0, 10.0)


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "evaluate",
        call=evaluate,
        interrupted=NOTHING_KEPT,
        text="Score a bundle on labelled frames.",
        example="trainer evaluate models/mine --data project other.slp --floor project --classical --report evaluation",
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        metavar="LABELS",
        help="labelling or DeepLabCut project, CSV, SLEAP .slp, COCO .json or synthetic set; several give a table across data sets. "
        "Of labels that the bundle was trained on, frames held out and frames learnt from are scored apart",
    )
    add_empty(parser)
    parser.add_argument("--train", type=Path, metavar="LABELS", help="what it has learnt from, where that cannot be told from --data")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write report.html and metrics.json there")
    parser.add_argument("--thresholds", type=float, nargs="+", default=list(THRESHOLDS_PX), metavar="PX", help="shares within (2 5 10)")
    parser.add_argument("--floor", metavar="PROJECT|PX", help="distance between annotators, drawn under every accuracy")
    parser.add_argument(
        "--target-px", type=float, metavar="PX", help="the mean error that your task can do with; the verdict says if it is met"
    )
    parser.add_argument("--classical", action="store_true", help="score a tracker without learning on the same frames")
    parser.add_argument("--chamber", type=int, nargs=4, metavar=("X", "Y", "WIDTH", "HEIGHT"), help="where that tracker looks, px")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_engine(parser)
    add_behaviour_scoring(parser, alone=True)


def evaluate(options: argparse.Namespace) -> int:
    """Score, print and report."""
    from tracker.bundle import read_bundle
    from trainer.scoring.evaluate_sets import EvaluationOptions, evaluate_sets
    from trainer.scoring.floor import floor_of_data, read_floor
    from trainer.whole_files import refuse_unwritable

    if options.report is not None:
        refuse_unwritable(options.report, option="--report")
    talk = Console(stderr=True)
    bundle = read_bundle(options.bundle)
    if bundle.description.behaviour is not None:
        refuse_key_point_scoring(options)
        return _evaluate_behaviour(options, bundle) if bundle.description.forecast is None else _evaluate_forecast(options, bundle)
    refuse_behaviour_options(options)
    names = bundle.description.point_names
    floor = read_floor(options.floor, names) if options.floor else floor_of_data(options.data[0], names)
    asked = EvaluationOptions(
        thresholds_px=_thresholds(options.thresholds),
        floor=floor,
        classical=options.classical or options.chamber is not None,
        chamber=tuple(options.chamber) if options.chamber is not None else None,
        target_px=options.target_px,
    )
    run = evaluate_sets(
        bundle, options.data, train=options.train, asked=asked, engine=engine_choice(options), empty=options.empty, console=talk
    )
    if options.report is not None:
        from trainer.reports.evaluation_report import write_evaluation_report

        talk.print(f"report: {write_evaluation_report(options.report, run)}", soft_wrap=True)
    if options.json:
        print(json.dumps(run.as_json()))
    else:
        _print(run)
    return 0


def _evaluate_behaviour(options: argparse.Namespace, bundle: "Bundle") -> int:
    from trainer.behaviour_scores.behaviour_score import Cleaning
    from trainer.errors import TrainingError
    from trainer.pipeline.evaluate_behaviour import evaluate_behaviour, write_predictions
    from trainer.whole_files import refuse_unwritable

    if len(options.data) != 1:
        raise TrainingError(f"--data names {len(options.data)} tables; expected one, with a row for each video")
    if options.predictions is not None:
        refuse_unwritable(Path(options.predictions), option="--predictions")
    talk = Console(stderr=True, soft_wrap=True)
    run = evaluate_behaviour(
        bundle,
        options.data[0],
        asked=reading_asked(options),
        left_out=tuple(options.leave_out or ()),
        cleaning=Cleaning(minimum_ms=options.minimum_ms or 0.0, gap_ms=options.gap_ms or 0.0),
        say=lambda sentence: talk.print(sentence, markup=False, highlight=False),
        choice=choice_asked(options),
        rules=rules_asked(options),
    )
    if options.predictions is not None:
        about = bundle.description.behaviour
        write_predictions(Path(options.predictions), run, exclusive=about is not None and about.exclusive)
    tell_scores(run, options, talk=talk)
    return 0


def _evaluate_forecast(options: argparse.Namespace, bundle: "Bundle") -> int:
    from trainer.commands.forecast_options import refuse_behaviour_scoring
    from trainer.forecast.evaluate_forecast import evaluate_forecast
    from trainer.forecast.report import write_forecast_report

    refuse_behaviour_scoring(options)
    talk = Console(stderr=True, soft_wrap=True)
    run = evaluate_forecast(bundle, options.data, fps=options.fps, say=lambda sentence: talk.print(sentence, markup=False, highlight=False))
    if options.report is not None:
        talk.print(f"report: {write_forecast_report(options.report, run)}")
    print(json.dumps(run.as_json()) if options.json else "\n".join([*run.lines, *run.sentences, *run.notes]))
    return 0


def _thresholds(given: Sequence[float]) -> tuple[float, ...]:
    from trainer.errors import TrainingError

    for limit in given:
        if not (math.isfinite(limit) and limit > 0):
            raise TrainingError(f"--thresholds {limit:g}: expected pixels, more than 0")
    return tuple(sorted(set(given)))


def _print(run: "EvaluationRun") -> None:
    thresholds = run.asked.thresholds_px
    print(
        f"{'':<34} {'mean':>8} {'median':>8} {'p95':>8} px " + " ".join(f"{f'<={limit:g}':>7}" for limit in thresholds) + f" {'points':>7}"
    )
    for one in run.sets:
        _print_set(one, thresholds)
    if run.asked.floor is not None:
        print(f"{'people: between annotators':<34} {run.asked.floor.mean_px:8.2f}")
    for line in [*run.unlike, *run.verdict.lines] if run.verdict is not None else run.warnings:
        print(line)


def _print_set(one: "ScoredSet", thresholds: tuple[float, ...]) -> None:
    from tracker.bundle_description import distance_words
    from trainer.scoring.breakdown import UNTAGGED, by_group, by_tag

    evaluation = one.evaluation
    print(_row(f"{one.name} ({len(evaluation.frames)} frames)", evaluation.errors, thresholds))
    print(f"  {one.field_of_view}")
    if evaluation.animals is not None:
        counts = evaluation.animals
        print(f"  of {counts.labelled} animals {counts.found} found, {counts.missed} missed; {counts.false} answers of no animal")
    for place, name in enumerate(evaluation.frames.point_names):
        print(_row(f"  {name}", evaluation.errors.of_point(place), thresholds))
    print(f"{'  baseline: mean position':<34} {evaluation.baseline.mean_position_px:8.2f}   (in {evaluation.baseline.fitted_on})")
    print(f"{'  baseline: image centre':<34} {evaluation.baseline.image_centre_px:8.2f}   (what an all-black heat map answers)")
    if one.classical is not None:
        for place, name in enumerate(one.classical.names):
            print(_row(f"  without learning: {name}", one.classical.errors.of_point(place), thresholds))
        print(f"  {one.classical.sentence}")
    if one.not_classical is not None:
        print(f"  {one.not_classical}")
    groups = by_group(evaluation)
    for group in groups if len(groups) > 1 else ():
        print(_row(f"  {group.group} ({group.frames} frames)", group.errors, thresholds))
    for tag in by_tag(evaluation):
        print(_row(f"  {tag.tag} ({tag.frames} frames)", tag.errors, thresholds))
        if tag.tag != UNTAGGED:
            print(f"    {tag.sentence}")
    found = one.reliability
    print(f"  confidence: off by {found.error:.3f} on average from the share of points within {distance_words(found.within_px.tolist())}")
    for point in one.absence[:1]:
        print(f"  {point.absent} labels say out of sight: a present point is surer than an absent one in {point.auc:.1%} of pairs (AUC)")


def _row(name: str, errors: "PointErrors", thresholds: tuple[float, ...]) -> str:
    spread = errors.spread
    shares = " ".join(f"{errors.within(limit):7.1%}" for limit in thresholds)
    return f"{name:<34} {spread.mean_px:8.2f} {spread.median_px:8.2f} {spread.p95_px:8.2f}    {shares} {errors.found:>7}"
