"""A finished bundle and a running tracker: its own words when it refuses, patience while it is busy."""

from pathlib import Path
from typing import Any

import pytest

from tracker.errors import BundleError, BusyError
from tracker.stream.control import Control
from trainer.errors import TrainingError
from trainer.pipeline.put_in_place import put_in_place


class Tracker:
    """What answers `swap` at the other end of a control socket: refusals in turn, then the bundle's name."""

    def __init__(self, *refusals: Exception) -> None:
        self.asked: list[str] = []
        self._refusals = list(refusals)

    def status(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"status": {}}

    def swap(self, request: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(request["bundle"])
        if self._refusals:
            raise self._refusals.pop(0)
        return {"bundle": Path(request["bundle"]).name}

    def at(self, folder: Path) -> Control:
        return Control(f"ipc://{folder}/control", {"status": self.status, "swap": self.swap})


def test_a_tracker_that_cannot_read_the_bundle_is_quoted_and_the_bundle_named(tmp_path: Path) -> None:
    tracker = Tracker(BundleError("/home/ann/mine: cannot be read: Permission denied"))
    with tracker.at(tmp_path), pytest.raises(TrainingError) as refused:
        put_in_place(f"ipc://{tmp_path}/control", tmp_path / "mine", say=print)
    assert str(refused.value) == (
        f"the bundle is finished and whole in {tmp_path / 'mine'}, but the tracker at ipc://{tmp_path}/control does not run it: "
        "/home/ann/mine: cannot be read: Permission denied; when that is mended, `tracker swap` puts it in place"
    )
    assert len(tracker.asked) == 1


def test_a_busy_tracker_is_asked_again_and_that_is_said_once(tmp_path: Path) -> None:
    busy = [BusyError("busy: a swap to models/new has been under way for 3 s; ask again when it is done") for _ in range(3)]
    tracker, said = Tracker(*busy), list[str]()
    with tracker.at(tmp_path):
        assert put_in_place(f"ipc://{tmp_path}/control", tmp_path / "mine", say=said.append, again_s=0.01) == "mine"
    assert len(tracker.asked) == 4
    assert len(said) == 1
    assert "busy: a swap to models/new" in said[0]
    assert "it is asked again for up to 300 s" in said[0]


def test_a_tracker_that_stays_busy_is_given_up(tmp_path: Path) -> None:
    tracker = Tracker(*[BusyError("busy: a reload has been under way for 3 s") for _ in range(50)])
    with (
        tracker.at(tmp_path),
        pytest.raises(TrainingError, match=r"whole in .*mine, but .* does not run it: busy: a reload"),
    ):
        put_in_place(f"ipc://{tmp_path}/control", tmp_path / "mine", say=lambda _: None, busy_s=0.05, again_s=0.01)


def test_a_tracker_that_does_not_run_is_known_without_waiting_for_the_longest_swap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.pipeline.put_in_place.ANSWER_S", 0.1)
    with pytest.raises(TrainingError, match="is the tracker running with this configuration"):
        put_in_place(f"ipc://{tmp_path}/control", tmp_path / "mine", say=print)
