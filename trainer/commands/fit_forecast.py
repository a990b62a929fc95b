"""`trainer fit --task forecast`: recordings in, forecast bundle and report out."""

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tracker.bundle import USUAL_PLACE
from trainer.commands.forecast_options import forecast_request

if TYPE_CHECKING:
    from trainer.forecast.make_forecast_bundle import ForecastRequest


def fit_forecast(options: argparse.Namespace) -> int:
    """Train and write the bundle, or see only what a network can learn by heart."""
    from trainer.forecast.make_forecast_bundle import make_forecast_bundle
    from trainer.reports.report_files import plain_json

    options.out = options.out or Path(USUAL_PLACE)
    request = forecast_request(options)
    if options.memorise:
        return _memorise(request, frames=options.memorise, permuted=options.permuted)
    made = make_forecast_bundle(request, Console(stderr=True))
    print(plain_json(made.as_json()).decode() if options.json else "\n".join(made.lines))
    return 0


def _memorise(request: "ForecastRequest", *, frames: int, permuted: bool) -> int:
    from trainer.forecast.make_forecast_bundle import read_parts
    from trainer.forecast.memorise import memorise

    talk = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    with tempfile.TemporaryDirectory() as folder:
        _, parts = read_parts(request, Path(folder), talk.print)
        for kind in request.kinds:
            print(memorise(parts, request.settings.of(kind), frames=frames, permuted=permuted, say=talk.print).sentence)
    return 0
