"""The rectangle experiments: images, peaks, plans and verdicts on hand-made cases, and the whole command at a tiny size."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from rich.console import Console

from studies.rectangles import claims
from studies.rectangles.__main__ import main, parser
from studies.rectangles.answers import ANSWERS_FILE, read_answers
from studies.rectangles.claims import Claim
from studies.rectangles.findings import Crossing, LabelFigures, PeakFigures, RoundingFigures, SizeFigures, converged_at
from studies.rectangles.peaks import count_centres, peaks_of, peaks_shown
from studies.rectangles.plan import PEAK_SETS, STEPS, all_wanted, planned, settings_of, sizes_of, wanted
from studies.rectangles.scale import FRACTIONS, SEED, SMALL, changed
from studies.rectangles.sets import BOTH_LABELLED, TEXTURED, RectangleSets, domain
from studies.rectangles.texture import clouds, of_video, over
from studies.rectangles.train_networks import read_plan
from tracker.synthetic.rectangles import RectanglesScene
from trainer.errors import TrainingError
from trainer.experiments.run import RUN_FILE, RUNS, Predictions, read_run, write_run
from trainer.training.augment import UNCHANGED, augment

SIZES = ("--side", "48", "--images", "20", "--epochs", "1", "--repeats", "1")
TINY = changed(SMALL, {"side_px": 48, "images": 10, "epochs": 1, "repeats": 1})
QUIET = Console(quiet=True)


def bell(*spots: tuple[float, float, float], side: int = 16) -> torch.Tensor:
    """A map (1, side, side) of Gaussian spots: column, row and probability of each."""
    down, right = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    whole = torch.zeros(side, side)
    for x, y, share in spots:
        spot = torch.exp(-((right - x) ** 2 + (down - y) ** 2) / 2)
        whole += share * spot / spot.sum()
    return whole[None]


def peak(trained: str, tested: int, found: float, *, shown: tuple[float, ...] = (1.0, 1.02), **rest: float) -> PeakFigures:
    """Figures of two seeds that differ only in the number of peaks shown."""
    false, one, most = (rest.get(name, usual) for name, usual in (("false", 0.0), ("one", 0.0), ("most", 1)))
    return PeakFigures(
        trained=trained, tested=tested, found=(found,) * 2, false=(false,) * 2, shown=shown, one=(one,) * 2, most=(int(most),) * 2
    )


def verdicts(found: list[Claim]) -> list[bool]:
    return [claim.holds for claim in found]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every step is finished, at a size that teaches nothing."""
    out = tmp_path_factory.mktemp("rectangles") / "out"
    assert main(["--out", str(out), *SIZES, "--only", "heads", "peaks", "labels", "background", "domains", "rounding"]) == 0
    return out


@pytest.mark.parametrize("rectangles", [1, 2, 5])
def test_the_largest_centre_comes_first_of_all(rectangles: int) -> None:
    scene = RectanglesScene(3, width=96, height=64, rectangles=rectangles)
    for number in range(20):
        centres = scene.centres(number)
        assert centres.shape == (rectangles, 2)
        assert centres[:1].tolist() == scene.truth(number).points.tolist()
        by_area = sorted(scene._corners(number).tolist(), key=lambda c: (c[2] - c[0]) * (c[1] - c[3]))
        assert centres.tolist() == [[(left + right) / 2, (top + bottom) / 2] for left, top, right, bottom in by_area]


def test_two_spots_of_one_map_are_two_peaks_the_brighter_first() -> None:
    found = peaks_of(bell((4.0, 3.0, 0.3), (11.25, 10.25, 0.6)), cell=4, radius=2)
    assert peaks_shown(found.numpy()).tolist() == [2]
    np.testing.assert_allclose(found[0, :2, :2], [[11.25 * 4 + 1.5, 10.25 * 4 + 1.5], [4 * 4 + 1.5, 3 * 4 + 1.5]], atol=0.4)
    np.testing.assert_allclose(found[0, :2, 2], [0.6, 0.3], atol=0.05)
    assert (found[0, 2:, 2] < 0.05).all()


def test_a_peak_in_the_window_of_a_higher_one_is_suppressed() -> None:
    probability = torch.zeros(1, 9, 9)
    probability[0, 4, 4], probability[0, 4, 6], probability[0, 4, 8] = 0.5, 0.3, 0.2
    assert peaks_of(probability, cell=1, radius=2, count=3)[0, :, 2].tolist() == pytest.approx([0.8, 0.5, 0.0])
    assert (peaks_of(probability, cell=1, radius=1)[0, :, 2] > 0).sum() == 3


