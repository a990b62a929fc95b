"""`tracker listen`: print the stream, a line for every message, for people or as JSON lines."""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, TextIO

from tracker.client import Client
from tracker.messages import (
    TOPICS,
    AliveMessage,
    EventMessage,
    Message,
    OpenEvent,
    Pose3DMessage,
    PoseMessage,
    RigMessage,
    SetupMessage,
    StatusMessage,
    topic,
)

_SILENT_S = 5.0  # silence after which a warning is printed
_AT_FIRST_S = 2.0  # the same before anything was heard: somebody looks and waits for the first line
_POINTS_SHOWN = 4  # of one animal on one line
_BOLD, _RED, _PLAIN = "\x1b[1;33m", "\x1b[1;31m", "\x1b[0m"
_KINDS = {message: kind for kind, message in TOPICS.items()}
KINDS = ("pose", "pose3d", "event", "setup", "status")  # what is printed unless told otherwise: a replay needs poses, events and setups


def listen(
    client: Client,
    *,
    json_lines: bool,
    count: int | None = None,
    seconds: float | None = None,
    out: TextIO = sys.stdout,
    clock: Callable[[], int] = time.monotonic_ns,
) -> int:
    """Print what a client receives until `count` messages, `seconds`, Ctrl-C or the reader's end of the pipe; warnings go to stderr.

    Returns:
        Exit status: 1 when `seconds` went by and nothing was heard, else 0.

    Raises:
        StreamError: a sender that is not a tracker of this version.
    """
    say = _Talk(client)
    line = json_line if json_lines else _human(colour=out.isatty())
    deadline_ns = None if seconds is None else clock() + int(seconds * 1e9)
    heard = 0
    try:
        while count is None or heard < count:
            patience_s = _SILENT_S if heard else _AT_FIRST_S
            remaining_s = patience_s if deadline_ns is None else (deadline_ns - clock()) / 1e9
            if remaining_s <= 0:
                break
            message = client.receive(min(patience_s, remaining_s))
            if message is None:
                say.silence(patience_s if heard else None, last=deadline_ns is not None and clock() >= deadline_ns)
                continue
            heard += 1
            say.about(message)
            out.write(line(message) + "\n")
            out.flush()
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        _forget(out)
        return 0
    return say.end(heard, seconds)


def json_line(message: Message) -> str:
    """One JSON object without line breaks: {"topic": ..., every field}. A picture's bytes are left out."""
    return json.dumps({"topic": topic(_KINDS[type(message)], message.camera).decode()} | _members(message), default=_members)


def _members(value: Any) -> dict[str, Any]:
    if not is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is not in a message")
    return {field.name: getattr(value, field.name) for field in fields(value) if field.name != "jpeg"}


def human_line(message: Message, *, colour: bool) -> str:
    """One line for people, in columns; events and lost cameras stand out, by colour where there is some."""
    head = f"{_KINDS[type(message)]:<6}  {message.camera:<10} {message.frame:>9}  "
    paint = ""
    if isinstance(message, PoseMessage):
        body = _pose(message)
    elif isinstance(message, Pose3DMessage):
        body = _pose3d(message)
    elif isinstance(message, EventMessage):
        body, paint = _event(message), _BOLD
    elif isinstance(message, StatusMessage):
        body, paint = _status(message), _RED if message.state == "camera_lost" or message.problems else ""
    elif isinstance(message, AliveMessage):
        body = f"every {message.interval_ms:g} ms  {_open(message.open)}"
    elif isinstance(message, SetupMessage):
        body = _setup(message)
    else:
        body = f"{message.width}x{message.height}  {len(message.jpeg)} bytes"
    # names come over the network: no control sequence of theirs may reach the terminal
    text = "".join(character if character.isprintable() else "?" for character in head + body)
    return f"{paint}{text}{_PLAIN}" if colour and paint else text


def _human(*, colour: bool) -> Callable[[Message], str]:
    return lambda message: human_line(message, colour=colour)


def _pose(message: PoseMessage) -> str:
    delay_ms = (message.published_ns - message.received_ns) / 1e6
    motion = "" if message.motion is None else f"  motion {message.motion:.4f}"
    several = len(message.animals) > 1
    seen = [(animal.id, animal.points) for animal in message.animals if not several or any(sure for _, _, sure in animal.points.values())]
    animals = "  ".join((f"[{number}] " if several else "") + _animal(points) for number, points in seen) or "no animal"
    absent = f"lost {message.lost:<4} skipped {message.skipped:<4} corrupt {message.corrupt:<4}"
    scores = "".join(f"  {name} {value:.2f}" for name, value in message.scores.items())
    scores += "".join(f"  {name} warming up" for name in message.warming)
    scores += "".join(f"  {name} has no region" for name in message.no_region)
    scores += "".join(f"  {name} network not asked" for name in message.without_network)
    return f"{delay_ms:7.2f} ms  {absent} {animals}{scores}{motion}"


