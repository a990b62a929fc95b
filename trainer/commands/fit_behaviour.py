"""`trainer fit --task behaviour`: videos or images with labels in, bundle and report out; or what a network can learn by heart."""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tracker.bundle import USUAL_PLACE
from trainer.commands.behaviour_options import refuse_misfits_of_images, refuse_options_of_making
from trainer.commands.behaviour_request import behaviour_request, choice_asked, rules_asked, target_asked
from trainer.commands.given_options import given_options
from trainer.commands.image_options import image_request

if TYPE_CHECKING:
    from trainer.image_behaviour.image_request import ImageRequest


def fit_behaviour(options: argparse.Namespace) -> int:
    """Train and write the bundle, or see only what a network can learn by heart: exit status 1 if it cannot."""
    from trainer.reports.report_files import plain_json

    options.out = options.out or Path(USUAL_PLACE)
    if options.region is not None:
        refuse_misfits_of_images(options)
    if options.memorise is not None or options.permuted:
        return _memorise(options)
    if options.region is not None:
        from trainer.image_behaviour.make_image_bundle import make_image_bundle

        made = make_image_bundle(with_rig(image_request(options), options), Console(stderr=True))
    else:
        from trainer.behaviour.make_behaviour_bundle import make_behaviour_bundle

        made = make_behaviour_bundle(behaviour_request(options), Console(stderr=True))
    print(plain_json(made.as_json()).decode() if options.json else "\n".join(made.lines))
    return 0


def with_rig(request: "ImageRequest", options: argparse.Namespace) -> "ImageRequest":
    """What was asked, with what a rig's file says of frames and rules, an earlier bundle, and the options as they were given."""
    return replace(
        request,
        choice=choice_asked(options),
        rules=rules_asked(options),
        hard_negatives_from=options.hard_negatives_from,
        target_f1=target_asked(options),
        options=given_options(options),
    )


def _memorise(options: argparse.Namespace) -> int:
    from trainer.behaviour.memorise import memorise
    from trainer.errors import TrainingError
    from trainer.image_behaviour.memorise_images import memorise_images

    frames, permuted = options.memorise, options.permuted
    if frames is None:
        raise TrainingError("--permuted goes with --memorise; give both, or none")
    refuse_options_of_making(options)
    if frames < 2:
        raise TrainingError(f"--memorise is {frames}; expected at least 2 frames")
    if options.region is not None:
        from trainer.image_behaviour.image_videos import divide as divide_images
        from trainer.image_behaviour.read_images import read_image_videos

        asked = image_request(options)
        images = read_image_videos(asked.data, asked.region, asked=asked.asked, classes=asked.classes)
        images = divide_images(images, asked.division)
        found = memorise_images(images, asked.settings, frames=frames, permuted=permuted)
    else:
        from trainer.behaviour.body_axis import find_body_axis
        from trainer.behaviour.none_class import without_none
        from trainer.behaviour.video_table import divide, read_videos

        request = behaviour_request(options)
        read = read_videos(request.table, asked=request.asked, class_names=request.class_names, left_out=request.left_out)
        videos = divide(without_none(read), request.division)
        axis = find_body_axis(videos, front=request.front, back=request.back, confidence=request.confidence, roles=request.roles)
        found = memorise(videos, axis, request.settings, frames=frames, permuted=permuted)
    print(json.dumps(found.as_json()) if options.json else found.sentence)
    return 0 if found.passed or permuted else 1
