"""index.html: every analysed video with a picture and its confidence, the uncertain ones first. One document that needs no other file."""

import base64
import fcntl
import html
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tracker.analysis.job import is_done
from tracker.analysis.overview import OVERVIEW_FILE, TYPICAL, UNCERTAIN_BELOW, WORST, Overview, read_overview
from tracker.errors import RecordingError
from tracker.recording.session import read_description
from tracker.whole_files import remedy, write_whole

INDEX_FILE = "index.html"
_STRIP = (720, 72)  # px
_SHORT_S = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysed:
    """One finished session.

    Attributes:
        folder: of it.
        video: where its video was.
        overview: of it.
    """

    folder: Path
    video: Path
    overview: Overview


def analysed_in(out: Path) -> list[Analysed]:
    """Every finished analysis in a folder, the least sure first: damaged videos, then by mean confidence, then those without a network."""
    found = []
    for path in sorted(out.glob(f"*/{OVERVIEW_FILE}")):
        folder = path.parent
        try:
            source = read_description(folder).source
            if not folder.name.startswith(".") and source is not None and is_done(folder):
                found.append(Analysed(folder=folder, video=Path(source.path), overview=read_overview(folder)))
        except RecordingError:  # not a session of ours, or one that is being replaced
            continue
    return sorted(found, key=_by_confidence)


def _by_confidence(each: Analysed) -> tuple[bool, float, str]:
    return each.overview.fault is None, math.inf if each.overview.mean is None else each.overview.mean, each.folder.name


def write_index(out: Path, failures: Sequence[str]) -> Path:
    """Write the page. Where several calls end at once, one waits for the other, so that the last page shows what all have found.

    Args:
        out: the folder of the sessions.
        failures: a sentence for each video that could not be analysed this time.

    Raises:
        RecordingError: the folder cannot be written.
    """
    path = out / INDEX_FILE
    try:
        with _alone(out):
            write_whole(path, _page(analysed_in(out), failures).encode())
    except OSError as problem:
        raise RecordingError(f"{path}: cannot be written: {problem.strerror}; {remedy(problem)}") from problem
    return path


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Keep other processes from writing the page, by a lock on the folder itself; where its file system has none, nothing is kept."""
    descriptor = os.open(out, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _page(analysed: Sequence[Analysed], failures: Sequence[str]) -> str:
    frames = sum(each.overview.frames for each in analysed)
    bad = f'<div class="bad"><strong>Not analysed</strong><ul>{"".join(f"<li>{_text(each)}</li>" for each in failures)}</ul></div>'
    confidence = (
        f" The least sure come first. The strip shows how sure the "
        f"network was through the video: mean of its key points (filled) and the least sure frame (line). Below the dashed line, "
        f"{UNCERTAIN_BELOW:g}, frames are uncertain. Rings are key points that the viewer would not draw."
    )
    sure = any(each.overview.mean is not None for each in analysed)
    lead = f"{len(analysed)} video{'s' * (len(analysed) != 1)}, {frames} frames.{confidence if sure else ''}"
    parts = [f"<h1>Analysed videos</h1><p>{_text(lead)}</p>", bad if failures else "", *(_video(each) for each in analysed)]
    return f"{_HEAD}<main>{''.join(parts)}</main></body></html>\n"


def _video(analysed: Analysed) -> str:
    overview = analysed.overview
    facts = f"{overview.frames} frames, {_time(overview.seconds)}. {_confidence(overview)}"
    fault = f'<p class="bad">{_text(overview.fault)}</p>' if overview.fault else ""
    pictures = "".join(
        _picture(analysed.folder, name, f"{caption} {_frame(overview, name)}")
        for name, caption in ((TYPICAL, "example of the second half: frame"), (WORST, "least sure: frame"))
        if name in overview.pictures
    )
    name = analysed.folder.name
    return (
        f'<section><h2><a href="{quote(name)}/">{_text(name)}</a></h2>{fault}<p>{_text(facts)}</p>'
        f'<div class="row">{pictures}{_strip(overview)}</div>'
        f'<p class="note">{_text(str(analysed.video))}</p></section>'
    )


def _confidence(overview: Overview) -> str:
    if overview.mean is None or overview.uncertain is None:
        return "No network, so no confidence: the events are of the image alone."
    return f"Mean confidence {overview.mean:.2f}; {_share(overview.uncertain)} of the frames are uncertain."


def _frame(overview: Overview, name: str) -> str:
    shown = overview.pictures[name]
    return f"{shown.frame}" if overview.mean is None else f"{shown.frame}, confidence {shown.confidence:.2f}"


def _strip(overview: Overview) -> str:
    """A drawing of confidence over time: 1 at the top, 0 at the bottom; nothing without a network."""
    if overview.mean is None:
        return ""
    width, height = _STRIP
    count = len(overview.strip)

    def points(column: int) -> str:
        steps = [(part, pair[column]) for part, pair in enumerate(overview.strip)]
        return " ".join(f"{x * width / count:.1f},{height * (1 - y):.1f}" for part, y in steps for x in (part, part + 1))

    middle = height * (1 - UNCERTAIN_BELOW)
    title = f"confidence over the video, mean {overview.mean:.2f}"
    return (
        '<div class="strip">'
        f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{title}"><title>{title}</title>'
        f'<polygon class="mean" points="0,{height} {points(0)} {width},{height}"/><polyline class="least" points="{points(1)}"/>'
        f'<line class="half" x1="0" x2="{width}" y1="{middle}" y2="{middle}"/></svg>'
        f'<div class="ends"><span>0 s</span><span>{_time(overview.seconds)}</span></div></div>'
    )


def _picture(folder: Path, name: str, caption: str) -> str:
    try:
        data = base64.b64encode((folder / f"{name}.jpg").read_bytes()).decode()
    except OSError:
        return ""
    return f'<figure><img alt="{_text(caption)}" src="data:image/jpeg;base64,{data}"><figcaption>{_text(caption)}</figcaption></figure>'


def _time(seconds: float) -> str:
    """Short ones in seconds, others as a player shows them."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{seconds:.1f} s" if seconds < _SHORT_S else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _share(part: float) -> str:
    return f"{part:.1%}" if part >= 0.001 or part == 0 else "under 0.1%"