def _pose3d(message: Pose3DMessage) -> str:
    delay_ms = (message.published_ns - message.received_ns) / 1e6
    came = sum(number is not None for number in message.frames.values())
    places = []
    for animal in message.animals:
        for name, (x, y, z, _) in list(animal.points.items())[:_POINTS_SHOWN]:
            off = f"({_number(animal.error_px.get(name), '.1f')} px, {len(animal.cameras.get(name, []))} cameras)"
            places.append(f"{name} {_number(x)},{_number(y)},{_number(z)} mm {off}")
        more = len(animal.points) - _POINTS_SHOWN
        places += [f"and {more} more"] if more > 0 else []
    return f"{delay_ms:7.2f} ms  {came} of {len(message.frames)} cameras  " + ("  ".join(places) or "no animal")


def _animal(points: dict[str, tuple[float | None, float | None, float | None]]) -> str:
    shown = [f"{name} {_number(x)},{_number(y)} {_number(c, '4.2f')}" for name, (x, y, c) in list(points.items())[:_POINTS_SHOWN]]
    more = len(points) - _POINTS_SHOWN
    return "  ".join(shown) + (f"  and {more} more" if more > 0 else "")


def _number(value: float | None, form: str = "6.1f") -> str:
    return "-" if value is None else format(value, form)


def _event(message: EventMessage) -> str:
    why = f" ({message.reason})" if message.state == "off" else ""
    return (
        f">> {message.event} {message.state.upper()}{why}  animal {message.animal}  value {_number(message.value, '.3g')} "
        f"(threshold {message.threshold:.3g})  onset at frame {message.onset_frame}  latency {message.latency_ms:.2f} ms"
    )


def _status(message: StatusMessage) -> str:
    fps = "  ".join(f"{stage} {rate:.1f}/s" for stage, rate in message.fps.items())
    total = message.latency_ms.get("total", {})
    latency = f"  total p50 {total['p50']:.2f} p99 {total['p99']:.2f} ms" if {"p50", "p99"} <= total.keys() else ""
    counters = "  ".join(f"{name} {message.counters[name]}" for name in ("lost", "skipped", "corrupt") if name in message.counters)
    engine = f"{message.bundle or 'classifiers'} on {message.runtime} {message.precision}" if message.setup else "no bundle yet"
    if message.rig is not None:
        engine = _rig(message.rig)
    problems = "".join(f"  {problem.cause}: {problem.sentence}" for problem in message.problems)
    return f"-- {message.state}  {fps}{latency}  {counters}  {engine}{problems}"


def _rig(rig: RigMessage) -> str:
    alive = [name for name, camera in rig.cameras.items() if camera.alive]
    return f"{len(alive)} of {len(rig.cameras)} cameras alive ({', '.join(alive) or 'none'})  joined by {rig.joined_by}"


def _open(events: list[OpenEvent]) -> str:
    return (
        "on: " + ", ".join(f"{each.event} (animal {each.animal}, since frame {each.onset_frame})" for each in events)
        if events
        else "nothing on"
    )


def _setup(message: SetupMessage) -> str:
    events = ", ".join(str(each.get("event", "?")) for each in message.behaviour) or "none"
    points = f"{len(message.point_names)} points in {'px and mm' if message.calibrated else 'px'}"
    bundle = f"bundle {message.bundle}  " if message.bundle else ""  # a rig has none of its own
    return f"== setup {message.setup} ({message.cause})  {bundle}{points}  events: {events}"


class _Talk:
    """Says on stderr what the stream itself cannot: silence, restarts and frames that this client missed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._addresses = ", ".join(client.addresses)
        self._gaps = self._restarts = 0
        self._silent = False

    def silence(self, seconds: float | None, *, last: bool) -> None:
        """Of so many seconds; None: nothing was ever heard."""
        if not self._silent and not last and not self._client.alive:
            self._silent = True
            said = (
                f"nothing heard for {seconds:g} s; still"
                if seconds is not None
                else "nothing heard yet; is a tracker publishing there? Still"
            )
            print(f"{said} waiting at {self._addresses}", file=sys.stderr, flush=True)

    def about(self, message: Message) -> None:
        self._silent = False
        if isinstance(message, EventMessage) and message.reason == "restarted":
            return  # still of the session before; the message after it tells of the new one
        gaps, restarts = self._client.gaps.total(), self._client.restarts.total()
        if restarts > self._restarts:
            print(f"{message.camera}: the tracker was started anew (session {message.session!r})", file=sys.stderr, flush=True)
        if gaps > self._gaps:
            missed = f"missed {gaps - self._gaps} frames before frame {message.frame}"
            print(f"{message.camera}: {missed}; this reader was too slow or was cut off", file=sys.stderr, flush=True)
        self._gaps, self._restarts = gaps, restarts

    def end(self, heard: int, seconds: float | None) -> int:
        if heard or seconds is None:
            return 0
        if self._client.alive:
            print(f"no such message in {seconds:g} s; the tracker at {self._addresses} is alive", file=sys.stderr, flush=True)
        else:
            print(f"nothing heard in {seconds:g} s at {self._addresses}; is a tracker publishing there?", file=sys.stderr, flush=True)
        return 1


def _forget(out: TextIO) -> None:
    """Let what is still buffered go nowhere, or Python reports the broken pipe once more when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, out.fileno())
    os.close(nowhere)
