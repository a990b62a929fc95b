"""Reading ahead and writing behind: the same items in the same order, errors where they belong, no thread left."""

import threading
from collections.abc import Iterator

import pytest

from trainer.errors import TrainingError
from trainer.videos.overlap import read_ahead, written_behind


def numbers(count: int, *, then: Exception | None = None) -> Iterator[int]:
    yield from range(count)
    if then is not None:
        raise then


def test_items_come_in_their_order() -> None:
    assert list(read_ahead(numbers(100), depth=3)) == list(range(100))


def test_an_error_in_reading_comes_after_the_items_before_it() -> None:
    ahead = read_ahead(numbers(5, then=TrainingError("cut short")))

    assert [next(ahead) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(TrainingError, match="cut short"):
        next(ahead)


def test_a_reader_that_is_left_early_ends_its_thread() -> None:
    ahead = read_ahead(numbers(10_000), depth=2)
    assert next(ahead) == 0

    ahead.close()  # type: ignore[attr-defined]

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


def test_everything_is_written_in_order_by_the_end_of_the_block() -> None:
    written: list[int] = []

    with written_behind(written.append, depth=3) as write:
        for number in range(100):
            write(number)

    assert written == list(range(100))


def test_an_error_in_writing_reaches_the_caller_and_nothing_is_written_after_it() -> None:
    written: list[int] = []

    def until_full(number: int) -> None:
        if number == 5:
            raise TrainingError("the disk is full")
        written.append(number)

    def all_of_them() -> None:
        with written_behind(until_full, depth=2) as write:
            for number in range(1000):
                write(number)

    with pytest.raises(TrainingError, match="the disk is full"):
        all_of_them()
    assert written == [0, 1, 2, 3, 4]


def test_an_error_on_the_last_item_is_not_lost() -> None:
    def never(_: int) -> None:
        raise TrainingError("the disk is full")

    def one() -> None:
        with written_behind(never) as write:
            write(1)

    with pytest.raises(TrainingError, match="the disk is full"):
        one()


def test_an_error_of_the_caller_ends_the_writing_thread() -> None:
    def fail() -> None:
        with written_behind(lambda _: None) as write:
            write(1)
            raise TrainingError("the engine failed")

    with pytest.raises(TrainingError, match="the engine failed"):
        fail()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("write-behind")]
