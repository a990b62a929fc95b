"""Labels in, engine bundle and report out: read → split → fit → export → prove → score on the rig's own engine → write."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from trainer.bundle_places import refuse_other_content, refuse_unwritable_places, run_folder
from trainer.errors import TrainingError
from trainer.formats.empty_cells import Empty
from trainer.formats.read_labels import read_and_join
from trainer.formats.synthetic_set import own_parts
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import Split, SplitChoice, choose_split
from trainer.pipeline.bundle_request import BundleRequest
from trainer.pipeline.train_and_write import train_and_write
from trainer.pipeline.trained_bundle import TrainedBundle
from trainer.scoring.correct_radius import Judging
from trainer.scoring.floor import floor_of_data
from trainer.scoring.starting_weights import known_when_judged
from trainer.training.checkpoint import CHECKPOINTS, LAST
from trainer.training.fit_settings import FitSettings
from trainer.training.processes import processes_here
from trainer.training.training_options import beginning_apart_from, options_of_training


def make_bundle(
    data: Sequence[Path],
    out: Path,
    settings: FitSettings,
    *,
    split: SplitChoice,
    console: Console,
    judging: Judging = Judging(),  # noqa: B008  # frozen
    anew: bool = False,
    augment_file: Path | None = None,
    empty: Empty | None = None,
) -> TrainedBundle | None:
    """Train on labelled frames and write a bundle with its report; an interrupted run of the same labels and settings goes on.

    Args:
        data: what `read_labels` reads; several sets are joined.
        out: folder of the bundle; what the run leaves (checkpoints, history) is kept beside it in OUT.run.
        settings: of the training.
        split: what is held out; a synthetic set's own parts stand instead of the default blocks.
        console: where progress is shown.
        judging: how near counts as right, and what error the task can do with.
        anew: replace the bundle and the run of other labels or settings that may be there; otherwise they are refused.
        augment_file: where the augmentation was read from, for the commands that the verdict proposes.
        empty: what an empty cell of another tool's labels means, None where nobody has said.

    Returns:
        What was made; None in all but the first of several processes, whose part ends with the training.

    Raises:
        LabelError, TrainingError, BundleError: in one sentence; an earlier bundle of that name is left as it was.
    """
    refuse_other_content(out)
    if out.name in ("", ".."):  # --out . has no name that the run's folder could be called by
        out = out.resolve()
    run = run_folder(out)
    refuse_unwritable_places(out)
    if (out / "bundle.json").exists() and not (run / CHECKPOINTS / LAST).exists() and not anew:
        raise TrainingError(
            f"{out}: holds a bundle, and {run} no training that it is from; give another --out, or --force to replace the bundle"
        )
    console.quiet = console.quiet or not processes_here().first
    frames = read_and_join(data, empty)
    parts = _divide(data[0], frames, split) if len(data) == 1 else choose_split(frames, split)
    another = beginning_apart_from(settings, frames, run=run)
    request = BundleRequest(
        data=data,
        fit_options=options_of_training(another, augment_file=augment_file, split=split, judging=judging, empty=empty),
        frames=frames,
        parts=parts,
        source=", ".join(one.name for one in data),
        floor=floor_of_data(data[0], frames.point_names),
        out=out,
        run=run,
        settings=settings,
        judging=judging,
        anew=anew,
        begins_anew=another != settings,
        notes=known_when_judged(settings.weights, frames, parts.held_out),
    )
    return train_and_write(request, console)


def _divide(data: Path, frames: LabelledFrames, choice: SplitChoice) -> Split:
    asked = choice.fold is not None or choice.groups or choice.random_fraction is not None or choice.everything
    own = None if asked else own_parts(data, frames)
    if own is not None and len(own.train):
        words = "validation part of the set held out; its test part not touched"
        return Split(train=own.train, held_out=own.validation, description=words, of_set=True)
    return choose_split(frames, choice)
