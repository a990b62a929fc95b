"""Layers of an earlier forecaster that a new one begins with."""

from pathlib import Path

from trainer.behaviour.earlier_layers import take_layers
from trainer.forecast.forecaster import Forecaster
from trainer.forecast.from_pixels import PixelForecaster
from trainer.forecast.settings import ForecastSettings

_OF_DATA = ("floor", "mean", "deviation", "scale", "offset")  # normalisation by the training part, calibration by the validation part


def begin_with(network: Forecaster, settings: ForecastSettings) -> list[str]:
    """Copy what `settings.start_from` has of the same kind of network, but for the last layer; nothing where it is None.

    Returns:
        What was taken and what was not, a sentence each.

    Raises:
        TrainingError: there is no training of that kind beside the bundle, or nothing of it fits.
    """
    if settings.start_from is None:
        return []
    last = f"dense.{len(network.dense) - 1}." if isinstance(network, PixelForecaster) else "answer."
    return take_layers(network, Path(settings.start_from), own=(last, *_OF_DATA), within=(settings.kind,))
