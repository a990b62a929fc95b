"""Run by the interpreter that has torch: a frame in host memory → coordinates in host memory, by each rival, on one GPU.

Needs of rigtrack only trainer.networks, bench/peers and the carried files.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]

import torch  # noqa: E402 - after the line that makes rigtrack and the peers found
from carried import read_frames  # noqa: E402
from figures import Notes, summary, timed  # noqa: E402
from peers.resnet50_deconv import LOCREF_PX, STRIDE, ResNet50Deconv  # noqa: E402

from trainer.networks.build import build, plan_from_plain  # noqa: E402

POINTS = 4
WARM_UP = 30
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ResNet50(torch.nn.Module):
    """Normalising, network and decoding, all on the GPU: uint8 (1, h, w, 1) → float32 (K, 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.network = ResNet50Deconv(POINTS)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        image = frames.permute(0, 3, 1, 2).to(self.mean.dtype).expand(-1, 3, -1, -1) / 255
        scores, refinement = self.network((image - self.mean) / self.deviation)
        peak = scores.flatten(2).argmax(2)[0]
        index = torch.arange(POINTS, device=frames.device)
        offsets = refinement[0].view(POINTS, 2, -1)[index, :, peak] * LOCREF_PX
        xy = torch.stack([peak % scores.shape[3], peak // scores.shape[3]], 1) * STRIDE + STRIDE / 2 + offsets
        return torch.cat([xy.float(), scores[0].flatten(1)[index, peak][:, None].float()], 1)


def main() -> None:
    """Each rival in turn, cheapest to start first; what is measured is kept at once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--carry", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--gpu", type=int, default=0)
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    device = torch.device(options.device, options.gpu) if options.device == "cuda" else torch.device("cpu")
    notes = Notes(options.out)
    notes.put("versions", {"torch": torch.__version__, "cuda": torch.version.cuda, "device": _name(device)})
    torch.backends.cudnn.benchmark = True
    pinned = [torch.from_numpy(frame[None, :, :, None]) for frame in read_frames(options.carry)]
    if device.type == "cuda":
        pinned = [frame.pin_memory() for frame in pinned]
    saved = torch.load(options.carry / "network.pt", weights_only=True)
    network = build(plan_from_plain(saved["plan"]))
    network.load_state_dict(saved["state"])
    nets = {"the same network": network.eval(), "ResNet-50 + deconvolution": ResNet50().eval()}
    turns = [(net, runtime) for runtime in RUNTIMES for net in nets if runtime != "ONNX Runtime CUDA" or net == "the same network"]
    end = time.monotonic() + options.seconds
    for place, (net, runtime) in enumerate(turns):
        left = (end - time.monotonic()) / (len(turns) - place)
        if left <= 0:
            notes.put(f"{net}, {runtime}", {"problem": "no time was left"})
            continue
        try:
            call = RUNTIMES[runtime](nets[net], device, pinned, options.carry)
            timed(call, pinned, frames=WARM_UP, seconds=left)
            notes.put(f"{net}, {runtime}", summary(timed(call, pinned, frames=options.frames, seconds=left)))
        except (RuntimeError, ValueError, ImportError, torch.OutOfMemoryError) as problem:
            notes.put(f"{net}, {runtime}", {"problem": str(problem).splitlines()[0][:200]})


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


Call = Callable[[torch.Tensor], Any]
Frames = list[torch.Tensor]


def _runner(module: Callable[[torch.Tensor], torch.Tensor], device: torch.device) -> Call:
    @torch.inference_mode()
    def run(frame: torch.Tensor) -> Any:
        return module(frame.to(device, non_blocking=True)).cpu().numpy()

    return run


def _eager(network: torch.nn.Module, device: torch.device, frames: Frames, carry: Path) -> Call:
    return _runner(network.float().to(device), device)


def _half(network: torch.nn.Module, device: torch.device, frames: Frames, carry: Path) -> Call:
    return _runner(network.half().to(device), device)


def _compiled(network: torch.nn.Module, device: torch.device, frames: Frames, carry: Path) -> Call:
    return _runner(torch.compile(network.half().to(device)), device)


def _graph(network: torch.nn.Module, device: torch.device, frames: Frames, carry: Path) -> Call:
    """One CUDA graph of copy in, network and copy out, as our engine has it."""
    if device.type != "cuda":
        raise RuntimeError("CUDA graphs need a GPU")
    module = network.half().to(device)
    inside, held = torch.empty_like(frames[0], device=device), torch.empty_like(frames[0]).pin_memory()
    side = torch.cuda.Stream(device)
    with torch.inference_mode(), torch.cuda.stream(side):
        for _ in range(3):
            answer = module(inside)
        taken = torch.empty(answer.shape, dtype=answer.dtype).pin_memory()
        side.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=side):
            inside.copy_(held, non_blocking=True)
            taken.copy_(module(inside), non_blocking=True)

    def run(frame: torch.Tensor) -> Any:
        held.copy_(frame)
        with torch.cuda.stream(side):
            graph.replay()
        side.synchronize()
        return taken.numpy()

    return run


def _onnx(network: torch.nn.Module, device: torch.device, frames: Frames, carry: Path) -> Call:
    import onnxruntime

    wanted = "CUDAExecutionProvider" if device.type == "cuda" else "CPUExecutionProvider"
    if wanted not in onnxruntime.get_available_providers():
        raise RuntimeError(f"ONNX Runtime {onnxruntime.__version__} here has no {wanted}")
    session = onnxruntime.InferenceSession(str(carry / "vga" / "model.onnx"), providers=[wanted])
    if session.get_providers()[0] != wanted:
        raise RuntimeError(f"ONNX Runtime {onnxruntime.__version__} fell back to {session.get_providers()[0]}")
    name = session.get_inputs()[0].name
    return lambda frame: session.run(None, {name: frame.numpy()})


RUNTIMES: dict[str, Callable[[torch.nn.Module, torch.device, Frames, Path], Call]] = {
    "torch eager fp32": _eager,
    "torch eager fp16": _half,
    "torch fp16 in a CUDA graph": _graph,
    "ONNX Runtime CUDA": _onnx,
    "torch.compile fp16": _compiled,
}


if __name__ == "__main__":
    main()
