"""What a training of behaviour came to: the verdict with its next steps, their commands, and the report that shows them."""

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.test_scores_beside_people import answer
from tests.trainer.walkers import write_table
from trainer.__main__ import PROGRAM, main
from trainer.behaviour.clips import UNJUDGED
from trainer.behaviour.learning_record import learning_record, training_answers
from trainer.behaviour.next_commands import BehaviourCommands, commands_of
from trainer.behaviour.settings import BehaviourSettings
from trainer.behaviour.training_run import BehaviourEpoch, TrainingRun, Validated, taken_epoch
from trainer.behaviour.verdict import LearntBehaviour, judge
from trainer.behaviour.weighted_loss import accuracy_of
from trainer.behaviour_scores.behaviour_score import Cleaning
from trainer.behaviour_scores.frame_figures import FrameFigures, frame_figures
from trainer.behaviour_scores.scored_answers import BehaviourRun, score_answers
from trainer.behaviour_scores.scored_video import Decide
from trainer.commands.behaviour_request import behaviour_request
from trainer.ethogram.files import read_ethograms
from trainer.reports.behaviour_report import behaviour_page
from trainer.reports.learning_section import history_of
from trainer.reports.training_plots import loss_curves
from trainer.timeline.labelled_videos import open_videos

COMMANDS = BehaviourCommands(
    data="my videos.csv",
    bundle="models/social",
    epochs=30,
    options=("--hold-out", "v3", "v4", "--channel", "S1", "--seed", "7"),
    poses=("a.csv",),
    labels=("a-boris.csv",),
)
TRUTH = "aaab..bbb." * 240


def run_of(said: str, *, truth: str = TRUTH, reference: str | None = None) -> BehaviourRun:
    beside = ("trees", [answer(truth, reference)]) if reference is not None else None
    return score_answers("t", ("network", [answer(truth, said)]), cleaning=Cleaning(), reference=beside)


def measured(run: BehaviourRun) -> LearntBehaviour:
    learnt = FrameFigures(frames=9000, accuracy=0.95, class_names=("a", "b"), f1=(0.95, 0.95), true_frames=(900, 900), true_bouts=(90, 90))
    losses = tuple(np.linspace(1, 0.2, 20).tolist())
    return LearntBehaviour(
        run=run, held_out=True, learnt=learnt, train=losses, validation=losses, kept=12, stopped="epochs", collapsed=False
    )


GOOD = measured(run_of(TRUTH))
FLAT = (*np.geomspace(1, 0.2, 5).tolist(), *np.linspace(0.2, 0.19, 15).tolist())  # fell at once, and a hundredth since
WORSE = "aab...bbb."
UNDER_FITTED = replace(GOOD.learnt, f1=(0.85, 0.85), true_frames=(900, 40))
FEW = replace(GOOD.learnt, true_frames=(900, 40))


