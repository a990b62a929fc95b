"""Open a classifier, and let it prove itself before the first frame."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.bundle import Bundle
from tracker.classifiers.classifier import Classifier
from tracker.engines.declared_tensors import check_tensors
from tracker.errors import BundleError, EngineError


def open_classifier(bundle: Bundle, *, threads: int = 1) -> Classifier:
    """Open a bundle that finds behaviour. Any thread may call.

    Raises:
        BundleError: the bundle finds key points, or model.onnx is not what bundle.json says.
        EngineError: OpenVINO is not there, cannot compile it, or its answer to the bundle's self-test differs from what the trainer found.
    """
    description = bundle.description
    about = description.behaviour
    if about is None:
        raise BundleError(
            f"{bundle.folder}: finds key points; expected a network of behaviour, as `trainer fit --task behaviour` writes it"
        )
    try:
        from tracker.engines.openvino.step_engine import StepEngine
    except (ImportError, OSError) as problem:
        raise EngineError(f"classifiers run on OpenVINO, which cannot be loaded ({problem}); run `pip install openvino`") from problem
    names, forecast = [state.name for state in description.states], description.forecast
    phases, of_phase = (forecast.phases, forecast.phase_states) if forecast is not None else (1, ())
    engine = StepEngine(bundle.model.read_bytes(), names, threads=threads, phases=phases, phase_states=of_phase)
    check_tensors(bundle, inputs=engine.inputs, outputs=engine.outputs)
    found = engine.run(*_self_test(bundle))[-1]
    difference = np.abs(found.astype(np.float64) - np.array(description.self_test.expected)).max()
    if not difference <= description.self_test.tolerance_fp32:
        raise EngineError(
            f"{bundle.folder}: the self-test fails on {engine.runtime} ({engine.device}): a probability is off by {difference:.2g}, "
            f"expected at most {description.self_test.tolerance_fp32:g}; write the bundle again with `trainer fit`"
        )
    return Classifier(bundle, about, engine)


def _self_test(bundle: Bundle) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """What the network takes of each frame, and the seconds since the frame before."""
    if bundle.self_test_clip is not None:
        return bundle.self_test_clip
    rows = bundle.self_test_poses
    if rows is None:
        raise BundleError(f"{bundle.folder}: holds no self-test of a carried network; write the bundle again with `trainer fit`")
    return rows[:, :-1].reshape(len(rows), *bundle.description.input.shape[1:]), rows[:, -1]
