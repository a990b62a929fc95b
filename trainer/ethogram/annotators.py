"""Several people's labels of one video: files VIDEO.ANNOTATOR.bouts.json that lie beside each other."""

from pathlib import Path

from trainer.ethogram.bout_file import ENDING


def files_by_annotator(folder: Path, video: str) -> dict[str, Path]:
    """Every annotator's file of a video, by name; which has no dot, so that no other video's file is taken for one of this."""
    start = f"{video}."
    names = {
        path.name[len(start) : -len(ENDING)]: path
        for path in sorted(folder.glob(f"*{ENDING}"))
        if path.name.startswith(start) and len(path.name) > len(start) + len(ENDING)
    }
    return {name: path for name, path in names.items() if "." not in name}


def annotator_of(path: Path) -> str | None:
    """Whose labels a file says that it holds; None where its name does not."""
    video, _, annotator = path.name.removesuffix(ENDING).rpartition(".")
    return annotator if path.name.endswith(ENDING) and video and annotator else None


def others_beside(path: Path) -> dict[str, Path]:
    """Files of other annotators of the same video, beside one annotator's; empty where the file is named otherwise."""
    own = annotator_of(path)
    if own is None:
        return {}
    found = files_by_annotator(path.parent, path.name.removesuffix(ENDING).rpartition(".")[0])
    return {name: other for name, other in found.items() if name != own}
