"""What the documents name exists: paths, rows and the classes of the protocols."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers.pages import DOCUMENTS
from tests.helpers.source import ROOT, modules

NAME_PATHS = {"CONTRIBUTING.md", "docs/architecture.md", "docs/forecasts.md", "docs/laws.md"}
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
PATH = re.compile(r"`((?:mutransfer_cli|tests|docs|recipes|examples)/[\w./-]*)`")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_exist(document: str) -> None:
    named = {path for path in PATH.findall((ROOT / document).read_text()) if "NAME" not in path}
    assert {path for path in named if not (ROOT / path).exists()} == set()
    assert named or document not in NAME_PATHS


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_exist(document: str) -> None:
    folder = (ROOT / document).parent
    links = LINK.findall((ROOT / document).read_text())
    assert {link for link in links if not (folder / link).exists()} == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_anchors_exist(document: str) -> None:
    """As GitHub makes them of headings: lower case, no punctuation, hyphens for spaces."""
    page = ROOT / document
    for link, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
        target = page.parent / link if link else page
        headings = re.findall(r"(?m)^#+ (.+)$", target.read_text())
        made = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
        assert anchor in made, (link, anchor)


def rows_without_a_head(text: str) -> list[str]:
    """Rows of tables that an empty line cuts off their head: a page shows them as text."""
    prose = re.sub(r"(?ms)^ *```.*?^ *```$", "", text)
    tables = re.findall(r"(?m)(?:^ *\|.*(?:\n|\Z))+", prose)
    return [t.splitlines()[0] for t in tables if not re.match(r".*\n[ |:-]+(?:\n|\Z)", t)]


def test_every_row_has_a_head() -> None:
    pages = {document: (ROOT / document).read_text() for document in DOCUMENTS}
    assert {d: rows for d, text in pages.items() if (rows := rows_without_a_head(text))} == {}
    assert rows_without_a_head("| a |\n| --- |\n| 1 |\n\n| 2 |\n") == ["| 2 |"]


def test_every_page_is_listed() -> None:
    index = (ROOT / "docs/README.md").read_text()
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md", "index.md"}
    assert {page for page in pages if f"({page})" not in index} == set()


def test_the_test_of_links_finds_a_wrong_one() -> None:
    assert LINK.findall("see [it](nowhere.md#a) and [that](https://x.org)") == ["nowhere.md"]
    assert not (ROOT / "docs/nowhere.md").exists()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


def test_classes_exist() -> None:
    """Names in code style that look like classes are classes of ours or of the libraries."""
    text = (ROOT / "docs/architecture.md").read_text()
    named = set(re.findall(r"`([A-Z][a-z]+[A-Za-z]*)`", text))
    source = "\n".join(Path(ROOT / "mutransfer_cli").joinpath(p).read_text() for p in _files())
    assert {n for n in named if not re.search(rf"\b(class )?{n}\b", source)} == set()


def _files() -> list[Path]:
    root = ROOT / "mutransfer_cli"
    assert modules()
    return [path.relative_to(root) for path in root.rglob("*.py")]


def test_the_test_of_paths_finds_a_wrong_one() -> None:
    assert PATH.findall("see `mutransfer_cli/nowhere.py`") == ["mutransfer_cli/nowhere.py"]
    assert not (ROOT / "mutransfer_cli/nowhere.py").exists()
