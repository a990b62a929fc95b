"""A network that takes poses or an image, one step a frame, on the CPU by OpenVINO: the rig runs what the trainer proves and scores."""

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.engines.carried import States, as_bytes, fill
from tracker.engines.declared_tensors import NEXT_STATE, Kind
from tracker.engines.openvino.options import DEVICE, cpu_name, hints, reason, version
from tracker.engines.openvino.port_name import port_name
from tracker.engines.openvino.runtime import core
from tracker.engines.openvino.runtime import openvino as ov
from tracker.errors import EngineError

SECONDS, PROBABILITIES = "seconds", "probabilities"  # tensors of model.onnx, besides its states and the one of these that it takes
POSES, IMAGE = "poses", "image"


class StepEngine:
    """model.onnx in fp32, carried from frame to frame. One caller at a time; everything is allocated here.

    Args:
        model: the ONNX file.
        states: names of its states, of any shape; each begins as zeros and comes back under its name and `_next`.
        threads: cores to use.
        phases: of slices of several frames that follow each other without overlap: frame n belongs to phase n modulo so many.
        phase_states: states of which there is a set for every phase; the others are used by every frame.

    Raises:
        EngineError: OpenVINO cannot compile it, or it takes neither poses nor an image, with the seconds beside them, or lacks a state.
    """

    def __init__(
        self, model: bytes, states: Iterable[str], *, threads: int = 1, phases: int = 1, phase_states: Collection[str] = ()
    ) -> None:
        try:
            compiled = core().compile_model(core().read_model(model, b""), DEVICE, hints(precision="fp32", threads=threads))
        except RuntimeError as problem:
            raise EngineError(f"OpenVINO {version()} cannot compile the network ({reason(problem)}); write the bundle again") from problem
        self.runtime = f"openvino {version()}"
        self.device = f"CPU {cpu_name()}"
        states = tuple(states)
        taking, giving = {POSES, IMAGE, SECONDS, *states}, {PROBABILITIES, *(name + NEXT_STATE for name in states)}
        self.inputs: dict[str, Kind] = {port_name(port, taking): _kind(port) for port in compiled.inputs}
        self.outputs: dict[str, Kind] = {port_name(port, giving): _kind(port) for port in compiled.outputs}
        taken = [name for name in (POSES, IMAGE) if name in self.inputs]
        if len(taken) != 1 or SECONDS not in self.inputs or PROBABILITIES not in self.outputs:
            raise EngineError(
                f"the network takes {', '.join(self.inputs)} and gives {', '.join(self.outputs)}; expected {POSES} or {IMAGE}, "
                f"with {SECONDS}, and {PROBABILITIES}: write the bundle again"
            )
        for name in states:
            if name not in self.inputs or name + NEXT_STATE not in self.outputs:
                raise EngineError(
                    f"the network takes {', '.join(self.inputs)} and gives {', '.join(self.outputs)}; expected the state '{name}', "
                    f"coming back as '{name + NEXT_STATE}': write the bundle again"
                )
        self._taken = taken[0]
        carried = {*states, *(name + NEXT_STATE for name in states)}
        kinds = {name: kind for name, kind in (self.inputs | self.outputs).items() if name not in carried}
        self._arrays: dict[str, NDArray[Any]] = {name: np.zeros(*kind) for name, kind in kinds.items()}
        # One set of states more than is carried: a frame reads one set and writes another, and nothing is copied. Each frame of the round
        # has a request of its own, on whose tensors nothing has to be set any more.
        self._round = phases + 1
        self._sets = {name: [np.zeros(*self.inputs[name]) for _ in range(self._round)] for name in states}
        self._ages = {name: phases if name in phase_states else 1 for name in states}  # so many frames ago what is read was written
        self._requests = [compiled.create_infer_request() for _ in range(self._round)]
        for turn, request in enumerate(self._requests):
            tensors = dict(self._arrays)
            for name, sets in self._sets.items():
                tensors |= {name: sets[(turn - self._ages[name]) % self._round], name + NEXT_STATE: sets[turn]}
            for name, array in tensors.items():  # these arrays live as long as the engine
                request.set_tensor(name, ov.Tensor(array, shared_memory=True))
        self._turn = 0

    def reset(self) -> None:
        """Forget everything."""
        for sets in self._sets.values():
            for array in sets:
                array.fill(0)

    def carried(self) -> dict[str, bytes]:
        """What is carried to the next frame, a copy, by state."""
        return as_bytes(self._newest())

    def go_on(self, carried: States) -> None:
        """Carry this, so that the frames to come get the same bits; where the round stands changes nothing.

        Raises:
            EngineError: it is of another network.
        """
        fill(self._newest(), carried)

    def step(self, taken: NDArray[np.float32] | NDArray[np.uint8], seconds: float) -> NDArray[np.float32]:
        """Take one frame.

        Args:
            taken: float32 poses (animals, K, 3): x and y in source pixels, confidence; NaN where a point is not there. Or a uint8 image
                (height, width, channels), as it was cut from the frame.
            seconds: since the frame before, 0 for the first.

        Returns:
            float32 (C,): class probabilities, a copy.
        """
        np.copyto(self._arrays[self._taken][0], taken)
        self._arrays[SECONDS].fill(seconds)
        self._requests[self._turn].infer(share_outputs=True)
        self._turn = (self._turn + 1) % self._round
        answer: NDArray[np.float32] = self._arrays[PROBABILITIES][0].copy()
        return answer

    def run(self, taken: Iterable[NDArray[Any]], seconds: NDArray[np.float32]) -> NDArray[np.float32]:
        """A whole video from zeroed states: what `step` takes of every frame and float32 (frames,) in, (frames, C) out."""
        self.reset()
        return np.stack([self.step(one, float(time)) for one, time in zip(taken, seconds, strict=True)])

    def _newest(self) -> dict[str, list[NDArray[Any]]]:
        """Of every state the sets that are still to be read, the newest first; what the next frame writes is left out."""
        return {
            name: [sets[(self._turn - ago) % self._round] for ago in range(1, self._ages[name] + 1)] for name, sets in self._sets.items()
        }


def _kind(port: Any) -> Kind:
    return tuple(port.shape), np.dtype(port.get_element_type().to_dtype()).name
