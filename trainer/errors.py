"""What the trainer refuses. Every message is one plain sentence: where, what was found, what was expected, what to do."""

from pathlib import Path

from tracker.errors import RigtrackError


class LabelError(RigtrackError):
    """Labelled data that must not be trained on: the sentence names file and row."""


class TrainingError(RigtrackError):
    """A training, split or set that cannot be made as asked."""


class DivergedError(TrainingError):
    """A training whose loss or predictions contain NaN or infinity: its settings are at fault, not the machine.

    Args:
        found: what is not a number, and where.
    """

    def __init__(self, found: str) -> None:
        super().__init__(f"{found}; lower the learning rate, or train with --precision 32")
        self.found = found


class TooLargeError(TrainingError):
    """A batch, or the data, that the memory does not hold: the sentence says what to make smaller, and which batch would fit.

    Args:
        found: the sentence.
        option: that makes such a batch smaller; "" where none does.
    """

    def __init__(self, found: str, *, option: str = "") -> None:
        super().__init__(found)
        self.option = option


class ProjectError(LabelError):
    """A labelling project that cannot be opened, written or added to: the sentence names file and key.

    Args:
        found: what is wrong, and what to do.
        file: in which; None where `found` says where.
    """

    def __init__(self, found: str, *, file: Path | None = None) -> None:
        super().__init__(found if file is None else f"{file}: {found}")
        self.found, self.file = found, file

    def seen_from(self, folder: Path) -> str:
        """The sentence for somebody who knows which project it is: its file is named from the project's folder on."""
        if self.file is None or not self.file.is_relative_to(folder):
            return str(self)
        return f"{self.file.relative_to(folder)}: {self.found}"
