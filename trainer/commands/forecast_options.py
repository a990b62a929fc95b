"""Options of `trainer fit --task forecast`, and what of the other options does not go with it."""

import argparse
from typing import TYPE_CHECKING, Any

from trainer.commands.behaviour_options import OF_BEHAVIOUR, refuse, refuse_key_point_options
from trainer.commands.given_options import given_options

if TYPE_CHECKING:
    from trainer.forecast.make_forecast_bundle import ForecastRequest

_SHARED = ("start_from", "hidden", "fps", "split_by", "memorise", "permuted")  # of behaviour, and of use here
_OF_FORECAST = {
    "forecaster": "--forecaster",
    "horizon": "--horizon",
    "share": "--share",
    "least_range": "--least-range",
    "past": "--past",
    "parts": "--parts",
    "frame_size": "--frame-size",
    "motion_size": "--motion-size",
    "picture": "--picture",
    "slice_frames": "--slice-frames",
    "no_flips": "--no-flips",
    "no_class_weights": "--no-class-weights",
    "pooling": "--pooling",
    "motion_beside": "--motion-beside",
    "alarm_rule": "--alarm-rule",
}
_DIVISION = {"hold_out": "--hold-out", "no_held_out": "--no-held-out", "validate": "--validate"}
_INSTEAD = dict.fromkeys(_DIVISION, "use --parts") | {"no_mirror": "use --no-flips", "threshold_rule": "use --alarm-rule"}


def add_forecast_training(parser: argparse.ArgumentParser) -> None:
    """Options of `trainer fit --task forecast`."""
    group = parser.add_argument_group(
        "forecast of bursts of motion; --data are recordings: videos, folders of images, .npy or HDF5 arrays of images, .npy arrays of "
        "motion, or one .csv with the columns recording, and fps, part, animal, session, trial"
    )
    group.add_argument(
        "--forecaster",
        nargs="+",
        choices=("logit", "lstm", "convlstm-small", "convlstm-medium", "convlstm-large"),
        help="networks to train and compare; the bundle is of the first (lstm)",
    )
    group.add_argument("--horizon", type=int, metavar="FRAMES", help="frames that a label looks ahead (45)")
    group.add_argument("--share", type=float, metavar="B", help="quiet is at most this share of the range ahead above its lowest (0.1)")
    group.add_argument("--least-range", type=float, metavar="C", help="a burst is a range of motion of at least this (0.001)")
    group.add_argument("--past", type=int, metavar="FRAMES", help="frames that a forecast sees before it counts (120)")
    group.add_argument(
        "--parts",
        type=float,
        nargs=3,
        metavar="SHARE",
        help="of each recording in time, or of what --split-by keeps together: trained, validated, held out (0.8338 0.0666 0.0995)",
    )
    group.add_argument(
        "--frame-size", type=int, nargs=2, metavar=("W", "H"), help="what a network from pixels sees is resized to (160 120)"
    )
    group.add_argument("--motion-size", type=int, nargs=2, metavar=("W", "H"), help="blocks that motion is measured over (every pixel)")
    group.add_argument(
        "--picture", type=int, nargs=3, metavar=("W", "H", "CHANNELS"), help="of the camera, to make a bundle from motion alone"
    )
    group.add_argument("--slice-frames", type=int, metavar="N", help="frames that are the channels of one step from pixels (4)")
    group.add_argument("--no-flips", action="store_true", help="do not learn from flipped clips: the scene is not symmetric")
    group.add_argument("--no-class-weights", action="store_true", help="every frame counts as one")
    group.add_argument("--pooling", choices=("max", "flatten"), help="greatest of each map, or all of it (max)")
    group.add_argument("--motion-beside", action="store_true", help="tell a network from pixels the newest motion too")
    group.add_argument(
        "--alarm-rule", choices=("false_alarms", "j", "accuracy"), help="how a threshold is chosen on the validation part (false_alarms)"
    )


def refuse_forecast_options(options: argparse.Namespace) -> None:
    """Refuse options of forecasts where something else is learnt.

    Raises:
        TrainingError: naming the first.
    """
    refuse(options, _OF_FORECAST, "is for forecasts; leave it out, or give --task forecast")


def forecast_request(options: argparse.Namespace) -> "ForecastRequest":
    """What `trainer fit --task forecast` was asked.

    Raises:
        TrainingError: options that do not go together.
    """
    from trainer.errors import TrainingError
    from trainer.forecast.labels import BurstRule
    from trainer.forecast.make_forecast_bundle import ForecastRequest
    from trainer.forecast.parts import PUBLISHED_SHARES
    from trainer.forecast.settings import ForecastSettings

    refuse_key_point_options(options, *_OF_FORECAST, "dropout", "accelerator", task="forecast")
    if options.permuted and not options.memorise:
        raise TrainingError("--permuted goes with --memorise; give both, or none")
    if options.memorise is not None and options.memorise < 2:
        raise TrainingError(f"--memorise is {options.memorise}; expected at least 2 frames")
    for name, option in (OF_BEHAVIOUR | _DIVISION).items():
        if name not in _SHARED:
            refuse(options, {name: option}, f"does not go with --task forecast; {_INSTEAD.get(name, 'leave it out')}")
    kinds = tuple(dict.fromkeys(options.forecaster or ("lstm",)))
    given = _given(
        options,
        *("epochs", "minutes", "patience", "batch", "held_out_batch", "learning_rate", "weight_decay", "dropout", "hidden", "slice_frames"),
        *("pooling", "start_from", "seed"),
    )
    if options.start_from is not None and len(kinds) > 1:
        raise TrainingError(f"--from begins one network, and --forecaster names {len(kinds)}; give one of them")
    if options.accelerator:
        given["device"] = options.accelerator
    if options.alarm_rule:
        given["threshold"] = options.alarm_rule
    size, picture = options.frame_size, options.picture
    return ForecastRequest(
        data=tuple(options.data),
        out=options.out,
        kinds=kinds,
        settings=ForecastSettings(
            kind=kinds[0],
            flips=not options.no_flips,
            class_weights=not options.no_class_weights,
            motion_beside=options.motion_beside,
            **given,
        ),
        rule=BurstRule(**_given(options, "horizon", "share", "least_range", "past")),
        fps=options.fps,
        size=(size[1], size[0]) if size else None,
        motion_size=tuple(options.motion_size) if options.motion_size else None,
        picture=(picture[1], picture[0], picture[2]) if picture else None,
        anew=options.force,
        split_by=options.split_by,
        shares=tuple(options.parts) if options.parts else PUBLISHED_SHARES,
        options=given_options(options),
    )


def refuse_behaviour_scoring(options: argparse.Namespace) -> None:
    """Refuse options of `trainer evaluate` that a forecast bundle has no use for.

    Raises:
        TrainingError: naming the first.
    """
    refuse(options, {name: option for name, option in OF_BEHAVIOUR.items() if name != "fps"}, "does not go with a bundle that forecasts")


def _given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}
