"""Open the engine that the configuration asks for, and let it prove itself before the first frame."""

import math
import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tracker.bundle import DESCRIPTION_FILE, SELF_TEST_FILE, Bundle, check_task
from tracker.bundle_description import expected_answer
from tracker.config import EngineConfig
from tracker.engines.engine import Engine
from tracker.errors import BundleError, EngineError, RigtrackError
from tracker.frame import Image

WARM_UP_FRAMES = 20  # the first few runs allocate and fault pages in; from the tenth on, times are steady


def open_engine(
    bundle: Bundle,
    settings: EngineConfig,
    *,
    say: Callable[[str], None],
    cancelled: threading.Event | None = None,
) -> Engine:
    """Open an engine, run the bundle's self-test on it, warm it up. Any thread may call.

    Args:
        bundle: what to run; `settings.bundle` is not read.
        settings: runtime, precision and device, as `tracker.yaml` has them.
        say: told in one sentence each, on the caller's thread and every few seconds while an engine is built, what takes time
            and what was refused (a stale engine).
        cancelled: once set, what goes on is given up within half a second; None: never.

    Raises:
        EngineError: the runtime is not installed, has no device, does not do what was asked, gives wrong answers, or the
            opening was cancelled.
        BundleError: model.onnx is not what bundle.json says.
    """
    check_task(bundle)
    cancelled = threading.Event() if cancelled is None else cancelled
    engine = _open(bundle, settings, say=say, cancelled=cancelled)
    try:
        check_answer(engine, bundle)
        image = _self_test_input(bundle)
        for _ in range(WARM_UP_FRAMES):
            if cancelled.is_set():
                raise EngineError(f"{bundle.folder}: opening its engine was cancelled")
            begun = time.monotonic()
            engine.infer(image)
            cancelled.wait(time.monotonic() - begun)  # half of the time belongs to a loop beside it that runs another engine
        engine.reset()
    except RigtrackError:
        engine.close()
        raise
    return engine


def check_answer(engine: Engine, bundle: Bundle) -> None:
    """Compare an engine's answer to the bundle's self-test image with what the trainer found.

    Raises:
        EngineError: any number differs by more than the bundle allows, or is not a number.
    """
    test = bundle.description.self_test
    allowed = test.tolerance_fp32 if engine.precision == "fp32" else test.tolerance_reduced
    engine.reset()
    found, expected = engine.infer(_self_test_input(bundle)), _expected(bundle)
    difference = np.abs(found.astype(np.float64) - expected)
    difference[~np.isfinite(difference)] = np.inf
    if difference.max() > allowed:
        worst = np.unravel_index(int(difference.argmax()), difference.shape)
        raise EngineError(
            f"{bundle.folder}: the self-test fails on {engine.runtime} ({engine.device}, {engine.precision}): "
            f"number {[int(index) for index in worst]} is {found[worst]:g}, expected {expected[worst]:g} within {allowed:g}; "
            "choose another engine.precision or engine.runtime"
        )


def _open(bundle: Bundle, settings: EngineConfig, *, say: Callable[[str], None], cancelled: threading.Event) -> Engine:
    """Import only what is asked for, so that a rig needs no runtime that it does not use."""
    if settings.runtime == "openvino":
        if settings.keep_warm_ms is not None:
            raise EngineError("engine.keep_warm_ms is set, but engine.runtime is openvino, whose CPU needs none; set it to null")
        try:
            from tracker.engines.openvino.engine import OpenVINOEngine
        except (ImportError, OSError) as problem:
            raise EngineError(f"engine.runtime is 'openvino', which cannot be loaded ({problem}); run `pip install openvino`") from problem
        return OpenVINOEngine(bundle, settings, say=say, cancelled=cancelled)
    if settings.runtime == "tensorrt":
        try:
            from tracker.engines.tensorrt.engine import TensorRTEngine
        except (ImportError, OSError) as problem:
            raise EngineError(
                f"engine.runtime is 'tensorrt', which cannot be loaded ({problem}); run `pip install '.[gpu]'` on a machine "
                "with an NVIDIA driver, or set engine.runtime to openvino"
            ) from problem
        return TensorRTEngine(bundle, settings, say=say, cancelled=cancelled)
    raise EngineError(f"engine.runtime is '{settings.runtime}'; expected openvino or tensorrt")


def _self_test_input(bundle: Bundle) -> Image:
    shape = bundle.description.input.shape[1:]
    if bundle.self_test_image.shape not in (shape, shape[:2]) or bundle.self_test_image.size != math.prod(shape):
        raise BundleError(
            f"{bundle.folder / SELF_TEST_FILE}: has shape {bundle.self_test_image.shape}, the model takes {shape}; "
            "write the bundle again with `trainer fit`"
        )
    return np.ascontiguousarray(bundle.self_test_image.reshape(shape))


def _expected(bundle: Bundle) -> NDArray[np.float32]:
    numbers, shape = len(bundle.description.self_test.expected), bundle.description.output.shape[1:]
    if numbers != math.prod(shape):
        raise BundleError(
            f"{bundle.folder / DESCRIPTION_FILE}: self_test.expected has {numbers} numbers, the output {math.prod(shape)}; "
            "write the bundle again with `trainer fit`"
        )
    return expected_answer(bundle.description)
