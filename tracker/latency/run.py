"""One measurement from its beginning to its report, also where it is stopped in between."""

from dataclasses import asdict
from typing import Any

from rich.console import Console

from tracker.client import Client
from tracker.errors import RigtrackError
from tracker.latency.edges import edges_of
from tracker.latency.listener import Listener
from tracker.latency.measure import Measurement
from tracker.latency.report import BY_HAND, report
from tracker.latency.serial_output import SerialOutput
from tracker.latency.settings import Settings
from tracker.task_progress import TaskProgress


def run(client: Client, settings: Settings) -> dict[str, Any]:
    """Measure.

    Returns:
        The report; its `stopped` says why it ended too early.

    Raises:
        LatencyError, OutputError: before anything could be measured.
    """
    with SerialOutput(settings.port, line=settings.line, inverted=settings.inverted) as output:
        listener = Listener(client, settings.event)
        measurement = Measurement(output, listener, settings)
        measurement.settle()
        stopped = _measure(measurement, settings)
        measurement.finish()
    edges = edges_of(measurement.commands, listener.heard, answered=settings.mode == "loop")
    return report(
        edges if stopped is None else edges[:-1],  # the last was cut off
        facts={**asdict(settings), "camera": listener.camera, "configured": listener.rule},
        frame_interval_ms=listener.frame_interval_ns / 1e6,
        exposure_ms=settings.exposure_ms,
        even=settings.mode == "led",
        stopped=stopped,
    )


def _measure(measurement: Measurement, settings: Settings) -> str | None:
    """Returns why it stopped too early."""
    with TaskProgress(Console(stderr=True), "measuring", unit="pulses") as progress:
        try:
            for done in measurement.led() if settings.mode == "led" else measurement.loop():
                progress.reached(done, settings.pulses)
        except KeyboardInterrupt:
            return BY_HAND
        except RigtrackError as problem:
            if not measurement.commands:
                raise
            return str(problem)
    return None