def test_an_even_map_shows_nothing_and_an_empty_one_no_peak() -> None:
    even = peaks_of(torch.full((1, 16, 16), 1 / 256), cell=4, radius=1)
    assert peaks_shown(even.numpy()).tolist() == [0]
    assert peaks_of(torch.zeros(2, 16, 16), cell=4, radius=2).abs().sum() == 0


@pytest.mark.parametrize(
    ("peaks", "counts"),
    [
        ([(10, 10, 0.6), (40, 40, 0.3)], (2, 2, 0)),
        ([(10, 10, 0.6), (11, 11, 0.3)], (2, 1, 1)),
        ([(10, 10, 0.6), (40, 40, 0.05)], (2, 1, 0)),
        ([(14, 10, 0.9)], (2, 0, 1)),
        ([], (2, 0, 0)),
    ],
    ids=["both", "one twice", "one too faint", "too far", "none"],
)
def test_each_peak_counts_for_one_centre(peaks: list[tuple[float, float, float]], counts: tuple[int, int, int]) -> None:
    rows = np.zeros((1, 3, 3), np.float32)
    rows[0, : len(peaks)] = np.array(peaks, np.float32).reshape(-1, 3)
    found = count_centres(rows, np.array([[[10.0, 10.0], [40.0, 40.0]]]), within_px=3.0)
    assert (found.labelled, found.found, found.false) == counts


@pytest.mark.parametrize(
    ("errors", "epoch"),
    [([9, 5, 1.05, 1.0], 3), ([1.0], 1), ([9, 1.0, 2.0, 1.0], 4), ([1, 1, 1], 1), ([1.0, 5.0], 2), ([None, 1], 2)],
    ids=str,
)
def test_a_network_has_converged_when_its_error_stays_near_the_lowest(errors: list[float | None], epoch: int) -> None:
    assert converged_at(errors) == epoch


def test_the_larger_rectangle_of_two_is_shown_twice_as_often_as_the_smaller(tmp_path: Path) -> None:
    sets = RectangleSets(tmp_path, TINY, video=None, console=QUIET)
    plain, both = sets.get("domain2"), sets.get(BOTH_LABELLED)
    count = len(plain.labels.frames)
    assert len(both.labels.frames) == 3 * count
    points, images = both.labels.frames.points[:, 0, 0], both.labels.frames.images
    for index in plain.parts.train.tolist():
        shown = [place for place in both.parts.train.tolist() if images[place] == images[index]]
        assert points[shown].tolist() == [plain.centres[index, 0].tolist()] * 2 + [plain.centres[index, 1].tolist()]
    assert both.parts.test.tolist() == plain.parts.test.tolist()
    assert not {images[place] for place in both.parts.train.tolist()} & {images[place] for place in both.parts.test.tolist()}


def test_the_textured_set_is_the_same_rectangles_over_a_background_that_moves(tmp_path: Path) -> None:
    sets = RectangleSets(tmp_path, TINY, video=None, console=QUIET)
    plain, textured = sets.get(domain(3)), sets.get(TEXTURED)
    pairs = [(plain.labels.frames.read(place), textured.labels.frames.read(place)) for place in range(4)]
    for black, laid in pairs:
        assert (laid[black == 255] == 255).all()
        assert laid[black == 0].min() >= 10
        assert laid[black == 0].std() > 20
    both_dark = (pairs[0][0] == 0) & (pairs[3][0] == 0)
    assert np.abs(pairs[0][1].astype(int) - pairs[3][1])[both_dark].mean() > 3
    assert np.array_equal(textured.labels.frames.points, plain.labels.frames.points)
    assert textured.labels.sha256 != plain.labels.sha256


