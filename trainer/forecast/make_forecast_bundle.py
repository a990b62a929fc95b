"""Recordings in, forecast bundle and report out: read → label → cut → train → calibrate → compare → export → prove → write."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from tracker.bundle import write_bundle
from tracker.engines.openvino.step_engine import StepEngine
from tracker.self_test_clip import Clip
from trainer.behaviour.carried_description import with_answer
from trainer.behaviour.carried_proof import PROVED_FRAMES
from trainer.behaviour.division import SplitBy
from trainer.behaviour.kept_training import LAST
from trainer.behaviour.table_rows import PARTS
from trainer.bundle_places import refuse_other_content, refuse_unwritable_places, run_folder
from trainer.errors import TrainingError
from trainer.forecast.answers import answers_of, calibrate, probabilities
from trainer.forecast.build import build, fit_logit
from trainer.forecast.bundle_description import describe
from trainer.forecast.export import ExportedForecaster, Pictures, export, pictures_of
from trainer.forecast.forecast_run import ForecastRun, verdict
from trainer.forecast.forecaster import Forecaster
from trainer.forecast.from_motion import MotionLogit
from trainer.forecast.labels import BurstRule
from trainer.forecast.learning_record import ForecastCommands, learning_record, on_training_part
from trainer.forecast.parts import PUBLISHED_SHARES, Parts, Stretch, divide
from trainer.forecast.recordings import Recording, Size, read_recording, sources_of
from trainer.forecast.report import write_forecast_report
from trainer.forecast.scores import RULES, score_all, threshold_of
from trainer.forecast.settings import SMALLER, ForecastSettings, Kind
from trainer.forecast.simple_forecasts import QUIET, Answers, simple_forecasts
from trainer.forecast.step_graph import step_of
from trainer.forecast.train import Trained, judged_logits, train
from trainer.forecast.whole_recordings import Shares
from trainer.networks.layer_table import NetworkTable, table_of_calls
from trainer.reports.learning_section import Learning
from trainer.reports.report_files import REPORT_FILE
from trainer.sentences import sentences_to
from trainer.training.lack_of_memory import kept_epochs_said, lack_refused
from trainer.whole_files import disk_refusals

SELF_TEST_FRAMES = 8
USUAL_SIZE: Size = (120, 160)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRequest:
    """A forecast bundle to be made.

    Attributes:
        data: recordings, or one table of them.
        out: folder of the bundle.
        kinds: networks to train; the bundle is made of the first.
        settings: of all of them.
        rule: of the labels.
        shares: of the parts of a recording, in time, or of what stays together.
        split_by: what stays together, see `in_whole_parts`.
        fps: where a recording does not say it.
        size: (height, width) that a network from pixels sees; None: 120x160, or the pictures' own where they are smaller.
        motion_size: blocks (w, h) that motion is measured over.
        picture: (height, width, channels) of the camera, for recordings of motion alone; None: no bundle is made of them.
        anew: put away a training of other recordings or settings.
        proved_frames: carried beside torch before the bundle is written.
        options: of `trainer fit` besides data, place and length, as they were given, for the commands that the verdict ends with.
    """

    data: tuple[Path, ...]
    out: Path
    kinds: tuple[Kind, ...]
    settings: ForecastSettings
    rule: BurstRule
    shares: Shares = PUBLISHED_SHARES
    split_by: SplitBy | None = None
    fps: float | None = None
    size: Size | None = None
    motion_size: tuple[int, int] | None = None
    picture: tuple[int, int, int] | None = None
    anew: bool = False
    proved_frames: int = PROVED_FRAMES
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastBundle:
    """What was made.

    Attributes:
        bundle: its folder; None where recordings of motion alone do not say what a camera sends.
        report: the path of the report.
        run: scores.
        exported: the proof, None without a bundle.
        learning: how the main network was learnt, with the verdict.
    """

    bundle: Path | None
    report: Path
    run: ForecastRun
    exported: ExportedForecaster | None
    learning: Learning

    @property
    def lines(self) -> list[str]:
        """For people: the sentence, and the verdict with the next steps."""
        return [self.sentence, *self.learning.verdict.lines]

    @property
    def sentence(self) -> str:
        """One sentence for people, and the verdicts."""
        made = str(self.bundle) if self.bundle else "no bundle (recordings of motion alone: give --picture to make one)"
        return f"{made}: on the {self.run.judged} part, {verdict(self.run.of_main, self.run.trivial)} Report: {self.report}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        parity = {"frames": self.exported.frames, "largest": self.exported.largest} if self.exported else None
        made = {"bundle": str(self.bundle) if self.bundle else None, "report": str(self.report), "parity": parity}
        return made | {"training": self.learning.as_json()} | self.run.as_json()


@lack_refused("these recordings and what the networks answer to them", SMALLER)
def make_forecast_bundle(request: ForecastRequest, console: Console) -> ForecastBundle:
    """Train and write; an interrupted training of the same recordings and settings goes on.

    Raises:
        LabelError, TrainingError, BundleError: in one sentence; an earlier bundle of that name is left as it was.
    """
    out = request.out
    refuse_other_content(out, marks=("bundle.json", REPORT_FILE))
    refuse_unwritable_places(out)
    request.settings.check()
    request.rule.check()
    folder, say = run_folder(out), sentences_to(console)
    with disk_refusals(folder), kept_epochs_said(folder, LAST, anew=request.anew):
        recordings, parts = read_parts(request, folder, say)
        networks, trained = _train(request, parts, folder, say)
    run = _compare(request, parts, networks, trained)
    main = networks[request.kinds[0]]
    exported = None
    pictures = next((one.pictures for one in recordings if one.pictures is not None), None)
    if pictures is None and request.picture is not None:
        pictures = pictures_of(parts.of("train")[0].motion[:64].tolist(), request.picture)
    if pictures is not None:
        exported = export(main, pictures, frames=request.proved_frames, console=console)
        say(f"openvino fp32: no probability is more than {exported.largest:.1e} from torch over {exported.frames} carried frames")
        _write(request, parts, run, main, exported, pictures)
    learning = learning_record(
        run,
        on_training_part(parts, run, main, request.settings.of(request.kinds[0])),
        settings=request.settings.as_plain()
        | {
            "held_out_batch": request.settings.held_out_batch,
            "minutes": request.settings.minutes,
            "threshold": run.threshold_rule,
        },
        commands=ForecastCommands(
            data=tuple(map(str, request.data)),
            bundle=str(out),
            epochs=request.settings.epochs,
            options=request.options,
            pictures=recordings[0].shape is not None,
        ),
    )
    report = write_forecast_report(out, run, learning)
    return ForecastBundle(bundle=out if exported else None, report=report, run=run, exported=exported, learning=learning)


def read_parts(request: ForecastRequest, folder: Path, say: Callable[[str], None]) -> tuple[list[Recording], Parts]:
    """Read the recordings and divide them; small frames go into the folder.

    Raises:
        LabelError, TrainingError: in one sentence.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recordings = _read(request, folder, say)
    parts = divide(recordings, request.rule, request.shares, motion_size=request.motion_size, by=request.split_by)
    for sentence in introduction(parts):
        say(sentence)
    return recordings, parts


