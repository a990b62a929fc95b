"""From commands and events to latencies: which event answers which switch of the light, and what its time was spent on. Pure."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

Outcome = Literal["detected", "missed", "unclear"]
PARTS = ("light", "transfer", "rule", "waiting", "engine", "decision", "answer")
NS_PER_MS = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One switch of the output; host CLOCK_MONOTONIC, ns."""

    lit: bool
    told_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTimes:
    """The stamps of one frame, as its pose has them; host CLOCK_MONOTONIC, ns."""

    exposed_ns: int | None  # None where the camera's clock is not the host's
    received_ns: int
    taken_ns: int
    inferred_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One event of the light as it was heard.

    Attributes:
        on: begin or end.
        by_rule: the rule decided it, on values that were seen.
        published_ns: by the tracker.
        onset: of the first frame that showed the change; None where its pose was not heard.
        decided: of the frame at which it was decided, the same but for a rule that waits.
    """

    on: bool
    by_rule: bool
    published_ns: int
    onset: FrameTimes | None
    decided: FrameTimes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One switch and what came of it.

    Attributes:
        lit: on or off.
        told_ns: when the output was told.
        outcome: `detected`: one event and it can be the answer; `missed`: none; `unclear`: several, another, or one that the
            light cannot have caused.
        latency_ms: to the published event, or where each event is answered by the next switch, to that; None unless detected.
        parts_ms: what it is made of, by the names of PARTS as far as the stamps tell; they add up to `latency_ms`.
    """

    lit: bool
    told_ns: int
    outcome: Outcome
    latency_ms: float | None
    parts_ms: dict[str, float]


def edges_of(commands: Sequence[Command], heard: Sequence[Heard], *, answered: bool) -> list[Edge]:
    """Judge every command but the last, which only ends the one before.

    Args:
        commands: in their order.
        heard: events in the order of publication.
        answered: the latency ends where the next command begins, not where the event is published.
    """
    published = [event.published_ns for event in heard]
    return [
        _edge(
            command,
            heard[bisect_left(published, command.told_ns) : bisect_left(published, after.told_ns)],
            end_ns=after.told_ns if answered else None,
        )
        for command, after in pairwise(commands)
    ]


def light_ms(edges: Sequence[Edge], *, frame_interval_ms: float) -> float | None:
    """From the command to the light, where commands are spread evenly over the frame interval; None where the stamps do not tell.

    What lies between command and exposure is that delay and a wait for the next exposure, of half an interval in the median.
    A light that comes during an exposure counts where it lit enough of it for the rule: the true delay is longer, by at
    most the exposure time.
    """
    found = [edge.parts_ms["light"] for edge in edges if edge.outcome == "detected" and "transfer" in edge.parts_ms]
    return float(np.median(found)) - frame_interval_ms / 2 if found else None


def phases(count: int, *, seed: int) -> list[float]:
    """Places within a frame interval, 0..1, in a random sequence: one in each of `count` equal parts, so that they cover it evenly."""
    rng = np.random.default_rng(seed)
    return [float(phase) for phase in (rng.permutation(count) + rng.random(count)) / count]


def _edge(command: Command, within: Sequence[Heard], *, end_ns: int | None) -> Edge:
    answers = [event for event in within if event.on == command.lit and event.by_rule]
    if not answers:
        outcome: Outcome = "unclear" if within else "missed"
        return Edge(lit=command.lit, told_ns=command.told_ns, outcome=outcome, latency_ms=None, parts_ms={})
    onset = answers[0].onset
    if len(within) > 1 or (onset is not None and onset.received_ns < command.told_ns):
        return Edge(lit=command.lit, told_ns=command.told_ns, outcome="unclear", latency_ms=None, parts_ms={})
    latency_ns = (answers[0].published_ns if end_ns is None else end_ns) - command.told_ns
    parts = _parts(command, answers[0], end_ns)
    return Edge(lit=command.lit, told_ns=command.told_ns, outcome="detected", latency_ms=latency_ns / NS_PER_MS, parts_ms=parts)


def _parts(command: Command, event: Heard, end_ns: int | None) -> dict[str, float]:
    onset, decided = event.onset, event.decided
    if onset is None or decided is None:
        return {}
    seen_ns = onset.received_ns if onset.exposed_ns is None else onset.exposed_ns
    parts = {"light": seen_ns - command.told_ns}
    if onset.exposed_ns is not None:
        parts["transfer"] = onset.received_ns - onset.exposed_ns
    parts |= {
        "rule": decided.received_ns - onset.received_ns,
        "waiting": decided.taken_ns - decided.received_ns,
        "engine": decided.inferred_ns - decided.taken_ns,
        "decision": event.published_ns - decided.inferred_ns,
    }
    if end_ns is not None:
        parts["answer"] = end_ns - event.published_ns
    return {name: ns / NS_PER_MS for name, ns in parts.items()}
