"""An import that is stopped by Ctrl-C, wherever it is: what it says is true, and the same command takes in the rest."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.trainer.test_import_again import FRAMES, labels_of, table, where_pictures_are
from trainer.__main__ import main
from trainer.project.store import create_project, open_project

STOPPED = """
import os, signal, sys
from pathlib import Path
from trainer.__main__ import main

replace = os.replace

def stopped(source, target):
    replace(source, target)
    if Path(target).name == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGINT)

os.replace = stopped
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize(("file", "labelled"), [("000003.png", 0), ("frames.json", 0), ("ann.json", 4), ("imports.json", 4)])
def test_an_import_that_is_stopped_by_hand_is_gone_on_with(tmp_path: Path, file: str, labelled: int) -> None:
    project = create_project(tmp_path / "p", point_names=["snout"])
    source = table(tmp_path / "sent", FRAMES)
    command = ["project", "import", str(project.folder), str(source), "--annotator", "ann"]
    ended = subprocess.run([sys.executable, "-c", STOPPED, file, *command], capture_output=True, text=True, check=False)
    assert ended.returncode == 130
    assert "stopped by hand; what is in the project stays there, and the same command takes in the rest" in ended.stderr
    assert len(open_project(project.folder).read_layer("ann").frames) == labelled
    assert main(command) == 0
    project = open_project(project.folder)
    assert labels_of(project) == where_pictures_are(project)
    assert len(project.frames) == 4
