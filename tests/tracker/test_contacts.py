"""Whisker and pole on a real session: stored confidences of contact through the rules that run live, trial by trial."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import loadmat  # type: ignore[import-untyped]

from tracker.behaviour.behaviour import Behaviour
from tracker.behaviour.score import bouts_of_events, labels_of
from tracker.config_rules import ClassSource, EventConfig, Rule
from tracker.event import Event
from tracker.pose import Pose

MS = 1_000_000  # 1000 frames per second, the laboratory's standard; the file does not say
CONTACT = EventConfig(
    event="contact",
    source=ClassSource(classifier="whisker", class_name="contact"),
    rule=Rule(on=0.35, off=0.35, minimum_ms=1, missing="end"),  # from its first frame to its last: two frames or more
)
NO_POINTS = np.empty((0, 0, 3), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One trial.

    Attributes:
        confidence: (frames,), 0 to 1.
        contact: bool (frames,), as stored.
    """

    confidence: NDArray[np.float64]
    contact: NDArray[np.bool_]


def trials(path: Path) -> list[Trial]:
    """Those that have confidences."""
    found = []
    for one in loadmat(path, squeeze_me=True, struct_as_record=False)["contacts"]:
        if not hasattr(one, "touchConfidence"):
            continue
        confidence = np.asarray(one.touchConfidence, np.float64)
        contact = np.zeros(len(confidence), np.bool_)
        contact[np.atleast_1d(one.contactInds).astype(int) - 1] = True
        found.append(Trial(confidence=confidence, contact=contact))
    return found


def events_of(trial: Trial) -> list[Event]:
    """Every frame through the live rules."""
    live = Behaviour((CONTACT,), (), point_names=(), animals=0, has_mm=False)
    events: list[Event] = []
    for frame, value in enumerate(trial.confidence.tolist()):
        pose = Pose(points=NO_POINTS, mm=None, scores={"whisker.contact": value})
        events += live.update(frame_number=frame, time_ns=frame * MS, pose=pose, motion=None)
    return events


def test_stored_confidences_give_the_stored_contacts_through_the_live_rules(shared_data: Path) -> None:
    """The stored contacts are the confidences' own, but for seven trials that people edited: this is event logic, not accuracy."""
    path = shared_data / "whisker_contacts" / "Example_Contacts.mat"
    if not path.is_file():
        pytest.skip("whisker_contacts is not in the shared data")
    stored = trials(path)
    same, counts = 0, np.zeros(3, np.int64)  # right, found only, stored only
    for trial in stored:
        events = events_of(trial)
        times_ns = np.arange(len(trial.contact), dtype=np.int64) * MS
        found = labels_of(bouts_of_events(events, dict(enumerate(times_ns.tolist())), name="contact", animal=0, marks="bout"), times_ns)
        same += np.array_equal(found, trial.contact)
        counts += [(found & trial.contact).sum(), (found & ~trial.contact).sum(), (~found & trial.contact).sum()]
        for event in events:
            if event.state == "on":  # two frames make a contact: the second tells of it, and the event says so
                assert (event.frame - event.onset_frame, event.added_delay_ms) == (1, 1.0)
    f1 = 2 * counts[0] / (2 * counts[0] + counts[1] + counts[2])
    assert (len(stored), same) == (412, 405)
    assert round(float(f1), 4) == 0.9901
