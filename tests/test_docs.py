"""What the documents name exists: paths, rows and the classes of the protocols."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers.source import ROOT, modules

DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/forecasts.md",
    "docs/laws.md",
]
PATH = re.compile(r"`((?:mutransfer_cli|tests|docs|recipes|examples)/[\w./-]*)`")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_exist(document: str) -> None:
    named = {path for path in PATH.findall((ROOT / document).read_text()) if "NAME" not in path}
    assert {path for path in named if not (ROOT / path).exists()} == set()
    assert document == "README.md" or named


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_exist(document: str) -> None:
    folder = (ROOT / document).parent
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / document).read_text())
    assert {link for link in links if not (folder / link).exists()} == set()


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
