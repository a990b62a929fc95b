"""ResNet with its last layer regressing coordinates (R1-04), from scratch, on the whole frame: the reference that others are read against.

He et al. 2016, "Deep residual learning for image recognition": basic blocks, 18 or 34 layers.
"""

from torch import Tensor, nn

from trainer.networks.blocks import FrameShape, convolution, placed, scaled, to_planes

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
WIDTHS = (64, 128, 256, 512)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a way around them."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.first = convolution(inputs, outputs, stride=stride)
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
        changes = stride != 1 or inputs != outputs
        self.around = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)) if changes else nn.Identity()
        )
        self.activation = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        answer: Tensor = self.activation(self.second(self.first(maps)) + self.around(maps))
        return answer


class ResNetCoordinates(nn.Module):
    """ResNet whose fully connected layer answers x, y and presence of every key point; no ReLU on the output.

    Args:
        points: number of key points K.
        frame: what the network takes.
        layers: 18 or 34.
    """

    def __init__(self, points: int, *, frame: FrameShape, layers: int = 18) -> None:
        super().__init__()
        self.points, self.frame = points, frame
        self.stem = nn.Sequential(convolution(frame.channels, WIDTHS[0], kernel=7, stride=2), nn.MaxPool2d(3, 2, 1))
        blocks: list[nn.Module] = []
        inputs = WIDTHS[0]
        for stage, (width, depth) in enumerate(zip(WIDTHS, DEPTHS[layers], strict=True)):
            for index in range(depth):
                blocks.append(BasicBlock(inputs, width, stride=2 if stage and not index else 1))
                inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(WIDTHS[-1], 3 * points)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames uint8 (n, h, w, c) to poses float32 (n, 1, K, 3): x, y in frame pixels, confidence 0..1."""
        return placed(self.regress(frames), self.frame)

    def regress(self, frames: Tensor) -> Tensor:
        """float32 (n, K, 3): x, y from the frame's middle in frame widths and heights, and the logit of being present."""
        maps = self.blocks(self.stem(scaled(to_planes(frames)).to(self.head.weight.dtype)))
        answer: Tensor = self.head(maps.mean((2, 3)))
        return answer.float().reshape(-1, self.points, 3)
