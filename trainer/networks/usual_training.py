"""How long and fast each task learns where nobody asks otherwise. Imports no torch, so that `trainer --help` stays quick."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualTraining:
    """Where an option is not given.

    Attributes:
        epochs: at most.
        batch: frames, clips or sequences of a step.
        learning_rate: at its highest.
    """

    epochs: int
    batch: int
    learning_rate: float


KEY_POINTS = UsualTraining(epochs=40, batch=8, learning_rate=2e-3)  # epochs: about 4 minutes on two cores
POSES = UsualTraining(epochs=30, batch=32, learning_rate=3e-3)
IMAGES = UsualTraining(epochs=30, batch=16, learning_rate=3e-3)
FORECAST = UsualTraining(epochs=15, batch=4, learning_rate=1e-3)
PRETRAINED_RATE = 0.1  # share of the rate, of key points' weights that another network has learnt
HELD_OUT_BATCH = 8  # frames with key points that are answered at a time
IMAGES_HELD_OUT = 64  # images at most; of large ones fewer, see frames_together
FORECAST_HELD_OUT = 32  # steps of a forecaster
LSTM_RATE = 3e-3  # of the forecaster on motion
