"""From videos to a labelling project: look at every frame once, choose, copy what was chosen, write a contact sheet."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, nullcontext
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from tracker.bundle import Bundle
from tracker.engines.engine import Engine
from tracker.frame import Image
from trainer.errors import TrainingError
from trainer.labels.images import read_image
from trainer.project.store import Project
from trainer.project.video_places import remember_videos
from trainer.scoring.engine_choice import EngineChoice, open_chosen
from trainer.selection import uncertainty
from trainer.selection.candidates import LIMIT, Candidates, Span, gather
from trainer.selection.contact_sheet import Tile, write_contact_sheet
from trainer.selection.duplicates import Known, Sieve, alike_below
from trainer.selection.engine_answers import AnswerCollector
from trainer.selection.exact_frames import read_exactly
from trainer.selection.methods import at_random, by_k_means, by_motion, by_time
from trainer.selection.outcome import Chosen, Selection, SelectionSettings
from trainer.selection.preference import Preference, choose
from trainer.selection.thumbnail import Grey, check_region, image_thumbnail
from trainer.selection.uncertainty import by_uncertainty
from trainer.video_files.reader import VideoReader

_T = TypeVar("_T")

COMPARED = 3  # frames of the project, by which another video of the same name is told


def check_videos(videos: Sequence[Path], *, span: Span) -> None:
    """Refuse in time what would be found out only after minutes.

    Raises:
        TrainingError: not a video, two of one name, a region outside.
    """
    names: dict[str, Path] = {}
    for video in videos:
        if video.name in names:
            raise TrainingError(f"{names[video.name]} and {video} have one name, by which a project tells videos apart; rename one of them")
        names[video.name] = video
        with VideoReader(video) as reader:
            check_region(span.region, reader.size, where=str(video))


class Selector:
    """Chooses from one video after the other into one project. A context manager, which holds the engine open."""

    def __init__(
        self,
        project: Project,
        settings: SelectionSettings,
        *,
        bundle: Bundle | None = None,
        engine: EngineChoice | None = None,
        console: Console | None = None,
    ) -> None:
        """Open the engine where its uncertainty decides.

        Raises:
            TrainingError: uncertainty without a bundle.
            RigtrackError: the engine cannot be opened.
        """
        self._project = project
        self._settings = settings
        self._console = console
        self._thumbnails: dict[str, Grey] = {}
        self._opened = ExitStack()
        self._engine: tuple[Bundle, Engine] | None = None
        if settings.by == "uncertainty":
            if bundle is None or engine is None:
                raise TrainingError("to choose by uncertainty, an engine must see the frames; give its --bundle")
            self._engine = (bundle, self._opened.enter_context(closing(open_chosen(bundle, engine, console=console))))

    def select(self, video: Path) -> Selection:
        """Choose from one video and add to the project.

        Raises:
            TrainingError: the video cannot be read to the end of the span, changes size, or has no frame in it.
            ProjectError: the project has frames of another video under that name, or cannot be written.
        """
        collector = AnswerCollector(*self._engine) if self._engine is not None else None
        candidates = gather(video, self._settings.span, examine=collector.examine if collector is not None else None, console=self._console)
        known = self._known(video, candidates.thumbnails.shape[1])
        self._refuse_other_video(video, known.numbers, candidates)
        alike = None if self._settings.similar else alike_below(candidates)
        sieve = Sieve(candidates, known, count=self._settings.count, alike=alike)
        with self._console.status("choosing") if self._console is not None else nullcontext():
            preference = self._preference(candidates, sieve.open(), collector)
            indices = sorted(choose(preference, sieve, self._settings.count))
        chosen = tuple(_chosen(candidates, preference, index) for index in indices)
        self._add(video, chosen, candidates)
        return Selection(
            video=video,
            settings=self._settings,
            frames=len(candidates.stamps),
            candidates=len(candidates),
            step=candidates.step,
            alike=alike,
            left_out=sieve.left_out(),
            chosen=chosen,
            sheet=self._draw(video, chosen) if chosen else None,
        )

    def __enter__(self) -> "Selector":
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def _preference(self, candidates: Candidates, open_: NDArray[np.int64], collector: AnswerCollector | None) -> Preference:
        settings = self._settings
        if collector is not None:
            answers = [collector.by_number[number] for number in candidates.numbers.tolist()]
            return by_uncertainty(candidates, open_, answers=answers, point_names=collector.point_names, count=settings.count)
        if settings.by == "k-means":
            return by_k_means(candidates, open_, count=settings.count, seed=settings.seed)
        if settings.by == "uniform":
            return by_time(candidates, open_, count=settings.count)
        if settings.by == "random":
            return at_random(open_, seed=settings.seed)
        return by_motion(candidates, open_, count=settings.count)

    def _known(self, video: Path, pixels: int) -> Known:
        unseen = [frame.image for frame in self._project.frames if frame.image not in self._thumbnails]
        for name in self._progress(unseen, "looking at the project", total=len(unseen)):
            image = read_image(self._project.image_ref(name), self._project.image_size(name))
            region = self._settings.span.region
            # of a video of another size, in which the region may not lie: there is nothing to compare
            shown = region is None or (region.x + region.width <= image.shape[1] and region.y + region.height <= image.shape[0])
            self._thumbnails[name] = image_thumbnail(image, region) if shown else np.empty(0, np.float32)
        numbers = [frame.frame for frame in self._project.frames if frame.group == self._group(video)]
        alike = [each for each in self._thumbnails.values() if each.size == pixels]
        return Known(numbers=np.array(numbers, np.int64), thumbnails=np.stack(alike) if alike else np.empty((0, pixels), np.float32))

    def _refuse_other_video(self, video: Path, numbers: NDArray[np.int64], candidates: Candidates) -> None:
        """Two videos may have one name in two folders; the project compares pictures of frames that it has already."""
        read = len(candidates.stamps)
        if candidates.whole and (beyond := numbers[numbers >= read]).size:
            raise TrainingError(
                f"{self._project.folder}: has frame {beyond.min()} of {video.name}, but {video} has {read} frames; is it another video "
                "of the same name? rename one of the two"
            )
        some = numbers[numbers < read][:COMPARED].tolist()
        self._project.add_frames(video, self._read(video, some, candidates), why="")

    def _add(self, video: Path, chosen: Sequence[Chosen], candidates: Candidates) -> None:
        reasons: dict[str, list[int]] = {}
        for each in chosen:
            reasons.setdefault(each.why, []).append(each.frame)
        for why, numbers in reasons.items():
            copied = self._progress(self._read(video, numbers, candidates), "copying", total=len(numbers))
            self._project.add_frames(video, copied, why=why)
        if chosen:
            remember_videos(self._project.folder, {self._group(video): video})

    def _group(self, video: Path) -> str:
        """The folder that a video's frames have in the project."""
        return PurePosixPath(self._project.image_of(video.name, 0)).parent.name

    def _progress(self, steps: Iterable[_T], description: str, *, total: int) -> Iterable[_T]:
        return track(steps, description=description, total=total, console=self._console) if self._console is not None and total else steps

    def _read(self, video: Path, numbers: Sequence[int], candidates: Candidates) -> Iterator[tuple[int, Image]]:
        return read_exactly(video, numbers, candidates=candidates, region=self._settings.span.region)

    def _draw(self, video: Path, chosen: Sequence[Chosen]) -> Path:
        path = self._project.folder / f"contact-{self._group(video)}-{self._settings.by}.png"
        tiles = [
            Tile(
                image=self._project.image_ref(self._project.image_of(video.name, each.frame)).path,
                lines=(f"frame {each.frame}   {each.seconds:.2f} s", each.why, *each.detail.split(", ")),
            )
            for each in chosen
        ]
        write_contact_sheet(path, tiles, title=f"{video.name}: {len(chosen)} frames by {self._settings.by}")
        return path


def _chosen(candidates: Candidates, preference: Preference, index: int) -> Chosen:
    reason = preference.reason(index)
    return Chosen(frame=int(candidates.numbers[index]), seconds=float(candidates.seconds[index]), why=reason.why, detail=reason.detail)


def most_candidates(by: str) -> int:
    """How many frames of a video are looked at by one method."""
    return uncertainty.LIMIT if by == "uncertainty" else LIMIT
