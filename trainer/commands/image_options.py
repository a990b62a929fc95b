"""Options of `fit` for behaviour from images."""

import argparse
import re
from typing import TYPE_CHECKING, Any

from trainer.commands.bouts import reading_asked

if TYPE_CHECKING:
    from trainer.behaviour.division import DivisionAsked
    from trainer.image_behaviour.image_request import ImageRequest
    from trainer.image_behaviour.region import RegionAsked

OF_BOTH = ("network", "weights", "trained", "contrast", "loss_name", "accelerator", "pairs")  # options of key points that images have too
OF_IMAGES = {
    "region": "--region",
    "follow": "--follow",
    "hold_ms": "--hold-ms",
    "size": "--size",
    "fit_by": "--fit",
    "colour": "--colour",
    "lags": "--lags",
    "memory": "--memory",
    "crop_area": "--crop-area",
    "per_class": "--per-class",
    "upside_down": "--upside-down",
    "average_mirrors": "--average-mirrors",
    "turns": "--turns",
    "negatives": "--negatives",
    "oversample_classes": "--oversample-classes",
}


def add_image_training(parser: argparse.ArgumentParser) -> None:
    """Options of `trainer fit --task behaviour --region ...`."""
    group = parser.add_argument_group(
        "behaviour from images; --data is a .csv with a row for each video: images (a video, a folder or .npy), labels, and video, poses, "
        "fps, part; or a folder with a folder of images for each class. --network small, shallow, deep, dense, or a library's"
    )
    group.add_argument("--region", metavar="PX|X,Y,W,H|frame", help="what the network sees: a square around --follow, a rectangle, all")
    group.add_argument("--follow", metavar="POINT", help="the key point that the square goes with")
    group.add_argument("--hold-ms", type=float, metavar="MS", help="for so long an absent point is taken to stay where it was (100)")
    group.add_argument("--size", metavar="WxH", help="to which the region is resized (its own)")
    group.add_argument("--fit", dest="fit_by", choices=("letterbox", "stretch", "centre"), help="how a whole frame is (letterbox)")
    group.add_argument("--colour", choices=("grey", "rgb"), help="what the network sees (what the images have)")
    group.add_argument("--lags", type=int, nargs="+", metavar="N", help="see also the frames so many back (none)")
    group.add_argument("--memory", type=int, metavar="N", help="numbers that a recurrent unit on top carries (0: none)")
    group.add_argument(
        "--crop-area",
        type=float,
        metavar="SHARE",
        help="learn from random parts of the image too, of at least this share of it (1: all of it)",
    )
    group.add_argument(
        "--per-class",
        type=int,
        nargs=3,
        metavar="N",
        help="of images by class: so many of each class must be there to train, validate and test by; a class that is short is named",
    )
    group.add_argument(
        "--negatives",
        choices=("mixed", "near", "random"),
        help="frames without a class that an epoch shows: half of them near bouts, near bouts alone, or any (mixed)",
    )
    group.add_argument(
        "--oversample-classes",
        action="store_true",
        help="show images of a rare class up to 5 times as often, beside their weight in the loss",
    )
    group.add_argument("--upside-down", action="store_true", help="learn also from images mirrored top to bottom")
    group.add_argument("--average-mirrors", action="store_true", help="answer with the mean over an image and its mirrored ones")
    group.add_argument("--turns", action="store_true", help="learn also from images turned by 90, 180 and 270 degrees")


def image_request(options: argparse.Namespace) -> "ImageRequest":
    """What `trainer fit --task behaviour --region ...` was asked.

    Raises:
        TrainingError: options that do not go together.
    """
    from trainer.errors import TrainingError
    from trainer.image_behaviour.classes_asked import ClassesAsked
    from trainer.image_behaviour.image_request import ImageRequest
    from trainer.image_behaviour.settings import ImageSettings, refuse_unknown_network

    if options.network is not None:
        refuse_unknown_network(options.network)
    if len(options.data) != 1:
        raise TrainingError(f"--data names {len(options.data)} places; expected one table, or one folder")
    names = (
        "epochs",
        "minutes",
        "patience",
        "batch",
        "held_out_batch",
        "learning_rate",
        "weight_decay",
        "dropout",
        "seed",
        "network",
        "weights",
        "memory",
        "start_from",
        "negatives",
    )
    given: dict[str, Any] = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if options.accelerator:
        given["device"] = options.accelerator
    if options.threshold_rule:
        given["threshold"] = options.threshold_rule
    if options.loss_name:
        given["loss"] = loss_asked(options.loss_name)
    if options.crop_area is not None:
        given["crop_area"] = options.crop_area
    if options.lags:
        given["lags"] = tuple(options.lags)
    region = _region(options)
    size = _size(options.size)
    return ImageRequest(
        data=options.data[0],
        out=options.out,
        region=region,
        settings=ImageSettings(
            **given,
            head_only=options.trained == "head",
            inside=size if region.side is not None or region.rectangle is not None else None,
            contrast=_contrast(options.contrast),
            mirror=not options.no_mirror,
            pairs=tuple(options.pairs or ()),
            upside_down=options.upside_down,
            average_mirrors=options.average_mirrors,
            turns=options.turns,
            oversample_classes=options.oversample_classes,
        ),
        asked=reading_asked(options),
        classes=ClassesAsked(class_names=tuple(options.classes), left_out=tuple(options.leave_out or ())),
        division=division_asked(options),
        per_class=tuple(options.per_class) if options.per_class else None,
        reference=not options.no_reference,
        anew=options.force,
    )