@pytest.mark.parametrize(
    ("m", "kind", "words", "command"),
    [
        (GOOD, "good", "Nothing speaks against this network. Held-out macro-F1 1.00 by frame", "trainer evaluate models/social"),
        (replace(GOOD, held_out=False), "nothing held out", "No frame was held out", "trainer fit --task behaviour"),
        (
            replace(GOOD, run=run_of("a" * 1200, truth="a" * 1200)),
            "class missing",
            "in no frame that is held out (b)",
            "trainer bouts label",
        ),
        (replace(GOOD, collapsed=True), "collapsed", "one answer to every frame", "--memorise 64"),
        (replace(GOOD, learnt=replace(GOOD.learnt, f1=(0.4, 0.5))), "learnt nothing", "a macro-F1 of 0.45 only", "--memorise 64"),
        (replace(GOOD, learnt=FEW), "few bouts", "b (40 frames in 90 bouts)", "trainer bouts label --poses a.csv"),
        (replace(GOOD, kept=18), "too short", "smallest in epoch 19 of 20, and 32% of its fall came in the middle", "--epochs 120"),
        (replace(GOOD, kept=19, validation=FLAT, stopped="minutes"), "too short", "it still fell when the training ended", "--epochs 120"),
        (replace(GOOD, kept=18, validation=FLAT), "good", "Nothing speaks against", "trainer evaluate"),
        (
            replace(GOOD, run=run_of(WORSE * 24, truth=TRUTH[:240], reference=TRUTH[:240]), learnt=UNDER_FITTED, kept=19),
            "behind",
            "trees, finds more in the same labels: macro-F1 1.000 against 0.775 on the held-out frames (the network reaches only 0.85 on",
            "--epochs 120",
        ),
        (
            replace(GOOD, run=run_of(WORSE * 240, reference=TRUTH), learnt=replace(GOOD.learnt, f1=(0.99, 0.99))),
            "behind",
            "95 % interval of the difference -0.2",
            "--members 3",
        ),
        (replace(GOOD, run=run_of("aaa......." * 240)), "over-fitted", "larger on training than on held-out", "--dropout 0.4"),
        (
            replace(GOOD, validation=(*np.linspace(1, 0.4, 10).tolist(), *np.linspace(0.4, 0.9, 10).tolist())),
            "over-fitted",
            "on the validation loss rises while the training loss falls",
            "--dropout 0.4",
        ),
        (
            replace(GOOD, run=run_of("ab........" * 12, truth="ab........" * 12)),
            "nothing shown",
            "too few to compare with always the commonest",
            "trainer bouts label",
        ),
        (replace(GOOD, run=run_of(TRUTH, reference=TRUTH)), "no better", "not shown to be better than the reference", "--members 3"),
        (
            replace(GOOD, target_f1=0.995, run=run_of("aaabb.bbb." * 240)),
            "not good enough",
            "Better than always the commonest class, but not good enough for the task: a macro-F1 of 0.94, where 0.995 is asked for",
            "trainer bouts label",
        ),
        (replace(GOOD, run=run_of("a.ab..b.b." * 240)), "in pieces", "Bouts of a are found in pieces", "--gap-ms 300"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_a_verdict_names_what_matters_most_and_what_to_type(m: LearntBehaviour, kind: str, words: str, command: str) -> None:
    found = judge(m, COMMANDS)
    assert found.steps[0].kind == kind
    assert words in found.sentence
    assert command in found.steps[0].command
    assert len(found.lines) == 2 + 2 * len(found.steps) <= 8
    for step in found.steps:
        for typed in step.command.split(" && "):
            PROGRAM.parser().parse_args(shlex.split(typed)[1:])


def test_of_several_faults_the_first_three_are_told_in_order() -> None:
    found = judge(replace(GOOD, held_out=False, collapsed=True, learnt=FEW, kept=19), COMMANDS)
    assert [step.kind for step in found.steps] == ["nothing held out", "collapsed", "too short"]
    assert found.steps[0].command.startswith(
        "trainer fit --task behaviour --data 'my videos.csv' --out models/social-judged --hold-out v3 v4"
    )


def test_what_one_command_mends_is_told_once() -> None:
    found = judge(replace(GOOD, run=run_of("a" * 2400, truth="a" * 2400), learnt=FEW), COMMANDS)
    assert [step.kind for step in found.steps][:2] == ["class missing", "nothing shown"]
    assert len({step.command for step in found.steps}) == len(found.steps)


def test_commands_hold_what_was_typed_and_the_files_of_the_table(tmp_path: Path) -> None:
    table = write_table(tmp_path, videos=2, frames=60)
    words = f"fit --task behaviour --data {table} --out m --epochs 5 --hold-out v1 --channel S1 --no-mirror --fps 30 --json"
    request = behaviour_request(PROGRAM.parser().parse_args(words.split()))
    assert request.options == ("--hold-out", "v1", "--fps", "30.0", "--channel", "S1", "--no-mirror")
    commands = commands_of(table, Path("m"), epochs=5, options=request.options, from_images=False)
    assert commands.poses == (str(tmp_path / "0.csv"), str(tmp_path / "1.csv"))
    assert commands.check_labels() == f"trainer bouts check {tmp_path}/0-boris.csv {tmp_path}/1-boris.csv --fps 30.0 --channel S1"
    videos = replace(commands, poses=(), images=("a.mp4", "b.npy"))
    assert "bouts label a.mp4 --annotator" in videos.label_more()
    assert replace(commands, poses=(), labels=()).label_more().startswith("trainer evaluate m --data")
    for command in (commands.search(), commands.memorise(), commands.check_labels(), *videos.label_more().split(" && ")):
        PROGRAM.parser().parse_args(shlex.split(command)[1:])


def test_labels_that_there_are_come_along_where_more_is_labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copied once: what was labelled there since is not written over when the command is given again."""
    monkeypatch.chdir(tmp_path)
    table = write_table(tmp_path, videos=2, frames=60)
    commands = commands_of(table, Path("m"), epochs=5, options=("--hold-out", "v1"), from_images=False)
    *copied, page = commands.label_more().split(" && ")
    assert page.startswith("trainer bouts label --poses ")
    assert page.endswith("--annotator first-person --labels m-labels --bundle m")
    for _ in ("once", "again"):
        assert [main(shlex.split(one)[1:]) for one in copied] == [0, 0]
        made = Path("m-labels/1.first-person.bouts.json")
        [again], [sent] = (read_ethograms(path).ethograms for path in (made, tmp_path / "1-boris.csv"))
        assert [(one.name, one.first, one.end) for one in again.bouts] == [(one.name, one.first, one.end) for one in sent.bouts]
    [video] = open_videos([], [tmp_path / "1.csv"], fps=30.0, say=lambda _: None)
    made.write_bytes(b"labelled since")
    assert main(shlex.split(copied[1])[1:]) == 0
    assert (made.read_bytes(), made.name) == (b"labelled since", f"{video.name}.first-person.bouts.json")


def test_figures_of_training_frames_are_counted_by_class() -> None:
    one = answer("aab.bb??", "aaa.bb..")
    found = frame_figures([one, one])
    assert found.frames == 12
    assert [found.accuracy, *found.f1] == pytest.approx([10 / 12, 4 / 5, 4 / 5])
    assert (found.true_frames, found.true_bouts) == ((4, 6), (2, 4))


def test_answers_to_training_videos_are_cut_where_these_end() -> None:
    videos = [answer("aab", "aab", name="x"), answer("bb", "bb", name="y")]
    probabilities = np.array([[0.9, 0], [0.9, 0], [0, 0.9], [0, 0.9], [0.9, 0]], np.float32)

    class Video:
        def __init__(self, name: str, length: int) -> None:
            self.name, self.marks, self.fps, self.in_time = name, np.zeros((length, 2), np.int8), 10.0, True

    found = training_answers(
        probabilities, [Video(each.name, len(each.truth)) for each in videos], "ab", Decide(exclusive=True, thresholds=(0.5, 0.5))
    )
    assert [(each.name, each.said.argmax(axis=1).tolist()) for each in found] == [("x", [0, 0, 1]), ("y", [1, 0])]


def test_the_epoch_that_is_taken_is_that_of_the_smallest_validation_loss() -> None:
    assert taken_epoch([0.9, 0.5, 0.7, 0.3, 0.2999, 0.8]) == 4
    assert taken_epoch([0.9, 0.5, 0.4999], better=1e-3) == 1
    assert taken_epoch([]) == 0


def test_a_slow_fall_is_kept_and_no_patience_is_lost_over_it(tmp_path: Path) -> None:
    """Steps of 0.0004, each below what counts as a gain by itself."""
    network = torch.nn.Linear(1, 1)
    run = TrainingRun(network, BehaviourSettings(epochs=40, patience=4), tmp_path, about={})
    losses = iter([*(0.5 - 0.0004 * np.arange(20)), *([0.4923] * 20)])
    said: list[str] = []

    def epoch(number: int) -> list[float]:
        network.bias.data.fill_(number)
        return [0.5]

    run.learn(epoch, lambda: Validated(loss=float(next(losses))), say=said.append)
    assert (len(run.history), run.stopped) == (23, "no improvement")
    assert said[19].endswith("(best)")
    run.take_best()
    assert network.bias.item() == taken_epoch([each.validation for each in run.history]) == 20


def test_accuracy_is_kept_of_every_epoch_through_a_restart_and_drawn(tmp_path: Path) -> None:
    def learn(right: list[float]) -> list[str]:
        run.resume(anew=False, say=said.append)
        found = iter(right)
        run.learn(lambda _: [0.5], lambda: Validated(loss=0.5, accuracy=next(found)), say=said.append)
        return said

    said: list[str] = []
    settings = BehaviourSettings(epochs=3)
    run = TrainingRun(torch.nn.Linear(1, 1), settings, tmp_path, about={})
    with pytest.raises(StopIteration):  # a fault while the third epoch is validated
        learn([0.25, 0.5])
    run = TrainingRun(torch.nn.Linear(1, 1), settings, tmp_path, about={})
    assert "75.0% right" in learn([0.75])[-1]
    assert [epoch.accuracy for epoch in run.history] == [0.25, 0.5, 0.75]
    drawn = loss_curves(history_of([(1.0, 1.0, 1.0)] * 3, accuracy=[epoch.accuracy for epoch in run.history])).axes[1]
    assert drawn.get_title(loc="left") == "Accuracy (%)"
    assert np.asarray(drawn.lines[0].get_ydata()).tolist() == [25, 50, 75]


def test_accuracy_counts_judged_frames_or_judged_answers() -> None:
    logits = torch.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, -1.0]])
    exclusive = torch.tensor([[1.0, 0.0], [1.0, 0.0], [UNJUDGED, UNJUDGED]])
    assert accuracy_of(logits, exclusive, exclusive=True) == 0.5
    overlapping = torch.tensor([[1.0, 1.0], [0.0, UNJUDGED], [0.0, 0.0]])
    assert accuracy_of(logits, overlapping, exclusive=False) == pytest.approx(4 / 5)
    assert accuracy_of(logits, torch.full((3, 2), float(UNJUDGED)), exclusive=True) is None


def test_the_report_shows_losses_settings_seed_and_training_beside_held_out_figures() -> None:
    epochs = [BehaviourEpoch(train=1 / (n + 1), validation=abs(n - 6) / 6 + 0.3, seconds=2.0 * (n + 1)) for n in range(14)]
    run, learnt = run_of(TRUTH.replace("b..", "bb.")), [answer("aab.bb", "aab.bb")]
    settings = {"seed": 7, "epochs": 14, "loss": "mse"}
    made = learning_record(run, learnt, epochs, stopped="epochs", held_out=True, collapsed=False, settings=settings, commands=COMMANDS)
    page = behaviour_page(run, "now", made)
    for words in (
        "<h1>Training report: t</h1>",
        '<div class="verdict">', "<pre><code>trainer ", "<h2>Training</h2>", "<th>training</th><th>held-out</th>", "<h2>Settings</h2>",
        '<th scope="row">seed</th><td>7</td>', '<th scope="row">loss</th><td>mse</td>', '<th scope="row">stopped by</th><td>epochs</td>',
        "28 s in 14 epochs", "2.00 s on average", "Rules of the verdict, in this order",
    ):  # fmt: skip
        assert words in page, words
    assert '<th scope="row">accuracy by frame</th><td>1.000</td><td>0.900</td>' in page
    plain = made.as_json()
    assert (plain["taken_epoch"], plain["settings"]["seed"], plain["verdict"]["next"][0]["kind"]) == (7, 7, made.verdict.steps[0].kind)
    losses = loss_curves(made.history, other="validation", kept=made.kept).axes[0]
    drawn = {str(line.get_label()): line for line in losses.lines}
    taken = drawn["taken: epoch 7"]
    assert [float(np.asarray(each)[0]) for each in (taken.get_xdata(), taken.get_ydata())] == [7, pytest.approx(0.3)]
    assert float(np.asarray(drawn["validation loss rises, training loss falls on"].get_xdata())[0]) == 7
    assert not [label for label in drawn if "batch" in label]
