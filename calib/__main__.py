"""The `calib` command. Results on stdout, talk on stderr; exit 0 done, 1 failed or rejected, 2 wrong usage, 130 stopped by hand."""

import sys
from collections.abc import Sequence

from tracker.end_while_starting import end_at_ctrl_c

end_at_ctrl_c("calib")  # the imports below take half a second

from tracker.program import Program  # noqa: E402

PROGRAM = Program(
    name="calib",
    description="Relate pixels to millimetres: one camera's lens, its plane, a rig of several.",
    commands=("board", "capture", "solve", "plane", "rig", "check"),
    log_format="%(levelname)s %(name)s: %(message)s",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit status."""
    return PROGRAM.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
