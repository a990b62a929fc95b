"""The timeline's files while they are edited, and what is opened beside them: nothing newer is overwritten, nothing wrong is taken."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.trainer.timeline_page import CLASSES, write_film
from trainer.errors import LabelError
from trainer.ethogram.bout_file import BoutFile, BoutLabels, LabelledBout, encode_bout_file
from trainer.ethogram.files import read_ethograms
from trainer.project.layer_lock import LayerLock
from trainer.timeline.bout_store import UNTOUCHED, BoutStore, Edit, check_name, remove_unfinished, revision
from trainer.timeline.labelled_videos import LabelledVideo, open_videos, pair
from trainer.timeline.person_agreement import agreement_of

FILM = LabelledVideo(name="film", title="film.mkv", path=Path("film.mkv"), tracks=None, frames=40, fps=25.0)


def store(folder: Path, annotator: str = "ann", *, exclusive: bool = True) -> BoutStore:
    return BoutStore(folder, annotator, [FILM], class_names=CLASSES, exclusive=exclusive)


def groom(first: int, end: int, *, name: str = "groom") -> BoutLabels:
    return BoutLabels(bouts=(LabelledBout(name=name, first=first, end=end),), judged={"groom": ((0, end),), "rear": ((0, end),)})


def edit(labels: BoutLabels, *, seen: str = UNTOUCHED) -> Edit:
    return Edit(video="film", revision=seen, label=labels)


def test_an_edit_is_a_whole_file_on_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    outcome = store(tmp_path).apply(edit(groom(3, 9)))
    assert outcome.saved
    one = read_ethograms(tmp_path / "film.ann.bouts.json").ethograms[0]
    assert one.of_class("groom").tolist() == [[3, 9]]
    assert (one.class_names, one.fps, one.frames) == (CLASSES, 25.0, 9)
    again = store(tmp_path)
    assert revision(again.labels("film")) == outcome.revision, "a revision outlives the server"


def test_an_edit_of_labels_that_changed_meanwhile_is_not_written(tmp_path: Path) -> None:
    mine = store(tmp_path)
    first = mine.apply(edit(groom(3, 9)))
    stale = mine.apply(edit(groom(20, 30)))
    assert not stale.saved
    assert stale.label == groom(3, 9)
    assert mine.apply(edit(groom(3, 9))).saved, "sent again because its acknowledgement was lost"
    assert mine.apply(edit(groom(20, 30), seen=first.revision)).saved


def test_a_file_that_another_program_replaced_is_seen_at_once(tmp_path: Path) -> None:
    mine = store(tmp_path)
    seen = mine.apply(edit(groom(3, 9))).revision
    other = store(tmp_path)
    assert other.apply(edit(groom(5, 9), seen=seen)).saved
    assert not mine.apply(edit(groom(7, 9), seen=seen)).saved
    assert mine.labels("film") == groom(5, 9)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "cannot be read"),
        (msgspec.json.encode({"video": "other", "revision": "none", "label": {}}), "no such video is open"),
        (msgspec.json.encode(edit(groom(30, 41))), "run past the video"),
        (msgspec.json.encode(edit(groom(3, 9, name="dig"))), "'dig' is no class"),
        (
            msgspec.json.encode(edit(BoutLabels(bouts=(*groom(3, 9).bouts, *groom(8, 12, name="rear").bouts)))),
            "groom and rear are both on in frame 8",
        ),
        (msgspec.json.encode(edit(groom(-5, 1, name="uncuratable"))), "a bout is called 'uncuratable'"),
        (msgspec.json.encode(edit(groom(10, 10**12, name="to decide"))), "a bout is called 'to decide'"),
    ],
    ids=["no JSON", "video", "past the end", "class", "both", "mark", "long mark"],
)
def test_an_edit_that_cannot_be_is_refused_in_one_sentence(tmp_path: Path, body: bytes, sentence: str) -> None:
    with pytest.raises(LabelError, match=sentence):
        store(tmp_path).read_edit(body)


def test_overlapping_classes_are_taken_where_that_was_said(tmp_path: Path) -> None:
    both = BoutLabels(bouts=(*groom(3, 9).bouts, *groom(8, 12, name="rear").bouts))
    loose = store(tmp_path, exclusive=False)
    assert loose.apply(loose.read_edit(msgspec.json.encode(edit(both)))).saved
    assert not store(tmp_path).exclusive, "a file whose classes overlap is not made exclusive by opening it"


def test_others_are_read_beside_and_never_those_of_another_video(tmp_path: Path) -> None:
    store(tmp_path, "bob").apply(edit(groom(4, 9)))
    (tmp_path / "film.2.eve.bouts.json").write_bytes(b"of the video film.2, and not even JSON")
    assert store(tmp_path).others("film") == {"bob": groom(4, 9)}
    with pytest.raises(LabelError, match="has a dot"):
        check_name("2.eve")


def test_labels_are_held_against_their_own_video_where_names_begin_alike(tmp_path: Path) -> None:
    films = [FILM, replace(FILM, name="film.2", frames=80), replace(FILM, name="film.ann", frames=20)]

    def opened() -> BoutStore:
        return BoutStore(tmp_path, "ann", films, class_names=CLASSES, exclusive=True)

    opened().apply(Edit(video="film.2", revision=UNTOUCHED, label=groom(50, 60)))
    opened().apply(Edit(video="film", revision=UNTOUCHED, label=groom(30, 40)))
    assert opened().labels("film.2") == groom(50, 60)
    assert opened().labels("film") == groom(30, 40), "which is not labels of film.ann"
    file = BoutFile(class_names=CLASSES, bouts=(LabelledBout(name="groom", first=50, end=81),))
    (tmp_path / "film.2.bob.bouts.json").write_bytes(encode_bout_file(file))
    with pytest.raises(LabelError, match=r"film\.2\.bob\.bouts\.json: .* has 80 frames"):
        opened()


def test_what_a_killed_server_left_half_written_goes_at_the_next_start(tmp_path: Path) -> None:
    mine, others = tmp_path / ".film.ann.bouts.json.7.0f.part", tmp_path / ".film.bob.bouts.json.7.0f.part"
    for part in (mine, others):
        part.touch()
    store(tmp_path).apply(edit(groom(3, 9)))
    remove_unfinished(tmp_path, "ann")
    assert not mine.exists()
    assert others.exists(), "bob's server may be writing it"
    assert store(tmp_path).labels("film") == groom(3, 9)


def test_an_edit_is_refused_once_the_folder_of_the_labels_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    with closing(LayerLock(folder, "ann", inside="")) as lock:
        mine = BoutStore(folder, "ann", [FILM], class_names=CLASSES, exclusive=True, lock=lock)
        folder.rename(tmp_path / "away")
        with pytest.raises(LabelError, match="was deleted or moved while it was in use; nothing was saved"):
            mine.apply(edit(groom(3, 9)))
        assert not folder.exists(), "a second server would find no lock in it"
        (tmp_path / "away").rename(folder)
        assert mine.apply(edit(groom(3, 9))).saved


def test_labels_longer_than_the_video_are_refused_with_the_file(tmp_path: Path) -> None:
    file = BoutFile(class_names=CLASSES, bouts=(LabelledBout(name="groom", first=50, end=60),))
    (tmp_path / "film.bob.bouts.json").write_bytes(encode_bout_file(file))
    with pytest.raises(LabelError, match=r"film\.bob\.bouts\.json: bouts of 'groom' from frame 50 .* has 40 frames"):
        store(tmp_path)


def test_agreement_is_that_of_the_frames_which_both_have_judged(tmp_path: Path) -> None:
    def file(labels: BoutLabels) -> BoutFile:
        return BoutFile(video="film", frames=40, fps=25.0, class_names=CLASSES, bouts=labels.bouts, judged=labels.judged)

    same = agreement_of([(file(groom(4, 9)), file(groom(4, 9)))])
    assert same is not None
    assert (same.frames, same.by_frame["groom"], same.by_frame["rear"]) == (9, 1.0, None)
    apart = agreement_of([(file(groom(4, 9)), file(groom(6, 9)))])
    assert apart is not None
    assert apart.by_frame["groom"] == pytest.approx((7 / 9 - (5 * 3 + 4 * 6) / 81) / (1 - (5 * 3 + 4 * 6) / 81))
    assert agreement_of([(file(groom(4, 9)), file(BoutLabels()))]) is None


def test_agreement_over_videos_is_of_all_of_them_on_the_classes_that_each_lists() -> None:
    def file(video: str, first: int, names: tuple[str, ...]) -> BoutFile:
        bouts = (LabelledBout(name="groom", first=first, end=first + 10),)
        return BoutFile(video=video, frames=40, fps=25.0, class_names=names, bouts=bouts, judged=dict.fromkeys(names, ((0, 40),)))

    monday = file("monday", 5, ("groom",)), file("monday", 5, ("groom",))  # before another class was added
    tuesday = file("tuesday", 5, ("groom", "rear")), file("tuesday", 25, ("groom", "rear"))
    both = agreement_of([monday, tuesday])
    assert both == agreement_of([tuesday, monday])
    assert both is not None
    assert both.frames == 80
    assert list(both.by_frame) == ["groom"]
    assert both.by_frame["groom"] == pytest.approx((60 / 80 - (20 * 20 + 60 * 60) / 6400) / (1 - (20 * 20 + 60 * 60) / 6400))


def test_poses_find_their_video_by_name_whatever_their_order(tmp_path: Path) -> None:
    videos = [tmp_path / "day.mp4", tmp_path / "day2.mp4"]
    poses = [tmp_path / "day2DLC_net.csv", tmp_path / "dayDLC_net.csv"]
    assert pair(videos, poses, what="files of poses") == poses[::-1]
    assert pair(videos, [tmp_path / "a.csv", tmp_path / "b.csv"], what="") == [tmp_path / "a.csv", tmp_path / "b.csv"]
    with pytest.raises(LabelError, match="2 videos and 1 files of poses"):
        pair(videos, poses[:1], what="files of poses")


def test_poses_of_another_length_than_their_video_are_refused(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mkv")
    np.save(tmp_path / "film.npy", np.zeros((39, 1, 2, 3), np.float32))
    with pytest.raises(LabelError, match=r"film\.npy: holds poses of 39 frames, film\.mkv has 40"):
        open_videos([film], [tmp_path / "film.npy"], fps=None, say=lambda _: None)


def test_two_videos_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    films = [write_film(tmp_path / "film.mkv", frames=2), write_film(tmp_path / "b" / "film.mkv", frames=2)]
    with pytest.raises(LabelError, match="two videos are called film"):
        open_videos(films, [], fps=None, say=lambda _: None)
