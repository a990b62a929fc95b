"""Compile model.onnx for this machine's CPU into bytes that OpenVINO loads again. For the building process: it holds the interpreter."""

import io

from tracker.engines.build_request import BuildRequest
from tracker.engines.openvino.options import DEVICE, hints, reason, version
from tracker.engines.openvino.runtime import core
from tracker.errors import BundleError


def build_blob(request: BuildRequest) -> memoryview:
    """Read, compile and export.

    Raises:
        BundleError: OpenVINO cannot use the model.
    """
    blob = io.BytesIO()
    try:
        compiled = core().compile_model(
            core().read_model(request.model), DEVICE, hints(precision=request.precision, threads=request.threads)
        )
        compiled.export_model(blob)
    except RuntimeError as problem:
        raise BundleError(f"{request.model}: OpenVINO {version()} cannot use it: {reason(problem)}") from problem
    return blob.getbuffer()
