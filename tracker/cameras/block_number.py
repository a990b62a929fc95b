"""A camera's block ids as frame numbers that never go back. Pure."""

NOT_SUPPORTED = 2**64 - 1  # what pylon reports for a camera without block ids
GIGE_PERIOD = 65535  # GigE Vision 1.x counts 1 … 65535 in 16 bits and skips 0


class BlockNumber:
    """Unwraps 16-bit block ids; 64-bit ones (USB3 Vision, GigE Vision 2) pass through."""

    def __init__(self) -> None:
        self._last_id: int | None = None
        self._number = -1
        self._period = GIGE_PERIOD

    def of(self, block_id: int) -> int:
        """Number the frame with this block id; a gap in ids is the same gap in numbers."""
        if block_id == NOT_SUPPORTED or block_id == self._last_id:
            self._number += 1
        elif self._last_id is None:
            self._number = block_id
        elif block_id < self._last_id:
            if block_id == 0:  # against the standard, this camera counts 0 too
                self._period = GIGE_PERIOD + 1
            self._number += (block_id - self._last_id) % self._period
        else:
            self._number += block_id - self._last_id
        self._last_id = block_id
        return self._number

    def pass_over(self) -> None:
        """Count a damaged frame of a camera that does not count; elsewhere the next block id shows it."""
        if self._last_id == NOT_SUPPORTED:
            self._number += 1
