"""Where engines are kept, and the folders that are refused because somebody else may put native code there."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tracker.engines.engine_folder import EngineFolderError, engine_folder, ready_engine_folder


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"CACHE_DIRECTORY": "/var/cache/rigtrack", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/var/cache/rigtrack/engines"),
        ({"CACHE_DIRECTORY": "/var/cache/a:/var/cache/b"}, "/var/cache/a/engines"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/rigtrack/engines"),
    ],
    ids=["service", "several", "desktop"],
)
def test_engines_are_kept_in_the_folder_of_the_machine(environment: dict[str, str], folder: str) -> None:
    assert engine_folder(environment) == Path(folder)


@pytest.mark.parametrize("environment", [{}, {"XDG_CACHE_HOME": "relative"}, {"CACHE_DIRECTORY": ""}], ids=["none", "relative", "empty"])
def test_without_a_setting_engines_are_kept_in_the_users_cache(environment: dict[str, str]) -> None:
    assert engine_folder(environment) == Path.home() / ".cache" / "rigtrack" / "engines"


def test_the_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = ready_engine_folder({"XDG_CACHE_HOME": str(tmp_path / "cache")})

    assert folder == tmp_path / "cache" / "rigtrack" / "engines"
    assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent)] == [0o700, 0o700]


def given_away(folder: Path) -> None:
    os.chown(folder, 65534, 65534)


def writable_by_the_group(folder: Path) -> None:
    folder.chmod(0o770)


def writable_by_all(folder: Path) -> None:
    folder.chmod(0o707)


def a_file(folder: Path) -> None:
    folder.rmdir()
    folder.touch()


def a_link(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("elsewhere")


@pytest.mark.parametrize("level", ["engines", "rigtrack"])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(
            given_away, "belongs to user 65534", marks=pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a folder away")
        ),
        (writable_by_the_group, "others may write to it"),
        (writable_by_all, "others may write to it"),
    ],
    ids=["owner", "group", "world"],
)
def test_a_folder_that_somebody_else_may_write_to_is_refused(tmp_path: Path, level: str, spoil: Callable[[Path], None], words: str) -> None:
    folder = tmp_path / "rigtrack" / "engines"
    folder.mkdir(parents=True)
    spoil(folder if level == "engines" else folder.parent)

    with pytest.raises(EngineFolderError, match=words):
        ready_engine_folder({"XDG_CACHE_HOME": str(tmp_path)})


@pytest.mark.parametrize(("spoil", "words"), [(a_file, "cannot be made"), (a_link, "is not a folder")], ids=["file", "link"])
def test_what_is_no_folder_of_its_own_is_refused(tmp_path: Path, spoil: Callable[[Path], None], words: str) -> None:
    folder = tmp_path / "rigtrack" / "engines"
    folder.mkdir(parents=True)
    spoil(folder)

    with pytest.raises(EngineFolderError, match=words):
        ready_engine_folder({"XDG_CACHE_HOME": str(tmp_path)})


def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(EngineFolderError, match="engines: cannot be made: "):
        ready_engine_folder({"CACHE_DIRECTORY": str(tmp_path / "file")})
