"""Where networks of behaviour and forecasts learn, and what is said where there is no GPU."""

from collections.abc import Callable

import pytest
import torch

from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.training_device import training_device
from trainer.errors import TrainingError
from trainer.forecast.settings import ForecastSettings
from trainer.image_behaviour.settings import ImageSettings

CHECKS: dict[str, Callable[[], None]] = {
    "poses": BehaviourSettings(device="gpu").check,
    "images": lambda: ImageSettings(device="gpu").check(height=9, width=9, in_time=True),
    "forecast": ForecastSettings(kind="lstm", device="gpu").check,
}


@pytest.mark.parametrize("task", CHECKS)
def test_a_gpu_that_is_not_there_is_refused_before_anything_is_learnt(task: str) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(TrainingError, match=r"^--device gpu: torch finds no CUDA GPU on this machine; leave --device out"):
        CHECKS[task]()


def test_behaviour_learns_on_the_cpu_unless_a_gpu_is_asked_for() -> None:
    assert [training_device(asked).type for asked in ("auto", "cpu")] == ["cpu", "cpu"]


def test_a_training_may_go_on_elsewhere() -> None:
    for one, other in (
        (BehaviourSettings(), BehaviourSettings(device="gpu")),
        (ImageSettings(), ImageSettings(device="gpu")),
        (ForecastSettings(kind="lstm"), ForecastSettings(kind="lstm", device="gpu")),
    ):
        assert one.as_plain() == other.as_plain()
