"""How far an engine is from the reference on labelled frames: measured, judged, kept in the bundle. Needs no torch."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray

from tracker.bundle import Bundle
from tracker.engines.carried import States
from tracker.engines.engine import Engine
from tracker.frame import Image
from tracker.whole_files import remedy, write_whole
from trainer.errors import TrainingError
from trainer.scoring.inference_by_shape import InferenceByShape

PARITY_FILE = "parity.json"  # in the bundle's folder: one record for each runtime, device, precision and reference
SURE = 0.5  # below this confidence two peaks may be equally high, and rounding decides between them
# px: an engine in fp32 must be the network; fp16 has 10 bits of mantissa, bf16 7 (0.025 and 0.9 px on the open-field mouse), while people
# differ by 1 to 2 px
LIMITS_PX = {"fp32": (0.02, 0.1), "fp16": (0.05, 0.5), "bf16": (0.05, 1.5)}

Points = NDArray[np.float32]  # (n, animals, K, 3): x, y in source px, confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How far one engine or runtime is from a reference over all frames.

    Attributes:
        runtime: "tensorrt 8.6.0".
        device: what it ran on.
        precision: "fp32", "bf16", "fp16" or "int8".
        reference: what it was compared with.
        frames: how many.
        points: how many were sure (confidence of the reference ≥ 0.5).
        mean_px: mean distance of sure points.
        largest_px: largest distance of sure points.
        largest_confidence: largest difference of any confidence.
        passed: within the tolerance of its precision; None where that is not what decides: int8 is judged by its error on held-out frames.
    """

    runtime: str
    device: str
    precision: str
    reference: str
    frames: int
    points: int
    mean_px: float
    largest_px: float
    largest_confidence: float
    passed: bool | None

    @property
    def sentence(self) -> str:
        """One sentence for people."""
        return (
            f"{self.runtime} {self.precision} on {self.device}: mean {self.mean_px:.4f} px, largest {self.largest_px:.4f} px from "
            f"{self.reference} over {self.points} points of {self.frames} frames"
        )


class ReferenceEngine:
    """model.onnx in ONNX Runtime on the CPU, in the types of the graph: slow, independent of both engines of the rig."""

    precision = "fp32"
    device = "CPU"

    def __init__(self, model: bytes) -> None:
        self.runtime = f"onnxruntime {onnxruntime.__version__}"
        self._session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def infer(self, image: Image) -> NDArray[np.float32]:
        """See `Engine.infer`."""
        return np.asarray(self._session.run(None, {self._input: image[None]})[0][0], np.float32)

    def reset(self) -> None:
        """Without effect: nothing is carried over."""

    def carried(self) -> dict[str, bytes]:
        """Nothing."""
        return {}

    def go_on(self, carried: States) -> None:
        """Without effect."""

    def close(self) -> None:
        """Without effect: the memory goes with the object."""


def points_of(bundle: Bundle, engine: Engine, images: Sequence[Image]) -> Points:
    """What an engine finds in images of one size, grey and colour mixed as they come: float32 (n, animals, K, 3)."""
    finders = InferenceByShape(bundle, engine)
    return np.stack([finders.of(image).points(image) for image in images])


def sure_distances(found: Points, expected: Points) -> NDArray[np.float64]:
    """Distances of the points that the reference is sure of (confidence ≥ SURE), float64 (m,), in the unit of the points."""
    distance = np.linalg.norm(found[..., :2].astype(np.float64) - expected[..., :2], axis=-1)
    return np.asarray(distance[expected[..., 2] >= SURE], np.float64)


def compare(engine: Engine, found: Points, expected: Points, *, reference: str) -> Parity:
    """Judge what an engine found.

    Args:
        engine: which gave `found`.
        found: (n, animals, K, 3), NaN for an absent point.
        expected: the same by the reference.
        reference: its name.

    Raises:
        TrainingError: the reference is sure of no point, so that nothing would be proved.
    """
    sure = sure_distances(found, expected)
    if not sure.size:
        raise TrainingError(f"{reference} is sure of no point in these {len(found)} frames; give frames that show the animal")
    mean, largest = float(sure.mean()), float(sure.max())
    same_presence = np.array_equal(np.isfinite(found), np.isfinite(expected))
    limits = LIMITS_PX.get(engine.precision)
    return Parity(
        runtime=engine.runtime,
        device=engine.device,
        precision=engine.precision,
        reference=reference,
        frames=len(found),
        points=int(sure.size),
        mean_px=mean,
        largest_px=largest,
        largest_confidence=float(np.nanmax(np.abs(found[..., 2] - expected[..., 2]))),
        passed=None if limits is None else same_presence and mean <= limits[0] and largest <= limits[1],
    )


def keep_parity(bundle: Bundle, parity: Parity) -> Path:
    """Write a record into the bundle's folder, in the place of an earlier one of the same engine and reference.

    Raises:
        TrainingError: the folder cannot be written.
    """
    path = bundle.folder / PARITY_FILE
    fresh = asdict(parity) | {"onnx_sha256": bundle.description.onnx_sha256}
    kept = [record for record in read_parity(bundle) if any(record[key] != fresh[key] for key in _IDENTITY)]
    try:
        write_whole(path, json.dumps([*kept, fresh], indent=2).encode())
    except OSError as problem:
        raise TrainingError(f"{path}: cannot be written: {problem.strerror}; {remedy(problem)}") from problem
    return path


_IDENTITY = ("runtime", "device", "precision", "reference")


def read_parity(bundle: Bundle) -> list[dict[str, Any]]:
    """The records kept for this very model; those of an earlier one are ignored, an unreadable file is none."""
    try:
        records = json.loads((bundle.folder / PARITY_FILE).read_bytes())
    except (OSError, ValueError):
        return []
    return [record for record in records if record.get("onnx_sha256") == bundle.description.onnx_sha256]
