"""Images made smaller and grey: the same operations in training and in the exported graph."""

import torch
from torch import Tensor, nn


def shrink(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Mean over whole blocks of pixels, mean over channels, and what is left of the way by straight lines between their centres.

    Args:
        images: uint8 (n, height, width, 1 or 3).
        size: (height, width) to come to; not larger than the images.

    Returns:
        float32 (n, 1, *size), 0..1.
    """
    count, height, width, channels = (int(side) for side in images.shape)
    planes = images.reshape(count, 1, height, width) if channels == 1 else images.permute(0, 3, 1, 2)
    found = planes.to(torch.float32)
    block = min(height // size[0], width // size[1])
    if block > 1:
        found = nn.functional.avg_pool2d(found, block)
    if channels > 1:
        found = found.mean(dim=1, keepdim=True)
    if tuple(found.shape[2:]) != tuple(size):
        found = nn.functional.interpolate(found, size, mode="bilinear", align_corners=False)
    return found / 255
