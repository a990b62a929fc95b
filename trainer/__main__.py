"""The `trainer` command: labels in, engine bundle out. Results on stdout, talk on stderr.

Exit status 0: done; 1: failed; 2: wrong usage; 130: stopped by hand.
"""

import sys
from collections.abc import Sequence

from tracker.end_while_starting import end_at_ctrl_c

end_at_ctrl_c("trainer")  # the imports below take half a second

from tracker.program import Program  # noqa: E402

PROGRAM = Program(
    name="trainer",
    description="Turn labelled frames into an engine.",
    commands=(
        "fit",
        "network",
        "diagnose",
        "evaluate",
        "compare",
        "crossval",
        "sweep",
        "curve",
        "project",
        "arrange",
        "select",
        "label",
        "agreement",
        "bouts",
        "render",
        "compile",
        "synth",
    ),
    log_format="%(levelname)s: %(message)s",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit status."""
    return PROGRAM.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
