"""Networks, videos of poses and a division of them for tests of behaviour."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tests.trainer.walkers import CLASSES, FPS, walkers, write_table
from trainer.behaviour.division import DivisionAsked
from trainer.behaviour.features import BodyPlan
from trainer.behaviour.network import BehaviourPlan, PoseBehaviour, PoseNetwork, features_of
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.video_table import PoseVideo, PoseVideos, divide, read_videos
from trainer.ethogram.bouts import ethogram
from trainer.ethogram.read_options import ReadOptions

BODY = BodyPlan(animals=2, points=3, front=0, back=2, scale_px=40.0, confidence=0.2)
QUICK = BehaviourSettings(epochs=3, hidden=8, window=150, batch=8, learning_rate=1e-2)


def network(*, exclusive: bool = True, seed: int = 0, kind: PoseNetwork = "gru") -> PoseBehaviour:
    torch.manual_seed(seed)
    made = PoseBehaviour(BehaviourPlan(body=BODY, classes=2, exclusive=exclusive, hidden=8, network=kind)).eval()
    with torch.no_grad():
        made.get_parameter("gru.weight_ih_l0" if kind == "gru" else "convolutions.enter.weight").mul_(2)
    return made


def video(seed: int, *, frames: int = 300, name: str = "v") -> PoseVideo:
    poses, marks = walkers(seed, frames=frames)
    return PoseVideo(name=name, poses=poses, marks=marks, fps=FPS, labels=ethogram(CLASSES, [], where="", frames=frames), part="train")


def steps(made: PoseBehaviour, poses: NDArray[np.float32], seconds: float = 1 / FPS) -> NDArray[np.float32]:
    states = made.zero_states()
    answers = []
    with torch.no_grad():
        for place, frame in enumerate(torch.from_numpy(poses)):
            answer, *states = made(frame[None], torch.full((1, 1), seconds if place else 0.0), *states)
            answers.append(answer[0].numpy())
    return np.stack(answers)


def features(poses: NDArray[np.float32]) -> NDArray[np.float32]:
    seconds = torch.full((len(poses),), 1 / FPS)
    seconds[0] = 0
    found: NDArray[np.float32] = features_of(network(), [torch.from_numpy(poses)], [seconds])[0].numpy()
    return found


def divided(folder: Path) -> PoseVideos:
    folder.mkdir(exist_ok=True)
    return divide(read_videos(write_table(folder, frames=300), asked=ReadOptions()), DivisionAsked())
