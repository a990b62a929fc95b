"""Labels in, engine bundle and report out: read → split → fit → export → prove → score on the rig's own engine → write."""

import datetime
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from tracker.bundle import (
    Accuracy,
    Bundle,
    Description,
    SelfTest,
    TensorShape,
    TrainingData,
    View,
    read_bundle,
    write_bundle,
)
from tracker.frame import Image
from trainer.data import FrameStore
from trainer.errors import TrainingError
from trainer.evaluate import EngineChoice, Evaluation, evaluate
from trainer.export import FP32_PX, INPUT, OUTPUT, Exported, export
from trainer.fit import FitResult, fit
from trainer.fit_settings import FitSettings
from trainer.labels.fingerprint import labels_sha256
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.read_labels import read_labels
from trainer.labels.synthetic_set import SET_FILE, set_part
from trainer.networks.coarse_to_fine import CoarseToFine
from trainer.report import TrainingRun, write_report
from trainer.split import Split, SplitChoice, choose_split

PROVED_ON = 8  # frames on which every runtime must agree with torch
SCORED = 200  # training frames scored for the comparison with those held out
_SELF_TEST_FP32 = 0.05  # px and confidence; ten times the largest difference between runtimes seen
_SELF_TEST_REDUCED = 1.5  # px: a sure point in bf16 or fp16; a wrong graph is off by tens
_NO_HASH = "0" * 64  # filled in by write_bundle
_ENGINE = EngineChoice(runtime="openvino", precision="fp32", threads=1, gpu=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was made, and how good it is on frames it never saw."""

    bundle: Path
    report: Path
    train: Evaluation
    held_out: Evaluation | None
    seconds: float
    stopped: str

    @property
    def sentence(self) -> str:
        """One sentence for people."""
        if self.held_out is None:
            return f"{self.bundle}: written after {self.seconds / 60:.1f} min of training; no frame was held out, so its error is not known"
        spread = self.held_out.errors.spread
        return (
            f"{self.bundle}: mean error {spread.mean_px:.2f} px (median {spread.median_px:.2f}, p95 {spread.p95_px:.2f}) on "
            f"{len(self.held_out.frames)} held-out frames after {self.seconds / 60:.1f} min of training; report: {self.report}"
        )

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "bundle": str(self.bundle),
            "report": str(self.report),
            "seconds": self.seconds,
            "stopped": self.stopped,
            "train": self.train.as_json(),
            "held_out": self.held_out.as_json() if self.held_out else None,
        }


def make_bundle(data: Path, out: Path, settings: FitSettings, *, split: SplitChoice, console: Console) -> Made:
    """Train on labelled frames and write a bundle with its report; an interrupted run of the same labels and settings goes on.

    Args:
        data: what `read_labels` reads.
        out: folder of the bundle; what the run leaves (checkpoints, history) is kept beside it in OUT.run.
        settings: of the training.
        split: what is held out; a synthetic set's own parts stand instead of the default blocks.
        console: where progress is shown.

    Raises:
        LabelError, TrainingError, BundleError: in one sentence; an earlier bundle of that name is left as it was.
    """
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / "bundle.json").exists())):
        raise TrainingError(f"{out}: exists and is no bundle; choose another --out, so that nothing of yours is replaced")
    run = out.with_name(f"{out.name}.run")
    frames = read_labels(data)
    parts = _divide(data, frames, split)
    train, held_out = frames.subset(parts.train), frames.subset(parts.held_out)
    console.print(
        f"{len(frames)} labelled frames of {frames.size[1]}x{frames.size[0]}, {len(frames.point_names)} points; {parts.description}",
        soft_wrap=True,
    )
    result = fit(train, held_out, settings, run, progress=True)
    exported = export(result.network, _some(train, result))
    for parity in exported.parity:
        console.print(
            f"{parity.runtime} {parity.precision}: mean {parity.mean_px:.4f} px, largest {parity.largest_px:.4f} px from torch",
            soft_wrap=True,
        )
    description = _describe(out.name, frames, parts, result=result, exported=exported, source=data)
    made = _score_and_write(out, run, description, exported, result=result, parts=(train, held_out), settings=settings, console=console)
    shutil.rmtree(run / "unscored", ignore_errors=True)
    return made


def _divide(data: Path, frames: LabelledFrames, choice: SplitChoice) -> Split:
    asked = choice.fold is not None or choice.groups or choice.random_fraction is not None or choice.everything
    if not asked and (data / SET_FILE).exists():
        validation = set_part(data, frames, part="validation")
        held_back = np.union1d(validation, set_part(data, frames, part="test"))
        train = np.setdiff1d(np.arange(len(frames)), held_back)
        if len(train):
            return Split(train=train, held_out=validation, description="validation part of the set held out; its test part not touched")
    return choose_split(frames, choice)


def _some(train: LabelledFrames, result: FitResult) -> list[Image]:
    """A few training frames, spread out, as the network takes them."""
    store = FrameStore(train, result.colour)
    chosen = np.unique(np.linspace(0, len(train) - 1, PROVED_ON).round().astype(int))
    return [store.read(int(index)) for index in chosen]


def _describe(name: str, frames: LabelledFrames, parts: Split, *, result: FitResult, exported: Exported, source: Path) -> Description:
    return Description(
        schema=1,
        name=name,
        task="keypoints",
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        point_names=frames.point_names,
        skeleton=frames.skeleton,
        class_names=(),
        network=f"{result.plan.head}, {sum(p.numel() for p in result.network.parameters()) / 1e6:.2f} M parameters",
        view=View(crop=None, fit="letterbox", colour=result.colour),
        input=TensorShape(name=INPUT, shape=exported.input_shape, dtype="uint8"),
        output=TensorShape(name=OUTPUT, shape=exported.output_shape, dtype="float32"),
        states=(),
        precision=exported.precision,
        onnx_sha256=_NO_HASH,
        training=TrainingData(
            sha256=labels_sha256(frames),
            source=source.name,
            frames=len(parts.train),
            held_out_frames=len(parts.held_out),
            split=parts.description,
        ),
        accuracy=Accuracy(mean_px=None, median_px=None, p95_px=None, frames=0),
        self_test=SelfTest(
            image_sha256=_NO_HASH,
            expected=[float(number) for number in exported.answers[0].ravel()],
            tolerance_fp32=max(_SELF_TEST_FP32, FP32_PX),
            tolerance_reduced=_SELF_TEST_REDUCED,
        ),
    )


def _score_and_write(
    out: Path,
    run: Path,
    description: Description,
    exported: Exported,
    *,
    result: FitResult,
    parts: tuple[LabelledFrames, LabelledFrames],
    settings: FitSettings,
    console: Console,
) -> Made:
    """Score the graph on the rig's own engine, then write the bundle with what was found."""
    train, held_out = parts
    image = _some(train, result)[0]
    write_bundle(run / "unscored", model=exported.model, self_test_image=image, description=description)
    unscored = read_bundle(run / "unscored")
    scored = train.subset(np.unique(np.linspace(0, len(train) - 1, min(SCORED, len(train))).round().astype(np.int64)))
    on_train = evaluate(unscored, scored, engine=_ENGINE, console=console)
    on_held_out = _on_held_out(unscored, held_out, train, console)
    final = msgspec.structs.replace(description, accuracy=_accuracy(on_held_out))
    write_bundle(out, model=exported.model, self_test_image=image, description=final)
    report = write_report(
        out,
        TrainingRun(
            name=description.name,
            created=description.created,
            device=settings.accelerator if torch.cuda.is_available() else "cpu",
            settings={
                **asdict(settings),
                "split": description.training.split,
                "stopped by": result.stopped,
                "network": description.network,
            },
            history=_history(result),
            train=on_train,
            held_out=on_held_out,
            heatmap=_heat_map(result, held_out if len(held_out) else train),
        ),
    )
    return Made(bundle=out, report=report, train=on_train, held_out=on_held_out, seconds=result.seconds, stopped=result.stopped)


def _on_held_out(bundle: Bundle, held_out: LabelledFrames, train: LabelledFrames, console: Console) -> Evaluation | None:
    if not len(held_out) or bool(np.isnan(held_out.points).any(axis=-1).all()):
        return None
    return evaluate(bundle, held_out, engine=_ENGINE, train=train, console=console)


def _accuracy(held_out: Evaluation | None) -> Accuracy:
    if held_out is None:
        return Accuracy(mean_px=None, median_px=None, p95_px=None, frames=0)
    spread = held_out.errors.spread
    return Accuracy(mean_px=spread.mean_px, median_px=spread.median_px, p95_px=spread.p95_px, frames=len(held_out.frames))


def _history(result: FitResult) -> dict[str, Any]:
    """As the report takes it."""
    epochs, before = [], 0.0
    for epoch in result.history.epochs:
        epochs.append(
            {
                "epoch": epoch.epoch,
                "train_loss": epoch.loss,
                "val_loss": None,
                "val_error_px": epoch.held_out_px,
                "seconds": epoch.seconds - before,
                "learning_rate": epoch.learning_rate,
            }
        )
        before = epoch.seconds
    losses = result.history.batch_loss
    each = max(1, len(losses) // max(1, len(epochs)))
    return {"epochs": epochs, "batches": [{"epoch": i // each, "batch": i % each, "loss": loss} for i, loss in enumerate(losses)]}


@torch.no_grad()
def _heat_map(result: FitResult, frames: LabelledFrames) -> tuple[Image, NDArray[np.floating[Any]]] | None:
    """An animal's crop and the network's map for it, all key points together; None for a head without maps (R1-18)."""
    network = result.network
    if not isinstance(network, CoarseToFine):
        return None
    image = FrameStore(frames, result.colour).read(len(frames) // 2)
    frame = torch.from_numpy(image.reshape(1, *image.shape[:2], -1))
    planes = frame.permute(0, 3, 1, 2).float()
    left, top = network.finder.corners(network.finder(planes))
    points = network.maps(frame, left, top).points[0]
    together = torch.softmax(points.flatten(1), 1).reshape(points.shape).amax(0)
    x, y, crop = int(left[0]), int(top[0]), result.plan.crop
    return image[y : y + crop.height, x : x + crop.width], together.numpy()
