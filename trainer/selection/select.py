"""From videos and sessions to a labelling project: look at frames, choose, copy what was chosen, write a contact sheet."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from tracker.bundle import Bundle
from tracker.engines.engine import Engine
from tracker.frame import Image
from tracker.recording.session_messages import session_setups
from tracker.resemblance import unlike_learnt
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
from trainer.selection.harvest import Harvest, add_to_project, image_in, known_points, look, pools, propose, refuse_other_session
from trainer.selection.methods import at_random, by_k_means, by_motion, by_time
from trainer.selection.outcome import Chosen, Selection, SelectionSettings
from trainer.selection.preference import Preference, choose
from trainer.selection.recorded_poses import recorded_poses
from trainer.selection.session_videos import SessionVideos, is_session
from trainer.selection.thumbnail import Grey, check_region, image_thumbnail
from trainer.selection.uncertainty import by_signs, by_uncertainty
from trainer.video_files.reader import VideoReader

_T = TypeVar("_T")

COMPARED = 3  # frames of the project, by which another video of the same name is told


def check_videos(videos: Sequence[Path], *, span: Span, by_poses: bool = False) -> None:
    """Refuse in time what would be found out only after minutes.

    Args:
        videos: files, and folders of sessions.
        span: what of them is looked at.
        by_poses: whether the poses that sessions hold decide.

    Raises:
        RecordingError: a session that is damaged or not whole.
        TrainingError: not a video, two of one name, a region outside, or a session without poses where they decide.
    """
    names: dict[str, Path] = {}
    for video in videos:
        name = video.resolve().name if is_session(video) else video.name
        if name in names:
            raise TrainingError(f"{names[name]} and {video} have one name, by which a project tells videos apart; rename one of them")
        names[name] = video
        if video.is_dir() and not is_session(video):
            raise TrainingError(f"{video}: is a folder without session.json; give a video, or the folder of a recorded session")
        if is_session(video):
            session = SessionVideos(video).session
            form = session.description.video
            check_region(span.region, (form.height, form.width), where=str(video))
            if by_poses and not any(setup.point_names for setup in session_setups(session).values()):
                raise TrainingError(
                    f"{video}: holds no key points of a network, so nothing says where one was unsure; choose with another "
                    "--by, or give the --bundle that is to judge it"
                )
        else:
            with VideoReader(video) as reader:
                check_region(span.region, reader.size, where=str(video))


@dataclass(frozen=True, slots=True, kw_only=True)
class _FromPool:
    """What came of one pool of a session's frames, by their place in the session."""

    chosen: tuple[Chosen, ...]
    looked_at: int
    left_out: dict[str, int]
    alike: float | None


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
            RigtrackError: the engine cannot be opened.
        """
        self._project = project
        self._settings = settings
        self._console = console
        self._thumbnails: dict[str, Grey] = {}
        self._opened = ExitStack()
        self._engine: tuple[Bundle, Engine] | None = None
        if bundle is not None and engine is not None:
            self._engine = (bundle, self._opened.enter_context(closing(open_chosen(bundle, engine, console=console))))

    def select(self, video: Path) -> Selection:
        """Choose from one video and add to the project.

        Raises:
            TrainingError: the video cannot be read to the end of the span, changes size, or has no frame in it.
            ProjectError: the project has frames of another video under that name, or cannot be written.
        """
        if self._settings.by == "uncertainty" and self._engine is None:
            raise TrainingError(f"{video}: to choose by uncertainty, an engine must see the frames of a video; give its --bundle")
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
            sheet=self._draw(self._group(video), video.name, [(self._project.image_of(video.name, each.frame), each) for each in chosen])
            if chosen
            else None,
            unlike=unlike_learnt(self._engine[0].description, collector.appearances) if collector is not None and self._engine else None,
        )

    def select_session(self, folder: Path) -> Selection:
        """Choose from a recorded session and add to the project, with the rig's key points as proposals.

        By uncertainty and without a bundle, the poses that the rig published decide, and only frames that they single out are decoded.

        Raises:
            RecordingError: the session is damaged, not whole, or being recorded.
            TrainingError: no frame in the span, or no pose of a point that the project labels.
            LabelError: a video of it is missing or damaged, or the project has frames of another session under that name.
        """
        videos, settings = SessionVideos(folder), self._settings
        poses, unlabelled = known_points(self._project, videos, recorded_poses(videos.session))
        refuse_other_session(self._project, videos, videos.places_in(self._project))
        by_poses = settings.by == "uncertainty" and self._engine is None
        found = [self._of_pool(videos, pool, by_poses=by_poses) for pool in pools(videos, poses, settings, by_poses=by_poses)]
        taken = sorted((each for one in found for each in one.chosen), key=lambda each: each.frame)
        # all that the project has of the session: a run that was cut off may have left frames without their proposal
        proposed = propose(self._project, videos, poses, videos.places_in(self._project).tolist())
        images = [image_in(self._project, videos, each.frame) for each in taken]
        looked_at = sum(one.looked_at for one in found)
        named = tuple(_in_its_video(videos, each) for each in taken)
        return Selection(
            video=folder,
            settings=settings,
            frames=len(videos),
            candidates=looked_at,
            step=0 if by_poses else max(1, len(videos) // max(1, looked_at)),
            alike=max((one.alike for one in found if one.alike is not None), default=None),
            left_out={reason: sum(one.left_out[reason] for one in found) for reason in (found[0].left_out if found else ())},
            chosen=named,
            sheet=self._draw(videos.name, videos.name, list(zip(images, named, strict=True))) if named else None,
            proposed=len(proposed.intersection(images)),
            unlabelled=tuple(unlabelled),
        )

    def _of_pool(self, videos: SessionVideos, pool: Harvest, *, by_poses: bool) -> "_FromPool":
        """Look at the frames of a pool, choose among them and copy what was chosen."""
        collector = AnswerCollector(*self._engine) if self._engine is not None else None
        examine = collector.examine if collector is not None else None
        candidates = look(videos, pool, self._settings.span, examine=examine, console=self._console)
        known = Known(numbers=videos.places_in(self._project), thumbnails=self._looks(candidates.thumbnails.shape[1]))
        alike = None if self._settings.similar else alike_below(candidates)
        sieve = Sieve(candidates, known, count=pool.count, alike=alike)
        preference = (
            by_signs(candidates, sieve.open(), signs=pool.signs, count=pool.count)
            if by_poses
            else self._preference(candidates, sieve.open(), collector)
        )
        chosen = tuple(_chosen(candidates, preference, index) for index in choose(preference, sieve, pool.count))
        add_to_project(self._project, videos, [(each.frame, each.why) for each in chosen])
        return _FromPool(chosen=chosen, looked_at=len(candidates), left_out=sieve.left_out(), alike=alike)

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
        numbers = [frame.frame for frame in self._project.frames if frame.group == self._group(video)]
        return Known(numbers=np.array(numbers, np.int64), thumbnails=self._looks(pixels))

    def _looks(self, pixels: int) -> Grey:
        """Thumbnails of the project's frames, float32 (m, pixels)."""
        unseen = [frame.image for frame in self._project.frames if frame.image not in self._thumbnails]
        for name in self._progress(unseen, "looking at the project", total=len(unseen)):
            image = read_image(self._project.image_ref(name), self._project.image_size(name))
            region = self._settings.span.region
            # of a video of another size, in which the region may not lie: there is nothing to compare
            shown = region is None or (region.x + region.width <= image.shape[1] and region.y + region.height <= image.shape[0])
            self._thumbnails[name] = image_thumbnail(image, region) if shown else np.empty(0, np.float32)
        alike = [each for each in self._thumbnails.values() if each.size == pixels]
        return np.stack(alike) if alike else np.empty((0, pixels), np.float32)

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

    def _draw(self, group: str, name: str, chosen: Sequence[tuple[str, Chosen]]) -> Path:
        """The contact sheet of pictures in the project."""
        path = self._project.folder / f"contact-{group}-{self._settings.by}.png"
        tiles = [
            Tile(
                image=self._project.image_ref(image).path,
                lines=(f"{each.video}   frame {each.frame}   {each.seconds:.2f} s".strip(), each.why, *each.detail.split(", ")),
            )
            for image, each in chosen
        ]
        write_contact_sheet(path, tiles, title=f"{name}: {len(chosen)} frames by {self._settings.by}")
        return path


def _in_its_video(videos: SessionVideos, chosen: Chosen) -> Chosen:
    """The same by its number in its own video file."""
    segment = videos.segment_of(chosen.frame)
    return replace(chosen, frame=chosen.frame - segment.first, video=segment.path.name)


def _chosen(candidates: Candidates, preference: Preference, index: int) -> Chosen:
    reason = preference.reason(index)
    return Chosen(frame=int(candidates.numbers[index]), seconds=float(candidates.seconds[index]), why=reason.why, detail=reason.detail)


def most_candidates(by: str) -> int:
    """How many frames of a video are looked at by one method."""
    return uncertainty.LIMIT if by == "uncertainty" else LIMIT
