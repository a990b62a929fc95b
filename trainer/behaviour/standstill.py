"""A network that answers the same whatever it is shown: said while it trains, since a loss can fall all the same."""

from collections.abc import Callable

from torch import Tensor

STANDS_STILL = 0.01  # largest standard deviation of any class's probability over the validation frames
PATIENCE = 3  # epochs in a row; the first answers of any network stand still


class Standstill:
    """Looks at the answers of every epoch.

    Args:
        say: told once, and again if it moved in between.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._epochs = say, 0

    def look(self, probabilities: Tensor) -> None:
        """The answers of an epoch, (frames, classes)."""
        moves = float(probabilities.std(dim=0).max()) if len(probabilities) > 1 else 1.0
        self._epochs = self._epochs + 1 if moves < STANDS_STILL else 0
        if self._epochs == PATIENCE:
            self._say(
                f"for {PATIENCE} epochs the network has answered nearly the same to every validation frame (no probability moves by "
                f"more than {moves:.2g}): lower --learning-rate, see with --memorise 64 whether it can learn at all, and check that labels "
                "and videos belong together"
            )
