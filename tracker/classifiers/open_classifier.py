"""Open a classifier, and let it prove itself before the first frame."""

import numpy as np

from tracker.bundle import Bundle
from tracker.classifiers.classifier import Classifier
from tracker.engines.declared_tensors import check_tensors
from tracker.errors import BundleError, EngineError


def open_classifier(bundle: Bundle, *, threads: int = 1) -> Classifier:
    """Open a bundle that finds behaviour in poses. Any thread may call.

    Raises:
        BundleError: the bundle takes images, or model.onnx is not what bundle.json says.
        EngineError: OpenVINO is not there, cannot compile it, or its answer to the bundle's self-test differs from what the trainer found.
    """
    description, rows = bundle.description, bundle.self_test_poses
    about = description.behaviour
    if about is None or rows is None:
        raise BundleError(f"{bundle.folder}: takes images; expected a network of behaviour, as `trainer fit --task behaviour` writes it")
    try:
        from tracker.engines.openvino.step_engine import StepEngine
    except (ImportError, OSError) as problem:
        raise EngineError(f"classifiers run on OpenVINO, which cannot be loaded ({problem}); run `pip install openvino`") from problem
    engine = StepEngine(bundle.model.read_bytes(), [state.name for state in description.states], threads=threads)
    check_tensors(bundle, inputs=engine.inputs, outputs=engine.outputs)
    found = engine.run(rows[:, :-1].reshape(len(rows), *description.input.shape[1:]), rows[:, -1])[-1]
    difference = np.abs(found.astype(np.float64) - np.array(description.self_test.expected)).max()
    if not difference <= description.self_test.tolerance_fp32:
        raise EngineError(
            f"{bundle.folder}: the self-test fails on {engine.runtime} ({engine.device}): a probability is off by {difference:.2g}, "
            f"expected at most {description.self_test.tolerance_fp32:g}; write the bundle again with `trainer fit`"
        )
    return Classifier(bundle, about, engine)