def introduction(parts: Parts) -> list[str]:
    """What is learnt from and judged by."""
    said = []
    for part in PARTS:
        labelled, positive = parts.shares(part)
        names = ", ".join(f"{one.recording.name} frames {one.first} to {one.end - 1}" for one in parts.of(part))
        if labelled:
            said.append(f"{part}: {names}; {labelled} labelled frames, a burst follows {positive} ({positive / labelled:.1%})")
    return [*said, *parts.notes]


def _read(request: ForecastRequest, folder: Path, say: Callable[[str], None]) -> list[Recording]:
    pixels = any(request.settings.of(kind).from_pixels for kind in request.kinds)
    found = []
    sources = sources_of(request.data, fps=request.fps)
    for place, source in enumerate(sources):
        keep = folder / f"frames-{place}.raw"
        size = (request.size or USUAL_SIZE) if pixels else None
        found.append(read_recording(source, size=size, motion_size=request.motion_size, keep=keep, say=say))
    names = [recording.name for recording in found]
    found = [
        replace(recording, name=f"{source.path.parent.name}/{recording.name}") if names.count(recording.name) > 1 else recording
        for source, recording in zip(sources, found, strict=True)
    ]
    shapes = {recording.shape for recording in found if recording.shape is not None}
    if len(shapes) > 1:
        words = ", ".join(sorted("x".join(map(str, shape[1::-1])) for shape in shapes))
        raise TrainingError(f"recordings have pictures of different sizes or colours ({words}); expected one, as a camera sends it")
    return found


