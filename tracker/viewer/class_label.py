"""The label on the picture: what each classifier sees most of, and how sure it is."""

from tracker.messages import PoseMessage


def label_of(pose: PoseMessage | None) -> str:
    """The likeliest class of every classifier with its probability; empty where there is no score.

    A classifier's name stands before its class only where there are several.
    """
    best: dict[str, tuple[float, str]] = {}
    for name, value in (pose.scores if pose is not None else {}).items():
        classifier, _, class_name = name.partition(".")
        if classifier not in best or value > best[classifier][0]:
            best[classifier] = value, class_name
    several = len(best) > 1
    return "   ".join(f"{f'{classifier}: ' if several else ''}{name} {value:.2f}" for classifier, (value, name) in best.items())
