"""Many videos, one call: what is done is skipped, what fails is told at the end, and one page shows them all."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from tracker.analysis.index_page import write_index
from tracker.analysis.job import Job, analysed_with, analysis_config, job_for
from tracker.analysis.one_video import AnalysisRequest, finished
from tracker.analysis.overview import Overview
from tracker.analysis.processes import analyse_all
from tracker.analysis.shown_progress import ShownProgress
from tracker.analysis.worker_messages import Finished
from tracker.bundle import read_bundle
from tracker.classifiers.open_classifier import open_classifier
from tracker.config import Config
from tracker.errors import RecordingError, RigtrackError
from tracker.recording.session import AnalysedWith
from tracker.setup import check_rules
from tracker.whole_files import remedy

_STOPPED = "stopped by hand; give the same command again to go on where it was"

_DRAWN = (
    "says of itself that key points or labels were drawn on another video, so what is found in it tells nothing of an animal; give the "
    "video that it was drawn from, and leave this one out"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideosAsked:
    """What was asked for.

    Attributes:
        videos: files, and folders of recorded sessions.
        bundle: folder of the engine bundle, None for the configuration's.
        out: folder of the sessions.
        config: of the rig, None for none.
        processes: at once; None chooses.
        force: replace results that were made with something else.
    """

    videos: Sequence[Path]
    bundle: Path | None
    out: Path
    config: Config | None
    processes: int | None
    force: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One video that is analysed.

    Attributes:
        job: the video and its folder.
        overview: of its session.
        skipped: it was there already.
    """

    job: Job
    overview: Overview
    skipped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of a call.

    Attributes:
        page: the overview of all sessions in the folder; None where it cannot be written.
        failures: a sentence for each video that was not analysed, and for a page that cannot be written.
        damaged: a sentence for each that was, as far as its file goes.
    """

    page: Path | None
    failures: list[str]
    damaged: list[str]


def analyse_videos(asked: VideosAsked, console: Console, *, done: Callable[[Result], None]) -> Report:
    """Analyse every video that is not done yet.

    Args:
        asked: what to do.
        console: for progress.
        done: told of every result, also of those that were there.

    Raises:
        RigtrackError: nothing can be analysed: no bundle, rules that do not fit it, or a folder that cannot be written.
        KeyboardInterrupt: by Ctrl-C, once everything under way is on the disk.
    """
    config, made_with = _what_to_run(asked)
    try:
        asked.out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise RecordingError(f"{asked.out}: cannot be made: {problem.strerror}; {remedy(problem)}") from problem
    request = AnalysisRequest(config=config, made_with=made_with, force=asked.force)
    failures: list[str] = []
    damaged: list[str] = []

    def take(job: Job, overview: Overview, *, skipped: bool) -> None:
        done(Result(job=job, overview=overview, skipped=skipped))
        if overview.fault is not None:
            damaged.append(overview.fault)

    def took(job: Job, outcome: Finished) -> None:
        if outcome.overview is not None:
            take(job, outcome.overview, skipped=False)
        elif outcome.failure is not None:
            failures.append(outcome.failure)

    jobs: list[Job] = []
    taken: dict[Path, str] = {}
    for video in asked.videos:
        try:
            job = job_for(video, asked.out, taken=taken)
            if job.drawn:
                console.print(f"{video}: {_DRAWN}", markup=False, highlight=False, soft_wrap=True)
            overview = finished(job, request)
        except RigtrackError as problem:
            failures.append(str(problem))
            continue
        if overview is None:
            jobs.append(job)
        else:
            take(job, overview, skipped=True)
    if jobs:
        cores = len(os.sched_getaffinity(0))
        processes = asked.processes or min(len(jobs), cores)
        shared = replace(request, threads=max(1, cores // min(processes, len(jobs))))
        try:
            with ShownProgress(console, finished=took, videos=len(jobs)) as shown:
                analyse_all(jobs, shared, processes=processes, listener=shown)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_STOPPED) from None
    try:
        page = write_index(asked.out, failures)
    except RecordingError as problem:  # after what it would have shown, of which each is said
        failures.append(str(problem))
        page = None
    return Report(page=page, failures=failures, damaged=damaged)


def _what_to_run(asked: VideosAsked) -> tuple[Config, AnalysedWith]:
    """The configuration with its bundle, checked as far as it can be without a video."""
    if asked.bundle is None and asked.config is None:
        raise RecordingError("neither a bundle nor a configuration was given; give --bundle, or --config with engine.bundle in it")
    configured = asked.config.engine.bundle if asked.config is not None else None
    folder = asked.bundle or (None if configured is None else Path(configured))
    if folder is None and asked.config is not None and not (asked.config.classifiers or asked.config.behaviour):
        raise RecordingError(
            "the configuration names no network, no classifier and no event, so there is nothing to find in a video; give --bundle, or add "
            "one of them"
        )
    bundle = read_bundle(folder) if folder is not None else None
    config = analysis_config(asked.config, bundle)
    classifiers = {each.name: open_classifier(read_bundle(Path(each.bundle)), threads=each.threads) for each in config.classifiers}
    check_rules(config, bundle, classifiers)
    return config, analysed_with(config, bundle)
