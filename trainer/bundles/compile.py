"""Build the GPU engine of a bundle ahead of time, on the machine that will run it, and compare it with the reference. Needs no torch."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tracker.bundle import Bundle
from tracker.engines.engine_folder import ready_engine_folder
from tracker.engines.open_engine import open_engine
from trainer.errors import TrainingError
from trainer.labels.labelled_frames import LabelledFrames
from trainer.scoring.engine_choice import EngineChoice

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledEngine:
    """An engine that was built or found, proved by the bundle's self-test, and kept."""

    folder: Path  # where it is kept, under the fingerprint of this machine
    runtime: str
    device: str
    precision: str


def compile_engine(
    bundle: Bundle,
    choice: EngineChoice,
    *,
    say: Say,
    frames: LabelledFrames | None = None,
) -> CompiledEngine:
    """Build the bundle's engine for this machine, prove it and keep it in the folder of this machine.

    Args:
        bundle: what to build.
        choice: runtime, precision and device.
        say: told every few seconds what is going on, in one sentence each.
        frames: every one of these is compared with the reference, and the result is kept in the bundle; None: none.

    Raises:
        EngineError: no GPU, no TensorRT, a build that failed, wrong answers, or a folder that cannot be written.
        BundleError: model.onnx is not what bundle.json says.
        TrainingError: the engine is further from the reference than its precision allows.
    """
    folder = ready_engine_folder()
    with closing(open_engine(bundle, choice.settings(bundle), say=say)) as engine:
        compiled = CompiledEngine(folder=folder, runtime=engine.runtime, device=engine.device, precision=engine.precision)
        if frames is not None:
            from trainer.bundles.parity import ReferenceEngine, compare, keep_parity, points_of

            images = [frames.read(index) for index in range(len(frames))]
            reference = ReferenceEngine(bundle.model.read_bytes())
            expected = points_of(bundle, reference, images)
            parity = compare(engine, points_of(bundle, engine, images), expected, reference=reference.runtime)
            keep_parity(bundle, parity)
            if parity.passed is False:
                raise TrainingError(f"{bundle.folder}: {parity.sentence}; that is more than its precision allows: use another precision")
            say(parity.sentence)
    return compiled
