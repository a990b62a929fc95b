"""`trainer sweep --task behaviour|forecast`: a search over the settings of `trainer fit` for that task."""

import argparse
import json
from typing import TYPE_CHECKING

from rich.console import Console

from trainer.commands.behaviour_options import refuse_misfits_of_images, refuse_options_of_making
from trainer.commands.behaviour_request import behaviour_request
from trainer.commands.choices import say
from trainer.commands.forecast_options import forecast_request, refuse_forecast_options
from trainer.commands.image_options import image_request

if TYPE_CHECKING:
    from trainer.experiments.search_space import Space
    from trainer.experiments.settings_search import Trials


def sweep_settings(options: argparse.Namespace) -> int:
    """Work until the search is done, write the report, print the verdict."""
    from trainer.experiments.search_space import read_space
    from trainer.experiments.settings_report import write_settings_report
    from trainer.experiments.settings_search import search_settings
    from trainer.whole_files import disk_refusals, refuse_unwritable

    if options.out is None:
        options.refuse("--out is needed with --task: a folder for the search")
    if options.data is None:
        options.refuse("--data is needed with --task")
    if options.memorise is not None or options.permuted:
        options.refuse("--memorise is for `trainer fit`; leave it out")
    refuse_unwritable(options.out, option="--out")
    options.data = [options.data]
    talk = Console(stderr=True)
    trials, space = _forecast(options, talk) if options.task == "forecast" else _behaviour(options, talk)
    if options.space is not None:
        space = read_space(options.space)
    with disk_refusals(options.out):
        found = search_settings(
            trials, space, options.out, trials=options.trials, confirm=options.confirm, say=lambda sentence: say(talk, [sentence])
        )
        report = write_settings_report(options.out, found, space)
    print(json.dumps({"report": str(report), **found.as_json()}) if options.json else f"{found.sentence}\nReport: {report}")
    return 0


def _behaviour(options: argparse.Namespace, talk: Console) -> "tuple[Trials, Space]":
    from trainer.experiments.behaviour_trials import IMAGE_SPACE, POSE_SPACE, ImageTrials, PoseTrials

    refuse_forecast_options(options)
    refuse_options_of_making(options)
    if options.region is not None:
        from trainer.image_behaviour.image_mirroring import settled_mirror
        from trainer.image_behaviour.image_videos import divide as divide_images
        from trainer.image_behaviour.read_images import read_image_videos

        refuse_misfits_of_images(options)
        wanted = image_request(options)
        images = read_image_videos(wanted.data, wanted.region, asked=wanted.asked, classes=wanted.classes)
        images = divide_images(images, wanted.division)
        say(talk, [settled_mirror(wanted.settings, images.class_names)[0].sentence("image")])
        return ImageTrials(videos=images, settings=wanted.settings), IMAGE_SPACE
    from trainer.behaviour.body_axis import find_body_axis
    from trainer.behaviour.mirroring import mirroring_of
    from trainer.behaviour.none_class import without_none
    from trainer.behaviour.video_table import divide, read_videos

    asked = behaviour_request(options)
    read = read_videos(asked.table, asked=asked.asked, class_names=asked.class_names, left_out=asked.left_out)
    videos = divide(without_none(read), asked.division)
    axis = find_body_axis(videos, front=asked.front, back=asked.back, confidence=asked.confidence, roles=asked.roles)
    say(talk, [mirroring_of(videos.point_names, videos.class_names, asked.settings).sentence("pose")])
    return PoseTrials(videos=videos, axis=axis, settings=asked.settings), POSE_SPACE


def _forecast(options: argparse.Namespace, talk: Console) -> "tuple[Trials, Space]":
    from trainer.errors import TrainingError
    from trainer.experiments.search_space import Dimension
    from trainer.forecast.make_forecast_bundle import read_parts
    from trainer.forecast.trials import ForecastTrials

    request = forecast_request(options)
    if len(request.kinds) > 1 or request.settings.kind == "logit":
        raise TrainingError("a search is over the settings of one network; give one --forecaster, not logit, which has none")
    _, parts = read_parts(request, options.out, lambda sentence: say(talk, [sentence]))
    space: Space = {
        "learning_rate": Dimension(low=3e-4, high=1e-2, log=True),
        "dropout": Dimension(low=0.0, high=0.4),
        "batch": Dimension(choices=(2, 4, 8)),
    }
    if request.settings.kind == "lstm":
        space["hidden"] = Dimension(choices=(16, 32, 64))
    return ForecastTrials(parts=parts, settings=request.settings), space
