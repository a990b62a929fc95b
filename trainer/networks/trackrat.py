"""The direct regression network of the first rat tracker, on the whole frame, with its two faults mended.

Its output had a ReLU (it could die and knew no negative numbers), and its four blocks were copies of one initialised block.
"""

import itertools
import math

from torch import Tensor, nn

from trainer.networks.blocks import USUAL, FrameShape, Layers, bin_means, convolution, placed, scaled, to_planes

WIDTH, BLOCKS = 128, 4
BINS = 10  # 10 × 10 × 128 = 12 800 features
HIDDEN = (1024, 512, 256)
SHORT_SIDE = 240  # the frame is averaged by a whole factor to at least this; labels stay in frame pixels


class TrackRat(nn.Module):
    """5×5 stride-2 convolution, 5×5 stride-2 max-pool, two-convolution blocks, average to 10×10, four linear layers.

    Args:
        points: number of key points K.
        frame: what the network takes.
        layers: filters of every convolution, and number of two-convolution blocks.
    """

    def __init__(self, points: int, *, frame: FrameShape, layers: Layers = USUAL) -> None:
        super().__init__()
        width, blocks = layers.filters(WIDTH), layers.depth or BLOCKS
        self.points, self.frame = points, frame
        self.shrink = max(1, min(frame.height, frame.width) // SHORT_SIDE)
        self.stem = nn.Sequential(convolution(frame.channels, width, kernel=5, stride=2), nn.MaxPool2d(5, 2, 2))
        self.blocks = nn.Sequential(
            *(nn.Sequential(convolution(width, width), convolution(width, width)) for _ in range(blocks)),
        )
        rows, columns = (_quarter(side // self.shrink) for side in (frame.height, frame.width))
        self.register_buffer("row_means", bin_means(rows, BINS), persistent=False)
        self.register_buffer("column_means", bin_means(columns, BINS).T.contiguous(), persistent=False)
        sizes = (BINS * BINS * width, *HIDDEN)
        hidden = (nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in itertools.pairwise(sizes))
        self.dropout = nn.Dropout(layers.dropout)
        self.head = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(sizes[-1], 3 * points))

    def forward(self, frames: Tensor) -> Tensor:
        """Frames uint8 (n, h, w, c) to poses float32 (n, 1, K, 3): x, y in frame pixels, confidence 0..1."""
        return placed(self.regress(frames), self.frame)

    def regress(self, frames: Tensor) -> Tensor:
        """float32 (n, K, 3): x, y from the frame's middle in frame widths and heights, and the logit of being present."""
        planes = scaled(to_planes(frames))
        small = nn.functional.avg_pool2d(planes, self.shrink) if self.shrink > 1 else planes
        maps = self.blocks(self.stem(small.to(self.row_means.dtype)))
        binned = self.row_means @ maps @ self.column_means
        answer: Tensor = self.head(self.dropout(binned))
        return answer.float().reshape(-1, self.points, 3)

    row_means: Tensor  # (10, rows)
    column_means: Tensor  # (columns, 10)


def _quarter(side: int) -> int:
    """Size after two stride-2 layers that round up."""
    return math.ceil(math.ceil(side / 2) / 2)
