"""Train what the rectangle experiments plan and have not finished, and keep what each network answers on every set."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from studies.rectangles.answers import ANSWERS_FILE, answers_on, trained_network, write_answers
from studies.rectangles.plan import Wanted, all_wanted, planned
from studies.rectangles.scale import Scale
from studies.rectangles.sets import RectangleSets, tested_on
from studies.rectangles.texture import of_video
from trainer.errors import TrainingError
from trainer.experiments.experiment import refuse_other_files
from trainer.experiments.progress import RunMeter
from trainer.experiments.run import RUNS, Run, read_run
from trainer.experiments.run_plan import PlannedRun
from trainer.experiments.train_runs import alone, execute, sentence
from trainer.training.checkpoint import CHECKPOINTS
from trainer.training.history import History
from trainer.whole_files import replace_files

PLAN_FILE = "rectangles.json"


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of rectangles.json: what a folder of these experiments is of.

    Attributes:
        scale: all sizes.
        background: of the textured set, in words.
    """

    schema: int
    scale: Scale
    background: str


def train_networks(
    out: Path, scale: Scale, steps: Sequence[str], *, video: Path | None, console: Console, keep_checkpoints: bool = False
) -> None:
    """Run the networks of some steps; those that are finished are only read.

    Args:
        out: folder for sets and runs.
        scale: sizes.
        steps: names of steps.
        video: background of the textured set; None for drifting clouds.
        console: where progress is shown.
        keep_checkpoints: keep the weights, which no report needs.

    Raises:
        TrainingError, LabelError: in one sentence.
    """
    plan = Plan(schema=1, scale=scale, background="drifting clouds" if video is None else f"frames of {video.name}")
    if video is not None:
        of_video(video, scale.side_px, count=scale.images)  # a video that cannot be read is met before anything is begun
    _begin(out, plan)
    sets = RectangleSets(out, scale, video=video, console=console)
    networks = all_wanted(scale, steps)
    with RunMeter(console, len(networks)) as meter:
        for one in networks:
            run = planned(scale, one, sets.get(one.data))
            meter.begin(run.name, run.settings)
            fresh = read_run(out / RUNS / one.name) is None
            made = _finish(one, run, out / RUNS / one.name, sets, on_epoch=meter.epoch, keep_checkpoints=keep_checkpoints)
            meter.end(sentence(made, fresh=fresh), trained=fresh)


def read_plan(out: Path) -> Plan:
    """What a folder holds experiments of.

    Raises:
        TrainingError: nothing, or its description is damaged.
    """
    path = out / PLAN_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except FileNotFoundError:
        raise TrainingError(
            f"{out}: no {PLAN_FILE} there, so there is nothing to report; run `python -m studies.rectangles` first"
        ) from None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise TrainingError(f"{path}: cannot be read ({problem}); delete it and give the command again") from problem


def finished(out: Path, scale: Scale, steps: Sequence[str]) -> dict[str, Run]:
    """The finished runs of some steps, by name.

    Raises:
        TrainingError: one is damaged.
    """
    found = {one.name: read_run(out / RUNS / one.name) for one in all_wanted(scale, steps)}
    return {name: run for name, run in found.items() if run is not None}


def _begin(out: Path, plan: Plan) -> None:
    if (out / PLAN_FILE).exists():
        found = read_plan(out)
        if found != plan:
            other = "another scale" if found.scale != plan.scale else "another background"
            raise TrainingError(
                f"{out}: holds experiments of {other} ({found.scale.words}; background {found.background}); choose another --out"
            )
        return
    refuse_other_files(out)
    replace_files(out, {PLAN_FILE: msgspec.json.format(msgspec.json.encode(plan), indent=1)}, what="the plan")


def _finish(
    one: Wanted, run: PlannedRun, folder: Path, sets: RectangleSets, *, on_epoch: Callable[[History], None], keep_checkpoints: bool
) -> Run:
    """Train a network if it is not yet trained, and keep its answers if they are not yet kept."""
    made = execute(sets.get(one.data).labels, run, folder, on_epoch=on_epoch, keep_checkpoints=True)
    with alone(folder):
        if one.whole and not (folder / ANSWERS_FILE).exists():
            network = trained_network(folder)
            write_answers(folder, {name: answers_on(network, sets.get(name)) for name in tested_on()})
        if not keep_checkpoints:
            shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    return made
