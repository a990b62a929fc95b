"""A finished training → its report: settings, learning, errors, what the network looked at."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from tracker.bundle_description import Description
from tracker.frame import Image
from trainer.labels.finding_lines import OddLabels
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.network_input import fields_of_view
from trainer.networks.map_network import ShowsMaps
from trainer.reports.training_page import Examples, JudgedTraining, TrainingRun, write_report
from trainer.scoring.confidence_map import ConfidenceMap
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.floor import Floor
from trainer.training.datasets import FrameStore
from trainer.training.fit import FitResult
from trainer.training.fit_settings import FitSettings
from trainer.training.learning_examples import example_places
from trainer.training.predict import predict_animals


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredTraining:
    """A finished training and its bundle's scores.

    Attributes:
        result: the network and how it came about.
        settings: of the training.
        calibration: what was done to the confidence.
        floor: the distance between annotators, where known.
        train: the bundle scored on frames learnt from.
        held_out: the same on the frames held out, None where none were.
        odd_labels: what was odd about the labels before anything was trained.
    """

    result: FitResult
    settings: FitSettings
    calibration: ConfidenceMap
    floor: Floor | None
    train: Evaluation
    held_out: Evaluation | None
    odd_labels: OddLabels = field(default_factory=OddLabels)

    @property
    def shown(self) -> LabelledFrames:
        """The frames that pictures are of: those held out, or else those learnt from."""
        return self.held_out.frames if self.held_out is not None else self.train.frames


def report_training(
    out: Path, description: Description, training: ScoredTraining, *, judged: JudgedTraining, notes: Sequence[str] = ()
) -> Path:
    """Write the report of a training beside its bundle and return its path.

    Raises:
        TrainingError: the folder cannot be written.
    """
    result, settings = training.result, training.settings
    run = TrainingRun(
        name=description.name,
        created=description.created,
        device=settings.accelerator if torch.cuda.is_available() else "cpu",
        settings={
            **asdict(settings),
            "split": description.training.split,
            "stopped by": result.stopped,
            "network": description.network,
        },
        history=history_of(result),
        train=training.train,
        held_out=training.held_out,
        heatmap=_heat_map(result, training.shown),
        field_of_view=fields_of_view(description, training.shown),
        judged=judged,
        calibration=training.calibration,
        floor=training.floor,
        examples=_examples(result, training.shown),
        notes=notes,
        odd_labels=training.odd_labels,
    )
    return write_report(out, run)


def _examples(result: FitResult, frames: LabelledFrames) -> Examples:
    """The frames that the network was asked about while learning, and the answers of its finished weights last."""
    store, places = FrameStore(frames, result.view, lighting=result.lighting), example_places(len(frames))
    stages = [(f"epoch {each.epoch + 1}", store.to_source(np.array(each.poses, np.float32), places)) for each in result.history.examples]
    finished = ("finished", predict_animals(result.network, store, places))
    return Examples(images=[frames.read(int(place)) for place in places], truth=frames.points[places], stages=[*stages, finished])


def history_of(result: FitResult) -> dict[str, Any]:
    """What happened while learning, as report and verdict take it: epochs count from 1."""
    epochs, before = [], 0.0
    for epoch in result.history.epochs:
        epochs.append(
            {
                "epoch": epoch.epoch + 1,
                "train_loss": epoch.loss,
                "val_loss": epoch.held_out_loss,
                "val_error_px": epoch.held_out_px,
                "seconds": epoch.seconds - before,
                "learning_rate": epoch.learning_rate,
            }
        )
        before = epoch.seconds
    losses = result.history.batch_loss
    each = max(1, len(losses) // max(1, len(epochs)))
    places = [min(i // each, max(0, len(epochs) - 1)) for i in range(len(losses))]  # time may have ended the last epoch early
    batches = [{"epoch": place + 1, "batch": i - place * each, "loss": losses[i]} for i, place in enumerate(places)]
    return {"epochs": epochs, "batches": batches}


@torch.no_grad()
def _heat_map(result: FitResult, frames: LabelledFrames) -> tuple[Image, NDArray[np.floating[Any]]] | None:
    """An animal's crop and the network's map for it, all key points together; None for a head without maps."""
    if not isinstance(result.network, ShowsMaps):
        return None
    image = FrameStore(frames, result.view, lighting=result.lighting).read(len(frames) // 2)
    frame = torch.from_numpy(image.reshape(1, *image.shape[:2], -1))
    seen = result.network.seen(frame)
    x, y, crop = seen.left, seen.top, seen.plan
    together = torch.softmax(seen.points.flatten(1), 1).reshape(seen.points.shape).amax(0)
    reach = crop.height, crop.width  # what the crop shows beyond the frame is the frame's border
    around = cv2.copyMakeBorder(image, reach[0], reach[0], reach[1], reach[1], cv2.BORDER_REPLICATE)
    return np.asarray(around[y + reach[0] :, x + reach[1] :][: crop.height, : crop.width], np.uint8), together.numpy()
