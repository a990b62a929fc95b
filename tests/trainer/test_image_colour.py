"""The order of colours, from a recorded video through the rig's engine: red is first in what a network from images takes."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from tests.tracker.videos import write_video
from tracker.engines.openvino.step_engine import IMAGE, StepEngine
from tracker.frame import Image
from tracker.recording.original_video import OriginalVideo
from trainer.behaviour.export import export_step
from trainer.image_behaviour.networks import ImageBehaviour, ImagePlan

RED, GREEN, BLUE = (200, 40, 20), (30, 190, 60), (20, 50, 210)


def of_one_colour_each() -> ImageBehaviour:
    """Class 0 looks at the mean of the first colour alone, class 1 at that of the third, of another weight."""
    plan = ImagePlan(
        height=32, width=32, channels=3, inside=None, contrast=False, lags=(), network="small", memory=0, dropout=0.0, classes=2,
        exclusive=False,
    )  # fmt: skip
    made = ImageBehaviour(plan)
    made.body = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    made.answer = nn.Linear(3, 2)
    with torch.no_grad():
        made.answer.weight.copy_(torch.tensor([[4.0, 0.0, 0.0], [0.0, 0.0, 2.0]]))
        made.answer.bias.zero_()
    return made.eval()


def test_the_rig_shows_a_network_red_first(tmp_path: Path) -> None:
    colours = np.array([RED, GREEN, BLUE], np.uint8)

    def image(number: int) -> Image:
        return np.broadcast_to(colours[number], (32, 32, 3)).copy()

    video = write_video(tmp_path / "colours.mp4", 3, image=image, codec="libx264rgb", pixels="rgb24", qp="0")
    seen = np.stack(list(OriginalVideo(video).images()))  # as the rig's source gives them
    np.testing.assert_allclose(seen[:, 16, 16].astype(int), colours.astype(int), atol=2)
    seconds = np.full(3, 0.04, np.float32)
    network = of_one_colour_each()

    exported = export_step(network, IMAGE, seen, seconds)
    found = StepEngine(exported.model, exported.state_shapes).run(seen, seconds)

    logits = (colours[:, [0, 2]] / 255 - 0.5) * (4.0, 2.0)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits)), atol=0.02)
    with torch.no_grad():
        expected = network(torch.from_numpy(seen), torch.full((3, 1), 0.04))[0]
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)
