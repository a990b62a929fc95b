"""What a command says on Ctrl-C: that it goes on only where something is kept."""

import shlex

import pytest

from tracker.command import run_command
from trainer.__main__ import PROGRAM


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("render monday.mp4 --bundle mine --out drawn.mp4", "stopped by hand; nothing was kept"),
        ("evaluate mine --data mouse", "stopped by hand; nothing was kept"),
        (
            "select monday.mp4 --project mouse --count 5",
            "stopped by hand; what was looked at is not kept, and the same command begins anew",
        ),
        ("diagnose --data mouse", "stopped by hand; the same command begins anew"),
        ("project status mouse", "stopped by hand; the same command begins anew"),
        ("crossval --data mouse --out folds", "stopped by hand; the same command goes on where it was"),
        ("fit --data mouse", "stopped by hand; the epochs that were over are kept, and the same command goes on with them"),
    ],
    ids=lambda text: text.split()[0],
)
def test_a_command_that_is_stopped_says_what_is_kept_of_it(command: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = PROGRAM.parser().parse_args(shlex.split(command))

    def stopped(_: object) -> int:
        raise KeyboardInterrupt

    options.call = stopped
    assert run_command(options, program="trainer", interrupted=options.interrupted) == 130
    assert capsys.readouterr().err.endswith(f": {said}\n")
