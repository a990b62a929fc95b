"""What a refresh keeps of the bundle in use where nothing else is asked for, so that confidence means what it meant; and how it is said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import msgspec

from tracker.bundle import Bundle
from tracker.bundle_description import distance_words
from tracker.whole_files import write_whole
from trainer.scoring.correct_radius import Judging, stated_radii
from trainer.scoring.training_record import target_as_trained
from trainer.training.augment import FLIP, AugmentSettings
from trainer.training.augment_file import named_in
from trainer.training.augmentation_choice import AS_ASKED, as_before
from trainer.training.checkpoint import load_network
from trainer.training.fit_settings import FitSettings
from trainer.training.training_options import augment_file_of

AUGMENT_FILE = "augment.yaml"  # in the folder of a run, for commands that go on with what was kept
_WITH_OPTIONS = ("flip", "rotation_deg", "pairs", "two_views")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptOnRefresh:
    """What holds in a refresh.

    Attributes:
        judging: how near counts as right, and what error the task can do with.
        radii_from: where the distances are from, in words; None where they are measured in the labels or all asked for.
        settings: of the training.
        mirrored_as: why images are mirrored where the labels would not have it.
        sentences: what is kept, and what is not as it was in the bundle in use.
    """

    judging: Judging
    radii_from: str | None
    settings: FitSettings
    mirrored_as: str
    sentences: tuple[str, ...]


def kept_on_refresh(
    in_use: Bundle, *, judging: Judging, settings: FitSettings, checkpoint: Path, augment_file: Path | None
) -> KeptOnRefresh:
    """Fill what was not asked for with what the bundle in use was trained with and is judged by.

    Args:
        in_use: the bundle.
        judging: as asked for.
        settings: of the training, as asked for.
        checkpoint: of the bundle's training.
        augment_file: where some of the augmentation was read from.

    Raises:
        TrainingError: the file or the checkpoint cannot be read.
    """
    earlier = as_before(AugmentSettings(), in_use.description.training.augmentation, rest=_augmentation_of(checkpoint))
    named = named_in(augment_file) if augment_file is not None else ()
    augment = as_before(settings.augment, None, rest=earlier, asked=named)
    target = target_as_trained(in_use.folder)
    within, source = _within(in_use, judging.correct_within)
    return KeptOnRefresh(
        judging=Judging(correct_within=within, target_px=target if judging.target_px is None else judging.target_px),
        radii_from=source,
        settings=replace(settings, augment=augment),
        mirrored_as=f"as in {in_use.folder.name}" if settings.augment.flip is None else AS_ASKED,
        sentences=(
            *_of_what_is_kept(in_use, judging, target),
            *_of_what_is_not(in_use, judging, target, augmentation=_differences(augment, earlier)),
        ),
    )


def kept_augment_file(settings: AugmentSettings, run: Path) -> Path | None:
    """Where a run keeps the augmentation that it was asked for; None where options say all of it."""
    usual = AugmentSettings(**{name: getattr(settings, name) for name in _WITH_OPTIONS})
    return None if settings == usual and settings.flip in (None, 0.0, FLIP) else run / AUGMENT_FILE


def write_augment_file(settings: AugmentSettings, run: Path) -> None:
    """Write that file, where there is one.

    Raises:
        OSError: the disk refuses.
    """
    if (path := kept_augment_file(settings, run)) is not None:
        write_whole(path, augment_file_of(settings))


def _within(in_use: Bundle, asked: Mapping[str, float]) -> tuple[Mapping[str, float], str | None]:
    """The distances that count as right, by point, and where they are from: those of the bundle in use where no others are asked for."""
    stated, name, names = stated_radii(in_use), in_use.folder.name, in_use.description.point_names
    if stated is None or "" in asked or set(asked) >= set(names):
        return asked, None
    within = {**dict(zip(names, stated.px, strict=True)), **asked}
    if asked:
        return within, f"as given, else kept from {name}"
    return {"": stated.px[0]} if len(set(stated.px)) == 1 else within, f"kept from {name}"


def _of_what_is_kept(in_use: Bundle, judging: Judging, target: float | None) -> list[str]:
    stated, name = stated_radii(in_use), in_use.folder.name
    kept = ["training images are changed as in its training (--augment and its options)"]
    if target is not None and judging.target_px is None:
        kept.insert(0, f"the task can do with {target:g} px (--target-px)")
    if stated is not None and not judging.correct_within:
        kept.insert(0, f"confidence means within {distance_words(stated.px)} of the label (--correct-within)")
    said = [f"kept from {name} where no option asks for anything else: {'; '.join(kept)}"]
    if stated is None and not judging.correct_within:
        said.append(
            f"{name} does not say within which distance of the label its confidence is meant: it is measured in these labels, so look at "
            "the thresholds that rules compare confidence with"
        )
    return said


def _of_what_is_not(in_use: Bundle, judging: Judging, target: float | None, *, augmentation: Sequence[str]) -> list[str]:
    stated, names, asked = stated_radii(in_use), in_use.description.point_names, judging.correct_within
    other = list(augmentation)
    if judging.target_px is not None and judging.target_px != target:
        other.insert(0, f"the task can do with {judging.target_px:g} px" + ("" if target is None else f" instead of {target:g} px"))
    if stated is not None and asked:
        px = tuple(asked.get(one, asked.get("", old)) for one, old in zip(names, stated.px, strict=True))
        if px != stated.px:
            means = f"confidence means within {distance_words(px)} of the label instead of {distance_words(stated.px)}"
            other.insert(0, f"{means}, so look at the thresholds that rules compare it with")
    return [f"not as in {in_use.folder.name}, as asked for: {'; '.join(other)}"] if other else []


def _differences(asked: AugmentSettings, before: AugmentSettings) -> list[str]:
    """By the names of the file; pairs that were known before are none that were not."""
    known = {frozenset(pair) for pair in asked.pairs or ()} <= {frozenset(pair) for pair in before.pairs or ()}
    names = [field.name for field in fields(asked) if not (field.name == "pairs" and known)]
    values = [(name, getattr(asked, name), getattr(before, name)) for name in names]
    return [f"{name} {_word(new)} instead of {_word(old)}" for name, new, old in values if new != old]


def _word(value: Any) -> str:
    if value is None:
        return "what the labels say"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        words = [":".join(one) if isinstance(one, tuple) else f"{one:g}" for one in value]
        return f"[{', '.join(words)}]"
    return f"{value:g}"


def _augmentation_of(checkpoint: Path) -> AugmentSettings:
    """What a training was done with; what an older one does not say is as usual."""
    said = load_network(checkpoint)[1].get("settings", {}).get("augment", {})
    return msgspec.convert(said, AugmentSettings)
