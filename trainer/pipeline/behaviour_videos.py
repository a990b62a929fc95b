"""The videos of a table as a behaviour bundle takes them, which of them it has not learnt from, and what its reference says of them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tracker.bundle import Bundle
from trainer.behaviour.boosted_trees import DamagedTreesError, missing_library
from trainer.behaviour.division import BY_BLOCK
from trainer.behaviour.frame_choice import FrameChoice, chosen
from trainer.behaviour.reference import REFERENCE_FILE, Reference, answers_of, read_reference
from trainer.behaviour.video_table import PoseVideo, PoseVideos, read_videos
from trainer.behaviour.video_table import blocks_of as blocks_of_poses
from trainer.behaviour_scores.scored_video import ScoredVideo
from trainer.errors import TrainingError
from trainer.ethogram.class_words import WORDS_FILE, read_class_words
from trainer.ethogram.read_options import ReadOptions
from trainer.image_behaviour.classes_asked import ClassesAsked
from trainer.image_behaviour.image_reference import ImageReference, answers_to_images, read_image_reference
from trainer.image_behaviour.image_videos import ImageVideo, ImageVideos, in_parts
from trainer.image_behaviour.image_videos import blocks_of as blocks_of_images
from trainer.image_behaviour.read_images import read_image_videos
from trainer.image_behaviour.region import plan_of


def behaviour_videos(
    bundle: Bundle, table: Path, asked: ReadOptions, left_out: tuple[str, ...], choice: FrameChoice | None, *, with_poses: bool = False
) -> PoseVideos | ImageVideos:
    """The videos of a table as a bundle takes them: poses, or images cut as its region says.

    Args:
        bundle: that finds behaviour.
        table: of videos.
        asked: what label files do not say.
        left_out: classes whose frames count as judged by nobody.
        choice: which frames go to the network.
        with_poses: read poses beside images, for rules.

    Raises:
        LabelError, TrainingError: in one sentence; a bundle of key points, or other poses than it takes.
    """
    about = bundle.description
    if about.behaviour is None:
        raise TrainingError(f"{bundle.folder}: finds key points; expected a bundle that finds behaviour")
    region = plan_of(about)
    if region is not None:
        if not asked.class_words and (bundle.folder / WORDS_FILE).is_file():
            asked = replace(asked, class_words=read_class_words(bundle.folder / WORDS_FILE))
        classes = ClassesAsked(left_out=left_out, known=about.class_names)
        return in_parts(read_image_videos(table, region, asked=asked, classes=classes, choice=choice, with_poses=with_poses))
    videos = read_videos(table, asked=asked, left_out=left_out, known=about.class_names)
    poses = videos.videos[0].poses
    if videos.point_names != about.point_names or poses.shape[1] != about.input.shape[1]:
        raise TrainingError(
            f"{table}: has {poses.shape[1]} animals with the points {', '.join(videos.point_names)}; {bundle.folder} takes "
            f"{about.input.shape[1]} with {', '.join(about.point_names)}"
        )
    return chosen(videos, choice)


def not_learnt(bundle: Bundle, videos: PoseVideos | ImageVideos) -> tuple[list[PoseVideo | ImageVideo], list[str]]:
    """The videos whose poses or images the bundle has not seen, and what must be known beside."""
    seen = bundle.description.behaviour.seen if bundle.description.behaviour is not None else ()
    every: list[PoseVideo | ImageVideo] = list(videos.videos)
    if bundle.description.training.split.startswith(BY_BLOCK):
        every = [block for video in every for block in _in_its_blocks(video, seen)]
    fresh = [video for video in every if video.taken_sha256 not in seen]
    if len(fresh) == len(every):
        return fresh, []
    what = "videos" if len(every) == len(videos.videos) else "videos or blocks"
    return fresh, [f"{len(every) - len(fresh)} of {len(every)} {what} are those it was made with, and are left out"]


def reference_of(bundle: Bundle, judged: Sequence[PoseVideo | ImageVideo]) -> tuple[list[ScoredVideo] | None, list[str]]:
    """What the trees beside a bundle say of the videos; or why they say nothing.

    Raises:
        TrainingError: they are damaged, or of other classes.
    """
    from_images = plan_of(bundle.description) is not None
    reference = read_image_reference(bundle.folder) if from_images else read_reference(bundle.folder)
    if reference is None:
        return None, []
    absent = missing_library()
    if absent is not None:
        return None, [absent]
    if reference.class_names != bundle.description.class_names:
        raise TrainingError(f"{bundle.folder / REFERENCE_FILE}: is of other classes than the bundle; delete it, or make the bundle again")
    try:
        if isinstance(reference, ImageReference):
            return answers_to_images(reference, [video for video in judged if isinstance(video, ImageVideo)]), []
        _refuse_other_poses(reference, bundle)
        return answers_of(reference, [video for video in judged if isinstance(video, PoseVideo)]), []
    except DamagedTreesError as problem:
        raise TrainingError(f"{bundle.folder / REFERENCE_FILE}: {problem}; delete it, or make the bundle again") from problem


def _refuse_other_poses(reference: Reference, bundle: Bundle) -> None:
    """DamagedTreesError: trees take other poses than the bundle, or answer at another time."""
    about, body = bundle.description, reference.body
    delay_ms = about.behaviour.delay_ms if about.behaviour is not None else 0.0
    _, animals, points, *_ = about.input.shape
    if (body.animals, body.points) != (animals, points):
        raise DamagedTreesError(f"it is of {body.animals} animals with {body.points} points, the bundle of {animals} with {points}")
    if reference.delay_ms != delay_ms:
        raise DamagedTreesError(f"it answers {reference.delay_ms:g} ms after a frame, the bundle {delay_ms:g} ms")


def _in_its_blocks(video: PoseVideo | ImageVideo, seen: Sequence[str]) -> Sequence[PoseVideo | ImageVideo]:
    """The blocks of a video of which a bundle has seen some; any other video as it is."""
    blocks = blocks_of_images(video) if isinstance(video, ImageVideo) else blocks_of_poses(video)
    return blocks if any(block.taken_sha256 in seen for block in blocks) else [video]
