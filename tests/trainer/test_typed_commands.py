"""Commands that are printed can be taken apart again, whatever names folders have."""

import pytest

from trainer.scoring.next_commands import NextCommands
from trainer.scoring.typed_commands import after_each_other, typed, words_of_last

NAMES = ["mice", "x && y", "&&", "it's", "it's && so", "' && '", '" && "', "a\\ && b", "-- $(ls) && #"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("other", NAMES)
def test_the_words_of_the_last_of_several_commands_come_back(name: str, other: str) -> None:
    last = ["fit", "--data", name, "--out", other]
    assert words_of_last(typed(*last)) == ["trainer", *last]
    assert words_of_last(after_each_other([typed("evaluate", other, name), typed("agreement", name), typed(*last)])) == ["trainer", *last]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_said_of_a_command_does_not_go_by_names_in_it(name: str) -> None:
    given = NextCommands(data=(name,), bundle=f"{name}-m", project=name, annotators=("ann", "ben"), anew=True)
    assert given.said_of_weights(given.second_opinion()) == ""
    assert given.said_of_weights(given.longer(2)).startswith(" It begins without the weights of before")
    making = NextCommands(data=(name,), bundle=f"{name}-m", making=True)
    assert making.said_of_project(making.evaluate()).startswith(f" It uses {name}-m-labels, which has these labels")
    assert making.said_of_project(typed("evaluate", "m", "--data", f"{name}-m-labels-2")) == ""
