"""Every page can be reached, and every link and path in them leads somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DECISIONS = ROOT / "docs" / "decisions"
PAGES = sorted(path for folder in (ROOT, *(ROOT / name for name in ("systemd", "bench/gpu"))) for path in folder.glob("*.md"))
PAGES += sorted((ROOT / "docs").rglob("*.md"))
HERE = [path for path in PAGES if path.name != "CHANGELOG.md" and path.parent != DECISIONS]  # the others speak of earlier times too
STATUS = re.compile(r"in force|in force, changed by \d+(, \d+)*|replaced by \d+")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """The text without code blocks and code within lines."""
    text = re.sub(r"^ *```.*?^ *```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def links(path: Path) -> list[str]:
    """Targets of the links and pictures of a page that lie in the repository."""
    targets = re.findall(r"\]\(([^)\s]+)[^)]*\)", prose(path)) + re.findall(r'(?:src|srcset|href)="([^"]+)"', prose(path))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(path: Path) -> set[str]:
    """Names that a Markdown page's headings can be linked by, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_link_of_a_page_leads_somewhere(path: Path) -> None:
    missing = []
    for target in links(path):
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        if not found.exists() or (anchor and anchor not in anchors(found)):
            missing.append(target)

    assert missing == []


def test_the_index_names_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    named = {(index.parent / target.partition("#")[0]).resolve() for target in links(index)}

    assert [name(path) for path in PAGES if path not in named and path != index and path.parent != DECISIONS] == []
    assert DECISIONS / "README.md" in named


def test_the_readme_leads_to_the_index() -> None:
    assert "docs/index.md" in links(ROOT / "README.md")


def test_every_figure_that_the_readme_begins_with_stands_in_the_benchmarks() -> None:
    (measured,) = re.findall(r"^## Measured$(.*?)^## ", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    known = re.findall(r"\d+\.\d+", (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8"))

    shown = re.findall(r"\d+\.\d+", measured)
    assert len(shown) > 10
    assert [figure for figure in shown if figure not in known] == []


def test_the_index_of_decisions_names_every_record_with_its_title_and_a_status() -> None:
    rows = re.findall(
        r"^\| \[(\d+)\]\(([^)]+)\) \| (.+?) \| (.+?) \|$", (DECISIONS / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    records = sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")

    titles = [re.fullmatch(r"# (\d+)\. (.+)", path.read_text(encoding="utf-8").splitlines()[0]) for path in records]
    expected = [(found[1], path.name, found[2]) for path, found in zip(records, titles, strict=True) if found is not None]

    assert [row[:3] for row in rows] == expected
    assert len(expected) == len(records)
    assert [row[3] for row in rows if not STATUS.fullmatch(row[3])] == []


@pytest.mark.parametrize("path", HERE, ids=name)
def test_every_file_of_the_sources_that_a_page_names_exists(path: Path) -> None:
    named = re.findall(
        r"`((?:tracker|trainer|calib|studies|tests|bench|examples|docs|systemd)/[\w./-]+)`", path.read_text(encoding="utf-8")
    )

    assert [file for file in named if not (ROOT / file).exists()] == []


def test_every_picture_of_the_docs_is_shown_on_a_page() -> None:
    shown = {(path.parent / target).resolve() for path in PAGES for target in links(path)}

    assert [path.name for path in sorted((ROOT / "docs" / "images").iterdir()) if path not in shown] == []
