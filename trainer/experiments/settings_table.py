"""What runs were made with, in a line for titles and in a table: read from the runs, so that no caption can lie."""

from collections.abc import Mapping, Sequence
from typing import Any

from tracker.pages.document import table
from trainer.experiments.run import Run

_SHOWN = (("network", ""), ("head", ""), ("batch", "batch "), ("learning_rate", "learning rate "), ("optimiser", ""))


def settings_words(runs: Sequence[Run]) -> str:
    """What all runs share, in a line; the epochs are those that were really run."""
    parts = []
    for name, word in _SHOWN:
        values = [value for value in dict.fromkeys(run.settings.get(name) for run in runs) if value is not None]
        if len(values) == 1:
            parts.append(f"{word}{values[0]:g}" if isinstance(values[0], float) else f"{word}{values[0]}")
    return ", ".join([*parts, _epochs([len(run.epochs) for run in runs]), _seeds([run.seed for run in runs])])


def settings_table(runs: Sequence[Run], options: Mapping[str, Any], *, labels: str) -> str:
    """What was asked for, all settings with every value that occurred, and the machine, as HTML.

    Args:
        runs: at least one.
        options: of the experiment itself.
        labels: what was learnt from.
    """
    rows = [[name, _value(value)] for name, value in options.items() if value is not None]
    for name in runs[0].settings:
        rows.append([name, "; ".join(dict.fromkeys(_value(run.settings[name]) for run in runs))])
    sizes = dict.fromkeys(f"{run.parameters / 1e6:.2f} M" for run in runs)
    rows.append(["labels", labels])
    if images := dict.fromkeys(run.images for run in runs if run.images):
        rows.append(["images", "; ".join(images)])
    rows.append(["parameters of the network", "; ".join(sizes)])
    machines = list(dict.fromkeys(tuple(run.machine.items()) for run in runs))
    rows += [[name, "; ".join(dict.fromkeys(dict(found).get(name, "–") for found in machines))] for name, _ in machines[0]]
    return table(["", ""], rows, kind="pairs")


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_value(inner) for inner in value)
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _epochs(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low} to {high} epochs" if low < high else f"{low} epoch{'s' if low != 1 else ''}"


def _seeds(seeds: Sequence[int]) -> str:
    different = sorted(set(seeds))
    return f"seed {different[0]}" if len(different) == 1 else f"seeds {', '.join(map(str, different))}"
