"""Options of `fit`, `evaluate` and `compare` for behaviour, and what of the other options does not go with them."""

import argparse
from pathlib import Path

from trainer.commands.bouts import add_reading
from trainer.commands.image_options import OF_BOTH, OF_IMAGES, add_image_training

OF_EVERY_TASK = (
    *("help", "data", "out", "force", "json", "task", "minutes", "epochs", "seed", "learning_rate", "weight_decay"),
    *("batch", "held_out_batch", "patience", "hold_out", "no_held_out", "trials", "confirm", "space", "dropout"),
)
_NOT_OF_BEHAVIOUR = "is for key points; leave it out with a bundle that finds behaviour"
OF_BEHAVIOUR = {
    "classes": "--classes",
    "class_words": "--class-words",
    "leave_out": "--leave-out",
    "validate": "--validate",
    "split_by": "--split-by",
    "front": "--front",
    "back": "--back",
    "hidden": "--hidden",
    "members": "--members",
    "start_from": "--from",
    "threshold_rule": "--threshold-rule",
    "delay_ms": "--delay",
    "least_confidence": "--least-confidence",
    "no_mirror": "--no-mirror",
    "roles": "--roles",
    "no_reference": "--no-reference",
    "fps": "--fps",
    "frames": "--frames",
    "variable": "--variable",
    "channel": "--channel",
    "minimum_ms": "--minimum-ms",
    "gap_ms": "--gap-ms",
    "predictions": "--predictions",
    "memorise": "--memorise",
    "permuted": "--permuted",
    "only_when": "--only-when",
    "rules": "--rules",
    "hard_negatives_from": "--hard-negatives-from",
    "target_f1": "--target-f1",
    **OF_IMAGES,
}


def add_behaviour_training(parser: argparse.ArgumentParser) -> None:
    """Options of `trainer fit --task behaviour`."""
    parser.add_argument("--task", choices=("keypoints", "behaviour", "forecast"), default="keypoints", help="what is learnt (%(default)s)")
    group = parser.add_argument_group(
        "behaviour; from poses, --data is a .csv with a row for each video: poses, labels, and video, fps, part. --network gru or tcn (gru)"
    )
    add_behaviour_labels(group)
    add_rules(group)
    group.add_argument(
        "--hard-negatives-from",
        type=Path,
        metavar="BUNDLE",
        help="show the false bouts of this earlier bundle in the training videos more often",
    )
    group.add_argument(
        "--target-f1", type=float, metavar="F1", help="the macro-F1 by frame that your task asks for; the verdict says if it is met"
    )
    group.add_argument("--validate", nargs="+", metavar="VIDEO", help="videos to choose temperature and thresholds by")
    group.add_argument(
        "--split-by",
        choices=("animal", "session", "trial", "video", "block"),
        help="what stays together in one part: animals, sessions or trials as columns of the table name them (the first of these that has "
        "enough), videos, or a fifth of each video in a row; of forecasts, recordings, or shares of each in a row",
    )
    group.add_argument("--front", metavar="POINT", help="where the body's axis ends (found from how the animals move)")
    group.add_argument("--back", metavar="POINT", help="where it begins")
    group.add_argument("--least-confidence", type=float, metavar="C", help="below it a point is not there (0.2)")
    group.add_argument("--hidden", type=int, metavar="N", help="numbers that the network carries, or of each of its layers (64)")
    group.add_argument("--members", type=int, metavar="N", help="networks that answer together, each validated by other videos (1)")
    group.add_argument(
        "--delay",
        dest="delay_ms",
        type=float,
        metavar="MS",
        help="answer so much later than a frame, having seen what came after it (0); events say so, and where the bout began",
    )
    group.add_argument("--threshold-rule", choices=("f1", "j", "accuracy"), help="what a threshold makes greatest (f1)")
    group.add_argument("--no-mirror", action="store_true", help="do not learn from mirrored poses or images: sides mean something")
    group.add_argument("--roles", action="store_true", help="the animals' order means something, as resident and intruder")
    group.add_argument("--no-reference", action="store_true", help="train no boosted trees (LightGBM) for the network to beat")
    both = parser.add_argument_group("behaviour and forecast")
    both.add_argument(
        "--from", dest="start_from", metavar="BUNDLE", help="begin with the layers of this bundle's network that are alike, but the last"
    )
    both.add_argument(
        "--memorise", type=int, metavar="FRAMES", help="see only whether the network can learn so many frames by heart; nothing is written"
    )
    both.add_argument("--permuted", action="store_true", help="with --memorise: with labels exchanged at random")
    add_image_training(parser)


