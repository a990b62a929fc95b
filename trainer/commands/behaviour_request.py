"""What `trainer fit --task behaviour` was asked, and what of a rig's file goes with it: rules, and which frames go to a network."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.commands.behaviour_options import refuse, refuse_key_point_options
from trainer.commands.bouts import reading_asked
from trainer.commands.given_options import given_options
from trainer.commands.image_options import OF_IMAGES, division_asked, loss_asked
from trainer.networks.names import OF_POSES

if TYPE_CHECKING:
    from trainer.behaviour.bundle_request import BehaviourRequest
    from trainer.behaviour.frame_choice import FrameChoice
    from trainer.behaviour.rule_answers import HandRules


def behaviour_request(options: argparse.Namespace) -> "BehaviourRequest":
    """What `trainer fit --task behaviour` was asked.

    Raises:
        TrainingError: options that do not go together.
    """
    from trainer.behaviour.bundle_request import BehaviourRequest
    from trainer.behaviour.settings import BehaviourSettings
    from trainer.errors import TrainingError

    refuse_key_point_options(options, "network", "loss_name", "accelerator", "pairs")
    refuse(options, OF_IMAGES, "is for behaviour from images; give --region with it")
    if len(options.data) != 1:
        raise TrainingError(f"--data names {len(options.data)} tables; expected one, with a row for each video")
    if options.data[0].is_dir():
        raise TrainingError(f"{options.data[0]}: is a folder; give a table of videos, or --region frame to learn from folders of images")
    names = (
        "epochs",
        "minutes",
        "patience",
        "hidden",
        "members",
        "batch",
        "held_out_batch",
        "learning_rate",
        "weight_decay",
        "dropout",
        "delay_ms",
        "seed",
        "start_from",
    )
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if options.accelerator:
        given["device"] = options.accelerator
    if options.threshold_rule:
        given["threshold"] = options.threshold_rule
    if options.loss_name:
        given["loss"] = loss_asked(options.loss_name)
    if options.network:
        if options.network not in OF_POSES:
            raise TrainingError(
                f"--network {options.network} does not take poses; expected {' or '.join(OF_POSES)}, or --region with images"
            )
        given["network"] = options.network
    confidence = 0.2 if options.least_confidence is None else options.least_confidence
    if not 0 <= confidence < 1:
        raise TrainingError(f"--least-confidence is {confidence:g}; expected 0 or more, less than 1")
    return BehaviourRequest(
        table=options.data[0],
        out=options.out,
        settings=BehaviourSettings(**given, mirror=not options.no_mirror, pairs=tuple(options.pairs or ())),
        asked=reading_asked(options),
        class_names=tuple(options.classes),
        left_out=tuple(options.leave_out or ()),
        division=division_asked(options),
        front=options.front,
        back=options.back,
        confidence=confidence,
        roles=options.roles,
        reference=not options.no_reference,
        anew=options.force,
        choice=choice_asked(options),
        rules=rules_asked(options),
        hard_negatives_from=options.hard_negatives_from,
        target_f1=target_asked(options),
        options=given_options(options),
    )


def target_asked(options: argparse.Namespace) -> float | None:
    """The macro-F1 that --target-f1 asks for; None where it was not given.

    Raises:
        TrainingError: it is no F1.
    """
    from trainer.errors import TrainingError

    target: float | None = options.target_f1
    if target is not None and not 0 < target <= 1:
        raise TrainingError(f"--target-f1 is {target:g}; expected more than 0, at most 1")
    return target


def rules_asked(options: argparse.Namespace) -> "HandRules | None":
    """The rules that --rules names; None for none.

    Raises:
        ConfigError, TrainingError: there are no such rules.
    """
    from trainer.behaviour.rule_answers import read_rules

    if options.rules is None:
        return None
    path, *pairs = options.rules
    return read_rules(Path(path), pairs)


def choice_asked(options: argparse.Namespace) -> "FrameChoice | None":
    """Which frames go to the network, as --only-when says; None for all of them.

    Raises:
        ConfigError, TrainingError: there is no such choice.
    """
    from trainer.behaviour.frame_choice import read_choice
    from trainer.errors import TrainingError

    if options.only_when is None:
        return None
    path, *classifier = options.only_when
    if len(classifier) > 1:
        raise TrainingError(f"--only-when names {len(classifier)} classifiers; expected a tracker.yaml and at most one of its classifiers")
    return read_choice(Path(path), classifier[0] if classifier else None)
