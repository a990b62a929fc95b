"""What a person decides about a model's bouts is what the next training learns from: offers, edits, the file, marks, hard negatives."""

import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from tests.tracker.small_classifier import write_classifier
from tests.tracker.test_analyse import analyse_now
from tests.tracker.test_analyse_images import FRAMES as FRAMES_OF_VIDEO
from tests.tracker.test_analyse_images import asked, blinking, config_file
from tests.tracker.videos import write_video
from tracker.bundle import read_bundle
from trainer.behaviour.false_bouts import false_bouts
from trainer.behaviour.video_table import read_videos
from trainer.ethogram.bout_file import BoutLabels, LabelledBout
from trainer.ethogram.bouts import NO, YES
from trainer.ethogram.read_options import ReadOptions
from trainer.timeline.bout_store import BoutStore, Edit, revision
from trainer.timeline.labelled_videos import open_videos
from trainer.timeline.model_answers import read_tables, run_bundles
from trainer.timeline.offers import Offer, rank_offers

FRAMES = 300
STAYS = ((20, 40), (100, 130), (200, 210))  # right of 50 px: there the bundle says `right`


def write_poses(folder: Path) -> Path:
    poses = np.ones((FRAMES, 1, 2, 3), np.float32)
    for first, end in STAYS:
        poses[first:end, 0, 0, 0] = 80
    np.save(folder / "monday.npy", poses)
    return folder / "monday.npy"


def decide(store: BoutStore, offer: Offer, *, accepted: bool) -> None:
    """As the page does: the offer's frames are judged, and hold a bout where it was accepted."""
    before = store.labels(offer.video)
    labels = before or BoutLabels()
    bouts = (*labels.bouts, LabelledBout(name=offer.name, first=offer.first, end=offer.end)) if accepted else labels.bouts
    judged = {offer.name: tuple(sorted((*labels.judged.get(offer.name, ()), (offer.first, offer.end))))}
    after = msgspec.structs.replace(labels, bouts=tuple(sorted(bouts, key=lambda bout: bout.first)), judged={**labels.judged, **judged})
    edit = Edit(video=offer.video, revision=revision(before), label=after)
    assert store.apply(store.read_edit(msgspec.json.encode(edit))).saved


def test_accepted_and_rejected_bouts_of_a_model_are_learnt_from_and_its_errors_are_hard_negatives(tmp_path: Path) -> None:
    bundle = write_classifier(tmp_path / "earlier", points=("point0", "point1"), longest_gap_s=60.0, classes=("right", "other"))
    videos = open_videos([], [write_poses(tmp_path)], fps=30.0, say=lambda _: None)
    offers = [offer for offer in rank_offers(run_bundles([bundle], videos, say=lambda _: None)) if offer.name == "right"]
    assert sorted((offer.first, offer.end) for offer in offers) == list(STAYS)

    store = BoutStore(tmp_path, "anna", videos, class_names=("right",), exclusive=True)
    by_first = {offer.first: offer for offer in offers}
    decide(store, by_first[20], accepted=True)
    decide(store, by_first[100], accepted=False)
    decide(store, replace(by_first[200], first=195), accepted=True)  # its edge was moved

    (tmp_path / "videos.csv").write_text("poses,labels\nmonday.npy,monday.anna.bouts.json\n")
    (video,) = read_videos(tmp_path / "videos.csv", asked=ReadOptions()).videos
    marks = video.marks[:, 0]
    assert np.flatnonzero(marks == YES).tolist() == [*range(20, 40), *range(195, 210)]
    assert np.flatnonzero(marks == NO).tolist() == [*range(100, 130)]
    (wrong,) = false_bouts(read_bundle(bundle), [video], ("right",), say=lambda _: None)
    assert wrong.tolist() == [[100, 130]]


def test_the_scores_of_an_analysed_video_are_offered_as_those_of_a_table_are(tmp_path: Path) -> None:
    """A classifier of images, whose bundle the timeline cannot run itself."""
    video = write_video(tmp_path / "monday.mp4", FRAMES_OF_VIDEO, image=blinking, bf="2")
    config_file(tmp_path, video)
    about = shutil.copytree(tmp_path / "look", tmp_path / "late") / "bundle.json"
    about.write_text(about.read_text(encoding="utf-8").replace('"delay_ms": 0.0', '"delay_ms": 80.0'), encoding="utf-8")
    analyse_now(*asked(tmp_path, video, {"name": "late", "bundle": str(tmp_path / "late")}))  # its session goes into the folder `out`
    videos = open_videos([video], [], fps=None, say=lambda _: None)

    answers = read_tables([tmp_path / "out"], videos, exclusive=False, say=lambda _: None)["monday"]

    assert [(one.model, one.class_names, len(one.probabilities)) for one in answers] == [
        ("look", ("red", "moved"), FRAMES_OF_VIDEO),
        ("part", ("red", "moved"), FRAMES_OF_VIDEO),
        ("late", ("red", "moved"), FRAMES_OF_VIDEO),
    ]
    at_once, late = answers[0].probabilities, answers[2].probabilities
    np.testing.assert_array_equal(late[:-2], at_once[2:])  # 80 ms are two frames: an answer stands at the frame that it is of
    assert np.isnan(late[-2:]).all()
    assert np.isnan(answers[0].probabilities[:3]).all()  # it warms up
    assert (answers[0].said == (answers[0].probabilities > 0.5)).all()
    assert any(offer.name == "red" for offer in rank_offers({"monday": answers[:1]}))
