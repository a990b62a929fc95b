"""A U-Net of the shape that SLEAP trains, run in ONNX Runtime.

Four times down with two 3x3 convolutions each, filters doubling from 16, a middle block, bilinear up with skip connections,
confidence maps at a stride of 2 or 4, peak finding with a quarter-pixel nudge on the host.

Weights are random: time does not depend on them.
"""

import warnings
from pathlib import Path

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray

FILTERS, RATE, DOWN = 16, 2, 4


def export_unet(path: Path, *, points: int, height: int, width: int, stride: int) -> None:
    """Write the network as ONNX; needs torch, which the measuring process then does without."""
    import torch
    from torch import Tensor, nn

    def block(channels: int, filters: int) -> nn.Sequential:
        first, second = nn.Conv2d(channels, filters, 3, padding=1), nn.Conv2d(filters, filters, 3, padding=1)
        return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            widths = [FILTERS * RATE**level for level in range(DOWN + 1)]
            self.down = nn.ModuleList(block(a, b) for a, b in zip([1, *widths[: DOWN - 1]], widths[:DOWN], strict=True))
            self.middle = block(widths[DOWN - 1], widths[DOWN])
            levels = range(DOWN - 1, (stride.bit_length() - 1) - 1, -1)
            self.up = nn.ModuleList(block(widths[level + 1] + widths[level], widths[level]) for level in levels)
            self.head = nn.Conv2d(widths[levels[-1]], points, 1)

        def forward(self, image: Tensor) -> Tensor:
            x, kept = image.permute(0, 3, 1, 2).float() / 255, []
            for stage in self.down:
                x = stage(x)
                kept.append(x)
                x = nn.functional.max_pool2d(x, 2)
            x = self.middle(x)
            for stage in self.up:
                x = nn.functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
                x = stage(torch.cat([x, kept.pop()], 1))
            return torch.as_tensor(self.head(x))

    torch.manual_seed(0)
    example = torch.zeros(1, height, width, 1, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the newer exporter needs onnxscript, which nothing else here does
        torch.onnx.export(UNet().eval(), (example,), str(path), input_names=["image"], output_names=["maps"], dynamo=False)


class UNetPeer:
    """Frame in, coordinates out."""

    def __init__(self, path: Path, *, threads: int, stride: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._stride = stride
        self.description = f"U-Net (filters 16, rate 2, 4 down, stride {stride}), ONNX Runtime {ort.__version__}, fp32"

    def locate(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        maps = self._session.run(None, {"image": frame[None, :, :, None]})[0][0]
        return np.stack([self._peak(confidence) for confidence in maps])

    def _peak(self, confidence: NDArray[np.float32]) -> NDArray[np.float32]:
        row, column = np.unravel_index(int(confidence.argmax()), confidence.shape)
        top, left = max(int(row) - 1, 0), max(int(column) - 1, 0)
        around = confidence[top : int(row) + 2, left : int(column) + 2]
        nudge = 0.25 * np.sign([around[:, -1].sum() - around[:, 0].sum(), around[-1].sum() - around[0].sum()])
        x, y = (np.array([column, row]) + nudge) * self._stride
        return np.array([x, y, confidence[row, column]], np.float32)
