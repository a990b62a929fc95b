"""What one check found, in one line for people and in numbers for programs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Measured = float | int | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check found; `ok` is None for a part that could not be tried or judged.

    Attributes:
        check: name of the part.
        ok: whether it will do.
        found: one sentence: what was found and, where it is not as it should be, what to do.
        warning: it is ok, and may still not be what was meant.
        needed: whether tracking, or recording where that is configured, needs this part.
        measured: the numbers behind the sentence, by name with unit.
    """

    check: str
    ok: bool | None
    found: str
    warning: bool = False
    needed: bool = True
    measured: dict[str, Measured] = field(default_factory=dict)


def judged(name: str, found: str, measured: Mapping[str, Measured], *, bad: str | None = None, warn: str | None = None) -> CheckResult:
    """A result from what speaks against it.

    Args:
        name: of the check.
        found: what was found, whatever comes of it.
        measured: numbers.
        bad: why it will not do, and what to do; None where it will.
        warn: why it may not be what was meant, and what to do.
    """
    against = bad or warn
    return CheckResult(
        check=name,
        ok=bad is None,
        found=f"{found}; {against}" if against else found,
        warning=bad is None and warn is not None,
        measured=dict(measured),
    )


def unjudged(name: str, why: str, **measured: Measured) -> CheckResult:
    """A result for what nothing can be said of; it fails nothing."""
    return CheckResult(check=name, ok=None, found=why, needed=False, measured=measured)
