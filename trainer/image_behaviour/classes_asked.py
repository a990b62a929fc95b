"""Which classes are to be learnt, or scored."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassesAsked:
    """Which classes.

    Attributes:
        class_names: to learn; empty for all that are on anywhere.
        left_out: whose frames count as judged by nobody.
        known: those of a bundle, all of which are taken in its order.
    """

    class_names: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
