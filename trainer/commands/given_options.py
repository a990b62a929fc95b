"""Which options a command was given: kept beside what was parsed, so that they can be gone over and typed again."""

import argparse

_OF_ONE_RUN = ("data", "out", "force", "json", "task", "epochs", "memorise", "permuted")


def keep_declared(parser: argparse.ArgumentParser) -> None:
    """Keep with what is parsed which options the parser has by now: `refuse_key_point_options` goes over them."""
    actions = parser._actions  # noqa: SLF001  # argparse has no public list of a parser's options
    parser.set_defaults(declared={action.dest: (action.option_strings, action.default) for action in actions})


def given_options(options: argparse.Namespace) -> tuple[str, ...]:
    """What was asked for besides data, place and length, as it can be typed; after `keep_declared`."""
    words: list[str] = []
    for name, (spellings, usual) in options.declared.items():
        value = getattr(options, name, usual)
        if value == usual or name in _OF_ONE_RUN or not spellings:
            continue
        spelling = next((each for each in spellings if each.startswith("--")), spellings[0])
        values = [] if isinstance(value, bool) else value if isinstance(value, list | tuple) else [value]
        words += [
            spellings[-1] if value is False else spelling,
            *(":".join(each) if isinstance(each, tuple) else str(each) for each in values),
        ]
    return tuple(words)