def _train(
    request: ForecastRequest, parts: Parts, folder: Path, say: Callable[[str], None]
) -> tuple[dict[str, Forecaster], dict[str, Trained]]:
    """Every network, calibrated; the logit stands beside all others."""
    networks: dict[str, Forecaster] = {}
    trained: dict[str, Trained] = {}
    kinds = request.kinds if "logit" in request.kinds else (*request.kinds, "logit")
    frames = parts.stretches[0].recording.frames
    rule = parts.rule
    about = {
        "recordings": [stretch.recording.sha256 for stretch in parts.stretches],
        "parts": [f"{stretch.part} {stretch.first} {stretch.end}" for stretch in parts.stretches],
        "rule": [rule.horizon, rule.share, rule.least_range, rule.past],
        "size": None if frames is None else list(frames.shape[1:]),
    }
    for kind in kinds:
        settings = request.settings.of(kind)
        network = build(settings, parts, size=None if frames is None else (frames.shape[1], frames.shape[2]))
        if isinstance(network, MotionLogit):
            fit_logit(network, parts)
            network.eval()
        else:
            say(f"{kind}: {sum(parameter.numel() for parameter in network.parameters())} parameters")
            trained[kind] = train(network, parts, settings, folder / kind, about=about, say=say, anew=request.anew)
            network = trained[kind].network
        with torch.no_grad():
            calibrate(network, *judged_logits(network, parts.of("validation"), settings))
        networks[kind] = network
    return networks, trained


def _compare(request: ForecastRequest, parts: Parts, networks: dict[str, Forecaster], trained: dict[str, Trained]) -> ForecastRun:
    """Every forecast on the validation part and, where there is one, on the held-out part; thresholds are from the first."""
    answers: dict[str, dict[str, list[Answers]]] = {}
    for part in ("validation", "test"):
        of: dict[str, list[Answers]] = {}
        for stretch in parts.of(part):
            for name, answer in simple_forecasts(stretch.motion, fps=stretch.recording.fps).items():
                of.setdefault(name, []).append(answer)
            for kind in sorted(networks, key=lambda each: each != "logit"):
                logits = answers_of(networks[kind], stretch, request.settings.of(kind))  # type: ignore[arg-type]
                of.setdefault(kind, []).extend(probabilities(networks[kind], [logits]))
        if of and parts.shares(part)[0]:
            answers[part] = of
    absent = sorted(
        {name for part, of in answers.items() for name, each in of.items() if not _complete(parts.of(part), each)},
    )
    answers = {part: {name: each for name, each in of.items() if name not in absent} for part, of in answers.items()}
    rule = request.settings.threshold
    thresholds = {name: threshold_of(parts.of("validation"), each, rule) for name, each in answers["validation"].items()}
    scores = {part: score_all(parts.of(part), of, thresholds, rule=parts.rule, trivial=QUIET) for part, of in answers.items()}
    judged, main = ("test" if "test" in scores else "validation"), request.kinds[0]
    flatters = "no part was held out: epochs, calibration and thresholds were chosen on the very frames that are scored, which flatters"
    short = [f"{name}: left out, since it looks back further than the {parts.rule.past} frames of the past (--past)" for name in absent]
    notes = [*parts.notes, *short, *([] if judged == "test" else [flatters])]
    notes += [f"{name}: {note}" for name, each in trained.items() for note in each.notes]
    return ForecastRun(
        title=request.out.name,
        parts=parts,
        settings=request.settings.of(main),
        main=main,
        judged=judged,
        scores=scores,
        answers=answers[judged][main],
        threshold_rule=RULES[rule],
        trained=trained,
        notes=tuple(notes),
        layers=_layers(networks[main], main, parts),
    )


def _layers(network: Forecaster, kind: str, parts: Parts) -> NetworkTable:
    """Every layer on a frame's way through one step; for motion alone, of a small picture."""
    shape = next((stretch.recording.shape for stretch in parts.stretches if stretch.recording.shape is not None), (48, 64))
    step = step_of(network, shape)
    image = torch.empty((1, *step.shape), dtype=torch.uint8)
    return table_of_calls(step, [image, torch.empty(1, 1), *(torch.empty(each) for each in step.states.values())], title=kind)


def _complete(stretches: Sequence[Stretch], answers: Sequence[Answers]) -> bool:
    """Whether every labelled frame has an answer."""
    return all(np.isfinite(answer[stretch.labelled]).all() for stretch, answer in zip(stretches, answers, strict=True))


def _write(
    request: ForecastRequest, parts: Parts, run: ForecastRun, network: Forecaster, exported: ExportedForecaster, pictures: Pictures
) -> None:
    clip = Clip(np.ascontiguousarray(pictures[:SELF_TEST_FRAMES]), np.full(len(pictures[:SELF_TEST_FRAMES]), 1 / parts.fps, np.float32))
    clip.seconds[0] = 0
    engine = StepEngine(exported.model, exported.state_shapes, phases=exported.phases, phase_states=exported.phase_states)
    description = with_answer(describe(request.out.name, parts, run, network, exported, pictures.shape[1:]), engine.run(*clip)[-1])
    none = np.zeros((0, 0), np.uint8)
    write_bundle(request.out, model=exported.model, self_test_image=none, description=description, self_test_clip=clip)
