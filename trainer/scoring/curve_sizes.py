"""On how many frames a learning curve trains where nobody says otherwise."""

SMALLEST = 4  # frames; fewer teach nothing that a curve could use
HALVINGS = 6


def halves_of(count: int) -> list[int]:
    """All frames and halves of them down to a handful, ascending."""
    halves = {round(count / 2**times) for times in range(HALVINGS)}
    return sorted(size for size in halves if size >= min(SMALLEST, count))