def add_behaviour_scoring(parser: argparse.ArgumentParser, *, alone: bool) -> None:
    """Options of `trainer evaluate` and `trainer compare` for a behaviour bundle."""
    group = parser.add_argument_group("of a bundle that finds behaviour; --data is the table of videos")
    add_behaviour_labels(group)
    add_rules(group)
    if alone:
        group.add_argument("--minimum-ms", type=float, metavar="MS", help="score also with shorter bouts dropped")
        group.add_argument("--gap-ms", type=float, metavar="MS", help="score also with interruptions up to this filled")
        group.add_argument("--predictions", metavar="DIR", help="write the probabilities of every video there, a table each")


def add_rules(group: "argparse._ArgumentGroup") -> None:
    """The option for rules written by hand."""
    group.add_argument(
        "--rules",
        nargs="+",
        metavar=("CONFIG", "EVENT=CLASS"),
        help="score the rules of this tracker.yaml beside networks; events called otherwise than the classes are named",
    )


def add_behaviour_labels(group: "argparse._ArgumentGroup") -> None:
    """Options for what the labels say."""
    add_reading(group, classes="classes to learn (all that are on anywhere); of an array of numbers, all of its classes")
    group.add_argument(
        "--class-words", type=Path, metavar="FILE", help="what classes in folders are called: folder, tab, names (words.txt beside them)"
    )
    group.add_argument("--leave-out", nargs="+", metavar="CLASS", help="classes whose frames count as judged by nobody")
    group.add_argument(
        "--only-when",
        nargs="+",
        metavar=("CONFIG", "CLASSIFIER"),
        help="frames go to the network as this tracker.yaml says with only_when of its classifier, or of the one named",
    )


OF_MAKING = {
    "only_when": "--only-when",
    "rules": "--rules",
    "hard_negatives_from": "--hard-negatives-from",
    "target_f1": "--target-f1",
}


def refuse_options_of_making(options: argparse.Namespace) -> None:
    """Refuse what concerns the making of a bundle alone.

    Raises:
        TrainingError: naming the first that was given.
    """
    refuse(options, OF_MAKING, "is for the making of a bundle; leave it out")


def refuse_behaviour_options(options: argparse.Namespace) -> None:
    """Refuse options of behaviour where key points are asked for.

    Raises:
        TrainingError: naming the first.
    """
    refuse(options, OF_BEHAVIOUR, "is for behaviour; leave it out, or give a bundle, or --task, that finds behaviour")


def refuse_key_point_options(options: argparse.Namespace, *others: str, task: str = "behaviour") -> None:
    """Refuse every option that was given, is not of every task, and that no other task names as its own.

    Args:
        options: as parsed, after `keep_declared`.
        others: names of options that the task takes, or refuses in other words.
        task: what is asked for, for the sentence.

    Raises:
        TrainingError: naming the first.
    """
    from trainer.errors import TrainingError

    for name, (spellings, usual) in options.declared.items():
        given = getattr(options, name, usual)
        if given != usual and name not in OF_EVERY_TASK and name not in OF_BEHAVIOUR and name not in others:
            raise TrainingError(f"{spellings[-1 if given is False else 0]} is for key points; leave it out with --task {task}")


def refuse_misfits_of_images(options: argparse.Namespace) -> None:
    """Refuse options of key points and poses where behaviour is learnt from images.

    Raises:
        TrainingError: naming the first.
    """
    refuse_key_point_options(options, *OF_BOTH)
    of_poses = {
        "delay_ms": "--delay",
        "front": "--front",
        "back": "--back",
        "hidden": "--hidden",
        "members": "--members",
        "roles": "--roles",
    }
    refuse(options, of_poses, "is for behaviour from poses; leave it out with --region")


def refuse_key_point_scoring(options: argparse.Namespace) -> None:
    """Refuse options of `trainer evaluate` and `trainer compare` that a behaviour bundle has no use for.

    Raises:
        TrainingError: naming the first.
    """
    from trainer.errors import TrainingError

    refuse(options, {name: f"--{name}" for name in ("train", "empty", "floor", "classical", "chamber")}, _NOT_OF_BEHAVIOUR)
    if (options.runtime, options.precision) != ("openvino", "fp32"):
        raise TrainingError("a bundle that finds behaviour is scored on openvino in fp32; leave --runtime and --precision out")


def refuse(options: argparse.Namespace, names: dict[str, str], why: str) -> None:
    """Refuse options by the names that argparse gives them.

    Args:
        options: as parsed.
        names: the option as it is written, by its name.
        why: the rest of the sentence.

    Raises:
        TrainingError: naming the first that was given.
    """
    from trainer.errors import TrainingError

    for name, option in names.items():
        if getattr(options, name, None) not in (None, False, []):
            raise TrainingError(f"{option} {why}")