def test_clouds_are_a_function_of_seed_and_number() -> None:
    one, again, other = (clouds(48, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one(5), again(5))
    assert not np.array_equal(one(5), other(5))
    assert not np.array_equal(one(5), one(6))


def test_frames_of_a_real_video_can_be_the_background(shared_data: Path) -> None:
    background = of_video(shared_data / "dlc_openfield" / "videos" / "m3v1mp4.mp4", 64, count=10)
    first, last = background(0), background(9)
    assert first.shape == (64, 64)
    assert not np.array_equal(first, last)
    assert over(np.full((64, 64), 255, np.uint8), first).min() == 255


def test_unchanged_pictures_are_the_images_themselves() -> None:
    image, points = np.arange(64, dtype=np.uint8).reshape(8, 8), np.array([[[3.0, 4.0]]])
    seen, moved = augment(image, points, settings=UNCHANGED, swap=(0,), rng=np.random.default_rng(0))
    assert np.array_equal(seen, image)
    assert np.array_equal(moved, points)


def test_the_seed_scale_is_the_first_experiments_own() -> None:
    assert (SEED.side_px, SEED.images, SEED.train_images, SEED.network) == (224, 10_000, 8_000, "resnet18")
    assert (SEED.batch, SEED.learning_rate, SEED.xy_epochs, SEED.map_epochs, SEED.repeats) == (64, 1e-3, 40, 100, 5)
    assert sizes_of(SEED) == [round(fraction * 8000) for fraction in FRACTIONS]
    assert len(FRACTIONS) == 13
    assert set(SMALL.fractions) <= set(FRACTIONS)
    assert SMALL.repeats >= 5


def test_a_network_that_several_steps_need_is_trained_once() -> None:
    networks = all_wanted(SMALL, STEPS)
    names = [one.name for one in networks]
    assert len(set(names)) == len(names)
    assert len(names) < sum(len(wanted(SMALL, step)) for step in STEPS)
    assert {one.data for one in wanted(SMALL, "peaks")} == set(PEAK_SETS)
    assert {one.head for one in wanted(SMALL, "peaks")} == {"heatmap"}  # the coordinate head has no peaks
    assert parser().parse_args(["--out", "out", "--only", *STEPS]).only == list(STEPS)


def test_every_network_takes_about_the_same_number_of_steps() -> None:
    counts = {}
    for one in all_wanted(SMALL, STEPS):
        settings = settings_of(SMALL, one)
        shown = one.images * (3 if one.data == BOTH_LABELLED else 1)
        passes = -(-settings.batches * settings.batch // shown)
        counts[one.name] = (settings.epochs or 0) * -(-passes * shown // settings.batch)
    assert max(counts.values()) <= 1.1 * min(counts.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"side_px": 50}, "takes 32 to 96, a multiple of 16"),
        ({"side_px": 112}, "takes 32 to 96"),
        ({"images": 9}, "leave none to test on"),
        ({"epochs": 0}, "epochs is 0; expected 1 or more"),
    ],
    ids=str,
)
def test_sizes_that_cannot_be_are_refused(changes: Mapping[str, int], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        changed(SMALL, changes)


def test_captions_say_the_sizes_that_were_used() -> None:
    scale = changed(SMALL, {"images": 40, "epochs": 2, "side_px": None, "repeats": None})
    assert "scale small+: 64×64 px, 40 images a domain (32 training, 4 validation, 4 test)" in scale.words
    assert "heads xy (2 epochs) and heatmap (2 epochs)" in scale.words
    assert changed(SMALL, {"images": SMALL.images}).name == "small"


@pytest.mark.parametrize(("lowest", "holds"), [(0.5, True), (3.0, False)])
def test_the_error_must_be_lowest_where_a_network_was_trained(lowest: float, *, holds: bool) -> None:
    errors = np.full((5, 5), 2.0)
    np.fill_diagonal(errors, 1.0)
    errors[4, 4] = lowest
    found = claims.of_domains([Crossing(head="xy", mean_px=errors, median_px=errors, log_mse=errors)])
    assert verdicts(found) == [holds]
    assert f"So for {5 if holds else 4} of 5 networks" in found[0].found


def test_a_curve_is_judged_by_one_reduction_and_by_its_bend() -> None:
    def curve(*test_px: float, train_px: float) -> list[SizeFigures]:
        return [
            SizeFigures(head="xy", images=10**place, train_px=train_px, held_out_px=px, test_px=px, test_median_px=px)
            for place, px in enumerate(test_px, start=1)
        ]

    assert verdicts(claims.of_curve(curve(9, 3, 2, train_px=1))) == [True, True]
    assert verdicts(claims.of_curve(curve(9, 8.99, 2, train_px=5))) == [False, False]


def test_the_claims_about_several_centres_are_judged_one_by_one() -> None:
    three = [peak(domain(3), tested, 0.3, one=0.95) for tested in range(1, 6)]
    one = [peak(domain(1), tested, {1: 0.95, 5: 0.01}.get(tested, 0.5), shown=(1.0, 1.4), most=2) for tested in range(1, 6)]
    both = [peak(BOTH_LABELLED, tested, 0.8, false=1.0 if tested == 5 else 0.1) for tested in range(1, 6)]
    assert verdicts(claims.of_peaks([*one, *both, *three])) == [True] * 5
    worse = [replace(each, one=(0.5, 0.5)) for each in three]
    many = [replace(each, most=(3, 3), shown=(1.0, 1.01)) for each in one]
    blind = [replace(each, found=(0.2, 0.9), false=(0.1, 0.1)) for each in both]
    assert verdicts(claims.of_peaks([*many, *blind, *worse])) == [False] * 5


def test_more_labels_are_judged_by_the_ratio_of_summed_squares() -> None:
    def summed(*values: float) -> LabelFigures:
        return LabelFigures(trained="x", mse_px2=values, summed_mse=values, mean_px=values, median_px=values)

    assert claims.labels_ratio((summed(100, 96), summed(30, 40))) == pytest.approx(70 / 196)
    assert verdicts(claims.of_labels((summed(98.0), summed(35.0)))) == [True]
    assert verdicts(claims.of_labels((summed(98.0), summed(98.0)))) == [False]


def test_what_rounding_costs_is_judged_by_r2() -> None:
    figures = RoundingFigures(
        head="xy", r2=0.887, rounded_r2=0.827, mean_px=1, rounded_mean_px=1, median_px=1, rounded_median_px=1, step_px=9
    )
    assert verdicts(claims.of_rounding([figures])) == [True]
    assert verdicts(claims.of_rounding([replace(figures, rounded_r2=0.8869)])) == [False]


def test_one_command_trains_tests_and_reports(finished: Path) -> None:
    """Both heads on the same images, tested on every domain, in one document and one JSON file."""
    page, figures = (finished / "report.html").read_text(), json.loads((finished / "report.json").read_text())
    assert list(figures["steps"]) == [step for step in STEPS if step != "curve"]
    assert [head["head"] for head in figures["steps"]["heads"]] == ["xy", "heatmap"]
    assert set(figures["steps"]["heads"][0]["test"]) == {"mean_px", "median_px", "p95_px", "r2", "log_mse", "rmse_px", "within"}
    assert np.array(figures["steps"]["domains"][0]["mean_px"]).shape == (5, 5)
    assert len(figures["steps"]["peaks"]) == 15
    assert "scale small+: 48×48 px, 20 images a domain" in page.lower()
    assert "Not finished: curve." in page
    assert 'src="http' not in page
    assert page.count("data:image/png;base64,") == 9


def test_the_learning_curve_is_drawn_and_judged_from_stored_runs(finished: Path, tmp_path: Path) -> None:
    """Runs as training would leave them, with answers that are off by a known distance: 40 px over the number of images."""
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    scale = read_plan(out).scale
    its_set = RectangleSets(out, scale, video=None, console=QUIET).get(domain(3))
    truth = its_set.labels.frames.points
    for one in wanted(scale, "curve"):
        parts = planned(scale, one, its_set).parts
        assert len(parts.train) == one.images
        answers = {"train": off_by(truth, parts.train, 1.0)}
        answers |= {name: off_by(truth, part, 40 / one.images) for name, part in (("held_out", parts.held_out), ("test", parts.test))}
        whole = read_run(out / RUNS / f"domain3-{one.head}-seed0")
        assert whole is not None
        write_run(out / RUNS / one.name, msgspec.structs.replace(whole, name=one.name, learnt_from=one.images), answers)
    assert main(["--out", str(out), "--report-only"]) == 0
    page, figures = (out / "report.html").read_text(), json.loads((out / "report.json").read_text())
    curve, sizes = figures["steps"]["curve"], sizes_of(scale)
    assert [(each["head"], each["images"]) for each in curve] == [(head, size) for head in scale.heads for size in sizes]
    np.testing.assert_allclose([each["test_px"] for each in curve], [40 / each["images"] for each in curve], rtol=1e-4)
    assert [claim["verdict"] for claim in figures["claims"] if claim["about"] == "curve"] == ["as claimed"] * 2 * len(scale.heads)
    assert "Not finished" not in page
    assert 'alt="Error against training images"' in page


def off_by(truth: NDArray[np.float64], index: NDArray[np.int64], px: float) -> Predictions:
    """Answers to some images that all lie so far to the right of the centre."""
    places = np.concatenate([truth[index] + [px, 0.0], np.ones((len(index), 1, 1, 1))], axis=-1)
    return Predictions(index=index, predicted=places.astype(np.float32), error_px=np.full((len(index), 1, 1), px))


def test_the_answers_of_every_head_on_every_set_are_kept(finished: Path) -> None:
    for name, peaks, maps in (("xy", 0, (0, 0, 0)), ("heatmap", 8, (2, 12, 12))):
        for tested in (*map(domain, range(1, 6)), TEXTURED):
            answers = read_answers(finished / RUNS / f"domain3-{name}-seed0", tested)
            assert answers.predicted.shape == (2, 3)
            assert answers.peaks.shape == (2, peaks, 3)
            assert answers.maps.shape == maps


def test_a_second_call_trains_nothing_and_says_the_same(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def stamps() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for name in (RUN_FILE, ANSWERS_FILE) for path in finished.rglob(name)}

    before, said = stamps(), (finished / "report.json").read_text()
    assert main(["--out", str(finished), *SIZES, "--only", "heads", "--json"]) == 0
    assert stamps() == before
    assert (finished / "report.json").read_text() == said
    shown = json.loads(capsys.readouterr().out)
    assert shown["networks_finished"] == 13
    assert shown["claims"][0]["verdict"] in ("as claimed", "not so here")


def test_a_folder_below_a_file_is_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["--out", str(tmp_path / "notes.txt" / "deep")]) == 1
    said = capsys.readouterr().err
    assert "a part of that path is a file" in said
    assert "Traceback" not in said


