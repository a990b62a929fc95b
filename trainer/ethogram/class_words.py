"""What classes are called whose folders have numbers for names: `words.txt` with rows `n01443537<TAB>goldfish, Carassius auratus`."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from tracker.parsing.one_line import escaped, is_one_line
from trainer.errors import LabelError
from trainer.ethogram.read_options import text_of
from trainer.whole_files import replace_files

WORDS_FILE = "words.txt"


def read_class_words(path: Path) -> dict[str, str]:
    """The first synonym of every class by the name of its folder.

    Raises:
        LabelError: a row without both, or a folder named twice with other words.
    """
    found: dict[str, str] = {}
    for line, row in enumerate(text_of(path).splitlines(), 1):
        if not row.strip():
            continue
        folder, tab, synonyms = row.partition("\t")
        first = synonyms.split(",")[0].strip()
        if not (tab and folder.strip() and first):
            raise LabelError(
                f"{path}:{line}: is '{escaped(row[:40])}'; expected a class's folder, a tab, and its names with commas between"
            )
        if not is_one_line(first):
            raise LabelError(f"{path}:{line}: calls a class {first!r:.60}; expected a name of printable characters on one line")
        if found.setdefault(folder.strip(), first) != first:
            raise LabelError(f"{path}:{line}: calls {folder.strip()} {first}, and above {found[folder.strip()]}; leave one of them")
    return found


def class_names_of(folders: Iterable[str], words: Mapping[str, str]) -> dict[str, str]:
    """The name to show of each class, by its folder: its word; with the folder behind it where two classes share one.

    A folder that has no word keeps its own name.
    """
    listed = list(folders)
    shared = Counter(words.get(folder, folder) for folder in listed)
    return {
        folder: f"{words[folder]} ({folder})" if folder in words and shared[words[folder]] > 1 else words.get(folder, folder)
        for folder in listed
    }


def write_class_words(folder: Path, names: Mapping[str, str]) -> None:
    """Put `words.txt` beside a bundle, so that it tells its classes again in other folders of images; nothing where there are no words.

    Raises:
        TrainingError: the folder cannot be written.
    """
    if names:
        text = "".join(f"{each}\t{name}\n" for each, name in names.items())
        replace_files(folder, {WORDS_FILE: text.encode()}, what="the words of the classes")
