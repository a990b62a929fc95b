"""A bundle whose graph is in another precision, given away only if its error on held-out frames hardly grows. Never imports torch."""

import datetime
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from rich.console import Console

from tracker.bundle import Bundle, read_bundle, write_bundle
from tracker.bundle_description import Accuracy, Description
from tracker.engines.view_fit import ViewFit
from tracker.frame import Image
from trainer.bundles.parity import ReferenceEngine
from trainer.bundles.quantise import to_fp16, to_int8
from trainer.errors import TrainingError
from trainer.labels.labelled_frames import LabelledFrames
from trainer.labels.split import Split
from trainer.scoring.engine_choice import EngineChoice
from trainer.scoring.evaluate import evaluate
from trainer.scoring.evaluation import Evaluation

ALLOWED_PX = 0.1  # growth of the mean error on held-out frames; labels are good to 1 or 2 px
CALIBRATED_ON = 200  # training frames; the range of activations is known after some dozens


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What was written, and what it costs."""

    folder: Path
    precision: str
    before_px: float  # mean error on held-out frames in fp32
    after_px: float
    before_ms: float  # median latency on the engine that scored it
    after_ms: float
    frames: int

    @property
    def sentence(self) -> str:
        """One sentence for people."""
        return (
            f"{self.folder}: {self.precision} in its graph; mean error on {self.frames} held-out frames {self.after_px:.3f} px, "
            f"{self.before_px:.3f} in fp32; on this CPU {self.after_ms:.2f} ms a frame, {self.before_ms:.2f} in fp32"
        )


def write_variant(
    bundle: Bundle,
    out: Path,
    frames: LabelledFrames,
    *,
    split: Split,
    precision: Literal["fp16", "int8"],
    threads: int,
    console: Console | None = None,
) -> Variant:
    """Write the bundle again with its graph in another precision, scored on the CPU engine against itself in fp32.

    Args:
        bundle: in fp32.
        out: folder of the new bundle.
        frames: what it was trained on.
        split: as it was trained.
        precision: of the new graph.
        threads: CPU cores to score with.
        console: where progress is shown.

    Raises:
        TrainingError: the bundle is not in fp32, or the mean error grows by more than ALLOWED_PX; `out` is then left as it was.
    """
    if bundle.description.precision != "fp32":
        raise TrainingError(f"{bundle.folder}: its graph is in {bundle.description.precision}; expected fp32: give the bundle as trained")
    train, held_out = frames.subset(split.train), frames.subset(split.held_out)

    def score(scored: Bundle) -> Evaluation:
        kind: Literal["fp32", "int8"] = "int8" if scored.description.precision == "int8" else "fp32"
        choice = EngineChoice(runtime="openvino", precision=kind, threads=threads, gpu=0)
        return evaluate(scored, held_out, engine=choice, train=train, console=console)

    model = bundle.model.read_bytes()
    changed = to_fp16(model) if precision == "fp16" else to_int8(model, calibration_images(bundle, train))
    before = score(bundle)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        description = _describe(bundle, changed, name=out.name, precision=precision)
        write_bundle(Path(scratch) / out.name, model=changed, self_test_image=bundle.self_test_image, description=description)
        after = score(read_bundle(Path(scratch) / out.name))
    grown = after.errors.spread.mean_px - before.errors.spread.mean_px
    if not grown <= ALLOWED_PX:
        raise TrainingError(
            f"{bundle.folder}: in {precision} the mean error on {len(held_out)} held-out frames grows from "
            f"{before.errors.spread.mean_px:.3f} to {after.errors.spread.mean_px:.3f} px; expected at most {ALLOWED_PX:g} px more: "
            "no bundle was written, keep fp32"
        )
    spread = after.errors.spread
    accuracy = Accuracy(mean_px=spread.mean_px, median_px=spread.median_px, p95_px=spread.p95_px, frames=len(held_out))
    final = msgspec.structs.replace(description, accuracy=accuracy)
    write_bundle(out, model=changed, self_test_image=bundle.self_test_image, description=final)
    return Variant(
        folder=out,
        precision=precision,
        before_px=before.errors.spread.mean_px,
        after_px=spread.mean_px,
        before_ms=float(np.median(before.latency_ms)),
        after_ms=float(np.median(after.latency_ms)),
        frames=len(held_out),
    )


def _describe(bundle: Bundle, model: bytes, *, name: str, precision: Literal["fp16", "int8"]) -> Description:
    """The bundle's description with what changes; the expected answer is the new graph's, by a runtime that no rig uses."""
    about = bundle.description
    image = bundle.self_test_image.reshape(about.input.shape[1:])
    answer = ReferenceEngine(model).infer(image)
    self_test = msgspec.structs.replace(about.self_test, expected=[float(number) for number in answer.ravel()])
    return msgspec.structs.replace(
        about,
        name=name,
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        network=f"{about.network}, {precision}",
        precision=precision,
        self_test=self_test,
    )


def calibration_images(bundle: Bundle, train: LabelledFrames) -> list[Image]:
    """Training frames spread out, fitted to the network's input."""
    chosen = np.unique(np.linspace(0, len(train) - 1, min(CALIBRATED_ON, len(train))).round().astype(int))
    description = bundle.description
    images = []
    for index in chosen.tolist():
        image = train.read(index)
        fit = ViewFit(description.view, input_shape=description.input.shape, source_shape=image.shape)
        images.append(fit.to_input(image).copy())
    return images