def division_asked(options: argparse.Namespace) -> "DivisionAsked":
    """Which videos are held out and validate.

    Raises:
        TrainingError: options that contradict each other.
    """
    from trainer.behaviour.division import DivisionAsked
    from trainer.errors import TrainingError

    if options.no_held_out and options.hold_out:
        raise TrainingError("--no-held-out and --hold-out contradict each other; give one of them")
    return DivisionAsked(
        test=tuple(options.hold_out or ()),
        validation=tuple(options.validate or ()),
        nothing_held_out=options.no_held_out,
        by=options.split_by,
    )


def loss_asked(name: str) -> str:
    """A loss that behaviour is learnt with.

    Raises:
        TrainingError: it is for key points.
    """
    from trainer.errors import TrainingError

    if name == "distance":
        raise TrainingError("--loss distance is for key points; expected cross_entropy or mse with --task behaviour")
    return name


def _contrast(asked: str | None) -> bool:
    from trainer.errors import TrainingError

    if asked == "local":
        raise TrainingError("--contrast local is for key points; expected none or whole with --region")
    return asked == "whole"


def _region(options: argparse.Namespace) -> "RegionAsked":
    from trainer.errors import TrainingError
    from trainer.image_behaviour.region import RegionAsked

    text, follow = options.region, options.follow
    confidence = 0.2 if options.least_confidence is None else options.least_confidence
    hold_ms = 100.0 if options.hold_ms is None else options.hold_ms
    if not 0 <= confidence < 1:
        raise TrainingError(f"--least-confidence is {confidence:g}; expected 0 or more, less than 1")
    if text != "frame" and options.fit_by is not None:
        raise TrainingError(f"--fit is for whole frames; leave it out with --region {text}")
    if not 0 <= hold_ms <= 3_600_000:
        raise TrainingError(f"--hold-ms is {hold_ms:g}; expected milliseconds, 0 to 3600000")
    if re.fullmatch(r"[1-9][0-9]{0,4}", text):
        if follow is None:
            raise TrainingError(f"--region {text} is a square around a key point; name that with --follow, or give X,Y,W,H or frame")
        return RegionAsked(side=int(text), follow=follow, colour=options.colour, confidence=confidence, hold_ms=hold_ms)
    for option, value in (("--hold-ms", options.hold_ms), ("--least-confidence", options.least_confidence)):
        if value is not None:
            raise TrainingError(f"{option} is for a square around a key point; leave it out with --region {text}")
    if follow is not None:
        raise TrainingError(f"--follow needs the side of a square in pixels, such as --region 81; found --region {text}")
    rectangle = re.fullmatch(r"([0-9]{1,5}),([0-9]{1,5}),([1-9][0-9]{0,4}),([1-9][0-9]{0,4})", text)
    if rectangle:
        left, top, width, height = map(int, rectangle.groups())
        return RegionAsked(rectangle=(left, top, width, height), colour=options.colour)
    if text != "frame":
        raise TrainingError(f"--region is '{text}'; expected the side of a square in pixels, X,Y,WIDTH,HEIGHT, or frame")
    return RegionAsked(size=_size(options.size), fit=options.fit_by or "letterbox", colour=options.colour)


def _size(text: str | None) -> tuple[int, int] | None:
    from trainer.errors import TrainingError

    if text is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,4})(?:x([1-9][0-9]{0,4}))?", text)
    if not found:
        raise TrainingError(f"--size is '{text}'; expected WIDTHxHEIGHT, such as 224x224")
    return int(found[1]), int(found[2] or found[1])