def test_answers_lost_to_a_kill_are_made_again_from_the_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["--out", str(tmp_path), *SIZES, "--images", "10", "--only", "heads"]
    assert main([*call, "--keep-checkpoints"]) == 0
    path = tmp_path / RUNS / "domain3-xy-seed0" / ANSWERS_FILE
    before, trained = read_answers(path.parent, domain(3)).predicted, (path.parent / RUN_FILE).stat().st_mtime_ns
    path.unlink()
    assert main(call) == 0
    np.testing.assert_array_equal(read_answers(path.parent, domain(3)).predicted, before)
    assert (path.parent / RUN_FILE).stat().st_mtime_ns == trained
    path.unlink()
    assert main(call) == 1
    assert "without its weights and without its answers; delete it to run it again" in one_line(capsys.readouterr().err)


def test_another_scale_or_background_in_the_same_folder_is_refused(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(finished), *SIZES, "--epochs", "2"]) == 1
    assert "holds experiments of another scale" in one_line(capsys.readouterr().err)
    video = finished.parent / "mouse.mp4"
    write_video(video)
    assert main(["--out", str(finished), *SIZES, "--background", str(video)]) == 1
    assert "holds experiments of another background" in one_line(capsys.readouterr().err)


def test_a_background_that_cannot_be_read_is_told_before_anything_is_begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path / "out"), *SIZES, "--background", str(tmp_path / "no.mp4")]) == 1
    assert "no.mp4: cannot be opened as a video" in one_line(capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_a_damaged_run_and_an_empty_folder_are_told_in_a_sentence(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--out", str(tmp_path), "--report-only"]) == 1
    assert "nothing to report; run `python -m studies.rectangles` first" in one_line(capsys.readouterr().err)
    shutil.copytree(finished, tmp_path / "copy")
    (tmp_path / "copy" / RUNS / "domain3-xy-seed0" / ANSWERS_FILE).write_bytes(b"PK\x03\x04")
    assert main(["--out", str(tmp_path / "copy"), "--report-only"]) == 1
    assert "delete its folder, and the run is made again" in one_line(capsys.readouterr().err)


def test_an_unknown_step_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--out", str(tmp_path), "--only", "circles"])
    assert ended.value.code == 2


def write_video(path: Path) -> None:
    """Five grey frames."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (32, 32))
    for number in range(5):
        writer.write(np.full((32, 32, 3), 40 * number, np.uint8))
    writer.release()


def one_line(shown: str) -> str:
    return " ".join(shown.split())


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "project.json").write_text("{}")
    assert main(["--out", str(tmp_path), "--only", "heads"]) == 1
    assert "is a folder of something else" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["project.json"]