def _text(value: str) -> str:
    return html.escape(value)


_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Analysed videos</title>
<style>
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5a6472; --paper: #fff; --line: #dfe3e8; --band: #f3f5f8; --mean: #8fc3e8;
  --least: #0b4f80; --bad: #fdebe3; --half: #c4501b; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --soft: #a3acb8; --paper: #14181f; --line: #333b47; --band: #1d232d; --mean: #2d6591; --least: #9fd3fb;
    --bad: #40220f; --half: #f08a55; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
a { color: inherit; }
section { margin-top: 1.5rem; padding-top: 1.25rem; border-top: 1px solid var(--line); }
p { margin: .25rem 0; }
.bad { background: var(--bad); border-left: 5px solid var(--half); border-radius: 6px; padding: .6rem .9rem; margin: .6rem 0; }
.bad ul { margin: .3rem 0 0; padding-left: 1.3rem; }
.row { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; margin-top: .6rem; }
figure { margin: 0; max-width: calc(50% - .5rem); }
img { display: block; max-width: 100%; max-height: 11.25rem; border-radius: 6px; }
figcaption, .ends, .note { color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
.strip { flex: 1 1 24rem; }
svg { display: block; width: 100%; height: 11.25rem; background: var(--band); border-radius: 6px; }
.mean { fill: var(--mean); }
.least { fill: none; stroke: var(--least); stroke-width: 1; vector-effect: non-scaling-stroke; }
.half { stroke: var(--half); stroke-dasharray: 6 5; vector-effect: non-scaling-stroke; }
.ends { display: flex; justify-content: space-between; }
</style></head><body>"""
