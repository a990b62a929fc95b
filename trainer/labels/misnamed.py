"""A name that stands for another: what a person may have meant."""

import difflib
from collections.abc import Iterable


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """The end of a refusal: "; did you mean 'snout'?", or nothing where no known name is like the one found."""
    names = {name.lower(): name for name in known if name != found}
    near = difflib.get_close_matches(found.lower(), names, n=1, cutoff=0.6)
    return f"; did you mean '{names[near[0]]}'?" if near else ""


def how_names_differ(found: Iterable[str], expected: Iterable[str]) -> str:
    """Two sets of names in words: "snuot is not among them, snout is missing; did you mean 'snout'?"."""
    wrong, missing = [name for name in found if name not in set(expected)], [name for name in expected if name not in set(found)]
    said = [f"'{name}' is not among them" for name in wrong] + [f"'{name}' is missing" for name in missing]
    return ", ".join(said) + (did_you_mean(wrong[0], missing) if wrong else "")
