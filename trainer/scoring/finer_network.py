"""Which network sees more pixels of the animal than another one."""

from typing import NamedTuple

ONE_VIEW = ("compact", "trackrat")  # networks that take one view each; a library's take both


class FinerNetwork(NamedTuple):
    """Names of a network, its head and its view."""

    network: str
    head: str
    view: str


def finer_network(network: str, head: str, view: str) -> FinerNetwork | None:
    """Which network sees more pixels of the animal than one does; None where the head has no other.

    A library's network takes the other view. Compact and trackrat have one view each: then it is another network.
    """
    if head == "several":
        return None
    if network not in ONE_VIEW:
        return FinerNetwork(network, head, "crop" if view == "full" else "full")
    regression = "xy" if head == "votes" else head  # that learns with the same losses
    return FinerNetwork("compact", regression, "crop") if view == "full" else FinerNetwork("resnet18", regression, "full")
