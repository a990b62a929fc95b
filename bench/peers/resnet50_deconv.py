"""A ResNet-50 with deconvolution heads, run as DeepLabCut-Live runs its PyTorch models: eager, fp32, on a normalised float image.

Output stride 16 (last stage dilated), one deconvolution to stride 8 for the score map of each key point and one for its
(x, y) refinement, then argmax and refinement on the host. Batch norm in inference mode, which is cheaper than DeepLabCut's group norm.
Weights are random: time does not depend on them.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

STAGES = ((3, 64, 1, 1), (4, 128, 2, 1), (6, 256, 2, 1), (3, 512, 1, 2))  # blocks, width, stride, dilation
STRIDE = 8
LOCREF_PX = 7.2801  # DeepLabCut's scale of the refinement map
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Bottleneck(nn.Module):
    def __init__(self, channels: int, width: int, *, stride: int, dilation: int) -> None:
        super().__init__()
        out = 4 * width
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        same = channels == out and stride == 1
        self.shortcut = nn.Identity() if same else nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu_(self.body(x) + self.shortcut(x))


class ResNet50Deconv(nn.Module):
    def __init__(self, points: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
        channels = 64
        for blocks, width, stride, dilation in STAGES:
            for index in range(blocks):
                layers.append(Bottleneck(channels, width, stride=stride if index == 0 else 1, dilation=dilation))
                channels = 4 * width
        self.backbone = nn.Sequential(*layers)
        self.scores = nn.ConvTranspose2d(channels, points, 3, 2, 1, 1)
        self.refinement = nn.ConvTranspose2d(channels, 2 * points, 3, 2, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.backbone(x)
        return torch.sigmoid(self.scores(features)), self.refinement(features)


class ResNet50Peer:
    """Frame in, coordinates out."""

    def __init__(self, *, points: int, threads: int) -> None:
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.description = f"ResNet-50 + deconvolution, torch {torch.__version__} eager, fp32"
        self._network = ResNet50Deconv(points).eval()
        self._mean, self._deviation = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(DEVIATION).view(1, 3, 1, 1)

    def locate(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        rgb = np.repeat(frame[:, :, None], 3, axis=2) if frame.ndim == 2 else frame
        with torch.inference_mode():
            image = torch.from_numpy(rgb.transpose(2, 0, 1)[None]).float() / 255
            scores, refinement = self._network((image - self._mean) / self._deviation)
            peak = scores.flatten(2).argmax(2)[0]
            rows, columns = peak // scores.shape[3], peak % scores.shape[3]
            index = torch.arange(len(peak))
            maps = refinement[0].view(len(peak), 2, *scores.shape[2:])
            offsets = maps[index, :, rows, columns] * LOCREF_PX
            xy = torch.stack([columns, rows], 1) * STRIDE + STRIDE / 2 + offsets
            return torch.cat([xy, scores[0, index, rows, columns][:, None]], 1).numpy()
