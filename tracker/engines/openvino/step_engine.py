"""A network that takes poses, one step a frame, on the CPU through OpenVINO: what the rig runs is what the trainer proves and scores."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tracker.engines.declared_tensors import NEXT_STATE, Kind
from tracker.engines.openvino.options import DEVICE, cpu_name, hints, reason, version
from tracker.engines.openvino.runtime import core
from tracker.engines.openvino.runtime import openvino as ov
from tracker.errors import EngineError

POSES, SECONDS, PROBABILITIES = "poses", "seconds", "probabilities"  # tensors of model.onnx, besides its states


class StepEngine:
    """model.onnx in fp32, carried from frame to frame. One caller at a time; everything is allocated here.

    Args:
        model: the ONNX file.
        states: names of its states, float32; each begins as zeros and comes back under its name and `_next`.
        threads: cores to use.

    Raises:
        EngineError: OpenVINO cannot compile it.
    """

    def __init__(self, model: bytes, states: Iterable[str], *, threads: int = 1) -> None:
        try:
            compiled = core().compile_model(core().read_model(model, b""), DEVICE, hints(precision="fp32", threads=threads))
        except RuntimeError as problem:
            raise EngineError(f"OpenVINO {version()} cannot compile the network ({reason(problem)}); write the bundle again") from problem
        self.runtime = f"openvino {version()}"
        self.device = f"CPU {cpu_name()}"
        self.inputs: dict[str, Kind] = {port.get_any_name(): (tuple(port.shape), "float32") for port in compiled.inputs}
        self.outputs: dict[str, Kind] = {port.get_any_name(): (tuple(port.shape), "float32") for port in compiled.outputs}
        self._request = compiled.create_infer_request()
        self._arrays: dict[str, NDArray[np.float32]] = {}
        for name, (shape, _) in (self.inputs | self.outputs).items():
            array = self._arrays[name] = np.zeros(shape, np.float32)
            self._request.set_tensor(name, ov.Tensor(array, shared_memory=True))
        self._states = tuple(states)

    def reset(self) -> None:
        """Forget everything."""
        for name in self._states:
            self._arrays[name].fill(0)

    def step(self, poses: NDArray[np.float32], seconds: float) -> NDArray[np.float32]:
        """Take one frame.

        Args:
            poses: float32 (animals, K, 3): x and y in source pixels, confidence; NaN where a point is not there.
            seconds: since the frame before, 0 for the first.

        Returns:
            float32 (C,): class probabilities, a copy.
        """
        np.copyto(self._arrays[POSES][0], poses)
        self._arrays[SECONDS].fill(seconds)
        self._request.infer(share_outputs=True)
        for name in self._states:
            np.copyto(self._arrays[name], self._arrays[name + NEXT_STATE])
        answer: NDArray[np.float32] = self._arrays[PROBABILITIES][0].copy()
        return answer

    def run(self, poses: NDArray[np.float32], seconds: NDArray[np.float32]) -> NDArray[np.float32]:
        """A whole video from zeroed states: float32 (frames, animals, K, 3) and (frames,) in, (frames, C) out."""
        self.reset()
        return np.stack([self.step(one, float(time)) for one, time in zip(poses, seconds, strict=True)])
