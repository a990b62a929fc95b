"""A labelled class called "none": what exclusive classes leave over has that name already."""

from dataclasses import replace

from trainer.behaviour.video_table import PoseVideo, PoseVideos
from trainer.errors import TrainingError
from trainer.ethogram.bouts import YES

NONE = "none"


def without_none(videos: PoseVideos) -> PoseVideos:
    """The same without a class "none", however it is spelt in capitals: its frames are those in which no other class is on.

    Raises:
        TrainingError: there is no other class, or frames are "none" and something else.
    """
    place = next((place for place, name in enumerate(videos.class_names) if name.casefold() == NONE), None)
    if place is None:
        return videos
    name = videos.class_names[place]
    if len(videos.class_names) == 1:
        raise TrainingError(f"the only class is '{name}', which says that no class is on; label another, or name it otherwise")
    for video in videos.videos:
        on = video.marks == YES
        both = on[:, place] & (on.sum(axis=1) > 1)
        if both.any():
            raise TrainingError(
                f"{video.name}: {int(both.sum())} frames, the first of them {int(both.argmax())}, are '{name}' and another class as well; "
                f"correct them, or choose the classes with --classes"
            )
    if not videos.exclusive:
        note = f"the class '{name}' is left out: of classes that overlap, none is on where each is off"
    else:
        note = f"the class '{name}' is taken as what exclusive classes leave over: no class is on"
    kept = tuple(each for each in videos.class_names if each != name)
    return replace(
        videos, class_names=kept, videos=tuple(_without(video, place, kept) for video in videos.videos), notes=(*videos.notes, note)
    )


def _without(video: PoseVideo, place: int, kept: tuple[str, ...]) -> PoseVideo:
    columns = [column for column in range(video.marks.shape[1]) if column != place]
    people = {name: marks[:, columns] for name, marks in video.people.items()}
    labels = replace(video.labels, class_names=kept, bouts=tuple(bout for bout in video.labels.bouts if bout.name in kept))
    unjudged = tuple(name for name in video.unjudged if name in kept)
    return replace(video, marks=video.marks[:, columns], labels=labels, people=people, unjudged=unjudged)
